"""Connections to the gateway for `Client`: one request after the other, repeated where it is safe.

Neighbours: `pool` remembers, `dial` connects, `course` decides what is repeated, `http1` reads and
writes; `async_lines` is the same for asyncio. Whether a byte of a request may have left is known
for every failure: before `Line.send` begins, none has.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence

from .course import Course, LineBroke
from .dial import (
    CONNECT_WITHIN,
    LOOK_UP_AGAIN,
    NotConnected,
    broke_in_handshake,
    dial,
    is_readable,
    look_up_limit,
    may_be_found_later,
    words_of,
)
from .entry import Address, Entry, look_up
from .http1 import Answer, AnswerReader, BadAnswer, Request
from .pool import Pool

_PIECE = 64 * 1024


class Lines:
    """Brings requests to the gateway; may be used by several threads at once."""

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
        self._pool: Pool[Line] = Pool(chance)

    def ask(self, request: Request, until: float) -> Answer:
        """Make a request, and repeat it as `course` says, until `time.monotonic()` is `until`.

        Raises:
            LineBroke: No answer. `was_sent` tells whether any try may have arrived.
        """
        line = self._answered(request, until, is_whole=True)
        self._pool.put(line)
        return line.answer

    @contextlib.contextmanager
    def stream(self, request: Request, until: float) -> Iterator[Line]:
        """Make a request whose 2xx is read with `pieces`; `until` is for its beginning.

        Raises:
            LineBroke: It did not begin.
        """
        line = self._answered(request, until, is_whole=False)
        try:
            yield line
        finally:
            self._pool.put(line)

    def close(self) -> None:
        """Close what is kept. Another request opens anew."""
        self._pool.close()

    # ------------------------------------------------ tries

    def _answered(self, request: Request, until: float, *, is_whole: bool) -> Line:
        """Return a line on which an answer stands that is not followed by another try."""
        head = request.head(self._entry.authority)
        course = Course(
            is_repeatable=request.is_repeatable,
            until=until,
            reach_until=time.monotonic() + self._reach_within,
            chance=self._chance,
        )
        last: Line | LineBroke = LineBroke("no answer in time", was_sent=False)
        while True:
            addresses = self._addresses(course.connect_until)
            pause = course.pause(addresses, time.monotonic())
            if pause is None:
                break
            if pause > 0:
                time.sleep(pause)
                continue
            if isinstance(last, Line):
                last.close()
            try:
                line = self._line(course, addresses, is_fresh=not request.is_repeatable)
            except LineBroke as broke:
                last = broke
                continue
            last = _tried(line, head, request, until, is_whole=is_whole)
            result = last.answer if isinstance(last, Line) else last
            self._pool.note(line.address, result)
            if not course.goes_on_after(result, line.address, time.monotonic()):
                break
        if isinstance(last, LineBroke):
            raise course.given_up(last)
        return last

    # ------------------------------------------------ addresses and connections

    def _addresses(self, until: float) -> list[Address]:
        """Return what the name stands for. Raises `LineBroke` when nobody can tell in time."""
        while True:
            known, is_fresh = self._pool.addresses()
            if is_fresh:
                return known
            try:
                found = _looked_up(self._entry, look_up_limit(known, until - time.monotonic()))
            except OSError as error:
                if known:  # what was good before is better than nothing
                    self._pool.stay_as_it_is()
                    return known
                if not may_be_found_later(error, until - time.monotonic()):
                    raise LineBroke(words_of(error), was_sent=False, may_pass=False) from None
                time.sleep(LOOK_UP_AGAIN)
            else:
                self._pool.learn(found)

    def _line(self, course: Course, addresses: Sequence[Address], *, is_fresh: bool) -> Line:
        """Return a line to one of the addresses that may be asked now.

        Args:
            course: Hears of the addresses that could not be reached.
            addresses: In order.
            is_fresh: Take none that was used before: it may have been closed meanwhile, and then
                nobody can tell whether the request arrived.

        Raises:
            LineBroke: There is none; nothing was sent.
        """
        now = time.monotonic()
        open_now = course.open(addresses, now)
        if not is_fresh and (kept := self._pool.take(open_now)) is not None:
            return kept
        try:
            connected, address, slow = dial(open_now, course.connect_until)
        except NotConnected as failure:
            self._pool.unreachable(open_now)
            raise course.never_reached(open_now, str(failure), time.monotonic()) from None
        self._pool.unreachable(slow)
        try:
            return Line(self._secured(connected, course.connect_until), address)
        except OSError as error:
            connected.close()
            broke = broke_in_handshake(error)
            course.goes_on_after(broke, address, time.monotonic())
            self._pool.note(address, broke)
            raise broke from None

    def _secured(self, connected: socket.socket, until: float) -> socket.socket:
        """Return the connection with TLS, to the entry's name whatever the address."""
        if not self._entry.is_tls:
            return connected
        if self._context is None:
            self._context = ssl.create_default_context()
        connected.settimeout(max(0.001, min(CONNECT_WITHIN, until - time.monotonic())))
        return self._context.wrap_socket(connected, server_hostname=self._entry.host)


def _tried(
    line: Line, head: bytes, request: Request, until: float, *, is_whole: bool
) -> Line | LineBroke:
    """Make a request on a line, and return it with the answer, or closed what happened."""
    try:
        line.send(head, request.body or b"", request.patience, until)
        line.read_answer(is_whole=is_whole)
    except LineBroke as broke:
        line.close()
        return broke
    except BaseException:
        line.close()
        raise
    return line


class Line:
    """One connection, on which one request follows the other."""

    def __init__(self, connected: socket.socket, address: Address) -> None:
        self.address = address
        self.idle_since = 0.0
        self.answer = Answer(0, {})  #: the last one; without its body when it is not read whole
        self._socket = connected
        self._reader = AnswerReader()
        self._was_sent_whole = True
        self._patience = 0.0
        self._until = 0.0

    def send(self, head: bytes, body: bytes, patience: float, until: float) -> None:
        """Write a request. Raises `LineBroke`."""
        self._reader = AnswerReader()
        self._patience, self._until = patience, until
        left = memoryview(head + body)
        try:
            while left:
                self._wait_at_most()
                left = left[self._socket.send(left[:_PIECE]) :]
        except TimeoutError as error:
            raise LineBroke(words_of(error), was_sent=True) from None
        except OSError:
            self._was_sent_whole = False  # a refusal may have come before all of it was read

    def read_answer(self, *, is_whole: bool) -> None:
        """Read the answer, of a 2xx perhaps the head only. Raises `LineBroke`."""
        while self._reader.head is None:
            self._read()
        self.answer = head = self._reader.head
        if is_whole or not head.is_success:
            while not self._reader.is_complete:
                self._read()
            self.answer = Answer(head.status, head.headers, self._reader.take())

    def pieces(self, patience: float) -> Iterator[bytes]:
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
            self._read()

    @property
    def is_free(self) -> bool:
        """See `pool.KeptLine`."""
        return self._was_sent_whole and self._reader.is_complete and self._reader.may_reuse

    @property
    def is_quiet(self) -> bool:
        """See `pool.KeptLine`."""
        return not is_readable(self._socket.fileno())

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def leave_to_the_parent(self) -> None:
        """See `pool.KeptLine`."""
        os.close(self._socket.detach())

    def _read(self) -> None:
        try:
            self._wait_at_most()
            self._reader.feed(self._socket.recv(_PIECE))
        except (OSError, BadAnswer) as error:
            raise LineBroke(words_of(error), was_sent=True) from None

    def _wait_at_most(self) -> None:
        left = min(self._patience, self._until - time.monotonic())
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)


def _looked_up(entry: Entry, seconds: float) -> list[Address]:
    """Look the name up for at most so long: a resolver has no limit of its own to set."""
    done: list[list[Address] | OSError] = []

    def run() -> None:
        try:
            done.append(look_up(entry))
        except OSError as error:
            done.append(error)

    thread = threading.Thread(target=run, daemon=True, name="mail-sender look-up")
    try:
        thread.start()
    except RuntimeError:  # none can be started at the end of the program
        run()
    else:
        thread.join(max(0.0, seconds))
    if not done:
        raise TimeoutError
    if isinstance(done[0], OSError):
        raise done[0]
    return done[0]
