"""What Mandrill tells about mails that it has, by its webhooks.

Neighbour: `mandrill` makes the webhook. Source: mailchimp.com/developer/transactional, "Track
and respond to activity with webhooks". Quirks: a call is a form with one field, a list of events in
JSON; what is signed begins with the webhook's URL, just as it is registered, so that has to be
configured; an event has no id; a new webhook is tried out by HEAD, and by a call without events
that another key has signed.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable, Iterable
from datetime import datetime
from urllib.parse import parse_qsl

from ..domain.bounce import SUPPRESSED, Bounce, BounceReason, BounceType, weighed
from ..domain.feedback import Fact, Feedback
from ..domain.secret import Secret
from .event_webhook import EventWebhook
from .json_reading import Document, fields_of, rows_of, text_of
from .webhook import (
    Answered,
    Forged,
    Genuine,
    Judgement,
    Malformed,
    Unreadable,
    WebhookCall,
    facts_of,
    joined_id,
    json_of,
    moment_of,
    same,
    told,
)

_MOST_FIELDS = 10
_FIELD = "mandrill_events"

_FACTS = {
    "send": Fact.ACCEPTED,
    "delivered": Fact.DELIVERED,
    "deferral": Fact.DEFERRED,
    "soft_bounce": Fact.BOUNCED,
    "hard_bounce": Fact.BOUNCED,
    "reject": Fact.REJECTED,
    "spam": Fact.COMPLAINED,
    "open": Fact.OPENED,
    "click": Fact.CLICKED,
    "unsub": Fact.UNSUBSCRIBED,
}
#: By `bounce_description`.
_REASONS = {
    "bad_mailbox": BounceReason.UNKNOWN_RECIPIENT,
    "invalid_domain": BounceReason.BAD_DOMAIN,
    "mailbox_full": BounceReason.MAILBOX_FULL,
}


def by_url_and_fields(url: str, key: Secret) -> Callable[[WebhookCall], Judgement]:
    """Return a judge of what Mandrill has signed.

    Args:
        url: Of the webhook, exactly as it is registered.
        key: Of the same, as Mandrill shows it.
    """
    secret = key.reveal().encode()

    def judge(call: WebhookCall) -> Judgement:
        try:
            fields = _fields_in(call.body)
        except Unreadable as error:
            return Malformed(str(error))
        signed = url + "".join(name + fields[name] for name in sorted(fields))
        digest = hmac.new(secret, signed.encode("utf-8", "replace"), hashlib.sha1).digest()
        if same(call.headers.get("x-mandrill-signature", ""), b64encode(digest).decode()):
            return Genuine(hashlib.sha256(call.body).hexdigest())
        if fields[_FIELD].strip() == "[]":
            return Answered("Mandrill tried the webhook out")
        return Forged("the signature does not fit")

    return judge


class MandrillWebhook(EventWebhook):
    """See `webhook.Webhook`."""

    def _events(self, body: bytes) -> Iterable[Document]:
        events = json_of(_fields_in(body)[_FIELD])
        if not isinstance(events, list):
            raise Unreadable("not a list of events of Mandrill")
        return rows_of(events)

    def _feedback(self, event: Document, *, key: str, received_at: datetime) -> Feedback | None:
        name = text_of(event.get("event"))
        fact = _FACTS.get(name)
        if fact is None:
            return None
        mail = fields_of(event.get("msg"))
        email = text_of(mail.get("email"))
        id_ = text_of(event.get("_id")) or text_of(mail.get("_id"))
        time, url = text_of(event.get("ts")), text_of(event.get("url"))
        words = text_of(mail.get("diag")) or text_of(mail.get("bounce_description"))
        return told(
            fact,
            id_=joined_id(id_, email, name, time, url) if id_ and time else key,
            at=moment_of(event.get("ts")) or received_at,
            recipient=email,
            message_id=text_of(fields_of(mail.get("metadata")).get("ms_id")),
            provider_message_id=id_,
            bounce=_bounce(fact, name, text_of(mail.get("bounce_description")), words),
            words=words,
            facts=facts_of(
                url=url,
                ip=text_of(event.get("ip")),
                user_agent=text_of(event.get("user_agent")),
            ),
        )


def _bounce(fact: Fact, name: str, described: str, words: str) -> Bounce | None:
    if fact is Fact.REJECTED:
        return SUPPRESSED
    if fact not in {Fact.BOUNCED, Fact.DEFERRED}:
        return None
    type_ = BounceType.HARD if name == "hard_bounce" else BounceType.SOFT
    return weighed(Bounce(type_, _REASONS.get(described, BounceReason.OTHER)), words)


def _fields_in(body: bytes) -> dict[str, str]:
    """Return the fields of the form. Raises `Unreadable`."""
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise Unreadable("not a form") from None
    fields = dict(pairs)
    if _FIELD not in fields:
        raise Unreadable("not a form of Mandrill")
    return fields
