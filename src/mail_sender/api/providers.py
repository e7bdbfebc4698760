"""`/v1/providers`, `/v1/routes` and `/v1/verifications`: the other side, and how it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from ..delivery.breaker import BreakerState
from ..delivery.fleet import Member
from ..domain.address import parse_address
from ..domain.errors import Fault, NotFound
from ..domain.event import Event, EventType
from ..domain.message import Address
from ..observability import maillog
from ..providers.port import Verification, VerifiesAddresses
from ..store.port import ApiKey, AttemptStats, Pause, Store
from .answers import Answer
from .auth import NEEDS_MANAGE, NEEDS_READ, Behind, CanManage
from .bodies import json_body
from .documented import JSON_BODY, json_request, refusals
from .errors import InvalidRequest
from .faults import parameter
from .schemas_provider import (
    CheckOut,
    PauseRequest,
    ProviderList,
    ProviderOut,
    RouteList,
    VerificationList,
    check_of,
    provider_of,
    route_list,
    verification_list,
)
from .services import Services

router = APIRouter(tags=["Providers"])

AnAddress = Annotated[str, Path(examples=["ann@example.net"])]

_PERIOD = timedelta(hours=24)
_CHANGES = 10  #: shown for each provider
_PAGES, _PAGE = 5, 200  #: how far back changes are looked for


@router.get(
    "/v1/providers",
    dependencies=[NEEDS_READ],
    response_model=ProviderList,
    summary="List providers",
)
async def list_providers(services: Behind) -> Response:
    """Every provider with its state, breaker, quota, latency, and what changed and why."""
    now = services.clock.now()
    calls = await _calls(services.store, now)
    changes = await _changes(services.store, now - _PERIOD)
    shown = [_shown(member, services, calls, changes) for member in services.fleet.members.values()]
    return Answer({"data": shown, "next_cursor": None})


@router.post(
    "/v1/providers/{name}/pause",
    response_model=ProviderOut,
    summary="Take a provider out of service",
    responses=refusals(NotFound, *JSON_BODY),
    openapi_extra=json_request(PauseRequest, required=False),
)
async def pause_provider(
    name: str,
    key: CanManage,
    asked: Annotated[PauseRequest, Depends(json_body(PauseRequest))],
    services: Behind,
) -> Response:
    """Nobody asks it until it is resumed, on any node within seconds. Mail goes to the others."""
    member = _member(name, services)
    reason = (asked.reason or "").strip()
    at = services.clock.now()
    await services.store.pause(Pause(provider=name, reason=reason, by=key.id, at=at))
    words = f"paused: {reason}" if reason else "paused"
    await _note(EventType.DEGRADED, name, words, key, services)
    return await _answer(member, services)


@router.post(
    "/v1/providers/{name}/resume",
    response_model=ProviderOut,
    summary="Take a provider back into service",
    responses=refusals(NotFound),
)
async def resume_provider(name: str, key: CanManage, services: Behind) -> Response:
    """Ends a pause, and closes its breaker if that is open. Without either, nothing happens."""
    member = _member(name, services)
    if name in await services.store.pauses():
        await services.store.resume(name)
        await _note(EventType.RECOVERED, name, "resumed", key, services)
    if member.breaker.view().state is not BreakerState.CLOSED:
        member.breaker.reset()
    return await _answer(member, services)


@router.post(
    "/v1/providers/{name}/test",
    dependencies=[NEEDS_MANAGE],
    response_model=CheckOut,
    summary="Test a provider",
    responses=refusals(NotFound),
)
async def test_provider(name: str, services: Behind) -> Response:
    """Ask it whether the account works, without sending anything."""
    return Answer(check_of(name, await _member(name, services).provider.check()))


@router.get(
    "/v1/routes", dependencies=[NEEDS_READ], response_model=RouteList, summary="List routes"
)
async def list_routes(services: Behind) -> Response:
    """The routing rules in force."""
    return Answer(route_list(services.fleet.routes))


@router.get(
    "/v1/verifications/{address}",
    dependencies=[NEEDS_READ],
    response_model=VerificationList,
    summary="Ask whether an address is verified",
    responses=refusals(InvalidRequest),
)
async def get_verification(address: AnAddress, services: Behind) -> Response:
    """The state of the address at each provider that has the concept, such as the SES sandbox."""
    return await _verifications(address, services, lambda it: it.verification)


@router.post(
    "/v1/verifications/{address}",
    dependencies=[NEEDS_MANAGE],
    response_model=VerificationList,
    summary="Ask to verify an address",
    responses=refusals(InvalidRequest),
)
async def ask_verification(address: AnAddress, services: Behind) -> Response:
    """Have each provider that has the concept send its verification mail. Twice does no harm."""
    return await _verifications(address, services, lambda it: it.ask_verification)


# ---------------------------------------------------------------- inside


def _member(name: str, services: Services) -> Member:
    member = services.fleet.members.get(name)
    if member is None:
        raise NotFound(name)
    return member


async def _answer(member: Member, services: Services) -> Answer:
    services.fleet.learn_pauses(await services.store.pauses())
    now = services.clock.now()
    calls = await _calls(services.store, now)
    changes = await _changes(services.store, now - _PERIOD)
    return Answer(_shown(member, services, calls, changes))


def _shown(
    member: Member,
    services: Services,
    calls: dict[str, AttemptStats],
    changes: Sequence[Event],
) -> ProviderOut:
    name = member.provider.name
    mine = [event for event in changes if event.data.get("provider") == name]
    return provider_of(
        member,
        pause=services.fleet.pauses.get(name),
        routes=services.fleet.routes,
        calls=calls.get(name),
        changes=mine[:_CHANGES],
    )


async def _calls(store: Store, now: datetime) -> dict[str, AttemptStats]:
    stats = await store.stats(since=now - _PERIOD, until=now, buckets=1)
    return {it.provider: it for it in stats.providers}


async def _changes(store: Store, since: datetime) -> list[Event]:
    """Return events about providers, newest first, among the newest of all."""
    found: list[Event] = []
    cursor: str | None = None
    for _ in range(_PAGES):
        page = await store.events(after=cursor, limit=_PAGE, newest_first=True)
        found += [event for event in page.rows if event.message_id is None]
        cursor = page.next_cursor
        if cursor is None or page.rows[-1].at < since:
            break
    return found


async def _note(type_: EventType, name: str, reason: str, key: ApiKey, services: Services) -> None:
    maillog.provider_state(name, "paused" if type_ is EventType.DEGRADED else "resumed", reason)
    data = {"provider": name, "reason": reason, "by": key.id}
    await services.store.append_event(Event(type=type_, at=services.clock.now(), data=data))


Ask = Callable[[VerifiesAddresses], Callable[[Address], Awaitable[Verification]]]


async def _verifications(text: str, services: Services, ask: Ask) -> Answer:
    try:
        address = parse_address(text)
    except ValueError as error:
        raise InvalidRequest([Fault(parameter("address", "path"), str(error))]) from None
    asked = {
        name: ask(provider)(address)
        for name, provider in services.fleet.providers.items()
        if isinstance(provider, VerifiesAddresses)
    }
    found = await asyncio.gather(*asked.values())
    return Answer(verification_list(address, dict(zip(asked, found, strict=True))))
