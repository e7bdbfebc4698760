"""What Mailgun tells about mails that it has, by its webhooks.

Neighbour: `mailgun` makes the webhook. Source: documentation.mailgun.com, "Webhooks" and
"Events". Quirks: only time and token are signed, not what is told, so that a token counts once;
an event's id is unique for a day only; `failed` says by its severity whether Mailgun goes on
trying; recipients on Mailgun's own lists fail with the reason `suppress-…`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from email.utils import getaddresses
from typing import ClassVar

from ..clock import Clock
from ..domain.bounce import (
    SUPPRESSED,
    Bounce,
    BounceReason,
    BounceType,
    bounce_of,
    enhanced_code_in,
)
from ..domain.feedback import Fact, Feedback
from ..domain.secret import Secret
from .json_reading import Document, fields_of, text_of
from .webhook import (
    MAX_DETAIL,
    Forged,
    Genuine,
    Judgement,
    Malformed,
    Unreadable,
    WebhookCall,
    facts_of,
    is_timely,
    json_of,
    moment_of,
    same,
)

# Mailgun repeats for eight hours, and does not say whether it signs again. A token counts once for
# longer than that, so a wide window opens nothing.
_WINDOW = timedelta(hours=12)
_LONGEST_TOKEN = 100

_FACTS = {
    "accepted": Fact.ACCEPTED,
    "delivered": Fact.DELIVERED,
    "opened": Fact.OPENED,
    "clicked": Fact.CLICKED,
    "unsubscribed": Fact.UNSUBSCRIBED,
    "complained": Fact.COMPLAINED,
    "rejected": Fact.REJECTED,
}
_ON_A_LIST = {605, 606, 607}  #: delivery-status.code: bounced, unsubscribed, complained before
_BY_REASON = {
    "old": Bounce(BounceType.SOFT, BounceReason.UNREACHABLE),
    "espblock": Bounce(BounceType.BLOCK, BounceReason.POLICY),
    "blacklisted": Bounce(BounceType.BLOCK, BounceReason.POLICY),
    "greylisted": Bounce(BounceType.SOFT, BounceReason.GREYLISTED),
}


class MailgunWebhook:
    """See `webhook.Webhook`."""

    comes_again_after_5xx: ClassVar[bool] = True

    def __init__(self, signing_key: Secret, clock: Clock) -> None:
        self._key = signing_key.reveal().encode()
        self._clock = clock

    async def judge(self, call: WebhookCall) -> Judgement:
        """See `Webhook.judge`."""
        try:
            signature = fields_of(fields_of(json_of(call.body)).get("signature"))
        except Unreadable:
            return Malformed("not JSON")
        timestamp, token = text_of(signature.get("timestamp")), text_of(signature.get("token"))
        given = text_of(signature.get("signature"))
        if not (timestamp and token and given) or len(token) > _LONGEST_TOKEN:
            return Malformed("no signature")
        signed = f"{timestamp}{token}".encode("utf-8", "replace")
        if not same(given, hmac.new(self._key, signed, hashlib.sha256).hexdigest()):
            return Forged("the signature does not fit")
        if not is_timely(moment_of(timestamp), self._clock.now(), _WINDOW):
            return Forged("too old, or ahead of our clock")
        return Genuine(token)

    def feedback_in(self, body: bytes, *, key: str, received_at: datetime) -> Sequence[Feedback]:
        """See `Webhook.feedback_in`."""
        event = fields_of(fields_of(json_of(body)).get("event-data"))
        name = text_of(event.get("event"))
        if not name:
            raise Unreadable("not an event of Mailgun")
        status = fields_of(event.get("delivery-status"))
        fact, bounce = _meaning(name, event, status)
        if fact is None:
            return []
        client = fields_of(event.get("client-info"))
        words = _words(event, status)
        headers = fields_of(fields_of(event.get("message")).get("headers"))
        message_id = text_of(headers.get("message-id")).strip("<>")
        id_, at = text_of(event.get("id")), event.get("timestamp")
        return [
            Feedback(
                id=f"{id_}:{at}"[:300] if id_ else key,
                fact=fact,
                at=moment_of(at) or received_at,
                recipients=_recipients(event, headers),
                message_id=text_of(fields_of(event.get("user-variables")).get("ms_id")) or None,
                provider_message_id=f"<{message_id}>" if message_id else None,
                bounce=bounce,
                code=_code(status),
                enhanced_code=_enhanced_code(status, words),
                detail=words[:MAX_DETAIL],
                facts=facts_of(
                    url=text_of(event.get("url")),
                    ip=text_of(event.get("ip")),
                    user_agent=text_of(client.get("user-agent")),
                ),
            )
        ]


def _meaning(name: str, event: Document, status: Document) -> tuple[Fact | None, Bounce | None]:
    if name != "failed":
        return _FACTS.get(name), None
    reason = text_of(event.get("reason"))
    words = _words(event, status)
    bounce = bounce_of(_enhanced_code(status, words), words)
    if bounce.reason is BounceReason.OTHER:
        bounce = _BY_REASON.get(reason, bounce)
    if text_of(event.get("severity")) == "temporary":
        return Fact.DEFERRED, bounce
    if reason.startswith("suppress-") or _code(status) in _ON_A_LIST:
        return Fact.REJECTED, SUPPRESSED
    if bounce.type is BounceType.UNDETERMINED:
        bounce = Bounce(BounceType.HARD, bounce.reason)
    return Fact.BOUNCED, bounce


def _words(event: Document, status: Document) -> str:
    told = (status.get("message"), status.get("description"))
    words = " ".join(filter(None, map(text_of, told)))
    rejected = fields_of(event.get("reject"))
    return words or text_of(rejected.get("reason")) or text_of(event.get("reason"))


def _code(status: Document) -> int | None:
    code = status.get("code")
    return code if isinstance(code, int) and 0 < code < 1000 else None


def _enhanced_code(status: Document, words: str) -> str | None:
    return enhanced_code_in(text_of(status.get("enhanced-code"))) or enhanced_code_in(words)


def _recipients(event: Document, headers: Document) -> tuple[str, ...]:
    recipient = text_of(event.get("recipient"))
    if recipient:
        return (recipient,)
    # Of a rejected mail only the header says whom it was for.
    return tuple(address for _, address in getaddresses([text_of(headers.get("to"))]) if address)
