"""What the imitated providers tell of a mail, in the words and with the signatures of each.

Neighbours: `telling` sends it; those with a JSON API are in `api_events` and `event_signing`,
SES and Mailgun here. Pure but for the keys, which live as long as the sandbox: that of
Mailgun is written in every configuration of a sandbox, that of SNS is made when first needed.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import uuid4

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from .api_events import Occasion, document_of
from .event_signing import signed
from .faults import Kind
from .happenings import Happening, Telling
from .inbox import MS_ID_HEADER, MS_ID_TAG, Mail

TOPIC_ARN = "arn:aws:sns:eu-west-1:000000000000:sandbox"
MAILGUN_SIGNING_KEY = "sandbox"

_encode = msgspec.json.Encoder().encode


class SigningKey:
    """A key with a certificate, as SNS has one."""

    def __init__(self, now: datetime) -> None:
        """Make it; `now` is when the certificate begins to hold."""
        self.name = f"SimpleNotificationService-{uuid4().hex}.pem"
        self._now = now

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @cached_property
    def certificate(self) -> bytes:
        """The certificate, PEM."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Imitated Amazon SNS")])
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - timedelta(days=1))
            .not_valid_after(self._now + timedelta(days=3650))
            .sign(self._key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM)

    def sign(self, text: bytes) -> str:
        """Return the signature, version 2."""
        return b64encode(self._key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()


def tell(
    kind: Kind,
    mail: Mail,
    happening: Happening,
    recipients: Sequence[str],
    *,
    now: datetime,
    key: SigningKey,
    key_url: str,
    url: str,
) -> Telling:
    """Return what an account of this kind tells.

    Args:
        kind: Of the account that took the mail.
        mail: As the inbox has it.
        happening: What happened.
        recipients: To whom; of an account that tells of each alone, the first.
        now: When.
        key: What SNS signs with.
        key_url: Where its certificate is.
        url: Where the webhook is registered.

    Raises:
        TellsNothing: Accounts of this kind do not.
    """
    match kind:
        case Kind.SES:
            record = _ses_record(mail, happening, recipients, _iso(now))
            return _by_sns(record, now, key, key_url)
        case Kind.MAILGUN:
            return _by_mailgun(_mailgun_event(mail, happening, recipients[0], now), now)
        case _:
            it = Occasion(mail=mail, happening=happening, recipient=recipients[0], now=now)
            return signed(kind, document_of(kind, it), now=now, url=url)


def _iso(now: datetime) -> str:
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# ---------------------------------------------------------------- Amazon SES


def _ses_record(
    mail: Mail, happening: Happening, recipients: Sequence[str], at: str
) -> dict[str, Any]:
    """Return the record of an event that a configuration set publishes."""
    type_, what = _ses_event(happening, recipients)
    name = type_[:1].lower() + type_[1:]
    tags = {MS_ID_TAG: [mail.ms_id]} if mail.ms_id else {}
    headers = [{"name": MS_ID_HEADER, "value": mail.ms_id}] if mail.ms_id else []
    return {
        "eventType": type_,
        "mail": {
            "timestamp": _iso(mail.received_at),
            "source": mail.mail_from,
            "sendingAccountId": "000000000000",
            "messageId": mail.provider_message_id,
            "destination": list(mail.recipients),
            "headersTruncated": False,
            "headers": headers,
            "commonHeaders": {"subject": mail.subject, "messageId": mail.provider_message_id},
            "tags": tags,
        },
        name: what if type_ in {"Send", "Reject"} else {"timestamp": at, **what},
    }


def _ses_event(happening: Happening, recipients: Sequence[str]) -> tuple[str, dict[str, Any]]:
    client = {"ipAddress": "192.0.2.1", "userAgent": "Mozilla/5.0 (sandbox)"}
    match happening:
        case Happening.ACCEPTED:
            return "Send", {}
        case Happening.DELIVERED:
            return "Delivery", {
                "processingTimeMillis": 500,
                "recipients": list(recipients),
                "smtpResponse": "250 2.6.0 Message received",
                "reportingMTA": "a8-70.smtp-out.amazonses.com",
            }
        case Happening.DEFERRED:
            refused = _ses_refused(recipients, "4.4.1", "smtp; 421 4.4.1 Unable to connect")
            return "DeliveryDelay", {"delayType": "General", "delayedRecipients": refused}
        case Happening.BOUNCED | Happening.SOFT_BOUNCED | Happening.REJECTED:
            return "Bounce", _ses_bounce(recipients, *_SES_BOUNCES[happening])
        case Happening.COMPLAINED:
            return "Complaint", {
                "feedbackId": str(uuid4()),
                "complainedRecipients": [{"emailAddress": r} for r in recipients],
                "complaintFeedbackType": "abuse",
            }
        case Happening.OPENED:
            return "Open", client
        case Happening.CLICKED:
            return "Click", {**client, "link": "https://example.com/order/7", "linkTags": None}
        case Happening.UNSUBSCRIBED:
            return "Subscription", {
                "contactList": "all",
                "source": "UnsubscribeHeader",
                "newTopicPreferences": {"unsubscribeAll": True},
                "oldTopicPreferences": {"unsubscribeAll": False},
            }


_SES_BOUNCES = {
    Happening.BOUNCED: ("Permanent", "General", "5.1.1", "smtp; 550 5.1.1 user unknown"),
    Happening.SOFT_BOUNCED: ("Transient", "MailboxFull", "4.2.2", "smtp; 452 4.2.2 mailbox full"),
    Happening.REJECTED: (
        "Permanent",
        "OnAccountSuppressionList",
        "5.1.1",
        "Amazon SES did not send",
    ),
}


def _ses_bounce(
    recipients: Sequence[str], type_: str, sub_type: str, status: str, words: str
) -> dict[str, Any]:
    refused = _ses_refused(recipients, status, words)
    return {
        "feedbackId": str(uuid4()),
        "bounceType": type_,
        "bounceSubType": sub_type,
        "bouncedRecipients": [{"action": "failed", **each} for each in refused],
        "reportingMTA": "dsn; a8-70.smtp-out.amazonses.com",
    }


def _ses_refused(recipients: Sequence[str], status: str, words: str) -> list[dict[str, str]]:
    return [{"emailAddress": r, "status": status, "diagnosticCode": words} for r in recipients]


def _by_sns(record: object, now: datetime, key: SigningKey, key_url: str) -> Telling:
    envelope = {
        "Message": _encode(record).decode(),
        "MessageId": str(uuid4()),
        "Subject": "Amazon SES Email Event Notification",
        "Timestamp": _iso(now),
        "TopicArn": TOPIC_ARN,
        "Type": "Notification",
    }
    signed = "".join(f"{name}\n{value}\n" for name, value in envelope.items())
    body = {
        **envelope,
        "SignatureVersion": "2",
        "Signature": key.sign(signed.encode()),
        "SigningCertURL": key_url,
        "UnsubscribeURL": f"{key_url.rpartition('/')[0]}/?Action=Unsubscribe",
    }
    headers = {
        "Content-Type": "text/plain; charset=UTF-8",
        "x-amz-sns-message-type": "Notification",
        "x-amz-sns-message-id": envelope["MessageId"],
        "x-amz-sns-topic-arn": TOPIC_ARN,
    }
    return Telling(headers, _encode(body))


# ---------------------------------------------------------------- Mailgun


def _mailgun_event(
    mail: Mail, happening: Happening, recipient: str, now: datetime
) -> dict[str, Any]:
    return {
        "id": uuid4().hex[:22],
        "timestamp": now.timestamp(),
        "log-level": "info",
        "recipient": recipient,
        "recipient-domain": recipient.rpartition("@")[2],
        "message": {
            "headers": {
                "message-id": mail.provider_message_id.strip("<>"),
                "to": ", ".join(mail.recipients),
                "from": mail.mail_from,
                "subject": mail.subject,
            },
            "attachments": [],
            "size": mail.size,
        },
        "flags": {"is-test-mode": False, "is-routed": False, "is-authenticated": True},
        "user-variables": {MS_ID_TAG: mail.ms_id} if mail.ms_id else {},
        "tags": [],
        **_mailgun_words(happening),
    }


def _mailgun_words(happening: Happening) -> dict[str, Any]:
    client = {
        "ip": "192.0.2.1",
        "client-info": {"client-type": "browser", "user-agent": "Mozilla/5.0 (sandbox)"},
    }
    match happening:
        case Happening.DELIVERED:
            return {"event": "delivered", "delivery-status": _status(250, "OK")}
        case Happening.DEFERRED:
            status = _status(421, "4.4.1 Unable to connect") | {"retry-seconds": 600}
            return _mailgun_failed("temporary", "generic", status)
        case Happening.BOUNCED:
            return _mailgun_failed("permanent", "bounce", _status(550, "5.1.1 user unknown"))
        case Happening.SOFT_BOUNCED:
            return _mailgun_failed("permanent", "old", _status(452, "4.2.2 mailbox full"))
        case Happening.REJECTED:
            status = _status(605, "Not delivering to previously bounced address")
            return _mailgun_failed("permanent", "suppress-bounce", status)
        case Happening.OPENED:
            return {"event": "opened", **client}
        case Happening.CLICKED:
            return {"event": "clicked", "url": "https://example.com/order/7", **client}
        case Happening.ACCEPTED | Happening.COMPLAINED | Happening.UNSUBSCRIBED:
            return {"event": happening.value}


def _status(code: int, message: str) -> dict[str, Any]:
    return {"code": code, "message": message, "description": "", "attempt-no": 1}


def _mailgun_failed(severity: str, reason: str, status: dict[str, Any]) -> dict[str, Any]:
    return {"event": "failed", "severity": severity, "reason": reason, "delivery-status": status}


def _by_mailgun(event: object, now: datetime) -> Telling:
    timestamp, token = str(int(now.timestamp())), uuid4().hex + uuid4().hex[:18]
    key = MAILGUN_SIGNING_KEY.encode()
    signature = hmac.new(key, f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    body = {
        "signature": {"timestamp": timestamp, "token": token, "signature": signature},
        "event-data": event,
    }
    return Telling({"Content-Type": "application/json"}, _encode(body))
