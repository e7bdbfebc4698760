"""What routes say about themselves for the OpenAPI document, beyond what FastAPI finds out.

Neighbours: routes use these in their decorators, `openapi` completes the document with what holds
everywhere (keys, rate limits, request ids, the unexpected).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from ..domain.errors import InvalidMessage, MailSenderError, StoreUnavailable
from ..store.port import Scope
from .errors import BodyTooLarge, InvalidCsv, InvalidJson, InvalidRequest, WrongMediaType
from .problems import KINDS, Kind

Responses = dict[int | str, dict[str, Any]]
PROBLEMS = "x-problems"  #: codes of a response; `openapi` turns them into its content
HEADER_NAMES = "x-header-names"  #: header fields of a response, each a component
ALSO = "x-problem-schema"  #: a schema that a problem of this response may have as well

BODY: tuple[type[MailSenderError], ...] = (InvalidJson, BodyTooLarge, WrongMediaType)
JSON_BODY = (*BODY, InvalidRequest)
MESSAGE_BODY = (*BODY, InvalidMessage)
CSV_BODY: tuple[type[MailSenderError], ...] = (InvalidCsv, BodyTooLarge, WrongMediaType)
STORE: tuple[type[MailSenderError], ...] = (StoreUnavailable,)

HEADERS: Mapping[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "The request's own, or one that we made. It stands in every log line.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
    },
    "Location": {
        "description": "Where to ask for the message.",
        "required": True,
        "schema": {"type": "string", "pattern": "^/v1/messages/msg_[0-9A-Z]{26}$"},
    },
    "Content-Disposition": {
        "description": "A name for the file.",
        "required": True,
        "schema": {"type": "string", "pattern": "^attachment; filename="},
    },
    "Idempotency-Replayed": {
        "description": "`true` when the key was used before: this is the first message again.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Preference-Applied": {
        "description": "How long the answer was, or would have been, held back.",
        "schema": {"type": "string", "pattern": "^wait=[0-9]+$"},
    },
    "Retry-After": {
        "description": "Seconds after which it is worth trying again.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {"required": True, "schema": {"type": "string"}},
    "RateLimit-Limit": {
        "description": "Requests a minute with this key, where the gateway limits them.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "RateLimit-Remaining": {
        "description": "What is left of them.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "RateLimit-Reset": {
        "description": "Seconds until they are counted anew.",
        "schema": {"type": "integer", "minimum": 0},
    },
}

_REQUEST_HEADERS: Mapping[str, dict[str, Any]] = {
    "Idempotency-Key": {
        "description": "At most 255 printable ASCII characters, your own for each message. Kept "
        "for 24 hours unless configured otherwise, per API key.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]*$"},
        "example": "order-7",
    },
    "Prefer": {
        "description": "`wait=N` (RFC 7240): hold the answer of an `async` request up to N "
        "seconds, at most 120, for the message to end.",
        "schema": {"type": "string"},
        "example": "wait=10",
    },
}


def refusals(*errors: type[MailSenderError]) -> Responses:
    """Return the responses for these errors, by status."""
    return problems(*(KINDS[error] for error in errors))


def problems(*kinds: Kind, also: type | None = None) -> Responses:
    """Return the responses for these kinds of problem, by status.

    Args:
        kinds: Several may have one status.
        also: A typed dictionary that such a problem may be as well.
    """
    found: Responses = {}
    for kind in kinds:
        response = found.setdefault(kind.status.value, {PROBLEMS: []})
        response[PROBLEMS].append(kind.code)
        if also is not None:
            response |= {ALSO: also.__name__, "model": also}
    return found


def together(*responses: Responses) -> Responses:
    """Return all of them; codes of one status come together."""
    joined: Responses = {}
    for status, response in (pair for each in responses for pair in each.items()):
        before = joined.setdefault(status, {})
        codes = list(dict.fromkeys([*before.get(PROBLEMS, ()), *response.get(PROBLEMS, ())]))
        before |= response
        if codes:
            before[PROBLEMS] = codes
    return joined


def returns(
    status: int, description: str, model: type, *, headers: tuple[str, ...] = ()
) -> Responses:
    """Return a good answer with its header fields."""
    response: dict[str, Any] = {"description": description, "model": model}
    if headers:
        response[HEADER_NAMES] = list(headers)
    return {status: response}


def json_request(*models: type[BaseModel], required: bool = True) -> dict[str, Any]:
    """Return the request body, for `openapi_extra`: one of the models.

    `openapi.BODIES` must list them.
    """
    either = [{"$ref": f"#/components/schemas/{model.__name__}"} for model in models]
    schema = either[0] if len(either) == 1 else {"anyOf": either}
    return {
        "requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}
    }


def csv_request(example: str) -> dict[str, Any]:
    """Return the request body of a route that takes CSV, for `openapi_extra`."""
    content = {"text/csv": {"schema": {"type": "string"}, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def by_key(scope: Scope, *, headers: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return, for `openapi_extra`, what a route needs that reads key and headers itself."""
    parameters = [{"name": name, "in": "header", **_REQUEST_HEADERS[name]} for name in headers]
    return {"security": [{"ApiKey": [scope.value]}], "parameters": parameters}
