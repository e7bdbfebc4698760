"""What Mailtrap tells about mails that it has, by its webhooks.

Neighbour: `mailtrap` makes the webhook. Source: docs.mailtrap.io, "Webhooks" and "Bounce
categorization". Quirks: `soft bounce`, with a space, is tried again, and `bounce` is the end; a
call has many events, in a list or one a line; only the body is signed, and no time beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ..domain.bounce import SUPPRESSED, Bounce, BounceReason, BounceType, weighed
from ..domain.feedback import Fact, Feedback
from .event_webhook import EventWebhook
from .json_reading import Document, fields_of, rows_of, text_of
from .webhook import Unreadable, facts_of, json_of, moment_of, told

SIGNATURE = "mailtrap-signature"

_FACTS = {
    "delivery": Fact.DELIVERED,
    "soft bounce": Fact.DEFERRED,
    "suspension": Fact.DEFERRED,
    "bounce": Fact.BOUNCED,
    "reject": Fact.REJECTED,
    "spam": Fact.COMPLAINED,
    "open": Fact.OPENED,
    "click": Fact.CLICKED,
    "unsubscribe": Fact.UNSUBSCRIBED,
}

_HARD, _SOFT, _BLOCK = BounceType.HARD, BounceType.SOFT, BounceType.BLOCK
_OTHER = Bounce(BounceType.UNDETERMINED, BounceReason.OTHER)
#: By `bounce_category`.
_CATEGORIES = {
    "badrecipient": Bounce(_HARD, BounceReason.UNKNOWN_RECIPIENT),
    "overquota": Bounce(_SOFT, BounceReason.MAILBOX_FULL),
    "timeout": Bounce(_SOFT, BounceReason.UNREACHABLE),
    "serverfail": Bounce(_SOFT, BounceReason.UNREACHABLE),
    "transientfail": Bounce(_SOFT, BounceReason.OTHER),
    "greylisting": Bounce(_SOFT, BounceReason.GREYLISTED),
    "dnsFail": Bounce(_SOFT, BounceReason.BAD_DOMAIN),
    "badsender": Bounce(_BLOCK, BounceReason.POLICY),
    "block": Bounce(_BLOCK, BounceReason.POLICY),
    "relayfail": Bounce(_BLOCK, BounceReason.POLICY),
    "serverpolicy": Bounce(_BLOCK, BounceReason.POLICY),
    "content": Bounce(_BLOCK, BounceReason.SPAM_CONTENT),
    "spam": Bounce(_BLOCK, BounceReason.SPAM_CONTENT),
    "spam_gmail": Bounce(_BLOCK, BounceReason.SPAM_CONTENT),
}


class MailtrapWebhook(EventWebhook):
    """See `webhook.Webhook`."""

    def _events(self, body: bytes) -> Iterable[Document]:
        try:
            document = json_of(body)
        except Unreadable:
            document = [json_of(line) for line in body.splitlines() if line.strip()]
        if isinstance(document, dict):
            document = document.get("events", [document])
        events = rows_of(document)
        if not all(text_of(event.get("event")) for event in events):
            raise Unreadable("not an event of Mailtrap")
        return events

    def _feedback(self, event: Document, *, key: str, received_at: datetime) -> Feedback | None:
        fact = _FACTS.get(text_of(event.get("event")))
        if fact is None:
            return None
        words = text_of(event.get("response")) or text_of(event.get("reason"))
        code = event.get("response_code")
        return told(
            fact,
            id_=text_of(event.get("event_id"))[:300] or key,
            at=moment_of(event.get("timestamp")) or received_at,
            recipient=text_of(event.get("email")),
            message_id=text_of(fields_of(event.get("custom_variables")).get("ms_id")),
            provider_message_id=text_of(event.get("message_id")),
            bounce=_bounce(fact, text_of(event.get("bounce_category")), words),
            words=words,
            code=code if isinstance(code, int) and 0 < code < 1000 else None,
            facts=facts_of(
                url=text_of(event.get("url")),
                ip=text_of(event.get("ip")),
                user_agent=text_of(event.get("user_agent")),
            ),
        )


def _bounce(fact: Fact, category: str, words: str) -> Bounce | None:
    if fact is Fact.REJECTED:
        return SUPPRESSED
    if fact is Fact.BOUNCED:
        return weighed(_CATEGORIES.get(category, _OTHER), words)
    if fact is Fact.DEFERRED:
        return weighed(Bounce(_SOFT, _CATEGORIES.get(category, _OTHER).reason), words)
    return None
