"""A session with a relay: opened, secured, logged in, and ready for mails.

Neighbours: `smtp_wire` carries the octets, `smtp_pool` keeps sessions, `smtp_transaction` hands
over one mail in one. Everything that happens before a session stands means that nothing was
sent; it is `Unopened`, with the stage that it happened at. TLS is never given up for clear
text, and what was learnt in clear is forgotten after STARTTLS.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from ..domain.secret import Secret
from .smtp_reply import MAX_LINES, Extensions, Garbage, Reply, extensions_in, line_of_reply
from .smtp_wire import Broken, Untrusted, Wire, reason_of

_CHUNK_OCTETS = 1 << 18  #: written at a time, so that encrypting 30 MB does not stop the loop
_FAREWELL_SECONDS = 2.0  #: for the reply to QUIT; nothing depends on it


class Tls(StrEnum):
    """How the connection is secured."""

    STARTTLS = "starttls"  #: in clear, then TLS or nothing (RFC 3207)
    IMPLICIT = "implicit"  #: TLS from the first octet (RFC 8314 section 3)
    NONE = "none"  #: in clear; for relays on the same machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long each part of a session may take."""

    connect: timedelta  #: name, TCP and TLS together
    command: timedelta  #: for each reply but the last
    write: timedelta  #: for handing a command or the mail to the kernel
    answer: timedelta  #: for the reply to the final dot


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Where mails are handed over, and as whom.

    Attributes:
        context: For TLS; verifies certificate and host name.
        login: User name and password; None to send without.
        hostname: Our own name, for EHLO.
    """

    host: str
    port: int
    tls: Tls
    context: ssl.SSLContext
    login: tuple[str, Secret] | None
    hostname: str
    limits: Limits


class Stage(StrEnum):
    """How far a session came before it failed."""

    WAIT = "waiting for a free connection"
    CONNECT = "connecting"
    IDENTITY = "verifying the server"  #: its certificate, or no TLS where we insist on it
    GREETING = "greeting"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    MECHANISM = "finding a way to log in"
    AUTH = "AUTH"


class Unopened(Exception):
    """There is no session, so nothing was sent.

    Attributes:
        reply: What the server said; None when it said nothing that makes sense.
        reason: The same, or ours, in words. No secret.
    """

    def __init__(self, stage: Stage, reason: str, reply: Reply | None = None) -> None:
        super().__init__(f"{stage}: {reason}")
        self.stage = stage
        self.reason = reason
        self.reply = reply


class ServiceClosing(Broken):
    """421: the server takes its leave, at whatever point (RFC 5321 section 3.8)."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


class Connection:
    """A session. Used by one task at a time; made by `open_connection` only.

    Attributes:
        extensions: What the last EHLO offered.
        transactions: How many were begun on it. Whether it can carry another is `is_reusable`.
        is_busy: A transaction is under way, so replies are owed. Whoever finds it so at the
            end must drop the session.
    """

    def __init__(self, relay: Relay, wire: Wire) -> None:
        self.extensions = Extensions({})
        self.transactions = 0
        self.is_busy = False
        self._relay = relay
        self._wire = wire
        self._hidden: tuple[str, ...] = ()

    @property
    def is_reusable(self) -> bool:
        """Whether it stands and nothing is owed. The far side may still have plans of its own."""
        return not (self.is_busy or self._wire.lost or self._wire.has_unread)

    @property
    def has_unread(self) -> bool:
        """Whether the server said something unasked."""
        return self._wire.has_unread

    @property
    def tls_version(self) -> str | None:
        """Such as TLSv1.3; None in clear."""
        return self._wire.tls_version

    async def command(self, line: str) -> Reply:
        """Send one command and return its reply.

        Raises:
            Broken: There is none.
        """
        await self.write(f"{line}\r\n".encode())
        return await self.reply()

    async def write(self, data: bytes) -> None:
        """Write and wait until all of it is with the kernel.

        Raises:
            Broken: It could not all be written, in time or at all.
        """
        octets = memoryview(data)
        limit = self._relay.limits.write
        with _in_words(f"the server did not take the data within {_seconds(limit)}"):
            async with asyncio.timeout(limit.total_seconds()):
                for start in range(0, len(octets), _CHUNK_OCTETS):
                    self._wire.write(octets[start : start + _CHUNK_OCTETS])
                    await self._wire.handed_over()

    def write_at_once(self, data: bytes) -> None:
        """Write without waiting.

        Raises:
            Broken: The connection was lost before: none of it was written.
        """
        self._wire.write(data)

    async def reply(self) -> Reply:
        """Return the next reply, but never 421, after which there is no session.

        Raises:
            ServiceClosing: It was 421.
            Broken: None came in time, or what came is no reply.
        """
        reply = await self._next_reply(self._relay.limits.command)
        if reply.code == 421:
            raise ServiceClosing(reply)
        return reply

    async def final_reply(self) -> Reply:
        """Return the reply to the final dot, 421 included, for which there is far more time.

        Raises:
            Broken: None came, or what came is no reply.
        """
        return await self._next_reply(self._relay.limits.answer)

    async def start_tls(self) -> None:
        """Secure the session; it begins anew.

        Raises:
            Untrusted: See `Wire.start_tls`.
            Broken: It takes too long or fails.
        """
        limit = self._relay.limits.connect
        with _in_words(f"no TLS within {_seconds(limit)}"):
            async with asyncio.timeout(limit.total_seconds()):
                await self._wire.start_tls(self._relay.context, self._relay.host)

    def hide(self, *secrets: str) -> None:
        """Replace these in every reply from now on; none: stop doing so."""
        self._hidden = tuple(filter(None, secrets))

    def leave(self) -> None:
        """Say QUIT and close as soon as the server has answered, or shortly after.

        RFC 5321 section 4.1.1.10: a client should wait for the reply, which holds up nobody
        here. `gone` tells when the socket is closed.
        """
        if self._wire.lost is not None:
            self._wire.abort()
            return
        self._wire.write(b"QUIT\r\n")
        asyncio.get_running_loop().call_later(_FAREWELL_SECONDS, self._wire.abort)

    def abort(self) -> None:
        """Close now; the server drops an unfinished transaction (RFC 5321 section 4.1.1.10)."""
        self._wire.abort()

    async def gone(self) -> None:
        """Wait until the socket is closed."""
        await self._wire.gone()

    async def _next_reply(self, limit: timedelta) -> Reply:
        with _in_words(f"no answer within {_seconds(limit)}"):
            async with asyncio.timeout(limit.total_seconds()):
                try:
                    return await self._read_reply()
                except Garbage as garbage:
                    raise Broken(str(garbage)) from None

    async def _read_reply(self) -> Reply:
        code, is_last, text = line_of_reply(await self._wire.read_line())
        lines = [text]
        while not is_last:
            next_code, is_last, text = line_of_reply(await self._wire.read_line())
            if next_code != code or len(lines) == MAX_LINES:
                raise Garbage("the server's answer is not SMTP")
            lines.append(text)
        for secret in self._hidden:
            lines = [line.replace(secret, "••••••") for line in lines]
        return Reply(code, tuple(lines))


async def open_connection(relay: Relay) -> Connection:
    """Open a session and log in.

    Raises:
        Unopened: There is none, and why.
    """
    with _at(Stage.CONNECT):
        wire = await _connected(relay)
    connection = Connection(relay, wire)
    try:
        await _introduce(connection, relay)
    except BaseException:
        connection.abort()
        raise
    return connection


async def _introduce(connection: Connection, relay: Relay) -> None:
    if relay.tls is Tls.IMPLICIT:
        with _at(Stage.CONNECT):
            await connection.start_tls()
    with _at(Stage.GREETING):
        _expect(220, Stage.GREETING, await connection.reply())
    await _hello(connection, relay)
    if relay.tls is Tls.STARTTLS:
        await _secure(connection)
        await _hello(connection, relay)
    if relay.login is not None:
        with _at(Stage.AUTH):
            await _authenticate(connection, *relay.login)


async def _hello(connection: Connection, relay: Relay) -> None:
    with _at(Stage.EHLO):
        reply = await connection.command(f"EHLO {relay.hostname}")
        _expect(250, Stage.EHLO, reply)
        connection.extensions = extensions_in(reply.lines)


async def _secure(connection: Connection) -> None:
    if "STARTTLS" not in connection.extensions:
        raise Unopened(
            Stage.IDENTITY,
            "the server does not offer STARTTLS, or somebody on the way removed the offer",
        )
    with _at(Stage.STARTTLS):
        _expect(220, Stage.STARTTLS, await connection.command("STARTTLS"))
        await connection.start_tls()


async def _authenticate(connection: Connection, username: str, password: Secret) -> None:
    """Log in (RFC 4954) by PLAIN (RFC 4616), else by LOGIN, which only habit defines."""
    user, key = _base64(username), _base64(password.reveal())
    both = _base64(f"\0{username}\0{password.reveal()}")
    connection.hide(password.reveal(), key, both)
    if "PLAIN" in connection.extensions.mechanisms:
        reply = await connection.command(f"AUTH PLAIN {both}")
    elif "LOGIN" in connection.extensions.mechanisms:
        for line in ("AUTH LOGIN", user):
            _expect(334, Stage.AUTH, await connection.command(line))
        reply = await connection.command(key)
    else:
        offered = ", ".join(sorted(connection.extensions.mechanisms)) or "no way to log in"
        raise Unopened(Stage.MECHANISM, f"PLAIN or LOGIN is needed, the server offers {offered}")
    _expect(235, Stage.AUTH, reply)
    connection.hide()


def _expect(code: int, stage: Stage, reply: Reply) -> None:
    if reply.code != code:
        raise Unopened(stage, str(reply), reply)


async def _connected(relay: Relay) -> Wire:
    """Try each address of the host in turn, sharing the time among them."""
    loop = asyncio.get_running_loop()
    limit = relay.limits.connect
    deadline = loop.time() + limit.total_seconds()
    reason = "host name not found"
    with _in_words(f"host name could not be looked up within {_seconds(limit)}"):
        async with asyncio.timeout_at(deadline):
            try:
                found = await loop.getaddrinfo(relay.host, relay.port, type=socket.SOCK_STREAM)
            except UnicodeError:  # a label that is empty or longer than 63 characters
                raise Broken(reason) from None
            except OSError as error:
                raise Broken(reason_of(error)) from None
    for at, (_, _, _, _, address) in enumerate(found):
        share = (deadline - loop.time()) / (len(found) - at)
        try:
            async with asyncio.timeout(share):
                _, wire = await loop.create_connection(Wire, str(address[0]), relay.port)
                return wire
        except TimeoutError:
            reason = f"no connection within {_seconds(limit)}"
        except OSError as error:
            reason = reason_of(error)
    raise Broken(reason)


@contextmanager
def _at(stage: Stage) -> Iterator[None]:
    """Turn a broken line into an `Unopened` of this stage."""
    try:
        yield
    except ServiceClosing as closing:
        raise Unopened(stage, closing.reason, closing.reply) from None
    except Untrusted as untrusted:
        raise Unopened(Stage.IDENTITY, untrusted.reason) from None
    except Broken as broken:
        raise Unopened(stage, broken.reason) from None


@contextmanager
def _in_words(reason: str) -> Iterator[None]:
    """Turn a time-out into a broken line."""
    try:
        yield
    except TimeoutError:
        raise Broken(reason) from None


def _seconds(limit: timedelta) -> str:
    return f"{limit.total_seconds():g} s"


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()
