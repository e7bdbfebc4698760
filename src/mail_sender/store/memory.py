"""The store in a dictionary: for tests and for trying out. Nothing survives the process.

It keeps every promise of `port` but durability. No method awaits anything, so each runs
whole before another begins; what it hands out is immutable. Neighbours: `memory_rows` holds
one message and changes it, `moves` decides.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from msgspec import structs

from ..clock import Clock
from ..domain.attempt import OutcomeKind
from ..domain.event import Event
from ..domain.feedback import Feedback
from ..domain.message import Address, KeyId, MessageId, Priority
from ..domain.status import State
from ..domain.suppression import Suppression, SuppressionReason
from ..domain.webhook import Occurrence
from . import moves
from .figures import Period, percentiles, stats_of
from .hearing import heard, suppressions_of_stranger
from .heartbeat import Heartbeat, after_step, next_beat
from .memory_hooks import Hooks
from .memory_rows import Row, matches
from .memory_suppressions import SuppressionList
from .memory_webhooks import Log, MemoryWebhooks
from .micros import micros, micros_of
from .moves import SETTLE_PAUSE, Begun, Move, Standing
from .paging import cursor_at, event_id, event_number, position
from .port import (
    ActionResult,
    AddedSuppression,
    ApiKey,
    Change,
    Depth,
    Done,
    Duplicate,
    Fate,
    HookCall,
    Learnt,
    Lease,
    NewMessage,
    Page,
    Pause,
    Query,
    ReadHook,
    Record,
    Stats,
    Stored,
    StoredHook,
    SuppressionQuery,
    Swept,
)


class MemoryStore:
    """See `port.Store`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[MessageId, Row] = {}
        self._open: dict[MessageId, Row] = {}  #: those of them that are not final
        self._events: list[tuple[int, Event]] = []
        self._used_keys: dict[tuple[KeyId, str], tuple[Duplicate, datetime]] = {}
        self._owners: dict[str, Heartbeat] = {}
        self._keys: dict[KeyId, ApiKey] = {}
        self._hashes: dict[bytes, KeyId] = {}
        self._pauses: dict[str, Pause] = {}
        self._suppressions = SuppressionList()
        self._hooks = Hooks()
        self._last_seq = 0
        self._last_event = 0
        self.webhooks = MemoryWebhooks(
            clock,
            Log(
                newest=lambda: event_id(self._last_event) if self._last_event else "",
                occurrences=self._occurrences,
                append=lambda events: self._append(events, None),
                is_alive=lambda owner: not self._ran_out(owner, clock.now()),
            ),
        )

    async def open(self) -> None:
        """See `port.Store.open`."""

    async def close(self) -> None:
        """See `port.Store.close`."""

    async def check(self) -> None:
        """See `port.Store.check`."""

    # ------------------------------------------------ intake

    async def accept(self, new: NewMessage) -> Stored | Duplicate:
        """See `port.Store.accept`."""
        return self._accept(new)

    async def accept_many(self, new: Sequence[NewMessage]) -> Sequence[Stored | Duplicate]:
        """See `port.Store.accept_many`."""
        return [self._accept(each) for each in new]

    def _accept(self, new: NewMessage) -> Stored | Duplicate:
        message, claim, now = new.message, new.idempotency, self._clock.now()
        if claim is not None:
            first, expires_at = self._used_keys.get((message.key_id, claim.key), (None, now))
            if first is not None and now < expires_at:
                return first
        if message.id in self._rows:
            raise ValueError(f"{message.id} was accepted before")
        if claim is not None:
            used = Duplicate(message.id, claim.fingerprint), now + claim.keep_for
            self._used_keys[message.key_id, claim.key] = used
        self._last_seq += 1
        suppressed = {}
        if new.owner is not None:
            suppressed = self._suppressions.among(message.content.recipients, now)
        if suppressed:
            new = structs.replace(new, call=None, attempts=())
        row = Row.accepted(new, seq=self._last_seq, now=now)
        self._rows[message.id] = row
        self._file(row)
        self._append(new.events, message.id)
        return Stored(message.id, suppressed)

    def _suppressed(self, row: Row, now: datetime) -> dict[Address, SuppressionReason]:
        return self._suppressions.among(row.recipients, now)

    # ------------------------------------------------ worker

    async def heartbeat(self, owner: str, lease: timedelta) -> None:
        """See `port.Store.heartbeat`."""
        self._owners[owner] = next_beat(self._owners.get(owner), self._clock.now(), lease)

    async def expire_other_owners(self, owner: str) -> None:
        """See `port.Store.expire_other_owners`."""
        self._owners = {name: beat for name, beat in self._owners.items() if name == owner}

    async def claim(self, owner: str, *, limit: int) -> Sequence[Lease]:
        """See `port.Store.claim`."""
        now = self._clock.now()
        due = (row for row in self._open.values() if row.is_claimable(now))
        chosen = heapq.nsmallest(limit, due, key=Row.turn)
        return [row.leased(owner, now, self._suppressed(row, now)) for row in chosen]

    async def claim_unknown(self, owner: str, *, limit: int) -> Sequence[Lease]:
        """See `port.Store.claim_unknown`."""
        now = self._clock.now()
        due = (row for row in self._open.values() if row.state is State.UNKNOWN and row.is_due(now))
        chosen = heapq.nsmallest(limit, due, key=Row.turn)
        return [row.taken_to_settle(owner, now, now + SETTLE_PAUSE) for row in chosen]

    async def begin(self, lease: Lease, *, provider: str, recipients: Sequence[Address]) -> bool:
        """See `port.Store.begin`."""
        row = self._held_by(lease, State.LEASED, State.SENDING)
        if row is None:
            return False
        now = self._clock.now()
        row.begin(Begun(provider=provider, recipients=tuple(recipients), at=now))
        return True

    async def record(self, lease: Lease, change: Change) -> bool:
        """See `port.Store.record`."""
        row = self._held_by(lease, State.LEASED, State.SENDING, State.UNKNOWN)
        if row is None:
            return False
        row.record(change, self._clock.now())
        self._file(row)
        self._append(change.events, lease.message.id)
        return True

    async def record_and_begin(
        self, lease: Lease, change: Change, *, provider: str, recipients: Sequence[Address]
    ) -> bool:
        """See `port.Store.record_and_begin`."""
        row = self._held_by(lease, State.LEASED, State.SENDING, State.UNKNOWN)
        if row is None:
            return False
        now = self._clock.now()
        row.record(change, now)
        row.begin(Begun(provider=provider, recipients=tuple(recipients), at=now))
        self._append(change.events, lease.message.id)
        return True

    def _held_by(self, lease: Lease, *states: State) -> Row | None:
        row = self._rows.get(lease.message.id)
        if row is None or row.state not in states:
            return None
        return row if (row.owner, row.fence) == (lease.owner, lease.fence) else None

    async def sweep(self, grace: timedelta) -> Swept:
        """See `port.Store.sweep`."""
        now = self._clock.now()
        self._owners = {name: after_step(beat, now) for name, beat in self._owners.items()}
        requeued = self._move_all(
            lambda row: row.state is State.LEASED and self._ran_out(row.owner, now),
            lambda row: moves.requeued(row.standing(), now),
        )
        unknown = self._move_all(
            lambda row: row.state is State.SENDING and self._ran_out(row.owner, now, grace),
            lambda row: moves.abandoned(row.standing(), now),
        )
        expired = self._move_all(
            lambda row: row.state is State.QUEUED and row.message.give_up_at < now,
            lambda row: moves.expired(row.standing(), now),
        )
        return Swept(requeued=requeued, unknown=unknown, expired=expired)

    def _ran_out(self, owner: str | None, now: datetime, grace: timedelta | None = None) -> bool:
        beat = self._owners.get(owner or "")
        if beat is None:
            return True
        return beat.until <= now if grace is None else beat.until + grace < now

    def _move_all(
        self, concerned: Callable[[Row], bool], move: Callable[[Row], Move]
    ) -> tuple[MessageId, ...]:
        rows = [row for row in self._open.values() if concerned(row)]
        for row in rows:
            self._move(row, move(row))
        return tuple(row.message.id for row in rows)

    def _move(self, row: Row, move: Move) -> None:
        row.move(move, self._clock.now())
        self._file(row)
        self._append(move.events, row.message.id)

    def _file(self, row: Row) -> None:
        if row.state.is_final:
            self._open.pop(row.message.id, None)
        else:
            self._open[row.message.id] = row

    # ------------------------------------------------ clients' actions

    async def cancel(self, id_: MessageId, event: Event) -> ActionResult:
        """See `port.Store.cancel`."""
        return self._act(id_, lambda it: moves.cancelled(it, self._clock.now(), event))

    async def retry(self, id_: MessageId, event: Event, *, risk_duplicate: bool) -> ActionResult:
        """See `port.Store.retry`."""
        now = self._clock.now()
        return self._act(
            id_, lambda it: moves.retried(it, now, event, risk_duplicate=risk_duplicate)
        )

    async def reschedule(self, id_: MessageId, at: datetime, event: Event) -> ActionResult:
        """See `port.Store.reschedule`."""
        return self._act(id_, lambda it: moves.rescheduled(it, at, event))

    async def hold(self, id_: MessageId, event: Event) -> ActionResult:
        """See `port.Store.hold`."""
        return self._act(id_, lambda it: moves.held(it, event))

    async def release(self, id_: MessageId, event: Event) -> ActionResult:
        """See `port.Store.release`."""
        return self._act(id_, lambda it: moves.released(it, self._clock.now(), event))

    def _act(self, id_: MessageId, decide: Callable[[Standing], Move | None]) -> ActionResult:
        row = self._rows.get(id_)
        if row is None:
            return ActionResult(Done.NOT_FOUND)
        move = decide(row.standing())
        if move is None:
            return ActionResult(Done.WRONG_STATE, row.state)
        self._move(row, move)
        return ActionResult(Done.YES, row.state)

    # ------------------------------------------------ reading

    async def get(self, id_: MessageId) -> Record | None:
        """See `port.Store.get`."""
        row = self._rows.get(id_)
        return row.record_of(whole=True) if row else None

    async def find(self, query: Query) -> Page[Record]:
        """See `port.Store.find`."""
        before = position(query.cursor) if query.cursor else None
        now = self._clock.now()
        found = [row for row in self._rows.values() if matches(row, query, now)]
        found.sort(key=Row.place, reverse=True)
        if before is not None:
            found = [row for row in found if row.place() < before]
        rows = found[: query.limit]
        more = rows and len(found) > len(rows)
        cursor = cursor_at(rows[-1].message.created_at, rows[-1].seq) if more else None
        return Page([row.record_of(whole=False) for row in rows], cursor)

    async def events(
        self,
        *,
        message_id: MessageId | None = None,
        key_id: KeyId | None = None,
        after: str | None = None,
        limit: int = 50,
        newest_first: bool = False,
    ) -> Page[Event]:
        """See `port.Store.events`."""
        mark = event_number(after) if after else None
        ordered = reversed(self._events) if newest_first else self._events
        found = [
            event
            for number, event in ordered
            if (mark is None or (number < mark if newest_first else number > mark))
            and (message_id is None or event.message_id == message_id)
            and (key_id is None or self._submitted_by(event.message_id) == key_id)
        ]
        rows = found[:limit]
        return Page(rows, rows[-1].id if rows and len(found) > len(rows) else None)

    def _submitted_by(self, id_: MessageId | None) -> KeyId | None:
        row = self._rows.get(id_) if id_ else None
        return row.message.key_id if row else None

    async def append_event(self, event: Event) -> None:
        """See `port.Store.append_event`."""
        self._append([event], event.message_id)

    def _append(self, events: Sequence[Event], about: MessageId | None) -> None:
        for event in events:
            self._last_event += 1
            named = replace(event, id=event_id(self._last_event), message_id=about)
            self._events.append((self._last_event, named))

    def _occurrences(self, after: str) -> list[Occurrence]:
        mark = event_number(after) if after else 0
        return [self._occurrence(event) for number, event in self._events if number > mark]

    def _occurrence(self, event: Event) -> Occurrence:
        row = self._rows.get(event.message_id) if event.message_id else None
        if row is None:
            return Occurrence(event=event)
        content = row.message.content
        return Occurrence(
            event=event,
            key_id=row.message.key_id,
            tags=content.tags,
            metadata=dict(content.metadata),
        )

    async def depth(self) -> Depth:
        """See `port.Store.depth`."""
        now = self._clock.now()
        rows = self._open.values()
        states = Counter(row.state for row in rows)
        waiting = [row for row in rows if row.state is State.QUEUED and not row.held]
        due = [row for row in waiting if row.is_due(now)]
        return Depth(
            due=_by_priority(due),
            later=_by_priority([row for row in waiting if not row.is_due(now)]),
            held=states[State.QUEUED] - len(waiting),
            leased=states[State.LEASED],
            sending=states[State.SENDING],
            unknown=states[State.UNKNOWN],
            oldest_due_at=min((row.due_at for row in due if row.due_at), default=None),
        )

    async def stats(
        self, *, since: datetime, until: datetime, buckets: int, tag: str | None = None
    ) -> Stats:
        """See `port.Store.stats`."""
        period = Period(since=since, until=until, steps=buckets)
        messages: Counter[tuple[int, State]] = Counter()
        attempts: Counter[tuple[int, str, OutcomeKind]] = Counter()
        durations: dict[str, list[int]] = {}
        hand_overs: list[int] = []
        for row in self._rows.values():
            if tag is not None and tag not in row.message.content.tags:
                continue
            step = period.step_of(row.message.created_at)
            if step is not None:
                messages[step, row.state] += 1
                if row.state is State.SENT and row.finished_at is not None:
                    hand_overs.append(max(micros(row.finished_at) - micros(row.ready_at), 0))
            for attempt in row.attempts:
                step = period.step_of(attempt.started_at)
                if step is None or attempt.outcome is OutcomeKind.SKIPPED:
                    continue
                attempts[step, attempt.provider, attempt.outcome] += 1
                durations.setdefault(attempt.provider, []).append(micros_of(attempt.duration))
        return stats_of(
            period,
            messages=messages,
            attempts=attempts,
            durations={provider: percentiles(us) for provider, us in durations.items()},
            hand_over=percentiles(hand_overs),
        )

    async def accepted_recipients(self, provider: str, since: datetime) -> int:
        """See `port.Store.accepted_recipients`."""
        return sum(row.taken_by(provider, since) for row in self._rows.values())

    # ------------------------------------------------ keys and providers

    async def add_key(self, key: ApiKey, secret_hash: bytes) -> None:
        """See `port.Store.add_key`. Raises `ValueError` when its id or hash is in use."""
        if key.id in self._keys or secret_hash in self._hashes:
            raise ValueError(f"a key with the id {key.id} or the same secret exists")
        self._keys[key.id] = key
        self._hashes[secret_hash] = key.id

    async def key_by_hash(self, secret_hash: bytes) -> ApiKey | None:
        """See `port.Store.key_by_hash`."""
        id_ = self._hashes.get(secret_hash)
        return self._keys[id_] if id_ else None

    async def keys(self) -> Sequence[ApiKey]:
        """See `port.Store.keys`."""
        newest_first = reversed(self._keys.values())
        return sorted(newest_first, key=lambda key: key.created_at, reverse=True)

    async def revoke_key(self, id_: KeyId) -> ApiKey | None:
        """See `port.Store.revoke_key`."""
        key = self._keys.get(id_)
        if key is not None and key.revoked_at is None:
            key = self._keys[id_] = replace(key, revoked_at=self._clock.now())
        return key

    async def touch_key(self, id_: KeyId) -> None:
        """See `port.Store.touch_key`."""
        if id_ in self._keys:
            self._keys[id_] = replace(self._keys[id_], last_used_at=self._clock.now())

    async def pause(self, pause: Pause) -> None:
        """See `port.Store.pause`."""
        self._pauses[pause.provider] = pause

    async def resume(self, provider: str) -> None:
        """See `port.Store.resume`."""
        self._pauses.pop(provider, None)

    async def pauses(self) -> dict[str, Pause]:
        """See `port.Store.pauses`."""
        return dict(self._pauses)

    # ------------------------------------------------ suppressions

    async def add_suppressions(self, new: Sequence[Suppression]) -> Sequence[AddedSuppression]:
        """See `port.Store.add_suppressions`."""
        return self._suppressions.add(new, self._clock.now())

    async def remove_suppression(self, address: Address) -> Suppression | None:
        """See `port.Store.remove_suppression`."""
        return self._suppressions.remove(address, self._clock.now())

    async def suppression(self, address: Address) -> Suppression | None:
        """See `port.Store.suppression`."""
        return self._suppressions.get(address, self._clock.now())

    async def suppressions(self, query: SuppressionQuery) -> Page[Suppression]:
        """See `port.Store.suppressions`."""
        return self._suppressions.page(query, self._clock.now())

    async def suppressed_among(
        self, addresses: Sequence[Address]
    ) -> dict[Address, SuppressionReason]:
        """See `port.Store.suppressed_among`."""
        return self._suppressions.among(addresses, self._clock.now())

    # ------------------------------------------------ providers' events

    async def keep_hook(self, call: HookCall) -> bool:
        """See `port.Store.keep_hook`."""
        return self._hooks.keep(call, self._clock.now())

    async def waiting_hooks(self, limit: int) -> Sequence[StoredHook]:
        """See `port.Store.waiting_hooks`."""
        return self._hooks.waiting(limit)

    async def learn(self, read: Sequence[ReadHook]) -> Sequence[Learnt]:
        """See `port.Store.learn`."""
        return self._hooks.learn(read, self._clock.now(), self._attach, self._refuse)

    async def attach_waiting(self, limit: int) -> Sequence[Learnt]:
        """See `port.Store.attach_waiting`."""
        return self._hooks.attach_waiting(limit, self._clock.now(), self._attach, self._refuse)

    def _attach(self, provider: str, feedback: Feedback) -> Learnt | None:
        row = self._row_of(provider, feedback)
        if row is None:
            return None
        now = self._clock.now()
        hearing = heard(row.standing(), provider, feedback, now)
        row.hear(hearing, provider, feedback, now)
        self._file(row)
        self._append(hearing.events, row.message.id)
        self._suppressions.add(hearing.suppressions, now)
        return Learnt(
            provider=provider,
            feedback=feedback,
            fate=Fate.ATTACHED,
            message_id=row.message.id,
            state=hearing.state,
            suppressed=tuple(it.address for it in hearing.suppressions),
        )

    def _row_of(self, provider: str, feedback: Feedback) -> Row | None:
        own = self._rows.get(MessageId(feedback.message_id or ""))
        theirs = feedback.provider_message_id
        if own is not None or theirs is None:
            return own
        found = (row for row in self._rows.values() if row.has_id_of(provider, theirs))
        return next(found, None)

    def _refuse(self, provider: str, feedback: Feedback) -> Learnt:
        now = self._clock.now()
        found = suppressions_of_stranger(provider, feedback, now)
        self._suppressions.add(found, now)
        suppressed = tuple(it.address for it in found)
        return Learnt(
            provider=provider, feedback=feedback, fate=Fate.STRANGE, suppressed=suppressed
        )

    # ------------------------------------------------ housekeeping

    async def purge(self, *, finished_before: datetime, limit: int) -> int:
        """See `port.Store.purge`."""
        now = self._clock.now()
        self._used_keys = {key: used for key, used in self._used_keys.items() if now < used[1]}
        self._suppressions.forget_expired(now)
        self._hooks.forget(now)
        ended = [row for row in self._rows.values() if row.ended_before(finished_before)]
        gone = {row.message.id for row in heapq.nsmallest(limit, ended, key=Row.end)}
        for id_ in gone:
            del self._rows[id_]
        if gone:
            self._events = [kept for kept in self._events if kept[1].message_id not in gone]
        return len(gone)


def _by_priority(rows: Sequence[Row]) -> dict[Priority, int]:
    return dict(Counter(row.message.content.priority for row in rows))
