"""The worker over a real store: what is claimed is handed over once, whatever breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from mail_sender.clock import FakeClock
from mail_sender.delivery.breaker import BreakerState
from mail_sender.delivery.fleet import Fleet
from mail_sender.delivery.quota import QuotaPolicy
from mail_sender.delivery.retry import RetryPolicy
from mail_sender.domain.attempt import OutcomeKind
from mail_sender.domain.errors import StoreUnavailable
from mail_sender.domain.message import Address, Message, OnUnknown
from mail_sender.domain.outcome import Outcome
from mail_sender.domain.status import RecipientStatus, State
from mail_sender.observability.metrics import Metrics
from mail_sender.providers.port import NoEvidence, NotTaken, Taken
from mail_sender.queue.polling import PollingQueue
from mail_sender.store.memory import MemoryStore
from mail_sender.store.port import (
    Change,
    Duplicate,
    Lease,
    NewMessage,
    Pause,
    RecipientChange,
    Record,
    Stored,
)
from mail_sender.worker.hand_over import HandOver, Tools
from mail_sender.worker.journal import Entry, Journal
from mail_sender.worker.settle import settle, settlement
from mail_sender.worker.worker import Watchers, Worker, WorkerPolicy
from tests.delivery.scripted import BAD_KEY, DOWN, SILENT, LookedUp, Scripted, make_fleet
from tests.make import ANN, BOB, NOW, make_attempt, make_message, make_new, make_suppression
from tests.worker.test_journal import entry

MINUTE = timedelta(minutes=1)


class Bench:
    """A worker with everything around it."""

    def __init__(
        self,
        directory: Path,
        *providers: Scripted,
        store: MemoryStore | None = None,
        quota: QuotaPolicy | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.store = store or MemoryStore(self.clock)
        self.fleet: Fleet = make_fleet(self.clock, *providers, quota=quota)
        self.queue = PollingQueue()
        self.watchers = Watchers()
        self.directory = directory
        self.tools = self.tools_of("w1")

    def tools_of(self, owner: str) -> Tools:
        journal = Journal(self.directory, owner)
        journal.open()
        return Tools(
            store=self.store,
            journal=journal,
            fleet=self.fleet,
            clock=self.clock,
            policy=RetryPolicy(first=timedelta(seconds=10)),
            metrics=Metrics(),
            on_concluded=self.watchers.concluded,
        )

    @asynccontextmanager
    async def working(self, owner: str = "w1", **policy: object) -> AsyncIterator[Worker]:
        policy = {"poll_interval": timedelta(seconds=0.01), "alone": True, **policy}
        worker = Worker(self.tools_of(owner), self.queue, WorkerPolicy(owner=owner, **policy))  # type: ignore[arg-type]
        await worker.start()
        try:
            yield worker
        finally:
            await worker.stop(timedelta(seconds=5))

    async def accepted(self, **fields: object) -> Message:
        new = make_new(**fields)  # type: ignore[arg-type]
        await self.store.accept(new)
        self.queue.announce()
        return new.message

    async def until(self, message: Message, state: State) -> Record:
        return await self.when(message, lambda record: record.state is state)

    async def when(self, message: Message, holds: Callable[[Record], bool]) -> Record:
        async with asyncio.timeout(5):
            while True:
                record = await self.store.get(message.id)
                assert record is not None
                if holds(record):
                    return record
                await asyncio.sleep(0.005)


async def test_what_is_due_is_sent_and_the_record_tells_how(tmp_path: Path) -> None:
    """The straight line of a message, from accepted to sent."""
    bench = Bench(tmp_path, Scripted("ses", DOWN), Scripted("mailgun"))
    async with bench.working():
        message = await bench.accepted()
        record = await bench.until(message, State.SENT)
    assert [(a.provider, a.outcome) for a in record.attempts] == [
        ("ses", OutcomeKind.DEFERRED),
        ("mailgun", OutcomeKind.ACCEPTED),
    ]
    assert (record.provider, record.provider_message_id) == ("mailgun", "mailgun-1")


async def test_a_message_that_nobody_took_is_tried_again_later(tmp_path: Path) -> None:
    """An outage of everybody is a delay."""
    ses = Scripted("ses", DOWN)
    bench = Bench(tmp_path, ses)
    async with bench.working():
        message = await bench.accepted()
        await bench.when(message, lambda r: bool(r.attempts) and r.state is State.QUEUED)
        bench.clock.advance(timedelta(seconds=11))
        await bench.until(message, State.SENT)
    assert len(ses.sent) == 2


async def test_a_clean_stop_lets_a_call_end_and_records_it(tmp_path: Path) -> None:
    """SIGTERM in the middle of a call must not make its outcome unknown."""
    ses = Scripted("ses")
    ses.gate = asyncio.Event()
    bench = Bench(tmp_path, ses)
    async with bench.working() as worker:
        message = await bench.accepted()
        await ses.entered.wait()
        stopping = asyncio.create_task(worker.stop(timedelta(seconds=5)))
        await asyncio.sleep(0.02)
        ses.gate.set()
        await stopping
    await bench.until(message, State.SENT)


async def test_a_killed_worker_leaves_unknown_and_nobody_sends_again(tmp_path: Path) -> None:
    """Without evidence the next process may not guess."""
    ses = Scripted("ses")
    ses.gate = asyncio.Event()
    bench = Bench(tmp_path, ses)
    async with bench.working() as worker:
        message = await bench.accepted()
        await ses.entered.wait()
        await kill(worker)
        async with bench.working("w2"):
            record = await bench.until(message, State.UNKNOWN)
            await asyncio.sleep(0.05)
    assert len(ses.sent) == 1
    assert record.attempts[-1].outcome is OutcomeKind.UNKNOWN


async def test_risk_duplicate_goes_on_after_a_kill(tmp_path: Path) -> None:
    """The caller said that twice is better than never."""
    ses = Scripted("ses")
    ses.gate = asyncio.Event()
    bench = Bench(tmp_path, ses)
    async with bench.working() as worker:
        message = await bench.accepted(on_unknown=OnUnknown.RISK_DUPLICATE)
        await ses.entered.wait()
        await kill(worker)
        ses.gate.set()
        async with bench.working("w2"):
            await bench.until(message, State.SENT)


async def test_an_outcome_in_the_journal_is_recorded_by_the_next_process(tmp_path: Path) -> None:
    """Killed between the provider's answer and the store: the mail is sent, not unknown."""

    class Away(MemoryStore):
        away = False

        async def record(self, lease: Lease, change: Change) -> bool:
            if self.away:
                raise StoreUnavailable("disk full")
            return await super().record(lease, change)

    clock = FakeClock()
    store = Away(clock)
    ses = Scripted("ses")
    bench = Bench(tmp_path, ses, store=store)
    bench.clock = clock
    store.away = True
    async with bench.working() as worker:
        message = await bench.accepted()
        await ses.entered.wait()
        await asyncio.sleep(0.1)
        await kill(worker)
    store.away = False
    async with bench.working("w2"):
        record = await bench.until(message, State.SENT)
    assert len(ses.sent) == 1
    assert len(record.attempts) == 1
    assert list(tmp_path.glob("*.jsonl")) == []


async def test_a_replay_never_overwrites_what_is_newer(tmp_path: Path) -> None:
    """Killed while the second provider was called: the first one's "no" must not queue it again."""
    ses, mailgun = Scripted("ses", DOWN), Scripted("mailgun")
    mailgun.gate = asyncio.Event()
    bench = Bench(tmp_path, ses, mailgun)
    async with bench.working() as worker:
        message = await bench.accepted()
        await mailgun.entered.wait()
        await kill(worker)
        await left_in_the_journal(
            tmp_path,
            Entry(
                id=message.id,
                owner="w1",
                fence=1,
                number=1,
                change=Change(state=State.QUEUED, due_at=bench.clock.now()),
            ),
        )
        async with bench.working("w2"):
            record = await bench.until(message, State.UNKNOWN)
            await asyncio.sleep(0.05)
    assert (len(ses.sent), len(mailgun.sent)) == (1, 1)
    assert [(a.provider, a.outcome) for a in record.attempts] == [
        ("ses", OutcomeKind.DEFERRED),
        ("mailgun", OutcomeKind.UNKNOWN),
    ]


async def test_a_store_that_is_away_for_a_moment_delays_the_record_only(tmp_path: Path) -> None:
    """What a provider took stays taken, and is said as soon as it can be."""

    class Flaky(MemoryStore):
        failures = 3

        async def record(self, lease: Lease, change: Change) -> bool:
            if self.failures:
                self.failures -= 1
                raise StoreUnavailable("locked")
            return await super().record(lease, change)

    ses = Scripted("ses")
    clock = FakeClock()
    bench = Bench(tmp_path, ses, store=Flaky(clock))
    async with bench.working():
        message = await bench.accepted()
        await bench.until(message, State.SENT)
    assert len(ses.sent) == 1


async def test_a_begin_that_cannot_be_stored_sends_nothing(tmp_path: Path) -> None:
    """Intent first: a full disk stops sending before it starts."""

    class Full(MemoryStore):
        full = True

        async def begin(self, *args: object, **kwargs: object) -> bool:
            if self.full:
                raise StoreUnavailable("disk full")
            return await super().begin(*args, **kwargs)  # type: ignore[arg-type]

    ses = Scripted("ses")
    clock = FakeClock()
    store = Full(clock)
    bench = Bench(tmp_path, ses, store=store)
    bench.clock = clock
    async with bench.working():
        message = await bench.accepted()
        await asyncio.sleep(0.1)
        assert ses.sent == []
        store.full = False
        clock.advance(MINUTE)
        await bench.until(message, State.SENT)


async def test_the_fault_of_one_message_never_stops_another(tmp_path: Path) -> None:
    """A bug met by one mail is that mail's problem."""
    ses = Scripted("ses", RuntimeError("bug"))
    bench = Bench(tmp_path, ses)
    async with bench.working():
        first = await bench.accepted()
        await bench.until(first, State.UNKNOWN)
        second = await bench.accepted()
        await bench.until(second, State.SENT)


async def test_no_more_than_in_flight_are_handed_over_at_once(tmp_path: Path) -> None:
    """A backlog must not become ten thousand connections."""
    ses = Scripted("ses")
    ses.gate = asyncio.Event()
    bench = Bench(tmp_path, ses)
    async with bench.working(in_flight=3) as worker:
        messages = [await bench.accepted() for _ in range(10)]
        await asyncio.sleep(0.1)
        assert (worker.in_flight, len(ses.sent)) == (3, 3)
        ses.gate.set()
        for message in messages:
            await bench.until(message, State.SENT)


async def test_a_sync_caller_hears_of_the_result(tmp_path: Path) -> None:
    """Accepted by the hand-over itself, in the commit that begins its first call."""
    bench = Bench(tmp_path, Scripted("ses"))
    async with bench.working(claims=False) as worker:
        hand_over = await handed_over(bench, worker)
    assert hand_over.change is not None
    assert (hand_over.change.state, hand_over.recorded) == (State.SENT, True)
    record = await bench.store.get(hand_over.lease.message.id)
    assert record is not None
    assert [(a.number, a.provider) for a in record.attempts] == [(1, "ses")]


async def test_a_sync_message_is_begun_before_the_call_by_one_write(tmp_path: Path) -> None:
    """The fewer commits in a row, the sooner the caller has its answer; none comes too late."""
    states: list[State] = []

    class Watching(Scripted):
        async def send(
            self, message: Message, *, to: frozenset[Address]
        ) -> Mapping[Address, Outcome]:
            record = await bench.store.get(message.id)
            states.append(record.state if record else State.QUEUED)
            return await super().send(message, to=to)

    class Counting(MemoryStore):
        async def begin(self, *args: object, **kwargs: object) -> bool:
            raise AssertionError("a commit of its own")

    clock = FakeClock()
    bench = Bench(tmp_path, Watching("ses"), store=Counting(clock))
    async with bench.working(claims=False) as worker:
        await handed_over(bench, worker)
    assert states == [State.SENDING]


async def test_a_sync_message_fails_over_as_any_other(tmp_path: Path) -> None:
    """Who is passed over before the first call, and who after it, stands in the record."""
    pausing = Pause(provider="paused", reason="", by="cli", at=FakeClock().now())
    bench = Bench(tmp_path, Scripted("paused"), Scripted("ses", DOWN), Scripted("mailgun"))
    await bench.store.pause(pausing)
    async with bench.working(claims=False) as worker:
        hand_over = await handed_over(bench, worker)
    record = await bench.store.get(hand_over.lease.message.id)
    assert record is not None
    assert [(a.number, a.provider, a.outcome) for a in record.attempts] == [
        (1, "paused", OutcomeKind.SKIPPED),
        (2, "ses", OutcomeKind.DEFERRED),
        (3, "mailgun", OutcomeKind.ACCEPTED),
    ]
    assert tuple(hand_over.attempts) == record.attempts


async def test_a_sync_message_that_nobody_may_be_asked_for_is_accepted_and_ends(
    tmp_path: Path,
) -> None:
    """Its caller can still ask by its id why; nothing is sent later."""
    bench = Bench(tmp_path, Scripted("ses", obstacle="too large"))
    async with bench.working(claims=False) as worker:
        hand_over = await handed_over(bench, worker)
    record = await bench.store.get(hand_over.lease.message.id)
    assert record is not None
    assert record.state is State.FAILED
    assert [(a.provider, a.outcome) for a in record.attempts] == [("ses", OutcomeKind.SKIPPED)]


@pytest.mark.parametrize("trouble", [StoreUnavailable("disk full"), RuntimeError("bug")])
async def test_a_sync_message_that_cannot_be_stored_is_not_sent(
    tmp_path: Path, trouble: Exception
) -> None:
    """The caller hears that nothing was accepted; that must be true."""
    ses = Scripted("ses")
    bench = Bench(tmp_path, ses)

    async def fails(_: NewMessage) -> Stored:
        raise trouble

    async with bench.working(claims=False) as worker:
        with pytest.raises(type(trouble)):
            await worker.deliver_now(make_new(), fails, bench.clock.now() + MINUTE)
    assert ses.sent == []


async def test_a_sync_message_that_was_not_accepted_costs_its_provider_nothing(
    tmp_path: Path,
) -> None:
    """Neither its quota nor its only probe are used up by repetitions and full disks."""
    ses = Scripted("ses", BAD_KEY)
    bench = Bench(tmp_path, ses, quota=QuotaPolicy(max_per_second=1, per_day=2))
    member = bench.fleet.members["ses"]

    async def full(_: NewMessage) -> Stored:
        raise StoreUnavailable("disk full")

    async with bench.working(claims=False) as worker:
        first = make_new(idempotency_key="k")
        until = bench.clock.now() + timedelta(hours=1)
        await worker.deliver_now(first, bench.store.accept, until)
        bench.clock.advance(MINUTE)  # the breaker's rest is over: one probe may go
        for _ in range(5):
            again = make_new(idempotency_key="k")
            answer = await worker.deliver_now(again, bench.store.accept, until)
            assert answer == Duplicate(first.message.id, answer.fingerprint)  # type: ignore[union-attr]
            with pytest.raises(StoreUnavailable):
                await worker.deliver_now(make_new(), full, until)
        assert member.breaker.view().state is BreakerState.HALF_OPEN
        assert member.quota.view().used_day == 0
        await worker.deliver_now(make_new(), bench.store.accept, until)
        assert member.breaker.view().state is BreakerState.CLOSED
    assert len(ses.sent) == 2


async def test_a_sync_message_goes_only_to_those_who_are_not_suppressed(tmp_path: Path) -> None:
    """The list is looked at as it is accepted; what was going to be asked is asked anew."""
    ses = Scripted("ses")
    bench = Bench(tmp_path, ses, quota=QuotaPolicy(per_day=2))
    await bench.store.add_suppressions([make_suppression(BOB)])

    async with bench.working(claims=False) as worker:
        new = make_new(to=(ANN, BOB))
        until = bench.clock.now() + MINUTE
        hand_over = await worker.deliver_now(new, bench.store.accept, until)
        only_bob = make_new(to=(BOB,))
        nobody = await worker.deliver_now(only_bob, bench.store.accept, until)

    assert isinstance(hand_over, HandOver)
    assert isinstance(nobody, HandOver)
    assert [to for _, to in ses.sent] == [frozenset({ANN})]
    assert bench.fleet.members["ses"].quota.view().used_day == 1
    record = await bench.store.get(new.message.id)
    assert record is not None
    assert record.state is State.SENT
    assert [each.status for each in record.recipients] == ["sent", "suppressed"]
    assert [each.number for each in record.attempts] == [1]
    ended = await bench.store.get(only_bob.message.id)
    assert ended is not None
    assert ended.state is State.SUPPRESSED


async def test_killed_between_its_commit_and_its_call_a_sync_message_is_unknown(
    tmp_path: Path,
) -> None:
    """The next process cannot know that no byte had left yet."""
    ses = Scripted("ses")
    bench = Bench(tmp_path, ses)
    new = make_new(idempotency_key="k")
    stored = asyncio.Event()

    async def accepts_and_hangs(new: NewMessage) -> Stored | Duplicate:
        kept = await bench.store.accept(new)
        stored.set()
        await asyncio.Event().wait()
        return kept

    async with bench.working() as worker:
        until = bench.clock.now() + MINUTE
        caller = asyncio.create_task(worker.deliver_now(new, accepts_and_hangs, until))
        await stored.wait()
        await kill(worker)
        with pytest.raises(RuntimeError):
            await caller
    async with bench.working("w2") as next_one:
        record = await bench.until(new.message, State.UNKNOWN)
        again = make_new(idempotency_key="k")
        answer = await next_one.deliver_now(again, bench.store.accept, until)
        await asyncio.sleep(0.05)
    assert answer == Duplicate(new.message.id, answer.fingerprint)  # type: ignore[union-attr]
    assert [(a.provider, a.outcome) for a in record.attempts] == [("ses", OutcomeKind.UNKNOWN)]
    assert ses.sent == []


async def test_a_sync_time_out_during_a_call_stays_open_and_asks_nobody_else(
    tmp_path: Path,
) -> None:
    """The caller is told "unknown"; what it is told must stay true."""
    ses, mailgun = Scripted("ses", DOWN), Scripted("mailgun")
    ses.gate = asyncio.Event()
    bench = Bench(tmp_path, ses, mailgun)
    async with bench.working(claims=False) as worker:
        hand_over = await handed_over(bench, worker, timedelta(seconds=0.05))
        assert hand_over.change is None
        bench.clock.advance(MINUTE)
        ses.gate.set()
        record = await bench.until(hand_over.lease.message, State.FAILED)
    assert mailgun.sent == []
    assert record.attempts[-1].provider == "ses"


async def test_a_sync_caller_is_told_nothing_before_the_store_has_answered(
    tmp_path: Path,
) -> None:
    """A slow disk outlasts the caller's time: "accepted or not" is still never guessed."""
    bench = Bench(tmp_path, Scripted("ses"))
    disk = asyncio.Event()

    async def slow(new: NewMessage) -> Stored | Duplicate:
        await disk.wait()
        return await bench.store.accept(new)

    async with bench.working(claims=False) as worker:
        until = bench.clock.now() + timedelta(seconds=0.02)
        caller = asyncio.create_task(worker.deliver_now(make_new(), slow, until))
        await asyncio.sleep(0.1)
        assert not caller.done()
        disk.set()
        assert isinstance(await caller, HandOver)


async def test_a_sync_caller_that_goes_away_does_not_break_the_hand_over(tmp_path: Path) -> None:
    """A closed laptop must not leave a message half sent."""
    ses = Scripted("ses")
    ses.gate = asyncio.Event()
    bench = Bench(tmp_path, ses)
    new = make_new()
    async with bench.working(claims=False) as worker:
        until = bench.clock.now() + MINUTE
        caller = asyncio.create_task(worker.deliver_now(new, bench.store.accept, until))
        await ses.entered.wait()
        caller.cancel()
        ses.gate.set()
        await bench.until(new.message, State.SENT)


@pytest.mark.parametrize(
    ("evidence", "state"),
    [
        (Taken("ses-77", "found it"), State.SENT),
        (NotTaken("30 minutes and nothing"), State.QUEUED),
        (NoEvidence("nothing yet", MINUTE), State.UNKNOWN),
        (NoEvidence("cannot tell", None), State.UNKNOWN),
    ],
)
async def test_only_evidence_settles_an_unknown_outcome(
    tmp_path: Path, evidence: Taken | NotTaken | NoEvidence, state: State
) -> None:
    """Found: sent. Surely absent: tried again. Otherwise it stays what it is."""
    ses = LookedUp("ses", SILENT)
    ses.evidence = evidence
    bench = Bench(tmp_path, ses)
    async with bench.working():
        message = await bench.accepted()
        await bench.until(message, State.UNKNOWN)
    bench.clock.advance(MINUTE)
    await bench.store.heartbeat("w2", MINUTE)
    leases = await bench.store.claim_unknown("w2", limit=10)
    assert len(leases) == 1
    await settle(leases[0], bench.tools_of("w2"))
    record = await bench.store.get(message.id)
    assert record is not None
    assert record.state is state
    events = (await bench.store.events(message_id=message.id)).rows
    assert any(e.data.get("finding") == evidence.said for e in events)


async def test_a_provider_is_asked_for_the_message_that_it_was_given(tmp_path: Path) -> None:
    """One that repeats the call must repeat the same mail: with its own sender, too."""
    resend = LookedUp("resend", SILENT, sender=Address("noreply@mail.example.com"))
    bench = Bench(tmp_path, resend)
    async with bench.working():
        message = await bench.accepted()
        await bench.until(message, State.UNKNOWN)
    bench.clock.advance(MINUTE)
    await bench.store.heartbeat("w2", MINUTE)
    (lease,) = await bench.store.claim_unknown("w2", limit=1)

    await settle(lease, bench.tools_of("w2"))

    assert [resend.asked_for] == [given for given, _ in resend.sent]


async def test_a_journal_outlives_a_sweep_that_came_first(tmp_path: Path) -> None:
    """Another node called it unknown; the owner's own evidence still counts."""
    ses = Scripted("ses")
    bench = Bench(tmp_path, ses)
    message = await bench.accepted()
    await bench.store.heartbeat("dead", MINUTE)
    (lease,) = await bench.store.claim("dead", limit=1)
    assert await bench.store.begin(lease, provider="ses", recipients=lease.pending)
    evidence = entry(number=1, id_=message.id)
    await left_in_the_journal(
        tmp_path, msgspec.structs.replace(evidence, owner="dead", fence=lease.fence)
    )
    bench.clock.advance(2 * MINUTE)
    await bench.store.sweep(timedelta(0))
    await bench.until(message, State.UNKNOWN)
    async with bench.working("w2"):
        await bench.until(message, State.SENT)
    assert ses.sent == []


@pytest.mark.parametrize("evidence", [NoEvidence("cannot tell", None), Taken("1", "found")])
def test_a_recipient_that_waits_does_not_wait_for_what_is_unknown_of_another(
    evidence: Taken | NoEvidence,
) -> None:
    """One of several calls of a large mail was lost; the rest must go on."""
    message = make_message()
    lease = Lease(
        message=message,
        owner="w",
        fence=1,
        pending=message.content.recipients,
        others=(RecipientStatus.QUEUED,),
    )
    change = settlement(lease, evidence, now=FakeClock().now())
    assert (change.state, change.due_at) == (State.QUEUED, FakeClock().now())


async def test_a_provider_that_cannot_be_asked_leaves_it_unknown(tmp_path: Path) -> None:
    """SES has no key and no look-up: only an event or the caller may settle it."""
    bench = Bench(tmp_path, Scripted("ses", SILENT))
    async with bench.working():
        message = await bench.accepted()
        record = await bench.until(message, State.UNKNOWN)
        bench.clock.advance(timedelta(hours=10))
        await asyncio.sleep(0.05)
    assert record.due_at is None
    assert (await bench.until(message, State.UNKNOWN)).state is State.UNKNOWN


async def test_a_message_with_an_unknown_recipient_is_looked_into_after_a_suppression(
    tmp_path: Path,
) -> None:
    """Nobody is asked in that pass; the provider of the one before still knows something."""
    ses = LookedUp("ses")
    bench = Bench(tmp_path, ses)
    message = await bench.accepted(to=(ANN, BOB))
    await bench.store.heartbeat("w0", MINUTE)
    (lease,) = await bench.store.claim("w0", limit=1)
    lost = RecipientChange(status=RecipientStatus.UNKNOWN, provider="ses")
    attempt = make_attempt(OutcomeKind.UNKNOWN)
    change = Change(state=State.QUEUED, due_at=NOW, attempts=(attempt,), recipients={ANN: lost})
    await bench.store.record(lease, change)
    await bench.store.add_suppressions([make_suppression(BOB)])

    async with bench.working():
        record = await bench.until(message, State.UNKNOWN)

    assert ses.sent == []
    assert record.due_at is not None
    assert [each.status for each in record.recipients] == ["unknown", "suppressed"]


async def test_a_due_message_is_begun_with_its_acceptance_while_nothing_waits(
    tmp_path: Path,
) -> None:
    """Two commits instead of four; and the record is what it would have been."""
    ses = Scripted("ses")
    bench = Bench(tmp_path, ses)
    async with bench.working() as worker:
        await caught_up(worker)
        new = make_new()
        assert await worker.accept_and_begin(new, bench.store.accept) == Stored(new.message.id)
        record = await bench.until(new.message, State.SENT)
    assert [(a.provider, a.outcome) for a in record.attempts] == [("ses", OutcomeKind.ACCEPTED)]


async def test_a_message_begun_with_its_acceptance_is_tried_again_later(tmp_path: Path) -> None:
    """Its caller does not wait: an outage is a delay, as for any other async message."""
    bench = Bench(tmp_path, Scripted("ses", DOWN))
    async with bench.working() as worker:
        await caught_up(worker)
        new = make_new()
        await worker.accept_and_begin(new, bench.store.accept)
        await bench.when(new.message, lambda r: bool(r.attempts) and r.state is State.QUEUED)
        bench.clock.advance(timedelta(seconds=11))
        await bench.until(new.message, State.SENT)


async def test_nothing_is_begun_at_once_while_something_waits(tmp_path: Path) -> None:
    """What came first goes first: a new message takes its place behind the others."""
    ses = Scripted("ses")
    ses.gate = asyncio.Event()
    bench = Bench(tmp_path, ses)
    async with bench.working(in_flight=1) as worker:
        await caught_up(worker)
        await worker.accept_and_begin(make_new(), bench.store.accept)
        await ses.entered.wait()
        assert not worker.may_begin_at_once()
        waiting = await bench.accepted()
        ses.gate.set()
        await bench.until(waiting, State.SENT)
        await caught_up(worker)


async def test_a_message_that_cannot_be_stored_is_not_begun(tmp_path: Path) -> None:
    """The caller hears 503, and no provider has heard of it."""

    class Full(MemoryStore):
        async def accept(self, new: NewMessage) -> Stored | Duplicate:
            raise StoreUnavailable("disk full")

    ses = Scripted("ses")
    bench = Bench(tmp_path, ses, store=Full(FakeClock()))
    async with bench.working() as worker:
        await caught_up(worker)
        with pytest.raises(StoreUnavailable):
            await worker.accept_and_begin(make_new(), bench.store.accept)
    assert ses.sent == []


async def caught_up(worker: Worker) -> None:
    """Wait until the worker knows that nothing waits."""
    for _ in range(1000):
        if worker.may_begin_at_once():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never catches up")


async def handed_over(bench: Bench, worker: Worker, within: timedelta = MINUTE) -> HandOver:
    """Hand over a message whose caller waits, which no earlier one has the key of."""
    until = bench.clock.now() + within
    hand_over = await worker.deliver_now(make_new(), bench.store.accept, until)
    assert isinstance(hand_over, HandOver)
    return hand_over


async def left_in_the_journal(directory: Path, outcome: Entry) -> None:
    """Leave an outcome as a process does that was killed before the store had it."""
    journal = Journal(directory, f"{outcome.owner}-killed")
    journal.open()
    assert await journal.kept(journal.enter(outcome))


async def kill(worker: Worker) -> None:
    """End a worker as kill -9 does: nothing of it runs any more."""
    for task in (*worker._loops, *worker._tasks):
        task.cancel()
    await asyncio.gather(*worker._loops, *worker._tasks, return_exceptions=True)
