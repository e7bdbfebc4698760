"""`/v1/sandbox`: what the imitated providers got, and what shall go wrong at them.

Neighbours: `services.sandbox` is the sandbox's own control API, called in the process; its
answers go out as they are, its problems as ours.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, urlencode

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from ..domain.errors import Fault
from .answers import Answer
from .auth import NEEDS_CONTENT, NEEDS_MANAGE, NEEDS_READ, Behind
from .bodies import json_body, json_bytes
from .documented import JSON_BODY, json_request, problems, refusals, together
from .errors import InvalidJson, InvalidRequest, NoSandbox
from .problems import NOT_FOUND, answer_to
from .schemas_sandbox import (
    SandboxAccount,
    SandboxAccounts,
    SandboxFaults,
    SandboxIdentities,
    SandboxInbox,
    SandboxMail,
    SandboxStory,
    SandboxTellings,
)
from .services import Services

router = APIRouter(tags=["Sandbox"])

_MISSING = together(refusals(NoSandbox), problems(NOT_FOUND))


@router.get(
    "/v1/sandbox/inbox",
    dependencies=[NEEDS_READ],
    response_model=SandboxInbox,
    summary="List sandbox mail",
    responses=refusals(NoSandbox, InvalidRequest),
)
async def list_inbox(
    services: Behind,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    provider: Annotated[str | None, Query(description="Only at this imitation.")] = None,
    ms_id: Annotated[str | None, Query(description="Only with this message id.")] = None,
) -> Response:
    """Everything that the imitated providers took, newest first."""
    asked = {"limit": str(limit), "provider": provider, "ms_id": ms_id}
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    return await _ask(services, "GET", f"/inbox?{query}")


@router.get(
    "/v1/sandbox/inbox/{id}",
    dependencies=[NEEDS_CONTENT],
    response_model=SandboxMail,
    summary="Read sandbox mail",
    responses=_MISSING,
)
async def get_mail(id: str, services: Behind) -> Response:  # noqa: A002
    """One mail with what it says."""
    return await _ask(services, "GET", f"/inbox/{_segment(id)}")


@router.delete(
    "/v1/sandbox/inbox",
    dependencies=[NEEDS_MANAGE],
    status_code=204,
    response_class=Response,
    summary="Empty the sandbox inbox",
    responses=refusals(NoSandbox),
)
async def clear_inbox(services: Behind) -> Response:
    """Forget every mail in it."""
    await _ask(services, "DELETE", "/inbox")
    return Response(status_code=204)


@router.get(
    "/v1/sandbox/faults",
    dependencies=[NEEDS_READ],
    response_model=SandboxAccounts,
    summary="List imitated providers and their faults",
    responses=refusals(NoSandbox),
)
async def list_faults(services: Behind) -> Response:
    """Each imitation, where it listens, and what is wrong with it."""
    return await _ask(services, "GET", "/faults")


@router.put(
    "/v1/sandbox/faults/{name}",
    dependencies=[NEEDS_MANAGE],
    response_model=SandboxAccount,
    summary="Break an imitated provider",
    responses=together(_MISSING, refusals(*JSON_BODY)),
    openapi_extra=json_request(SandboxFaults),
)
async def put_faults(name: str, request: Request, services: Behind) -> Response:
    """Set its faults, instead of those that it has: one, or a list that is a script.

    For example `{"fault": "down"}`, or two times `rate_limited`, then one `taken_then_cut`.
    """
    body = await json_bytes(request)
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidJson(name) from None
    return await _ask(services, "PUT", f"/faults/{_segment(name)}", body)


@router.delete(
    "/v1/sandbox/faults/{name}",
    dependencies=[NEEDS_MANAGE],
    response_model=SandboxAccount,
    summary="Heal an imitated provider",
    responses=_MISSING,
)
async def delete_faults(name: str, services: Behind) -> Response:
    """Take all its faults away."""
    return await _ask(services, "DELETE", f"/faults/{_segment(name)}")


@router.post(
    "/v1/sandbox/events",
    dependencies=[NEEDS_MANAGE],
    response_model=SandboxTellings,
    summary="Let an imitated provider tell what became of a mail",
    responses=refusals(NoSandbox, *JSON_BODY),
    openapi_extra=json_request(SandboxStory),
)
async def tell_events(
    story: Annotated[SandboxStory, Depends(json_body(SandboxStory))], services: Behind
) -> Response:
    """It calls the webhook of this gateway as the real one would: late, twice, or in disorder.

    For example `{"mail": "mail-1", "events": ["delivered"]}` for a mail in the inbox.
    """
    return await _ask(services, "POST", "/events", story.model_dump_json().encode())


@router.get(
    "/v1/sandbox/identities",
    dependencies=[NEEDS_READ],
    response_model=SandboxIdentities,
    summary="List sandbox identities",
    responses=refusals(NoSandbox),
)
async def list_identities(services: Behind) -> Response:
    """Addresses and domains that somebody asked the imitations to verify."""
    return await _ask(services, "GET", "/identities")


@router.post(
    "/v1/sandbox/identities/{name}/verify",
    dependencies=[NEEDS_MANAGE],
    response_model=SandboxIdentities,
    summary="Confirm a sandbox identity",
    responses=_MISSING,
)
async def verify_identity(name: str, services: Behind) -> Response:
    """Click the link of the verification mail, so to speak."""
    return await _ask(services, "POST", f"/identities/{_segment(name)}/verify")


def _segment(text: str) -> str:
    return quote(text, safe="")


async def _ask(services: Services, method: str, path: str, body: bytes = b"") -> Response:
    """Pass a call on. Raises `NoSandbox`, `InvalidRequest`."""
    if services.sandbox is None:
        raise NoSandbox(path)
    status, said = await services.sandbox.call(method, path, body)
    if status < 400:
        return Response(said, status, media_type=Answer.media_type)
    detail = str(msgspec.json.decode(said, type=dict[str, object]).get("detail", ""))
    if status == 404:
        return answer_to(NOT_FOUND, detail)
    raise InvalidRequest([Fault("", detail)])
