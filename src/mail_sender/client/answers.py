"""What the gateway answers, typed.

Neighbours: `calls` reads the answers into these. Words such as a status are texts and no
enumeration, and what is not known is passed over: a newer gateway may say more than this client
knows, and a mail that was sent must not end in an error because of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from .problem import Problem

ENDED = frozenset({"sent", "failed", "expired", "cancelled", "suppressed"})


class Bounce(msgspec.Struct, frozen=True, kw_only=True):
    """What the receiving side said when it refused a recipient for good."""

    code: int | None = None
    enhanced_code: str | None = None
    detail: str = ""


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one recipient.

    Attributes:
        kind: `to`, `cc` or `bcc`.
        status: As of a message, and `deferred`, `delivered`, `bounced`, `complained`.
        code: HTTP status or SMTP reply code last given; `enhanced_code` is that of RFC 3463.
    """

    address: str
    kind: str
    status: str
    provider: str | None = None
    bounce: Bounce | None = None
    code: int | None = None
    enhanced_code: str | None = None
    detail: str = ""
    updated_at: datetime | None = None


class RecipientOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one provider said of one recipient."""

    address: str
    outcome: str
    blame: str | None = None
    code: int | None = None
    enhanced_code: str | None = None
    detail: str = ""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try at one provider, or a provider passed over (`skipped`) and why.

    Attributes:
        outcome: `accepted`, `deferred`, `refused`, `unknown` or `skipped`.
        blame: Whose fault a failure is: `provider`, `recipient` or `message`.
        recipients: One entry each when they differ.
    """

    number: int
    provider: str
    outcome: str
    started_at: datetime | None = None
    duration_ms: float = 0
    blame: str | None = None
    code: int | None = None
    enhanced_code: str | None = None
    detail: str = ""
    provider_message_id: str | None = None
    recipients: tuple[RecipientOutcome, ...] = ()


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message and everything that happened to it.

    Attributes:
        id: The token to ask with.
        status: `scheduled`, `held`, `queued`, `sending`, `unknown`, `sent`, `failed`, `expired`,
            `cancelled` or `suppressed`; `sent` means that a provider took responsibility.
        provider: Who took it last.
        is_replayed: Whether this is the message of an earlier call with the same idempotency key.
    """

    id: str
    status: str
    mode: str = ""
    priority: str = ""
    route: str = ""
    sender: str = msgspec.field(default="", name="from")
    subject: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = {}
    created_at: datetime | None = None
    updated_at: datetime | None = None
    send_at: datetime | None = None
    give_up_at: datetime | None = None
    next_attempt_at: datetime | None = None
    provider: str | None = None
    provider_message_id: str | None = None
    recipients: tuple[Recipient, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    is_replayed: bool = False

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will be tried; `sent` is an end, and so is `failed`."""
        return self.status in ENDED


class BatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one mail of a batch.

    Attributes:
        status: What this mail alone would have been answered: 202, or that of `problem`.
        replayed: Its idempotency key was used before.
        idempotency_key: The one that it was sent with.
    """

    status: int
    message: Message | None = None
    problem: Problem | None = None
    replayed: bool = False
    idempotency_key: str = ""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a message or a provider.

    Attributes:
        id: Sorts in order of happening; give it to `events(after=...)` to go on behind it.
        type: Such as `message.sent`.
        message_id: None for an event about a provider.
    """

    id: str
    type: str
    at: datetime
    message_id: str | None = None
    data: dict[str, Any] = {}


class ExplainedProvider(msgspec.Struct, frozen=True, kw_only=True):
    """One provider of the route.

    Attributes:
        cannot_express: Why it can never take this mail; None if it can.
        blocked: Why it is not asked now: paused, breaker, quota.
    """

    position: int
    provider: str
    kind: str
    would_be_asked: bool
    cannot_express: str | None = None
    blocked: str | None = None


class SuppressedRecipient(msgspec.Struct, frozen=True, kw_only=True):
    """A recipient that is on the suppression list."""

    address: str
    reason: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What would happen to a mail, without sending it.

    Attributes:
        would_be_sent: Whether any provider would be asked now.
        has_backup: Whether a second one stands ready.
        providers: In the order of asking.
    """

    route: str
    on_unknown: str
    recipients: int
    would_be_sent: bool
    has_backup: bool
    suppressed: tuple[SuppressedRecipient, ...] = ()
    providers: tuple[ExplainedProvider, ...] = ()
