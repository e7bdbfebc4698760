"""The adapter of the port: here each promise of `port` meets its statement.

Times: every statement and every transaction reads the database's clock by itself. `clock` is the
same as nearly as it can be known in between, for what must be said without asking.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import asyncpg
from msgspec import structs

from ...domain.errors import ConfigError, StoreUnavailable
from ...domain.event import Event
from ...domain.message import Address, KeyId, MessageId
from ...domain.status import State
from ...domain.suppression import Suppression, SuppressionReason
from .. import moves
from ..figures import Period
from ..micros import instant, micros, micros_of
from ..paging import EventQuery
from ..port import (
    ActionResult,
    AddedSuppression,
    ApiKey,
    Change,
    Depth,
    Done,
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
from . import events, find, hooks, keys, migrations, read, record, stats, suppressions, work
from . import moves as written_moves
from .batches import Batches
from .bell import Bell
from .clock import DatabaseClock
from .hosts import Connection, Host
from .intake import Arrival, Intake, arrival
from .pool import NotConfirmed, Pool, is_worth_repeating, unavailable
from .sql import NOW
from .webhooks import PostgresWebhooks

Answer = TypeVar("Answer")

_CONNECTIONS = 12
_ACCEPT_LIMIT = 3.0  #: seconds; a client waits for this, and is better told to come back
_WRITE_LIMIT = 5.0
_READ_LIMIT = 10.0
_LONG_LIMIT = 60.0  #: of what looks at everything: statistics, sweeps, purges
_ORPHANS_FOR = 900.0  #: seconds; a commit may wait that long for a standby, unseen
_MOST_AT_ONCE = 256  #: messages in one commit
_HOOKS_AT_ONCE = 32  #: a call of a provider may be large
_SWEEP_AT_ONCE = 200  #: of each kind in one commit, so that no accept waits for a long sweep
_TOUCH_AGAIN_AFTER = timedelta(minutes=1)
_TRIES = 4
_COUNTING_IS_LONG = 0.05  #: seconds; then a count is used for twenty times as long as it took


class PostgresStore:
    """See `port.Store`."""

    def __init__(
        self, hosts: Sequence[Host], *, on_lost: Callable[[str, str], None] = lambda *_: None
    ) -> None:
        """`on_lost` hears which host was let go of, and why: for the log."""
        self.clock = DatabaseClock()
        self._hosts = hosts
        self._on_lost = on_lost
        self._name = secrets.token_hex(8)  #: of this process, where others see it
        self.bell = Bell(self._name)
        self.webhooks = PostgresWebhooks(self._write, self._read)
        self._pool: Pool | None = None
        self._accepts: Batches[Sequence[Arrival], list[Stored | Duplicate]]
        self._begins: Batches[record.Begin, bool]
        self._records: Batches[record.Outcome, bool]
        self._hooks: Batches[HookCall, bool]
        self._claims = secrets.randbits(62)  #: the number of the last claim
        self._strays: list[tuple[str, int]] = []  #: claims that were not confirmed
        #: Of this process, refused for want of an answer: they may be there all the same, owned by
        #: who knows nothing of them. Until when they are looked for.
        self._orphans: dict[MessageId, float] = {}
        self._used: dict[KeyId, datetime] = {}  #: keys, and when they were used last
        self._noted: dict[KeyId, datetime] = {}  #: the same, as the database has it
        self._counted: tuple[float, Depth] | None = None  #: until when, and what

    async def open(self) -> None:
        """See `port.Store.open`. Applies migrations that old processes can live with."""
        await self.migrate(post=False)
        self.bell.start(self._open_pool())

    async def migrate(self, *, post: bool) -> list[int]:
        """Open, and apply what is missing of the schema; return the numbers. See `migrations`.

        Raises:
            ConfigError: The database cannot be used.
            StoreUnavailable: No host can write now.
        """
        pool = self._pool = self._pool or Pool(
            self._hosts, size=_CONNECTIONS, on_lost=self._on_lost
        )
        intake = Intake()
        self._accepts = Batches(
            pool, intake.accept, again=intake.accept_again, most=_MOST_AT_ONCE, limit=_ACCEPT_LIMIT
        )
        self._begins = Batches(pool, record.begin, most=_MOST_AT_ONCE, limit=_WRITE_LIMIT)
        self._records = Batches(pool, record.record, most=_MOST_AT_ONCE, limit=_WRITE_LIMIT)
        self._hooks = Batches(pool, hooks.keep, most=_HOOKS_AT_ONCE, limit=_WRITE_LIMIT)
        try:
            done = await pool.run(
                lambda connection: migrations.migrate(connection, migrations.known(), post=post),
                limit=3600.0,
            )
            self.clock.hear(await self._write(_time))
        except NotConfirmed as error:
            await self.close()
            raise unavailable(error) from error
        except asyncpg.PostgresError as error:
            await self.close()
            raise ConfigError(f"the PostgreSQL database cannot be used: {error}") from error
        except BaseException:
            await self.close()
            raise
        return done

    async def close(self) -> None:
        """See `port.Store.close`."""
        if self._pool is None:
            return
        for id_, used_at in self._used.items():
            if self._noted.get(id_) != used_at:
                await self._note_use(id_)
        await self.bell.stop()
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def check(self) -> None:
        """See `port.Store.check`."""
        await self._write(partial(keys.check, owner=self._name), limit=_ACCEPT_LIMIT)

    async def _write(
        self, work: Callable[[Connection], Awaitable[Answer]], *, limit: float = _WRITE_LIMIT
    ) -> Answer:
        """Do what may be done twice, and is when other transactions were in the way."""
        pool = self._open_pool()
        for tries_left in reversed(range(_TRIES)):
            try:
                return await pool.run(work, limit=limit)
            except (NotConfirmed, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                if isinstance(error, ValueError):
                    raise
                if not tries_left or not is_worth_repeating(error):
                    raise unavailable(error) from error
        raise AssertionError("unreachable")

    async def _read(
        self, work: Callable[[Connection], Awaitable[Answer]], *, limit: float = _READ_LIMIT
    ) -> Answer:
        answer, _ = await self._read_as_of(work, limit=limit)
        return answer

    async def _read_as_of(
        self, work: Callable[[Connection], Awaitable[Answer]], *, limit: float = _READ_LIMIT
    ) -> tuple[Answer, datetime | None]:
        try:
            return await self._open_pool().read(work, limit=limit)
        except (NotConfirmed, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if isinstance(error, ValueError):
                raise
            raise unavailable(error) from error

    def _open_pool(self) -> Pool:
        if self._pool is None:
            raise StoreUnavailable("the store is closed")
        return self._pool

    # ------------------------------------------------ intake

    async def accept(self, new: NewMessage) -> Stored | Duplicate:
        """See `port.Store.accept`."""
        (answer,) = await self.accept_many([new])
        return answer

    async def accept_many(self, new: Sequence[NewMessage]) -> Sequence[Stored | Duplicate]:
        """See `port.Store.accept_many`."""
        self._open_pool()
        arrivals = [arrival(each) for each in new]
        try:
            return await self._accepts.run(arrivals, size=len(new)) if arrivals else []
        except StoreUnavailable:
            until = time.monotonic() + _ORPHANS_FOR
            self._orphans.update({each.message.id: until for each in new if each.owner})
            raise
        except asyncpg.UniqueViolationError as error:
            raise ValueError("one of these messages was accepted before") from error

    # ------------------------------------------------ worker

    async def heartbeat(self, owner: str, lease: timedelta) -> None:
        """See `port.Store.heartbeat`."""
        beat = partial(work.heartbeat, owner=owner, lease=micros_of(lease))
        self.clock.hear(await self._write(beat))
        for id_, until in list(self._orphans.items()):
            found = await self._act(id_, moves.unanswered)
            if found.done is not Done.NOT_FOUND or time.monotonic() > until:
                del self._orphans[id_]

    async def expire_other_owners(self, owner: str) -> None:
        """See `port.Store.expire_other_owners`."""
        await self._write(partial(work.expire_others, owner=owner))

    async def claim(self, owner: str, *, limit: int) -> Sequence[Lease]:
        """See `port.Store.claim`. Fewer than are due may come when their content is large."""
        await self._take_back_strays()
        self._claims += 1
        number = self._claims
        try:
            seqs = await self._write(partial(work.claim, owner=owner, limit=limit, number=number))
            return await self._leases(owner, seqs, State.LEASED)
        except BaseException:
            self._strays.append((owner, number))
            raise

    async def _take_back_strays(self) -> None:
        for owner in {owner for owner, _ in self._strays}:
            numbers = [number for of, number in self._strays if of == owner]
            await self._write(partial(work.take_back, owner=owner, numbers=numbers))
            self._strays = [stray for stray in self._strays if stray[0] != owner]

    async def claim_unknown(self, owner: str, *, limit: int) -> Sequence[Lease]:
        """See `port.Store.claim_unknown`."""
        seqs = await self._write(partial(work.claim_unknown, owner=owner, limit=limit))
        return await self._leases(owner, seqs, State.UNKNOWN)

    async def _leases(self, owner: str, seqs: Sequence[int], state: State) -> Sequence[Lease]:
        if not seqs:
            return []
        return await self._write(partial(work.leases, owner=owner, order=seqs, state=state))

    async def begin(self, lease: Lease, *, provider: str, recipients: Sequence[Address]) -> bool:
        """See `port.Store.begin`."""
        self._open_pool()
        return await self._begins.run(record.begin_of(lease, provider, recipients))

    async def record(self, lease: Lease, change: Change) -> bool:
        """See `port.Store.record`."""
        self._open_pool()
        outcome = record.outcome_of(lease, change, None)
        return await self._records.run(outcome, size=1 + len(outcome.events))

    async def record_and_begin(
        self, lease: Lease, change: Change, *, provider: str, recipients: Sequence[Address]
    ) -> bool:
        """See `port.Store.record_and_begin`."""
        self._open_pool()
        begun = record.begin_of(lease, provider, recipients)
        outcome = record.outcome_of(lease, change, begun)
        return await self._records.run(outcome, size=1 + len(outcome.events))

    async def sweep(self, grace: timedelta) -> Swept:
        """See `port.Store.sweep`. A long one is several transactions, so that nobody waits."""
        whole = Swept()
        while True:
            moved = await self._write(
                partial(written_moves.sweep, grace=grace, limit=_SWEEP_AT_ONCE), limit=_LONG_LIMIT
            )
            whole = Swept(
                requeued=whole.requeued + moved.requeued,
                unknown=whole.unknown + moved.unknown,
                expired=whole.expired + moved.expired,
            )
            if max(len(moved.requeued), len(moved.unknown), len(moved.expired)) < _SWEEP_AT_ONCE:
                return whole

    # ------------------------------------------------ clients' actions

    async def cancel(self, id_: MessageId, event: Event) -> ActionResult:
        """See `port.Store.cancel`."""
        return await self._act(id_, lambda it, now: moves.cancelled(it, now, event))

    async def retry(self, id_: MessageId, event: Event, *, risk_duplicate: bool) -> ActionResult:
        """See `port.Store.retry`."""
        retried = partial(moves.retried, event=event, risk_duplicate=risk_duplicate)
        return await self._act(id_, retried)

    async def reschedule(self, id_: MessageId, at: datetime, event: Event) -> ActionResult:
        """See `port.Store.reschedule`."""
        return await self._act(id_, lambda it, _: moves.rescheduled(it, at, event))

    async def hold(self, id_: MessageId, event: Event) -> ActionResult:
        """See `port.Store.hold`."""
        return await self._act(id_, lambda it, _: moves.held(it, event))

    async def release(self, id_: MessageId, event: Event) -> ActionResult:
        """See `port.Store.release`."""
        return await self._act(id_, lambda it, now: moves.released(it, now, event))

    async def _act(self, id_: MessageId, decide: written_moves.Decide) -> ActionResult:
        return await self._write(partial(written_moves.act, id_=id_, decide=decide))

    # ------------------------------------------------ reading

    async def get(self, id_: MessageId) -> Record | None:
        """See `port.Store.get`."""
        record, as_of = await self._read_as_of(partial(read.get, id_=id_))
        if as_of is None:
            return record
        if record is None:
            raise StoreUnavailable("no host can write, and the standby does not know this message")
        return structs.replace(record, as_of=as_of)

    async def find(self, query: Query) -> Page[Record]:
        """See `port.Store.find`."""
        return await self._read(partial(find.find, query=query))

    async def events(
        self,
        *,
        message_id: MessageId | None = None,
        key_id: KeyId | None = None,
        after: str | None = None,
        limit: int = 50,
        newest_first: bool = False,
    ) -> Page[Event]:
        """See `port.Store.events`. In order of appending: what is older than any open write."""
        query = EventQuery(
            message_id=message_id,
            key_id=key_id,
            after=after,
            limit=limit,
            newest_first=newest_first,
        )
        return await self._read(partial(events.page, query=query))

    async def append_event(self, event: Event) -> None:
        """See `port.Store.append_event`."""
        await self._write(partial(events.append, event=event))

    async def depth(self) -> Depth:
        """See `port.Store.depth`. A count that took long is used for a while (a million: 2 s)."""
        begun = time.monotonic()
        if self._counted is not None and begun < self._counted[0]:
            return self._counted[1]
        depth = await self._read(read.depth)
        took = time.monotonic() - begun
        usable = 20 * took if took > _COUNTING_IS_LONG else 0.0
        self._counted = begun + usable, depth
        return depth

    async def stats(
        self, *, since: datetime, until: datetime, buckets: int, tag: str | None = None
    ) -> Stats:
        """See `port.Store.stats`. Percentiles are of the newest 100,000 of the period."""
        period = Period(since=since, until=until, steps=buckets)
        return await self._read(partial(stats.stats, period=period, tag=tag), limit=_LONG_LIMIT)

    async def accepted_recipients(self, provider: str, since: datetime) -> int:
        """See `port.Store.accepted_recipients`."""
        return await self._read(
            partial(keys.accepted_recipients, provider=provider, since=micros(since))
        )

    # ------------------------------------------------ keys and providers

    async def add_key(self, key: ApiKey, secret_hash: bytes) -> None:
        """See `port.Store.add_key`. Raises `ValueError` when its id or hash is in use."""
        await self._write(partial(keys.add, key=key, secret_hash=secret_hash))

    async def key_by_hash(self, secret_hash: bytes) -> ApiKey | None:
        """See `port.Store.key_by_hash`."""
        key = await self._read(partial(keys.by_hash, secret_hash=secret_hash))
        return self._with_use(key) if key else None

    async def keys(self) -> Sequence[ApiKey]:
        """See `port.Store.keys`."""
        return [self._with_use(key) for key in await self._read(keys.newest_first)]

    async def revoke_key(self, id_: KeyId) -> ApiKey | None:
        """See `port.Store.revoke_key`."""
        key = await self._write(partial(keys.revoke, id_=id_))
        return self._with_use(key) if key else None

    async def touch_key(self, id_: KeyId) -> None:
        """See `port.Store.touch_key`. Written once a minute: every request comes by here."""
        now = self.clock.now()
        self._used[id_] = now
        noted = self._noted.get(id_)
        if noted is None or abs(now - noted) >= _TOUCH_AGAIN_AFTER:
            self._noted[id_] = now
            await self._note_use(id_)

    async def _note_use(self, id_: KeyId) -> None:
        with suppress(StoreUnavailable):
            await self._write(partial(keys.touch, id_=id_))

    def _with_use(self, key: ApiKey) -> ApiKey:
        used_at = self._used.get(key.id)
        known = key.last_used_at
        if used_at is None or (known is not None and known > used_at):
            return key
        return replace(key, last_used_at=used_at)

    async def pause(self, pause: Pause) -> None:
        """See `port.Store.pause`."""
        await self._write(partial(keys.pause, pause=pause))

    async def resume(self, provider: str) -> None:
        """See `port.Store.resume`."""
        await self._write(partial(keys.resume, provider=provider))

    async def pauses(self) -> Mapping[str, Pause]:
        """See `port.Store.pauses`."""
        return await self._read(keys.pauses)

    # ------------------------------------------------ suppressions

    async def add_suppressions(self, new: Sequence[Suppression]) -> Sequence[AddedSuppression]:
        """See `port.Store.add_suppressions`."""
        return await self._write(partial(suppressions.add, new=new)) if new else []

    async def remove_suppression(self, address: Address) -> Suppression | None:
        """See `port.Store.remove_suppression`."""
        return await self._write(partial(suppressions.remove, address=address))

    async def suppression(self, address: Address) -> Suppression | None:
        """See `port.Store.suppression`."""
        return await self._read(partial(suppressions.suppression, address=address))

    async def suppressions(self, query: SuppressionQuery) -> Page[Suppression]:
        """See `port.Store.suppressions`."""
        return await self._read(partial(suppressions.suppressions, query=query))

    async def suppressed_among(
        self, addresses: Sequence[Address]
    ) -> Mapping[Address, SuppressionReason]:
        """See `port.Store.suppressed_among`."""
        return await self._read(partial(suppressions.suppressed_among, addresses=addresses))

    # ------------------------------------------------ providers' events

    async def keep_hook(self, call: HookCall) -> bool:
        """See `port.Store.keep_hook`."""
        self._open_pool()
        return await self._hooks.run(call)

    async def waiting_hooks(self, limit: int) -> Sequence[StoredHook]:
        """See `port.Store.waiting_hooks`."""
        return await self._read(partial(hooks.waiting, limit=limit))

    async def learn(self, read: Sequence[ReadHook]) -> Sequence[Learnt]:
        """See `port.Store.learn`."""
        return await self._write(partial(hooks.learn, read=read), limit=_READ_LIMIT)

    async def attach_waiting(self, limit: int) -> Sequence[Learnt]:
        """See `port.Store.attach_waiting`."""
        return await self._write(partial(hooks.attach_waiting, limit=limit), limit=_READ_LIMIT)

    # ------------------------------------------------ housekeeping

    async def purge(self, *, finished_before: datetime, limit: int) -> int:
        """See `port.Store.purge`."""
        await self._write(hooks.forget, limit=_LONG_LIMIT)
        return await self._write(
            partial(written_moves.purge, before=micros(finished_before), limit=limit),
            limit=_LONG_LIMIT,
        )


async def _time(connection: Connection) -> datetime:
    return instant(await connection.fetchval(f"SELECT {NOW}"))
