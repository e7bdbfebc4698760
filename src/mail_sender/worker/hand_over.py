"""One leased message: walk over its providers, and make everything durable on the way.

Neighbours: `loops` gives the leases; `delivery` decides; the store and the journal remember.
The order is the promise: intent in the store, call, outcome in the journal, outcome in the
store. A store that is away after a call does not change what happened: the outcome waits in
memory and in the journal until it can be recorded.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..clock import Clock
from ..delivery.conclusion import Circumstances, changes_of, conclude
from ..delivery.failover import Lost, Pass, Walk
from ..delivery.fleet import Fleet
from ..delivery.retry import RetryPolicy
from ..delivery.router import Step, plan
from ..domain.attempt import Attempt, OutcomeKind
from ..domain.errors import StoreUnavailable
from ..domain.message import Address, Message
from ..domain.status import State
from ..observability import maillog
from ..observability.metrics import Metrics
from ..store.port import Call, Change, Lease, Store
from .arrival import Arrival, NotAccepted, SomeSuppressed
from .journal import Entry, Journal, Note

_STORE_AWAY = (0.05, 0.2, 0.5, 1.0, 2.0, 5.0)  #: seconds between tries to record an outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What every hand-over of this process works with."""

    store: Store
    journal: Journal
    fleet: Fleet
    clock: Clock
    policy: RetryPolicy
    metrics: Metrics
    on_concluded: Callable[[Message, Change], None]


class HandOver:
    """One message on its way to a provider.

    Attributes:
        change: What the pass brought, once it is known.
        recorded: Whether the store has it.
        attempts: Every attempt of the pass so far.
    """

    def __init__(self, lease: Lease, tools: Tools, *, arrival: Arrival | None = None) -> None:
        """Get ready. With an `arrival` its caller waits, and it is not in the store yet."""
        self.lease = lease
        self.change: Change | None = None
        self.recorded = False
        self.attempts: list[Attempt] = []
        self._tools = tools
        self._caller_waits = arrival is not None
        self._arrival = arrival
        self._note: Note | None = None
        self._noted: tuple[int, Change] | None = None
        self._steps: tuple[Step, ...] = plan(
            lease.message, tools.fleet.routes, tools.fleet.providers
        )
        self._walk = self._new_walk()

    @property
    def is_calling(self) -> bool:
        """Whether a provider may be taking the message right now."""
        return self._walk.is_calling

    async def run(self, may_go_on: Callable[[], bool]) -> None:
        """Hand the message over, as far as that goes in one pass, and record it."""
        try:
            await self._pass(may_go_on)
        except NotAccepted:
            return
        except Lost:
            self._lost()
            return
        except StoreUnavailable as error:
            self._tools.metrics.store_errors.inc()
            maillog.trouble("begin", str(error), message_id=self.lease.message.id)
        self.change = self._final()
        await self._record(self.change)

    async def _pass(self, may_go_on: Callable[[], bool]) -> None:
        arrival = self._arrival
        try:
            await self._walk.run(may_go_on)
            await self._enter(self._walk.done, None)
        except SomeSuppressed:
            if arrival is None:
                raise
            self.lease = arrival.lease
            self.attempts.clear()
            self._walk = self._new_walk()
            await self._walk.run(may_go_on)

    def _new_walk(self) -> Walk:
        tools = self._tools
        return Walk(
            self.lease,
            self._steps,
            fleet=tools.fleet,
            ledger=self,
            clock=tools.clock,
            observer=_Observer(tools.metrics, self.attempts),
        )

    # ------------------------------------------------ the ledger of the walk

    async def begin(self, done: Pass, provider: str, recipients: Sequence[Address]) -> bool:
        """See `delivery.failover.Ledger`."""
        store, lease = self._tools.store, self.lease
        if self._arrival is not None:
            await self._enter(done, Call(provider=provider, recipients=tuple(recipients)))
            return True
        if not done.attempts:
            return await store.begin(lease, provider=provider, recipients=recipients)
        so_far = Change(
            state=State.SENDING,
            attempts=tuple(done.attempts),
            recipients=changes_of(done, lease.message.on_unknown),
        )
        kept = await store.record_and_begin(lease, so_far, provider=provider, recipients=recipients)
        if kept:
            done.attempts.clear()
            self._confirm()
        return kept

    def note(self, done: Pass) -> None:
        """See `delivery.failover.Ledger`."""
        change = self._conclusion(done)
        self._noted = done.numbered, change
        before, self._note = self._note, None
        self._note = self._tools.journal.enter(
            Entry(
                id=self.lease.message.id,
                owner=self.lease.owner,
                fence=self.lease.fence,
                number=done.numbered,
                change=change,
            )
        )
        if before is not None:
            self._tools.journal.settle(before)

    async def _enter(self, done: Pass, call: Call | None) -> None:
        """Store a message that is not in the store yet."""
        arrival, self._arrival = self._arrival, None
        if arrival is not None:
            await arrival.enter(done, call)

    # ------------------------------------------------ the end of the pass

    def _final(self) -> Change:
        """Return what the pass means; when nothing came after the last note, that says it."""
        done = self._walk.done
        if self._noted is not None and self._noted[0] == done.numbered:
            return self._noted[1]
        return self._conclusion(done)

    def _conclusion(self, done: Pass) -> Change:
        lease, fleet = self.lease, self._tools.fleet
        names = tuple([step.provider for step in self._steps])
        last = fleet.members.get(done.last_asked or lease.last_provider or "")
        earliest = None
        if not done.is_taken:
            open_to_it = tuple([name for name in names if name not in done.never])
            earliest = fleet.earliest(open_to_it, lease.message, len(lease.pending))
        return conclude(
            lease,
            done,
            Circumstances(
                now=self._tools.clock.now(),
                policy=self._tools.policy,
                chance=random.random(),  # noqa: S311 - jitter, not a secret
                route=names,
                earliest=earliest,
                caller_waits=self._caller_waits,
                looks_up=last is not None and last.looks_up,
                others=lease.others,
            ),
        )

    async def _record(self, change: Change) -> None:
        """Record until the store takes it; a process that stops leaves it to the journal."""
        tries = 0
        while True:
            try:
                kept = await self._tools.store.record(self.lease, change)
            except StoreUnavailable as error:
                self._tools.metrics.store_errors.inc()
                maillog.trouble("record", str(error), message_id=self.lease.message.id)
                if self._note is not None:
                    await self._tools.journal.kept(self._note)
                await asyncio.sleep(_STORE_AWAY[min(tries, len(_STORE_AWAY) - 1)])
                tries += 1
                continue
            break
        self._confirm()
        if not kept:
            self._lost()
            return
        self.recorded = True
        for recipient, reason in self.lease.suppressed.items():
            maillog.suppressed(self.lease.message, recipient, reason)
            self._tools.metrics.suppressed.labels(reason).inc()
        self._tools.on_concluded(self.lease.message, change)

    def _confirm(self) -> None:
        note, self._note = self._note, None
        if note is not None:
            self._tools.journal.settle(note)

    def _lost(self) -> None:
        maillog.lost(self.lease.message.id, self.lease.fence)


class _Observer:
    def __init__(self, metrics: Metrics, attempts: list[Attempt]) -> None:
        self._metrics = metrics
        self._attempts = attempts

    def attempt(self, message: Message, attempt: Attempt) -> None:
        self._attempts.append(attempt)
        maillog.attempt(message, attempt)
        self._metrics.attempt(message, attempt)

    def failover(self, message: Message, fault: Attempt, taken: Attempt) -> None:
        maillog.failover(message, fault, taken)

    def bug(self, message: Message, provider: str, error: Exception) -> None:
        maillog.bug("provider", error, message_id=message.id, provider=provider)


async def replay(journal: Journal, store: Store) -> int:
    """Record what processes that ended had learnt and could not record any more.

    Returns how many outcomes were recorded. Files whose outcomes are all in the store are
    deleted. Raises `StoreUnavailable`, and then everything is still there.
    """
    count = 0
    for path, entries in journal.left_behind():
        for entry in entries:
            count += await _replay_one(entry, store)
        path.unlink(missing_ok=True)
    return count


async def _replay_one(entry: Entry, store: Store) -> bool:
    record = await store.get(entry.id)
    if record is None or any(_says_more(made, entry) for made in record.attempts):
        return False
    lease = Lease(message=record.message, owner=entry.owner, fence=entry.fence, pending=())
    return await store.record(lease, entry.change)


def _says_more(made: Attempt, entry: Entry) -> bool:
    """Whether the store has this outcome or a later one.

    An `unknown` that a sweep wrote down in the owner's place says less than the owner's journal.
    """
    if made.number < entry.number:
        return False
    return made.outcome is not OutcomeKind.UNKNOWN or entry.change.state is State.UNKNOWN
