"""How much one client may have, say and take its time for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """See `config.SmtpConfig` for those that an operator sets.

    Attributes:
        max_line_bytes: Of a command with its CRLF; RFC 5321 section 4.5.3.1.4 asks for 512, and
            its extensions for more.
        max_auth_bytes: Of an answer within AUTH (RFC 4954 section 4).
        max_buffered_bytes: Of all mails together that are being received.
        max_errors: Commands that were refused, then the connection ends.
        max_idle_commands: Commands between two mails.
        max_commands_before_login: Likewise, for who has not said who it is.
        login_time: From the connection to the login.
        idle_time: Without an octet; RFC 5321 section 4.5.3.2.7 asks for five minutes.
        mail_time: For the octets of one mail.
        session_time: From then on no further mail begins.
    """

    max_message_bytes: int = 40 * 1024 * 1024
    max_recipients: int = 1000
    max_connections: int = 500
    max_connections_per_client: int = 100
    max_buffered_bytes: int = 256 * 1024 * 1024
    max_line_bytes: int = 2048
    max_auth_bytes: int = 12288
    max_errors: int = 20
    max_login_failures: int = 3
    max_idle_commands: int = 100
    max_commands_before_login: int = 30
    login_time: timedelta = timedelta(minutes=1)
    idle_time: timedelta = timedelta(minutes=5)
    mail_time: timedelta = timedelta(minutes=15)
    session_time: timedelta = timedelta(hours=1)


class Budget:
    """Octets of mails that are being received, of all connections together."""

    def __init__(self, octets: int) -> None:
        self._left = octets

    def take(self, octets: int) -> bool:
        """Return whether there is room; then it is taken."""
        if octets > self._left:
            return False
        self._left -= octets
        return True

    def give_back(self, octets: int) -> None:
        """Let go of what was taken."""
        self._left += octets
