"""Log records by mail: `mail_sender.client.logging.MailHandler`, for what a person must see.

Neighbours: `Client` sends. The rules that hold here: a log call never waits and never raises,
whatever the gateway does; a program that logs the same error a thousand times a second sends a few
mails; and what could not be said is counted in the next one.
"""

from __future__ import annotations

import logging
import os
import queue
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from .mail import Mail
from .sync_client import Client

MAX_RECORDS = 100  #: in one mail
MAX_SUBJECT_CHARS = 150
MAX_TEXT_CHARS = 200_000
_HOUR = 3600.0


class MailHandler(logging.Handler):
    """Sends records by mail, from a thread of its own.

    Records that come within `gather` seconds go into one mail, and there are at most
    `mails_an_hour`. What does not fit into the queue, into a mail or into the hour, and what the
    gateway did not take, is dropped and counted: the next mail says "n more suppressed".
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        sender: str | None = None,
        to: Sequence[str] | str,
        subject: str | None = None,
        level: int | str = logging.ERROR,
        gather: float = 5.0,
        mails_an_hour: int = 20,
        max_waiting: int = 1000,
        flush_within: float = 5.0,
        deadline: float = 60.0,
    ) -> None:
        """Start nothing yet: the thread begins with the first record.

        Args:
            url: Of the gateway.
            key: An API key with the scope `send`.
            sender: What stands in From; None: the gateway's default sender.
            to: Who gets the mails.
            subject: Before the words of the first record; None: the machine's name.
            level: Records below it are not sent.
            gather: Seconds to wait for further records after the first.
            mails_an_hour: At most so many; as many may go at once after a quiet hour.
            max_waiting: Records in the queue.
            flush_within: Seconds that `flush`, and the end of the program, may take.
            deadline: Seconds for which the gateway is tried, for each mail.
        """
        super().__init__(level)
        self._client = Client(url, key, deadline=deadline)
        self._sender = sender
        self._to = [to] if isinstance(to, str) else list(to)
        self._subject = socket.gethostname() if subject is None else subject
        self._gather = gather
        self._max_waiting = max_waiting
        self._flush_within = flush_within
        self._allowance = Allowance(mails_an_hour, time.monotonic())
        self._suppressed = 0
        self._process = os.getpid()
        self._waiting: queue.SimpleQueue[_Line | _Flush] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Put a record into the queue, and return at once."""
        try:
            self._forget_those_of_the_parent()
            if self._waiting.qsize() >= self._max_waiting:
                self._suppressed += 1
                return
            words = record.getMessage().partition("\n")[0]
            self._waiting.put(_Line(f"{record.levelname} {words}", self.format(record)))
            self._must_run()
        except Exception:  # noqa: BLE001 - whatever a record's arguments do, the program goes on
            self.handleError(record)

    def flush(self) -> None:
        """Send what waits, at most for `flush_within` seconds."""
        thread = self._thread
        if thread is not None and thread.is_alive() and thread is not threading.current_thread():
            done = _Flush()
            self._waiting.put(done)
            done.is_done.wait(self._flush_within)

    def close(self) -> None:
        """Send what waits, and keep no connection. Called at the end of the program."""
        self.flush()
        self._client.close()
        super().close()

    # ------------------------------------------------ the thread

    def _must_run(self) -> None:
        """Start the thread. The caller holds the handler's lock."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(
                target=self._run, name="mail-sender logging", daemon=True
            )
            self._thread.start()

    def _forget_those_of_the_parent(self) -> None:
        """After a fork the records that waited are the parent's, and so is its thread."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._waiting = queue.SimpleQueue()
            self._suppressed = 0

    def _run(self) -> None:
        waiting = self._waiting
        while True:
            lines, flush = self._gathered(waiting)
            if lines or self._suppressed:
                self._send(lines)
            if flush is not None:
                flush.is_done.set()

    def _gathered(
        self, waiting: queue.SimpleQueue[_Line | _Flush]
    ) -> tuple[list[_Line], _Flush | None]:
        """Wait for records, and for those that come shortly after; a flush ends the waiting."""
        lines: list[_Line] = []
        until = None
        if self._suppressed:
            until = time.monotonic() + max(self._gather, self._allowance.wait(time.monotonic()))
        while len(lines) < MAX_RECORDS:
            left = None if until is None else until - time.monotonic()
            try:
                found = waiting.get(timeout=None if left is None else max(left, 0))
            except queue.Empty:
                break
            if isinstance(found, _Flush):
                return lines, found
            if not lines:
                until = time.monotonic() + self._gather
            lines.append(found)
        return lines, None

    def _send(self, lines: list[_Line]) -> None:
        suppressed = self._suppressed
        if not self._allowance.take(time.monotonic()):
            self._count(len(lines))
            return
        try:
            self._client.send(self._mail(lines, suppressed))
        except Exception:  # noqa: BLE001 - whatever it was, the thread must live for the next mail
            self._count(len(lines))
        else:
            self._count(-suppressed)

    def _count(self, suppressed: int) -> None:
        self.acquire()  # the lock of `handle`, under which `emit` counts
        self._suppressed += suppressed
        self.release()

    def _mail(self, lines: list[_Line], suppressed: int) -> Mail:
        first = lines[0].words if lines else f"{suppressed} more suppressed"
        more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
        subject = " ".join(f"{self._subject}: {first}".split())
        text = "\n\n".join(line.text for line in lines)[:MAX_TEXT_CHARS]
        if suppressed:
            text += f"\n\n{suppressed} more suppressed"
        return Mail(
            sender=self._sender,
            to=self._to,
            subject="".join(c for c in subject if c.isprintable())[:MAX_SUBJECT_CHARS] + more,
            text=text.replace("\0", "\N{SYMBOL FOR NULL}").strip() or "(no words)",
        )


@dataclass(frozen=True, slots=True)
class _Line:
    """A record: its first line with its level, and all of it as it was formatted."""

    words: str
    text: str


@dataclass(frozen=True, slots=True)
class _Flush:
    """A request to send what waits."""

    is_done: threading.Event = field(default_factory=threading.Event)


class Allowance:
    """How many mails may go: so many an hour, and as many at once when none went."""

    def __init__(self, an_hour: int, now: float) -> None:
        self._an_hour = float(an_hour)
        self._left = self._an_hour
        self._at = now

    def take(self, now: float) -> bool:
        """Take one, if there is one."""
        self._grow(now)
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def wait(self, now: float) -> float:
        """Return the seconds until there is one."""
        self._grow(now)
        return max(0.0, (1 - self._left) * _HOUR / self._an_hour)

    def _grow(self, now: float) -> None:
        self._left = min(self._an_hour, self._left + (now - self._at) * self._an_hour / _HOUR)
        self._at = now
