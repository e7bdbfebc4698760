"""What a store promises about what providers tell afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import count, permutations
from typing import Any

import pytest

from mail_sender.clock import Clock
from mail_sender.domain.bounce import Bounce, BounceReason, BounceType
from mail_sender.domain.event import Event, EventType
from mail_sender.domain.feedback import Fact, Feedback
from mail_sender.domain.message import Address, Message
from mail_sender.domain.status import RecipientStatus, State
from mail_sender.domain.suppression import Origin, OriginKind, SuppressionReason
from mail_sender.store.port import (
    Change,
    Fate,
    HookCall,
    Learnt,
    ReadHook,
    RecipientChange,
    Store,
    StoredHook,
)

from ..make import ANN, BOB, CID, make_attempt, make_message
from .store_steps import (
    HOUR,
    A,
    MovableClock,
    accepted,
    as_deferred,
    as_failed,
    as_sent,
    as_unknown,
    claimed,
    died,
    leased,
    seen,
    sending,
    statuses,
)

SECOND = timedelta(seconds=1)
DEAD = Bounce(BounceType.HARD, BounceReason.UNKNOWN_RECIPIENT)
FULL = Bounce(BounceType.SOFT, BounceReason.MAILBOX_FULL)
_numbers = count(1)


def told(fact: Fact, clock: Clock, message: Message | None = None, **fields: Any) -> Feedback:  # noqa: ANN401
    """Return an event of its own about Ann's mail; `message` where it carries our id."""
    return Feedback(
        **{
            "id": f"event-{next(_numbers)}",
            "fact": fact,
            "at": clock.now(),
            "recipients": (ANN,),
            "message_id": message.id if message else None,
            **fields,
        }
    )


async def came(store: Store, body: bytes = b"{}", provider: str = "ses") -> StoredHook:
    """Keep a call of its own, and return it as it waits."""
    call = HookCall(provider=provider, key=f"call-{next(_numbers)}", body=body)
    assert await store.keep_hook(call)
    return (await store.waiting_hooks(1000))[-1]


async def hear(store: Store, *feedback: Feedback, provider: str = "ses") -> Sequence[Learnt]:
    """Let one call say all of it, and learn."""
    hook = await came(store, provider=provider)
    return await store.learn([ReadHook(hook=hook, feedback=feedback)])


async def sent(store: Store, clock: Clock, **fields: Any) -> Message:  # noqa: ANN401
    """Return a message that SES took under the id `ses-1`."""
    message = await accepted(store, clock, **fields)
    lease = await sending(store)
    attempt = make_attempt(provider_message_id="ses-1")
    assert await store.record(lease, as_sent(lease, attempts=(attempt,)))
    return message


async def timeline(store: Store, message: Message) -> list[Event]:
    return list((await store.events(message_id=message.id, limit=200)).rows)


class FeedbackContract:
    # ------------------------------------------------ calls

    async def test_a_call_waits_until_it_is_read(self, store: Store, clock: MovableClock) -> None:
        """The provider heard 200: what it told must survive until somebody reads it."""
        first = HookCall(provider="ses", key="a", body=b'{"x": 1}')
        second = HookCall(provider="mailgun", key="a", body=b"\x00\xff")
        assert await store.keep_hook(first)
        assert await store.keep_hook(second)

        waiting = await store.waiting_hooks(10)

        assert [it.call for it in waiting] == [first, second]
        assert all(abs(it.received_at - clock.now()) < HOUR for it in waiting)
        assert [it.call for it in await store.waiting_hooks(1)] == [first]

        await store.learn([ReadHook(hook=waiting[0], feedback=())])
        assert [it.call for it in await store.waiting_hooks(10)] == [second]

    async def test_a_repeated_call_is_kept_once(self, store: Store, clock: MovableClock) -> None:
        """A provider repeats what it heard no answer to; and nobody can replay an old call."""
        call = HookCall(provider="ses", key="a", body=b"1")
        assert await store.keep_hook(call)
        assert not await store.keep_hook(call)

        (hook,) = await store.waiting_hooks(10)
        await store.learn([ReadHook(hook=hook, feedback=())])

        assert not await store.keep_hook(call)
        assert await store.waiting_hooks(10) == []

    async def test_a_call_that_nobody_understands_does_not_block_the_others(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A provider changes its format: that is one bad call, and not the end of all events."""
        bad, good = await came(store), await came(store)

        await store.learn([ReadHook(hook=bad, feedback=(), readable=False)])

        assert await store.waiting_hooks(10) == [good]

    async def test_a_large_call_is_learnt_in_parts(self, store: Store, clock: MovableClock) -> None:
        """Killed between two parts, it is read again from its beginning."""
        message = await sent(store, clock)
        hook = await came(store)
        first, second = (told(Fact.OPENED, clock, message) for _ in range(2))

        await store.learn([ReadHook(hook=hook, feedback=(first,), goes_on=True)])
        assert await store.waiting_hooks(10) == [hook]
        learnt = await store.learn([ReadHook(hook=hook, feedback=(first, second))])

        assert [it.fate for it in learnt] == [Fate.KNOWN, Fate.ATTACHED]
        assert await store.waiting_hooks(10) == []

    async def test_a_call_that_another_process_learnt_says_nothing_new(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Two nodes may read the same call at the same time."""
        message = await sent(store, clock)
        hook = await came(store)
        read = [ReadHook(hook=hook, feedback=(told(Fact.OPENED, clock, message),))]

        assert len(await store.learn(read)) == 1
        assert await store.learn(read) == []

    # ------------------------------------------------ recipients

    @pytest.mark.parametrize(
        ("fact", "status", "event"),
        [
            (Fact.DELIVERED, RecipientStatus.DELIVERED, EventType.DELIVERED),
            (Fact.DEFERRED, RecipientStatus.DEFERRED, EventType.DELAYED),
            (Fact.BOUNCED, RecipientStatus.BOUNCED, EventType.BOUNCED),
            (Fact.REJECTED, RecipientStatus.BOUNCED, EventType.REJECTED),
            (Fact.FAILED, RecipientStatus.BOUNCED, EventType.REJECTED),
            (Fact.COMPLAINED, RecipientStatus.COMPLAINED, EventType.COMPLAINED),
            (Fact.OPENED, RecipientStatus.SENT, EventType.OPENED),
            (Fact.CLICKED, RecipientStatus.SENT, EventType.CLICKED),
            (Fact.UNSUBSCRIBED, RecipientStatus.SENT, EventType.UNSUBSCRIBED),
        ],
    )
    async def test_an_event_tells_what_became_of_a_recipient(
        self,
        store: Store,
        clock: MovableClock,
        fact: Fact,
        status: RecipientStatus,
        event: EventType,
    ) -> None:
        """And the timeline has it, with the server's own words."""
        message = await sent(store, clock, to=[ANN, BOB])
        feedback = told(
            fact, clock, message,
            code=550, enhanced_code="5.2.2", detail="full", bounce=FULL, facts={"ip": "192.0.2.1"},
        )  # fmt: skip

        (learnt,) = await hear(store, feedback)

        record = await seen(store, message)
        assert (learnt.fate, learnt.message_id, learnt.state) == (
            Fate.ATTACHED, message.id, None,
        )  # fmt: skip
        assert record.state is State.SENT
        assert statuses(record) == {ANN: status, BOB: RecipientStatus.SENT}
        last = (await timeline(store, message))[-1]
        assert (last.type, last.data) == (
            event,
            {
                "provider": "ses",
                "recipient": ANN,
                "bounce_type": "soft",
                "reason": "mailbox_full",
                "code": 550,
                "enhanced_code": "5.2.2",
                "detail": "full",
                "provider_event_id": feedback.id,
                "ip": "192.0.2.1",
            },
        )
        ann = record.recipients[0]
        if status is not RecipientStatus.SENT:
            assert (ann.provider, ann.code, ann.enhanced_code, ann.detail) == (
                "ses", 550, "5.2.2", "full",
            )  # fmt: skip

    @pytest.mark.parametrize(
        "order", [*permutations((Fact.DEFERRED, Fact.DELIVERED, Fact.BOUNCED, Fact.ACCEPTED))]
    )
    async def test_order_and_repetition_do_not_matter(
        self, store: Store, clock: MovableClock, order: tuple[Fact, ...]
    ) -> None:
        """Providers tell late, twice and in disorder: the same events end in the same status."""
        message = await sent(store, clock)
        events = [told(fact, clock, message) for fact in order]

        for event in [*events, *events]:
            await hear(store, event)

        assert statuses(await seen(store, message)) == {ANN: RecipientStatus.BOUNCED}
        about_it = [e.data.get("provider_event_id") for e in await timeline(store, message)]
        assert len([e for e in about_it if e]) == 3

    async def test_what_was_told_once_is_known_however_it_comes_again(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Within one call, in another one, and from a provider of another name it is another."""
        message = await sent(store, clock)
        event = told(Fact.CLICKED, clock, message)

        first = await hear(store, event, event)
        second = await hear(store, event)
        other = await hear(store, event, provider="ses-2")

        fates = [it.fate for it in (*first, *second, *other)]
        assert fates == [Fate.ATTACHED, Fate.KNOWN, Fate.KNOWN, Fate.ATTACHED]

    async def test_an_address_is_known_in_whatever_way_it_is_written(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Providers make letters small and domains ASCII."""
        idn = Address("Ann@bücher.example")
        message = await sent(store, clock, to=[idn, BOB])
        event = told(Fact.DELIVERED, clock, message, recipients=("ann@XN--bcher-kva.example",))

        await hear(store, event)

        assert statuses(await seen(store, message))[idn] is RecipientStatus.DELIVERED

    async def test_an_event_without_a_name_is_about_the_only_recipient(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Of several, nobody knows which one: the timeline has it, and nobody's status changes."""
        one = await sent(store, clock)
        await hear(store, told(Fact.DELIVERED, clock, one, recipients=()))
        two = await sent(store, clock, to=[ANN, BOB])
        await hear(store, told(Fact.DELIVERED, clock, two, recipients=()))

        assert statuses(await seen(store, one)) == {ANN: RecipientStatus.DELIVERED}
        assert set(statuses(await seen(store, two)).values()) == {RecipientStatus.SENT}
        assert (await timeline(store, one))[-1].data["recipient"] == ANN
        assert "recipient" not in (await timeline(store, two))[-1].data

    async def test_an_event_about_a_strange_address_proves_nothing_of_the_others(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Ann forwards her mail, and it bounces there: she got it, and is no dead address."""
        message = await sent(store, clock)

        await hear(store, told(Fact.BOUNCED, clock, message, recipients=(CID,), bounce=DEAD))

        assert statuses(await seen(store, message)) == {ANN: RecipientStatus.SENT}
        assert (await timeline(store, message))[-1].data["recipient"] == CID
        assert await store.suppressed_among([ANN, CID]) == {}

    async def test_an_event_from_the_future_happened_now(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A provider's clock is its own."""
        message = await sent(store, clock)

        await hear(store, told(Fact.OPENED, clock, message, at=clock.now() + 100 * HOUR))

        assert (await timeline(store, message))[-1].at < clock.now() + HOUR

    # ------------------------------------------------ what nobody knew

    @pytest.mark.parametrize("fact", [Fact.ACCEPTED, Fact.DELIVERED, Fact.BOUNCED])
    async def test_an_event_settles_what_was_unknown(
        self, store: Store, clock: MovableClock, fact: Fact
    ) -> None:
        """The provider tells of it, so it has it: nobody may send it again."""
        message = await accepted(store, clock)
        lease = await sending(store)
        assert await store.record(lease, as_unknown(lease, None))

        (learnt,) = await hear(
            store, told(fact, clock, message, provider_message_id="ses-7", bounce=FULL)
        )

        record = await seen(store, message)
        assert (learnt.state, record.state) == (State.SENT, State.SENT)
        assert (record.provider, record.provider_message_id) == ("ses", "ses-7")
        types = [event.type for event in await timeline(store, message)]
        assert types.count(EventType.SENT) == 1
        evidence = next(e for e in await timeline(store, message) if e.type is EventType.SENT)
        assert evidence.data["evidence"] == f"ses told that it was {fact}"
        assert await store.accepted_recipients("ses", clock.now() - HOUR) == 1
        assert not await store.record(lease, as_unknown(lease, None)), "it is settled"

    async def test_an_event_settles_only_those_whom_it_is_about(
        self, store: Store, clock: MovableClock
    ) -> None:
        """An answer that was lost may have refused one of two recipients."""
        message = await accepted(store, clock, to=[ANN, BOB])
        lease = await sending(store)
        await store.record(lease, as_unknown(lease, None))

        await hear(store, told(Fact.DELIVERED, clock, message))
        half = await seen(store, message)
        await hear(store, told(Fact.ACCEPTED, clock, message, recipients=(BOB,)))
        whole = await seen(store, message)

        assert (half.state, statuses(half)) == (
            State.UNKNOWN,
            {ANN: RecipientStatus.DELIVERED, BOB: RecipientStatus.UNKNOWN},
        )
        assert (whole.state, statuses(whole)[BOB]) == (State.SENT, RecipientStatus.SENT)

    async def test_whoever_the_provider_has_it_for_is_sent_to(
        self, store: Store, clock: MovableClock
    ) -> None:
        """SES tells of one recipient and names all whom its call was for."""
        message = await accepted(store, clock, to=[ANN, BOB, CID])
        lease = await sending(store)
        await store.record(lease, as_unknown(lease, None))

        await hear(store, told(Fact.DELIVERED, clock, message, sent_to=(ANN, BOB)))

        assert statuses(await seen(store, message)) == {
            ANN: RecipientStatus.DELIVERED,
            BOB: RecipientStatus.SENT,
            CID: RecipientStatus.UNKNOWN,
        }

    async def test_evidence_that_comes_while_somebody_looks_for_it_wins(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A look-up says "not there" a moment after the event said "delivered"."""
        message = await accepted(store, clock)
        lease = await sending(store)
        await store.record(lease, as_unknown(lease, clock.now()))
        (looking,) = await store.claim_unknown(A, limit=1)

        await hear(store, told(Fact.DELIVERED, clock, message))

        assert not await store.record(looking, as_deferred(looking, clock.now()))
        assert await claimed(store) == []

    async def test_an_event_before_the_answer_is_kept(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A fast provider tells of the delivery while its own answer is on the way."""
        message = await accepted(store, clock)
        lease = await sending(store)

        (learnt,) = await hear(store, told(Fact.DELIVERED, clock, message))
        before = await seen(store, message)
        assert await store.record(lease, as_sent(lease))

        after = await seen(store, message)
        assert (learnt.state, before.state, after.state) == (None, State.SENDING, State.SENT)
        assert statuses(before) == statuses(after) == {ANN: RecipientStatus.DELIVERED}

    async def test_an_event_before_a_lost_answer_leaves_no_doubt(
        self, store: Store, clock: MovableClock
    ) -> None:
        """The line breaks after the provider told that it delivered: that is not unknown."""
        message = await accepted(store, clock)
        lease = await sending(store)
        await hear(store, told(Fact.DELIVERED, clock, message))

        assert await store.record(lease, as_unknown(lease, None))

        record = await seen(store, message)
        assert (record.state, record.due_at) == (State.SENT, None)
        assert statuses(record) == {ANN: RecipientStatus.DELIVERED}
        assert await store.purge(finished_before=clock.now() + HOUR, limit=5) == 1

    async def test_an_event_before_the_death_of_the_caller_leaves_no_doubt(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Killed in the call, but the provider has told."""
        message = await accepted(store, clock)
        await sending(store)
        await hear(store, told(Fact.ACCEPTED, clock, message))

        await died(store, clock)

        assert (await seen(store, message)).state is State.SENT

    async def test_what_is_waiting_for_a_retry_is_not_sent_again(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A "no" that was none: the provider tells that it delivered."""
        message = await accepted(store, clock, to=[ANN, BOB])
        lease = await sending(store)
        later = clock.now() + HOUR
        await store.record(lease, as_deferred(lease, later))

        await hear(store, told(Fact.DELIVERED, clock, message))
        half = await seen(store, message)
        await hear(store, told(Fact.DELIVERED, clock, message, recipients=(BOB,)))

        assert (half.state, half.due_at) == (State.QUEUED, later)
        assert (await seen(store, message)).state is State.SENT
        clock.advance(2 * HOUR)
        assert await claimed(store) == []

    async def test_whoever_holds_it_loses_it_when_it_turns_out_to_be_sent(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A claimed message whose recipient has it must not be begun."""
        message = await accepted(store, clock, to=[ANN, BOB])
        lease = await sending(store)
        await store.record(lease, as_deferred(lease, clock.now()))
        held = await leased(store)

        await hear(store, told(Fact.DELIVERED, clock, message))

        assert not await store.begin(held, provider="ses", recipients=held.pending)
        again = await leased(store)
        assert again.pending == (BOB,)

    async def test_a_holder_is_left_alone_when_nothing_of_its_own_is_told(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Bob still waits while Ann's provider tells of her mail."""
        message = await accepted(store, clock, to=[ANN, BOB])
        lease = await sending(store)
        change = as_deferred(lease, clock.now())
        taken = {**change.recipients, ANN: _sent()}
        await store.record(lease, Change(state=State.QUEUED, recipients=taken, due_at=clock.now()))
        held = await leased(store)

        await hear(store, told(Fact.DELIVERED, clock, message))

        assert await store.begin(held, provider="ses", recipients=held.pending)

    async def test_a_failed_message_that_a_provider_has_was_sent(
        self, store: Store, clock: MovableClock
    ) -> None:
        """What is true is told, also when it was thought otherwise."""
        message = await accepted(store, clock)
        lease = await sending(store)
        await store.record(lease, as_failed(lease))

        await hear(store, told(Fact.DELIVERED, clock, message))

        record = await seen(store, message)
        assert (record.state, statuses(record)[ANN]) == (State.SENT, RecipientStatus.DELIVERED)

    # ------------------------------------------------ whose event it is

    async def test_the_providers_own_id_finds_the_message(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Where our id does not travel; but never at a provider of another name."""
        message = await sent(store, clock)
        named = told(Fact.DELIVERED, clock, provider_message_id="ses-1")

        (strange,) = await hear(store, named, provider="ses-2")
        (found,) = await hear(store, named)

        assert strange.fate is Fate.WAITING
        assert (found.fate, found.message_id) == (Fate.ATTACHED, message.id)

    async def test_an_event_waits_for_the_answer_that_makes_its_message_known(
        self, store: Store, clock: MovableClock
    ) -> None:
        """The event overtook the answer that says under which id the provider has it."""
        message = await accepted(store, clock)
        lease = await sending(store)
        (early,) = await hear(store, told(Fact.DELIVERED, clock, provider_message_id="ses-1"))
        clock.advance(2 * SECOND)
        assert await store.attach_waiting(10) == []
        attempt = make_attempt(provider_message_id="ses-1")
        await store.record(lease, as_sent(lease, attempts=(attempt,)))
        clock.advance(10 * SECOND)

        (late,) = await store.attach_waiting(10)

        assert (early.fate, late.fate) == (Fate.WAITING, Fate.ATTACHED)
        assert statuses(await seen(store, message)) == {ANN: RecipientStatus.DELIVERED}
        clock.advance(HOUR)
        assert await store.attach_waiting(10) == []

    async def test_an_event_that_is_nobodys_is_given_up_after_an_hour(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Another program sends through the same account. Its bounces are none of ours."""
        await hear(store, told(Fact.BOUNCED, clock, provider_message_id="other", bounce=DEAD))

        found: list[Learnt] = []
        for _ in range(20):
            clock.advance(timedelta(minutes=4))
            found += await store.attach_waiting(10)

        assert [it.fate for it in found] == [Fate.STRANGE]
        assert await store.suppressed_among([ANN]) == {}

    async def test_an_event_without_any_id_is_nobodys(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Nothing can make its message known."""
        (learnt,) = await hear(store, told(Fact.DELIVERED, clock))

        assert learnt.fate is Fate.STRANGE

    # ------------------------------------------------ suppressions

    @pytest.mark.parametrize(
        ("fact", "bounce", "reason"),
        [
            (Fact.BOUNCED, DEAD, SuppressionReason.HARD_BOUNCE),
            (Fact.COMPLAINED, None, SuppressionReason.COMPLAINT),
            (Fact.UNSUBSCRIBED, None, SuppressionReason.UNSUBSCRIBE),
            (Fact.BOUNCED, FULL, None),
            (Fact.BOUNCED, Bounce(BounceType.HARD, BounceReason.BAD_DOMAIN), None),
            (Fact.REJECTED, DEAD, None),
            (Fact.DEFERRED, DEAD, None),
            (Fact.OPENED, None, None),
        ],
    )
    async def test_who_gets_no_more_mail(
        self,
        store: Store,
        clock: MovableClock,
        fact: Fact,
        bounce: Bounce | None,
        reason: SuppressionReason | None,
    ) -> None:
        """Dead addresses and those who said no, at every provider; nobody else."""
        message = await sent(store, clock, to=[ANN, BOB])
        event = told(
            fact,
            clock,
            message,
            bounce=bounce,
            detail="550 5.1.1\nno such user",
            sent_to=(ANN, BOB),
        )

        (learnt,) = await hear(store, event)

        entry = await store.suppression(ANN)
        assert learnt.suppressed == ((ANN,) if reason else ())
        assert await store.suppression(BOB) is None
        if reason is None:
            assert entry is None
        else:
            assert entry is not None
            assert (entry.reason, entry.note) == (reason, "550 5.1.1 no such user")
            assert entry.origin == Origin(OriginKind.PROVIDER, "ses")

    async def test_a_complaint_counts_when_its_message_is_gone(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Some people look through their mail a month later; messages are deleted by then."""
        gone = make_message()
        valid, nonsense = ANN, "ann at example"

        (learnt,) = await hear(
            store, told(Fact.COMPLAINED, clock, gone, recipients=(valid, nonsense))
        )

        assert (learnt.fate, learnt.suppressed) == (Fate.STRANGE, (ANN,))
        assert await store.suppressed_among([ANN]) == {ANN: SuppressionReason.COMPLAINT}

    # ------------------------------------------------ housekeeping

    async def test_calls_and_events_are_remembered_for_a_week(
        self, store: Store, clock: MovableClock
    ) -> None:
        """No provider repeats for longer, and a list of everything ever told would only grow."""
        message = await sent(store, clock)
        call = HookCall(provider="ses", key="a", body=b"{}")
        event = told(Fact.OPENED, clock, message)
        await store.keep_hook(call)
        (hook,) = await store.waiting_hooks(1)
        await store.learn([ReadHook(hook=hook, feedback=(event,))])

        clock.advance(timedelta(days=6))
        await store.purge(finished_before=clock.now() - 1000 * HOUR, limit=10)
        assert not await store.keep_hook(call)
        assert (await hear(store, event))[0].fate is Fate.KNOWN

        clock.advance(timedelta(days=2))
        await store.purge(finished_before=clock.now() - 1000 * HOUR, limit=10)
        assert await store.keep_hook(call)
        assert (await hear(store, event))[0].fate is Fate.ATTACHED

    async def test_a_call_that_nobody_read_is_never_forgotten(
        self, store: Store, clock: MovableClock
    ) -> None:
        """The worker may have been away for longer than that."""
        hook = await came(store)
        clock.advance(timedelta(days=30))

        await store.purge(finished_before=clock.now(), limit=10)

        assert await store.waiting_hooks(10) == [hook]

    async def test_many_are_learnt_at_once(self, store: Store, clock: MovableClock) -> None:
        """In the order in which they came, also when they are about one message."""
        messages = [await sent(store, clock) for _ in range(5)]
        facts = (Fact.OPENED, Fact.DELIVERED, Fact.DEFERRED, Fact.COMPLAINED)
        events = [told(fact, clock, m) for fact in facts for m in messages]

        learnt = await hear(store, *events)

        assert [it.feedback for it in learnt] == events
        for message in messages:
            assert statuses(await seen(store, message)) == {ANN: RecipientStatus.COMPLAINED}
            types = [event.type for event in await timeline(store, message)]
            assert types[-4:] == [
                EventType.OPENED,
                EventType.DELIVERED,
                EventType.DELAYED,
                EventType.COMPLAINED,
            ]


def _sent() -> RecipientChange:
    return RecipientChange(status=RecipientStatus.SENT, provider="ses")
