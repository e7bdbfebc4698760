"""Counting a period: where its steps begin, percentiles, and putting `Stats` together. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from ..domain.attempt import OutcomeKind
from ..domain.status import State
from .micros import micros
from .port import AttemptStats, Bucket, Stats


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From `since` to before `until`, in `steps` equal steps."""

    since: datetime
    until: datetime
    steps: int

    def starts(self) -> Sequence[datetime]:
        """Return when each step begins."""
        span = self.until - self.since
        return [self.since + span * step / self.steps for step in range(self.steps)]

    def step_of(self, at: datetime) -> int | None:
        """Return the step that `at` falls into; None outside the period."""
        if not self.since <= at < self.until:
            return None
        span = micros(self.until) - micros(self.since)
        return (micros(at) - micros(self.since)) * self.steps // span


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of durations, in milliseconds; None without any."""

    p50_ms: float | None = None
    p99_ms: float | None = None


def percentiles(us: Iterable[int]) -> Percentiles:
    """Return those of durations in microseconds (nearest rank)."""
    return percentiles_counted(Counter(us), 1)


def percentiles_counted(counts: Mapping[int, int], unit_us: int) -> Percentiles:
    """Return those of durations that were counted by whole units of so many microseconds."""
    total = sum(counts.values())
    if not total:
        return Percentiles()
    ordered = sorted(counts)
    upto = list(accumulate(counts[value] for value in ordered))
    p50, p99 = (
        ordered[bisect_left(upto, math.ceil(share * total))] * unit_us / 1000
        for share in (0.5, 0.99)
    )
    return Percentiles(p50, p99)


def stats_of(
    period: Period,
    *,
    messages: Mapping[tuple[int, State], int],
    attempts: Mapping[tuple[int, str, OutcomeKind], int],
    durations: Mapping[str, Percentiles],
    hand_over: Percentiles,
) -> Stats:
    """Return the counts of a period.

    Args:
        period: What was counted.
        messages: How many, by step and state.
        attempts: How many that were not skipped, by step, provider and outcome.
        durations: Of these attempts, by provider.
        hand_over: From acceptance to SENT.
    """
    states: Counter[State] = Counter()
    outcomes: dict[str, Counter[OutcomeKind]] = {}
    for (_, state), count in messages.items():
        states[state] += count
    for (_, provider, outcome), count in attempts.items():
        outcomes.setdefault(provider, Counter())[outcome] += count
    return Stats(
        since=period.since,
        until=period.until,
        accepted=states.total(),
        states=dict(states),
        providers=[
            AttemptStats(
                provider=provider,
                outcomes=dict(counted),
                p50_ms=durations[provider].p50_ms,
                p99_ms=durations[provider].p99_ms,
            )
            for provider, counted in sorted(outcomes.items())
        ],
        buckets=_buckets(period, messages, attempts),
        hand_over_p50_ms=hand_over.p50_ms,
        hand_over_p99_ms=hand_over.p99_ms,
    )


def _buckets(
    period: Period,
    messages: Mapping[tuple[int, State], int],
    attempts: Mapping[tuple[int, str, OutcomeKind], int],
) -> list[Bucket]:
    states: list[dict[State, int]] = [{} for _ in range(period.steps)]
    providers: list[dict[str, dict[OutcomeKind, int]]] = [{} for _ in range(period.steps)]
    for (step, state), count in messages.items():
        states[step][state] = count
    for (step, provider, outcome), count in attempts.items():
        providers[step].setdefault(provider, {})[outcome] = count
    return [
        Bucket(
            start=start,
            accepted=sum(states[step].values()),
            states=states[step],
            providers=providers[step],
        )
        for step, start in enumerate(period.starts())
    ]
