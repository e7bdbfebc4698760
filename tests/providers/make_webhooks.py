"""Webhooks of every provider, and genuine calls of each, signed as the provider does.

The signatures are made with libraries that are not ours where there is one: Svix's for Resend,
`cryptography` for SNS and SendGrid.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from svix.webhooks import Webhook as Svix

from mail_sender.clock import FakeClock
from mail_sender.domain.secret import Secret
from mail_sender.providers.http import Answer, HttpClient, Request, Silence, Timeouts
from mail_sender.providers.mailgun_webhook import MailgunWebhook
from mail_sender.providers.postmark_webhook import PostmarkWebhook
from mail_sender.providers.resend_webhook import ResendWebhook
from mail_sender.providers.sendgrid_webhook import SendGridWebhook
from mail_sender.providers.ses_webhook import SesWebhook
from mail_sender.providers.sns import SnsSubscription
from mail_sender.providers.webhook import Webhook, WebhookCall

NOW = datetime.fromisoformat("2026-11-24T02:35:00Z")
TOPIC = "arn:aws:sns:eu-west-1:123456789012:ms"
AMAZON = "https://sns.eu-west-1.amazonaws.com"
CERTIFICATE = f"{AMAZON}/SimpleNotificationService-0123456789abcdef.pem"
MAILGUN_KEY = "mg-signing-key-example"
RESEND_SECRET = "whsec_bWFpbC1zZW5kZXItdGVzdC1zZWNyZXQh"

_rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_ec_key = ec.generate_private_key(ec.SECP256R1())


class Amazon(HttpClient):
    """Answers for SNS: certificates and confirmations.

    Attributes:
        asked: Every URL, in order.
        silent: When set, no call is answered.
        status: Of each answer.
    """

    def __init__(self, certificate: bytes | None = None) -> None:
        self.asked: list[str] = []
        self.silent: Silence | None = None
        self.status = 200
        self.body = certificate_of(_rsa_key) if certificate is None else certificate

    async def call(self, request: Request, timeouts: Timeouts) -> Answer:
        self.asked.append(request.url)
        if self.silent is not None:
            raise self.silent
        return Answer(status=self.status, headers={}, body=self.body)

    async def close(self) -> None:
        """Nothing is open."""


def certificate_of(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, *, until: datetime | None = None
) -> bytes:
    """Return a certificate of this key, PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=30))
        .not_valid_after(until or NOW + timedelta(days=30))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )


def sns(
    message: object,
    *,
    type_: str = "Notification",
    version: str = "2",
    signed_fields: dict[str, str] | None = None,
    **fields: str,
) -> WebhookCall:
    """Return a call as SNS makes it. `fields` replace its own before it is signed.

    Args:
        message: Text, or what stands as JSON in it.
        type_: Of the envelope.
        version: Of the signature.
        signed_fields: Replace fields after the envelope was signed.
        fields: Such as `TopicArn`.
    """
    text = message if isinstance(message, str) else json.dumps(message)
    envelope = {
        "Type": type_,
        "MessageId": str(uuid4()),
        "TopicArn": TOPIC,
        "Message": text,
        "Timestamp": NOW.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    if type_ == "Notification":
        envelope["Subject"] = "Amazon SES Email Event Notification"
    else:
        envelope |= {"Token": "2336412f37", "SubscribeURL": f"{AMAZON}/?Action=ConfirmSubscription"}
    envelope |= fields
    order = [
        "Message", "MessageId", "SubscribeURL", "Subject", "Timestamp", "Token", "TopicArn", "Type",
    ]  # fmt: skip
    signed = "".join(f"{name}\n{envelope[name]}\n" for name in order if name in envelope)
    algorithm = hashes.SHA256() if version == "2" else hashes.SHA1()  # noqa: S303 - what SNS does
    signature = _rsa_key.sign(signed.encode(), padding.PKCS1v15(), algorithm)
    envelope |= {
        "SignatureVersion": version,
        "Signature": b64encode(signature).decode(),
        "SigningCertURL": CERTIFICATE,
        **(signed_fields or {}),
    }
    return WebhookCall(
        headers={"content-type": "text/plain; charset=UTF-8"}, body=json.dumps(envelope).encode()
    )


def by_mailgun(event: object, *, at: datetime = NOW, key: str = MAILGUN_KEY) -> WebhookCall:
    """Return a call as Mailgun makes it."""
    timestamp, token = str(int(at.timestamp())), uuid4().hex
    signature = hmac.new(key.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    document = {
        "signature": {"timestamp": timestamp, "token": token, "signature": signature},
        "event-data": event,
    }
    return WebhookCall(headers={}, body=json.dumps(document).encode())


def by_sendgrid(events: object, *, at: datetime = NOW, tail: bytes = b"\r\n") -> WebhookCall:
    """Return a call as SendGrid makes it."""
    body, timestamp = json.dumps(events).encode() + tail, str(int(at.timestamp()))
    signature = _ec_key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    headers = {
        "x-twilio-email-event-webhook-signature": b64encode(signature).decode(),
        "x-twilio-email-event-webhook-timestamp": timestamp,
    }
    return WebhookCall(headers=headers, body=body)


def by_resend(event: object, *, at: datetime = NOW, id_: str = "msg_1") -> WebhookCall:
    """Return a call as Svix makes it for Resend."""
    body = json.dumps(event)
    signature = Svix(RESEND_SECRET).sign(id_, at, body)
    headers = {
        "svix-id": id_,
        "svix-timestamp": str(int(at.timestamp())),
        "svix-signature": signature,
    }
    return WebhookCall(headers=headers, body=body.encode())


def by_postmark(record: object, *, login: str = "hook:secret") -> WebhookCall:
    """Return a call as Postmark makes it."""
    authorization = f"Basic {b64encode(login.encode()).decode()}"
    return WebhookCall(headers={"authorization": authorization}, body=json.dumps(record).encode())


def sendgrid_public_key() -> str:
    """Return the key as SendGrid shows it."""
    der = _ec_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b64encode(der).decode()


def ses_webhook(http: HttpClient | None = None, **fields: Any) -> SesWebhook:  # noqa: ANN401
    """Return the webhook of one topic."""
    clock = fields.pop("clock", FakeClock(NOW))
    subscription = SnsSubscription((TOPIC,), http=http or Amazon(), clock=clock, **fields)
    return SesWebhook(subscription)


def webhooks() -> dict[str, Webhook]:
    """Return one of each provider."""
    clock = FakeClock(NOW)
    return {
        "ses": ses_webhook(),
        "mailgun": MailgunWebhook(Secret(MAILGUN_KEY), clock),
        "postmark": PostmarkWebhook("hook", Secret("secret")),
        "sendgrid": SendGridWebhook(sendgrid_public_key(), clock),
        "resend": ResendWebhook(Secret(RESEND_SECRET), clock),
    }


def genuine(provider: str, says: object) -> WebhookCall:
    """Return a genuine call that says this."""
    match provider:
        case "ses":
            return sns(says)
        case "mailgun":
            return by_mailgun(says)
        case "sendgrid":
            return by_sendgrid(says)
        case "resend":
            return by_resend(says)
        case _:
            return by_postmark(says)
