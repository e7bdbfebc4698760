"""The bars: what a ratio must be at least, each taken inside a round; medians over the rounds."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .contestants import Measured

Round = Mapping[str, Measured]

OURS = "Mail Sender"
_CELERY = "Celery + anymail, fsync always"
_BULLMQ = "BullMQ + undici, fsync always"
_TASKIQ = "taskiq + aiohttp, fsync always"
_POSTFIX = "Postfix relay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A ratio over a peer; `must` is the least, `aim` what we want."""

    figure: str
    peer: str
    ratio: Callable[[Measured, Measured], float]
    must: float
    aim: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A bar in a run: the median of the rounds' ratios, their least and most."""

    bar: Bar
    median: float
    least: float
    most: float

    @property
    def met(self) -> bool:
        """Whether the median is what it must be."""
        return self.median >= self.bar.must


def _cpu(ours: Measured, theirs: Measured) -> float:
    return theirs.cpu_s_per_1000 / ours.cpu_s_per_1000


def _accepted(ours: Measured, theirs: Measured) -> float:
    return ours.accepted_per_s / theirs.accepted_per_s


def _delivered(ours: Measured, theirs: Measured) -> float:
    return ours.delivered_per_s / theirs.delivered_per_s


BARS = (
    Bar(figure="CPU of Celery / ours", peer=_CELERY, ratio=_cpu, must=15, aim=25),
    Bar(figure="CPU of Postfix / ours", peer=_POSTFIX, ratio=_cpu, must=5, aim=8),
    Bar(figure="CPU of BullMQ / ours", peer=_BULLMQ, ratio=_cpu, must=2, aim=3),
    Bar(figure="CPU of taskiq / ours", peer=_TASKIQ, ratio=_cpu, must=3, aim=5),
    Bar(figure="accepted/s, ours / Postfix", peer=_POSTFIX, ratio=_accepted, must=2.5, aim=4),
    Bar(figure="delivered/s, ours / Postfix", peer=_POSTFIX, ratio=_delivered, must=4, aim=6),
    Bar(figure="delivered/s, ours / BullMQ", peer=_BULLMQ, ratio=_delivered, must=1.3, aim=2),
    Bar(figure="delivered/s, ours / Celery", peer=_CELERY, ratio=_delivered, must=15, aim=25),
)


def results(rounds: Sequence[Round]) -> list[Result]:
    """Return the bars that this run can tell of."""
    found = []
    for bar in BARS:
        ratios = [
            bar.ratio(each[OURS], each[bar.peer])
            for each in rounds
            if OURS in each and bar.peer in each
        ]
        if ratios:
            found.append(
                Result(
                    bar=bar,
                    median=statistics.median(ratios),
                    least=min(ratios),
                    most=max(ratios),
                )
            )
    return found
