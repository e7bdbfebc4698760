"""What a client says to log in: SASL PLAIN (RFC 4616) and LOGIN, as AUTH carries them (RFC 4954).

Neighbours: `dialogue` passes lines on. The API key is the password; the name may be anything,
since a key knows whose it is. Pure.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass, field

from . import replies

PLAIN = "PLAIN"
LOGIN = "LOGIN"
MECHANISMS = (PLAIN, LOGIN)

_ASK_PLAIN = "334 "
_ASK_NAME = "334 VXNlcm5hbWU6"  #: "Username:", as every client of LOGIN expects
_ASK_PASSWORD = "334 UGFzc3dvcmQ6"  # noqa: S105 - "Password:"


@dataclass(frozen=True, slots=True)
class Ask:
    """Say this, and take the next line as its answer."""

    challenge: str


@dataclass(frozen=True, slots=True)
class Secret:
    """This is the password; None when what was said cannot be a key of ours."""

    text: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """The exchange is over, with this reply."""

    reply: str


class Exchange:
    """One AUTH command with one of `MECHANISMS`."""

    def __init__(self, mechanism: str) -> None:
        self._is_plain = mechanism == PLAIN
        self._has_name = False

    def begin(self, response: str) -> Ask | Secret | Refused:
        """Begin, with the initial response if there is one."""
        if response:
            return self.take(response)
        return Ask(_ASK_PLAIN if self._is_plain else _ASK_NAME)

    def take(self, line: str) -> Ask | Secret | Refused:
        """Take one line of the client."""
        if line == "*":
            return Refused(replies.CANCELLED)
        said = _decoded(line)
        if said is None:
            return Refused(replies.BAD_BASE64)
        if self._is_plain:
            parts = said.split(b"\0")  # on behalf of whom, name, password
            return Secret(_text(parts[2]) if len(parts) == 3 else None)
        if not self._has_name:
            self._has_name = True
            return Ask(_ASK_PASSWORD)
        return Secret(_text(said))


def _decoded(line: str) -> bytes | None:
    """Return what base64 says; None when it is none. `=` alone is an empty response."""
    try:
        return b"" if line == "=" else b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        return None


def _text(octets: bytes) -> str | None:
    try:
        return octets.decode("ascii").strip() or None
    except UnicodeDecodeError:
        return None
