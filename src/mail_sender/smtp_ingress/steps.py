"""What a dialogue wants done, and what it is told at its beginning."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..domain.message import Address
from ..store.port import ApiKey


@dataclass(frozen=True, slots=True)
class StartTls:
    """Write the replies; call `handshake_begins`, make the handshake, then call `secured`."""


@dataclass(frozen=True, slots=True)
class LogIn:
    """Find the key of this secret; then call `logged_in` or `not_logged_in`."""

    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Whom a mail is from and whom it goes to (RFC 5321 section 2.3.1)."""

    key: ApiKey
    mail_from: Address
    recipients: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Submit:
    """Make this mail durable; then call `submitted` with the reply."""

    envelope: Envelope
    mail: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Close:
    """Write the replies, then close."""


Step = StartTls | LogIn | Submit | Close


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for a connection from its beginning.

    Attributes:
        hostname: Our own name, for the greeting and EHLO.
        offers_tls: Whether STARTTLS can be said.
        is_secure: Whether TLS stands already.
        login_in_clear: Whether a key may be said without TLS: client and server are one machine,
            and the operator allows it.
        key: Whose connection it is without a login: client and server are one machine, and the
            operator names a key for that.
    """

    hostname: str
    offers_tls: bool
    is_secure: bool = False
    login_in_clear: bool = False
    key: ApiKey | None = None
