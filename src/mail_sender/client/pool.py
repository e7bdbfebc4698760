"""What a client remembers between requests: addresses, and lines that stand idle.

Neighbours: `lines` and `async_lines` each have a pool. It may be used by several threads, and
survives a fork: a process never writes on a line of its parent.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from .course import LineBroke, speaks_against_address
from .entry import Address, AddressBook
from .http1 import Answer

KEEP_IDLE = 30.0  #: seconds; the gateway keeps its side for 75


class KeptLine(Protocol):
    """A connection that may be used again."""

    address: Address
    idle_since: float

    @property
    def is_free(self) -> bool:
        """Whether the answer was read to its end, and another request may follow."""

    @property
    def is_quiet(self) -> bool:
        """Whether the other side has neither closed it nor said anything unasked."""

    def close(self) -> None:
        """Close it."""

    def leave_to_the_parent(self) -> None:
        """Forget the connection without a word on it (TLS would say goodbye)."""


Line = TypeVar("Line", bound=KeptLine)


class Pool(Generic[Line]):
    """See the module."""

    def __init__(self, chance: random.Random) -> None:
        self._lock = threading.Lock()
        self._book = AddressBook(chance)
        self._idle: list[Line] = []
        self._process = os.getpid()

    # ------------------------------------------------ addresses

    def addresses(self) -> tuple[list[Address], bool]:
        """Return the known addresses in order, and whether they are fresh."""
        now = time.monotonic()
        with self._lock:
            return self._book.in_order(now), self._book.is_fresh(now)

    def learn(self, found: Sequence[Address]) -> None:
        """Take what a look-up found."""
        with self._lock:
            self._book.learn(found, time.monotonic())

    def stay_as_it_is(self) -> None:
        """Go on with what is known: the resolver did not answer."""
        with self._lock:
            self._book.stays_as_it_is(time.monotonic())

    def unreachable(self, addresses: Sequence[Address]) -> None:
        """Note that no connection came about there, or that it took too long."""
        with self._lock:
            for address in addresses:
                self._book.failed(address, time.monotonic())

    def note(self, address: Address, result: Answer | LineBroke) -> None:
        """Note what a try came to; where a line broke, the idle ones are no better."""
        now = time.monotonic()
        with self._lock:
            if speaks_against_address(result):
                self._book.failed(address, now)
            else:
                self._book.worked(address, now)
        if isinstance(result, LineBroke):
            self._close_those(lambda line: line.address == address)

    # ------------------------------------------------ lines

    def take(self, addresses: Sequence[Address]) -> Line | None:
        """Return an idle line to the first of the addresses that has one."""
        while True:
            with self._lock:
                self._forget_those_of_the_parent()
                found = next(
                    (line for a in addresses for line in self._idle if line.address == a), None
                )
                if found is None:
                    return None
                self._idle.remove(found)
            if found.is_quiet and time.monotonic() - found.idle_since <= KEEP_IDLE:
                return found
            found.close()

    def put(self, line: Line) -> None:
        """Keep a line after its request, or close it."""
        if not line.is_free:
            line.close()
            return
        line.idle_since = now = time.monotonic()
        with self._lock:
            self._forget_those_of_the_parent()
            self._idle.append(line)
        self._close_those(lambda each: now - each.idle_since > KEEP_IDLE)

    def close(self) -> None:
        """Close every line that stands idle."""
        self._close_those(lambda _: True)

    def leave(self) -> None:
        """Forget every idle line without a word on it."""
        with self._lock:
            idle, self._idle = self._idle, []
        for line in idle:
            line.leave_to_the_parent()

    def _close_those(self, which: Callable[[Line], bool]) -> None:
        with self._lock:
            self._forget_those_of_the_parent()
            closing = [line for line in self._idle if which(line)]
            self._idle = [line for line in self._idle if line not in closing]
        for line in closing:
            line.close()

    def _forget_those_of_the_parent(self) -> None:
        if self._process != os.getpid():
            self._process = os.getpid()
            for line in self._idle:
                line.leave_to_the_parent()
            self._idle = []
