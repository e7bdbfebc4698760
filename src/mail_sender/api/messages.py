"""`/v1/messages`: what became of them, what stands in them, and what may still be done."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from ..domain.errors import Fault, InvalidMessage, NotFound, StateConflict
from ..domain.message import MessageId
from ..store.port import InvalidCursor, Record, Store
from .answers import Answer
from .auth import NEEDS_CONTENT, NEEDS_READ, Behind, CanManage
from .bodies import json_body
from .documented import JSON_BODY, json_request, refusals
from .errors import InvalidRequest
from .faults import parameter
from .schemas import Cursor, Limit
from .schemas_message import (
    EventPage,
    Message,
    MessageContent,
    MessagePage,
    content_of,
    event_page,
    message_of,
    message_page,
)
from .schemas_search import (
    CancelledMany,
    CancelMany,
    ListQuery,
    Reschedule,
    RetriedMany,
    RetryMany,
    RetryOne,
    cancelled_of,
    retried_of,
)
from .search import query_of, query_of_chosen
from .services import Services

router = APIRouter(tags=["Messages"])

_ID = re.compile(r"msg_[0-9A-HJKMNP-TV-Z]{26}", re.ASCII)


@router.get(
    "/v1/messages",
    dependencies=[NEEDS_READ],
    response_model=MessagePage,
    summary="List messages",
    responses=refusals(InvalidRequest),
)
async def list_messages(asked: Annotated[ListQuery, Query()], services: Behind) -> Response:
    """Messages of the whole installation, newest first, whichever key sent them.

    Bodies, headers and attachments are not part of it. An unknown parameter is refused, since a
    mistyped filter would show too much.
    """
    query = query_of(asked, below=parameter(""), limit=asked.limit, cursor=asked.cursor)
    try:
        page = await services.store.find(query)
    except InvalidCursor:
        raise bad_cursor() from None
    return Answer(message_page(page, services.clock.now()))


@router.post(
    "/v1/messages/retry",
    response_model=RetriedMany,
    summary="Try many messages again",
    responses=refusals(*JSON_BODY),
    openapi_extra=json_request(RetryMany),
)
async def retry_messages(
    key: CanManage, asked: Annotated[RetryMany, Depends(json_body(RetryMany))], services: Behind
) -> Response:
    """Try all matching messages again at once: failed, expired, suppressed and waiting ones.

    Those that a provider has taken are always left out, and those of which nobody knows unless
    `risk_duplicate` says so. At most 1000 in one call: `more` says whether there are others.
    """
    done = await services.actions.retry_many(
        query_of_chosen(asked),
        by=key,
        dry_run=asked.dry_run,
        risk_duplicate=asked.risk_duplicate,
    )
    return Answer(retried_of(done, dry_run=asked.dry_run))


@router.post(
    "/v1/messages/cancel",
    response_model=CancelledMany,
    summary="Cancel many messages",
    responses=refusals(*JSON_BODY),
    openapi_extra=json_request(CancelMany),
)
async def cancel_messages(
    key: CanManage, asked: Annotated[CancelMany, Depends(json_body(CancelMany))], services: Behind
) -> Response:
    """Withdraw all matching messages that were not handed over: queued, scheduled, held ones.

    Those that a provider has, or may have, are left out, and so are those that ended. At most
    1000 in one call: `more` says whether there are others.
    """
    done = await services.actions.cancel_many(query_of_chosen(asked), by=key, dry_run=asked.dry_run)
    return Answer(cancelled_of(done, dry_run=asked.dry_run))


@router.get(
    "/v1/messages/{id}",
    dependencies=[NEEDS_READ],
    response_model=Message,
    summary="Ask for a message",
    responses=refusals(NotFound),
)
async def get_message(id: str, services: Behind) -> Response:  # noqa: A002 - wire name
    """The message with every recipient and every attempt."""
    return _answer(await _record(id, services.store), services)


@router.get(
    "/v1/messages/{id}/content",
    dependencies=[NEEDS_CONTENT],
    response_model=MessageContent,
    summary="Read a message",
    responses=refusals(NotFound),
)
async def get_content(id: str, services: Behind) -> Response:  # noqa: A002
    """Bodies, headers and attachments, as the client sent them. Needs the scope `content`."""
    return Answer(content_of(await _record(id, services.store)))


@router.get(
    "/v1/messages/{id}/events",
    dependencies=[NEEDS_READ],
    response_model=EventPage,
    summary="Timeline of a message",
    responses=refusals(NotFound, InvalidRequest),
)
async def list_events_of_message(
    id: str,  # noqa: A002
    services: Behind,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Annotated[Cursor, Query()] = None,
) -> Response:
    """Everything that happened to it, in order."""
    record = await _record(id, services.store)
    try:
        page = await services.store.events(message_id=record.message.id, after=cursor, limit=limit)
    except InvalidCursor:
        raise bad_cursor() from None
    return Answer(event_page(page))


# ---------------------------------------------------------------- actions


@router.post(
    "/v1/messages/{id}/cancel",
    response_model=Message,
    summary="Cancel a message",
    responses=refusals(NotFound, StateConflict),
)
async def cancel_message(id: str, key: CanManage, services: Behind) -> Response:  # noqa: A002
    """Withdraw it before hand-over. `409` when a provider has it, or may have it."""
    return _answer(await services.actions.cancel(_id(id), by=key), services)


@router.post(
    "/v1/messages/{id}/retry",
    response_model=Message,
    summary="Try a message again",
    responses=refusals(NotFound, StateConflict, *JSON_BODY),
    openapi_extra=json_request(RetryOne, required=False),
)
async def retry_message(
    id: str,  # noqa: A002
    key: CanManage,
    how: Annotated[RetryOne, Depends(json_body(RetryOne))],
    services: Behind,
) -> Response:
    """Try it now: a waiting one at once, a failed or expired one for those who did not get it.

    A suppressed one is sent if its recipients were taken from the list meanwhile; one whose
    outcome is unknown only with `risk_duplicate`.
    """
    record = await services.actions.retry(_id(id), by=key, risk_duplicate=how.risk_duplicate)
    return _answer(record, services)


@router.post(
    "/v1/messages/{id}/release",
    response_model=Message,
    summary="Release a held message",
    responses=refusals(NotFound, StateConflict),
)
async def release_message(id: str, key: CanManage, services: Behind) -> Response:  # noqa: A002
    """Let it go, at once or at its time."""
    return _answer(await services.actions.release(_id(id), by=key), services)


@router.patch(
    "/v1/messages/{id}",
    response_model=Message,
    summary="Reschedule a message",
    responses=refusals(NotFound, StateConflict, *JSON_BODY, InvalidMessage),
    openapi_extra=json_request(Reschedule),
)
async def reschedule_message(
    id: str,  # noqa: A002
    key: CanManage,
    change: Annotated[Reschedule, Depends(json_body(Reschedule))],
    services: Behind,
) -> Response:
    """Change when it is sent; a time that has passed means now. Nothing else can be changed."""
    record = await services.actions.reschedule(_id(id), change.send_at, by=key)
    return _answer(record, services)


# ---------------------------------------------------------------- inside


def bad_cursor() -> InvalidRequest:
    """Return the error for a cursor that we did not make."""
    return InvalidRequest([Fault(parameter("cursor"), "is not a next_cursor of this list")])


def _id(text: str) -> MessageId:
    if not _ID.fullmatch(text):
        raise NotFound(text)
    return MessageId(text)


async def _record(id_: str, store: Store) -> Record:
    record = await store.get(_id(id_))
    if record is None:
        raise NotFound(id_)
    return record


def _answer(record: Record, services: Services) -> Answer:
    return Answer(message_of(record, services.clock.now()))
