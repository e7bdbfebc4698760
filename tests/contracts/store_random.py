"""Whatever happens in whatever order: nobody is sent to twice behind the sender's back.

The judge below knows only what a provider would know: which calls were allowed to begin, and
what is surely known of each. It is the promise of the whole product, so that it is tried with
random steps of two workers, one of which may be dead, paused, or late.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from mail_sender.domain.attempt import OutcomeKind
from mail_sender.domain.event import EventType
from mail_sender.domain.message import Address, Message, MessageId, OnUnknown
from mail_sender.domain.status import RecipientStatus, State, state_of
from mail_sender.store.port import Change, Done, Lease, RecipientChange, Store

from ..make import ANN, BOB, make_attempt, make_event
from .store_steps import GRACE, LEASE, A, B, MovableClock, accepted, begun

Whom = tuple[MessageId, Address]


@dataclass
class Judge:
    """What is allowed.

    Attributes:
        in_doubt: Recipients with a call of which nothing definite is known.
        taken: Recipients that a provider surely took.
        risky: Messages whose sender allows a duplicate.
    """

    in_doubt: set[Whom] = field(default_factory=set)
    taken: set[Whom] = field(default_factory=set)
    risky: set[MessageId] = field(default_factory=set)
    begun: int = 0

    def begin(self, id_: MessageId, recipients: tuple[Address, ...]) -> None:
        for whom in ((id_, r) for r in recipients):
            assert whom not in self.taken, f"{whom} was taken before"
            assert whom not in self.in_doubt or id_ in self.risky, f"{whom} is in doubt"
            self.in_doubt.add(whom)
            self.begun += 1

    def learn(self, id_: MessageId, recipient: Address, status: RecipientStatus) -> None:
        if status is not RecipientStatus.UNKNOWN:
            self.in_doubt.discard((id_, recipient))
        if status is RecipientStatus.SENT:
            self.taken.add((id_, recipient))

    def risk(self, id_: MessageId) -> None:
        self.in_doubt = {whom for whom in self.in_doubt if whom[0] != id_}


@dataclass
class Hand:
    """A lease in the hands of a worker that may be late, and the call it is in."""

    lease: Lease
    statuses: dict[Address, RecipientStatus]
    call: tuple[Address, ...] = ()
    may_begin: bool = True

    @property
    def waiting(self) -> tuple[Address, ...]:
        return tuple(a for a, s in self.statuses.items() if s is RecipientStatus.QUEUED)


class RandomContract:
    @pytest.mark.parametrize("seed", range(6))
    async def test_nobody_is_sent_to_twice_behind_the_senders_back(
        self, store: Store, clock: MovableClock, seed: int
    ) -> None:
        """The promise, against 400 random steps of two workers, a sweep and impatient clients."""
        world = World(store, clock, Random(seed))  # noqa: S311 - repeatable, not secret
        for _ in range(400):
            await world.step()
        assert world.judge.begun > 20


class World:
    """Two workers, a sweep and clients around one store."""

    def __init__(self, store: Store, clock: MovableClock, random: Random) -> None:
        self.judge = Judge()
        self._store = store
        self._clock = clock
        self._random = random
        self._hands: list[Hand] = []
        self._ids: list[MessageId] = []

    async def step(self) -> None:
        owner = self._random.choice((A, B))
        steps = (
            (6, self._accept),
            (2, lambda: self._accept_and_begin(owner)),
            (12, lambda: self._claim(owner)),
            (8, lambda: self._store.heartbeat(owner, LEASE)),
            (25, self._begin),
            (25, self._record),
            (6, self._fail_over),
            (8, self._pass_time),
            (5, lambda: self._store.sweep(GRACE)),
            (1, lambda: self._store.expire_other_owners(owner)),
            (4, lambda: self._look_for_evidence(owner)),
            (3, self._retry),
            (2, self._cancel),
        )
        (do,) = self._random.choices([s for _, s in steps], [w for w, _ in steps])
        await do()

    async def _accept(self) -> None:
        self._note(await accepted(self._store, self._clock, **self._fields()))

    async def _accept_and_begin(self, owner: str) -> None:
        lease = await begun(self._store, self._clock, owner=owner, **self._fields())
        self._note(lease.message)
        self.judge.begin(lease.message.id, lease.pending)
        waiting = dict.fromkeys(lease.pending, RecipientStatus.QUEUED)
        self._hands.append(Hand(lease, waiting, call=lease.pending))

    def _fields(self) -> dict[str, Any]:
        risky = self._random.random() < 0.25
        return {
            "to": self._random.choice(([ANN], [ANN, BOB])),
            "on_unknown": OnUnknown.RISK_DUPLICATE if risky else OnUnknown.WAIT,
            "give_up_after": timedelta(hours=self._random.choice((1, 100))),
        }

    def _note(self, message: Message) -> None:
        self._ids.append(message.id)
        if message.on_unknown is OnUnknown.RISK_DUPLICATE:
            self.judge.risky.add(message.id)

    async def _claim(self, owner: str) -> None:
        for lease in await self._store.claim(owner, limit=2):
            waiting = dict.fromkeys(lease.pending, RecipientStatus.QUEUED)
            self._hands.append(Hand(lease, waiting))

    async def _begin(self) -> None:
        hand = self._any(lambda h: h.may_begin and not h.call and bool(h.waiting))
        if hand is None:
            return
        some = hand.waiting[: self._random.choice((1, 2))]
        if await self._store.begin(hand.lease, provider="ses", recipients=some):
            self.judge.begin(hand.lease.message.id, some)
            hand.call = some
        else:
            self._hands.remove(hand)

    async def _record(self) -> None:
        hand = self._any(lambda h: bool(h.call))
        if hand is None:
            return
        learned = self._outcome(hand)
        statuses = {**hand.statuses, **learned}
        state = state_of([*statuses.values(), *hand.lease.others])
        change = self._change(hand, learned, state)
        kept = await self._store.record(hand.lease, change)
        self._after(hand, learned, kept=kept)
        self._hands.remove(hand)

    async def _fail_over(self) -> None:
        hand = self._any(lambda h: bool(h.call))
        if hand is None:
            return
        learned = self._outcome(hand)
        statuses = {**hand.statuses, **learned}
        waiting = tuple(a for a, s in statuses.items() if s is RecipientStatus.QUEUED)
        if not waiting:
            return
        change = self._change(hand, learned, State.SENDING)
        kept = await self._store.record_and_begin(
            hand.lease, change, provider="smtp", recipients=waiting
        )
        self._after(hand, learned, kept=kept)
        if kept:
            self.judge.begin(hand.lease.message.id, waiting)
            hand.statuses, hand.call = statuses, waiting
        else:
            self._hands.remove(hand)

    def _outcome(self, hand: Hand) -> dict[Address, RecipientStatus]:
        choices = (
            RecipientStatus.SENT,
            RecipientStatus.QUEUED,
            RecipientStatus.FAILED,
            RecipientStatus.UNKNOWN,
        )
        learned = {a: self._random.choice(choices) for a in hand.call}
        if hand.lease.message.on_unknown is OnUnknown.RISK_DUPLICATE:
            again = {RecipientStatus.UNKNOWN: RecipientStatus.QUEUED}
            learned = {a: again.get(s, s) for a, s in learned.items()}
        return learned

    def _change(self, hand: Hand, learned: dict[Address, RecipientStatus], state: State) -> Change:
        number = hand.lease.attempts_made + 1
        return Change(
            state=state,
            due_at=self._clock.now(),
            attempts=(make_attempt(OutcomeKind.DEFERRED, number=number),),
            recipients={a: RecipientChange(status=s, provider="ses") for a, s in learned.items()},
        )

    def _after(self, hand: Hand, learned: dict[Address, RecipientStatus], *, kept: bool) -> None:
        for address, status in learned.items() if kept else ():
            self.judge.learn(hand.lease.message.id, address, status)

    async def _look_for_evidence(self, owner: str) -> None:
        for lease in await self._store.claim_unknown(owner, limit=1):
            found = self._random.choice(
                (RecipientStatus.SENT, RecipientStatus.QUEUED, RecipientStatus.UNKNOWN)
            )
            learned = dict.fromkeys(lease.pending, found)
            hand = Hand(lease, learned, may_begin=False)
            state = state_of([*learned.values(), *lease.others])
            kept = await self._store.record(lease, self._change(hand, learned, state))
            self._after(hand, learned, kept=kept)

    async def _pass_time(self) -> None:
        self._clock.advance(timedelta(seconds=self._random.choice((1, 20, 100, 400, 4000, -300))))

    async def _retry(self) -> None:
        if not self._ids:
            return
        id_ = self._random.choice(self._ids)
        risk = self._random.random() < 0.5
        record = await self._store.get(id_)
        event = make_event(EventType.RETRIED, id_)
        result = await self._store.retry(id_, event, risk_duplicate=risk)
        if result.done is Done.YES and record is not None and record.state is State.UNKNOWN:
            assert risk
            self.judge.risk(id_)

    async def _cancel(self) -> None:
        if self._ids:
            id_ = self._random.choice(self._ids)
            await self._store.cancel(id_, make_event(EventType.CANCELLED, id_))

    def _any(self, fits: Callable[[Hand], bool]) -> Hand | None:
        hands = [hand for hand in self._hands if fits(hand)]
        return self._random.choice(hands) if hands else None
