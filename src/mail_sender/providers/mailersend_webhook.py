"""What MailerSend tells about mails that it has, by its webhooks.

Neighbour: `mailersend` makes the webhook. Source: developers.mailersend.com, "Webhooks". Quirks:
only the body is signed, and no time beside it; a webhook that is made or changed is tried out with
an event that another key has signed, and must be answered with 200; our id is one of the tags.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ..domain.bounce import Bounce, BounceReason, BounceType, weighed
from ..domain.feedback import Fact, Feedback
from .event_webhook import EventWebhook
from .json_reading import Document, fields_of, text_of, texts_of
from .webhook import (
    Answered,
    Judgement,
    Unreadable,
    WebhookCall,
    facts_of,
    json_of,
    moment_of,
    our_id_among,
    told,
)

SIGNATURE = "signature"

_FACTS = {
    "activity.sent": Fact.ACCEPTED,
    "activity.delivered": Fact.DELIVERED,
    "activity.deferred": Fact.DEFERRED,
    "activity.soft_bounced": Fact.BOUNCED,
    "activity.hard_bounced": Fact.BOUNCED,
    "activity.spam_complaint": Fact.COMPLAINED,
    "activity.opened": Fact.OPENED,
    "activity.opened_unique": Fact.OPENED,
    "activity.clicked": Fact.CLICKED,
    "activity.clicked_unique": Fact.CLICKED,
    "activity.unsubscribed": Fact.UNSUBSCRIBED,
}
_SOFT = Bounce(BounceType.SOFT, BounceReason.OTHER)
_SAID = {
    "activity.deferred": _SOFT,
    "activity.soft_bounced": _SOFT,
    "activity.hard_bounced": Bounce(BounceType.HARD, BounceReason.UNKNOWN_RECIPIENT),
}


class MailerSendWebhook(EventWebhook):
    """See `webhook.Webhook`."""

    async def judge(self, call: WebhookCall) -> Judgement:
        """See `Webhook.judge`. The event that tries it out says nothing about mail."""
        try:
            is_trial = fields_of(json_of(call.body)).get("type") == "webhook.test"
        except Unreadable:
            is_trial = False
        return (
            Answered("MailerSend tried the webhook out") if is_trial else await super().judge(call)
        )

    def _events(self, body: bytes) -> Iterable[Document]:
        event = fields_of(json_of(body))
        if not text_of(event.get("type")):
            raise Unreadable("not an event of MailerSend")
        return [event]

    def _feedback(self, event: Document, *, key: str, received_at: datetime) -> Feedback | None:
        type_ = text_of(event.get("type"))
        fact = _FACTS.get(type_)
        if fact is None:
            return None
        data = fields_of(event.get("data"))
        email, morph = fields_of(data.get("email")), fields_of(data.get("morph"))
        words = text_of(morph.get("reason")) or text_of(morph.get("readable_reason"))
        said = _SAID.get(type_)
        return told(
            fact,
            id_=text_of(data.get("id"))[:300] or key,
            at=moment_of(data.get("created_at"))
            or moment_of(event.get("created_at"))
            or received_at,
            recipient=text_of(fields_of(email.get("recipient")).get("email")),
            message_id=our_id_among(texts_of(email.get("tags"))),
            provider_message_id=text_of(fields_of(email.get("message")).get("id")),
            bounce=weighed(said, words) if said is not None else None,
            words=words,
            facts=facts_of(url=text_of(morph.get("url")), ip=text_of(morph.get("ip"))),
        )
