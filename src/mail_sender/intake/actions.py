"""What a client may do with a message that was accepted: cancel, retry, reschedule, release.

Neighbours: the doors call this; each action is one conditional transition in the store, so that
it can never overtake a worker that is already calling a provider.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime

from ..clock import Clock
from ..domain.errors import Fault, InvalidMessage, NotFound, StateConflict
from ..domain.event import Event, EventType
from ..domain.message import MessageId
from ..domain.status import State
from ..observability import maillog
from ..queue.port import Queue
from ..store.port import ActionResult, ApiKey, Done, Query, Record, Store
from .rules import MAX_AHEAD

ACT_AT_MOST = 1000  #: messages in one bulk action

_WHY_NOT = {
    State.SENDING: "a provider may be taking it right now; ask again in a moment",
    State.LEASED: "it is about to be handed over; ask again in a moment",
    State.UNKNOWN: "nobody knows whether a provider took it; trying again may send it twice: "
    "repeat with risk_duplicate if you accept that",
    State.SENT: "a provider has taken it",
    State.FAILED: "it has failed",
    State.EXPIRED: "it has expired",
    State.CANCELLED: "it was cancelled",
    State.SUPPRESSED: "every recipient is suppressed",
    State.QUEUED: "it is waiting",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """What a bulk action did, or (dry run) would do.

    Attributes:
        done: In the order of a list: newest first.
        left_out: How many matched and are in a state that forbids it.
        missing: How many of the ids that were named do not exist.
        more: Whether further messages match: ask again.
    """

    done: tuple[MessageId, ...]
    left_out: dict[State, int]
    missing: int
    more: bool


class Actions:
    """See the module. Raises `NotFound` for a message that does not exist."""

    def __init__(self, store: Store, queue: Queue, clock: Clock) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock

    async def cancel(self, id_: MessageId, *, by: ApiKey) -> Record:
        """Withdraw it before hand-over. Raises `StateConflict` when it is too late."""
        event = self._event(EventType.CANCELLED, id_, by)
        return await self._act("cancel", id_, by, lambda: self._store.cancel(id_, event))

    async def retry(self, id_: MessageId, *, by: ApiKey, risk_duplicate: bool = False) -> Record:
        """Try it now. Raises `StateConflict` when its state forbids it."""
        event = self._event(EventType.RETRIED, id_, by, risk_duplicate=risk_duplicate)
        return await self._act(
            "retry",
            id_,
            by,
            lambda: self._store.retry(id_, event, risk_duplicate=risk_duplicate),
        )

    async def reschedule(self, id_: MessageId, at: datetime, *, by: ApiKey) -> Record:
        """Change when it is due. Raises `InvalidMessage`, `StateConflict`."""
        now = self._clock.now()
        if at > now + MAX_AHEAD:
            raise InvalidMessage([Fault("/send_at", f"at most {MAX_AHEAD.days} days ahead")])
        due_at = max(at, now)
        event = self._event(EventType.SCHEDULED, id_, by, send_at=due_at.isoformat())
        return await self._act(
            "reschedule", id_, by, lambda: self._store.reschedule(id_, due_at, event)
        )

    async def release(self, id_: MessageId, *, by: ApiKey) -> Record:
        """Let a held message go. Raises `StateConflict` when it is not held."""
        event = self._event(EventType.RELEASED, id_, by)
        return await self._act("release", id_, by, lambda: self._store.release(id_, event))

    async def retry_many(
        self, query: Query, *, by: ApiKey, dry_run: bool, risk_duplicate: bool
    ) -> Bulk:
        """Try again what matches: failed, expired and suppressed ones, waiting ones at once.

        Unknown ones are left out unless `risk_duplicate`; sent ones always. At most
        `ACT_AT_MOST` in one call.
        """

        async def retry(id_: MessageId) -> ActionResult:
            event = self._event(EventType.RETRIED, id_, by, bulk=True)
            return await self._store.retry(id_, event, risk_duplicate=risk_duplicate)

        allowed = {State.QUEUED, State.FAILED, State.EXPIRED, State.SUPPRESSED}
        if risk_duplicate:
            allowed.add(State.UNKNOWN)
        bulk = await self._each(query, allowed, None if dry_run else retry)
        if not dry_run:
            self._queue.announce(len(bulk.done))
        return bulk

    async def cancel_many(self, query: Query, *, by: ApiKey, dry_run: bool) -> Bulk:
        """Withdraw what matches and was not handed over. At most `ACT_AT_MOST` in one call."""

        async def cancel(id_: MessageId) -> ActionResult:
            return await self._store.cancel(
                id_, self._event(EventType.CANCELLED, id_, by, bulk=True)
            )

        return await self._each(query, {State.QUEUED, State.LEASED}, None if dry_run else cancel)

    async def _each(
        self,
        query: Query,
        allowed: Collection[State],
        act: Callable[[MessageId], Awaitable[ActionResult]] | None,
    ) -> Bulk:
        """Act on what matches and is in an allowed state; with None for `act`, only count."""
        acted: list[MessageId] = []
        left_out: dict[State, int] = {}
        page = await self._store.find(replace(query, limit=200))
        seen = 0
        while True:
            for record in page.rows:
                seen += 1
                state, done = record.state, record.state in allowed
                if done and act is not None:
                    result = await act(record.message.id)
                    state, done = result.state or state, result.done is Done.YES
                if done:
                    acted.append(record.message.id)
                else:
                    left_out[state] = left_out.get(state, 0) + 1
            if page.next_cursor is None or seen >= ACT_AT_MOST:
                break
            page = await self._store.find(replace(query, limit=200, cursor=page.next_cursor))
        return Bulk(
            done=tuple(acted),
            left_out=left_out,
            missing=max(len(query.ids) - seen, 0),
            more=page.next_cursor is not None,
        )

    async def _act(
        self,
        action: str,
        id_: MessageId,
        by: ApiKey,
        change: Callable[[], Awaitable[ActionResult]],
    ) -> Record:
        result = await change()
        if result.done is Done.NOT_FOUND:
            raise NotFound(id_)
        if result.done is Done.WRONG_STATE:
            why = _WHY_NOT[result.state] if result.state else "its state forbids it"
            raise StateConflict(f"This message cannot be changed so: {why}.")
        maillog.acted(action, id_, by=by.id)
        self._queue.announce()
        record = await self._store.get(id_)
        if record is None:
            raise NotFound(id_)
        return record

    def _event(self, type_: EventType, id_: MessageId, by: ApiKey, **data: object) -> Event:
        return Event(
            type=type_, at=self._clock.now(), message_id=id_, data={"key_id": by.id, **data}
        )
