"""What a refusal says: RFC 9457 problem documents, and when to come back.

Neighbours: `course` decides by it, `errors` raises it.
"""

from __future__ import annotations

import re

import msgspec

from .http1 import Answer

_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong with a request: an RFC 6901 pointer into it, and what is expected."""

    pointer: str
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A problem document; what a proxy answers is read as one without words.

    Attributes:
        code: The stable word for programs.
    """

    code: str = ""
    title: str = ""
    detail: str = ""
    errors: tuple[Fault, ...] = ()


_read = msgspec.json.Decoder(Problem).decode


def problem_of(answer: Answer) -> Problem:
    """Return the problem document of an answer, an empty one if it has none."""
    try:
        return _read(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Problem()


def code_of(answer: Answer) -> str:
    """Return the problem's stable word; empty when the answer is no problem document."""
    return "" if answer.is_success else problem_of(answer).code


def retry_after_of(answer: Answer) -> float | None:
    """Return the seconds of `Retry-After` (RFC 9110 section 10.2.3); None for none, or a date."""
    text = answer.headers.get("retry-after", "").strip()
    return float(text) if _SECONDS.fullmatch(text) else None
