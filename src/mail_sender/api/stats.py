"""`GET /v1/stats`: counts, shares and latencies of a period, and what waits now."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from ..domain.errors import Fault
from .answers import Answer
from .auth import NEEDS_READ, Behind
from .documented import refusals
from .errors import InvalidRequest
from .faults import parameter
from .schemas import TimeOrDay
from .schemas_stats import StatsOut, stats_of

router = APIRouter(tags=["Statistics"])

_LONGEST = timedelta(days=366)
_OTHERWISE = 60  #: steps of a period given by `since` and `until`


class Period(StrEnum):
    """A period that ends now."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"


_SPANS = {
    Period.HOUR: (timedelta(hours=1), 60),
    Period.DAY: (timedelta(hours=24), 48),
    Period.WEEK: (timedelta(days=7), 56),
    Period.MONTH: (timedelta(days=30), 60),
}


@router.get(
    "/v1/stats",
    dependencies=[NEEDS_READ],
    response_model=StatsOut,
    summary="Statistics",
    responses=refusals(InvalidRequest),
)
async def get_stats(
    *,
    services: Behind,
    period: Annotated[
        Period | None, Query(description="Ends now; default `24h`. Not with `since`, `until`.")
    ] = None,
    since: Annotated[TimeOrDay | None, Query(description="Begin of the period.")] = None,
    until: Annotated[TimeOrDay | None, Query(description="End of it; default now.")] = None,
    tag: Annotated[
        str | None, Query(max_length=64, description="Only messages with this tag.")
    ] = None,
) -> Response:
    """Messages of a period by what became of them, calls by provider, and a series for charts."""
    now = services.clock.now()
    if since is None and until is None:
        span, buckets = _SPANS[period or Period.DAY]
        since, until = now - span, now
    else:
        until, buckets = until or now, _OTHERWISE
        since = _checked(period, since, until)
    stats = await services.store.stats(since=since, until=until, buckets=buckets, tag=tag)
    return Answer(stats_of(stats, await services.store.depth(), tag=tag, now=now))


def _checked(period: Period | None, since: datetime | None, until: datetime) -> datetime:
    if period is not None:
        raise InvalidRequest([Fault(parameter("period"), "not together with since and until")])
    if since is None:
        raise InvalidRequest([Fault(parameter("since"), "is required with until")])
    if since >= until:
        raise InvalidRequest([Fault(parameter("since"), "must lie before until")])
    if until - since > _LONGEST:
        raise InvalidRequest([Fault(parameter("since"), f"at most {_LONGEST.days} days")])
    return since
