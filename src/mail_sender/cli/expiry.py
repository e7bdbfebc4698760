"""The flag `--expires`: a time, or a span from now on."""

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
    if (span := _SPAN.fullmatch(text)) is not None:
        return now + timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise wrong_usage(
            f"--expires: expected a time such as 2031-05-01T00:00:00Z or a span such as 30d, "
            f"got {text!r}"
        )
    return at
