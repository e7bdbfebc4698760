"""Connections to the gateway for `AsyncClient`: `lines`, with asyncio.

Neighbours: those of `lines`. A request that is cancelled leaves no line behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
import time
from collections.abc import AsyncIterator, Sequence

from .course import Course, LineBroke
from .dial import (
    CONNECT_WITHIN,
    LOOK_UP_AGAIN,
    STAGGER,
    NotConnected,
    broke_in_handshake,
    is_readable,
    look_up_limit,
    may_be_found_later,
    unconnected,
    words_of,
)
from .entry import Address, Entry, look_up
from .http1 import Answer, AnswerReader, BadAnswer, Request
from .pool import Pool

_PIECE = 64 * 1024


class AsyncLines:
    """Brings requests to the gateway, for any number of tasks of one event loop."""

    def __init__(
        self,
        entry: Entry,
        context: ssl.SSLContext | None,
        *,
        reach_within: float,
        chance: random.Random,
    ) -> None:
        self._entry = entry
        self._context = context
        self._reach_within = reach_within
        self._chance = chance
        self._pool: Pool[AsyncLine] = Pool(chance)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def ask(self, request: Request, until: float) -> Answer:
        """Make a request, and repeat it as `course` says, until `time.monotonic()` is `until`.

        Raises:
            LineBroke: No answer. `was_sent` tells whether any try may have arrived.
        """
        line = await self._answered(request, until, is_whole=True)
        self._pool.put(line)
        return line.answer

    @contextlib.asynccontextmanager
    async def stream(self, request: Request, until: float) -> AsyncIterator[AsyncLine]:
        """Make a request whose 2xx is read with `pieces`; `until` is for its beginning.

        Raises:
            LineBroke: It did not begin.
        """
        line = await self._answered(request, until, is_whole=False)
        try:
            yield line
        finally:
            self._pool.put(line)

    def close(self) -> None:
        """Close what is kept. Another request opens anew."""
        self._pool.close()

    # ------------------------------------------------ tries

    async def _answered(self, request: Request, until: float, *, is_whole: bool) -> AsyncLine:
        """Return a line on which an answer stands that is not followed by another try."""
        self._leave_those_of_another_loop()
        head = request.head(self._entry.authority)
        course = Course(
            is_repeatable=request.is_repeatable,
            until=until,
            reach_until=time.monotonic() + self._reach_within,
            chance=self._chance,
        )
        last: AsyncLine | LineBroke = LineBroke("no answer in time", was_sent=False)
        while True:
            addresses = await self._addresses(course.connect_until)
            pause = course.pause(addresses, time.monotonic())
            if pause is None:
                break
            if pause > 0:
                await asyncio.sleep(pause)
                continue
            if isinstance(last, AsyncLine):
                last.close()
            try:
                line = await self._line(course, addresses, is_fresh=not request.is_repeatable)
            except LineBroke as broke:
                last = broke
                continue
            last = await _tried(line, head, request, until, is_whole=is_whole)
            result = last.answer if isinstance(last, AsyncLine) else last
            self._pool.note(line.address, result)
            if not course.goes_on_after(result, line.address, time.monotonic()):
                break
        if isinstance(last, LineBroke):
            raise course.given_up(last)
        return last

    def _leave_those_of_another_loop(self) -> None:
        """A transport works on its own loop only, and that one may be closed."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            self._pool.leave()

    # ------------------------------------------------ addresses and connections

    async def _addresses(self, until: float) -> list[Address]:
        """Return what the name stands for. Raises `LineBroke` when nobody can tell in time."""
        while True:
            known, is_fresh = self._pool.addresses()
            if is_fresh:
                return known
            try:
                async with asyncio.timeout(look_up_limit(known, until - time.monotonic())):
                    found = await asyncio.to_thread(look_up, self._entry)
            except OSError as error:
                if known:  # what was good before is better than nothing
                    self._pool.stay_as_it_is()
                    return known
                if not may_be_found_later(error, until - time.monotonic()):
                    raise LineBroke(words_of(error), was_sent=False, may_pass=False) from None
                await asyncio.sleep(LOOK_UP_AGAIN)
            else:
                self._pool.learn(found)

    async def _line(
        self, course: Course, addresses: Sequence[Address], *, is_fresh: bool
    ) -> AsyncLine:
        """Return a line to one of the addresses that may be asked now; see `Lines`.

        Raises:
            LineBroke: There is none; nothing was sent.
        """
        open_now = course.open(addresses, time.monotonic())
        while not is_fresh and (kept := self._pool.take(open_now)) is not None:
            if await kept.says_nothing():
                return kept
            kept.close()
        try:
            connected, address, slow = await dial(open_now, course.connect_until)
        except NotConnected as failure:
            self._pool.unreachable(open_now)
            raise course.never_reached(open_now, str(failure), time.monotonic()) from None
        self._pool.unreachable(slow)
        try:
            return AsyncLine(*await self._secured(connected, course.connect_until), address)
        except OSError as error:
            broke = broke_in_handshake(error)
            course.goes_on_after(broke, address, time.monotonic())
            self._pool.note(address, broke)
            raise broke from None

    async def _secured(
        self, connected: socket.socket, until: float
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return the connection with TLS, to the entry's name whatever the address."""
        if self._entry.is_tls and self._context is None:
            self._context = ssl.create_default_context()
        try:
            async with asyncio.timeout(min(CONNECT_WITHIN, until - time.monotonic())):
                return await asyncio.open_connection(
                    sock=connected,
                    ssl=self._context if self._entry.is_tls else None,
                    server_hostname=self._entry.host if self._entry.is_tls else None,
                )
        except BaseException:
            connected.close()
            raise


async def _tried(
    line: AsyncLine, head: bytes, request: Request, until: float, *, is_whole: bool
) -> AsyncLine | LineBroke:
    """Make a request on a line, and return it with the answer, or closed what happened."""
    try:
        await line.send(head, request.body or b"", request.patience, until)
        await line.read_answer(is_whole=is_whole)
    except LineBroke as broke:
        line.close()
        return broke
    except BaseException:  # also when the task is cancelled
        line.close()
        raise
    return line


class AsyncLine:
    """One connection, on which one request follows the other."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: Address
    ) -> None:
        self.address = address
        self.idle_since = 0.0
        self.answer = Answer(0, {})  #: the last one; without its body when it is not read whole
        self._from = reader
        self._to = writer
        self._reader = AnswerReader()
        self._was_sent_whole = True
        self._patience = 0.0
        self._until = 0.0

    async def send(self, head: bytes, body: bytes, patience: float, until: float) -> None:
        """Write a request. Raises `LineBroke`."""
        self._reader = AnswerReader()
        self._patience, self._until = patience, until
        whole = head + body
        try:
            for start in range(0, len(whole), _PIECE):
                async with asyncio.timeout(self._at_most()):
                    self._to.write(whole[start : start + _PIECE])
                    await self._to.drain()
        except TimeoutError as error:
            raise LineBroke(words_of(error), was_sent=True) from None
        except OSError:
            self._was_sent_whole = False  # a refusal may have come before all of it was read

    async def read_answer(self, *, is_whole: bool) -> None:
        """Read the answer, of a 2xx perhaps the head only. Raises `LineBroke`."""
        while self._reader.head is None:
            await self._read()
        self.answer = head = self._reader.head
        if is_whole or not head.is_success:
            while not self._reader.is_complete:
                await self._read()
            self.answer = Answer(head.status, head.headers, self._reader.take())

    async def pieces(self, patience: float) -> AsyncIterator[bytes]:
        """Yield the body as it comes, for however long; `patience` is the longest silence.

        Raises:
            LineBroke: It did not come to its end.
        """
        self._patience, self._until = patience, float("inf")
        while True:
            if piece := self._reader.take():
                yield piece
            if self._reader.is_complete:
                return
            await self._read()

    @property
    def is_free(self) -> bool:
        """See `pool.KeptLine`."""
        return self._was_sent_whole and self._reader.is_complete and self._reader.may_reuse

    @property
    def is_quiet(self) -> bool:
        """See `pool.KeptLine`; what the loop has read already only `says_nothing` can see."""
        if self._from.at_eof() or self._to.is_closing():
            return False
        return not is_readable(self._to.get_extra_info("socket").fileno())

    async def says_nothing(self) -> bool:
        """Whether nothing came since the last answer: it would be taken for the next one."""
        try:
            async with asyncio.timeout(0):
                await self._from.read(1)
        except TimeoutError:
            return True
        except OSError:
            pass
        return False

    def close(self) -> None:
        """Close it, without waiting for what was not written."""
        self._to.transport.abort()

    def leave_to_the_parent(self) -> None:
        """See `pool.KeptLine`: without a reference the transport closes its socket, silently."""

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(self._at_most()):
                data = await self._from.read(_PIECE)
            self._reader.feed(data)
        except (OSError, BadAnswer) as error:
            raise LineBroke(words_of(error), was_sent=True) from None

    def _at_most(self) -> float:
        return min(self._patience, self._until - time.monotonic())


async def dial(
    addresses: Sequence[Address], until: float
) -> tuple[socket.socket, Address, list[Address]]:
    """Connect to the first address that takes it: `dial.dial`, with asyncio.

    Raises:
        NotConnected: No address answered, in time.
    """
    until = min(until, time.monotonic() + CONNECT_WITHIN)
    waiting = list(addresses)
    begun: dict[asyncio.Task[socket.socket], Address] = {}
    why = "no answer in time"
    begin_next_at = now = time.monotonic()
    try:
        while (waiting or begun) and now < until:
            if waiting and (now >= begin_next_at or not begun):
                address = waiting.pop(0)
                begun[asyncio.create_task(_connected(address))] = address
                begin_next_at = now + STAGGER
            done, _ = await asyncio.wait(
                begun,
                timeout=(begin_next_at if waiting else until) - now,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                address = begun.pop(task)
                error = task.exception()
                if error is None:
                    return task.result(), address, list(begun.values())
                if not isinstance(error, OSError):
                    raise error
                why = words_of(error)
                begin_next_at = 0.0
            now = time.monotonic()
    finally:
        for task in begun:
            task.add_done_callback(_close_late)
            task.cancel()
    raise NotConnected(why)


def _close_late(task: asyncio.Task[socket.socket]) -> None:
    """Close what connected when another address had won already."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _connected(address: Address) -> socket.socket:
    family, sockaddr = address
    connecting = unconnected(family)
    try:
        await asyncio.get_running_loop().sock_connect(connecting, sockaddr)
    except BaseException:
        connecting.close()
        raise
    return connecting
