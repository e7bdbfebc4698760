"""What the server says: reply codes (RFC 5321 section 4.2), enhanced ones (RFC 3463), words.

Neighbours: `dialogue` says most of it, `refusal_of` has the words for what `intake` raises. No
text of an exception is ever said: what nobody expected is `451 4.3.0`, and a client comes again.
"""

from __future__ import annotations

import re

from ..domain.errors import (
    Draining,
    Fault,
    IdempotencyInProgress,
    IdempotencyMismatch,
    InvalidMessage,
    MailSenderError,
    QueueFull,
    SenderNotAllowed,
    StoreUnavailable,
)

MOST_FAULTS = 5  #: said of one mail

_NOT_PRINTABLE = re.compile(r"[^ -~]+")
_ROOM = 400  #: a reply line is at most 512 octets (RFC 5321 section 4.5.3.1.5)

OK = "250 2.0.0 Ok"
GO_AHEAD = "354 End data with <CR><LF>.<CR><LF>"
READY_FOR_TLS = "220 2.0.0 Ready to start TLS"
BYE = "221 2.0.0 Bye"
LOGGED_IN = "235 2.7.0 Authentication successful"

OUR_FAULT = "451 4.3.0 Temporary trouble on our side, try again later"
NO_ROOM = "452 4.3.1 Not enough room for this mail now, try again later"
CLOSING = "421 4.3.2 The service is shutting down, try again later"
TOO_MANY_CONNECTIONS = "421 4.7.0 Too many connections, try again later"
TOO_MANY_ERRORS = "421 4.7.0 Too many errors"
TOO_MANY_COMMANDS = "421 4.7.0 Too many commands without a mail"
TOO_SLOW = "421 4.4.2 Timeout"
SESSION_OVER = "421 4.4.2 The connection is old, open a new one"
NOT_SMTP = "421 4.7.0 This is an SMTP server"

UNKNOWN_COMMAND = "500 5.5.2 Command not recognized"
LINE_TOO_LONG = "500 5.5.2 Line too long"
BARE_LINE_END = "500 5.5.2 Lines end with CR LF, and neither stands alone"
BAD_SYNTAX = "501 5.5.4 Syntax error in parameters"
NOT_IMPLEMENTED = "502 5.5.1 Command not implemented"
BAD_SEQUENCE = "503 5.5.1 Bad sequence of commands"
SAY_EHLO = "503 5.5.1 Say EHLO first"
NO_RECIPIENTS = "554 5.5.1 No valid recipients"
UNKNOWN_PARAMETER = "555 5.5.4 Parameter not recognized"
TLS_FIRST = "530 5.7.0 Must issue a STARTTLS command first"
LOGIN_FIRST = "530 5.7.0 Authentication required"
LOGIN_NEEDS_TLS = "538 5.7.11 Encryption required for authentication"
BAD_CREDENTIALS = "535 5.7.8 Authentication credentials invalid"
BAD_BASE64 = "501 5.5.2 Cannot decode the response"
CANCELLED = "501 5.7.0 Authentication cancelled"
CANNOT_LOGIN_NOW = "454 4.7.0 Temporary authentication failure, try again later"
UNKNOWN_MECHANISM = "504 5.5.4 Authentication mechanism not recognized"
TOO_LARGE = "552 5.3.4 The mail is larger than this server takes"
TOO_MANY_RECIPIENTS = "452 4.5.3 Too many recipients, send the mail to the rest separately"
NEEDS_SMTPUTF8 = "553 5.6.7 A non-ASCII address needs the parameter SMTPUTF8"
BARE_IN_MAIL = "550 5.6.0 A mail's lines end with CR LF, and neither stands alone in it"
SLOW_DOWN = "451 4.7.1 Too many mails with this API key, slow down"


def refusal_of(error: MailSenderError) -> str:
    """Return the reply for what `intake` raised; 4yz unless the mail itself is at fault."""
    match error:
        case InvalidMessage(faults=faults):
            return said("550 5.6.0", "; ".join(map(_words, faults[:MOST_FAULTS])))
        case SenderNotAllowed():
            return said("550 5.7.1", error.public)
        case IdempotencyMismatch():
            return said("550 5.6.0", error.public)
        case IdempotencyInProgress():
            return said("451 4.3.0", error.public)
        case QueueFull():
            return said("452 4.3.1", error.public)
        case StoreUnavailable():
            return said("451 4.3.0", error.public)
        case Draining():
            return CLOSING
        case _:
            return OUR_FAULT


def said(code: str, words: str) -> str:
    """Return one reply line of ASCII, with any words."""
    return f"{code} {_NOT_PRINTABLE.sub('?', words)[:_ROOM]}"


def _words(fault: Fault) -> str:
    return f"{fault.pointer.removeprefix('/')}: {fault.detail}"
