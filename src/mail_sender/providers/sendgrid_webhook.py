"""What SendGrid tells about mails that it has, by its Event Webhook.

Neighbour: `sendgrid` makes the webhook. Source: twilio.com/docs/sendgrid, "Event Webhook
Reference" and "Signature verification". Quirks: one call has many events; the signature covers
the bytes of the body as they are, line ends included; our id stands beside an event's own
fields, as each custom argument does; a bounce of type `blocked` says nothing of the address.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

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
from .json_reading import Document, rows_of, text_of
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
)

_SIGNATURE = "x-twilio-email-event-webhook-signature"
_TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
_WINDOW = timedelta(hours=26)  #: SendGrid repeats for a day, and does not say whether it signs anew

_FACTS = {
    "processed": Fact.ACCEPTED,
    "delivered": Fact.DELIVERED,
    "deferred": Fact.DEFERRED,
    "bounce": Fact.BOUNCED,
    "dropped": Fact.REJECTED,
    "open": Fact.OPENED,
    "click": Fact.CLICKED,
    "spamreport": Fact.COMPLAINED,
    "unsubscribe": Fact.UNSUBSCRIBED,
    "group_unsubscribe": Fact.UNSUBSCRIBED,
}
#: By `reason` of a dropped mail.
_DROPPED = {
    "Bounced Address": SUPPRESSED,
    "Unsubscribed Address": SUPPRESSED,
    "Spam Reporting Address": SUPPRESSED,
    "Invalid": Bounce(BounceType.HARD, BounceReason.UNKNOWN_RECIPIENT),
    "Spam Content": Bounce(BounceType.BLOCK, BounceReason.SPAM_CONTENT),
}
#: By `bounce_classification`.
_CLASSES = {
    "Invalid Address": BounceReason.UNKNOWN_RECIPIENT,
    "Mailbox Unavailable": BounceReason.MAILBOX_FULL,
    "Content": BounceReason.SPAM_CONTENT,
    "Reputation": BounceReason.POLICY,
}


class SendGridWebhook:
    """See `webhook.Webhook`."""

    comes_again_after_5xx: ClassVar[bool] = True

    def __init__(self, public_key: str, clock: Clock) -> None:
        """Make it.

        Args:
            public_key: As SendGrid shows it: a DER SubjectPublicKeyInfo in base64.
            clock: For the age of calls.

        Raises:
            ConfigError: It is no such key.
        """
        try:
            key = load_der_public_key(b64decode(public_key, validate=True))
        except (Base64Error, ValueError):
            key = None
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise ConfigError("expected the verification key that SendGrid shows, in base64")
        self._key = key
        self._clock = clock

    async def judge(self, call: WebhookCall) -> Judgement:
        """See `Webhook.judge`."""
        given, timestamp = call.headers.get(_SIGNATURE), call.headers.get(_TIMESTAMP)
        if not given or not timestamp:
            return Malformed("no signature")
        signed = timestamp.encode("utf-8", "replace") + call.body
        try:
            signature = b64decode(given, validate=True)
            self._key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
        except (Base64Error, InvalidSignature, ValueError):
            return Forged("the signature does not fit")
        if not is_timely(moment_of(timestamp), self._clock.now(), _WINDOW):
            return Forged("too old, or ahead of our clock")
        return Genuine(hashlib.sha256(signed).hexdigest())

    def feedback_in(self, body: bytes, *, key: str, received_at: datetime) -> Sequence[Feedback]:
        """See `Webhook.feedback_in`."""
        events = json_of(body)
        if not isinstance(events, list):
            raise Unreadable("not a list of events")
        return list(_all_feedback(rows_of(events), key, received_at))


def _all_feedback(
    events: Sequence[Document], key: str, received_at: datetime
) -> Iterator[Feedback]:
    for number, event in enumerate(events):
        fact = _FACTS.get(text_of(event.get("event")))
        if fact is None:
            continue
        words = text_of(event.get("reason")) or text_of(event.get("response"))
        email = text_of(event.get("email"))
        yield Feedback(
            id=text_of(event.get("sg_event_id")) or f"{key}:{number}",
            fact=fact,
            at=moment_of(event.get("timestamp")) or received_at,
            recipients=(email,) if email else (),
            message_id=text_of(event.get("ms_id")) or None,
            provider_message_id=_message_id(event),
            bounce=_bounce(fact, event, words),
            code=reply_code_in(words),
            enhanced_code=_enhanced_code(event, words),
            detail=words[:MAX_DETAIL],
            facts=facts_of(
                url=text_of(event.get("url")),
                ip=text_of(event.get("ip")) if fact in {Fact.OPENED, Fact.CLICKED} else "",
                user_agent=text_of(event.get("useragent")),
            ),
        )


def _message_id(event: Document) -> str | None:
    """Return the id that the call returned; events add where it went: `.recvd-…`.

    A dropped mail has the place alone, which is no id.
    """
    id_ = text_of(event.get("sg_message_id")).partition(".")[0]
    return None if id_.startswith(("filter", "recvd")) else id_ or None


def _enhanced_code(event: Document, words: str) -> str | None:
    return enhanced_code_in(text_of(event.get("status"))) or enhanced_code_in(words)


def _bounce(fact: Fact, event: Document, words: str) -> Bounce | None:
    if fact is Fact.REJECTED:
        return _DROPPED.get(words, Bounce(BounceType.UNDETERMINED, BounceReason.OTHER))
    if fact not in {Fact.BOUNCED, Fact.DEFERRED}:
        return None
    told = bounce_of(_enhanced_code(event, words), words)
    reason = told.reason
    if reason is BounceReason.OTHER:
        reason = _CLASSES.get(text_of(event.get("bounce_classification")), reason)
    if told.type is BounceType.BLOCK:
        return Bounce(BounceType.BLOCK, reason)
    is_hard = fact is Fact.BOUNCED and text_of(event.get("type")) != "blocked"
    return Bounce(BounceType.HARD if is_hard else BounceType.SOFT, reason)
