"""The embedded store: one SQLite file, one thread that writes, a few that read.

The default of a single process, and enough for thousands of mails a second. Neighbours, all
named `sqlite_…`: `file` opens it, `writer` commits for all who wait, `reader` reads,
`checkpoint` keeps the log short; `intake`, `work`, `record`, `moves`, `read`, `find`, `stats`
and `keys` hold the statements. Here each promise of `port` meets its statement, and those about
webhooks in `webhooks`.

Times are points in time of the machine's clock. Set back by an hour, it makes what was due wait
that hour (nothing is lost or sent twice), while leases last no longer than before: see
`heartbeat`. Set forward, it ends leases early, which the fence makes harmless.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from ..clock import Clock
from ..domain.errors import StoreUnavailable
from ..domain.event import Event
from ..domain.message import Address, KeyId, MessageId
from ..domain.suppression import Suppression, SuppressionReason
from . import (
    moves,
    sqlite_find,
    sqlite_hooks,
    sqlite_intake,
    sqlite_keys,
    sqlite_moves,
    sqlite_read,
    sqlite_record,
    sqlite_stats,
    sqlite_suppressions,
    sqlite_work,
)
from .figures import Period
from .micros import micros, micros_of
from .moves import Move, Standing
from .paging import EventQuery
from .port import (
    ActionResult,
    AddedSuppression,
    ApiKey,
    Change,
    Depth,
    Duplicate,
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
from .sqlite_checkpoint import Checkpointer
from .sqlite_file import prepare, reader_connection, writer_connection
from .sqlite_lock import ServingLock, lock_for_serving
from .sqlite_reader import Reader
from .sqlite_webhooks import SqliteWebhooks
from .sqlite_writer import Answer, Operation, Request, Writer, one_by_one

__all__ = ["ServingLock", "SqliteStore", "lock_for_serving"]

_SWEEP_AT_ONCE = 200  #: of each kind in one commit, so that no accept waits for a long sweep
_BRIEF_OCTETS = 64 * 1024  #: accepted at once; larger ones are written by the thread
_BRIEF_ROWS = 50  #: recipients of one message, the same
_TOUCH_AGAIN_AFTER = timedelta(minutes=1)

_heartbeat = one_by_one(sqlite_work.heartbeat)
_expire_others = one_by_one(sqlite_work.expire_others)
_claim = one_by_one(sqlite_work.claim)
_claim_unknown = one_by_one(sqlite_work.claim_unknown)
_sweep = one_by_one(sqlite_moves.sweep)
_act = one_by_one(sqlite_moves.act)
_purge = one_by_one(sqlite_moves.purge)
_append_event = one_by_one(sqlite_keys.append_event)
_check = one_by_one(sqlite_keys.check)
_add_key = one_by_one(sqlite_keys.add_key)
_revoke_key = one_by_one(sqlite_keys.revoke_key)
_touch_key = one_by_one(sqlite_keys.touch_key)
_pause = one_by_one(sqlite_keys.pause)
_resume = one_by_one(sqlite_keys.resume)
_add_suppressions = one_by_one(sqlite_suppressions.add)
_forget_told = one_by_one(sqlite_hooks.forget)
_learn = one_by_one(sqlite_hooks.learn)
_attach_waiting = one_by_one(sqlite_hooks.attach_waiting)
_remove_suppression = one_by_one(sqlite_suppressions.remove)


class _Engine:
    """What works on an open file."""

    def __init__(self, path: Path) -> None:
        connect = partial(writer_connection, path)
        self.writer = Writer(connect)
        self.reader = Reader(partial(reader_connection, path))
        self.checkpointer = Checkpointer(connect, self.writer)

    async def close(self) -> None:
        """The writer last: with its connection SQLite tidies the log away."""
        await asyncio.to_thread(self.checkpointer.stop)
        await self.reader.stop()
        await self.writer.stop()


class SqliteStore:
    """See `port.Store`."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._engine: _Engine | None = None
        self.webhooks = SqliteWebhooks(self._write, self._read, clock)
        self._used: dict[KeyId, datetime] = {}  #: keys, and when they were used last
        self._noted: dict[KeyId, datetime] = {}  #: the same, as the file has it

    async def open(self) -> None:
        """See `port.Store.open`."""
        await asyncio.to_thread(prepare, self._path)
        self._engine = _Engine(self._path)

    async def close(self) -> None:
        """See `port.Store.close`."""
        if self._engine is None:
            return
        for id_, used_at in self._used.items():
            if self._noted.get(id_) != used_at:
                await self._note_use(id_, used_at)
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.close()

    async def check(self) -> None:
        """See `port.Store.check`."""
        await self._write(_check, micros(self._clock.now()))

    def _write(
        self, operation: Operation[Request, Answer], request: Request, *, brief: bool = False
    ) -> asyncio.Future[Answer]:
        if self._engine is None:
            raise StoreUnavailable("the store is closed")
        return self._engine.writer.run(operation, request, brief=brief)

    async def _read(self, read: Callable[[sqlite3.Connection], Answer]) -> Answer:
        if self._engine is None:
            raise StoreUnavailable("the store is closed")
        return await self._engine.reader.run(read)

    # ------------------------------------------------ intake

    async def accept(self, new: NewMessage) -> Stored | Duplicate:
        """See `port.Store.accept`."""
        (answer,) = await self.accept_many([new])
        return answer

    async def accept_many(self, new: Sequence[NewMessage]) -> Sequence[Stored | Duplicate]:
        """See `port.Store.accept_many`."""
        if not new:
            return []
        now = self._clock.now()
        arrivals = [sqlite_intake.arrival(each, now) for each in new]
        try:
            brief = sum(map(sqlite_intake.weight, arrivals)) <= _BRIEF_OCTETS
            return await self._write(sqlite_intake.accept, arrivals, brief=brief)
        except sqlite3.IntegrityError as error:
            raise ValueError("one of these messages was accepted before") from error

    # ------------------------------------------------ worker

    async def heartbeat(self, owner: str, lease: timedelta) -> None:
        """See `port.Store.heartbeat`."""
        now = micros(self._clock.now())
        await self._write(_heartbeat, sqlite_work.Beat(owner, now, micros_of(lease)))

    async def expire_other_owners(self, owner: str) -> None:
        """See `port.Store.expire_other_owners`."""
        await self._write(_expire_others, owner)

    async def claim(self, owner: str, *, limit: int) -> Sequence[Lease]:
        """See `port.Store.claim`. Fewer than are due may come when their content is large."""
        return await self._write(_claim, sqlite_work.Claim(owner, limit, self._clock.now()))

    async def claim_unknown(self, owner: str, *, limit: int) -> Sequence[Lease]:
        """See `port.Store.claim_unknown`."""
        return await self._write(_claim_unknown, sqlite_work.Claim(owner, limit, self._clock.now()))

    async def begin(self, lease: Lease, *, provider: str, recipients: Sequence[Address]) -> bool:
        """See `port.Store.begin`."""
        begin = sqlite_record.begin_of(lease, provider, recipients, self._clock.now())
        return await self._write(sqlite_record.begin, begin, brief=len(recipients) <= _BRIEF_ROWS)

    async def record(self, lease: Lease, change: Change) -> bool:
        """See `port.Store.record`."""
        outcome = sqlite_record.outcome_of(lease, change, self._clock.now(), None)
        brief = len(change.recipients) <= _BRIEF_ROWS
        return await self._write(sqlite_record.record, outcome, brief=brief)

    async def record_and_begin(
        self, lease: Lease, change: Change, *, provider: str, recipients: Sequence[Address]
    ) -> bool:
        """See `port.Store.record_and_begin`."""
        now = self._clock.now()
        begin = sqlite_record.begin_of(lease, provider, recipients, now)
        outcome = sqlite_record.outcome_of(lease, change, now, begin)
        brief = len(change.recipients) <= _BRIEF_ROWS
        return await self._write(sqlite_record.record, outcome, brief=brief)

    async def sweep(self, grace: timedelta) -> Swept:
        """See `port.Store.sweep`. A long one is several transactions, so that nobody waits."""
        part = sqlite_moves.Sweep(self._clock.now(), grace, _SWEEP_AT_ONCE)
        whole = Swept()
        while True:
            moved = await self._write(_sweep, part)
            whole = Swept(
                requeued=whole.requeued + moved.requeued,
                unknown=whole.unknown + moved.unknown,
                expired=whole.expired + moved.expired,
            )
            if max(len(moved.requeued), len(moved.unknown), len(moved.expired)) < part.limit:
                return whole

    # ------------------------------------------------ clients' actions

    async def cancel(self, id_: MessageId, event: Event) -> ActionResult:
        """See `port.Store.cancel`."""
        now = self._clock.now()
        return await self._act(id_, now, lambda it: moves.cancelled(it, now, event))

    async def retry(self, id_: MessageId, event: Event, *, risk_duplicate: bool) -> ActionResult:
        """See `port.Store.retry`."""
        now = self._clock.now()
        retried = partial(moves.retried, now=now, event=event, risk_duplicate=risk_duplicate)
        return await self._act(id_, now, retried)

    async def reschedule(self, id_: MessageId, at: datetime, event: Event) -> ActionResult:
        """See `port.Store.reschedule`."""
        return await self._act(id_, self._clock.now(), lambda it: moves.rescheduled(it, at, event))

    async def hold(self, id_: MessageId, event: Event) -> ActionResult:
        """See `port.Store.hold`."""
        return await self._act(id_, self._clock.now(), lambda it: moves.held(it, event))

    async def release(self, id_: MessageId, event: Event) -> ActionResult:
        """See `port.Store.release`."""
        now = self._clock.now()
        return await self._act(id_, now, lambda it: moves.released(it, now, event))

    async def _act(
        self, id_: MessageId, now: datetime, decide: Callable[[Standing], Move | None]
    ) -> ActionResult:
        return await self._write(_act, sqlite_moves.Action(id_, decide, now))

    # ------------------------------------------------ reading

    async def get(self, id_: MessageId) -> Record | None:
        """See `port.Store.get`."""
        return await self._read(lambda connection: sqlite_read.get(connection, id_))

    async def find(self, query: Query) -> Page[Record]:
        """See `port.Store.find`."""
        now = self._clock.now()
        return await self._read(lambda connection: sqlite_find.find(connection, query, now))

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
        query = EventQuery(
            message_id=message_id,
            key_id=key_id,
            after=after,
            limit=limit,
            newest_first=newest_first,
        )
        return await self._read(lambda connection: sqlite_read.events(connection, query))

    async def append_event(self, event: Event) -> None:
        """See `port.Store.append_event`."""
        await self._write(_append_event, event)

    async def depth(self) -> Depth:
        """See `port.Store.depth`."""
        now = self._clock.now()
        return await self._read(lambda connection: sqlite_read.depth(connection, now))

    async def stats(
        self, *, since: datetime, until: datetime, buckets: int, tag: str | None = None
    ) -> Stats:
        """See `port.Store.stats`. Percentiles are of the newest 100,000 of the period."""
        period = Period(since=since, until=until, steps=buckets)
        return await self._read(lambda connection: sqlite_stats.stats(connection, period, tag))

    async def accepted_recipients(self, provider: str, since: datetime) -> int:
        """See `port.Store.accepted_recipients`."""
        return await self._read(
            lambda connection: sqlite_keys.accepted_recipients(connection, provider, micros(since))
        )

    # ------------------------------------------------ keys and providers

    async def add_key(self, key: ApiKey, secret_hash: bytes) -> None:
        """See `port.Store.add_key`. Raises `ValueError` when its id or hash is in use."""
        await self._write(_add_key, sqlite_keys.NewKey(key, secret_hash))

    async def key_by_hash(self, secret_hash: bytes) -> ApiKey | None:
        """See `port.Store.key_by_hash`."""
        key = await self._read(lambda connection: sqlite_keys.key_by_hash(connection, secret_hash))
        return self._with_use(key) if key else None

    async def keys(self) -> Sequence[ApiKey]:
        """See `port.Store.keys`."""
        return [self._with_use(key) for key in await self._read(sqlite_keys.keys)]

    async def revoke_key(self, id_: KeyId) -> ApiKey | None:
        """See `port.Store.revoke_key`."""
        at = sqlite_keys.KeyAt(id_, micros(self._clock.now()))
        key = await self._write(_revoke_key, at)
        return self._with_use(key) if key else None

    async def touch_key(self, id_: KeyId) -> None:
        """See `port.Store.touch_key`. Written once a minute: every request comes by here."""
        now = self._clock.now()
        self._used[id_] = now
        noted = self._noted.get(id_)
        if noted is None or abs(now - noted) >= _TOUCH_AGAIN_AFTER:
            await self._note_use(id_, now)

    async def _note_use(self, id_: KeyId, used_at: datetime) -> None:
        self._noted[id_] = used_at
        with suppress(StoreUnavailable):
            await self._write(_touch_key, sqlite_keys.KeyAt(id_, micros(used_at)))

    def _with_use(self, key: ApiKey) -> ApiKey:
        used_at = self._used.get(key.id)
        return key if used_at is None else replace(key, last_used_at=used_at)

    async def pause(self, pause: Pause) -> None:
        """See `port.Store.pause`."""
        await self._write(_pause, pause)

    async def resume(self, provider: str) -> None:
        """See `port.Store.resume`."""
        await self._write(_resume, provider)

    async def pauses(self) -> Mapping[str, Pause]:
        """See `port.Store.pauses`."""
        return await self._read(sqlite_keys.pauses)

    # ------------------------------------------------ suppressions

    async def add_suppressions(self, new: Sequence[Suppression]) -> Sequence[AddedSuppression]:
        """See `port.Store.add_suppressions`."""
        additions = sqlite_suppressions.Additions(new, micros(self._clock.now()))
        return await self._write(_add_suppressions, additions) if new else []

    async def remove_suppression(self, address: Address) -> Suppression | None:
        """See `port.Store.remove_suppression`."""
        removal = sqlite_suppressions.Removal(address, micros(self._clock.now()))
        return await self._write(_remove_suppression, removal)

    async def suppression(self, address: Address) -> Suppression | None:
        """See `port.Store.suppression`."""
        now = micros(self._clock.now())
        return await self._read(
            lambda connection: sqlite_suppressions.suppression(connection, address, now)
        )

    async def suppressions(self, query: SuppressionQuery) -> Page[Suppression]:
        """See `port.Store.suppressions`."""
        now = micros(self._clock.now())
        return await self._read(
            lambda connection: sqlite_suppressions.suppressions(connection, query, now)
        )

    async def suppressed_among(
        self, addresses: Sequence[Address]
    ) -> Mapping[Address, SuppressionReason]:
        """See `port.Store.suppressed_among`."""
        now = micros(self._clock.now())
        return await self._read(
            lambda connection: sqlite_suppressions.suppressed_among(connection, addresses, now)
        )

    # ------------------------------------------------ providers' events

    async def keep_hook(self, call: HookCall) -> bool:
        """See `port.Store.keep_hook`."""
        arrival = sqlite_hooks.Arrival(call, micros(self._clock.now()))
        return await self._write(sqlite_hooks.keep, arrival)

    async def waiting_hooks(self, limit: int) -> Sequence[StoredHook]:
        """See `port.Store.waiting_hooks`."""
        return await self._read(lambda connection: sqlite_hooks.waiting(connection, limit))

    async def learn(self, read: Sequence[ReadHook]) -> Sequence[Learnt]:
        """See `port.Store.learn`."""
        return await self._write(_learn, sqlite_hooks.Lesson(read, self._clock.now()))

    async def attach_waiting(self, limit: int) -> Sequence[Learnt]:
        """See `port.Store.attach_waiting`."""
        return await self._write(_attach_waiting, sqlite_hooks.Search(limit, self._clock.now()))

    # ------------------------------------------------ housekeeping

    async def purge(self, *, finished_before: datetime, limit: int) -> int:
        """See `port.Store.purge`."""
        now = micros(self._clock.now())
        await self._write(_forget_told, now)
        return await self._write(_purge, sqlite_moves.Purge(micros(finished_before), limit, now))
