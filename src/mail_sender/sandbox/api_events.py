"""What the imitated JSON APIs tell of a mail: what a vendor's webhooks have around its words.

Neighbours: `api_event_words` has the words, `event_signing` signs it, `provider_events` chooses.
Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import msgspec

from . import api_event_words as words
from .faults import Kind
from .happenings import Happening, TellsNothing
from .inbox import MS_ID_TAG, Mail

_encode = msgspec.json.Encoder().encode
_Words = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Something that happened to a mail of one recipient."""

    mail: Mail
    happening: Happening
    recipient: str
    now: datetime

    @property
    def seconds(self) -> int:
        """Since 1970."""
        return int(self.now.timestamp())

    @property
    def iso(self) -> str:
        """With milliseconds."""
        return self.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    @property
    def variables(self) -> dict[str, str]:
        """What the mail carried for us."""
        return {MS_ID_TAG: self.mail.ms_id} if self.mail.ms_id else {}

    @property
    def tags(self) -> list[str]:
        """The same at who knows tags only."""
        return list(self.variables.values())

    @property
    def number(self) -> int:
        """The provider's id, where that is a number."""
        id_ = self.mail.provider_message_id
        return int(id_) if id_.isdecimal() else 0


def document_of(kind: Kind, it: Occasion) -> object:
    """Return what is posted, before it is signed.

    Raises:
        TellsNothing: Accounts of this kind do not tell that.
    """
    vendor = _VENDORS.get(kind)
    if vendor is None:
        raise TellsNothing(f"an account of kind {kind} tells nothing of a mail afterwards")
    known, around = vendor
    said = known.get(it.happening)
    if said is None:
        raise TellsNothing(
            f"an account of kind {kind} does not tell that a mail was {it.happening}"
        )
    return around(it, dict(said))


def _postmark(it: Occasion, said: _Words) -> object:
    record = {
        "MessageID": it.mail.provider_message_id,
        "ServerID": 23,
        "MessageStream": "outbound",
        "Tag": "",
        "Metadata": it.variables,
        "Recipient": it.recipient,
        **said,
    }
    match said["RecordType"]:
        case "Bounce" | "SpamComplaint":
            of_a_bounce = {
                "ID": uuid4().int % 10**12,
                "Email": it.recipient,
                "From": it.mail.mail_from,
                "BouncedAt": it.iso,
                "Subject": it.mail.subject,
            }
            return record | of_a_bounce
        case "Delivery":
            return record | {"DeliveredAt": it.iso}
        case "SubscriptionChange":
            return record | {"ChangedAt": it.iso}
        case _:
            return record | {"ReceivedAt": it.iso}


def _sendgrid(it: Occasion, said: _Words) -> object:
    event = {
        "email": it.recipient,
        "timestamp": it.seconds,
        "smtp-id": f"<{it.mail.provider_message_id}@sandbox>",
        "sg_event_id": uuid4().hex,
        "sg_message_id": f"{it.mail.provider_message_id}.recvd-sandbox-1",
        **it.variables,
        **said,
    }
    return [event]


def _resend(it: Occasion, said: _Words) -> object:
    type_ = said.pop("type")
    data = {
        "email_id": it.mail.provider_message_id,
        "created_at": it.iso,
        "from": it.mail.mail_from,
        "to": [it.recipient],
        "subject": it.mail.subject,
        "tags": it.variables,
        **said,
    }
    return {"type": type_, "created_at": it.iso, "data": data}


def _brevo(it: Occasion, said: _Words) -> object:
    return {
        "email": it.recipient,
        "id": 26224,
        "date": f"{it.now:%Y-%m-%d %H:%M:%S}",
        "ts": it.seconds,
        "ts_event": it.seconds,
        "ts_epoch": int(it.now.timestamp() * 1000),
        "message-id": it.mail.provider_message_id,
        "subject": it.mail.subject,
        "X-Mailin-custom": _encode(it.variables).decode(),
        "tags": it.tags,
        "tag": _encode(it.tags).decode(),
        "sending_ip": words.IP,
        **said,
    }


def _mailjet(it: Occasion, said: _Words) -> object:
    event = {
        "time": it.seconds,
        "MessageID": it.number,
        "Message_GUID": str(uuid4()),
        "email": it.recipient,
        "mj_campaign_id": 0,
        "mj_contact_id": 0,
        "customcampaign": "",
        "CustomID": it.mail.ms_id or "",
        "Payload": "",
        **said,
    }
    return [event]


def _sparkpost(it: Occasion, said: _Words) -> object:
    wrapper = said.pop("wrapper")
    event = {
        "event_id": str(uuid4().int % 10**17),
        "transmission_id": it.mail.provider_message_id,
        "message_id": uuid4().hex[:20],
        "rcpt_to": it.recipient,
        "raw_rcpt_to": it.recipient,
        "rcpt_meta": it.variables,
        "rcpt_tags": [],
        "subject": it.mail.subject,
        "timestamp": str(it.seconds),
        **said,
    }
    return [{"msys": {wrapper: event}}]


def _mailtrap(it: Occasion, said: _Words) -> object:
    event = {
        "timestamp": it.seconds,
        "sending_stream": "transactional",
        "category": "",
        "custom_variables": it.variables,
        "message_id": it.mail.provider_message_id,
        "email": it.recipient,
        "event_id": str(uuid4()),
        "sending_domain_name": it.mail.mail_from.rpartition("@")[2],
        **said,
    }
    return {"events": [event]}


def _mailersend(it: Occasion, said: _Words) -> object:
    email = {
        "object": "email",
        "id": uuid4().hex[:24],
        "from": it.mail.mail_from,
        "subject": it.mail.subject,
        "status": said["type"],
        "tags": it.tags,
        "message": {"object": "message", "id": it.mail.provider_message_id},
        "recipient": {"object": "recipient", "email": it.recipient},
    }
    data = {
        "object": "activity",
        "id": uuid4().hex[:24],
        "created_at": it.iso,
        "email": email,
        "template_id": "",
        **said,
    }
    return {
        "type": f"activity.{said['type']}",
        "domain_id": "sandbox",
        "created_at": it.iso,
        "webhook_id": "sandbox",
        "data": data,
    }


def _postal(it: Occasion, said: _Words) -> object:
    event = said.pop("event")
    mail = {
        "id": it.number,
        "token": uuid4().hex[:8],
        "direction": "outgoing",
        "message_id": f"{it.mail.ms_id or uuid4().hex}@sandbox",
        "to": it.recipient,
        "from": it.mail.mail_from,
        "subject": it.mail.subject,
        "timestamp": it.mail.received_at.timestamp(),
        "spam_status": "NotSpam",
        "tag": None,
    }
    at = it.now.timestamp()
    payload = {"timestamp": at, "message": mail, **said}
    return {"event": event, "timestamp": at, "uuid": str(uuid4()), "payload": payload}


def _mandrill(it: Occasion, said: _Words) -> object:
    id_, mail = it.mail.provider_message_id, said.pop("msg")
    mail = {
        "ts": int(it.mail.received_at.timestamp()),
        "_id": id_,
        "subject": it.mail.subject,
        "email": it.recipient,
        "sender": it.mail.mail_from,
        "tags": [],
        "metadata": it.variables,
        **mail,
    }
    return [{"_id": id_, "ts": it.seconds, "msg": mail, **said}]


_Vendor = tuple[Mapping[Happening, Mapping[str, Any]], Callable[[Occasion, _Words], object]]
_VENDORS: Mapping[Kind, _Vendor] = {
    Kind.POSTMARK: (words.POSTMARK, _postmark),
    Kind.SENDGRID: (words.SENDGRID, _sendgrid),
    Kind.RESEND: (words.RESEND, _resend),
    Kind.BREVO: (words.BREVO, _brevo),
    Kind.MAILJET: (words.MAILJET, _mailjet),
    Kind.SPARKPOST: (words.SPARKPOST, _sparkpost),
    Kind.MAILTRAP: (words.MAILTRAP, _mailtrap),
    Kind.MAILERSEND: (words.MAILERSEND, _mailersend),
    Kind.POSTAL: (words.POSTAL, _postal),
    Kind.MANDRILL: (words.MANDRILL, _mandrill),
}
