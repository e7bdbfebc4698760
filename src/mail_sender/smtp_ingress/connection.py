"""One connection: its socket, its TLS, its time.

Neighbours: `dialogue` speaks, `door` says who is admitted and carries out what takes time. Input
is not read while a step is under way and more than a little waits, nor while the client leaves
its replies unread: a client that is slow, or floods, holds up nobody but itself.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Protocol, cast

from ..observability import maillog
from . import replies
from .dialogue import Dialogue
from .limits import Budget, Limits
from .steps import Close, Envelope, LogIn, StartTls, Submit, Terms

_MOST_WAITING = 128 * 1024  #: octets that are read ahead while a step is under way
_LOOK_AGAIN = 5.0  #: seconds, while a step of ours takes its time
_LAST_WORDS = 5.0  #: seconds that a client gets to read what we said last


class Door(Protocol):
    """What a connection needs from the server it belongs to."""

    limits: Limits
    budget: Budget

    def admit(self, connection: Connection, transport: asyncio.Transport) -> Terms | None:
        """Count it and say what holds for it; None when there are too many."""
        ...

    def tls_context(self) -> ssl.SSLContext:
        """Return what a handshake is made with."""
        ...

    async def log_in(self, connection: Connection, secret: str) -> None:
        """Find the key and tell the dialogue."""
        ...

    async def submit(self, connection: Connection, envelope: Envelope, mail: bytes) -> str:
        """Make a mail durable and return the reply."""
        ...

    def left(self, connection: Connection) -> None:
        """A connection that was admitted is gone."""
        ...


class Connection(asyncio.Protocol):
    """See the module.

    Attributes:
        secret: What it logged in with, to see whether the key is still good at each mail.
    """

    dialogue: Dialogue

    def __init__(self, door: Door, *, begins_with_tls: bool) -> None:
        self.secret: str | None = None
        self.peer = ""
        self._door = door
        self._begins_with_tls = begins_with_tls
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._is_admitted = False
        self._is_over = False
        self._cannot_write = False
        self._hears_no_more = False
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._began = self._heard = self._mail_began = self._loop.time()
        self._is_receiving = False

    # ------------------------------------------------ asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        # A cast, because uvloop's transports are no subclass.
        self._transport = cast("asyncio.Transport", transport)
        terms = self._door.admit(self, self._transport)
        if terms is None:
            if not self._begins_with_tls:
                self._transport.write(f"{replies.TOO_MANY_CONNECTIONS}\r\n".encode())
            self._is_over = True
            self._transport.close()
            return
        self._is_admitted = True
        self.dialogue = Dialogue(terms, self._door.limits, self._door.budget)
        self._timer = self._loop.call_later(1, self._look_at_the_clock)
        if self._begins_with_tls:
            self._transport.pause_reading()
            self._task = self._loop.create_task(self._secure())
        else:
            self._go_on()

    def data_received(self, data: bytes) -> None:
        """Octets came."""
        if self._is_over:
            return
        self._heard = self._loop.time()
        self.dialogue.receive(data)
        if self._task is None:
            self._go_on()
        elif self.dialogue.waiting_octets > _MOST_WAITING:
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """The client does not read what we say."""
        self._cannot_write = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It does again."""
        self._cannot_write = False
        if self._task is None:
            self._go_on()

    def eof_received(self) -> bool:
        """The client says nothing more: close when what it said is answered."""
        self._hears_no_more = True
        is_plain = self._transport.get_extra_info("sslcontext") is None
        return is_plain and self._task is not None

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - over is over
        """It is gone. A mail that is being made durable is so all the same."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
        if self._is_admitted:
            self.dialogue.forget()
            self._door.left(self)

    # ------------------------------------------------ for the server

    def drain(self) -> None:
        """Begin no further mail; close as soon as none is under way."""
        if not self._is_over:
            self.dialogue.drain()
            if self._task is None:
                self._go_on()

    def abort(self) -> None:
        """End now, whatever is under way."""
        self._is_over = True
        self._transport.abort()

    # ------------------------------------------------ inside

    def _go_on(self) -> None:
        if self._cannot_write or self._is_over:
            return
        step = self.dialogue.advance()
        said = self.dialogue.replies()
        if said:
            self._transport.write(said)
        self._note_whether_a_mail_begins()
        if isinstance(step, Close):
            self._finish()
        elif step is not None:
            if isinstance(step, StartTls):
                self._transport.pause_reading()  # the handshake is not ours to read
            self._task = self._loop.create_task(self._carry_out(step))
        elif self._hears_no_more:
            self._finish()
        elif not self._cannot_write and not self._transport.is_reading():
            self._transport.resume_reading()

    def _note_whether_a_mail_begins(self) -> None:
        is_receiving = self.dialogue.is_receiving
        if is_receiving and not self._is_receiving:
            self._mail_began = self._heard
        self._is_receiving = is_receiving

    async def _carry_out(self, step: StartTls | LogIn | Submit) -> None:
        match step:
            case StartTls():
                await self._secure()
                return
            case LogIn(secret=secret):
                await self._door.log_in(self, secret)
            case Submit(envelope=envelope, mail=mail):
                self.dialogue.submitted(await self._door.submit(self, envelope, mail))
        self._task = None
        self._go_on()

    async def _secure(self) -> None:
        """Make the handshake; nothing that came in clear text is heard afterwards.

        Reading is paused, and `start_tls` takes the socket over before it first waits: between
        this line and the handshake nothing can come in clear text.
        """
        self.dialogue.handshake_begins()
        try:
            transport = await self._loop.start_tls(
                self._transport,
                self,
                self._door.tls_context(),
                server_side=True,
                ssl_handshake_timeout=self._door.limits.login_time.total_seconds(),
            )
        except (OSError, ssl.SSLError, ConnectionError, TimeoutError) as error:
            maillog.smtp("tls_failed", peer=self.peer, reason=type(error).__name__)
            self._is_over = True
            self._transport.abort()
            return
        if transport is None or self._is_over:  # the client left during the handshake
            return
        self._transport = transport
        self._heard = self._loop.time()
        self.dialogue.secured()
        self._task = None
        self._go_on()

    def _look_at_the_clock(self) -> None:
        now = self._loop.time()
        if self._task is not None:
            due = now + _LOOK_AGAIN
        else:
            due = self._ends_at()
            if now >= due:
                self._time_is_up(now)
                return
        self._timer = self._loop.call_at(due, self._look_at_the_clock)

    def _ends_at(self) -> float:
        limits = self._door.limits
        ends = [self._heard + limits.idle_time.total_seconds()]
        if self.dialogue.key is None:
            ends.append(self._began + limits.login_time.total_seconds())
        if self._is_receiving:
            ends.append(self._mail_began + limits.mail_time.total_seconds())
        elif self.dialogue.is_between_mails:
            ends.append(self._began + limits.session_time.total_seconds())
        return min(ends)

    def _time_is_up(self, now: float) -> None:
        is_old = now >= self._began + self._door.limits.session_time.total_seconds()
        self.dialogue.end(replies.SESSION_OVER if is_old else replies.TOO_SLOW)
        self._transport.write(self.dialogue.replies())
        self._finish()

    def _finish(self) -> None:
        """Close, and do not wait for ever until the client has read the last reply."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
        self._transport.close()
        self._timer = self._loop.call_later(_LAST_WORDS, self._transport.abort)
