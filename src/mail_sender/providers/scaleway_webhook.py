"""What Scaleway tells about mails that it has, by Topics and Events, its likeness of SNS.

Neighbours: `sns` says which calls are genuine, `scaleway` makes the webhook. Sources: Scaleway's
documentation, "Webhook events payloads" and "Verifying webhooks". Quirks: a certificate may come
from storage that anybody can rent, so it must have been issued by Scaleway's own authority; an
event repeats the mail's headers, which our id is among; there are no complaints and no openings.
What is signed is not written down; it is taken to be what Amazon signs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from cryptography import x509

from ..domain.bounce import SUPPRESSED, Bounce, BounceReason, BounceType, weighed
from ..domain.errors import ConfigError
from ..domain.feedback import Fact, Feedback
from .event_webhook import EventReader
from .json_reading import Document, fields_of, rows_of, text_of
from .sns import Home, SnsSubscription, message_in
from .webhook import Judgement, Unreadable, WebhookCall, json_of, moment_of, told

TOPIC_ARN = r"arn:scw:sns:fr-par:[A-Za-z0-9-]{1,100}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?"

_CERTIFICATES = re.compile(
    r"https://(?:sns\.mnq\.fr-par\.scaleway\.com|messaging\.s3\.fr-par\.scw\.cloud)"
    r"(?:/[A-Za-z0-9_-]{1,100}){1,6}\.(?:pem|crt)"
)

_FACTS = {
    "email_queued": Fact.ACCEPTED,
    "email_delivered": Fact.DELIVERED,
    "email_deferred": Fact.DEFERRED,
    "email_dropped": Fact.BOUNCED,
    "email_mailbox_not_found": Fact.BOUNCED,
    "email_spam": Fact.REJECTED,
    "email_blocklisted": Fact.REJECTED,
}
_SAID = {
    "email_dropped": Bounce(BounceType.HARD, BounceReason.OTHER),
    "email_mailbox_not_found": Bounce(BounceType.HARD, BounceReason.UNKNOWN_RECIPIENT),
    "email_deferred": Bounce(BounceType.SOFT, BounceReason.OTHER),
}
_REJECTED = {
    "email_spam": Bounce(BounceType.BLOCK, BounceReason.SPAM_CONTENT),
    "email_blocklisted": SUPPRESSED,
}


def scaleways(topic_arns: Iterable[str], trust_chain: str) -> Mapping[str, Home]:
    """Return where topics of Scaleway live.

    Args:
        topic_arns: Each matches `TOPIC_ARN`.
        trust_chain: The certificates of its authority, PEM.

    Raises:
        ConfigError: There is none of these.
    """
    try:
        authorities = tuple(x509.load_pem_x509_certificates(trust_chain.encode()))
    except ValueError:
        raise ConfigError("expected Scaleway's chain of certificates, PEM") from None
    home = Home(
        url="https://sns.mnq.fr-par.scaleway.com",
        certificates=_CERTIFICATES,
        authorities=authorities,
        follows=True,
    )
    return dict.fromkeys(topic_arns, home)


class ScalewayWebhook(EventReader):
    """See `webhook.Webhook`."""

    def __init__(self, subscription: SnsSubscription) -> None:
        self._subscription = subscription

    async def judge(self, call: WebhookCall) -> Judgement:
        """See `Webhook.judge`."""
        return await self._subscription.judge(call.body)

    def _events(self, body: bytes) -> Iterable[Document]:
        event = fields_of(json_of(message_in(body)))
        if not text_of(event.get("type")):
            raise Unreadable("not an event of Scaleway")
        return [event]

    def _feedback(self, event: Document, *, key: str, received_at: datetime) -> Feedback | None:
        type_ = text_of(event.get("type"))
        fact = _FACTS.get(type_)
        if fact is None:
            return None
        words, code = text_of(event.get("email_response_message")), event.get("email_response_code")
        said = _SAID.get(type_)
        return told(
            fact,
            id_=text_of(event.get("id"))[:300] or key,
            at=moment_of(event.get("created_at")) or received_at,
            recipient=text_of(event.get("email_to")),
            message_id=_our_id(event),
            provider_message_id=text_of(event.get("email_id")),
            bounce=weighed(said, words) if said is not None else _REJECTED.get(type_),
            words=words,
            code=code if isinstance(code, int) and 0 < code < 1000 else None,
        )


def _our_id(event: Document) -> str:
    ids = (
        text_of(header.get("value"))
        for header in rows_of(event.get("email_headers"))
        if text_of(header.get("key")).lower() == "x-ms-id"
    )
    return next(ids, "")
