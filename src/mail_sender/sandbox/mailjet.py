"""An imitation of Mailjet's Send API v3.1, and of its list of messages by CustomID.

Neighbour: `api_account` does what all imitations do. Fields, limits and codes are those of the
vendor's guides (github.com/mailjet/api-documentation, _send-api.md).
"""

from __future__ import annotations

import secrets
from base64 import b64decode
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import uuid4

import msgspec

from .api_account import ApiAccount, Sent, Why, Wire, file, headers, reply
from .contents import Contents, Mailbox
from .wire import Head, Reply

_NO = {
    Why.KEY: (401, "mj-0015", "API key authentication/authorization failure."),
    Why.SUSPENDED: (401, "mj-0001", "API key suspended."),
    Why.TOO_FAST: (429, "", "Too many requests."),
    Why.UNAVAILABLE: (503, "", "Service unavailable."),
    Why.TOO_LARGE: (400, "mj-0011", "Payload too large."),
    Why.NOWHERE: (404, "", "Resource not found."),
    Why.MAIL: (400, "mj-0004", "Type mismatch: "),
    Why.RECIPIENT: (400, "mj-0013", "is an invalid email address: "),
}
_FORBIDDEN = {
    *("from", "sender", "subject", "to", "cc", "bcc", "return-path", "delivered-to", "received"),
    *("dkim-signature", "date", "message-id", "user-agent", "x-mailer", "list-id"),
    "x-feedback-id",
}


class _Box(Wire, frozen=True, rename="pascal"):
    email: str
    name: str = ""


class _File(Wire, frozen=True):
    content_type: str = msgspec.field(name="ContentType")
    filename: str = msgspec.field(name="Filename")
    content: bytes = msgspec.field(name="Base64Content")
    content_id: str | None = msgspec.field(name="ContentID", default=None)


class _Message(Wire, frozen=True, rename="pascal"):
    from_: _Box = msgspec.field(name="From")
    to: tuple[_Box, ...]
    cc: tuple[_Box, ...] = ()
    bcc: tuple[_Box, ...] = ()
    reply_to: _Box | None = None
    subject: str = ""
    text_part: str | None = None
    html_part: str | None = msgspec.field(name="HTMLPart", default=None)
    attachments: tuple[_File, ...] = ()
    inlined_attachments: tuple[_File, ...] = ()
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    custom_id: str | None = msgspec.field(name="CustomID", default=None)
    event_payload: str | None = None
    custom_campaign: str | None = None


class _Send(Wire, frozen=True, rename="pascal"):
    messages: tuple[_Message, ...]
    sandbox_mode: bool = False


class Mailjet(ApiAccount):
    """One account."""

    document = _Send
    send_path = "/v3.1/send"
    list_path = "/v3/REST/message"
    max_recipients = 50

    def knows_key(self, head: Head, body: bytes) -> bool:  # noqa: ARG002 - it is in the head
        """See `ApiAccount.knows_key`."""
        scheme, _, login = head.headers.get("authorization", "").partition(" ")
        try:
            user, _, secret = b64decode(login, validate=True).partition(b":")
        except ValueError:
            return False
        return scheme.lower() == "basic" and bool(user and secret)

    def contents(self, mail: _Send) -> Contents:
        """See `ApiAccount.contents`."""
        if len(mail.messages) != 1:
            raise self.bad("The sandbox takes one message.")
        [message] = mail.messages
        if not message.to or not (message.text_part or message.html_part):
            raise self.bad("To, and one of TextPart and HTMLPart, are mandatory.")
        if len(message.subject) > 255:
            raise self.bad("Subject is longer than 255 characters.")
        if any(name.lower() in _FORBIDDEN for name in message.headers):
            raise self.bad("Headers has a header that is not customizable.")
        if any(file.content_id is None for file in message.inlined_attachments):
            raise self.bad("ContentID is mandatory.")
        return Contents(
            sender=_boxes([message.from_]),
            to=_boxes(message.to),
            cc=_boxes(message.cc),
            bcc=_boxes(message.bcc),
            reply_to=_boxes([message.reply_to] if message.reply_to else []),
            subject=message.subject,
            text=message.text_part,
            html=message.html_part,
            headers=headers(message.headers.items()),
            attachments=tuple(
                file(f.filename, f.content, f.content_type, f.content_id, inline=inline)
                for files, inline in (
                    (message.attachments, False),
                    (message.inlined_attachments, True),
                )
                for f in files
            ),
            tags=(message.custom_campaign,) if message.custom_campaign else (),
            metadata=self._payload(message)
            | ({"ms_id": message.custom_id} if message.custom_id else {}),
        )

    def _payload(self, message: _Message) -> dict[str, str]:
        """Return the metadata in the text that comes back in events; none if it is no JSON."""
        try:
            payload: dict[str, Any] = msgspec.json.decode(message.event_payload or "{}")
            return {key: str(value) for key, value in payload.get("metadata", {}).items()}
        except (msgspec.DecodeError, AttributeError):
            return {}

    def new_id(self) -> str:
        """See `ApiAccount.new_id`: beyond the exact range of JavaScript's numbers."""
        return str(70_000_000_000_000_000 + secrets.randbelow(10**15))

    def yes(self, sent: Sent) -> Reply:
        """See `ApiAccount.yes`."""
        fields = (
            ("To", sent.contents.to),
            ("Cc", sent.contents.cc),
            ("Bcc", sent.contents.bcc),
        )
        people = {
            field: [
                {
                    "Email": box.address,
                    "MessageUUID": str(uuid4()),
                    "MessageID": int(sent.ids[box.address]),
                    "MessageHref": f"https://api.mailjet.com/v3/REST/message/{sent.id}",
                }
                for box in found
            ]
            for field, found in fields
        }
        mail = {"Status": "success", "CustomID": sent.ms_id or "", **people}
        return reply(200, {"Messages": [mail]})

    def no(self, why: Why, words: str = "") -> Reply:
        """See `ApiAccount.no`: of a mail, the errors stand beside it."""
        status, code, said = _NO[why]
        error = {
            "ErrorIdentifier": str(uuid4()),
            "ErrorCode": code,
            "StatusCode": status,
            "ErrorMessage": said + words,
        }
        if why in {Why.MAIL, Why.RECIPIENT}:
            return reply(status, {"Messages": [{"Status": "error", "Errors": [error]}]})
        return reply(status, error)

    def lie(self) -> Reply:
        """See `Imitation.lie`."""
        return reply(200, {"Messages": [{"Status": "success", "To": [], "Cc": [], "Bcc": []}]})

    def rows(self, head: Head, body: bytes, sent: Sequence[Sent]) -> Reply:  # noqa: ARG002 - a GET
        """See `ApiAccount.rows`: by CustomID."""
        query = head.query
        found = [s for s in sent if s.ms_id == query.get("CustomID", s.ms_id)]
        rows: list[dict[str, Any]] = [
            {"ID": int(id_), "ArrivedAt": s.at.isoformat(), "Status": "sent"}
            | ({"ContactAlt": address} if query.get("ShowContactAlt") == "true" else {})
            | ({"CustomID": s.ms_id} if query.get("ShowCustomID") == "true" else {})
            for s in found
            for address, id_ in s.ids.items()
        ]
        return reply(200, {"Count": len(rows), "Data": rows, "Total": len(rows)})


def _boxes(found: Iterable[_Box]) -> tuple[Mailbox, ...]:
    return tuple(Mailbox(address=box.email, name=box.name) for box in found)
