"""What Brevo tells about mails that it has, by its transactional webhooks.

Neighbour: `brevo` makes the webhook. Source: developers.brevo.com, "Transactional webhooks",
"Secured webhooks" and "Retry mechanism". Quirks: there is no signature, only a login of our
choice; an event has no id (`id` is the webhook's); after any 5xx Brevo drops it for good, so that
429 has to say "not now"; each of opened and clicked has a second event for the first time.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar

from ..domain.bounce import SUPPRESSED, Bounce, BounceReason, BounceType, bounce_of, weighed
from ..domain.feedback import Fact, Feedback
from .event_webhook import EventWebhook
from .json_reading import Document, fields_of, rows_of, text_of, texts_of
from .webhook import Unreadable, facts_of, joined_id, json_of, moment_of, our_id_among, told

_FACTS = {
    "request": Fact.ACCEPTED,
    "delivered": Fact.DELIVERED,
    "deferred": Fact.DEFERRED,
    "soft_bounce": Fact.BOUNCED,
    "hard_bounce": Fact.BOUNCED,
    "invalid_email": Fact.BOUNCED,
    "blocked": Fact.REJECTED,
    "error": Fact.FAILED,
    "spam": Fact.COMPLAINED,
    "complaint": Fact.COMPLAINED,
    "opened": Fact.OPENED,
    "unique_opened": Fact.OPENED,
    "proxy_open": Fact.OPENED,
    "unique_proxy_open": Fact.OPENED,
    "click": Fact.CLICKED,
    "unsubscribe": Fact.UNSUBSCRIBED,
}
_SAID = {
    "soft_bounce": Bounce(BounceType.SOFT, BounceReason.OTHER),
    "hard_bounce": Bounce(BounceType.HARD, BounceReason.UNKNOWN_RECIPIENT),
    "invalid_email": Bounce(BounceType.HARD, BounceReason.UNKNOWN_RECIPIENT),
}
_MILLISECONDS = 10**11  #: a larger number is no time in seconds (one sample has them)


class BrevoWebhook(EventWebhook):
    """See `webhook.Webhook`."""

    comes_again_after_5xx: ClassVar[bool] = False

    def _events(self, body: bytes) -> Iterable[Document]:
        document = json_of(body)
        events = rows_of(document) if isinstance(document, list) else [fields_of(document)]
        if not all(text_of(event.get("event")) for event in events):
            raise Unreadable("not an event of Brevo")
        return events

    def _feedback(self, event: Document, *, key: str, received_at: datetime) -> Feedback | None:
        name = text_of(event.get("event"))
        fact = _FACTS.get(name)
        if fact is None:
            return None
        words, email = text_of(event.get("reason")), text_of(event.get("email"))
        message_id, link = text_of(event.get("message-id")), text_of(event.get("link"))
        time = text_of(event.get("ts_epoch")) or text_of(event.get("ts_event"))
        return told(
            fact,
            id_=joined_id(message_id, email, name, time, link) if message_id and time else key,
            at=_moment(event) or received_at,
            recipient=email,
            message_id=_our_id(event),
            provider_message_id=message_id,
            bounce=_bounce(fact, name, words),
            words=words,
            facts=facts_of(
                url=link, ip=text_of(event.get("ip")), user_agent=text_of(event.get("user_agent"))
            ),
        )


def _moment(event: Document) -> datetime | None:
    for name in ("ts_epoch", "ts_event", "ts"):
        value = event.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return moment_of(value / 1000 if value >= _MILLISECONDS else value)
    return None


def _our_id(event: Document) -> str:
    """Return our id: from what travelled with the mail for us, else from its tags."""
    try:
        custom = fields_of(json_of(text_of(event.get("X-Mailin-custom"))))
    except Unreadable:
        custom = {}
    return text_of(custom.get("ms_id")) or our_id_among(texts_of(event.get("tags")))


def _bounce(fact: Fact, name: str, words: str) -> Bounce | None:
    if fact is Fact.REJECTED:
        return SUPPRESSED
    if fact is Fact.DEFERRED:
        return weighed(Bounce(BounceType.SOFT, bounce_of(None, words).reason), words)
    said = _SAID.get(name)
    return weighed(said, words) if said is not None else None
