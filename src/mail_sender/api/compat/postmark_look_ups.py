"""Postmark's Messages and Bounce API: look-ups, answered from the record.

Neighbours: `postmark` lists the calls. Postmark counts from the newest with `count` and `offset`,
our lists go by cursor: so an offset costs as much as what is passed over, and is limited.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from starlette.responses import Response

from ...domain.address import format_mailbox
from ...domain.errors import Fault
from ...domain.event import Event, EventType
from ...domain.message import Mailbox
from ...domain.status import RecipientStatus
from ...mime import spelled_out
from ...store.paging import event_id, event_number
from ...store.port import InvalidCursor, Query, Recipient, Record, Scope
from ..answers import Answer
from .ids import uuid_of
from .refusal import Reason, Refusal
from .standing import Standing, asked_for, id_asked_for, standing_of
from .vendor import Visit

ASKED = (
    *("count", "offset", "recipient", "fromemail", "tag", "subject", "todate", "fromdate"),
    "messagestream",
)
_FARTHEST = 10_000  #: count and offset together, as at Postmark
_PAGE = 200
_WAITING = {Standing.QUEUED, Standing.SCHEDULED}
_REFUSED_FOR_GOOD = {
    RecipientStatus.FAILED, RecipientStatus.BOUNCED, RecipientStatus.COMPLAINED,
}  # fmt: skip
_TELLS = {EventType.FAILED, EventType.BOUNCED, EventType.COMPLAINED}
_MOST_EVENTS = 2_000  #: looked through for one answer
_MOST_OF_ONE = 1_000  #: recipients of a message: the last digits of a bounce's id


class _Span(NamedTuple):
    length: int
    offset: int


def _span(visit: Visit) -> _Span:
    texts = [visit.request.query_params.get(name, "") for name in ("count", "offset")]
    faults = [
        Fault(f"/{name}", "expected a whole number")
        for name, text in zip(("count", "offset"), texts, strict=True)
        if not text.isdecimal() or len(text) > 9
    ]
    if not faults and not (1 <= int(texts[0]) <= 500 and sum(map(int, texts)) <= _FARTHEST):
        faults = [Fault("/count", f"1 to 500, and with the offset at most {_FARTHEST}")]
    if faults:
        raise Refusal(Reason.INVALID, faults=faults)
    return _Span(int(texts[0]), int(texts[1]))


# ---------------------------------------------------------------- messages


async def list_messages(visit: Visit) -> Response:
    """Search. `TotalCount` counts to the end of what was asked for, and one more if there is."""
    span = _span(visit)
    found = []
    seen = 0
    async for record in _matching(visit, span):
        seen += 1
        if span.offset < seen <= span.offset + span.length:
            found.append(_row(record, visit.services.clock.now()))
    return Answer({"TotalCount": seen, "Messages": found})


async def _matching(visit: Visit, span: _Span) -> AsyncIterator[Record]:
    asked = visit.request.query_params
    left = span.offset + span.length + 1
    cursor: str | None = None
    while left > 0:
        page = await visit.services.store.find(
            Query(
                recipient=asked.get("recipient") or None,
                sender=asked.get("fromemail") or None,
                subject=asked.get("subject") or None,
                tag=asked.get("tag") or None,
                since=_time("fromdate", asked.get("fromdate")),
                until=_time("todate", asked.get("todate")),
                limit=min(_PAGE, left),
                cursor=cursor,
            )
        )
        for record in page.rows:
            yield record
        left -= len(page.rows)
        cursor = page.next_cursor
        if cursor is None:
            return


async def get_message(visit: Visit) -> Response:
    """Tell what became of one."""
    record = await asked_for(visit, visit.parameters["id"])
    content = spelled_out(record.message.content)
    may_read = Scope.CONTENT in visit.key.scopes
    return Answer({
        **_row(record, visit.services.clock.now()),
        "TextBody": content.text if may_read else None,
        "HtmlBody": content.html if may_read else None,
        "Body": "",
        "MessageEvents": [*_events(record)],
    })  # fmt: skip


def _row(record: Record, now: datetime) -> dict[str, object]:
    message, content = record.message, record.message.content
    return {
        "MessageID": uuid_of(message.id),
        "MessageStream": "outbound" if message.route == "default" else message.route,
        "Status": "Queued" if standing_of(record, now) in _WAITING else "Sent",
        "ReceivedAt": message.created_at,
        "From": format_mailbox(content.sender),
        "To": _named(content.to),
        "Cc": _named(content.cc),
        "Bcc": _named(content.bcc),
        "Recipients": list(content.recipients),
        "Subject": content.subject,
        "Tag": content.tags[0] if content.tags else "",
        "Metadata": dict(content.metadata),
        "Attachments": [file.filename for file in content.attachments],
        "TrackOpens": False,
        "TrackLinks": "None",
    }


def _named(boxes: tuple[Mailbox, ...]) -> list[dict[str, str]]:
    return [{"Email": box.address, "Name": box.name} for box in boxes]


_EVENTS = {
    RecipientStatus.DELIVERED: "Delivered",
    RecipientStatus.DEFERRED: "Transient",
    RecipientStatus.BOUNCED: "Bounced",
    RecipientStatus.FAILED: "Bounced",
    RecipientStatus.COMPLAINED: "SpamComplaint",
}


def _events(record: Record) -> Iterator[dict[str, object]]:
    for recipient in record.recipients:
        if recipient.status in _EVENTS:
            yield {
                "Recipient": recipient.address,
                "Type": _EVENTS[recipient.status],
                "ReceivedAt": recipient.updated_at,
                "Details": {"DeliveryMessage": recipient.detail},
            }


def _time(name: str, text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        fault = Fault(f"/{name}", "expected a date or time such as 2026-11-24")
        raise Refusal(Reason.INVALID, faults=[fault]) from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


# ---------------------------------------------------------------- bounces


async def list_bounces(visit: Visit) -> Response:
    """List recipients who were refused for good, of the newest events."""
    span = _span(visit)
    asked = visit.request.query_params
    found = [
        bounce
        async for bounce in _bounces(visit, asked.get("messageID"))
        if asked.get("emailFilter", "").lower() in str(bounce["Email"]).lower()
        and asked.get("type") in {None, "", bounce["Type"]}
    ]
    return Answer({
        "TotalCount": len(found),
        "Bounces": found[span.offset : span.offset + span.length],
    })  # fmt: skip


async def get_bounce(visit: Visit) -> Response:
    """Tell about one of them."""
    text = visit.parameters["id"]
    number, place = divmod(int(text) if text.isdecimal() and len(text) < 16 else 0, _MOST_OF_ONE)
    try:
        page = await visit.services.store.events(after=event_id(max(number - 1, 0)), limit=1)
    except InvalidCursor:
        raise _no_bounce() from None
    for event in page.rows:
        if event_number(event.id) == number and event.type in _TELLS:
            for bounce in await _of_event(visit, event):
                if bounce["ID"] == number * _MOST_OF_ONE + place:
                    return Answer(bounce)
    raise _no_bounce()


def _no_bounce() -> Refusal:
    return Refusal(Reason.NOT_FOUND, "There is no such bounce.")


async def _bounces(visit: Visit, message: str | None) -> AsyncIterator[dict[str, object]]:
    id_ = id_asked_for(message) if message else None
    told: set[tuple[object, object]] = set()
    cursor: str | None = None
    for _ in range(_MOST_EVENTS // _PAGE):
        page = await visit.services.store.events(
            message_id=id_, after=cursor, limit=_PAGE, newest_first=True
        )
        for event in page.rows:
            if event.type in _TELLS:
                for bounce in await _of_event(visit, event):
                    which = bounce["MessageID"], bounce["Email"]
                    if which not in told:
                        told.add(which)
                        yield bounce
        cursor = page.next_cursor
        if cursor is None:
            return


async def _of_event(visit: Visit, event: Event) -> list[dict[str, object]]:
    record = await visit.services.store.get(event.message_id) if event.message_id else None
    if record is None:
        return []
    number = event_number(event.id) * _MOST_OF_ONE
    return [
        _bounce(record, recipient, event, number + place)
        for place, recipient in enumerate(record.recipients)
        if recipient.status in _REFUSED_FOR_GOOD
    ]


def _bounce(record: Record, recipient: Recipient, event: Event, id_: int) -> dict[str, object]:
    content = record.message.content
    type_, code, name = (
        ("SpamComplaint", 512, "Spam complaint")
        if recipient.status is RecipientStatus.COMPLAINED
        else ("HardBounce", 1, "Hard bounce")
    )
    return {
        "RecordType": "Bounce",
        "ID": id_,
        "Type": type_,
        "TypeCode": code,
        "Name": name,
        "Tag": content.tags[0] if content.tags else "",
        "MessageID": uuid_of(record.message.id),
        "Email": recipient.address,
        "From": content.sender.address,
        "BouncedAt": event.at,
        "Details": recipient.detail,
        "Description": "The mail was refused for good.",
        "DumpAvailable": False,
        "Inactive": False,
        "CanActivate": False,
        "Subject": content.subject,
        "MessageStream": "outbound",
    }
