"""Wire names: providers, routes and verifications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from ..delivery.breaker import BreakerState, BreakerView
from ..delivery.fleet import Member
from ..delivery.quota import QuotaView
from ..delivery.router import Route
from ..domain.attempt import OutcomeKind
from ..domain.event import Event
from ..domain.message import OnUnknown
from ..providers.port import Capabilities, Check, CheckResult, Settling, Verification
from ..providers.port import VerificationStatus as Verified
from ..store.port import AttemptStats, Pause
from .schemas import Request
from .schemas_message import EventOut, event_of


class ProviderState(StrEnum):
    """Whether a provider is asked."""

    UP = "up"  #: it is
    DEGRADED = "degraded"  #: one mail will be tried as a probe
    DOWN = "down"  #: its breaker is open: left out for a while
    PAUSED = "paused"  #: a person took it out of service


_STATES = {
    BreakerState.CLOSED: ProviderState.UP,
    BreakerState.HALF_OPEN: ProviderState.DEGRADED,
    BreakerState.OPEN: ProviderState.DOWN,
}


class PauseOut(TypedDict):
    """Who took a provider out of service, and why."""

    reason: str
    by: Annotated[str, Field(description="Id of the API key, or `cli`.")]
    at: datetime


class BreakerOut(TypedDict):
    """The circuit breaker of this process."""

    state: BreakerState
    reason: str | None
    opened_at: datetime | None
    probe_at: Annotated[datetime | None, Field(description="When one mail is tried as a probe.")]
    recent_calls: int
    recent_failures: int
    blocked_senders: Annotated[
        dict[str, str], Field(description="Sender domains left out here, with the reason.")
    ]


class QuotaOut(TypedDict):
    """Limits of the account, in recipients; null where there is none."""

    max_per_second: float | None
    per_hour: int | None
    used_hour: int | None
    per_day: int | None
    used_day: int | None


class CapabilitiesOut(TypedDict):
    """What the provider can express."""

    max_recipients: int
    max_message_bytes: int | None
    max_tags: int
    metadata: bool
    custom_headers: bool
    attachments: bool
    inline_images: bool
    smtputf8: bool
    blind_alone: Annotated[
        bool, Field(description="A mail may go to blind copies only, nobody in To.")
    ]
    names_everybody: Annotated[
        bool,
        Field(
            description="A mail for the rest of its recipients still names all of them in To and "
            "Cc; if not, it names those whom it is for."
        ),
    ]
    settles_by: Annotated[
        list[Settling], Field(description="How an unknown outcome can be settled, best first.")
    ]


class Calls(TypedDict):
    """Calls to a provider in a period."""

    outcomes: dict[OutcomeKind, int]
    accepted_share: Annotated[
        float | None, Field(description="Of all calls, 0 to 1; null without calls.")
    ]
    p50_ms: float | None
    p99_ms: float | None


class ProviderOut(TypedDict):
    """A provider and how it does."""

    name: str
    kind: Annotated[str, Field(examples=["ses"])]
    state: ProviderState
    sender: Annotated[
        str | None, Field(description="The only address that its account may send as, if any.")
    ]
    routes: Annotated[list[str], Field(description="Routes that name it.")]
    pause: PauseOut | None
    breaker: BreakerOut
    quota: QuotaOut
    capabilities: CapabilitiesOut
    last_24h: Calls
    changes: Annotated[
        list[EventOut], Field(description="Recently degraded and recovered, newest first.")
    ]


class ProviderList(TypedDict):
    """All providers, in the order of the configuration."""

    data: list[ProviderOut]
    next_cursor: None


def provider_of(
    member: Member,
    *,
    pause: Pause | None,
    routes: Mapping[str, Route],
    calls: AttemptStats | None,
    changes: Sequence[Event],
) -> ProviderOut:
    """Return a provider."""
    provider = member.provider
    breaker = member.breaker.view()
    return {
        "name": provider.name,
        "kind": provider.kind,
        "state": ProviderState.PAUSED if pause else _STATES[breaker.state],
        "sender": provider.sender,
        "routes": [name for name, route in routes.items() if provider.name in route.providers],
        "pause": {"reason": pause.reason, "by": pause.by, "at": pause.at} if pause else None,
        "breaker": _breaker(breaker),
        "quota": _quota(member.quota.view()),
        "capabilities": _capabilities(provider.capabilities),
        "last_24h": calls_of(calls),
        "changes": [event_of(event) for event in changes],
    }


def _breaker(view: BreakerView) -> BreakerOut:
    return {
        "state": view.state,
        "reason": view.reason,
        "opened_at": view.opened_at,
        "probe_at": view.probe_at,
        "recent_calls": view.recent_calls,
        "recent_failures": view.recent_failures,
        "blocked_senders": view.blocked_senders,
    }


def _quota(view: QuotaView) -> QuotaOut:
    return {
        "max_per_second": view.max_per_second,
        "per_hour": view.per_hour,
        "used_hour": view.used_hour,
        "per_day": view.per_day,
        "used_day": view.used_day,
    }


def _capabilities(it: Capabilities) -> CapabilitiesOut:
    return {
        "max_recipients": it.max_recipients,
        "max_message_bytes": it.max_message_bytes,
        "max_tags": it.max_tags,
        "metadata": it.metadata,
        "custom_headers": it.custom_headers,
        "attachments": it.attachments,
        "inline_images": it.inline_images,
        "smtputf8": it.smtputf8,
        "blind_alone": it.blind_alone,
        "names_everybody": it.names_everybody,
        "settles_by": list(it.settles_by),
    }


def calls_of(stats: AttemptStats | None) -> Calls:
    """Return the calls to one provider; None for none."""
    if stats is None:
        return {"outcomes": {}, "accepted_share": None, "p50_ms": None, "p99_ms": None}
    calls = sum(stats.outcomes.values())
    accepted = stats.outcomes.get(OutcomeKind.ACCEPTED, 0)
    return {
        "outcomes": dict(stats.outcomes),
        "accepted_share": round(accepted / calls, 4) if calls else None,
        "p50_ms": stats.p50_ms,
        "p99_ms": stats.p99_ms,
    }


# ---------------------------------------------------------------- what can be done


class PauseRequest(Request):
    """Why a provider is taken out of service."""

    reason: Annotated[
        str | None,
        Field(max_length=500, description="Shown to everybody.", examples=["maintenance"]),
    ] = None


class CheckOut(TypedDict):
    """What a test of a provider found; nothing was sent."""

    provider: str
    result: CheckResult
    detail: Annotated[
        str, Field(description="What was asked and answered, and what to do about it.")
    ]
    took_ms: int
    quota_left: Annotated[int | None, Field(description="Recipients; null when not known.")]
    max_per_second: float | None
    clock_offset_seconds: Annotated[
        float | None, Field(description="The provider's clock minus ours.")
    ]


def check_of(provider: str, check: Check) -> CheckOut:
    """Return the result of a test."""
    offset = check.clock_offset
    return {
        "provider": provider,
        "result": check.result,
        "detail": check.detail,
        "took_ms": round(check.took / timedelta(milliseconds=1)),
        "quota_left": check.quota_left,
        "max_per_second": check.max_per_second,
        "clock_offset_seconds": offset.total_seconds() if offset is not None else None,
    }


# ---------------------------------------------------------------- routes


class RouteOut(TypedDict):
    """Providers in the order in which they are asked."""

    name: str
    providers: list[str]
    on_unknown: Annotated[OnUnknown, Field(description="For messages that do not choose.")]


class RouteList(TypedDict):
    """The routing rules in force. `test` is where the mail of test keys goes."""

    data: list[RouteOut]
    next_cursor: None


def route_list(routes: Mapping[str, Route]) -> RouteList:
    """Return the routes."""
    return {
        "data": [
            {
                "name": route.name,
                "providers": list(route.providers),
                "on_unknown": route.on_unknown,
            }
            for route in routes.values()
        ],
        "next_cursor": None,
    }


# ---------------------------------------------------------------- verifications


class VerificationOut(TypedDict):
    """Whether one provider knows an address as verified."""

    provider: str
    status: Verified
    detail: Annotated[str, Field(description="The provider's words.")]


class VerificationList(TypedDict):
    """One entry for each provider that has the concept; none if no provider has."""

    address: str
    data: list[VerificationOut]
    next_cursor: None


def verification_list(address: str, found: Mapping[str, Verification]) -> VerificationList:
    """Return what each provider says of the address."""
    return {
        "address": address,
        "data": [
            {"provider": name, "status": it.status, "detail": it.detail}
            for name, it in found.items()
        ],
        "next_cursor": None,
    }
