"""What Resend tells about mails that it has, by webhooks that Svix signs.

Neighbour: `resend` makes the webhook. Sources: resend.com/docs/dashboard/webhooks, and
docs.svix.com, "Verifying webhooks manually". Quirks: an event names everybody in To and never
which of several it is about; a repetition is signed anew, under the same id.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from ..clock import Clock
from ..domain.bounce import (
    SUPPRESSED,
    Bounce,
    BounceReason,
    BounceType,
    bounce_of,
    enhanced_code_in,
    reply_code_in,
)
from ..domain.errors import ConfigError
from ..domain.feedback import Fact, Feedback
from ..domain.secret import Secret
from .json_reading import Document, fields_of, text_of, texts_of
from .webhook import (
    MAX_DETAIL,
    Forged,
    Genuine,
    Judgement,
    Malformed,
    Unreadable,
    WebhookCall,
    address_in,
    facts_of,
    is_timely,
    json_of,
    moment_of,
    same,
)

_WINDOW = timedelta(minutes=5)
_PREFIX = "whsec_"

_FACTS = {
    "email.sent": Fact.ACCEPTED,
    "email.scheduled": Fact.ACCEPTED,
    "email.delivered": Fact.DELIVERED,
    "email.delivery_delayed": Fact.DEFERRED,
    "email.bounced": Fact.BOUNCED,
    "email.suppressed": Fact.REJECTED,
    "email.failed": Fact.FAILED,
    "email.complained": Fact.COMPLAINED,
    "email.opened": Fact.OPENED,
    "email.clicked": Fact.CLICKED,
}


class ResendWebhook:
    """See `webhook.Webhook`."""

    comes_again_after_5xx: ClassVar[bool] = True

    def __init__(self, secret: Secret, clock: Clock) -> None:
        """Make it. Raises `ConfigError` when the secret is none of Svix's (`whsec_…`)."""
        text = secret.reveal()
        try:
            self._key = b64decode(text.removeprefix(_PREFIX), validate=True)
        except (Base64Error, ValueError):
            self._key = b""
        if not text.startswith(_PREFIX) or not self._key:
            raise ConfigError("expected the signing secret that Resend shows, whsec_…")
        self._clock = clock

    async def judge(self, call: WebhookCall) -> Judgement:
        """See `Webhook.judge`."""
        id_, timestamp, given = (
            call.headers.get(f"svix-{name}") or call.headers.get(f"webhook-{name}", "")
            for name in ("id", "timestamp", "signature")
        )
        if not (id_ and timestamp and given):
            return Malformed("no signature")
        signed = f"{id_}.{timestamp}.".encode("utf-8", "replace") + call.body
        expected = b64encode(hmac.new(self._key, signed, hashlib.sha256).digest()).decode()
        # While a secret is changed, there is a signature for each.
        if not any(same(each, f"v1,{expected}") for each in given.split()[:10]):
            return Forged("the signature does not fit")
        if not is_timely(moment_of(timestamp), self._clock.now(), _WINDOW):
            return Forged("too old, or ahead of our clock")
        return Genuine(id_[:200])

    def feedback_in(self, body: bytes, *, key: str, received_at: datetime) -> Sequence[Feedback]:
        """See `Webhook.feedback_in`."""
        event = fields_of(json_of(body))
        type_ = text_of(event.get("type"))
        if not type_:
            raise Unreadable("not an event of Resend")
        data = fields_of(event.get("data"))
        fact, bounce = _meaning(type_, fields_of(data.get("bounce")))
        if fact is None:
            return []
        words = _words(data)
        everybody = (each for name in ("to", "cc", "bcc") for each in texts_of(data.get(name)))
        sent_to = tuple(map(address_in, everybody))
        click = fields_of(data.get("click"))
        return [
            Feedback(
                id=key,
                fact=fact,
                at=moment_of(event.get("created_at")) or received_at,
                recipients=sent_to if fact is Fact.ACCEPTED else (),
                sent_to=sent_to,
                message_id=text_of(fields_of(data.get("tags")).get("ms_id")) or None,
                provider_message_id=text_of(data.get("email_id")) or None,
                bounce=bounce,
                code=reply_code_in(words),
                enhanced_code=enhanced_code_in(words),
                detail=words[:MAX_DETAIL],
                facts=facts_of(
                    url=text_of(click.get("link")),
                    ip=text_of(click.get("ipAddress")),
                    user_agent=text_of(click.get("userAgent")),
                ),
            )
        ]


def _meaning(event: str, bounce: Document) -> tuple[Fact | None, Bounce | None]:
    fact = _FACTS.get(event)
    if fact is Fact.REJECTED:
        return fact, SUPPRESSED
    if fact is not Fact.BOUNCED:
        return fact, None
    message = text_of(bounce.get("message"))
    if "suppress" in message.lower():
        return Fact.REJECTED, SUPPRESSED  # before there was an event of its own for it
    words = " ".join(texts_of(bounce.get("diagnosticCode")))
    told = bounce_of(enhanced_code_in(words), words)
    type_ = text_of(bounce.get("type"))
    if told.type is BounceType.BLOCK or not type_:
        return fact, told
    if type_ == "Permanent":
        return fact, Bounce(BounceType.HARD, told.reason)
    full = text_of(bounce.get("subType")) == "MailboxFull"
    return fact, Bounce(BounceType.SOFT, BounceReason.MAILBOX_FULL if full else told.reason)


def _words(data: Document) -> str:
    bounce, failed = fields_of(data.get("bounce")), fields_of(data.get("failed"))
    suppressed = fields_of(data.get("suppressed"))
    return (
        " ".join(texts_of(bounce.get("diagnosticCode")))
        or text_of(bounce.get("message"))
        or text_of(failed.get("reason"))
        or text_of(suppressed.get("message"))
    )
