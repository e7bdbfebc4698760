"""`POST /v1/messages`, `/v1/messages/batch` and `/v1/explain`.

The first two are the hot ones: `asgi` puts them on plain Starlette routes, and what stands in
their decorators here is only for the OpenAPI document. So they look at the key themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import TypeVar

import msgspec
from fastapi import APIRouter, Request
from pydantic_core import from_json
from starlette.responses import Response

from ..delivery.explain import explain
from ..domain.errors import (
    Draining,
    Fault,
    IdempotencyInProgress,
    IdempotencyMismatch,
    MailSenderError,
    QueueFull,
    SenderNotAllowed,
    StoreUnavailable,
)
from ..domain.message import Content, Mode
from ..domain.status import RecipientStatus
from ..intake.intake import Submission, Verdict
from ..store.port import ApiKey, Record, Scope
from .answers import Answer
from .auth import Behind, CanSend, authenticator_of, services_of
from .bodies import json_bytes, parsed
from .documented import (
    JSON_BODY,
    MESSAGE_BODY,
    by_key,
    json_request,
    problems,
    refusals,
    returns,
    together,
)
from .errors import InvalidJson, InvalidRequest
from .faults import token
from .fields import field, fields_of
from .problems import (
    MEDIA_TYPE,
    MESSAGE_REFUSED,
    NOT_SENT,
    OUTCOME_UNKNOWN,
    Kind,
    kind_of,
    problem,
    problem_of,
)
from .reading import read_message
from .schemas_message import Message, message_of
from .schemas_send import MOST_IN_A_BATCH, Batch, BatchItem, SendRequest
from .schemas_sent import BatchResult, BatchResults, Explanation, SyncProblem, explanation_of
from .services import Services

MOST_WAIT = 120  #: seconds, of `Prefer: wait`

_ACCEPTED_HEADERS = ("Location", "Preference-Applied", "Idempotency-Replayed")
_NOT_ACCEPTED = (SenderNotAllowed, QueueFull, Draining, StoreUnavailable)

router = APIRouter(tags=["Sending"])


@router.post(
    "/v1/messages",
    status_code=202,
    response_model=Message,
    summary="Send a message",
    responses=together(
        returns(
            200,
            "It ended within `Prefer: wait`; or `sync`: a provider took it.",
            Message,
            headers=_ACCEPTED_HEADERS,
        ),
        returns(202, "Durable; a worker sends it.", Message, headers=_ACCEPTED_HEADERS),
        refusals(*MESSAGE_BODY, *_NOT_ACCEPTED, IdempotencyMismatch, IdempotencyInProgress),
        problems(MESSAGE_REFUSED, NOT_SENT, OUTCOME_UNKNOWN, also=SyncProblem),
    ),
    openapi_extra={
        **json_request(SendRequest),
        **by_key(Scope.SEND, headers=("Idempotency-Key", "Prefer")),
    },
)
async def send_message(request: Request) -> Response:
    """Take one message. A 2xx is given only after the message is durable.

    **`async`** (default): `202` with the message, whose `id` is the token to ask with. With
    `Prefer: wait=N` the answer is held up to N seconds and is `200` if the message ended within
    them: its `status` says how.

    **`sync`**: the result now. `200`: a provider took it. `422 message_refused`: no provider
    will take it. `503 not_sent`: every provider failed, and nothing will be sent later.
    `504 outcome_unknown`: a provider may have it; the gateway goes on finding out.

    With an `Idempotency-Key`, a repeated request gets the first message again instead of a
    second mail.
    """
    services = services_of(request)
    key = await authenticator_of(request).admit(request, Scope.SEND)
    content = await _message_in(request, services, key)
    wait = _preferred_wait(request) if content.mode is Mode.ASYNC else None
    submission = await services.intake.submit(
        content,
        key=key,
        idempotency_key=field(request.scope, b"idempotency-key"),
        wait=timedelta(seconds=wait) if wait is not None else None,
    )
    headers = {"Location": f"/v1/messages/{submission.record.message.id}"}
    if submission.replayed:
        headers["Idempotency-Replayed"] = "true"
    if wait is not None:
        headers["Preference-Applied"] = f"wait={wait}"
    return _answer(submission, services, headers)


@router.post(
    "/v1/messages/batch",
    status_code=202,
    response_model=BatchResults,
    summary="Send up to 500 messages",
    responses=together(
        returns(202, "One result for each message, in their order.", BatchResults),
        refusals(*JSON_BODY, QueueFull, Draining),
    ),
    openapi_extra={**json_request(Batch), **by_key(Scope.SEND)},
)
async def send_batch(request: Request) -> Response:
    """Take up to 500 `async` messages in one commit.

    Each stands or falls alone and is answered at its place with the status that it would have
    got alone: `202` with the message, or a problem whose pointers point into the whole batch.
    Only what concerns the batch as a whole (not JSON, no list, too many, no room in the store)
    is an error of the request; then nothing was accepted.
    """
    services = services_of(request)
    key = await authenticator_of(request).admit(request, Scope.SEND)
    body = await json_bytes(request)
    items = await parsed(lambda body: _batch_in(body, services, key), body)
    results = await services.intake.submit_many(items, key=key)
    data = [_result(place, result, services) for place, result in enumerate(results)]
    return Answer({"data": data}, 202)


@router.post(
    "/v1/explain",
    response_model=Explanation,
    summary="Explain where a message would go",
    responses=refusals(*MESSAGE_BODY, *_NOT_ACCEPTED),
    openapi_extra=json_request(SendRequest),
)
async def explain_message(request: Request, key: CanSend, services: Behind) -> Response:
    """A dry run: which providers would be asked in which order, and why not the others.

    Takes what `POST /v1/messages` takes and refuses what it refuses. Nothing is stored, sent or
    counted.
    """
    content = await _message_in(request, services, key)
    message = services.intake.prepare(content, key=key).message
    suppressed = await services.store.suppressed_among(content.recipients)
    return Answer(explanation_of(message, explain(message, services.fleet), suppressed))


# ---------------------------------------------------------------- one message


async def _message_in(request: Request, services: Services, key: ApiKey) -> Content:
    def read(body: bytes) -> Content:
        _, content = read_message(
            SendRequest,
            body,
            default_from=services.policy.default_from,
            check=lambda content: services.intake.prepare(content, key=key),
        )
        return content

    return await parsed(read, await json_bytes(request))


_WAIT = re.compile(r'\s*wait\s*=\s*(?:"(\d{1,9})"|(\d{1,9}))\s*(?:;.*)?', re.IGNORECASE | re.ASCII)


def _preferred_wait(request: Request) -> int | None:
    """Return N of `Prefer: wait=N` (RFC 7240 section 4.3), at most `MOST_WAIT`.

    What makes no sense is ignored (section 2), and of several the first counts.
    """
    if b"prefer" not in fields_of(request.scope):
        return None
    preferences = ",".join(request.headers.getlist("prefer")).split(",")
    for preference in preferences:
        found = _WAIT.fullmatch(preference)
        if found:
            return min(int(found[1] or found[2]), MOST_WAIT)
    return None


_SYNC_PROBLEMS: dict[Verdict, tuple[Kind, str]] = {
    Verdict.MESSAGE_REFUSED: (
        MESSAGE_REFUSED,
        "No provider will take this message; the attempts say why. Nothing will be sent.",
    ),
    Verdict.NOT_SENT: (
        NOT_SENT,
        "Every provider failed; the attempts say how. Nothing will be sent later.",
    ),
    Verdict.OUTCOME_UNKNOWN: (
        OUTCOME_UNKNOWN,
        "The time is up and a provider may have it. The gateway goes on finding out; ask again.",
    ),
}


def _answer(submission: Submission, services: Services, headers: dict[str, str]) -> Answer:
    message = message_of(submission.record, services.clock.now())
    if submission.verdict is Verdict.ACCEPTED:
        return Answer(message, 202, headers)
    if submission.verdict is Verdict.SENT:
        return Answer(message, 200, headers)
    kind, detail = _SYNC_PROBLEMS[submission.verdict]
    detail = " ".join((detail, *_left_out(submission.record)))
    services.metrics.refused.labels(kind.code).inc()
    members = {"id": message["id"], "attempts": message["attempts"], "message": message}
    return Answer({**problem(kind, detail), **members}, kind.status, headers, MEDIA_TYPE)


def _left_out(record: Record) -> Iterator[str]:
    """Say who is on the suppression list and why; of many recipients the first ten."""
    suppressed = [r for r in record.recipients if r.status is RecipientStatus.SUPPRESSED]
    for recipient in suppressed[:10]:
        yield f"{recipient.address} is {recipient.detail}."
    if len(suppressed) > 10:
        yield f"{len(suppressed) - 10} more are on the suppression list."


# ---------------------------------------------------------------- a batch

Shape = TypeVar("Shape")
Item = tuple[Content | MailSenderError, str | None]
_whole = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])


def _batch_in(body: bytes, services: Services, key: ApiKey) -> list[Item]:
    """Return the messages of a batch, each read alone."""

    def item(raw: msgspec.Raw) -> Item:
        try:
            sent, content = read_message(
                BatchItem,
                bytes(raw),
                default_from=services.policy.default_from,
                check=lambda content: services.intake.prepare(content, key=key),
            )
        except InvalidJson:
            raise
        except MailSenderError as error:
            return error, None
        return content, sent.idempotency_key

    try:
        raws = _split(body)
    except InvalidRequest:
        _must_be_json(body)
        raise
    return [item(raw) for raw in raws]


def _split(body: bytes) -> list[msgspec.Raw]:
    """Return the messages of a batch as JSON texts. Raises `InvalidJson`, `InvalidRequest`."""
    whole = _decoded(_whole, body, Fault("", "expected an object"))
    faults = [Fault(f"/{token(name)}", "unknown field") for name in whole.keys() - {"messages"}]
    if "messages" not in whole:
        raise InvalidRequest([*faults, Fault("/messages", "is required")])
    raws = _decoded(_list, whole["messages"], Fault("/messages", "expected a list of messages"))
    if not 1 <= len(raws) <= MOST_IN_A_BATCH:
        faults.append(Fault("/messages", f"1 to {MOST_IN_A_BATCH} messages, not {len(raws)}"))
    if faults:
        raise InvalidRequest(faults)
    return raws


def _must_be_json(body: bytes) -> None:
    """Raise `InvalidJson` for what splitting did not look into."""
    try:
        from_json(body)
    except ValueError:
        raise InvalidJson("batch") from None


def _decoded(
    decoder: msgspec.json.Decoder[Shape], body: bytes | msgspec.Raw, fault: Fault
) -> Shape:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        raise InvalidRequest([fault]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidJson("batch") from None


def _result(place: int, result: Submission | MailSenderError, services: Services) -> BatchResult:
    if isinstance(result, MailSenderError):
        kind = kind_of(result)
        services.metrics.refused.labels(kind.code).inc()
        found = problem_of(result, below=f"/messages/{place}")
        return {"status": kind.status.value, "problem": found}
    message = message_of(result.record, services.clock.now())
    return {"status": 202, "message": message, "replayed": result.replayed}
