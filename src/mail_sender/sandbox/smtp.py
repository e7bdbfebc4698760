"""An imitation of an SMTP relay (RFC 5321): takes everything, fails on command.

Neighbours: aiosmtpd speaks the protocol, `faults` says what goes wrong, `inbox` keeps the mail.
A transaction meets its fault at MAIL, AUTH its own. Whatever happens in here, the client hears
a 4yz and never a 5yz: a bug of the far side is no reason to give a mail up.

By convention a recipient `bounce@…` does not exist, so that a refusal can be seen without
setting anything.
"""

# ruff: noqa: ARG001, ARG002, N802 - aiosmtpd names its hooks and what it gives them

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections import defaultdict
from functools import partial
from typing import NoReturn, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from .contents import contents_of_mime, header_in, valid_text
from .faults import (
    Auth,
    CallKind,
    CutAfterBody,
    CutBeforeBody,
    CutInAnswer,
    Drawn,
    ErrorBefore,
    Faults,
    Hang,
    Malformed,
    RateLimited,
    Slow,
    Suspended,
    TakenThenCut,
    name_of,
)
from .inbox import MS_ID_HEADER, Inbox, Mail
from .listener import Connections, cut

_MAX_MESSAGE_BYTES = 40 * 1024 * 1024
_MAX_COMMAND_BYTES = 2048  #: RFC 5321 section 4.5.3.1.4 asks for 512, extensions for more
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_PLAIN_PATH = re.compile(rf" ?<({_ATOM}(?:\.{_ATOM})*@{_ATOM}(?:\.{_ATOM})*)>(| .*)")
_NO_SUCH_USER = "550 5.1.1 No such user here"
_LOCAL_TROUBLE = "451 4.3.0 Local trouble, try again later"
_log = logging.getLogger(__name__)


class SmtpAccount:
    """One relay; makes a protocol for every connection."""

    def __init__(
        self, account: str, *, inbox: Inbox, faults: Faults, tls: ssl.SSLContext | None
    ) -> None:
        self.name = account
        self.inbox = inbox
        self.faults = faults
        self._tls = tls

    def connection(self, connections: Connections) -> asyncio.BaseProtocol:
        """Return the protocol for a new connection."""
        return _Connection(_Dialogue(self), connections, self._tls)


class _Connection(SMTP):
    """aiosmtpd's protocol, which can be cut and is known to its listener."""

    def __init__(
        self, dialogue: _Dialogue, connections: Connections, tls: ssl.SSLContext | None
    ) -> None:
        # aiosmtpd keeps these limits in one dictionary for all connections, and clears it.
        self.command_size_limits = defaultdict(lambda: _MAX_COMMAND_BYTES)
        super().__init__(
            dialogue,
            data_size_limit=_MAX_MESSAGE_BYTES,
            enable_SMTPUTF8=True,
            hostname="sandbox.localhost",
            ident="Mail Sender sandbox",
            tls_context=tls,
            auth_require_tls=False,
            auth_callback=_anybody,
            loop=asyncio.get_running_loop(),
        )
        self._dialogue = dialogue
        self._connections = connections
        self._socket_transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called again, with another transport, when TLS begins."""
        if self._socket_transport is None:
            # A cast, because uvloop's transports are no subclass.
            self._socket_transport = cast("asyncio.Transport", transport)
            self._connections.add(self._socket_transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """The client is gone."""
        if self._socket_transport is not None:
            self._connections.remove(self._socket_transport)
        super().connection_lost(error)

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """Read a path; aiosmtpd's way takes half of all the time that a mail costs."""
        plain = _PLAIN_PATH.fullmatch(arg)
        return (plain[1], plain[2]) if plain else super()._getaddr(arg)

    async def smtp_DATA(self, arg: str) -> None:
        """Cut where the body should begin, if so commanded."""
        fault = self._dialogue.fault
        if isinstance(fault, CutBeforeBody) and self.envelope and self.envelope.rcpt_tos:
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            await self.cut(reset=fault.reset)
        await super().smtp_DATA(arg)

    async def cut(self, *, reset: bool) -> NoReturn:
        """End the connection without a word."""
        if self._socket_transport is not None:
            cut(self._socket_transport, reset=reset)
        await _until_lost()

    async def say_half(self, reply: str) -> NoReturn:
        """Send half a reply, without its line end, and close."""
        transport = cast("asyncio.Transport", self.transport)
        transport.write(reply[: len(reply) // 2].encode())
        transport.close()
        await _until_lost()


def _anybody(mechanism: str, login: bytes, password: bytes) -> bool:
    return True


async def _until_lost() -> NoReturn:
    """Wait until aiosmtpd sees that the connection is lost and cancels us."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("nobody sets this future")


class _Dialogue:
    """aiosmtpd's handler for one connection: the `handle_…` names and arguments are its own."""

    def __init__(self, account: SmtpAccount) -> None:
        self._account = account
        self.fault: Drawn | None = None  #: of the transaction that is under way

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, lines: list[str]
    ) -> list[str]:
        """Offer PIPELINING (RFC 2920): commands are read one by one from the buffer."""
        session.host_name = hostname
        return [lines[0], "250-PIPELINING", *lines[1:]]

    async def handle_AUTH(
        self, server: SMTP, session: Session, envelope: Envelope, args: list[str]
    ) -> str | None:
        """Take any name and password."""
        result = await self._credentials(server, args)
        if not result.success:
            return None  # it was told what was wrong
        account = self._account
        match account.faults.draw(account.name, CallKind.LOGIN):
            case Auth():
                return "535 5.7.8 Authentication credentials invalid"
            case Suspended():
                return "525 5.7.13 User account disabled"
            case _:
                session.authenticated = True
                return "235 2.7.0 Authentication successful"

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Begin a transaction, which meets its fault here."""
        account = self._account
        self.fault = account.faults.draw(account.name, CallKind.SEND)
        match self.fault:
            case Auth():
                return "530 5.7.0 Authentication required"
            case Suspended():
                return "550 5.7.1 This account is suspended"
            case RateLimited(retry_after=seconds):
                return f"451 4.7.0 Sending rate exceeded, try again in {seconds} seconds"
            case _:
                envelope.mail_from = address
                envelope.mail_options.extend(options)
                return "250 2.1.0 Ok"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Refuse who does not exist."""
        account = self._account
        is_bounce = address.rpartition("@")[0].lower() == "bounce"
        if is_bounce or account.faults.refuses(account.name, valid_text(address)):
            return _NO_SUCH_USER
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: _Connection, session: Session, envelope: Envelope) -> str:
        """Take the mail, unless the fault comes first."""
        fault = self.fault
        match fault:
            case ErrorBefore():
                return _LOCAL_TROUBLE
            case CutAfterBody(reset=reset):
                await server.cut(reset=reset)
            case Hang():
                # Shielded: the future belongs to everybody who hangs.
                await asyncio.shield(self._account.faults.healed(self._account.name))
            case _:
                pass
        mail = self._take(envelope)
        reply = f"250 2.0.0 Ok: queued as {mail.id}"
        if fault is not None:
            mail.fault = name_of(fault)
        match fault:
            case Slow(seconds=seconds):
                await asyncio.sleep(seconds)
            case TakenThenCut(reset=reset):
                await server.cut(reset=reset)
            case CutInAnswer():
                await server.say_half(reply)
            case Malformed():
                reply = "Ok, queued"
            case _:
                pass
        mail.answered = True  # aiosmtpd writes the reply next, without giving way before
        return reply

    async def handle_exception(self, error: Exception) -> str:
        """Answer for a bug. Without this method aiosmtpd says 500 and the exception's text."""
        _log.error("the sandbox's SMTP server failed", exc_info=error)
        return _LOCAL_TROUBLE

    async def _credentials(self, server: SMTP, args: list[str]) -> AuthResult:
        """Read the credentials, in the two ways that EHLO offers; keep nothing of them."""
        read = server.auth_PLAIN if args[0].upper() == "PLAIN" else server.auth_LOGIN
        return await read(server, args)

    def _take(self, envelope: Envelope) -> Mail:
        content = envelope.original_content or b""
        return self._account.inbox.put(
            provider=self._account.name,
            mail_from=_bare(envelope.mail_from or ""),
            recipients=tuple(dict.fromkeys(_bare(address) for address in envelope.rcpt_tos)),
            subject=header_in(content, "Subject") or "",
            ms_id=header_in(content, MS_ID_HEADER),
            raw=content,
            read=partial(contents_of_mime, content),
        )


def _bare(address: str) -> str:
    """Return an address of the envelope fit for JSON; aiosmtpd gives the null one as `<>`."""
    return "" if address == "<>" else valid_text(address)
