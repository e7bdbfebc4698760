"""Mailgun's Events API: what is known of each recipient, told as events.

Neighbour: `mailgun` lists the call. The record keeps what is known, not every step towards it: so
a recipient has an `accepted` event, and one for how it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from starlette.responses import Response

from ...domain.address import format_mailbox
from ...domain.errors import Fault
from ...domain.message import Mailbox, MessageId
from ...domain.status import RecipientStatus
from ...store.port import Query, Recipient, Record
from ..answers import Answer
from .ids import id_in
from .refusal import Reason, Refusal
from .vendor import Visit

ASKED = (
    *("message-id", "recipient", "from", "subject", "tags", "event", "begin", "end", "limit"),
    "ascending",
)
_FATES: dict[RecipientStatus, tuple[str, str | None, str]] = {
    # status: event, severity, reason
    RecipientStatus.DELIVERED: ("delivered", None, ""),
    RecipientStatus.DEFERRED: ("failed", "temporary", "generic"),
    RecipientStatus.BOUNCED: ("failed", "permanent", "bounce"),
    RecipientStatus.FAILED: ("failed", "permanent", "generic"),
    RecipientStatus.EXPIRED: ("failed", "permanent", "old"),
    RecipientStatus.SUPPRESSED: ("failed", "permanent", "suppress-bounce"),
    RecipientStatus.COMPLAINED: ("complained", None, ""),
}
_MOST = 300


def mailgun_id(id_: MessageId, domain: str) -> str:
    """Return an id as Mailgun has them: a Message-ID with angle brackets."""
    return f"<{id_.removeprefix('msg_').lower()}@{domain}>"


def _ours(text: str) -> MessageId | None:
    return id_in("msg_" + text.strip("<> ").partition("@")[0].upper())


async def list_events(visit: Visit) -> Response:
    """List events, newest first unless `ascending`; one page, without a next one."""
    asked = visit.request.query_params
    limit = asked.get("limit", "100")
    if not limit.isdecimal() or not 1 <= int(limit[:4]) <= _MOST:
        raise Refusal(Reason.INVALID, faults=[Fault("/limit", f"1 to {_MOST}")])
    ids: frozenset[MessageId] = frozenset()
    if asked.get("message-id"):
        id_ = _ours(asked["message-id"])
        if id_ is None:
            return _page(visit, [])
        ids = frozenset([id_])
    page = await visit.services.store.find(
        Query(
            ids=ids,
            recipient=asked.get("recipient") or None,
            sender=asked.get("from") or None,
            subject=asked.get("subject") or None,
            tag=asked.get("tags") or None,
            since=_time("begin", asked.get("begin")),
            until=_time("end", asked.get("end")),
            limit=min(int(limit), 200),
        )
    )
    wanted = {word.strip() for word in asked.get("event", "").split(" OR ") if word.strip()}
    items = [
        item
        for record in page.rows
        for item in _items(record, visit.parameters["domain"])
        if not wanted or item["event"] in wanted
    ]
    is_ascending = asked.get("ascending", "no") in {"yes", "true"}
    items.sort(key=lambda item: float(str(item["timestamp"])), reverse=not is_ascending)
    return _page(visit, items[: int(limit)])


def _page(visit: Visit, items: list[dict[str, object]]) -> Response:
    here = str(visit.request.url)
    return Answer({"items": items, "paging": {"first": here, "last": here}})


def _items(record: Record, domain: str) -> Iterator[dict[str, object]]:
    for recipient in record.recipients:
        yield {
            **_common(record, recipient, domain, record.message.created_at),
            "event": "accepted",
            "log-level": "info",
        }
        if recipient.status in _FATES:
            event, severity, reason = _FATES[recipient.status]
            yield {
                **_common(record, recipient, domain, recipient.updated_at),
                "event": event,
                "log-level": "error" if severity == "permanent" else "info",
                **({"severity": severity, "reason": reason} if severity else {}),
                "delivery-status": {
                    "code": recipient.code or (250 if event == "delivered" else 0),
                    "message": recipient.detail,
                    "description": "",
                    "enhanced-code": recipient.enhanced_code or "",
                },
            }


def _common(record: Record, recipient: Recipient, domain: str, at: datetime) -> dict[str, object]:
    content = record.message.content
    return {
        "id": f"{record.message.id}-{recipient.address}-{at.timestamp():.0f}",
        "timestamp": at.timestamp(),
        "recipient": recipient.address,
        "recipient-domain": recipient.address.rpartition("@")[2],
        "tags": list(content.tags),
        "user-variables": dict(content.metadata),
        "flags": {"is-test-mode": record.message.is_test, "is-routed": False},
        "envelope": {"sender": content.sender.address, "targets": recipient.address},
        "message": {
            "headers": {
                "message-id": mailgun_id(record.message.id, domain).strip("<>"),
                "from": format_mailbox(content.sender),
                "to": _listed(content.to),
                "subject": content.subject,
            },
            "attachments": [
                {"filename": it.filename, "content-type": it.content_type}
                for it in content.attachments
            ],
        },
    }


def _listed(boxes: tuple[Mailbox, ...]) -> str:
    return ", ".join(format_mailbox(box) for box in boxes)


def _time(name: str, text: str | None) -> datetime | None:
    """Read seconds since 1970, or an RFC 2822 date."""
    if not text:
        return None
    try:
        if text.replace(".", "", 1).isdecimal():
            return datetime.fromtimestamp(float(text), UTC)
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        fault = Fault(f"/{name}", "expected seconds since 1970, or an RFC 2822 date")
        raise Refusal(Reason.INVALID, faults=[fault]) from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
