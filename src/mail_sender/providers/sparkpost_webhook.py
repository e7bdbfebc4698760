"""What SparkPost tells about mails that it has, by its event webhooks.

Neighbour: `sparkpost` makes the webhook. Sources: developers.sparkpost.com, "Webhooks" and
"Events"; its support pages, "Bounce classification codes". Quirks: there is no signature, only a
login of our choice; a call has many events, each in a wrapper of its group, and an empty wrapper
when the webhook is made; what bounces later by mail is `out_of_band`, and may be an automatic
reply that is no bounce at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ..domain.bounce import SUPPRESSED, Bounce, BounceReason, BounceType, weighed
from ..domain.feedback import Fact, Feedback
from .event_webhook import EventWebhook
from .json_reading import Document, fields_of, rows_of, text_of
from .webhook import Unreadable, facts_of, json_of, moment_of, told

_FACTS = {
    "injection": Fact.ACCEPTED,
    "delivery": Fact.DELIVERED,
    "delay": Fact.DEFERRED,
    "bounce": Fact.BOUNCED,
    "out_of_band": Fact.BOUNCED,
    "policy_rejection": Fact.REJECTED,
    "generation_rejection": Fact.REJECTED,
    "generation_failure": Fact.FAILED,
    "spam_complaint": Fact.COMPLAINED,
    "open": Fact.OPENED,
    "initial_open": Fact.OPENED,
    "amp_open": Fact.OPENED,
    "amp_initial_open": Fact.OPENED,
    "click": Fact.CLICKED,
    "amp_click": Fact.CLICKED,
    "list_unsubscribe": Fact.UNSUBSCRIBED,
    "link_unsubscribe": Fact.UNSUBSCRIBED,
}

_HARD, _SOFT, _BLOCK = BounceType.HARD, BounceType.SOFT, BounceType.BLOCK
_OTHER = Bounce(BounceType.UNDETERMINED, BounceReason.OTHER)
#: By `bounce_class`.
_CLASSES = {
    "10": Bounce(_HARD, BounceReason.UNKNOWN_RECIPIENT),
    "20": Bounce(_SOFT, BounceReason.OTHER),
    "21": Bounce(_SOFT, BounceReason.BAD_DOMAIN),
    "22": Bounce(_SOFT, BounceReason.MAILBOX_FULL),
    "23": Bounce(_SOFT, BounceReason.TOO_LARGE),
    "24": Bounce(_SOFT, BounceReason.UNREACHABLE),
    "25": SUPPRESSED,
    "30": Bounce(_HARD, BounceReason.OTHER),
    "40": Bounce(_SOFT, BounceReason.OTHER),
    "50": Bounce(_BLOCK, BounceReason.POLICY),
    "51": Bounce(_BLOCK, BounceReason.SPAM_CONTENT),
    "52": Bounce(_BLOCK, BounceReason.SPAM_CONTENT),
    "53": Bounce(_BLOCK, BounceReason.POLICY),
    "54": Bounce(_BLOCK, BounceReason.POLICY),
    "70": Bounce(_SOFT, BounceReason.UNREACHABLE),
}
_NO_BOUNCE = {"60", "80", "100"}  #: automatic reply, subscription, challenge
_UNSUBSCRIBE = "90"


class SparkPostWebhook(EventWebhook):
    """See `webhook.Webhook`."""

    def _events(self, body: bytes) -> Iterable[Document]:
        document = json_of(body)
        if not isinstance(document, list):
            raise Unreadable("not a list of events of SparkPost")
        wrappers = [fields_of(row.get("msys")) for row in rows_of(document)]
        return [fields_of(event) for wrapper in wrappers for event in wrapper.values()]

    def _feedback(self, event: Document, *, key: str, received_at: datetime) -> Feedback | None:
        words = text_of(event.get("raw_reason")) or text_of(event.get("reason"))
        fact, bounce = _meaning(event, words)
        if fact is None:
            return None
        error_code = text_of(event.get("error_code"))
        return told(
            fact,
            id_=text_of(event.get("event_id"))[:300] or key,
            at=moment_of(event.get("timestamp")) or received_at,
            recipient=text_of(event.get("raw_rcpt_to")) or text_of(event.get("rcpt_to")),
            message_id=text_of(fields_of(event.get("rcpt_meta")).get("ms_id")),
            provider_message_id=text_of(event.get("transmission_id")),
            bounce=bounce,
            words=words,
            code=int(error_code) if error_code in _REPLY_CODES else None,
            facts=facts_of(
                url=text_of(event.get("target_link_url")),
                ip=text_of(event.get("ip_address")) if fact in _BY_A_PERSON else "",
                user_agent=text_of(event.get("user_agent")),
            ),
        )


_REPLY_CODES = frozenset(map(str, range(200, 600)))
_BY_A_PERSON = {Fact.OPENED, Fact.CLICKED}


def _meaning(event: Document, words: str) -> tuple[Fact | None, Bounce | None]:
    fact = _FACTS.get(text_of(event.get("type")))
    class_ = text_of(event.get("bounce_class"))
    if fact is Fact.BOUNCED and class_ in _NO_BOUNCE:
        return None, None
    if fact is Fact.BOUNCED and class_ == _UNSUBSCRIBE:
        return Fact.UNSUBSCRIBED, None
    if fact is Fact.REJECTED or class_ == "25":
        return Fact.REJECTED, _CLASSES.get(class_, _OTHER)
    if fact is Fact.DEFERRED:
        return fact, weighed(Bounce(_SOFT, _CLASSES.get(class_, _OTHER).reason), words)
    return fact, weighed(_CLASSES.get(class_, _OTHER), words) if fact is Fact.BOUNCED else None
