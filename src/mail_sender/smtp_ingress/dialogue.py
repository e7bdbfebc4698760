"""The protocol of one connection (RFC 5321, RFC 6409), without a socket, a clock or a task.

Neighbours: `connection` puts octets in with `receive`, asks for the next `Step` with `advance`,
carries it out and tells what came of it; replies gather in between and leave with `replies`.
While a step is under way nothing is read further, so that pipelined commands (RFC 2920) wait
their turn.

What a session knows in clear text is forgotten when TLS begins (RFC 3207 section 4.2), octets
that were sent after STARTTLS included. Without a key there is no transaction, and without TLS
no key, but on a connection that the server says is local.
"""

# ruff: noqa: SLF001 - the table of commands below names its own methods
from __future__ import annotations

import re
from collections.abc import Callable

from ..domain.address import parse_address
from ..store.port import ApiKey
from . import replies
from .commands import BadParameter, BadPath, read_mail, read_rcpt
from .limits import Budget, Limits
from .login import MECHANISMS, Ask, Exchange, Refused, Secret
from .steps import Close, Envelope, LogIn, StartTls, Step, Submit, Terms
from .transaction import Transaction

_OCTETS = re.compile(r"[0-9]{1,15}")
_NOT_OURS = frozenset({"GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "HOST:"})


class Dialogue:
    """See the module."""

    def __init__(self, terms: Terms, limits: Limits, budget: Budget) -> None:
        self._terms = terms
        self._limits = limits
        self._budget = budget
        self._is_secure = terms.is_secure
        self._key = terms.key
        self._buffer = bytearray()
        self._out: list[str] = [f"220 {terms.hostname} ESMTP Mail Sender"]
        self._says_hello = False
        self._transaction: Transaction | None = None
        self._is_in_data = False
        self._chunk_left = 0  #: octets of a BDAT that are still to come
        self._is_last_chunk = False
        self._exchange: Exchange | None = None  #: within AUTH
        self._step: Step | None = None
        self._drains = False
        self._errors = 0
        self._failures = 0
        self._commands = 0

    # ------------------------------------------------ for the connection

    @property
    def key(self) -> ApiKey | None:
        """Who it is, as far as it has said."""
        return self._key

    @property
    def is_receiving(self) -> bool:
        """Whether the octets of a mail are coming."""
        return self._is_in_data or self._chunk_left > 0

    @property
    def is_between_mails(self) -> bool:
        """Whether nothing is lost by closing now."""
        return self._transaction is None and not isinstance(self._step, Submit)

    @property
    def waiting_octets(self) -> int:
        """Octets that were received and not looked at yet."""
        return len(self._buffer)

    def receive(self, octets: bytes) -> None:
        """Take octets from the client."""
        self._buffer += octets

    def replies(self) -> bytes:
        """Return what is to be written, once."""
        if not self._out:
            return b""
        out = "\r\n".join([*self._out, ""]).encode("ascii", "replace")
        self._out.clear()
        return out

    def advance(self) -> Step | None:
        """Go on until something has to be done, or octets are missing (None)."""
        while self._step is None:
            if self._drains and self.is_between_mails:
                return self._close(replies.CLOSING)
            if self._is_in_data:
                if not self._take_data():
                    return self._step
            elif self._chunk_left > 0:
                if not self._take_chunk():
                    return None
            else:
                line = self._line()
                if line is None:
                    return self._step
                self._step = self._answered(line)
        return self._step

    def handshake_begins(self) -> None:
        """Forget what came in clear text and was not looked at; what comes now is encrypted.

        That includes what comes before `secured`: a client's first command may travel in one
        packet with the end of its handshake.
        """
        self._buffer.clear()

    def secured(self) -> None:
        """TLS stands: everything begins anew (RFC 3207 section 4.2)."""
        self._is_secure = True
        self._says_hello = False
        self._key = self._terms.key
        self._drop_transaction()
        self._step = None

    def logged_in(self, key: ApiKey) -> None:
        """The secret was good."""
        self._key = key
        self._commands = 0
        self._out.append(replies.LOGGED_IN)
        self._step = None

    def not_logged_in(self, reply: str, *, counts: bool) -> None:
        """It was not, or nobody could tell (then it does not count as an attempt)."""
        self._step = None
        self._out.append(reply)
        self._failures += counts
        if self._failures >= self._limits.max_login_failures:
            self._close(replies.TOO_MANY_ERRORS)

    def submitted(self, reply: str) -> None:
        """The mail is durable, or it is not and the reply says why."""
        self._drop_transaction()
        self._commands = 0
        self._out.append(reply)
        self._step = None
        if reply.startswith("421"):
            self._step = Close()

    def drain(self) -> None:
        """Begin no further mail; the one that is under way goes on."""
        self._drains = True

    def end(self, reply: str) -> None:
        """Say a last word, whatever is under way; nothing of it was taken."""
        self._drop_transaction()
        self._close(reply)

    def forget(self) -> None:
        """The connection is lost: let go of what it held."""
        self._drop_transaction()

    # ------------------------------------------------ lines

    def _line(self) -> str | None:
        """Return the next line without its CRLF; None when it is not whole, or at an end."""
        most = self._limits.max_auth_bytes if self._exchange else self._limits.max_line_bytes
        at = self._buffer.find(b"\r\n", 0, most)
        piece = bytes(self._buffer[: most if at < 0 else at])
        # A CR at the very end may still get its LF.
        if b"\n" in piece or b"\r" in (piece if at >= 0 else piece[:-1]):
            self._close(replies.BARE_LINE_END)
            return None
        if at < 0:
            if len(self._buffer) >= most:
                self._close(replies.LINE_TOO_LONG)
            return None
        del self._buffer[: at + 2]
        try:
            return piece.decode()
        except UnicodeDecodeError:
            return "\N{REPLACEMENT CHARACTER}"  # no command begins so

    def _answered(self, line: str) -> Step | None:
        if self._exchange is not None:
            return self._turn(self._exchange.take(line))
        verb, _, argument = line.partition(" ")
        verb = verb.upper()
        if verb in _NOT_OURS:
            return self._close(replies.NOT_SMTP)
        self._commands += 1
        if self._commands > self._most_commands():
            return self._close(replies.TOO_MANY_COMMANDS)
        command = _COMMANDS.get(verb)
        if command is None:
            return self._error(replies.UNKNOWN_COMMAND)
        return command(self, argument.strip(" \t"))

    def _most_commands(self) -> int:
        if self._key is None:
            return self._limits.max_commands_before_login
        within = 0 if self._transaction is None else self._limits.max_recipients
        return self._limits.max_idle_commands + within

    def _say(self, reply: str) -> None:
        self._out.append(reply)

    def _error(self, reply: str) -> Step | None:
        """Refuse a command; too many of them end the connection."""
        self._errors += 1
        if self._errors >= self._limits.max_errors:
            self._say(reply)
            return self._close(replies.TOO_MANY_ERRORS)
        self._say(reply)
        return None

    def _close(self, reply: str) -> Close:
        self._say(reply)
        self._step = Close()
        self._buffer.clear()
        return self._step

    # ------------------------------------------------ commands

    def _ehlo(self, argument: str) -> Step | None:
        if not argument:
            return self._error(replies.BAD_SYNTAX)
        self._says_hello = True
        self._drop_transaction()
        offers = [f"{self._terms.hostname} greets you"]
        offers += ["PIPELINING", f"SIZE {self._limits.max_message_bytes}", "8BITMIME", "SMTPUTF8"]
        offers += ["DSN", "CHUNKING", "ENHANCEDSTATUSCODES"]
        if self._terms.offers_tls and not self._is_secure:
            offers.append("STARTTLS")
        if self._may_log_in():
            offers.append("AUTH " + " ".join(MECHANISMS))
        self._out += [f"250-{offer}" for offer in offers[:-1]] + [f"250 {offers[-1]}"]
        return None

    def _helo(self, argument: str) -> Step | None:
        if not argument:
            return self._error(replies.BAD_SYNTAX)
        self._says_hello = True
        self._drop_transaction()
        self._say(f"250 {self._terms.hostname}")
        return None

    def _starttls(self, argument: str) -> Step | None:
        if argument:
            return self._error(replies.BAD_SYNTAX)
        if self._is_secure or not self._terms.offers_tls:
            return self._error(replies.BAD_SEQUENCE)
        self._say(replies.READY_FOR_TLS)
        return StartTls()

    def _auth(self, argument: str) -> Step | None:
        mechanism, _, response = argument.partition(" ")
        if not self._says_hello:
            return self._error(replies.SAY_EHLO)
        if not self._may_log_in():
            return self._error(replies.BAD_SEQUENCE if self._is_secure else replies.LOGIN_NEEDS_TLS)
        if self._transaction is not None or (self._key is not None and self._terms.key is None):
            return self._error(replies.BAD_SEQUENCE)
        if mechanism.upper() not in MECHANISMS:
            return self._error(replies.UNKNOWN_MECHANISM)
        self._exchange = Exchange(mechanism.upper())
        return self._turn(self._exchange.begin(response))

    def _turn(self, turn: Ask | Secret | Refused) -> Step | None:
        """Go on within AUTH."""
        if isinstance(turn, Ask):
            self._say(turn.challenge)
            return None
        self._exchange = None
        if isinstance(turn, Refused):
            return self._error(turn.reply)
        if turn.text is None:
            self.not_logged_in(replies.BAD_CREDENTIALS, counts=True)
            return self._step
        return LogIn(turn.text)

    def _may_log_in(self) -> bool:
        return self._is_secure or self._terms.login_in_clear

    def _mail(self, argument: str) -> Step | None:
        if not self._says_hello:
            return self._error(replies.SAY_EHLO)
        if self._key is None:
            return self._error(replies.LOGIN_FIRST if self._may_log_in() else replies.TLS_FIRST)
        if self._transaction is not None:
            return self._error(replies.BAD_SEQUENCE)
        try:
            path = read_mail(argument)
        except BadParameter as error:
            return self._error(replies.BAD_SYNTAX if error.known else replies.UNKNOWN_PARAMETER)
        except BadPath as error:
            return self._error(replies.said("553 5.1.7", str(error)))
        if path.size > self._limits.max_message_bytes:
            return self._error(replies.TOO_LARGE)
        if not path.address.isascii() and "SMTPUTF8" not in path.parameters:
            return self._error(replies.NEEDS_SMTPUTF8)
        self._transaction = Transaction(
            path, max_bytes=self._limits.max_message_bytes, budget=self._budget
        )
        self._say("250 2.1.0 Ok")
        return None

    def _rcpt(self, argument: str) -> Step | None:
        transaction = self._transaction
        if transaction is None or transaction.has_content:
            return self._error(replies.BAD_SEQUENCE)
        try:
            path = read_rcpt(argument)
        except BadParameter as error:
            return self._error(replies.BAD_SYNTAX if error.known else replies.UNKNOWN_PARAMETER)
        except BadPath as error:
            return self._error(replies.said("553 5.1.3", str(error)))
        if not path.address.isascii() and "SMTPUTF8" not in transaction.mail_from.parameters:
            return self._error(replies.NEEDS_SMTPUTF8)
        if len(transaction.recipients) >= self._limits.max_recipients:
            self._say(replies.TOO_MANY_RECIPIENTS)
            return None
        transaction.recipients[path.address] = None
        self._say("250 2.1.5 Ok")
        return None

    def _rset(self, argument: str) -> Step | None:
        if argument:
            return self._error(replies.BAD_SYNTAX)
        self._drop_transaction()
        self._say(replies.OK)
        return None

    def _noop(self, argument: str) -> Step | None:  # noqa: ARG002 - any may stand there
        self._say(replies.OK)
        return None

    def _quit(self, argument: str) -> Step | None:  # noqa: ARG002
        return self._close(replies.BYE)

    def _vrfy(self, argument: str) -> Step | None:
        try:
            parse_address(argument.strip("<>"))
        except ValueError:
            return self._error(replies.BAD_SYNTAX)
        self._say("252 2.5.0 Cannot verify, but will take a mail for it")
        return None

    def _help(self, argument: str) -> Step | None:  # noqa: ARG002
        self._say("214 2.0.0 Mail submission, see docs/smtp.md")
        return None

    def _expn(self, argument: str) -> Step | None:  # noqa: ARG002
        return self._error(replies.NOT_IMPLEMENTED)

    # ------------------------------------------------ the mail itself

    def _data_command(self, argument: str) -> Step | None:
        transaction = self._transaction
        refusal = None
        if argument:
            refusal = replies.BAD_SYNTAX
        elif transaction is None or transaction.has_content:
            refusal = replies.BAD_SEQUENCE
        elif not transaction.recipients:
            refusal = replies.NO_RECIPIENTS
        if refusal is not None:
            # What follows is a mail that somebody sent without waiting, and no commands.
            return self._close(refusal) if self._buffer else self._error(refusal)
        if transaction is not None:
            transaction.begin_data()
        self._is_in_data = True
        self._say(replies.GO_AHEAD)
        return None

    def _take_data(self) -> bool:
        """Return whether to go on reading; a step may have come of it."""
        transaction = self._transaction
        if transaction is None:
            self._is_in_data = False
            return True
        is_over = transaction.take_data(self._buffer)
        if transaction.is_ambiguous:
            self.end(replies.BARE_IN_MAIL)
        elif is_over:
            self._is_in_data = False
            self._step = self._whole(transaction)
        return is_over

    def _bdat(self, argument: str) -> Step | None:
        size, _, last = argument.partition(" ")
        if not _OCTETS.fullmatch(size) or last.upper() not in {"", "LAST"}:
            return self._close(replies.BAD_SYNTAX)  # nobody knows where commands begin again
        self._chunk_left = int(size)
        self._is_last_chunk = bool(last)
        transaction = self._transaction
        if transaction is not None:
            transaction.begin_chunk()
            if not transaction.recipients:
                transaction.refusal = replies.NO_RECIPIENTS
        return self._chunk_over() if self._chunk_left == 0 else None

    def _take_chunk(self) -> bool:
        """Return whether to go on reading; a step may have come of it."""
        octets = bytes(self._buffer[: self._chunk_left])
        del self._buffer[: len(octets)]
        self._chunk_left -= len(octets)
        if self._transaction is not None:
            self._transaction.take_chunk(octets)
        if self._chunk_left == 0:
            self._step = self._chunk_over()
        return self._chunk_left == 0

    def _chunk_over(self) -> Step | None:
        transaction = self._transaction
        if transaction is None:
            return self._error(replies.BAD_SEQUENCE)
        # RFC 3030 section 2: after a failed chunk the whole mail has failed.
        if self._is_last_chunk or transaction.refusal is not None:
            return self._whole(transaction)
        self._say(f"250 2.0.0 {transaction.held} octets received")
        return None

    def _whole(self, transaction: Transaction) -> Step | None:
        """Return what is to be done with a mail whose last octet has come."""
        if transaction.refusal is not None or self._key is None:
            self._drop_transaction()
            return self._error(transaction.refusal or replies.LOGIN_FIRST)
        envelope = Envelope(
            key=self._key,
            mail_from=transaction.mail_from.address,
            recipients=tuple(transaction.recipients),
        )
        return Submit(envelope, transaction.content)

    def _drop_transaction(self) -> None:
        if self._transaction is not None:
            self._transaction.release()
        self._transaction = None
        self._is_in_data = False


_COMMANDS: dict[str, Callable[[Dialogue, str], Step | None]] = {
    "EHLO": Dialogue._ehlo,
    "HELO": Dialogue._helo,
    "STARTTLS": Dialogue._starttls,
    "AUTH": Dialogue._auth,
    "MAIL": Dialogue._mail,
    "RCPT": Dialogue._rcpt,
    "DATA": Dialogue._data_command,
    "BDAT": Dialogue._bdat,
    "RSET": Dialogue._rset,
    "NOOP": Dialogue._noop,
    "QUIT": Dialogue._quit,
    "VRFY": Dialogue._vrfy,
    "HELP": Dialogue._help,
    "EXPN": Dialogue._expn,
}
