"""Factories for tests: a valid thing with one line, the interesting field as a keyword.

`NOW` is where `FakeClock` starts, so that a message made here is due at once in a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from mail_sender.domain.attempt import Attempt, OutcomeKind
from mail_sender.domain.event import Event, EventType
from mail_sender.domain.message import (
    Address,
    Content,
    KeyId,
    Mailbox,
    Message,
    MessageId,
    OnUnknown,
    new_message_id,
)
from mail_sender.domain.secret import Secret
from mail_sender.domain.suppression import Suppression, SuppressionReason, parse_origin
from mail_sender.domain.webhook import (
    DeliveryId,
    Webhook,
    WebhookDelivery,
    WebhookId,
    WebhookSettings,
)
from mail_sender.store.codec import encode_content, fingerprint
from mail_sender.store.port import ApiKey, Call, IdempotencyClaim, NewMessage, Scope

NOW = datetime(2030, 1, 1, tzinfo=UTC)
KEY = KeyId("key_1")
ANN = Address("ann@example.net")
BOB = Address("bob@example.net")
CID = Address("cid@example.org")


def mailboxes(addresses: Sequence[str]) -> tuple[Mailbox, ...]:
    """Return a mailbox without a name for each address."""
    return tuple(Mailbox(Address(address)) for address in addresses)


def make_content(to: Sequence[str] = (ANN,), **fields: Any) -> Content:  # noqa: ANN401
    """Return the content of a small text mail to `to`; `fields` are `Content`'s own."""
    return Content(
        **{
            "sender": Mailbox(Address("shop@example.com"), "Shop"),
            "to": mailboxes(to),
            "subject": "Order 7",
            "text": "Thank you for your order.\n",
            **fields,
        }
    )


def make_message(
    id_: str | None = None,
    *,
    content: Content | None = None,
    created_at: datetime = NOW,
    give_up_after: timedelta = timedelta(hours=20),
    route: str = "default",
    on_unknown: OnUnknown = OnUnknown.WAIT,
    key_id: KeyId = KEY,
    is_test: bool = False,
    **fields: Any,  # noqa: ANN401
) -> Message:
    """Return a message; `fields` go to `make_content` unless `content` is given.

    Args:
        id_: A made-up id; None for a real, unguessable one.
        content: Instead of `fields`.
        created_at: Also what `give_up_after` counts from.
        give_up_after: `give_up_at - created_at`.
        route: As the router chose it.
        on_unknown: Resolved, as in `Message`.
        key_id: The API key that submitted it.
        is_test: Whether that is a test key.
        fields: See `make_content`.
    """
    return Message(
        id=MessageId(id_) if id_ else new_message_id(created_at),
        content=content or make_content(**fields),
        created_at=created_at,
        give_up_at=created_at + give_up_after,
        route=route,
        on_unknown=on_unknown,
        key_id=key_id,
        is_test=is_test,
    )


def make_new(
    message: Message | None = None,
    *,
    due_at: datetime | None = None,
    owner: str | None = None,
    call: Call | None = None,
    attempts: Sequence[Attempt] = (),
    idempotency_key: str | None = None,
    keep_key_for: timedelta = timedelta(hours=24),
    events: Sequence[Event] | None = None,
    **fields: Any,  # noqa: ANN401
) -> NewMessage:
    """Return a message on its way into the store, due at its creation unless told otherwise.

    Args:
        message: Instead of `fields`, which go to `make_message`.
        due_at: None for `message.created_at`.
        owner: See `NewMessage.owner`.
        call: See `NewMessage.call`.
        attempts: See `NewMessage.attempts`.
        idempotency_key: The client's key; its fingerprint is that of the content.
        keep_key_for: How long the key is good.
        events: None for one `message.queued`.
        fields: See `make_message`.
    """
    message = message or make_message(**fields)
    encoded = encode_content(message.content)
    claim = idempotency_key and IdempotencyClaim(
        key=idempotency_key, fingerprint=fingerprint(encoded), keep_for=keep_key_for
    )
    queued = make_event(EventType.QUEUED, message.id, at=message.created_at)
    return NewMessage(
        message=message,
        encoded=encoded,
        due_at=due_at or message.created_at,
        owner=owner,
        call=call,
        attempts=tuple(attempts),
        idempotency=claim or None,
        events=(queued,) if events is None else tuple(events),
    )


def make_event(
    type_: EventType = EventType.QUEUED,
    message_id: MessageId | None = None,
    *,
    at: datetime = NOW,
    **data: object,
) -> Event:
    """Return an event that no store has numbered yet; `data` is the event's."""
    return Event(type=type_, at=at, message_id=message_id, data=data)


def make_attempt(
    outcome: OutcomeKind = OutcomeKind.ACCEPTED,
    *,
    number: int = 1,
    provider: str = "ses",
    started_at: datetime = NOW,
    duration: timedelta = timedelta(milliseconds=80),
    **fields: Any,  # noqa: ANN401
) -> Attempt:
    """Return a finished attempt; `fields` are `Attempt`'s own."""
    return Attempt(
        number=number,
        provider=provider,
        started_at=started_at,
        duration=duration,
        outcome=outcome,
        **fields,
    )


def make_suppression(
    address: Address = ANN,
    reason: SuppressionReason = SuppressionReason.MANUAL,
    origin: str = "key:key_1",
    *,
    created_at: datetime = NOW,
    **fields: Any,  # noqa: ANN401
) -> Suppression:
    """Return an entry of the suppression list; `fields` are `Suppression`'s own."""
    return Suppression(
        address=address,
        reason=reason,
        origin=parse_origin(origin),
        created_at=created_at,
        **fields,
    )


def make_webhook(id_: str = "whk_1", **fields: Any) -> Webhook:  # noqa: ANN401
    """Return a webhook that wants everything.

    Fields of `WebhookSettings` go to its settings, the others are `Webhook`'s own.
    """
    names = WebhookSettings.__dataclass_fields__
    chosen = {name: fields.pop(name) for name in tuple(fields) if name in names}
    return Webhook(
        **{
            "id": WebhookId(id_),
            "settings": WebhookSettings(**{"url": "https://shop.example.com/hook", **chosen}),
            "secret": Secret("whsec_" + "c2VjcmV0" * 4),
            "created_at": NOW,
            **fields,
        }
    )


def make_delivery(
    id_: str = "dlv_1",
    webhook: str = "whk_1",
    *,
    due_at: datetime | None = NOW,
    **fields: Any,  # noqa: ANN401
) -> WebhookDelivery:
    """Return a delivery that waits for its first attempt; `fields` are its own."""
    return WebhookDelivery(
        **{
            "id": DeliveryId(id_),
            "webhook_id": WebhookId(webhook),
            "event_id": "evt_0000000000000001",
            "event_type": EventType.SENT,
            "body": b'{"type":"message.sent"}',
            "created_at": NOW,
            "next_attempt_at": due_at,
            **fields,
        }
    )


def make_key(id_: str = KEY, **fields: Any) -> ApiKey:  # noqa: ANN401
    """Return a live API key with every scope; `fields` are `ApiKey`'s own."""
    return ApiKey(
        **{
            "id": KeyId(id_),
            "name": "shop",
            "is_test": False,
            "scopes": frozenset(Scope),
            "created_at": NOW,
            **fields,
        }
    )
