"""What Mailjet tells about mails that it has, by its Event API.

Neighbour: `mailjet` makes the webhook. Source: Mailjet's guide to the Event API. Quirks: `sent`
is what others call delivered; there is no signature, only a login in the URL; an event has no id;
a call has one event or, in its second version, many; anything but 200 is repeated for a day, and
then the URL is given up.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ..domain.bounce import SUPPRESSED, Bounce, BounceReason, BounceType, weighed
from ..domain.feedback import Fact, Feedback
from .event_webhook import EventWebhook
from .json_reading import Document, fields_of, rows_of, text_of
from .webhook import Unreadable, facts_of, joined_id, json_of, moment_of, told

_FACTS = {
    "sent": Fact.DELIVERED,
    "open": Fact.OPENED,
    "click": Fact.CLICKED,
    "bounce": Fact.BOUNCED,
    "blocked": Fact.REJECTED,
    "spam": Fact.COMPLAINED,
    "unsub": Fact.UNSUBSCRIBED,
}
_SENDERS = Bounce(BounceType.BLOCK, BounceReason.POLICY)
#: By `error`; None: it was Mailjet itself, or the template.
_ERRORS: dict[str, BounceReason | Bounce | None] = {
    "user unknown": BounceReason.UNKNOWN_RECIPIENT,
    "mailbox inactive": BounceReason.UNKNOWN_RECIPIENT,
    "quota exceeded": BounceReason.MAILBOX_FULL,
    "invalid domain": BounceReason.BAD_DOMAIN,
    "no mail host": BounceReason.BAD_DOMAIN,
    "greylisted": BounceReason.GREYLISTED,
    "connection issue": BounceReason.UNREACHABLE,
    "relay/access denied": _SENDERS,
    "sender blocked": _SENDERS,
    "policy issue": _SENDERS,
    "content blocked": Bounce(BounceType.BLOCK, BounceReason.SPAM_CONTENT),
    "bad or empty template": None,
    "error in template language": None,
}


class MailjetWebhook(EventWebhook):
    """See `webhook.Webhook`."""

    def _events(self, body: bytes) -> Iterable[Document]:
        document = json_of(body)
        events = rows_of(document) if isinstance(document, list) else [fields_of(document)]
        if not all(text_of(event.get("event")) for event in events):
            raise Unreadable("not an event of Mailjet")
        return events

    def _feedback(self, event: Document, *, key: str, received_at: datetime) -> Feedback | None:
        name, error = text_of(event.get("event")), text_of(event.get("error"))
        comment = text_of(event.get("comment"))
        fact, bounce = _meaning(name, error, comment, is_hard=event.get("hard_bounce") is True)
        if fact is None:
            return None
        message_id, time = text_of(event.get("MessageID")), text_of(event.get("time"))
        url, email = text_of(event.get("url")), text_of(event.get("email"))
        words = text_of(event.get("smtp_reply")) or ": ".join(filter(None, (error, comment)))
        return told(
            fact,
            id_=joined_id(message_id, email, name, time, error, url)
            if message_id and time
            else key,
            at=moment_of(event.get("time")) or received_at,
            recipient=email,
            message_id=text_of(event.get("CustomID")),
            provider_message_id=message_id,
            bounce=bounce,
            words=words,
            facts=facts_of(
                url=url, ip=text_of(event.get("ip")), user_agent=text_of(event.get("agent"))
            ),
        )


def _meaning(
    name: str, error: str, comment: str, *, is_hard: bool
) -> tuple[Fact | None, Bounce | None]:
    fact = _FACTS.get(name)
    if fact not in {Fact.BOUNCED, Fact.REJECTED}:
        return fact, None
    known = _ERRORS.get(error, BounceReason.OTHER)
    if known is None:
        return Fact.FAILED, None
    if isinstance(known, Bounce):
        return fact, known
    if fact is Fact.REJECTED:
        return fact, SUPPRESSED
    if known is BounceReason.GREYLISTED and not is_hard:
        return Fact.DEFERRED, Bounce(BounceType.SOFT, known)
    return fact, weighed(Bounce(BounceType.HARD if is_hard else BounceType.SOFT, known), comment)
