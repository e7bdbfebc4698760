"""Statistics of a period, counted by SQLite. Runs on connections that cannot write.

Without a tag, each step is the count of a range of an index: a million mails take 50 ms, and a
second when they are grouped. With a tag, only what has it is looked at, and grouped. Durations
are counted by tenths of a millisecond, and percentiles are those of the newest 100,000 of the
period: sorting a million of them for each look at a dashboard would take seconds.
"""

# ruff: noqa: S608 - statements are put together from constants only

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ..domain.attempt import OutcomeKind
from ..domain.status import State
from .figures import Percentiles, Period, percentiles_counted, stats_of
from .micros import micros
from .port import Stats

_UNIT_US = 100
_NEWEST = 100_000

NEXT_PROVIDER = """
    SELECT min(provider) FROM attempts INDEXED BY attempts_by_outcome WHERE provider > :last
"""
MESSAGES = """
    SELECT count(*) FROM messages INDEXED BY messages_by_state
    WHERE state = :state AND created_at >= :start AND created_at < :end
"""
ATTEMPTS = """
    SELECT count(*) FROM attempts INDEXED BY attempts_by_outcome
    WHERE provider = :provider AND outcome = :outcome AND started_at >= :start AND started_at < :end
"""
DURATIONS = f"""
    SELECT duration FROM attempts INDEXED BY attempts_by_outcome
    WHERE provider = :provider AND outcome = :outcome
        AND started_at >= :since AND started_at < :until
    ORDER BY started_at DESC LIMIT {_NEWEST}
"""
HAND_OVERS = f"""
    SELECT finished_at - ready_at AS duration FROM messages INDEXED BY messages_by_state
    WHERE state = 'sent' AND created_at >= :since AND created_at < :until
    ORDER BY created_at DESC LIMIT {_NEWEST}
"""
_COUNTED = f"SELECT max(duration, 0) / {_UNIT_US}, count(*) FROM ({{durations}}) GROUP BY 1"

# The tag leads: without these hints SQLite prefers what looks more selective, once for each row.
_MESSAGES_WITH = "tags AS t CROSS JOIN messages AS m NOT INDEXED ON m.seq = t.seq"
_ATTEMPTS_WITH = (
    "tags AS t CROSS JOIN attempts AS a INDEXED BY attempts_by_message ON a.seq = t.seq"
)
_STEP = "({at} - :since) * :steps / (:until - :since)"
MESSAGES_OF_TAG = f"""
    SELECT {_STEP.format(at="m.created_at")}, m.state, count(*)
    FROM {_MESSAGES_WITH}
    WHERE t.tag = :tag AND m.created_at >= :since AND m.created_at < :until GROUP BY 1, 2
"""
ATTEMPTS_OF_TAG = f"""
    SELECT {_STEP.format(at="a.started_at")}, a.provider, a.outcome, count(*)
    FROM {_ATTEMPTS_WITH}
    WHERE t.tag = :tag AND a.started_at >= :since AND a.started_at < :until GROUP BY 1, 2, 3
"""
DURATIONS_OF_TAG = f"""
    SELECT a.duration FROM {_ATTEMPTS_WITH}
    WHERE t.tag = :tag AND a.provider = :provider AND a.outcome = :outcome
        AND a.started_at >= :since AND a.started_at < :until
    ORDER BY t.seq DESC LIMIT {_NEWEST}
"""
HAND_OVERS_OF_TAG = f"""
    SELECT m.finished_at - m.ready_at AS duration FROM {_MESSAGES_WITH}
    WHERE t.tag = :tag AND m.state = 'sent' AND m.created_at >= :since AND m.created_at < :until
    ORDER BY t.seq DESC LIMIT {_NEWEST}
"""


def stats(connection: sqlite3.Connection, period: Period, tag: str | None) -> Stats:
    """Count a period. See `port.Store.stats`."""
    counting = _Counting(connection, period, tag)
    attempts = counting.attempts_of_tag() if tag is not None else counting.attempts()
    return stats_of(
        period,
        messages=counting.messages_of_tag() if tag is not None else counting.messages(),
        attempts=attempts,
        durations=counting.durations({(provider, outcome) for _, provider, outcome in attempts}),
        hand_over=counting.hand_over(),
    )


@dataclass(frozen=True, slots=True)
class _Counting:
    """A period, and the values that its queries share."""

    connection: sqlite3.Connection
    period: Period
    tag: str | None

    def messages(self) -> dict[tuple[int, State], int]:
        return {
            (step, state): count
            for state in State
            for step, count in self._by_step(MESSAGES, state=state.value)
        }

    def messages_of_tag(self) -> dict[tuple[int, State], int]:
        rows = self._rows(MESSAGES_OF_TAG)
        return {(step, State(state)): count for step, state, count in rows}

    def attempts(self) -> dict[tuple[int, str, OutcomeKind], int]:
        return {
            (step, provider, outcome): count
            for provider in self._providers()
            for outcome in _ASKED
            for step, count in self._by_step(ATTEMPTS, provider=provider, outcome=outcome.value)
        }

    def attempts_of_tag(self) -> dict[tuple[int, str, OutcomeKind], int]:
        return {
            (step, provider, OutcomeKind(outcome)): count
            for step, provider, outcome, count in self._rows(ATTEMPTS_OF_TAG)
            if outcome in _ASKED
        }

    def durations(self, counted: set[tuple[str, OutcomeKind]]) -> dict[str, Percentiles]:
        query = DURATIONS if self.tag is None else DURATIONS_OF_TAG
        lasted: dict[str, Counter[int]] = {}
        for provider, outcome in counted:
            counts = self._counted(query, provider=provider, outcome=outcome.value)
            lasted.setdefault(provider, Counter()).update(counts)
        return {provider: percentiles_counted(c, _UNIT_US) for provider, c in lasted.items()}

    def hand_over(self) -> Percentiles:
        counts = self._counted(HAND_OVERS if self.tag is None else HAND_OVERS_OF_TAG)
        return percentiles_counted(counts, _UNIT_US)

    def _counted(self, durations: str, **values: object) -> dict[int, int]:
        return dict(self._rows(_COUNTED.format(durations=durations), **values))

    def _providers(self) -> Iterator[str]:
        """Skip from one to the next in the index."""
        last = ""
        while True:
            ((provider,),) = self._rows(NEXT_PROVIDER, last=last)
            if provider is None:
                return
            yield provider
            last = provider

    def _by_step(self, query: str, **values: object) -> Iterator[tuple[int, int]]:
        """Yield (step, count) where there is something; first whether there is at all."""
        edges = [micros(start) for start in (*self.period.starts(), self.period.until)]
        ((total,),) = self._rows(query, start=edges[0], end=edges[-1], **values)
        for step, (start, end) in enumerate(pairwise(edges) if total else ()):
            ((count,),) = self._rows(query, start=start, end=end, **values)
            if count:
                yield step, count

    def _rows(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        shared = {
            "since": micros(self.period.since),
            "until": micros(self.period.until),
            "steps": self.period.steps,
            "tag": self.tag,
        }
        return self.connection.execute(query, {**shared, **values}).fetchall()


_ASKED = [outcome for outcome in OutcomeKind if outcome is not OutcomeKind.SKIPPED]
