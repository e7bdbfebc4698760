"""Webhooks of every provider, and genuine calls of each, signed as the provider does.

The signatures are made with libraries that are not ours where there is one: Svix's for Resend,
`cryptography` for SNS, SendGrid and Postal.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlencode
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from svix.webhooks import Webhook as Svix

from mail_sender.clock import Clock, FakeClock
from mail_sender.domain.secret import Secret
from mail_sender.http.call import Answer, HttpClient, Request, Silence, Timeouts
from mail_sender.providers.brevo_webhook import BrevoWebhook
from mail_sender.providers.mailersend_webhook import MailerSendWebhook
from mail_sender.providers.mailgun_webhook import MailgunWebhook
from mail_sender.providers.mailjet_webhook import MailjetWebhook
from mail_sender.providers.mailtrap_webhook import MailtrapWebhook
from mail_sender.providers.mandrill_webhook import MandrillWebhook, by_url_and_fields
from mail_sender.providers.postal_webhook import PostalWebhook, by_key_of_postal
from mail_sender.providers.postmark_webhook import PostmarkWebhook
from mail_sender.providers.resend_webhook import ResendWebhook
from mail_sender.providers.scaleway_webhook import ScalewayWebhook, scaleways
from mail_sender.providers.sendgrid_webhook import SendGridWebhook
from mail_sender.providers.ses_webhook import SesWebhook
from mail_sender.providers.sns import SnsSubscription, amazons
from mail_sender.providers.sparkpost_webhook import SparkPostWebhook
from mail_sender.providers.webhook import Webhook, WebhookCall, by_digest, by_login

NOW = datetime.fromisoformat("2026-11-24T02:35:00Z")
TOPIC = "arn:aws:sns:eu-west-1:123456789012:ms"
AMAZON = "https://sns.eu-west-1.amazonaws.com"
CERTIFICATE = f"{AMAZON}/SimpleNotificationService-0123456789abcdef.pem"
MAILGUN_KEY = "mg-signing-key-example"
RESEND_SECRET = "whsec_bWFpbC1zZW5kZXItdGVzdC1zZWNyZXQh"

SCALEWAYS_TOPIC = "arn:scw:sns:fr-par:project-11111111-2222-4333-8444-555555555555:ms"
SCALEWAYS_CERTIFICATE = "https://messaging.s3.fr-par.scw.cloud/fr-par/sns/sns-signing-cert-1.pem"
MANDRILLS_URL = "https://mail.example.com/hooks/mandrill"
SIGNING_SECRET = "0123456789abcdef0123456789abcdef"

_rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_authority_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
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
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    *,
    until: datetime | None = None,
    issuer: rsa.RSAPrivateKey | None = None,
) -> bytes:
    """Return a certificate of this key, PEM; signed by itself unless by an issuer."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=30))
        .not_valid_after(until or NOW + timedelta(days=30))
        .sign(issuer or key, hashes.SHA256())
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


def with_login(document: object, *, login: str = "hook:secret") -> WebhookCall:
    """Return a call of a provider that signs nothing."""
    authorization = f"Basic {b64encode(login.encode()).decode()}"
    return WebhookCall(headers={"authorization": authorization}, body=json.dumps(document).encode())


def with_digest(header: str, document: object, *, secret: str = SIGNING_SECRET) -> WebhookCall:
    """Return a call of a provider that signs the body."""
    body = json.dumps(document).encode()
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return WebhookCall(headers={header: digest}, body=body)


def by_postal(document: object, *, old: bool = False) -> WebhookCall:
    """Return a call as Postal makes it; an old version knows SHA-1 only."""
    body = json.dumps(document).encode()
    names: dict[str, hashes.HashAlgorithm] = {"x-postal-signature": hashes.SHA1()}  # noqa: S303
    if not old:
        names["x-postal-signature-256"] = hashes.SHA256()
    headers = {
        name: b64encode(_rsa_key.sign(body, padding.PKCS1v15(), algorithm)).decode()
        for name, algorithm in names.items()
    }
    return WebhookCall(headers=headers, body=body)


def by_mandrill(
    events: object, *, url: str = MANDRILLS_URL, key: str = SIGNING_SECRET
) -> WebhookCall:
    """Return a call as Mandrill makes it."""
    fields = {"mandrill_events": json.dumps(events)}
    signed = url + "".join(name + fields[name] for name in sorted(fields))
    digest = hmac.new(key.encode(), signed.encode(), hashlib.sha1).digest()
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-mandrill-signature": b64encode(digest).decode(),
    }
    return WebhookCall(headers=headers, body=urlencode(fields).encode())


def by_scaleway(event: object, **fields: str) -> WebhookCall:
    """Return a call as Scaleway's likeness of SNS makes it."""
    signed_fields = {"SigningCertURL": SCALEWAYS_CERTIFICATE}
    return sns(event, signed_fields=signed_fields, **{"TopicArn": SCALEWAYS_TOPIC, **fields})


def issued_by_scaleway() -> bytes:
    """Return a certificate of the key that signs, as Scaleway's authority issues it."""
    return certificate_of(_rsa_key, issuer=_authority_key)


def issued_by_another() -> bytes:
    """Return the same, issued by an authority that is not Scaleway's."""
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return certificate_of(_rsa_key, issuer=other)


def scaleway_webhook(http: HttpClient | None = None) -> ScalewayWebhook:
    """Return the webhook of one topic, whose certificates one authority issues."""
    topics = scaleways((SCALEWAYS_TOPIC,), certificate_of(_authority_key).decode())
    issued = Amazon(issued_by_scaleway())
    return ScalewayWebhook(SnsSubscription(topics, http=http or issued, clock=FakeClock(NOW)))


def postal_public_key() -> str:
    """Return the key as Postal shows it."""
    return _shown(_rsa_key.public_key())


def sendgrid_public_key() -> str:
    """Return the key as SendGrid shows it."""
    return _shown(_ec_key.public_key())


def _shown(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> str:
    return b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def ses_webhook(
    http: HttpClient | None = None,
    *,
    endpoint_url: str | None = None,
    clock: Clock | None = None,
) -> SesWebhook:
    """Return the webhook of one topic."""
    topics = amazons((TOPIC,), endpoint_url)
    subscription = SnsSubscription(topics, http=http or Amazon(), clock=clock or FakeClock(NOW))
    return SesWebhook(subscription)


def webhooks(clock: Clock | None = None) -> dict[str, Webhook]:
    """Return one of each provider."""
    clock = clock or FakeClock(NOW)
    login = by_login("hook", Secret("secret"))
    secret = Secret(SIGNING_SECRET)
    return {
        "ses": ses_webhook(),
        "mailgun": MailgunWebhook(Secret(MAILGUN_KEY), clock),
        "postmark": PostmarkWebhook(login, clock),
        "sendgrid": SendGridWebhook(sendgrid_public_key(), clock),
        "resend": ResendWebhook(Secret(RESEND_SECRET), clock),
        "brevo": BrevoWebhook(login, clock),
        "mailjet": MailjetWebhook(login, clock),
        "sparkpost": SparkPostWebhook(login, clock),
        "mailtrap": MailtrapWebhook(by_digest("mailtrap-signature", secret), clock),
        "mailersend": MailerSendWebhook(by_digest("signature", secret), clock),
        "scaleway": scaleway_webhook(),
        "postal": PostalWebhook(by_key_of_postal(postal_public_key()), clock),
        "mandrill": MandrillWebhook(by_url_and_fields(MANDRILLS_URL, secret), clock),
    }


def genuine(provider: str, says: object) -> WebhookCall:
    """Return a genuine call that says this."""
    make: dict[str, Callable[[object], WebhookCall]] = {
        "ses": sns,
        "mailgun": by_mailgun,
        "sendgrid": by_sendgrid,
        "resend": by_resend,
        "mailtrap": partial(with_digest, "mailtrap-signature"),
        "mailersend": partial(with_digest, "signature"),
        "scaleway": by_scaleway,
        "postal": by_postal,
        "mandrill": by_mandrill,
    }
    return make.get(provider, with_login)(says)


def body_of(provider: str, says: object) -> bytes:
    """Return the body of a call that says this; Mailgun's is recorded with what is around it."""
    if provider in {"ses", "scaleway", "mandrill"}:
        return genuine(provider, says).body
    return json.dumps(says).encode()
