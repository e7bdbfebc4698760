"""Many callers, one commit.

A commit waits for the disk, and in a cluster for the standbys, perhaps on another continent.
Whatever is asked for meanwhile is gathered and goes into the next one, so that 64 callers who
wait cost one round trip. Two batches are under way at once: one waits while the other is
gathered.

An operation gets the requests of a batch and answers each, all in one transaction. When one of
them cannot be kept, the batch is undone and each runs by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from ...domain.errors import StoreUnavailable
from .hosts import Connection
from .pool import NotConfirmed, Pool, is_of_the_request, is_worth_repeating, unavailable

Request = TypeVar("Request")
Answer = TypeVar("Answer")
Operation = Callable[[Connection, Sequence[Request]], Awaitable[Sequence[Answer]]]

_AT_ONCE = 2  #: batches under way
_TRIES = 4  #: when other transactions were in the way
_FIRST_TRY = 0.7  #: of the limit; the rest is for finding out what became of it
_PAUSE = 0.2  #: seconds before that: a server that was restarted is back in a moment


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Request, Answer]):
    request: Request
    size: int
    future: asyncio.Future[Answer]


class Batches(Generic[Request, Answer]):
    """See the module."""

    def __init__(
        self,
        pool: Pool,
        operation: Operation[Request, Answer],
        *,
        most: int,
        limit: float,
        again: Operation[Request, Answer] | None = None,
    ) -> None:
        """Get ready.

        Args:
            pool: Where it runs.
            operation: See the module.
            most: Requests in one transaction, counted by their size.
            limit: Seconds until callers are answered.
            again: What is done then, on another connection, when a commit was not confirmed: it
                must find out whether the first came about.
        """
        self._pool = pool
        self._operation = operation
        self._again = again
        self._most = most
        self._limit = limit
        self._waiting: deque[_Entry[Request, Answer]] = deque()
        self._under_way: set[asyncio.Task[None]] = set()

    def run(self, request: Request, *, size: int = 1) -> asyncio.Future[Answer]:
        """Return what will be the answer, once it is committed. It may raise `StoreUnavailable`."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Entry(request, size, future))
        if len(self._under_way) < _AT_ONCE:
            task = asyncio.create_task(self._work())
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return future

    async def _work(self) -> None:
        while self._waiting:
            entries = self._gathered()
            try:
                answers = await self._answers([entry.request for entry in entries])
            except Exception as error:  # noqa: BLE001 - whoever waits is told, whatever it is
                if len(entries) > 1 and is_of_the_request(error):
                    await self._one_by_one(entries)
                else:
                    _refuse(entries, error)
                continue
            for entry, answer in zip(entries, answers, strict=True):
                if not entry.future.done():
                    entry.future.set_result(answer)

    def _gathered(self) -> list[_Entry[Request, Answer]]:
        entries = [self._waiting.popleft()]
        size = entries[0].size
        while self._waiting and size + self._waiting[0].size <= self._most:
            entries.append(self._waiting.popleft())
            size += entries[-1].size
        return entries

    async def _one_by_one(self, entries: Sequence[_Entry[Request, Answer]]) -> None:
        for entry in entries:
            try:
                (answer,) = await self._answers([entry.request])
            except Exception as error:  # noqa: BLE001 - as above
                _refuse([entry], error)
            else:
                if not entry.future.done():
                    entry.future.set_result(answer)

    async def _answers(self, requests: Sequence[Request]) -> Sequence[Answer]:
        until = time.monotonic() + self._limit
        tries_left = _TRIES
        limit = self._limit if self._again is None else self._limit * _FIRST_TRY
        operation = self._operation
        while True:
            try:
                return await self._pool.run(
                    partial(_run, operation=operation, requests=requests),
                    limit=limit,
                    urgent=operation is self._again,
                )
            except (NotConfirmed, StoreUnavailable) as error:
                left = until - time.monotonic() - _PAUSE
                is_nothing_done = isinstance(error, StoreUnavailable)
                if operation is self._operation and is_nothing_done:
                    raise
                if self._again is None or left <= 0:
                    raise
                await asyncio.sleep(_PAUSE)
                operation, limit = self._again, left
            except Exception as error:
                tries_left -= 1
                if not tries_left or not is_worth_repeating(error):
                    raise


async def _run(
    connection: Connection, operation: Operation[Request, Answer], requests: Sequence[Request]
) -> Sequence[Answer]:
    return await operation(connection, requests)


def _refuse(entries: Sequence[_Entry[Request, Answer]], error: Exception) -> None:
    for entry in entries:
        if not entry.future.done():
            entry.future.set_exception(error if is_of_the_request(error) else unavailable(error))
