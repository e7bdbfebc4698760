"""One mail transaction: MAIL, RCPT for each, DATA, the mail, the dot, and what each means.

Neighbours: `smtp` begins transactions and begins again where nothing was sent, `smtp_outcomes`
reads the replies. The line that matters is drawn here, at the final dot:

- Until the dot is written, a broken line cancels the transaction (RFC 5321 section 4.1.1.10):
  not accepted, trying elsewhere is safe.
- From then on until a reply is read, nobody knows (RFC 1047): `Unknown`.

So the dot is written by itself, when all before it is with the kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..domain.message import Address
from ..domain.outcome import Accepted, Blame, Deferred, Diagnostic, Outcome, Unknown
from ..mime import smtputf8_address
from .smtp_connection import Connection, ServiceClosing
from .smtp_outcomes import (
    outcome_of_content,
    outcome_of_data,
    outcome_of_recipient,
    outcome_of_sender,
    refused_by_size,
    refused_for_smtputf8,
    wants_next_transaction,
)
from .smtp_reply import Reply
from .smtp_wire import Broken

_DOT = b".\r\n"
_SEVEN_BITS_ONLY = Deferred(  # now that this is known, the next try is in seven bits
    blame=Blame.PROVIDER, diagnostic=Diagnostic(text="this server takes no 8-bit mail")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail and the part of its envelope that all recipients share.

    Attributes:
        sender: For MAIL FROM, as it goes over the wire.
        lines: The rendered mail with its dots stuffed (RFC 5321 section 4.5.2).
        size: In octets, before stuffing (RFC 1870 section 5).
        envelope_id: Our id, for ENVID (RFC 3461 section 4.4).
        message_id: The Message-ID, which becomes the provider's id.
        needs_smtputf8: Whether a header, the sender or a recipient is not ASCII.
        is_eight_bit: Whether anything in the mail is not ASCII.
    """

    sender: Address
    lines: bytes
    size: int
    envelope_id: str
    message_id: str
    needs_smtputf8: bool
    is_eight_bit: bool


@dataclass(slots=True)
class Result:
    """What one transaction came to.

    Attributes:
        outcomes: For each recipient that is settled.
        again: Those who did not fit in; the mail was taken for others, so a next transaction
            makes progress.
        broken: Why the connection is of no use any more; None while it is.
        before_the_mail: Whether it broke before the first octet of the mail itself.
    """

    outcomes: dict[Address, Outcome] = field(default_factory=dict)
    again: tuple[Address, ...] = ()
    broken: Diagnostic | None = None
    before_the_mail: bool = False


async def transact(connection: Connection, mail: Mail, recipients: Sequence[Address]) -> Result:
    """Hand the mail over for these recipients, a hundred at most (RFC 5321 section 4.5.3.1.8)."""
    offered = connection.extensions
    if mail.needs_smtputf8 and "SMTPUTF8" not in offered:
        return Result(dict.fromkeys(recipients, refused_for_smtputf8()))
    if mail.is_eight_bit and not mail.needs_smtputf8 and "8BITMIME" not in offered:
        return Result(dict.fromkeys(recipients, _SEVEN_BITS_ONLY))
    if offered.max_bytes is not None and mail.size > offered.max_bytes:
        return Result(dict.fromkeys(recipients, refused_by_size(mail.size, offered.max_bytes)))
    transaction = _Transaction(connection, mail, recipients)
    connection.is_busy = True
    await transaction.run()
    connection.is_busy = transaction.result.broken is not None
    connection.transactions += 1
    return transaction.result


class _Transaction:
    def __init__(self, connection: Connection, mail: Mail, recipients: Sequence[Address]) -> None:
        self.result = Result()
        self._connection = connection
        self._mail = mail
        self._recipients = recipients
        self._accepted: list[Address] = []
        self._full: dict[Address, Reply] = {}  #: recipients that did not fit in
        self._is_pipelined = "PIPELINING" in connection.extensions

    async def run(self) -> None:
        try:
            goes_on = await self._envelope()
        except Broken as broken:
            self.result.before_the_mail = True
            self._break(broken)
        else:
            if goes_on:
                await self._content()
        self._settle_the_rest()

    async def _envelope(self) -> bool:
        """Return whether the mail may follow. What was not taken is settled."""
        reset = ["RSET"] if self._connection.transactions else []
        mail, recipients = self._mail_command(), [self._rcpt_command(r) for r in self._recipients]
        if self._is_pipelined:  # RFC 2920 section 3.1: DATA may only be the last of a group
            group = "\r\n".join([*reset, mail, *recipients, "DATA", ""])
            await self._connection.write(group.encode())
        for command in reset:
            reply = await self._ask(command)
            if not reply.is_positive:
                raise Broken(f"RSET was answered {reply}")
        reply = await self._ask(mail)
        if not reply.is_positive:
            self._settle(self._recipients, outcome_of_sender(reply))
            return await self._skip(len(recipients)) if self._is_pipelined else False
        answers = [await self._ask(command) for command in recipients]
        self._sort(answers)
        if not self._accepted and not self._is_pipelined:
            return False
        return await self._begin_data()

    async def _ask(self, command: str) -> Reply:
        """Return the reply to a command, which was written already if pipelined."""
        if self._is_pipelined:
            return await self._connection.reply()
        return await self._connection.command(command)

    async def _skip(self, recipients: int) -> bool:
        """Read the replies to what was pipelined after a refused MAIL."""
        for _ in range(recipients):
            await self._connection.reply()
        return await self._begin_data()

    def _sort(self, answers: Sequence[Reply]) -> None:
        pairs = list(zip(self._recipients, answers, strict=True))
        self._accepted = [recipient for recipient, reply in pairs if reply.is_positive]
        for recipient, reply in pairs:
            if reply.is_positive:
                continue
            if wants_next_transaction(reply, some_accepted=bool(self._accepted)):
                self._full[recipient] = reply
            else:
                self._settle([recipient], outcome_of_recipient(reply))

    async def _begin_data(self) -> bool:
        reply = await self._ask("DATA")
        if reply.code == 354:
            if self._accepted:
                return True
            # RFC 2920 section 3.1: nothing but the dot, never the mail.
            await self._connection.write(_DOT)
            await self._connection.reply()
            return False
        if reply.is_positive or reply.code < 400:
            raise Broken(f"DATA was answered {reply}")
        self._settle(self._accepted, outcome_of_data(reply))
        return False

    async def _content(self) -> None:
        try:
            await self._connection.write(self._mail.lines)
        except Broken as broken:
            self._break(broken)
        if self._connection.has_unread:
            await self._answer_before_the_dot()
        if self.result.broken is not None:
            return
        try:
            self._connection.write_at_once(_DOT)
            reply = await self._connection.final_reply()
        except Broken as broken:
            self._settle(self._accepted, Unknown(diagnostic=_diagnostic_of(broken)))
            self._break(broken)
            return
        self._conclude(reply)

    async def _answer_before_the_dot(self) -> None:
        """Read what a server says that has heard enough: it will not get the dot.

        Whatever it is, without the dot the mail is not accepted.
        """
        try:
            reply = await self._connection.reply()
        except Broken as broken:
            self._break(broken)
            return
        if reply.is_transient or reply.is_permanent:
            outcome = outcome_of_content(reply, recipients=len(self._accepted))
            self._settle(self._accepted, outcome)
        self._break(Broken(f"the server answered {reply} before the mail was complete"))

    def _conclude(self, reply: Reply) -> None:
        if reply.is_positive:
            accepted = Accepted(
                provider_message_id=self._mail.message_id, diagnostic=reply.diagnostic
            )
            self._settle(self._accepted, accepted)
            self.result.again = tuple(self._full)
        elif reply.is_transient or reply.is_permanent:
            outcome = outcome_of_content(reply, recipients=len(self._accepted))
            self._settle(self._accepted, outcome)
        else:
            self._settle(self._accepted, Unknown(diagnostic=reply.diagnostic))
            self._break(Broken(f"the mail was answered {reply}"))
        if reply.code == 421:
            self._break(ServiceClosing(reply))

    def _settle(self, recipients: Sequence[Address], outcome: Outcome) -> None:
        for recipient in recipients:
            self.result.outcomes.setdefault(recipient, outcome)

    def _settle_the_rest(self) -> None:
        """Whoever did not fit keeps the reply, whoever was not answered gets why."""
        if self.result.again:
            return
        for recipient, reply in self._full.items():
            self._settle([recipient], outcome_of_recipient(reply))
        if self.result.broken is not None:
            deferred = Deferred(blame=Blame.PROVIDER, diagnostic=self.result.broken)
            self._settle(self._recipients, deferred)

    def _break(self, broken: Broken) -> None:
        self.result.broken = _diagnostic_of(broken)

    def _mail_command(self) -> str:
        offered = self._connection.extensions
        utf8 = self._mail.needs_smtputf8  # RFC 6531 section 3.4; such headers are 8-bit
        is_eight_bit = utf8 or self._mail.is_eight_bit
        parameters = [
            *([f"SIZE={self._mail.size}"] if "SIZE" in offered else ()),
            *(["BODY=8BITMIME"] if is_eight_bit and "8BITMIME" in offered else ()),
            *(["SMTPUTF8"] if utf8 else ()),
            *([f"RET=HDRS ENVID={self._mail.envelope_id}"] if "DSN" in offered else ()),
        ]
        return " ".join([f"MAIL FROM:<{self._mail.sender}>", *parameters])

    def _rcpt_command(self, recipient: Address) -> str:
        return f"RCPT TO:<{smtputf8_address(recipient)}>"


def _diagnostic_of(broken: Broken) -> Diagnostic:
    if isinstance(broken, ServiceClosing):
        return broken.reply.diagnostic
    return Diagnostic(text=broken.reason)
