"""Wire names: webhooks and their deliveries."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from ..domain.errors import Fault
from ..domain.event import EventType
from ..domain.message import KeyId
from ..domain.suppression import parse_note
from ..domain.webhook import (
    DeliveryState,
    Webhook,
    WebhookAttempt,
    WebhookDelivery,
    WebhookId,
    WebhookSettings,
    parse_event_type,
)
from ..events.endpoints import Period, Replayed
from ..events.targets import TargetRules, parse_url
from ..store.webhooks import DeliveryPage, DeliveryQuery
from .errors import InvalidRequest
from .schemas import Cursor, Limit, NextCursor, Request, Time, words

_LONGEST_OVERLAP = timedelta(days=7)

# ---------------------------------------------------------------- requests

EventTypes = Annotated[
    tuple[Annotated[str, AfterValidator(parse_event_type)], ...],
    Field(
        max_length=50,
        description="Types of events, or a whole family such as `message.*`; empty: every one. "
        f"There are: {words(EventType)}.",
        examples=[["message.sent", "message.failed"]],
    ),
]
Tags = Annotated[
    tuple[Annotated[str, Field(max_length=64)], ...],
    Field(max_length=50, description="Only events of messages with one of them; empty: of all."),
]
KeyIds = Annotated[
    tuple[Annotated[str, Field(max_length=100)], ...],
    Field(
        max_length=50,
        description="Only events of messages that one of these API keys sent; empty: of all.",
    ),
]
Text = Annotated[str, AfterValidator(parse_note)]
Url = Annotated[
    str,
    Field(
        max_length=2000,
        description="`https://`, without credentials and fragment, and not a private address.",
        examples=["https://shop.example.com/hooks/mail"],
    ),
]


class NewWebhook(Request):
    """A webhook to be made."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"url": "https://shop.example.com/hooks/mail", "event_types": ["message.*"]}
            ]
        }
    )

    url: Url
    description: Annotated[Text, Field(description="For people: one line.")] = ""
    event_types: EventTypes = ()
    tags: Tags = ()
    key_ids: KeyIds = ()

    def settings(self, rules: TargetRules) -> WebhookSettings:
        """Return it in the domain's words. Raises `InvalidRequest`."""
        return WebhookSettings(
            url=_url(self.url, rules),
            description=self.description,
            event_types=self.event_types,
            tags=self.tags,
            key_ids=_key_ids(self.key_ids),
        )


class WebhookPatch(Request):
    """What shall be otherwise; what is not named stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"paused": False}]})

    url: Url | None = None
    description: Text | None = None
    event_types: EventTypes | None = None
    tags: Tags | None = None
    key_ids: KeyIds | None = None
    paused: Annotated[
        bool | None, Field(description="`true`: call it no more, events wait. `false`: go on.")
    ] = None
    reason: Annotated[Text, Field(description="Why it is paused, for people.")] = ""
    skip_missed: Annotated[
        bool,
        Field(description="With `paused: false`: leave out what happened while it was paused."),
    ] = False

    def settings(self, before: WebhookSettings, rules: TargetRules) -> WebhookSettings:
        """Return the settings with what is named replaced. Raises `InvalidRequest`."""
        return WebhookSettings(
            url=before.url if self.url is None else _url(self.url, rules),
            description=before.description if self.description is None else self.description,
            event_types=before.event_types if self.event_types is None else self.event_types,
            tags=before.tags if self.tags is None else self.tags,
            key_ids=before.key_ids if self.key_ids is None else _key_ids(self.key_ids),
        )


class SecretRotation(Request):
    """How to rotate a webhook's secret."""

    overlap: Annotated[
        int,
        Field(
            ge=0,
            le=int(_LONGEST_OVERLAP.total_seconds()),
            description="Seconds for which the secret before signs too.",
        ),
    ] = 86_400

    @property
    def span(self) -> timedelta:
        """The overlap."""
        return timedelta(seconds=self.overlap)


class WebhookReplay(Request):
    """Which events to deliver again, by when they happened."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"since": "2030-01-01T00:00:00Z", "dry_run": True}]}
    )

    since: Annotated[Time, Field(description="At or after.")]
    until: Annotated[Time | None, Field(description="Before; default: now.")] = None
    event_types: EventTypes = ()
    delivered: Annotated[
        bool, Field(description="Also those that the receiver has taken with a 2xx.")
    ] = False
    dry_run: Annotated[bool, Field(description="Only count them.")] = False
    cursor: Cursor = None

    def period(self, now: datetime) -> Period:
        """Return it in the domain's words."""
        return Period(
            since=self.since,
            until=self.until or now,
            event_types=self.event_types,
            delivered=self.delivered,
            after=self.cursor or "",
        )


class DeliveryListQuery(BaseModel):
    """The query string of `GET /v1/webhooks/{id}/deliveries`."""

    model_config = ConfigDict(extra="forbid")

    state: DeliveryState | None = None
    event_type: EventType | None = None
    limit: Limit = 50
    cursor: Cursor = None

    def query(self, id_: WebhookId) -> DeliveryQuery:
        """Return the store's query."""
        return DeliveryQuery(
            webhook_id=id_,
            state=self.state,
            event_type=self.event_type,
            limit=self.limit,
            cursor=self.cursor,
        )


def _url(text: str, rules: TargetRules) -> str:
    try:
        return parse_url(text, rules)
    except ValueError as error:
        raise InvalidRequest([Fault("/url", str(error))]) from None


def _key_ids(texts: tuple[str, ...]) -> tuple[KeyId, ...]:
    return tuple(map(KeyId, texts))


# ---------------------------------------------------------------- answers


class WebhookStatus(StrEnum):
    """Whether a webhook is called."""

    ACTIVE = "active"
    PAUSED = "paused"


class WebhookPauseOut(TypedDict):
    """Why a webhook is not called."""

    reason: str
    by: Annotated[str, Field(description="The id of an API key, or `gateway`.")]
    at: datetime


class WebhookOut(TypedDict):
    """A webhook without its secret."""

    id: Annotated[str, Field(examples=["whk_01JZX3M8Q0V5W6Y7Z8A9B0C1D2"])]
    url: str
    description: str
    event_types: list[str]
    tags: list[str]
    key_ids: list[str]
    status: WebhookStatus
    pause: WebhookPauseOut | None
    failing_since: Annotated[
        datetime | None, Field(description="Nothing but failures since then; null after a 2xx.")
    ]
    previous_secret_until: Annotated[
        datetime | None, Field(description="Until then the secret before signs too.")
    ]
    created_at: datetime


class WebhookWithSecret(WebhookOut):
    """A webhook with a new secret."""

    secret: Annotated[
        str,
        Field(
            description="Signs every request (Standard Webhooks). Shown now and never again.",
            pattern="^whsec_[A-Za-z0-9+/]{43}=$",
        ),
    ]


class WebhookList(TypedDict):
    """All webhooks, newest first."""

    data: list[WebhookOut]
    next_cursor: None


class WebhookAttemptOut(TypedDict):
    """One request to a webhook."""

    at: datetime
    duration_ms: float
    status: Annotated[int | None, Field(description="Null when no answer came.")]
    answer: Annotated[str, Field(description="The first 4 KiB of what was answered.")]
    error: Annotated[str, Field(description="Why no answer came; empty when one did.")]


class DeliveryOut(TypedDict):
    """One event on its way to one webhook."""

    id: Annotated[
        str,
        Field(
            description="The header `webhook-id` of every attempt: dedupe on it.",
            examples=["dlv_01JZX3M8Q0V5W6Y7Z8A9B0C1D2"],
        ),
    ]
    webhook_id: str
    event_id: Annotated[str | None, Field(description="Null of a test.")]
    event_type: EventType
    state: DeliveryState
    created_at: datetime
    next_attempt_at: Annotated[datetime | None, Field(description="Null unless pending.")]
    body: Annotated[str, Field(description="What is sent, byte for byte.")]
    attempts: Annotated[list[WebhookAttemptOut], Field(description="In their order.")]


class DeliveryPageOut(TypedDict):
    """Deliveries, newest first."""

    data: list[DeliveryOut]
    next_cursor: NextCursor


class ReplayedOut(TypedDict):
    """What was done, or (dry run) would be."""

    dry_run: bool
    count: Annotated[int, Field(description="Deliveries that begin anew.")]
    next_cursor: Annotated[
        str | None,
        Field(description="There is more: ask again with it as `cursor`; null at the end."),
    ]


def webhook_of(it: Webhook, now: datetime) -> WebhookOut:
    """Return a webhook as it stands at this moment."""
    until = it.previous[1] if it.previous else None
    pause = it.pause
    return {
        "id": it.id,
        "url": it.settings.url,
        "description": it.settings.description,
        "event_types": list(it.settings.event_types),
        "tags": list(it.settings.tags),
        "key_ids": list(it.settings.key_ids),
        "status": WebhookStatus.PAUSED if pause else WebhookStatus.ACTIVE,
        "pause": {"reason": pause.reason, "by": pause.by, "at": pause.at} if pause else None,
        "failing_since": it.failing_since,
        "previous_secret_until": until if until is not None and until > now else None,
        "created_at": it.created_at,
    }


def webhook_with_secret(it: Webhook, now: datetime) -> WebhookWithSecret:
    """Return a webhook and its secret, to be seen once."""
    return {**webhook_of(it, now), "secret": it.secret.reveal()}


def delivery_of(it: WebhookDelivery) -> DeliveryOut:
    """Return a delivery."""
    return {
        "id": it.id,
        "webhook_id": it.webhook_id,
        "event_id": it.event_id,
        "event_type": it.event_type,
        "state": it.state,
        "created_at": it.created_at,
        "next_attempt_at": it.next_attempt_at,
        "body": it.body.decode(),
        "attempts": [_attempt_of(each) for each in it.attempts],
    }


def _attempt_of(it: WebhookAttempt) -> WebhookAttemptOut:
    return {
        "at": it.at,
        "duration_ms": round(it.duration.total_seconds() * 1000, 1),
        "status": it.status,
        "answer": it.answer,
        "error": it.error,
    }


def delivery_page(page: DeliveryPage) -> DeliveryPageOut:
    """Return a page of deliveries."""
    return {"data": [delivery_of(it) for it in page.rows], "next_cursor": page.next_cursor}


def replayed_of(it: Replayed, *, dry_run: bool) -> ReplayedOut:
    """Return the result of a replay."""
    return {"dry_run": dry_run, "count": it.count, "next_cursor": it.after}
