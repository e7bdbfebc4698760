"""Flags that take a time, or a span from now: forwards (`--expires 30d`) or back (`--since 2h`)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from .failure import wrong_usage

_SPAN = re.compile(r"(\d{1,5})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def expiry_of(text: str, now: datetime) -> datetime:
    """Read `2031-05-01T00:00:00Z`, `12h`, `30d` or `8w`.

    Raises:
        CommandFailed: It is something else, or has no offset from UTC.
    """
    span = _span(text)
    return _time("--expires", text) if span is None else now + span


def past_of(flag: str, text: str, now: datetime) -> datetime:
    """Read a time, or a span that ends now. Raises `CommandFailed` as `expiry_of`."""
    span = _span(text)
    return _time(flag, text) if span is None else now - span


def span_of(flag: str, text: str) -> timedelta:
    """Read a span. Raises `CommandFailed`."""
    span = _span(text)
    if span is None:
        raise wrong_usage(f"{flag}: expected a span such as 12h or 7d, got {text!r}")
    return span


def _span(text: str) -> timedelta | None:
    found = _SPAN.fullmatch(text)
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None


def _time(flag: str, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise wrong_usage(
            f"{flag}: expected a time such as 2031-05-01T00:00:00Z or a span such as 30d, "
            f"got {text!r}"
        )
    return at
