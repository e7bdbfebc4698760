"""Wire names: a message as a client sees it, its content and its events."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from ..domain import attempt as domain_attempt
from ..domain.address import format_mailbox
from ..domain.attempt import OutcomeKind
from ..domain.event import Event, EventType
from ..domain.message import Disposition, Mailbox, Mode, Priority, RecipientKind
from ..domain.outcome import Blame
from ..domain.status import RecipientStatus, State
from ..mime import spelled_out
from ..store import port
from ..store.port import Page, Record
from .schemas import NextCursor


class MessageStatus(StrEnum):
    """Where a message is in its hand-over; `sent` means that a provider took responsibility."""

    SCHEDULED = "scheduled"  #: waits for its `send_at`
    HELD = "held"  #: waits until somebody releases it
    QUEUED = "queued"  #: waits for its first or next attempt
    SENDING = "sending"  #: a provider may be taking it right now
    UNKNOWN = "unknown"  #: nobody knows whether a provider took it
    SENT = "sent"  #: a provider took responsibility
    FAILED = "failed"  #: refused for good
    EXPIRED = "expired"  #: gave up at `give_up_at`
    CANCELLED = "cancelled"  #: withdrawn before hand-over
    SUPPRESSED = "suppressed"  #: every recipient is on the suppression list


def status_of(record: Record, now: datetime) -> MessageStatus:
    """Return the word for a record's state at this moment."""
    if record.state is State.QUEUED:
        if record.held:
            return MessageStatus.HELD
        if record.due_at is not None and record.due_at > now and not record.attempts:
            return MessageStatus.SCHEDULED
        return MessageStatus.QUEUED
    return word_of(record.state)


def word_of(state: State) -> MessageStatus:
    """Return the word for a state of which nothing else is known: claimed is still queued."""
    return MessageStatus.QUEUED if state is State.LEASED else MessageStatus(state)


class Bounce(TypedDict):
    """What the receiving side said when it refused a recipient for good."""

    code: int | None
    enhanced_code: str | None
    detail: str


class Recipient(TypedDict):
    """What is known of one recipient."""

    address: Annotated[str, Field(examples=["ann@example.net"])]
    kind: RecipientKind
    status: Annotated[
        RecipientStatus,
        Field(description="The most that is known; late or doubled news never lower it."),
    ]
    provider: str | None
    bounce: Bounce | None
    code: Annotated[int | None, Field(description="HTTP status or SMTP reply code last given.")]
    enhanced_code: Annotated[str | None, Field(description="RFC 3463", examples=["5.1.1"])]
    detail: Annotated[str, Field(description="The provider's own words.")]
    updated_at: datetime


class RecipientOutcome(TypedDict):
    """What one provider said of one recipient."""

    address: str
    outcome: OutcomeKind
    blame: Blame | None
    code: int | None
    enhanced_code: str | None
    detail: str


class Attempt(TypedDict):
    """One try at one provider, or a provider passed over (`skipped`) and why."""

    number: int
    provider: str
    started_at: datetime
    duration_ms: Annotated[int, Field(description="From the call to the answer.")]
    outcome: OutcomeKind
    blame: Annotated[Blame | None, Field(description="Whose fault a failure is.")]
    code: int | None
    enhanced_code: str | None
    detail: Annotated[str, Field(description="The provider's own words.")]
    provider_message_id: str | None
    recipients: Annotated[
        list[RecipientOutcome], Field(description="One entry each when they differ, else empty.")
    ]


_Names = TypedDict(
    "_Names",
    {
        "id": Annotated[
            str,
            Field(
                pattern="^msg_[0-9A-HJKMNP-TV-Z]{26}$",
                description="The token to ask with: sorts by time, cannot be guessed.",
                examples=["msg_01JZX3M8Q0V5W6Y7Z8A9B0C1D2"],
            ),
        ],
        "mode": Mode,
        "status": MessageStatus,
        "priority": Priority,
        "route": str,
        "from": Annotated[str, Field(examples=["Shop <shop@example.com>"])],
    },
)


class Message(_Names):
    """A message and everything that happened to it."""

    subject: str
    to: list[str]
    cc: list[str]
    bcc: list[str]
    tags: list[str]
    metadata: dict[str, str]
    created_at: datetime
    updated_at: datetime
    send_at: datetime | None
    give_up_at: Annotated[datetime, Field(description="No attempt begins later.")]
    next_attempt_at: Annotated[
        datetime | None,
        Field(description="When it is tried next, or (`unknown`) looked into; null when it ended."),
    ]
    provider: Annotated[str | None, Field(description="Who took it last.")]
    provider_message_id: str | None
    recipients: list[Recipient]
    attempts: list[Attempt]
    stale: NotRequired[
        Annotated[
            bool,
            Field(description="True, in a cluster that cannot write now: see `as_of`."),
        ]
    ]
    as_of: NotRequired[
        Annotated[
            datetime,
            Field(description="With `stale`: it was so then, and more may have happened since."),
        ]
    ]


def message_of(record: Record, now: datetime) -> Message:
    """Return the message object of `api.md`; `now` tells `scheduled` from `queued`."""
    message, content = record.message, record.message.content
    status = status_of(record, now)
    waits = record.state in {State.QUEUED, State.UNKNOWN}
    message_out: Message = {
        "id": message.id,
        "mode": content.mode,
        "status": status,
        "priority": content.priority,
        "route": message.route,
        "from": format_mailbox(content.sender),
        "subject": content.subject,
        "to": _formatted(content.to),
        "cc": _formatted(content.cc),
        "bcc": _formatted(content.bcc),
        "tags": list(content.tags),
        "metadata": dict(content.metadata),
        "created_at": message.created_at,
        "updated_at": record.updated_at,
        "send_at": record.due_at if status is MessageStatus.SCHEDULED else content.send_at,
        "give_up_at": message.give_up_at,
        "next_attempt_at": record.due_at if waits else None,
        "provider": record.provider,
        "provider_message_id": record.provider_message_id,
        "recipients": [_recipient(recipient) for recipient in record.recipients],
        "attempts": [_attempt(attempt) for attempt in record.attempts],
    }
    if record.as_of is not None:
        message_out |= {"stale": True, "as_of": record.as_of}
    return message_out


def _formatted(boxes: tuple[Mailbox, ...]) -> list[str]:
    return [format_mailbox(box) for box in boxes]


def _recipient(it: port.Recipient) -> Recipient:
    bounced = it.status is RecipientStatus.BOUNCED
    return {
        "address": it.address,
        "kind": it.kind,
        "status": it.status,
        "provider": it.provider,
        "bounce": (
            {"code": it.code, "enhanced_code": it.enhanced_code, "detail": it.detail}
            if bounced
            else None
        ),
        "code": it.code,
        "enhanced_code": it.enhanced_code,
        "detail": it.detail,
        "updated_at": it.updated_at,
    }


def _attempt(it: domain_attempt.Attempt) -> Attempt:
    return {
        "number": it.number,
        "provider": it.provider,
        "started_at": it.started_at,
        "duration_ms": round(it.duration.total_seconds() * 1000),
        "outcome": it.outcome,
        "blame": it.blame,
        "code": it.code,
        "enhanced_code": it.enhanced_code,
        "detail": it.detail,
        "provider_message_id": it.provider_message_id,
        "recipients": [
            {
                "address": each.address,
                "outcome": each.outcome,
                "blame": each.blame,
                "code": each.code,
                "enhanced_code": each.enhanced_code,
                "detail": each.detail,
            }
            for each in it.recipients
        ],
    }


class MessagePage(TypedDict):
    """Messages, newest first. Bodies are not part of it: see `/content`."""

    data: list[Message]
    next_cursor: NextCursor


def message_page(page: Page[Record], now: datetime) -> MessagePage:
    """Return a page of the list."""
    return {
        "data": [message_of(record, now) for record in page.rows],
        "next_cursor": page.next_cursor,
    }


# ---------------------------------------------------------------- content


class AttachmentOut(TypedDict):
    """One file of a message."""

    filename: str
    content_type: str
    size: Annotated[int, Field(description="Bytes, decoded.")]
    content_id: str | None
    disposition: Disposition
    content: Annotated[
        str, Field(json_schema_extra={"contentEncoding": "base64"}, description="Base64.")
    ]


_ContentNames = TypedDict("_ContentNames", {"id": str, "from": str})


class MessageContent(_ContentNames):
    """What the client said, as it said it."""

    to: list[str]
    cc: list[str]
    bcc: list[str]
    reply_to: list[str]
    subject: str
    text: str | None
    html: str | None
    headers: dict[str, str]
    attachments: list[AttachmentOut]


def content_of(record: Record) -> dict[str, object]:
    """Return a `MessageContent`; files are still bytes, which the encoder writes as base64."""
    content = spelled_out(record.message.content)
    return {
        "id": record.message.id,
        "from": format_mailbox(content.sender),
        "to": _formatted(content.to),
        "cc": _formatted(content.cc),
        "bcc": _formatted(content.bcc),
        "reply_to": _formatted(content.reply_to),
        "subject": content.subject,
        "text": content.text,
        "html": content.html,
        "headers": dict(content.headers),
        "attachments": [
            {
                "filename": file.filename,
                "content_type": file.content_type,
                "size": len(file.content),
                "content_id": file.content_id,
                "disposition": file.disposition,
                "content": file.content,
            }
            for file in content.attachments
        ],
    }


# ---------------------------------------------------------------- events


class EventOut(TypedDict):
    """Something that happened to a message, a provider or a webhook."""

    id: Annotated[str, Field(description="Sorts in order of happening; dedupe on it.")]
    type: EventType
    at: datetime
    message_id: Annotated[str | None, Field(description="Null for an event about no message.")]
    data: Annotated[dict[str, object], Field(description="What is known of it, by its type.")]


class EventPage(TypedDict):
    """Events."""

    data: list[EventOut]
    next_cursor: NextCursor


def event_of(event: Event) -> EventOut:
    """Return an event."""
    return {
        "id": event.id,
        "type": event.type,
        "at": event.at,
        "message_id": event.message_id,
        "data": dict(event.data),
    }


def event_page(page: Page[Event]) -> EventPage:
    """Return a page of events."""
    return {"data": [event_of(event) for event in page.rows], "next_cursor": page.next_cursor}
