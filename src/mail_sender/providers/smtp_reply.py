"""Replies of a server, and the extensions that it offers, as values.

Neighbours: `smtp_connection` reads them from the wire, `smtp_outcomes` says what they mean.
RFC 5321 section 4.2 has the form, RFC 2034 and RFC 3463 the enhanced codes. A far side may
write anything at all here, so everything has a limit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..domain.outcome import MAX_DIAGNOSTIC_CHARS, Diagnostic

MAX_LINES = 128  #: of one reply; EHLO of the most talkative servers has some twenty

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245])\.\d{1,3}\.\d{1,3}(?!\S)")


class Garbage(ValueError):
    """What came is no reply; its text says why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, of one or many lines, without the codes before them."""

    code: int
    lines: tuple[str, ...]

    @property
    def is_positive(self) -> bool:
        """Whether what was asked has been done (2yz)."""
        return 200 <= self.code < 300

    @property
    def is_transient(self) -> bool:
        """Whether the same may work later (4yz)."""
        return 400 <= self.code < 500

    @property
    def is_permanent(self) -> bool:
        """Whether the same will never work (5yz)."""
        return 500 <= self.code < 600

    @property
    def text(self) -> str:
        """The far side's words in one line, the enhanced code among them; 1,024 characters."""
        return " ".join(self.lines).strip()[:MAX_DIAGNOSTIC_CHARS]

    @property
    def enhanced_code(self) -> str | None:
        """Such as "5.1.1"; None where there is none or its class contradicts the reply code."""
        found = _ENHANCED.match(self.lines[0])
        return found[0] if found and int(found[1]) == self.code // 100 else None

    @property
    def diagnostic(self) -> Diagnostic:
        """The reply as it is kept for the client and the operator."""
        return Diagnostic(text=self.text, code=self.code, enhanced_code=self.enhanced_code)

    def __str__(self) -> str:
        return f"{self.code} {self.text}".strip()


def line_of_reply(line: bytes) -> tuple[int, bool, str]:
    """Return (code, whether it is the last line, text) of one line with its line end.

    A bare LF is taken as a line end too: nothing can be smuggled into a reply that ends a
    command of ours.

    Raises:
        Garbage: It is no line of a reply.
    """
    found = _LINE.fullmatch(line.removesuffix(b"\n").removesuffix(b"\r"))
    if found is None:
        raise Garbage("the server's answer is not SMTP")
    code, separator, text = found.groups()
    return int(code), separator != b"-", (text or b"").decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Extensions:
    """What the last EHLO offered, keywords in upper case with their parameters."""

    offered: Mapping[str, tuple[str, ...]]

    def __contains__(self, keyword: str) -> bool:
        return keyword in self.offered

    @property
    def max_bytes(self) -> int | None:
        """The largest mail (RFC 1870); None when there is no fixed limit."""
        size = "".join(self.offered.get("SIZE", ())[:1])
        return int(size) or None if size.isdecimal() and len(size) < 19 else None

    @property
    def mechanisms(self) -> frozenset[str]:
        """The names of the ways to log in (RFC 4954)."""
        return frozenset(mechanism.upper() for mechanism in self.offered.get("AUTH", ()))


def extensions_in(lines: Sequence[str]) -> Extensions:
    """Read the lines of an EHLO reply; the first one is only a greeting.

    Some old servers write `AUTH=LOGIN` besides `AUTH PLAIN LOGIN`: the words are put together.
    """
    offered: dict[str, tuple[str, ...]] = {}
    for line in lines[1:]:
        keyword, *parameters = line.replace("=", " ", 1).split() or [""]
        offered[keyword.upper()] = (*offered.get(keyword.upper(), ()), *parameters)
    return Extensions(offered)
