"""What Postmark tells about mails that it has, by its webhooks.

Neighbour: `postmark` makes the webhook. Source: postmarkapp.com/developer/webhooks. Quirks: there
is no signature, only a user and password of our choice in the URL or the webhook's settings; 403
ends the repetitions and 401 does not; a bounce of type Transient is not the end, SoftBounce is.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ..domain.bounce import (
    SUPPRESSED,
    Bounce,
    BounceReason,
    BounceType,
    bounce_of,
    enhanced_code_in,
)
from ..domain.feedback import Fact, Feedback
from .event_webhook import EventWebhook
from .json_reading import Document, fields_of, text_of
from .webhook import Unreadable, facts_of, json_of, moment_of, told

_HARD, _SOFT, _BLOCK = BounceType.HARD, BounceType.SOFT, BounceType.BLOCK
_POLICY = Bounce(_BLOCK, BounceReason.POLICY)

#: By `Type` of a bounce. None: the server's words say what kind it is.
_BOUNCES: dict[str, tuple[Fact, Bounce | None]] = {
    "HardBounce": (Fact.BOUNCED, Bounce(_HARD, BounceReason.UNKNOWN_RECIPIENT)),
    "BadEmailAddress": (Fact.REJECTED, Bounce(_HARD, BounceReason.UNKNOWN_RECIPIENT)),
    "SoftBounce": (Fact.BOUNCED, None),
    "VirusNotification": (Fact.BOUNCED, Bounce(_BLOCK, BounceReason.SPAM_CONTENT)),
    "Transient": (Fact.DEFERRED, None),
    "DnsError": (Fact.DEFERRED, Bounce(_SOFT, BounceReason.BAD_DOMAIN)),
    "OpenRelayTest": (Fact.DEFERRED, None),
    "Blocked": (Fact.REJECTED, _POLICY),
    "DMARCPolicy": (Fact.REJECTED, _POLICY),
    "ManuallyDeactivated": (Fact.REJECTED, SUPPRESSED),
    "Unconfirmed": (Fact.REJECTED, SUPPRESSED),
    "SpamNotification": (Fact.COMPLAINED, None),
    "SpamComplaint": (Fact.COMPLAINED, None),
    "SMTPApiError": (Fact.FAILED, None),
    "TemplateRenderingFailed": (Fact.FAILED, None),
    "Unsubscribe": (Fact.UNSUBSCRIBED, None),
}


class PostmarkWebhook(EventWebhook):
    """See `webhook.Webhook`."""

    def _events(self, body: bytes) -> Iterable[Document]:
        record = fields_of(json_of(body))
        if not text_of(record.get("RecordType")):
            raise Unreadable("not an event of Postmark")
        return [record]

    def _feedback(self, event: Document, *, key: str, received_at: datetime) -> Feedback | None:
        fact, bounce = _meaning(event)
        if fact is None:
            return None
        times = ("DeliveredAt", "BouncedAt", "ReceivedAt", "ChangedAt")
        at = next(filter(None, (moment_of(event.get(name)) for name in times)), received_at)
        own = text_of(event.get("ID"))
        return told(
            fact,
            id_=f"{event['RecordType']}:{own}"[:300] if own else key,
            at=at,
            recipient=text_of(event.get("Recipient")) or text_of(event.get("Email")),
            message_id=text_of(fields_of(event.get("Metadata")).get("ms_id")),
            provider_message_id=text_of(event.get("MessageID")),
            bounce=bounce,
            words=text_of(event.get("Details")) or text_of(event.get("Description")),
            facts=facts_of(
                url=text_of(event.get("OriginalLink")),
                ip=text_of(fields_of(event.get("Geo")).get("IP")),
                user_agent=text_of(event.get("UserAgent")),
            ),
        )


def _meaning(record: Document) -> tuple[Fact | None, Bounce | None]:
    match text_of(record.get("RecordType")):
        case "Delivery":
            return Fact.DELIVERED, None
        case "Open":
            return Fact.OPENED, None
        case "Click":
            return Fact.CLICKED, None
        case "SpamComplaint":
            return Fact.COMPLAINED, None
        case "SubscriptionChange":
            # Its own bounces and complaints change subscriptions too, and are told as such.
            by_person = text_of(record.get("SuppressionReason")) == "ManualSuppression"
            ended = record.get("SuppressSending") is True and by_person
            return (Fact.UNSUBSCRIBED if ended else None), None
        case "Bounce":
            return _bounced(record)
        case _:
            return None, None


def _bounced(record: Document) -> tuple[Fact | None, Bounce | None]:
    fact, bounce = _BOUNCES.get(text_of(record.get("Type")), (None, None))
    words = text_of(record.get("Details"))
    if fact in {Fact.BOUNCED, Fact.DEFERRED} and bounce is None:
        told = bounce_of(enhanced_code_in(words), words)
        bounce = told if told.type is BounceType.BLOCK else Bounce(_SOFT, told.reason)
    return fact, bounce
