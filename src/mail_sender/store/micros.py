"""Times as whole microseconds since 1970 UTC, so that they sort, subtract and come back equal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """Return an aware time as microseconds."""
    return (at - _EPOCH) // _MICROSECOND


def micros_of(span: timedelta) -> int:
    """Return a span as microseconds."""
    return span // _MICROSECOND


def instant(us: int) -> datetime:
    """Return the time, in UTC."""
    return _EPOCH + timedelta(microseconds=us)


def optional_micros(at: datetime | None) -> int | None:
    """Return `micros`, or None for None."""
    return None if at is None else micros(at)


def optional_instant(us: int | None) -> datetime | None:
    """Return `instant`, or None for None."""
    return None if us is None else instant(us)
