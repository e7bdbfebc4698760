"""The only thread that writes: it commits for everybody who waits, at once (group commit).

A commit waits for the disk. Whatever is asked for meanwhile is gathered and goes into the next
one, so that 64 waiting callers cost one sync. Neighbours: `sqlite_intake`, `sqlite_work` and
others are the operations; `sqlite_checkpoint` keeps the write-ahead log short.

An operation is a function over the connection that gets *several* requests of its kind and
answers each: then 64 accepts are a handful of statements (each statement lets go of Python's
lock and has to wait for it again). It must change nothing but the database, since it may run
again: when one request of a batch fails, the batch is rolled back and each runs by itself.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

import msgspec

from ..domain.errors import StoreUnavailable

Request = TypeVar("Request")
Answer = TypeVar("Answer")
Operation = Callable[[sqlite3.Connection, Sequence[Request]], Sequence[Answer]]


class Write(Protocol):
    """Runs an operation in the thread of the open file."""

    def __call__(
        self, operation: Operation[Request, Answer], request: Request
    ) -> asyncio.Future[Answer]:
        """See `Writer.run`."""
        ...


_AT_ONCE = 512  #: requests in one commit
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
        self._queue: SimpleQueue[_Entry | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._stopped = False
        self._chore: Callable[[sqlite3.Connection], None] | None = None
        self._thread.start()

    def run(
        self, operation: Operation[Request, Answer], request: Request
    ) -> asyncio.Future[Answer]:
        """Return what will be the operation's answer once it is committed.

        A caller that is cancelled may find later that it was done all the same.

        Raises:
            StoreUnavailable: Nothing of it was kept.
        """
        if self._stopped:
            raise StoreUnavailable("the store is closed")
        future: asyncio.Future[Answer] = self._loop.create_future()
        self._queue.put(_Entry(operation, request, future))
        return future

    def after_next_commit(self, chore: Callable[[sqlite3.Connection], None]) -> None:
        """Let `chore` have the connection once, between two transactions."""
        self._chore = chore

    async def stop(self) -> None:
        """Finish what was asked for, and end."""
        if not self._stopped:
            self._stopped = True
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    # ------------------------------------------------ in the thread

    def _work(self) -> None:
        going_on = True
        while going_on:
            entries, going_on = self._gathered()
            if entries:
                self._deliver(entries, self._answers(entries))
                self._do_chore()
        self._disconnect()

    def _gathered(self) -> tuple[list[_Entry], bool]:
        """Wait for a request; return all that wait, and whether there will be more."""
        entries: list[_Entry] = []
        entry = self._queue.get()
        while entry is not None:
            entries.append(entry)
            if len(entries) == _AT_ONCE:
                return entries, True
            try:
                entry = self._queue.get_nowait()
            except Empty:
                return entries, True
        return entries, False

    def _answers(self, entries: Sequence[_Entry]) -> list[Any]:
        """Commit; return what each is answered, a `_Failure` where it is to be raised."""
        groups: dict[Operation[Any, Any], list[int]] = {}
        for index, entry in enumerate(entries):
            groups.setdefault(entry.operation, []).append(index)
        answers: list[Any] = [None] * len(entries)
        try:
            try:
                self._commit(entries, groups.values(), answers)
            except Exception as error:
                if _is_of_the_engine(error):
                    raise
                self._commit(
                    entries, [[index] for index in range(len(entries))], answers, alone=True
                )
        except Exception as error:  # noqa: BLE001 - nothing may end this thread
            self._recover(error)
            return [_Failure(_unavailable(error)) for _ in entries]
        self.commits += 1
        return answers

    def _commit(
        self,
        entries: Sequence[_Entry],
        groups: Iterable[Sequence[int]],
        answers: list[Any],
        *,
        alone: bool = False,
    ) -> None:
        connection = self._connection = self._connection or self._connect()
        connection.execute("BEGIN IMMEDIATE")
        try:
            for group in groups:
                requests = [entries[index].request for index in group]
                operation = entries[group[0]].operation
                got = (
                    _guarded(connection, operation, requests)
                    if alone
                    else operation(connection, requests)
                )
                for index, answer in zip(group, got, strict=True):
                    answers[index] = answer
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.rollback()
            raise

    def _recover(self, error: Exception) -> None:
        """After a failure of the disk begin with a new connection: the old one may be stale."""
        if _code(error) not in _KEEP_CONNECTION:
            self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _do_chore(self) -> None:
        chore, self._chore = self._chore, None
        if chore is not None and self._connection is not None:
            with suppress(sqlite3.Error):
                chore(self._connection)

    def _deliver(self, entries: Sequence[_Entry], answers: Sequence[Any]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(_resolve, entries, answers)


def one_by_one(
    request_to_answer: Callable[[sqlite3.Connection, Request], Answer],
) -> Operation[Request, Answer]:
    """Return an operation that answers its requests one after the other."""

    def operation(connection: sqlite3.Connection, requests: Sequence[Request]) -> Sequence[Answer]:
        return [request_to_answer(connection, request) for request in requests]

    return operation


def _resolve(entries: Sequence[_Entry], answers: Sequence[Any]) -> None:
    for entry, answer in zip(entries, answers, strict=True):
        if entry.future.done():
            continue
        if isinstance(answer, _Failure):
            entry.future.set_exception(answer.error)
        else:
            entry.future.set_result(answer)


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
