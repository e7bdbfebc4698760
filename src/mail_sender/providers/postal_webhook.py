"""What a Postal installation tells about mails that it has, by its webhooks.

Neighbour: `postal` makes the webhook. Source: postalserver/postal, `WebhookDeliveryService` and
`Postal::Signer`; its documentation, "Webhooks". Quirks: `MessageSent` is what others call
delivered; older versions sign with SHA-1 only, newer ones both ways; each recipient's mail is a
message of its own; the Message-ID, which our id is part of, is repeated without brackets.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterable
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from ..domain.bounce import SUPPRESSED, Bounce, BounceReason, BounceType, bounce_of, weighed
from ..domain.errors import ConfigError
from ..domain.feedback import Fact, Feedback
from .event_webhook import EventWebhook
from .json_reading import Document, fields_of, text_of
from .webhook import (
    Forged,
    Genuine,
    Judgement,
    Malformed,
    Unreadable,
    WebhookCall,
    facts_of,
    json_of,
    moment_of,
    our_id_among,
    told,
)

#: By header field, the better one first.
_SIGNATURES: dict[str, type[hashes.SHA256 | hashes.SHA1]] = {
    "x-postal-signature-256": hashes.SHA256,
    "x-postal-signature": hashes.SHA1,
}

_FACTS = {
    "MessageSent": Fact.DELIVERED,
    "MessageDelayed": Fact.DEFERRED,
    "MessageDeliveryFailed": Fact.BOUNCED,
    "MessageBounced": Fact.BOUNCED,
    "MessageHeld": Fact.ACCEPTED,
    "MessageLoaded": Fact.OPENED,
    "MessageLinkClicked": Fact.CLICKED,
}


def by_key_of_postal(public_key: str) -> Callable[[WebhookCall], Judgement]:
    """Return a judge of what an installation has signed.

    Args:
        public_key: As its DKIM records and `postal default-dkim-record` show it: a DER
            SubjectPublicKeyInfo in base64.

    Raises:
        ConfigError: It is no such key.
    """
    try:
        key = load_der_public_key(b64decode(public_key, validate=True))
    except (Base64Error, ValueError):
        key = None
    if not isinstance(key, rsa.RSAPublicKey):
        raise ConfigError("expected the RSA key that Postal signs with, in base64")

    def judge(call: WebhookCall) -> Judgement:
        given = next((it for it in _SIGNATURES if call.headers.get(it)), None)
        if given is None:
            return Malformed("no signature")
        try:
            signature = b64decode(call.headers[given], validate=True)
            key.verify(signature, call.body, padding.PKCS1v15(), _SIGNATURES[given]())
        except (Base64Error, InvalidSignature, ValueError):
            return Forged("the signature does not fit")
        return Genuine(hashlib.sha256(call.body).hexdigest())

    return judge


class PostalWebhook(EventWebhook):
    """See `webhook.Webhook`."""

    def _events(self, body: bytes) -> Iterable[Document]:
        event = fields_of(json_of(body))
        if not text_of(event.get("event")):
            raise Unreadable("not an event of Postal")
        return [event]

    def _feedback(self, event: Document, *, key: str, received_at: datetime) -> Feedback | None:
        what = fields_of(event.get("payload"))
        mail = fields_of(what.get("original_message") or what.get("message"))
        words = text_of(what.get("output")) or text_of(what.get("details"))
        fact, bounce = _meaning(text_of(event.get("event")), text_of(what.get("details")), words)
        if fact is None or mail.get("direction") == "incoming":
            return None
        return told(
            fact,
            id_=text_of(event.get("uuid"))[:300] or key,
            at=moment_of(event.get("timestamp")) or received_at,
            recipient=text_of(mail.get("to")),
            message_id=our_id_among([text_of(mail.get("message_id")).partition("@")[0]]),
            provider_message_id=text_of(mail.get("id")),
            bounce=bounce,
            words=words,
            facts=facts_of(
                url=text_of(what.get("url")),
                ip=text_of(what.get("ip_address")),
                user_agent=text_of(what.get("user_agent")),
            ),
        )


def _meaning(name: str, details: str, words: str) -> tuple[Fact | None, Bounce | None]:
    fact = _FACTS.get(name)
    if fact is Fact.ACCEPTED and "suppression list" in details.lower():
        return Fact.REJECTED, SUPPRESSED
    if fact is Fact.DEFERRED:
        return fact, weighed(Bounce(BounceType.SOFT, BounceReason.OTHER), words)
    if fact is Fact.BOUNCED and name == "MessageDeliveryFailed":
        return fact, weighed(Bounce(BounceType.HARD, BounceReason.OTHER), words)
    return fact, bounce_of(None, words) if fact is Fact.BOUNCED else None
