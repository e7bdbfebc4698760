"""Errors as problem+json (RFC 9457): one table, from the class of an error to its answer.

Neighbours: everything below raises `MailSenderError`, `asgi` calls `answer_of`, `openapi` lists
the table. Only the error's `public` text goes out, never that of the exception; what is not in
the table is a 500 that says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from ..domain import errors
from ..domain.errors import Fault, MailSenderError
from . import errors as of_the_door
from .answers import Answer
from .schemas import Problem

MEDIA_TYPE = "application/problem+json"
MOST_FAULTS = 100  #: more than anybody reads; the answer to 40 MB of nonsense stays small


@dataclass(frozen=True, slots=True)
class Kind:
    """A problem type: its `code` is stable, its title the same for every occurrence."""

    status: HTTPStatus
    code: str
    title: str

    @property
    def uri(self) -> str:
        """The RFC 9457 type: a name, nothing to fetch."""
        return f"urn:mail-sender:problem:{self.code}"


INVALID_MESSAGE = Kind(
    HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_message", "The message is not valid"
)
INTERNAL = Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "Internal error")
NOT_FOUND = Kind(HTTPStatus.NOT_FOUND, "not_found", "Not found")
METHOD_NOT_ALLOWED = Kind(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed")
MESSAGE_REFUSED = Kind(
    HTTPStatus.UNPROCESSABLE_ENTITY, "message_refused", "No provider will take this message"
)
NOT_SENT = Kind(HTTPStatus.SERVICE_UNAVAILABLE, "not_sent", "Not sent, and nothing will be")
OUTCOME_UNKNOWN = Kind(HTTPStatus.GATEWAY_TIMEOUT, "outcome_unknown", "The outcome is not known")

KINDS: Mapping[type[MailSenderError], Kind] = {
    MailSenderError: INTERNAL,
    errors.ConfigError: INTERNAL,
    errors.InvalidMessage: INVALID_MESSAGE,
    errors.NotFound: NOT_FOUND,
    errors.StateConflict: Kind(
        HTTPStatus.CONFLICT, "state_conflict", "Its state does not allow this"
    ),
    errors.IdempotencyMismatch: Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency_mismatch", "Idempotency key used before"
    ),
    errors.IdempotencyInProgress: Kind(
        HTTPStatus.CONFLICT, "idempotency_in_progress", "The first request is still running"
    ),
    errors.SenderNotAllowed: Kind(HTTPStatus.FORBIDDEN, "sender_not_allowed", "Sender not allowed"),
    errors.StoreUnavailable: Kind(
        HTTPStatus.SERVICE_UNAVAILABLE, "store_unavailable", "Mail cannot be stored now"
    ),
    errors.QueueFull: Kind(HTTPStatus.SERVICE_UNAVAILABLE, "queue_full", "The queue is full"),
    errors.Draining: Kind(HTTPStatus.SERVICE_UNAVAILABLE, "draining", "The gateway is stopping"),
    errors.NotGenuine: Kind(HTTPStatus.UNAUTHORIZED, "not_genuine", "Not the provider's call"),
    errors.InvalidHook: Kind(HTTPStatus.BAD_REQUEST, "invalid_hook", "Not what the provider sends"),
    errors.HookUndecided: Kind(
        HTTPStatus.SERVICE_UNAVAILABLE, "hook_undecided", "Nobody can tell whose call it is"
    ),
    errors.HookNotNow: Kind(
        HTTPStatus.TOO_MANY_REQUESTS, "hook_not_now", "Calls cannot be kept now"
    ),
    of_the_door.InvalidJson: Kind(HTTPStatus.BAD_REQUEST, "invalid_json", "Not JSON"),
    of_the_door.InvalidCsv: Kind(HTTPStatus.BAD_REQUEST, "invalid_csv", "Not CSV"),
    of_the_door.BodyTooLarge: Kind(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", "The request is too large"
    ),
    of_the_door.WrongMediaType: Kind(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Unsupported media type"
    ),
    of_the_door.InvalidRequest: Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", "The request is not valid"
    ),
    of_the_door.Unauthorized: Kind(HTTPStatus.UNAUTHORIZED, "unauthorized", "No valid API key"),
    of_the_door.ScopeMissing: Kind(HTTPStatus.FORBIDDEN, "scope_missing", "Scope missing"),
    of_the_door.KeyNotAllowed: Kind(
        HTTPStatus.FORBIDDEN, "key_not_allowed", "More than this API key may give"
    ),
    of_the_door.NetworkNotAllowed: Kind(
        HTTPStatus.FORBIDDEN, "network_not_allowed", "Network not allowed"
    ),
    of_the_door.RateLimited: Kind(
        HTTPStatus.TOO_MANY_REQUESTS, "rate_limited", "Too many requests"
    ),
    of_the_door.NotReady: Kind(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", "Not ready"),
    of_the_door.NoSandbox: Kind(HTTPStatus.NOT_FOUND, "no_sandbox", "No sandbox"),
}


def kind_of(error: MailSenderError) -> Kind:
    """Return the problem type of an error; that of the nearest class in the table."""
    return next(KINDS[cls] for cls in type(error).__mro__ if cls in KINDS)


def problem_of(error: MailSenderError, *, below: str = "") -> Problem:
    """Return the members of the problem.

    Args:
        error: What was raised.
        below: The pointer of the part of the request that the error is about, such as
            `/messages/3` in a batch.
    """
    kind = kind_of(error)
    public = MailSenderError.public if kind is INTERNAL else error.public
    found: Sequence[Fault] = getattr(error, "faults", ())
    return problem(kind, public, faults=found, below=below)


def problem(kind: Kind, detail: str, *, faults: Sequence[Fault] = (), below: str = "") -> Problem:
    """Return a problem's members, without the optional `errors` when there are none."""
    members: Problem = {
        "type": kind.uri,
        "title": kind.title,
        "status": kind.status.value,
        "detail": detail,
        "code": kind.code,
    }
    if faults:
        members["errors"] = [
            {"pointer": below + fault.pointer, "detail": fault.detail}
            for fault in faults[:MOST_FAULTS]
        ]
    return members


def answer_of(error: MailSenderError) -> Answer:
    """Return the answer to a request that raised `error`."""
    return Answer(problem_of(error), kind_of(error).status, headers_of(error), MEDIA_TYPE)


def answer_to(kind: Kind, detail: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Return the answer for a problem that no error class stands for."""
    return Answer(problem(kind, detail), kind.status, headers, MEDIA_TYPE)


def headers_of(error: MailSenderError) -> dict[str, str]:
    """Return the header fields that belong to the answer: when to come back, how to log in."""
    match error:
        case of_the_door.Unauthorized():
            return {"WWW-Authenticate": 'Bearer realm="mail-sender"'}
        case errors.NotGenuine():
            return {"WWW-Authenticate": 'Basic realm="webhooks"'}  # for those with a password
        case of_the_door.BodyTooLarge():
            return {"Connection": "close"}  # what is left of the body is not read
        case errors.IdempotencyInProgress():
            return {"Retry-After": "1"}
        case (
            errors.StoreUnavailable(retry_after=wait)
            | errors.QueueFull(retry_after=wait)
            | errors.Draining(retry_after=wait)
            | errors.HookUndecided(retry_after=wait)
            | errors.HookNotNow(retry_after=wait)
            | of_the_door.RateLimited(retry_after=wait)
            | of_the_door.NotReady(retry_after=wait)
        ):
            return {"Retry-After": _whole_seconds(wait)}
        case _:
            return {}


def _whole_seconds(wait: timedelta) -> str:
    """RFC 9110 section 10.2.3: whole seconds; never 0, which would ask for a storm."""
    return str(max(1, math.ceil(wait.total_seconds())))
