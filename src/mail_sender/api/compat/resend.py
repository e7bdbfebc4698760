"""Resend's Email API (https://resend.com/docs/api-reference).

Neighbours: `door` serves it. Fields and names of errors are those of the vendor's OpenAPI file
(github.com/resend/resend-openapi) and of resend.com/docs. An id is a UUID. `Idempotency-Key` means
what it means there, for a batch as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ...domain.address import format_mailbox
from ...domain.errors import Fault
from ...domain.message import Attachment, Content, Mailbox
from ...intake.intake import Submission
from ...mime import spelled_out
from ...store.port import Query, Record, Scope
from ..answers import Answer
from ..bodies import json_bytes, parsed
from .fields import Wire, mapped, refused, taken
from .ids import uuid_of
from .reading import Reader, file, read_document, read_list
from .refusal import Reason, Refusal
from .standing import Standing, asked_for, id_asked_for, is_scheduled, standing_of
from .submitting import headers_of, take, take_each, why_not
from .vendor import Call, Vendor, Visit, bearer

_MOST_IN_A_BATCH = 100
_AHEAD = re.compile(r"in (\d{1,6}) ?(s|sec|m|min|h|hour|d|day)\w*", re.IGNORECASE)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LATER = timedelta(days=3650)  #: what is beyond is as much too late as this


class Tag(Wire, frozen=True):
    """A name and a value."""

    name: Annotated[str, mapped("metadata")]
    value: Annotated[str, mapped("metadata")]


class Buffer(Wire, frozen=True):
    """Bytes as old versions of the Node library write them."""

    type: Annotated[str, taken()]
    data: Annotated[list[int], taken()]


class File(Wire, frozen=True):
    """An attachment."""

    content: Annotated[str | list[int] | Buffer | None, taken()] = None
    filename: Annotated[str | None, taken()] = None
    path: Annotated[
        str | None, refused("this gateway fetches no files from elsewhere: send the content")
    ] = None
    content_type: Annotated[str | None, mapped("taken; without one, by the file's name")] = None
    content_id: Annotated[str | None, mapped("taken; the file is inline")] = None


class Email(Wire, frozen=True):
    """What is posted to send a mail."""

    from_: Annotated[str | None, taken()] = msgspec.field(name="from", default=None)
    to: Annotated[list[str] | str | None, taken()] = None
    subject: Annotated[str | None, taken()] = None
    cc: Annotated[list[str] | str | None, taken()] = None
    bcc: Annotated[list[str] | str | None, taken()] = None
    reply_to: Annotated[list[str] | str | None, taken()] = None
    text: Annotated[str | None, mapped("taken; none is made of the HTML")] = None
    html: Annotated[str | None, taken()] = None
    headers: Annotated[dict[str, str] | None, taken()] = None
    tags: Annotated[tuple[Tag, ...] | None, mapped("metadata")] = None
    attachments: Annotated[tuple[File, ...] | None, taken()] = None
    scheduled_at: Annotated[
        str | None, mapped("ISO 8601 is taken, and words like `in 10 min`; no other words")
    ] = None
    topic_id: Annotated[str | None, refused("this gateway has no subscription topics")] = None
    template: Annotated[
        dict[str, object] | None, refused("this gateway does not render Resend's templates")
    ] = None


class Update(Wire, frozen=True):
    """What is posted to change the time of a mail."""

    scheduled_at: Annotated[str, mapped("ISO 8601 is taken, and words like `in 10 min`")]
    id: Annotated[str | None, mapped("nothing: the id in the address counts")] = None


_NO: dict[Reason, tuple[int, str]] = {
    Reason.NOT_READABLE: (400, "validation_error"),
    Reason.MEDIA_TYPE: (415, "validation_error"),
    Reason.TOO_LARGE: (413, "validation_error"),
    Reason.INVALID: (422, "validation_error"),
    Reason.UNSUPPORTED: (422, "invalid_parameter"),
    Reason.NO_KEY: (401, "missing_api_key"),
    Reason.BAD_KEY: (403, "invalid_api_key"),
    Reason.SCOPE: (401, "restricted_api_key"),
    Reason.SENDER: (403, "validation_error"),
    Reason.NETWORK: (403, "invalid_access"),
    Reason.NO_SUCH_CALL: (404, "not_found"),
    Reason.WRONG_METHOD: (405, "method_not_allowed"),
    Reason.NOT_FOUND: (404, "not_found"),
    Reason.CONFLICT: (422, "validation_error"),
    Reason.KEY_REUSED: (409, "invalid_idempotent_request"),
    Reason.KEY_RUNNING: (409, "concurrent_idempotent_requests"),
    Reason.TOO_FAST: (429, "rate_limit_exceeded"),
    Reason.UNAVAILABLE: (503, "service_unavailable"),
    Reason.MESSAGE_REFUSED: (422, "validation_error"),
    Reason.NOT_SENT: (503, "service_unavailable"),
    Reason.OUTCOME_UNKNOWN: (504, "application_error"),
    Reason.INTERNAL: (500, "internal_server_error"),
}
_EVENTS = {
    Standing.DELAYED: "delivery_delayed",
    Standing.CANCELLED: "canceled",
}


# ---------------------------------------------------------------- calls


async def send(visit: Visit) -> Response:
    """Send one mail."""
    content = await parsed(
        lambda body: content_of(read_document(Email, body), visit), await json_bytes(visit.request)
    )
    submission = await take(visit, content)
    return Answer({"id": _id(submission)}, 200, headers_of(submission))


async def send_batch(visit: Visit) -> Response:
    """Send up to 100 mails: all or none, unless the client asks for permissive validation."""
    items = await parsed(
        lambda body: [_item(raw, visit) for raw in read_list(body, most=_MOST_IN_A_BATCH)],
        await json_bytes(visit.request),
    )
    is_permissive = visit.request.headers.get("x-batch-validation", "strict") == "permissive"
    if not is_permissive:
        _must_all_be_good(items, visit)
    results = await take_each(visit, items)
    data = [{"id": _id(it)} for it in results if isinstance(it, Submission)]
    errors = [
        {"index": place, "message": visit.vendor.told(it)}
        for place, it in enumerate(results)
        if isinstance(it, Refusal)
    ]
    return Answer({"data": data, "errors": errors} if is_permissive else {"data": data})


async def get(visit: Visit) -> Response:
    """Tell what became of a mail; its bodies only to a key with the scope `content`."""
    record = await asked_for(visit, visit.parameters["id"])
    shown = _shown(record, visit.services.clock.now())
    content = spelled_out(record.message.content)
    may_read = Scope.CONTENT in visit.key.scopes
    bodies = (content.html, content.text) if may_read else (None, None)
    return Answer({"object": "email", **shown, "html": bodies[0], "text": bodies[1]})


async def list_emails(visit: Visit) -> Response:
    """List the newest mails of the whole gateway."""
    asked = visit.request.query_params.get("limit", "20")
    if not asked.isdecimal() or not 1 <= int(asked[:4]) <= 100:
        raise Refusal(Reason.INVALID, faults=[Fault("/limit", "1 to 100")])
    page = await visit.services.store.find(Query(limit=int(asked)))
    now = visit.services.clock.now()
    return Answer({
        "object": "list",
        "has_more": page.next_cursor is not None,
        "data": [_shown(record, now) for record in page.rows],
    })  # fmt: skip


async def update(visit: Visit) -> Response:
    """Change when a mail is sent."""
    id_ = id_asked_for(visit.parameters["id"])
    asked = read_document(Update, await json_bytes(visit.request))
    reader = Reader()
    at = _time(reader, asked.scheduled_at, visit.services.clock.now())
    reader.finish()
    if at is not None:
        await visit.services.actions.reschedule(id_, at, by=visit.key)
    return Answer({"object": "email", "id": uuid_of(id_)})


async def cancel(visit: Visit) -> Response:
    """Withdraw a mail that no provider has."""
    id_ = id_asked_for(visit.parameters["id"])
    await visit.services.actions.cancel(id_, by=visit.key)
    return Answer({"object": "email", "id": uuid_of(id_)})


class Resend(Vendor):
    """See the module."""

    name = "resend"
    title = "Resend"
    page = "https://resend.com/docs/api-reference"
    namespace = re.compile(r"/emails(/.*)?")
    theirs: ClassVar = {"send_at": "scheduled_at", "metadata": "tags"}
    calls = (
        Call(method="POST", path="/emails", does="Sends a mail.", needs=Scope.SEND, answer=send,
             takes=Email),
        Call(method="POST", path="/emails/batch", does="Sends up to 100 mails.", needs=Scope.SEND,
             answer=send_batch, takes=Email),
        Call(method="GET", path="/emails/{id}", does="Tells what became of a mail.",
             needs=Scope.READ, answer=get),
        Call(method="GET", path="/emails", does="Lists the newest mails of the whole gateway.",
             needs=Scope.READ, answer=list_emails, asks=("limit",)),
        Call(method="PATCH", path="/emails/{id}", does="Changes when a mail is sent.",
             needs=Scope.MANAGE, answer=update, takes=Update),
        Call(method="POST", path="/emails/{id}/cancel", does="Withdraws a mail.",
             needs=Scope.MANAGE, answer=cancel),
    )  # fmt: skip

    def secret_of(self, request: Request) -> str:
        """See `Vendor.secret_of`."""
        return bearer(request)

    def no(self, refusal: Refusal, words: str) -> Response:
        """See `Vendor.no`."""
        status, name = _NO[refusal.reason]
        if refusal.reason is Reason.INVALID and "is required" in words:
            name = "missing_required_field"
        return Answer({"statusCode": status, "name": name, "message": words}, status)


# ---------------------------------------------------------------- what was posted


def content_of(email: Email, visit: Visit) -> Content:
    """Return what a client says. Raises `Refusal` with everything that is wrong."""
    reader = Reader()
    content = Content(
        sender=reader.sender("/from", email.from_, visit.services.policy.default_from),
        to=_boxes(reader, "/to", email.to),
        cc=_boxes(reader, "/cc", email.cc),
        bcc=_boxes(reader, "/bcc", email.bcc),
        reply_to=_boxes(reader, "/reply_to", email.reply_to),
        subject=email.subject or "",
        text=email.text,
        html=email.html,
        headers=tuple((email.headers or {}).items()),
        metadata=tuple({tag.name: tag.value for tag in email.tags or ()}.items()),
        attachments=tuple(
            _file(reader, f"/attachments/{place}", each)
            for place, each in enumerate(email.attachments or ())
        ),
        send_at=_time(reader, email.scheduled_at, visit.services.clock.now()),
    )
    reader.finish()
    return content


def _boxes(reader: Reader, pointer: str, value: list[str] | str | None) -> tuple[Mailbox, ...]:
    if isinstance(value, str):
        return reader.listed(pointer, [value])
    return reader.each(pointer, value or ())


def _file(reader: Reader, pointer: str, it: File) -> Attachment:
    return file(
        it.filename or "attachment", _bytes(reader, f"{pointer}/content", it.content),
        it.content_type, it.content_id,
    )  # fmt: skip


def _bytes(reader: Reader, pointer: str, content: str | list[int] | Buffer | None) -> bytes:
    if isinstance(content, str):
        return reader.base64(pointer, content)
    try:
        if content is not None:
            return bytes(content.data if isinstance(content, Buffer) else content)
        reader.fault(pointer, "is required")
    except ValueError:
        reader.fault(pointer, "expected bytes: numbers of 0 to 255")
    return b""


def _time(reader: Reader, text: str | None, now: datetime) -> datetime | None:
    if not text:
        return None
    ahead = _AHEAD.fullmatch(text.strip())
    if ahead is not None:
        return now + min(timedelta(seconds=int(ahead[1]) * _UNITS[ahead[2][0].lower()]), _LATER)
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        words = "expected a time such as 2026-11-24T09:30:00Z, or words such as `in 10 min`"
        reader.fault("/scheduled_at", words)
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _item(raw: msgspec.Raw, visit: Visit) -> Content | Refusal:
    try:
        return content_of(read_document(Email, bytes(raw)), visit)
    except Refusal as refusal:
        return refusal


def _must_all_be_good(items: Iterable[Content | Refusal], visit: Visit) -> None:
    for place, item in enumerate(items):
        found = item if isinstance(item, Refusal) else why_not(visit, item)
        if found is not None:
            faults = [Fault(f"/{place}{fault.pointer}", fault.detail) for fault in found.faults]
            raise Refusal(found.reason, found.words, faults=faults, headers=found.headers)


# ---------------------------------------------------------------- what is answered


def _id(submission: Submission) -> str:
    return uuid_of(submission.record.message.id)


def _shown(record: Record, now: datetime) -> dict[str, object]:
    message, content = record.message, record.message.content
    standing = standing_of(record, now)
    return {
        "id": uuid_of(message.id),
        "from": format_mailbox(content.sender),
        "to": [format_mailbox(box) for box in content.to],
        "cc": [format_mailbox(box) for box in content.cc],
        "bcc": [format_mailbox(box) for box in content.bcc],
        "reply_to": [format_mailbox(box) for box in content.reply_to],
        "subject": content.subject,
        "created_at": message.created_at,
        "scheduled_at": record.due_at if is_scheduled(record, now) else None,
        "last_event": _EVENTS.get(standing, standing.value),
        "tags": [{"name": name, "value": value} for name, value in content.metadata],
    }
