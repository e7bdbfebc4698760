"""`/v1/events`: what happened, as a list and as a stream of server-sent events.

The stream asks the store again and again, so that it works on every node and misses nothing: it
ends when the process drains or the key is no longer good, and the client comes back, to another
node, with the `Last-Event-ID` that it saw.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response, StreamingResponse

from ..domain.errors import Fault, StoreUnavailable
from ..domain.event import Event
from ..domain.message import KeyId, MessageId
from ..store.port import InvalidCursor, Page, Store
from .answers import Answer, encode
from .auth import NEEDS_READ, Authenticator, Behind, authenticator_of
from .documented import refusals
from .errors import InvalidRequest
from .faults import parameter
from .messages import bad_cursor
from .schemas import Cursor, Limit, Order
from .schemas_message import EventPage, event_of, event_page
from .services import Services

router = APIRouter(tags=["Events"])

_KEEP_ALIVE = timedelta(seconds=15)  #: proxies cut a connection on which nothing is said
_RETRY_MS = 2000
_AT_ONCE = 200

OfMessage = Annotated[str | None, Query(max_length=100, description="Only of this message.")]
OfKey = Annotated[
    str | None, Query(max_length=100, description="Only of messages that this API key sent.")
]


@router.get(
    "/v1/events",
    dependencies=[NEEDS_READ],
    response_model=EventPage,
    summary="List events",
    responses=refusals(InvalidRequest),
)
async def list_events(
    *,
    services: Behind,
    message_id: OfMessage = None,
    key_id: OfKey = None,
    order: Annotated[Order, Query()] = Order.NEWEST_FIRST,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Annotated[Cursor, Query()] = None,
) -> Response:
    """What happened to messages and providers. `cursor` may also be the `id` of an event."""
    try:
        page = await services.store.events(
            message_id=MessageId(message_id) if message_id else None,
            key_id=KeyId(key_id) if key_id else None,
            after=cursor,
            limit=limit,
            newest_first=order is Order.NEWEST_FIRST,
        )
    except InvalidCursor:
        raise bad_cursor() from None
    return Answer(event_page(page))


@router.get(
    "/v1/events/stream",
    dependencies=[NEEDS_READ],
    response_class=Response,
    summary="Follow events",
    responses={
        200: {
            "description": "Server-sent events: `id` is the event's, `event` its type, `data` "
            "the event as in the list.",
            "content": {
                "text/event-stream": {
                    "schema": {"type": "string"},
                    "example": "id: evt_0000000000000007\nevent: message.sent\n"
                    'data: {"id":"evt_0000000000000007","type":"message.sent"}\n\n',
                }
            },
        },
        **refusals(InvalidRequest),
    },
)
async def stream_events(
    *,
    request: Request,
    services: Behind,
    message_id: OfMessage = None,
    key_id: OfKey = None,
    last_event_id: Annotated[
        str | None, Header(description="The last event that was seen; without it, from now on.")
    ] = None,
) -> Response:
    """Events as they happen, each within about a second.

    The connection ends when the gateway stops or the key is revoked. Connect again with
    `Last-Event-ID`, as browsers do by themselves, and nothing is missed.
    """
    stream = Stream(
        store=services.store,
        message_id=MessageId(message_id) if message_id else None,
        key_id=KeyId(key_id) if key_id else None,
    )
    try:
        first = await stream.begin(last_event_id)
    except InvalidCursor:
        place = parameter("Last-Event-ID", "header")
        raise InvalidRequest([Fault(place, "is not the id of an event")]) from None
    text = _written(stream, first, request, services, authenticator_of(request))
    headers = {"X-Accel-Buffering": "no"}  # nginx would hold the events back
    return StreamingResponse(text, media_type="text/event-stream", headers=headers)


@dataclass(slots=True, kw_only=True)
class Stream:
    """Where a client's stream stands."""

    store: Store
    message_id: MessageId | None
    key_id: KeyId | None
    after: str | None = None

    async def begin(self, last_event_id: str | None) -> list[Event]:
        """Return what was missed. Raises `InvalidCursor`."""
        if last_event_id:
            self.after = last_event_id
            return await self.more()
        newest = await self.store.events(limit=1, newest_first=True)
        self.after = newest.rows[0].id if newest.rows else None
        return []

    async def more(self) -> list[Event]:
        """Return what happened since."""
        page: Page[Event] = await self.store.events(
            message_id=self.message_id, key_id=self.key_id, after=self.after, limit=_AT_ONCE
        )
        if page.rows:
            self.after = page.rows[-1].id
        return list(page.rows)


async def _written(
    stream: Stream,
    first: list[Event],
    request: Request,
    services: Services,
    authenticator: Authenticator,
) -> AsyncIterator[bytes]:
    poll_every = services.policy.stream_poll_interval.total_seconds()
    yield f"retry: {_RETRY_MS}\n\n".encode()
    events, said_at = first, services.clock.now()
    while True:
        for event in events:
            yield _text(event)
        if events:
            said_at = services.clock.now()
        if len(events) < _AT_ONCE:
            await asyncio.sleep(poll_every)
        if services.clock.now() - said_at >= _KEEP_ALIVE:
            said_at = services.clock.now()
            yield b": still here\n\n"
        if services.intake.is_draining:
            return
        try:
            if not await authenticator.is_still_good(request):
                return
            events = await stream.more()
        except StoreUnavailable:
            events = []  # the client would only come back to the same


def _text(event: Event) -> bytes:
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (
        event.id.encode(),
        event.type.encode(),
        encode(event_of(event)),
    )
