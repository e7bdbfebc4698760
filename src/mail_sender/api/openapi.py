"""The OpenAPI 3.1 document: made from the code's types, complete with what can really happen.

FastAPI finds paths, parameters, good answers and keys; routes say which problems they have
(`documented`); here comes what holds everywhere: the problems of keys and of the unexpected,
request ids, rate limits, and the schemas of bodies, which we read ourselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, TypeAdapter

from .. import __version__
from ..domain.errors import MailSenderError, StoreUnavailable
from .answers import encode
from .documented import ALSO, HEADER_NAMES, HEADERS, PROBLEMS, refusals, together
from .errors import NetworkNotAllowed, RateLimited, ScopeMissing, Unauthorized
from .problems import (
    INTERNAL,
    KINDS,
    MEDIA_TYPE,
    MESSAGE_REFUSED,
    NOT_SENT,
    OUTCOME_UNKNOWN,
    Kind,
    problem,
)
from .resources import api_routes
from .schemas import Problem
from .schemas_key import NewKey, Rotation
from .schemas_provider import PauseRequest
from .schemas_sandbox import SandboxFaults, SandboxStory
from .schemas_search import CancelMany, Reschedule, RetryMany, RetryOne
from .schemas_send import Batch, SendRequest
from .schemas_suppression import NewSuppression, NewSuppressions
from .schemas_webhook import NewWebhook, SecretRotation, WebhookPatch, WebhookReplay

BODIES: tuple[type[BaseModel], ...] = (
    SendRequest, Batch, RetryMany, RetryOne, CancelMany, Reschedule, NewKey, Rotation, PauseRequest,
    SandboxFaults, SandboxStory, NewSuppression, NewSuppressions, NewWebhook, WebhookPatch,
    SecretRotation, WebhookReplay,
)  # fmt: skip

_OF_KEYS: tuple[type[MailSenderError], ...] = (
    Unauthorized, NetworkNotAllowed, RateLimited, StoreUnavailable,
)  # fmt: skip
_RATE_LIMIT = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
_COMES_BACK = {429, 503}
_REFS = "#/components/schemas/{model}"

_DESCRIPTION = """\
One API in front of many mail providers, with failover that loses nothing and never sends twice
behind your back.

- **A 2xx is given only after the message is durable.** Its `id` is the token to ask with.
- Errors are `application/problem+json` (RFC 9457). Look at `code`; `errors` lists everything
  that is wrong with a request at once, with pointers (RFC 6901).
- Unknown fields and parameters are refused, since a mistyped one that is silently dropped is a
  lost reply or a list that shows too much.
- Lists take `limit` and `cursor` and answer `{data, next_cursor}`.
- Times are RFC 3339 with an offset.
- Every answer has an `X-Request-Id`, which stands in the log; send your own to find it again.
"""

_TAGS = [
    {"name": "Sending", "description": "Hand over mail, or ask where it would go."},
    {"name": "Messages", "description": "What became of them, and what may still be done."},
    {"name": "Events", "description": "What happened, as a list and as a stream."},
    {"name": "Webhooks", "description": "Your programs are told of events, and what became of it."},
    {"name": "Suppressions", "description": "Addresses that get no mail, from any provider."},
    {"name": "Providers", "description": "The other side: health, routes, verified addresses."},
    {"name": "Statistics", "description": "Counts, shares and latencies."},
    {"name": "API keys", "description": "Who may do what, from where."},
    {"name": "Sandbox", "description": "Imitated providers that fail on command."},
    {"name": "System", "description": "Which gateway answers, and how it is."},
    {"name": "Health", "description": "For load balancers and Prometheus."},
]

_MESSAGE: dict[str, Any] = {
    "id": "msg_01JZX3M8Q0V5W6Y7Z8A9B0C1D2",
    "mode": "async",
    "status": "sent",
    "priority": "normal",
    "route": "default",
    "from": "Shop <shop@example.com>",
    "subject": "Order 7",
    "to": ["ann@example.net"],
    "cc": [],
    "bcc": [],
    "tags": ["orders"],
    "metadata": {"order": "7"},
    "created_at": "2030-01-01T09:30:00Z",
    "updated_at": "2030-01-01T09:30:01.2Z",
    "send_at": None,
    "give_up_at": "2030-01-02T05:30:00Z",
    "next_attempt_at": None,
    "provider": "ses",
    "provider_message_id": "0100018f-0000-0000",
    "recipients": [
        {
            "address": "ann@example.net",
            "kind": "to",
            "status": "sent",
            "provider": "ses",
            "bounce": None,
            "code": 200,
            "enhanced_code": None,
            "detail": "",
            "updated_at": "2030-01-01T09:30:01.2Z",
        }
    ],
    "attempts": [
        {
            "number": 1,
            "provider": "mailgun",
            "started_at": "2030-01-01T09:30:00.1Z",
            "duration_ms": 812,
            "outcome": "deferred",
            "blame": "provider",
            "code": 503,
            "enhanced_code": None,
            "detail": "Service Unavailable",
            "provider_message_id": None,
            "recipients": [],
        },
        {
            "number": 2,
            "provider": "ses",
            "started_at": "2030-01-01T09:30:01Z",
            "duration_ms": 95,
            "outcome": "accepted",
            "blame": None,
            "code": 200,
            "enhanced_code": None,
            "detail": "",
            "provider_message_id": "0100018f-0000-0000",
            "recipients": [],
        },
    ],
}


def openapi_document() -> dict[str, Any]:
    """Return the document. Needs no running service."""
    document = get_openapi(
        title="Mail Sender",
        version=__version__,
        description=_DESCRIPTION,
        routes=api_routes(),
        tags=_TAGS,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    for route in api_routes():
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            operation["operationId"] = route.name
            operation["responses"] = _responses(operation)
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for type_ in (*BODIES, Problem):
        schemas |= _schemas_of(TypeAdapter(type_))
    schemas["Message"]["examples"] = [_MESSAGE]
    document["components"] |= {
        "schemas": dict(sorted(schemas.items())),
        "headers": HEADERS,
        "examples": {kind.code: _example(kind) for kind in _kinds()},
    }
    return document


@cache
def openapi_json() -> bytes:
    """Return the document as it is served."""
    return encode(openapi_document())


def _schemas_of(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    schema = adapter.json_schema(ref_template=_REFS)
    inner = schema.pop("$defs", {})
    return {**inner, schema["title"]: schema}


# ---------------------------------------------------------------- responses


def _responses(operation: dict[str, Any]) -> dict[str, Any]:
    found = operation["responses"]
    if PROBLEMS not in found.get("422", {}):
        found.pop("422", None)  # FastAPI's own; a parameter that is any text cannot be wrong
    everywhere = refusals(MailSenderError)
    if operation.get("security"):
        everywhere = together(everywhere, refusals(*_OF_KEYS))
        if any(scopes for each in operation["security"] for scopes in each.values()):
            everywhere = together(everywhere, refusals(ScopeMissing))
    for status, response in everywhere.items():
        declared = found.setdefault(str(status), {})
        codes = [*declared.get(PROBLEMS, ()), *response[PROBLEMS]]
        declared[PROBLEMS] = list(dict.fromkeys(codes))
    return {
        status: _response(status, found[status], is_secured=bool(operation.get("security")))
        for status in sorted(found)
    }


def _response(status: str, response: dict[str, Any], *, is_secured: bool) -> dict[str, Any]:
    codes = response.pop(PROBLEMS, ())
    also = response.pop(ALSO, None)
    names = ["X-Request-Id", *response.pop(HEADER_NAMES, ())]
    if codes:
        response = _problem_response(codes, also)
        if int(status) in _COMES_BACK or "idempotency_in_progress" in codes:
            names.append("Retry-After")
        if status == "401":
            names.append("WWW-Authenticate")
    if is_secured:
        names += _RATE_LIMIT
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    return {**response, "headers": headers}


def _problem_response(codes: list[str], also: str | None) -> dict[str, Any]:
    kinds = [kind for kind in _kinds() if kind.code in codes]
    schema: dict[str, Any] = {"$ref": _REFS.format(model="Problem")}
    if also is not None:
        schema = {"anyOf": [{"$ref": _REFS.format(model=also)}, schema]}
    return {
        "description": "\n".join(f"- `{kind.code}`: {kind.title}." for kind in kinds),
        "content": {
            MEDIA_TYPE: {
                "schema": schema,
                "examples": {
                    kind.code: {"$ref": f"#/components/examples/{kind.code}"} for kind in kinds
                },
            }
        },
    }


def _example(kind: Kind) -> dict[str, Any]:
    return {"summary": kind.title, "value": problem(kind, f"{kind.title}.")}


def _kinds() -> Iterator[Kind]:
    """Every kind of problem once."""
    kinds = (*KINDS.values(), INTERNAL, MESSAGE_REFUSED, NOT_SENT, OUTCOME_UNKNOWN)
    yield from dict.fromkeys(kinds)
