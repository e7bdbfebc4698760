"""Wire names: statistics."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from ..domain.attempt import OutcomeKind
from ..domain.message import Priority
from ..domain.status import State
from ..store.port import Depth, Stats
from .schemas_message import MessageStatus, word_of
from .schemas_provider import Calls, calls_of


class Latency(TypedDict):
    """From acceptance, or `send_at`, to `sent`."""

    p50_ms: float | None
    p99_ms: float | None


class ProviderCalls(Calls):
    """Calls to one provider in the period; providers that were passed over do not count."""

    provider: str


class StatsBucket(TypedDict):
    """One step of the series."""

    start: datetime
    accepted: Annotated[int, Field(description="Messages accepted in it.")]
    states: Annotated[dict[MessageStatus, int], Field(description="What became of these.")]
    providers: dict[str, dict[OutcomeKind, int]]


class QueueOut(TypedDict):
    """What waits now, whatever the period."""

    due: dict[Priority, int]
    later: dict[Priority, int]
    held: int
    leased: int
    sending: int
    unknown: int
    oldest_due_at: datetime | None
    oldest_due_seconds: Annotated[float, Field(description="0 when nothing is due.")]


class StatsOut(TypedDict):
    """Counts of a period."""

    since: datetime
    until: datetime
    tag: str | None
    accepted: Annotated[int, Field(description="Messages accepted in the period.")]
    states: Annotated[
        dict[MessageStatus, int],
        Field(description="What became of them. Scheduled and held ones count as `queued`."),
    ]
    hand_over: Latency
    providers: list[ProviderCalls]
    series: list[StatsBucket]
    queue: QueueOut


def stats_of(stats: Stats, depth: Depth, *, tag: str | None, now: datetime) -> StatsOut:
    """Return the statistics."""
    return {
        "since": stats.since,
        "until": stats.until,
        "tag": tag,
        "accepted": stats.accepted,
        "states": _by_word(stats.states),
        "hand_over": {"p50_ms": stats.hand_over_p50_ms, "p99_ms": stats.hand_over_p99_ms},
        "providers": [{"provider": it.provider, **calls_of(it)} for it in stats.providers],
        "series": [
            {
                "start": bucket.start,
                "accepted": bucket.accepted,
                "states": _by_word(bucket.states),
                "providers": {name: dict(kinds) for name, kinds in bucket.providers.items()},
            }
            for bucket in stats.buckets
        ],
        "queue": queue_of(depth, now),
    }


def _by_word(states: Mapping[State, int]) -> dict[MessageStatus, int]:
    counts: dict[MessageStatus, int] = {}
    for state, count in states.items():
        word = word_of(state)
        counts[word] = counts.get(word, 0) + count
    return counts


def queue_of(depth: Depth, now: datetime) -> QueueOut:
    """Return what waits."""
    oldest = depth.oldest_due_at
    return {
        "due": {priority: depth.due.get(priority, 0) for priority in Priority},
        "later": {priority: depth.later.get(priority, 0) for priority in Priority},
        "held": depth.held,
        "leased": depth.leased,
        "sending": depth.sending,
        "unknown": depth.unknown,
        "oldest_due_at": oldest,
        "oldest_due_seconds": max((now - oldest).total_seconds(), 0.0) if oldest else 0.0,
    }
