"""Connections to the server that can write, and what is done when it is gone.

Every piece of work has a time limit of ours, after which the connection is *ended*. A request to
cancel would be a trap: PostgreSQL then answers success for a commit that no standby has
confirmed, with nothing but a warning. That warning (SQLSTATE 01000, "canceling wait for
synchronous replication", also after `pg_cancel_backend` by a person) is read as a failure here.

A connection that broke, or that took too long, takes all others with it: they lead to the same
host, and each would have to find out by a time-out of its own that it is dead. The next piece of
work looks for the primary anew. While there is none, work is refused at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import asyncpg

from ...domain.errors import StoreUnavailable
from .hosts import Connection, Host, Reached, connect, find

Answer = TypeVar("Answer")
Work = Callable[[Connection], Awaitable[Answer]]

_PLAN_AGAIN_AFTER = 2.0
"""Seconds: a plan made while a table was nearly empty reads the whole table, and is kept by the
server until it looks at the table's size again, which it does once a minute. We cannot wait so long
when mail begins to come in, and planning some twenty statements takes 4 ms."""
_LOOK_AGAIN_AFTER = 0.25  #: seconds between two looks for a primary that is not there
_STANDBY_AGAIN_AFTER = 1.0  #: seconds that reads stay with standbys before they look again
_LONGEST_STALL = 15.0  #: seconds; the first is one, each further twice as long
_WAITS_FOR_STANDBYS = "SyncRepWaitForLSN"  #: who warns; the words are in the server's language
_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InternalClientError,
    asyncpg.InterfaceError,
    OSError,
    EOFError,
)
_READ_ONLY = "25006"  #: it was the primary, and is not any more
_GOING_DOWN = {"57P01", "57P02", "57P03", "58030", "XX000"}  #: perhaps after the commit
_REPEATED = {"40001", "40P01", "55P03"}  #: another transaction was in the way
_OF_THE_REQUEST = {"22", "23"}  #: classes: what was given cannot be kept


class NotConfirmed(Exception):
    """The commit was asked for, and whether it came about is not known."""


class TimedOut(NotConfirmed):
    """It took longer than its limit."""


def is_of_the_request(error: Exception) -> bool:
    """Whether only what was asked for is at fault, and other requests may do."""
    if isinstance(error, asyncpg.InterfaceError):
        return isinstance(error, ValueError)  # of our side: it cannot even be sent
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate)[:2] in _OF_THE_REQUEST
    return not isinstance(error, (*_LOST, NotConfirmed, TimeoutError, StoreUnavailable))


def is_worth_repeating(error: Exception) -> bool:
    """Whether the very same work may succeed in a moment, on the same server."""
    return isinstance(error, asyncpg.PostgresError) and error.sqlstate in _REPEATED


def unavailable(error: BaseException) -> StoreUnavailable:
    """Return what callers get for a failure of the engine."""
    if isinstance(error, StoreUnavailable):
        return error
    found = StoreUnavailable(f"PostgreSQL: {error or type(error).__name__}")
    found.__cause__ = error
    return found


@dataclass(eq=False, slots=True)
class _Session:
    connection: Connection
    warned: bool = False
    planned_at: float = field(default_factory=time.monotonic)

    def hear(self, _: Any, notice: asyncpg.PostgresLogMessage) -> None:  # noqa: ANN401 - asyncpg's
        if notice.server_source_function == _WAITS_FOR_STANDBYS:
            self.warned = True


@dataclass(eq=False, slots=True)
class _Line:
    """All connections to one server, since it was found."""

    host: Host
    sessions: set[_Session] = field(default_factory=set)
    idle: list[_Session] = field(default_factory=list)
    is_dead: bool = False

    def add(self, connection: Connection) -> _Session:
        session = _Session(connection)
        connection.add_log_listener(session.hear)
        self.sessions.add(session)
        return session

    def drop(self, session: _Session) -> None:
        self.sessions.discard(session)
        session.connection.terminate()

    def cut(self) -> None:
        self.is_dead = True
        self.idle.clear()
        while self.sessions:
            self.sessions.pop().connection.terminate()


class Pool:
    """See the module. Belongs to the event loop that made it."""

    def __init__(
        self, hosts: Sequence[Host], *, size: int, on_lost: Callable[[str, str], None]
    ) -> None:
        """`on_lost` hears which host was let go of, and why."""
        self._hosts = hosts
        self._on_lost = on_lost
        self._slots = asyncio.Semaphore(size)
        self._standby_slots = asyncio.Semaphore(size)
        self._primary: _Line | None = None
        self._standby: _Line | None = None
        self._standby_until = 0.0
        self._looking: asyncio.Task[_Line] | None = None
        self._looked_at = -_LOOK_AGAIN_AFTER
        self._found_none = "no host answered yet"
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False
        self._stall = 0.0
        self._stalled_until = 0.0

    async def run(self, work: Work[Answer], *, limit: float, urgent: bool = False) -> Answer:
        """Do work on the primary and return its answer.

        Work goes on when its caller is cancelled. A transaction in it must be its own.

        Args:
            work: Gets a connection for itself alone.
            limit: Seconds, the waiting for a connection included.
            urgent: Is tried although work timed out a moment ago. Other work is refused for a
                while then: a server whose standbys are gone keeps a process for each commit that
                waits, whether we still do or not, and runs out of them.

        Raises:
            StoreUnavailable: There is no primary now; nothing was done.
            NotConfirmed: It was done, or not.
            asyncpg.PostgresError: The server refused.
        """
        if not urgent and time.monotonic() < self._stalled_until:
            raise StoreUnavailable("commits were not confirmed a moment ago")
        return await self._shielded(self._watched(work, limit))

    async def _watched(self, work: Work[Answer], limit: float) -> Answer:
        try:
            answer = await self._run(work, limit)
        except TimedOut:
            self._stall = min(max(1.0, 2 * self._stall), _LONGEST_STALL)
            self._stalled_until = time.monotonic() + self._stall
            raise
        self._stall = self._stalled_until = 0.0
        return answer

    async def read(self, work: Work[Answer], *, limit: float) -> tuple[Answer, datetime | None]:
        """Read from the primary, or while there is none from a standby.

        Returns:
            The answer, and of a standby until when it knows everything; None: everything counts.
        """
        return await self._shielded(self._read(work, limit))

    async def of_its_own(self, ended: Callable[[], None]) -> Connection:
        """Return a connection to the primary that belongs to the caller until it breaks.

        Args:
            ended: Is called when it broke; that of a host that was let go of is broken too.

        Raises:
            StoreUnavailable, NotConfirmed: There is none now.
        """
        line = await self._line()
        session = await self._session(line)
        session.connection.add_termination_listener(lambda _: ended())
        return session.connection

    async def close(self) -> None:
        """Let work end, and let go of everything. Can be called twice."""
        self._closed = True
        if self._running:
            await asyncio.wait(self._running, timeout=5.0)
        for line in (self._primary, self._standby):
            if line is not None:
                await _closed(line)
        self._primary = self._standby = None

    # ------------------------------------------------ inside

    async def _shielded(self, work: Awaitable[Answer]) -> Answer:
        if self._closed:
            if asyncio.iscoroutine(work):
                work.close()
            raise StoreUnavailable("the store is closed")
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Future[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked may be gone

    async def _run(self, work: Work[Answer], limit: float) -> Answer:
        until = time.monotonic() + limit
        async with self._slots:
            line = await self._line()
            session = await self._session(line)
            return await self._on(line, session, work, max(until - time.monotonic(), 0.05))

    async def _read(self, work: Work[Answer], limit: float) -> tuple[Answer, datetime | None]:
        if time.monotonic() >= self._standby_until:
            try:
                return await self._run(work, limit), None
            except (StoreUnavailable, NotConfirmed):
                self._standby_until = time.monotonic() + _STANDBY_AGAIN_AFTER
        line = self._standby
        if line is None or line.is_dead:
            raise StoreUnavailable(f"no host can be read: {self._found_none}")

        async def both(connection: Connection) -> tuple[Answer, datetime | None]:
            as_of = await connection.fetchval("SELECT pg_last_xact_replay_timestamp()")
            return await work(connection), as_of or datetime.fromtimestamp(0).astimezone()

        async with self._standby_slots:
            return await self._on(line, await self._session(line), both, limit)

    async def _on(self, line: _Line, session: _Session, work: Work[Answer], limit: float) -> Answer:
        """Do work on a connection, and give that back or let go of it."""
        task = asyncio.ensure_future(_planned(session, work))
        await asyncio.wait({task}, timeout=limit)
        if not task.done():
            self._lose(line, f"no answer within {limit:.1f} s")
            await asyncio.wait({task}, timeout=1.0)
            task.cancel()
            raise TimedOut("PostgreSQL did not answer in time")
        error = task.exception()
        if session.warned:
            line.drop(session)
            raise NotConfirmed("a commit was not confirmed by the standbys")
        if error is None:
            line.idle.append(session)
            return task.result()
        if isinstance(error, _LOST) and not isinstance(error, ValueError):
            self._lose(line, str(error) or type(error).__name__)
            raise NotConfirmed(str(error)) from error
        state = getattr(error, "sqlstate", None)
        if state == _READ_ONLY or state in _GOING_DOWN:
            self._lose(line, str(error))
            raise unavailable(error) if state == _READ_ONLY else NotConfirmed(str(error)) from error
        await self._give_back(line, session)
        raise error

    async def _give_back(self, line: _Line, session: _Session) -> None:
        """Keep a connection whose work failed, once its transaction is over."""
        if session.connection.is_closed() or session.connection.is_in_transaction():
            line.drop(session)
        elif not line.is_dead:
            line.idle.append(session)

    def _lose(self, line: _Line, why: str) -> None:
        if not line.is_dead:
            line.cut()
            self._on_lost(line.host.name, why)

    async def _session(self, line: _Line) -> _Session:
        while line.idle:
            session = line.idle.pop()
            if not session.connection.is_closed():
                return session
            line.drop(session)
        try:
            reached = await connect(line.host)
        except asyncpg.TooManyConnectionsError as error:
            raise unavailable(error) from error  # those that stand are good
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            self._lose(line, str(error) or type(error).__name__)
            raise unavailable(error) from error
        if line is self._primary and not reached.is_primary:
            reached.connection.terminate()
            self._lose(line, "it cannot write any more")
            raise StoreUnavailable(f"{line.host.name} cannot write any more")
        return line.add(reached.connection)

    # ------------------------------------------------ finding the primary

    async def _line(self) -> _Line:
        if self._primary is not None and not self._primary.is_dead:
            return self._primary
        if self._looking is None:
            if time.monotonic() - self._looked_at < _LOOK_AGAIN_AFTER:
                raise StoreUnavailable(f"no host can write: {self._found_none}")
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(self._looking)

    async def _look(self) -> _Line:
        try:
            found = await find(self._hosts)
        finally:
            self._looking = None
        self._keep_standby(found.standbys)
        if found.primary is None:
            self._looked_at = time.monotonic()
            self._found_none = "; ".join(found.failures) or "all hosts are standbys"
            raise StoreUnavailable(f"no host can write: {self._found_none}")
        self._primary = _Line(found.primary.host)
        self._primary.idle.append(self._primary.add(found.primary.connection))
        self._standby_until = 0.0
        return self._primary

    def _keep_standby(self, reached: Sequence[Reached]) -> None:
        """Keep a connection to one standby for the time without a primary."""
        line = self._standby
        if line is not None and (line.is_dead or line.host not in [it.host for it in reached]):
            line.cut()
            line = self._standby = None
        for standby in reached:
            if line is None:
                line = self._standby = _Line(standby.host)
                line.idle.append(line.add(standby.connection))
            else:
                standby.connection.terminate()


async def _planned(session: _Session, work: Work[Answer]) -> Answer:
    now = time.monotonic()
    if now - session.planned_at > _PLAN_AGAIN_AFTER:
        await session.connection.execute("DISCARD PLANS")
        session.planned_at = now
    return await work(session.connection)


async def _closed(line: _Line) -> None:
    """Say good-bye to a server, so that its log has no broken connections."""
    line.is_dead = True
    for session in line.sessions:
        try:
            await session.connection.close(timeout=1.0)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            session.connection.terminate()
    line.sessions.clear()
