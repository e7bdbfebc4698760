"""Times in the header fields of an answer: when to come back, and how the far side's clock goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from .call import Answer


def retry_after(answer: Answer, *, now: datetime) -> timedelta | None:
    """Return the wait that the answer asks for (RFC 9110 section 10.2.3), at most a day."""
    value = answer.headers.get("retry-after", "").strip()
    if value.isdecimal() and len(value) <= 9:
        wait = timedelta(seconds=int(value))
    else:
        at = _http_date(value)
        if at is None:
            return None
        wait = at - now
    return min(max(wait, timedelta(0)), timedelta(days=1))


def clock_offset(answer: Answer, *, now: datetime) -> timedelta | None:
    """Return the far side's clock minus ours, from its Date header; None when it has none.

    Date has whole seconds (RFC 9110 section 5.6.7), so a second or less means nothing.

    Args:
        answer: Any.
        now: When it came.
    """
    theirs = _http_date(answer.headers.get("date", ""))
    return None if theirs is None else theirs - now


def _http_date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
