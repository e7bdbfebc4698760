"""Any SMTP relay or submission server (RFC 5321, RFC 6409): a company's own, or a provider's.

Neighbours: `smtp_pool` keeps sessions, `smtp_connection` opens them, `smtp_transaction` hands a
mail over, `smtp_outcomes` reads what the server says, `mime` writes the mail. Quirks of SMTP:
one reply covers all recipients at the end, and when that reply is lost nobody can be asked
what became of the mail; bounces come by mail to the envelope sender and not to us.

Our id travels as Message-ID (`<msg_…@sender's domain>`, the same at each attempt), as X-MS-ID
(relays such as Amazon's replace the former), and as ENVID where delivery reports are offered.
Tags travel as X-MS-Tag. Metadata does not travel: a header is visible to every recipient, and
metadata is the sender's own business.
"""

from __future__ import annotations

import asyncio
import dataclasses
import ipaddress
import ssl
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from ..domain.errors import ConfigError
from ..domain.message import Address, Content, Message
from ..domain.outcome import Blame, Deferred, Diagnostic, Outcome, Refused
from ..domain.secret import Secret
from ..mime import (
    ascii_address,
    is_eight_bit,
    least_bytes,
    message_id_of,
    needs_smtputf8,
    render,
    smtputf8_address,
    spelled_out,
)
from .port import Capabilities, Check, CheckResult, Settling
from .settings import CommonSettings, Doc, Tools
from .smtp_connection import Connection, Limits, Relay, Stage, Tls, Unopened, open_connection
from .smtp_outcomes import outcome_of_unopened
from .smtp_pool import Lease, Pool
from .smtp_reply import Extensions
from .smtp_transaction import Mail, Result, transact
from .smtp_wire import Broken

_LARGE_BYTES = 256 * 1024  #: from here on, writing the mail is worth a thread
_RECIPIENTS_OF_A_TRANSACTION = 100  #: what every server must take, RFC 5321 section 4.5.3.1.8
_MAX_RECIPIENTS = 1000  #: of a message; transactions follow each other
_ANSWERED_BY_AN_OFFER = {Stage.IDENTITY, Stage.MECHANISM}
_PORTS = {Tls.STARTTLS: 587, Tls.IMPLICIT: 465, Tls.NONE: 25}


class Settings(CommonSettings, frozen=True, kw_only=True):
    """The table of a provider with `kind = "smtp"`."""

    host: Annotated[str, Doc(min_length=1, description="Name or address of the server.")]
    port: (
        Annotated[
            int,
            Doc(
                ge=1,
                le=65535,
                description="By default 587 for `starttls`, 465 for `implicit`, 25 for `none`.",
            ),
        ]
        | None
    ) = None
    tls: Annotated[
        Tls,
        Doc(
            description="`starttls` secures the connection before anything is said, or does not "
            "send; `implicit` begins with TLS; `none` is for a server on the same machine."
        ),
    ] = Tls.STARTTLS
    username: Annotated[str | None, Doc(description="Leave out to send without logging in.")] = None
    password: Annotated[Secret | None, Doc(description="Belongs to `username`.")] = None
    ca_file: Annotated[
        str | None,
        Doc(description="Certificates (PEM) to trust besides the machine's, for private servers."),
    ] = None
    max_connections: Annotated[
        int, Doc(ge=1, le=1000, description="Open at the same time at most.")
    ] = 10
    messages_per_connection: Annotated[
        int, Doc(ge=1, description="After so many the connection is closed.")
    ] = 100
    idle_timeout: Annotated[
        timedelta, Doc(description="How long a connection is kept without a mail.")
    ] = timedelta(seconds=30)
    command_timeout: Annotated[
        timedelta, Doc(description="For each answer before the mail itself; nothing was sent yet.")
    ] = timedelta(seconds=30)
    write_timeout: Annotated[
        timedelta, Doc(description="Until the whole mail is handed to the kernel.")
    ] = timedelta(minutes=3)
    answer_timeout: Annotated[
        timedelta,
        Doc(
            description="From then on; when it runs out the outcome is unknown. RFC 5321 section "
            "4.5.3.2.6 asks for 10 minutes: less makes duplicates."
        ),
    ] = timedelta(minutes=10)

    def __post_init__(self) -> None:
        """Refuse what would fail, or betray the password, at the first mail."""
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together")
        if self.password is not None and self.tls is Tls.NONE and not _is_loopback(self.host):
            raise ValueError('tls = "none" would send the password in clear to another machine')


def make(name: str, settings: Settings, tools: Tools) -> Smtp:
    """Return the provider.

    Raises:
        ConfigError: `ca_file` cannot be read.
    """
    return Smtp(name, settings, tools)


class Smtp:
    """See `port.Provider`."""

    kind = "smtp"

    def __init__(self, name: str, settings: Settings, tools: Tools) -> None:
        self.name = name
        self.sender = settings.sender_address()
        self._clock = tools.clock
        self._relay = _relay(name, settings, tools)
        self._offered: Extensions | None = None  #: by the last EHLO; None: not asked yet
        self._pool = Pool(
            self._open,
            size=settings.max_connections,
            messages=settings.messages_per_connection,
            idle=settings.idle_timeout,
            wait=settings.connect_timeout,
        )

    @property
    def capabilities(self) -> Capabilities:
        """See `Provider.capabilities`; what the server was last heard to offer."""
        return Capabilities(
            max_recipients=_MAX_RECIPIENTS,
            max_message_bytes=self._offered.max_bytes if self._offered else None,
            max_tags=0,
            metadata=False,
            custom_headers=True,
            attachments=True,
            inline_images=True,
            smtputf8=self._offered is None or "SMTPUTF8" in self._offered,
            blind_alone=True,
            names_everybody=True,
            settles_by=(Settling.NOTHING,),
            whole_mails=True,
        )

    def cannot_express(self, message: Message) -> str | None:
        """See `Provider.cannot_express`.

        What the server offers is not known before the first connection: until then it is
        worth a try.
        """
        content = message.content
        if len(content.recipients) > _MAX_RECIPIENTS:
            return f"a mail has {_MAX_RECIPIENTS} recipients at most"
        try:
            odd = _needs_smtputf8(message, content.recipients)
        except ValueError as error:
            return str(error)
        capabilities = self.capabilities
        if odd and not capabilities.smtputf8:
            return "an address is not ASCII before its @, and this server has no SMTPUTF8"
        if capabilities.max_message_bytes is None:
            return None
        if least_bytes(content) > capabilities.max_message_bytes:
            return f"this server takes mails of {capabilities.max_message_bytes} bytes at most"
        return None

    async def send(self, message: Message, *, to: frozenset[Address]) -> Mapping[Address, Outcome]:
        """See `Provider.send`."""
        recipients = [address for address in message.content.recipients if address in to]
        try:
            if least_bytes(message.content) > _LARGE_BYTES:
                mail = await asyncio.to_thread(_mail, message, recipients, self._offered)
            else:
                mail = _mail(message, recipients, self._offered)
        except ValueError as error:
            refused = Refused(blame=Blame.MESSAGE, diagnostic=Diagnostic(text=str(error)))
            return dict.fromkeys(recipients, refused)
        try:
            async with self._pool.lease() as lease:
                return await _hand_over(lease, mail, recipients)
        except Unopened as unopened:
            return dict.fromkeys(recipients, outcome_of_unopened(unopened))

    async def check(self) -> Check:
        """See `Provider.check`: opens a session of its own, logs in, says NOOP."""
        began = self._clock.now()
        try:
            result, detail = await self._try_out()
        except Unopened as unopened:
            answered = unopened.reply is not None or unopened.stage in _ANSWERED_BY_AN_OFFER
            result = CheckResult.REFUSED if answered else CheckResult.UNREACHABLE
            detail = f"{self._where} failed at {unopened.stage}: {unopened.reason}"
        return Check(result=result, detail=detail, took=self._clock.now() - began)

    async def close(self) -> None:
        """See `Provider.close`."""
        await self._pool.close()

    @property
    def _where(self) -> str:
        return f"{self._relay.host} port {self._relay.port}"

    async def _open(self) -> Connection:
        connection = await open_connection(self._relay)
        self._offered = connection.extensions
        return connection

    async def _try_out(self) -> tuple[CheckResult, str]:
        connection = await self._open()
        try:
            reply = await connection.command("NOOP")
        except Broken as broken:
            connection.abort()
            return CheckResult.UNREACHABLE, f"{self._where} broke off: {broken.reason}"
        connection.leave()
        await connection.gone()
        size = connection.extensions.max_bytes
        return (CheckResult.WORKS if reply.is_positive else CheckResult.REFUSED), "; ".join(
            [
                f"{self._where} answers {reply}",
                connection.tls_version or "without TLS",
                "logged in" if self._relay.login else "without logging in",
                f"mails of {size} bytes at most" if size else "no size limit told",
            ]
        )


async def _hand_over(
    lease: Lease, mail: Mail, recipients: Sequence[Address]
) -> Mapping[Address, Outcome]:
    """Make as many transactions as the recipients need, one after the other.

    When one breaks, those behind it are deferred without a further try: the server has
    trouble, and where to go on is not decided here.
    """
    outcomes: dict[Address, Outcome] = {}
    left = list(recipients)
    while left:
        batch = left[:_RECIPIENTS_OF_A_TRANSACTION]
        try:
            result = await _transact(lease, mail, batch)
        except Unopened as unopened:
            outcomes |= dict.fromkeys(left, outcome_of_unopened(unopened))
            break
        outcomes |= result.outcomes
        left = [*result.again, *left[len(batch) :]]
        if result.broken is not None:
            not_tried = Deferred(blame=Blame.PROVIDER, diagnostic=result.broken)
            outcomes |= dict.fromkeys(left, not_tried)
            break
    return outcomes


async def _transact(lease: Lease, mail: Mail, batch: Sequence[Address]) -> Result:
    """Make one transaction; anew, once, if a kept session turns out to be dead before the mail."""
    was_used_before = lease.was_used_before
    result = await transact(lease.connection, mail, batch)
    if result.broken is not None and result.before_the_mail and was_used_before:
        await lease.renew()
        result = await transact(lease.connection, mail, batch)
    return result


def _mail(message: Message, recipients: Sequence[Address], offered: Extensions | None) -> Mail:
    """Return the mail ready for the wire.

    Args:
        message: What to write.
        recipients: Of the envelope.
        offered: What the server was last heard to offer. One without 8BITMIME gets a mail that
            a client wrote in 8 bits by its parts.

    Raises:
        ValueError: It cannot be written.
    """
    content = message.content
    author = smtputf8_address(content.sender.address)
    message_id = f"<{message.id}@{author.rpartition('@')[2]}>"
    if content.raw is not None:
        message_id = message_id_of(content.raw) or message_id
        if offered is not None and "8BITMIME" not in offered and is_eight_bit(content.raw):
            content = spelled_out(content)
            message = dataclasses.replace(message, content=content)
    rendered = render(
        message,
        date=message.created_at,
        message_id=message_id,
        extra_headers=[("X-MS-ID", message.id), *(("X-MS-Tag", tag) for tag in content.tags)],
        utf8_headers=True,
    )
    stuffed = rendered.replace(b"\r\n.", b"\r\n..")
    has_odd_header = not rendered[: rendered.find(b"\r\n\r\n")].isascii()
    return Mail(
        sender=_reverse_path(content),
        lines=stuffed,
        size=len(rendered),
        envelope_id=message.id,
        message_id=message_id,
        needs_smtputf8=has_odd_header or _needs_smtputf8(message, recipients),
        is_eight_bit=is_eight_bit(rendered),
    )


def _reverse_path(content: Content) -> Address:
    """Return the address for MAIL FROM; empty for the null path."""
    address = content.sender.address if content.mail_from is None else content.mail_from
    return smtputf8_address(address) if address else address


def _needs_smtputf8(message: Message, recipients: Sequence[Address]) -> bool:
    """Return whether the headers or one of these recipients have no ASCII form.

    Raises:
        ValueError: Something is no address at all.
    """
    path = _reverse_path(message.content)
    odd = not path.isascii() or any(ascii_address(address) is None for address in recipients)
    return odd or needs_smtputf8(message.content)


def _relay(name: str, settings: Settings, tools: Tools) -> Relay:
    login = None
    if settings.username is not None and settings.password is not None:
        login = (settings.username, settings.password)
    return Relay(
        host=settings.host,
        port=settings.port or _PORTS[settings.tls],
        tls=settings.tls,
        context=_context(name, settings.ca_file),
        login=login,
        hostname=tools.hostname,
        limits=Limits(
            connect=settings.connect_timeout,
            command=settings.command_timeout,
            write=settings.write_timeout,
            answer=settings.answer_timeout,
        ),
    )


def _context(name: str, ca_file: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    if ca_file is not None:
        try:
            context.load_verify_locations(Path(ca_file))
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"providers.{name}.ca_file: {ca_file}: {error}") from None
    return context


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
