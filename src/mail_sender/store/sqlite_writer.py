"""The only connection that writes: it commits for everybody who waits, at once (group commit).

A commit waits for the disk. Whatever is asked for meanwhile is gathered and goes into the next
one, so that 64 waiting callers cost one sync. Neighbours: `sqlite_intake`, `sqlite_work` and
others are the operations; `sqlite_checkpoint` keeps the write-ahead log short.

An operation is a function over the connection that gets *several* requests of its kind and
answers each: then 64 accepts are a handful of statements. It must change nothing but the
database, since it may run again: when one request of a batch fails, the batch is rolled back
and each runs by itself.

Where the work is done: the commit on a thread, always. The statements before it on that thread
too, unless the request is said to be brief (it writes at the end of tables, and reads what was
just written): those run on the event loop, because each statement on a thread lets go of
Python's lock and has to win it back from a busy loop, which costs more than the statement does.
The connection is never used by both: from the hand-over to the thread until its answer the loop
keeps away from it.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

import msgspec

from ..domain.errors import StoreUnavailable

Request = TypeVar("Request")
Answer = TypeVar("Answer")
Operation = Callable[[sqlite3.Connection, Sequence[Request]], Sequence[Answer]]
Chore = Callable[[sqlite3.Connection], None]


class Write(Protocol):
    """Runs an operation in the thread of the open file."""

    def __call__(
        self, operation: Operation[Request, Answer], request: Request
    ) -> asyncio.Future[Answer]:
        """See `Writer.run`."""
        ...


_AT_ONCE = 512  #: requests in one commit
_BRIEF_AT_ONCE = 128  #: the same of brief ones: some 4 ms of the event loop
_KEEP_CONNECTION = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY}
_OF_THE_REQUEST = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH}


class _Entry(msgspec.Struct, frozen=True):
    operation: Operation[Any, Any]
    request: Any
    future: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Failure:
    error: Exception


class Writer:
    """See the module. Belongs to the event loop that started it."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        """`connect` is called in the thread, also again after the engine failed."""
        self.commits = 0
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self._patience_ms = 0  #: how long the connection waits for another program's lock
        self._brief: list[_Entry] = []
        self._others: list[_Entry] = []
        self._chore: Chore | None = None
        self._is_busy = False  #: the thread has the connection
        self._is_called = False  #: `_go_on` will run
        self._was_brief = False
        self._stopped: asyncio.Future[None] | None = None
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def run(
        self, operation: Operation[Request, Answer], request: Request, *, brief: bool = False
    ) -> asyncio.Future[Answer]:
        """Return what will be the operation's answer once it is committed.

        A caller that is cancelled may find later that it was done all the same.

        Args:
            operation: What is done.
            request: What it is done to.
            brief: It takes some 50 µs and needs nothing that has to be fetched from a slow disk:
                it may hold up the event loop.

        Raises:
            StoreUnavailable: Nothing of it was kept.
        """
        if self._stopped is not None:
            raise StoreUnavailable("the store is closed")
        future: asyncio.Future[Answer] = self._loop.create_future()
        waiting = self._brief if brief else self._others
        waiting.append(_Entry(operation, request, future))
        self._call()
        return future

    def after_next_commit(self, chore: Chore) -> None:
        """Let `chore` have the connection once, between two transactions. From any thread."""
        self._chore = chore

    async def stop(self) -> None:
        """Finish what was asked for, and end."""
        if self._stopped is None:
            self._stopped = self._loop.create_future()
            self._call()
        await self._stopped
        await asyncio.to_thread(self._thread.join)

    # ------------------------------------------------ on the event loop

    def _call(self) -> None:
        """Let those who are about to run ask as well, then go on with all of them."""
        if not (self._is_called or self._is_busy):
            self._is_called = True
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        """Give the thread something to do, brief requests and others by turns."""
        self._is_called = False
        if self._chore is not None and self._connection is not None:
            chore, self._chore = self._chore, None
            self._give(partial(self._do, self._connection, chore))
        elif self._brief and not (self._others and self._was_brief):
            entries, self._brief = self._brief[:_BRIEF_AT_ONCE], self._brief[_BRIEF_AT_ONCE:]
            self._was_brief = True
            connection, answers = self._connection, self._written(entries)
            if connection is None or answers is None:
                self._give(partial(self._do_all, entries))
            else:
                self._give(partial(self._commit, connection, entries, answers))
        elif self._others:
            entries, self._others = self._others[:_AT_ONCE], self._others[_AT_ONCE:]
            self._was_brief = False
            self._give(partial(self._do_all, entries))
        elif self._stopped is not None and not self._stopped.done():
            self._work.put(None)
            self._stopped.set_result(None)

    def _give(self, work: Callable[[], None]) -> None:
        self._is_busy = True
        self._work.put(work)

    def _written(self, entries: Sequence[_Entry]) -> list[Any] | None:
        """Run the statements; None, and nothing is written, where the thread has to do it.

        That is so when another program writes at the moment, and after every failure.
        """
        connection = self._connection
        if connection is None:
            return None
        answers: list[Any] = [None] * len(entries)
        try:
            self._begin_now(connection)
            _write(connection, entries, _groups(entries), answers)
        except Exception:  # noqa: BLE001 - whatever it is, the thread meets it again, and says so
            with suppress(sqlite3.Error):
                connection.rollback()
            return None
        return answers

    def _begin_now(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            connection.execute("BEGIN IMMEDIATE")
        finally:
            connection.execute(f"PRAGMA busy_timeout = {self._patience_ms}")

    def _done(self, entries: Sequence[_Entry], answers: Sequence[Any]) -> None:
        self._is_busy = False
        for entry, answer in zip(entries, answers, strict=True):
            if entry.future.done():
                continue
            if isinstance(answer, _Failure):
                entry.future.set_exception(answer.error)
            else:
                entry.future.set_result(answer)
        if self._brief or self._others or self._chore or self._stopped is not None:
            self._call()

    # ------------------------------------------------ in the thread

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()
        self._disconnect()

    def _answer(self, entries: Sequence[_Entry], answers: Sequence[Any]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._done, entries, answers)

    def _commit(
        self, connection: sqlite3.Connection, entries: Sequence[_Entry], answers: list[Any]
    ) -> None:
        """End a transaction of the event loop; its answers count if that works."""
        try:
            connection.execute("COMMIT")
            self.commits += 1
        except Exception as error:  # noqa: BLE001 - nothing may end this thread
            answers = self._failures(entries, error)
        self._answer(entries, answers)

    def _do_all(self, entries: Sequence[_Entry]) -> None:
        """Do a whole transaction; if one request fails, each for itself."""
        answers: list[Any] = [None] * len(entries)
        try:
            try:
                self._transaction(entries, _groups(entries), answers)
            except Exception as error:
                if _is_of_the_engine(error):
                    raise
                each = [[index] for index in range(len(entries))]
                self._transaction(entries, each, answers, alone=True)
            self.commits += 1
        except Exception as error:  # noqa: BLE001 - nothing may end this thread
            answers = self._failures(entries, error)
        self._answer(entries, answers)

    def _transaction(
        self,
        entries: Sequence[_Entry],
        groups: Iterable[Sequence[int]],
        answers: list[Any],
        *,
        alone: bool = False,
    ) -> None:
        connection = self._connection or self._connected()
        connection.execute("BEGIN IMMEDIATE")
        try:
            _write(connection, entries, groups, answers, alone=alone)
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.rollback()
            raise

    def _do(self, connection: sqlite3.Connection, chore: Chore) -> None:
        with suppress(sqlite3.Error):
            chore(connection)
        self._answer((), ())

    def _failures(self, entries: Sequence[_Entry], error: Exception) -> list[Any]:
        """Let all fail. After a failure of the disk begin anew: the connection may be stale."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.rollback()
        if _code(error) not in _KEEP_CONNECTION:
            self._disconnect()
        return [_Failure(_unavailable(error)) for _ in entries]

    def _connected(self) -> sqlite3.Connection:
        connection = self._connection = self._connect()
        (self._patience_ms,) = connection.execute("PRAGMA busy_timeout").fetchone()
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


def one_by_one(
    request_to_answer: Callable[[sqlite3.Connection, Request], Answer],
) -> Operation[Request, Answer]:
    """Return an operation that answers its requests one after the other."""

    def operation(connection: sqlite3.Connection, requests: Sequence[Request]) -> Sequence[Answer]:
        return [request_to_answer(connection, request) for request in requests]

    return operation


def _groups(entries: Sequence[_Entry]) -> Iterable[Sequence[int]]:
    groups: dict[Operation[Any, Any], list[int]] = {}
    for index, entry in enumerate(entries):
        groups.setdefault(entry.operation, []).append(index)
    return groups.values()


def _write(
    connection: sqlite3.Connection,
    entries: Sequence[_Entry],
    groups: Iterable[Sequence[int]],
    answers: list[Any],
    *,
    alone: bool = False,
) -> None:
    """Run the statements of each group, and put down what each is answered."""
    for group in groups:
        requests = [entries[index].request for index in group]
        operation = entries[group[0]].operation
        run = _guarded if alone else _plainly
        for index, answer in zip(group, run(connection, operation, requests), strict=True):
            answers[index] = answer


def _plainly(
    connection: sqlite3.Connection, operation: Operation[Any, Any], requests: Sequence[Any]
) -> Sequence[Any]:
    return operation(connection, requests)


def _guarded(
    connection: sqlite3.Connection, operation: Operation[Any, Any], requests: Sequence[Any]
) -> Sequence[Any]:
    """Run one request so that its failure leaves no trace and no other request fails with it."""
    connection.execute("SAVEPOINT alone")
    try:
        answers = operation(connection, requests)
    except Exception as error:
        if _is_of_the_engine(error):
            raise
        connection.execute("ROLLBACK TO alone")
        answers = [_Failure(error)]
    connection.execute("RELEASE alone")
    return answers


def _is_of_the_engine(error: Exception) -> bool:
    """Whether everybody who shares the commit is concerned: disk, file or lock."""
    of_engine = isinstance(error, sqlite3.OperationalError | sqlite3.InternalError)
    return (of_engine or type(error) is sqlite3.DatabaseError) and (
        _code(error) not in _OF_THE_REQUEST
    )


def _code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _unavailable(error: Exception) -> StoreUnavailable:
    unavailable = StoreUnavailable(f"the store cannot be written: {error}")
    unavailable.__cause__ = error
    return unavailable
