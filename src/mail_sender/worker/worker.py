"""The worker: claims what is due, hands it over, and looks after what dead workers left.

Neighbours: `queue` wakes it, `hand_over` does one message, `settle` looks for evidence. Side
loops (heartbeat, sweep, housekeeping) are watched: one that breaks is logged and goes on, so
that the fault of one message or one query never stops the mail. A stop asks, waits, and leaves
the rest to the store: what was not begun goes back to the queue, what was is recorded or stands
in the journal.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ParamSpec, TypeVar

from ..domain.errors import StoreUnavailable
from ..domain.message import Message, MessageId, Priority
from ..domain.status import State
from ..observability import maillog
from ..queue.port import Queue
from ..store.port import Change, Depth, Duplicate, Lease, NewMessage, Stored
from .arrival import Accept, Arrival
from .hand_over import HandOver, Tools, replay
from .settle import settle

_CLAIM_AT_ONCE = 100
_SETTLE_AT_ONCE = 20
_PURGE_AT_ONCE = 500
_PURGES_AT_ONCE = 100

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPolicy:
    """See `config.WorkerConfig`, `config.QueueConfig`.

    `alone`: no other process can be alive on this store, so that what others left behind is
    free at once (a SQLite file that this process has locked).
    """

    owner: str
    in_flight: int = 128
    lease: timedelta = timedelta(seconds=60)
    grace: timedelta = timedelta(minutes=12)
    poll_interval: timedelta = timedelta(seconds=1)
    keep_finished: timedelta = timedelta(days=30)
    alone: bool = False
    claims: bool = True  #: False: only the messages that this process's callers wait for


class Worker:
    """See the module."""

    def __init__(self, tools: Tools, queue: Queue, policy: WorkerPolicy) -> None:
        self._tools = tools
        self._queue = queue
        self._policy = policy
        self._tasks: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._stopping = False
        self._slot_free = asyncio.Event()
        self._is_behind = True  #: something that is due may wait in the store
        self._lease_ends = 0.0
        self._depth: Depth | None = None
        tools.metrics.in_flight.set_function(lambda: len(self._tasks))

    @property
    def owner(self) -> str:
        """Our name in leases."""
        return self._policy.owner

    @property
    def depth(self) -> Depth | None:
        """What waited a moment ago; None before the first look."""
        return self._depth

    @property
    def in_flight(self) -> int:
        """Messages being handed over now."""
        return len(self._tasks)

    async def start(self) -> None:
        """Take over what was left behind, then begin to work.

        Raises:
            StoreUnavailable: The store cannot be used now.
        """
        await self._beat()
        replayed = await replay(self._tools.journal, self._tools.store)
        if replayed:
            maillog.process("journal_replayed", outcomes=replayed)
        if self._policy.alone:
            await self._tools.store.expire_other_owners(self.owner)
            await self._sweep_with(timedelta(0))
        await self._refresh()
        sweep_every = min(self._policy.lease / 6, timedelta(seconds=5))
        self._every(self._policy.lease / 6, self._beat)
        self._every(timedelta(seconds=1), self._refresh)
        self._every(timedelta(seconds=30), self._learn_quotas)
        await self._learn_quotas()
        if self._policy.claims:
            self._every(sweep_every, self._sweep)
            self._every(timedelta(seconds=5), self._settle)
            self._every(timedelta(minutes=5), self._purge)
            self._loops.append(asyncio.create_task(self._claim_for_ever()))

    async def stop(self, at_most: timedelta) -> None:
        """Claim nothing more, let what is under way end, and stop within `at_most`."""
        self._stopping = True
        self._queue.announce()
        self._slot_free.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=at_most.total_seconds())
        for task in (*self._loops, *self._tasks):
            task.cancel()
        await asyncio.gather(*self._loops, *self._tasks, return_exceptions=True)
        await self._tools.journal.close()

    async def deliver_now(
        self, new: NewMessage, accept: Accept, until: datetime
    ) -> HandOver | Duplicate:
        """Accept a message whose caller waits until then, and hand it over.

        The caller may be cancelled or give up at any time: the hand-over goes on to its end,
        but begins no new call after `until`. When this returns early, `change` is None.

        Args:
            new: Without owner, call and attempts.
            accept: Stores it, by whatever the caller does around `Store.accept`.
            until: Whether it was accepted is waited for even longer.

        Returns:
            `Duplicate`, and nothing was sent, when its idempotency key was used before.

        Raises:
            StoreUnavailable: As `accept`; it is not in the store, and nothing was sent.
        """
        arrival = Arrival(new, self.owner, accept)
        hand_over = HandOver(arrival.lease, self._tools, arrival=arrival, caller_waits=True)
        task = self._spawn(
            hand_over.run(lambda: self.may_work() and self._tools.clock.now() < until)
        )
        task.add_done_callback(lambda _: arrival.abandon())
        left = (until - self._tools.clock.now()).total_seconds()
        await asyncio.wait({task}, timeout=max(left, 0.0))
        if not task.done() and not hand_over.is_calling:
            # Nothing is being taken: what is left is writing that down.
            await asyncio.wait({task}, timeout=2.0)
        kept = await arrival.kept()
        return kept if isinstance(kept, Duplicate) else hand_over

    def may_work(self) -> bool:
        """Whether our lease is good: else begin no call, since somebody else may have it."""
        return time.monotonic() < self._lease_ends

    def may_begin_at_once(self) -> bool:
        """Whether a message that is due now would be the next anyway: `accept_and_begin` it then.

        Strict lanes and the order within them hold: while anything that is due is known to wait,
        or all hands are full, a new message waits in the store like the others.
        """
        if len(self._tasks) >= self._policy.in_flight:
            self._is_behind = True  # until a claim finds fewer than it could take
        return not self._is_behind and self._policy.claims and self._goes_on()

    async def accept_and_begin(self, new: NewMessage, accept: Accept) -> Stored | Duplicate:
        """Accept a message and hand it over; return once it is in the store.

        Args:
            new: Due now, without owner, call and attempts.
            accept: As for `deliver_now`.

        Raises:
            StoreUnavailable: As `accept`; it is not in the store, and nothing was sent.
        """
        arrival = Arrival(new, self.owner, accept)
        task = self._spawn(HandOver(arrival.lease, self._tools, arrival=arrival).run(self._goes_on))
        task.add_done_callback(lambda _: arrival.abandon())
        return await arrival.kept()

    # ------------------------------------------------ claiming

    async def _claim_for_ever(self) -> None:
        while not self._stopping:
            free = self._policy.in_flight - len(self._tasks)
            if free <= 0:
                self._slot_free.clear()
                await self._slot_free.wait()
                continue
            limit = min(free, _CLAIM_AT_ONCE)
            leases = await self._guarded("claim", self._claim, limit)
            if leases is not None:
                self._is_behind = len(leases) >= limit
            for lease in leases or ():
                self._spawn(HandOver(lease, self._tools).run(self._goes_on))
            if not leases:  # a claim may bring fewer than it could: large mails come in parts
                await self._queue.wait(self._policy.poll_interval)

    async def _claim(self, limit: int) -> list[Lease]:
        if not self.may_work():
            return []
        return list(await self._tools.store.claim(self.owner, limit=limit))

    def _goes_on(self) -> bool:
        return not self._stopping and self.may_work()

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._slot_free.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            maillog.bug("hand_over", error)

    # ------------------------------------------------ side loops

    def _every(self, interval: timedelta, work: Callable[[], Awaitable[None]]) -> None:
        async def repeat() -> None:
            while True:
                await asyncio.sleep(interval.total_seconds())
                await self._guarded(work.__name__.strip("_"), work)

        self._loops.append(asyncio.create_task(repeat()))

    async def _guarded(
        self, where: str, work: Callable[P, Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R | None:
        try:
            return await work(*args, **kwargs)
        except StoreUnavailable as error:
            self._tools.metrics.store_errors.inc()
            maillog.trouble(where, str(error))
        except Exception as error:  # noqa: BLE001 - a broken side loop must not stop the mail
            maillog.bug(where, error)
        return None

    async def _beat(self) -> None:
        asked_at = time.monotonic()
        await self._tools.store.heartbeat(self.owner, self._policy.lease)
        margin = min(self._policy.lease / 6, timedelta(seconds=10))
        self._lease_ends = asked_at + (self._policy.lease - margin).total_seconds()

    async def _sweep(self) -> None:
        await self._beat()  # after a step of the clock our own lease must not look over
        await self._sweep_with(self._policy.grace)

    async def _sweep_with(self, grace: timedelta) -> None:
        swept = await self._tools.store.sweep(grace)
        maillog.swept(State.QUEUED, swept.requeued)
        maillog.swept(State.UNKNOWN, swept.unknown)
        maillog.swept(State.EXPIRED, swept.expired)
        self._queue.announce(len(swept.requeued) + len(swept.unknown))

    async def _settle(self) -> None:
        leases = await self._tools.store.claim_unknown(self.owner, limit=_SETTLE_AT_ONCE)
        for lease in leases:
            await self._guarded("settle", settle, lease, self._tools)
        self._queue.announce(len(leases))

    async def _purge(self) -> None:
        before = self._tools.clock.now() - self._policy.keep_finished
        for _ in range(_PURGES_AT_ONCE):
            if not await self._tools.store.purge(finished_before=before, limit=_PURGE_AT_ONCE):
                break

    async def _refresh(self) -> None:
        store, metrics = self._tools.store, self._tools.metrics
        self._depth = depth = await store.depth()
        metrics.waiting({
            **{("due", p): depth.due.get(p, 0) for p in Priority},
            **{("later", p): depth.later.get(p, 0) for p in Priority},
            ("held", ""): depth.held, ("leased", ""): depth.leased,
            ("sending", ""): depth.sending, ("unknown", ""): depth.unknown,
        })  # fmt: skip
        oldest = depth.oldest_due_at
        age = (self._tools.clock.now() - oldest).total_seconds() if oldest else 0.0
        metrics.oldest_due_seconds.set(max(age, 0.0))
        pauses = await store.pauses()
        self._tools.fleet.learn_pauses(pauses)
        for name in self._tools.fleet.members:
            metrics.provider_paused.labels(name).set(name in pauses)

    async def _learn_quotas(self) -> None:
        now = self._tools.clock.now()
        for name, member in self._tools.fleet.members.items():
            for span in member.quota.spans:
                used = await self._tools.store.accepted_recipients(name, now - span)
                member.quota.learn(span, used)


class Watchers:
    """Callers of this process that wait until a message is final."""

    def __init__(self) -> None:
        self._waiting: dict[MessageId, set[asyncio.Event]] = {}

    def concluded(self, message: Message, change: Change) -> None:
        """Wake whoever waits for this message."""
        self.settled(message.id, change.state)

    def settled(self, id_: MessageId, state: State) -> None:
        """Wake whoever waits for the message that has come to this state."""
        if state is State.QUEUED:
            return
        for event in self._waiting.get(id_, ()):
            event.set()

    @contextmanager
    def watching(self, id_: MessageId) -> Iterator[asyncio.Event]:
        """Give an event that is set when this process has concluded the message."""
        event = asyncio.Event()
        self._waiting.setdefault(id_, set()).add(event)
        try:
            yield event
        finally:
            self._waiting[id_].discard(event)
            if not self._waiting[id_]:
                del self._waiting[id_]
