"""The mail log: one function per mail event, one line each. Ids and words, never bodies.

Neighbours: `app` configures it once (format, level, masking); `intake`, `worker`,
`delivery` and `events` call it. Whoever wants to follow a message greps for its id.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime

import msgspec
import structlog

from ..domain.attempt import Attempt, OutcomeKind
from ..domain.message import Address, Message, MessageId
from ..domain.suppression import SuppressionReason
from ..domain.webhook import DeliveryState, WebhookAttempt, WebhookDelivery, WebhookId

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
_masks = False


def configure(*, format_: str, level: str, mask_addresses: bool) -> None:
    """Choose how lines look. Called once, by the composition root.

    Args:
        format_: `json` or `console`.
        level: Least severe level that is written: debug, info, warning, error.
        mask_addresses: Write `a***@example.net` for every address.
    """
    global _log, _masks  # noqa: PLW0603 - a log is the one thing every room shares
    _masks = mask_addresses
    as_text = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    as_json = structlog.processors.JSONRenderer(serializer=_json)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            as_text if format_ == "console" else as_json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    _log = structlog.get_logger().bind()  # made now, instead of at each line


def shown(address: Address) -> str:
    """Return the address as the log may show it."""
    if not _masks:
        return address
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}"


def accepted(message: Message, *, duplicate_of: MessageId | None = None) -> None:
    """A message is durable, or its idempotency key led to an earlier one."""
    _log.info(
        "accepted" if duplicate_of is None else "replayed",
        message_id=duplicate_of or message.id,
        sender=shown(message.content.sender.address),
        recipients=len(message.content.recipients),
        mode=message.content.mode,
        priority=message.content.priority,
        route=message.route,
        key_id=message.key_id,
    )


def attempt(message: Message, made: Attempt) -> None:
    """A provider was asked, or passed over."""
    level = _log.info if made.outcome is OutcomeKind.ACCEPTED else _log.warning
    if made.outcome is OutcomeKind.SKIPPED:
        level = _log.info
    level(
        "attempt",
        message_id=message.id,
        number=made.number,
        provider=made.provider,
        outcome=made.outcome,
        blame=made.blame,
        code=made.code,
        enhanced_code=made.enhanced_code,
        detail=made.detail,
        duration_ms=round(made.duration.total_seconds() * 1000, 1),
    )


def failover(message: Message, fault: Attempt, taken: Attempt) -> None:
    """A backup took it: the client sees a mail that was sent, so only this tells the operator."""
    _log.warning(
        "failover",
        message_id=message.id,
        provider=fault.provider,
        taken_by=taken.provider,
        outcome=fault.outcome,
        blame=fault.blame,
        code=fault.code,
        detail=fault.detail,
    )


def suppressed(message: Message, recipient: Address, reason: SuppressionReason) -> None:
    """A recipient on the suppression list was left out."""
    _log.info("suppressed", message_id=message.id, recipient=shown(recipient), reason=reason)


def list_changed(action: str, address: Address, *, by: str) -> None:
    """Somebody added an address to the suppression list, or removed it."""
    _log.info(action, address=shown(address), by=by)


def concluded(message: Message, state: str, *, provider: str | None, due_at: str | None) -> None:
    """A pass over the providers is over and recorded."""
    _log.info(
        "concluded", message_id=message.id, state=state, provider=provider, next_attempt_at=due_at
    )


def swept(state: str, ids: Sequence[MessageId]) -> None:
    """Messages of a dead worker, or too old ones, were moved."""
    for id_ in ids:
        _log.warning("swept", message_id=id_, state=state)


def acted(action: str, id_: MessageId, *, by: str) -> None:
    """A client changed a message: cancel, retry, reschedule, hold, release."""
    _log.info(action, message_id=id_, by=by)


def settled(message: Message, finding: str, said: str) -> None:
    """Evidence was looked for about an unknown outcome."""
    _log.info("settling", message_id=message.id, finding=finding, said=said)


def told(
    provider: str, fact: str, fate: str, *, id_: MessageId | None, recipients: Sequence[str]
) -> None:
    """A provider told what became of a mail."""
    _log.info(
        "told",
        message_id=id_,
        provider=provider,
        fact=fact,
        fate=fate,
        recipients=[shown(Address(recipient)) for recipient in recipients],
    )


def hook_refused(provider: str, verdict: str, said: str) -> None:
    """A call of a webhook was not taken; its caller does not hear why."""
    _log.warning("webhook_refused", provider=provider, verdict=verdict, said=said)


def lost(id_: MessageId, fence: int) -> None:
    """This worker no longer owns the message, and stops."""
    _log.error("lost", message_id=id_, fence=fence)


def provider_state(provider: str, state: str, reason: str | None) -> None:
    """A breaker opened or closed, or a person paused or resumed a provider."""
    _log.warning("provider", provider=provider, state=state, reason=reason)


def smtp(event: str, **what: object) -> None:
    """Something was refused at the SMTP door, or went wrong there with a client."""
    _log.warning(f"smtp_{event}", **what)


def webhook_attempt(
    delivery: WebhookDelivery,
    made: WebhookAttempt,
    state: DeliveryState,
    next_attempt_at: datetime | None,
) -> None:
    """A webhook was called."""
    level = _log.info if state is DeliveryState.DELIVERED else _log.warning
    level(
        "webhook",
        webhook_id=delivery.webhook_id,
        delivery_id=delivery.id,
        event_id=delivery.event_id,
        type=delivery.event_type,
        state=state,
        code=made.status,
        detail=made.error,
        duration_ms=round(made.duration.total_seconds() * 1000, 1),
        next_attempt_at=next_attempt_at.isoformat() if next_attempt_at else None,
    )


def webhook_paused(id_: WebhookId, reason: str, *, by: str) -> None:
    """A webhook is called no more, until somebody resumes it."""
    _log.warning("webhook_paused", webhook_id=id_, reason=reason, by=by)


def webhook_changed(action: str, id_: WebhookId, *, by: str) -> None:
    """A client made, changed, resumed or removed a webhook, or its secret."""
    _log.info(action, webhook_id=id_, by=by)


def bug(where: str, error: BaseException, **what: object) -> None:
    """Something of ours broke; the trace stands in the line."""
    _log.error("bug", where=where, exc_info=error, **what)


def trouble(where: str, reason: str, **what: object) -> None:
    """Something outside of us does not work: the store, the journal, a port."""
    _log.error("trouble", where=where, reason=reason, **what)


def process(event: str, **what: object) -> None:
    """The process started, drains, stopped."""
    _log.info(event, **what)


def _json(event: object, **_: object) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()
