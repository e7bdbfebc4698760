"""Statistics of a period, counted by PostgreSQL.

Percentiles are those of the newest 100,000 of the period, by tenths of a millisecond: sorting a
million of them for each look at a dashboard would take seconds.
"""

# ruff: noqa: S608 - statements are put together from constants only

from __future__ import annotations

from collections import Counter
from typing import Any

from ...domain.attempt import OutcomeKind
from ...domain.status import State
from ..figures import Percentiles, Period, percentiles_counted, stats_of
from ..micros import micros
from ..port import Stats
from .hosts import Connection

_UNIT_US = 100
_NEWEST = 100_000

_STEP = "(({at} - $1::bigint) * $3::integer / ($2::bigint - $1::bigint))::integer"
_WITHIN = "{at} >= $1::bigint AND {at} < $2::bigint"
_HAS_TAG = "EXISTS (SELECT 1 FROM tags AS t WHERE t.tag = $4::text AND t.seq = {of}.seq)"
_TAGGED = f"($4::text IS NULL OR {_HAS_TAG})"
_ASKED = ", ".join(f"'{it}'" for it in OutcomeKind if it is not OutcomeKind.SKIPPED)

MESSAGES = f"""
    SELECT {_STEP.format(at="m.created_at")}, m.state, count(*) FROM messages AS m
    WHERE m.state IN ({", ".join(f"'{state}'" for state in State)})
        AND {_WITHIN.format(at="m.created_at")} AND {_TAGGED.format(of="m")}
    GROUP BY 1, 2
"""
ATTEMPTS = f"""
    SELECT {_STEP.format(at="a.started_at")}, a.provider, a.outcome, count(*) FROM attempts AS a
    WHERE a.outcome IN ({_ASKED}) AND {_WITHIN.format(at="a.started_at")}
        AND {_TAGGED.format(of="a")}
    GROUP BY 1, 2, 3
"""
DURATIONS = f"""
    SELECT provider, greatest(duration, 0) / {_UNIT_US}, count(*) FROM (
        SELECT a.provider, a.duration,
            row_number() OVER (PARTITION BY a.provider ORDER BY a.started_at DESC) AS age
        FROM attempts AS a
        WHERE a.outcome IN ({_ASKED}) AND {_WITHIN.format(at="a.started_at")}
            AND {_TAGGED.format(of="a")}
    ) AS newest WHERE age <= {_NEWEST} AND $3::integer > 0 GROUP BY 1, 2
"""
HAND_OVERS = f"""
    SELECT greatest(duration, 0) / {_UNIT_US}, count(*) FROM (
        SELECT m.finished_at - m.ready_at AS duration FROM messages AS m
        WHERE m.state = 'sent' AND {_WITHIN.format(at="m.created_at")} AND {_TAGGED.format(of="m")}
        ORDER BY m.created_at DESC LIMIT {_NEWEST}
    ) AS newest WHERE $3::integer > 0 GROUP BY 1
"""


async def stats(connection: Connection, period: Period, tag: str | None) -> Stats:
    """Count a period. See `port.Store.stats`."""
    values = (micros(period.since), micros(period.until), period.steps, tag)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        messages = await connection.fetch(MESSAGES, *values)
        attempts = await connection.fetch(ATTEMPTS, *values)
        durations = await connection.fetch(DURATIONS, *values)
        hand_overs = await connection.fetch(HAND_OVERS, *values)
    return stats_of(
        period,
        messages={(step, State(state)): count for step, state, count in messages},
        attempts={
            (step, provider, OutcomeKind(outcome)): count
            for step, provider, outcome, count in attempts
        },
        durations=_by_provider(durations),
        hand_over=percentiles_counted(dict(map(tuple, hand_overs)), _UNIT_US),
    )


def _by_provider(rows: list[Any]) -> dict[str, Percentiles]:
    lasted: dict[str, Counter[int]] = {}
    for provider, units, count in rows:
        lasted.setdefault(provider, Counter())[units] += count
    return {provider: percentiles_counted(counts, _UNIT_US) for provider, counts in lasted.items()}
