"""An imitation of SendGrid's Mail Send v3, and of the Email Activity API by custom argument.

Neighbour: `api_account` does what all imitations do. Fields, limits and words are those of the
vendor's OpenAPI files (github.com/twilio/sendgrid-oai, tsg_mail_v3 and tsg_email_activity_v3).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import Any

import msgspec

from .api_account import ApiAccount, Box, Sent, Why, Wire, boxes, file, has_bearer, headers, reply
from .contents import Contents
from .wire import Head, Reply

_NO = {
    Why.KEY: (401, "The provided authorization grant is invalid, expired, or revoked"),
    Why.SUSPENDED: (403, "access forbidden: the account is suspended"),
    Why.TOO_FAST: (429, "too many requests"),
    Why.UNAVAILABLE: (503, "service unavailable"),
    Why.TOO_LARGE: (413, "content too large"),
    Why.NOWHERE: (404, "not found"),
    Why.MAIL: (400, ""),
    Why.RECIPIENT: (400, "Does not contain a valid address: "),
}
_FORBIDDEN = {
    *("x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "to", "from", "cc"),
    *("content-transfer-encoding", "subject", "reply-to", "bcc"),
}
_ASKED = re.compile(r"unique_args\['(\w+)'\]=\"([^\"]*)\"")


class _Personalization(Wire, frozen=True):
    to: tuple[Box, ...]
    cc: tuple[Box, ...] = ()
    bcc: tuple[Box, ...] = ()
    from_: Box | None = msgspec.field(name="from", default=None)
    subject: str = ""
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    custom_args: dict[str, str] = msgspec.field(default_factory=dict)
    send_at: int | None = None


class _Content(Wire, frozen=True):
    type: str
    value: str


class _Attachment(Wire, frozen=True):
    content: bytes
    filename: str
    type: str | None = None
    disposition: str = "attachment"
    content_id: str | None = None


class _Mail(Wire, frozen=True):
    personalizations: tuple[_Personalization, ...]
    from_: Box = msgspec.field(name="from")
    content: tuple[_Content, ...]
    subject: str = ""
    reply_to: Box | None = None
    reply_to_list: tuple[Box, ...] = ()
    attachments: tuple[_Attachment, ...] = ()
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    categories: tuple[str, ...] = ()
    custom_args: dict[str, str] = msgspec.field(default_factory=dict)
    send_at: int | None = None
    mail_settings: dict[str, Any] = msgspec.field(default_factory=dict)
    tracking_settings: dict[str, Any] = msgspec.field(default_factory=dict)


class SendGrid(ApiAccount):
    """One account."""

    document = _Mail
    send_path = "/v3/mail/send"
    list_path = "/v3/messages"
    max_recipients = 1000
    max_body_bytes = 30 * 1024 * 1024

    def knows_key(self, head: Head, body: bytes) -> bool:  # noqa: ARG002 - it is in the head
        """See `ApiAccount.knows_key`."""
        return has_bearer(head)

    def contents(self, mail: _Mail) -> Contents:
        """See `ApiAccount.contents`."""
        if len(mail.personalizations) != 1:
            raise self.bad("The sandbox takes one personalization.")
        [person] = mail.personalizations
        if not person.to:
            raise self.bad("The to array is required for all personalization objects.")
        given = [box.email.lower() for box in (*person.to, *person.cc, *person.bcc)]
        if len(set(given)) < len(given):
            raise self.bad("Each email address in the personalization block should be unique.")
        types = [part.type for part in mail.content]
        if not types or types != sorted(types, key=("text/plain", "text/html").index):
            raise self.bad("If present, text/plain must be first, followed by text/html.")
        if not all(part.value for part in mail.content):
            raise self.bad("The content value must be a string at least one character in length.")
        if not (mail.subject or person.subject):
            raise self.bad("The subject is required.")
        if any(name.lower() in _FORBIDDEN for name in (*mail.headers, *person.headers)):
            raise self.bad("Headers cannot be one of the reserved keys.")
        if mail.reply_to is not None and mail.reply_to_list:
            raise self.bad("Use reply_to or reply_to_list, not both.")
        if len(mail.categories) > 10 or len(set(mail.categories)) < len(mail.categories):
            raise self.bad("Categories must be unique, no more than 10.")
        return self._read(mail, person)

    def _read(self, mail: _Mail, person: _Personalization) -> Contents:
        texts = {part.type: part.value for part in mail.content}
        args = mail.custom_args | person.custom_args
        return Contents(
            sender=boxes([person.from_ or mail.from_]),
            to=boxes(person.to),
            cc=boxes(person.cc),
            bcc=boxes(person.bcc),
            reply_to=boxes([mail.reply_to] if mail.reply_to else mail.reply_to_list),
            subject=person.subject or mail.subject,
            text=texts.get("text/plain"),
            html=texts.get("text/html"),
            headers=headers((mail.headers | person.headers).items()),
            attachments=tuple(
                file(a.filename, a.content, a.type, a.content_id, inline=a.disposition == "inline")
                for a in mail.attachments
            ),
            tags=mail.categories,
            metadata={key.removeprefix("m_"): value for key, value in args.items()}
            | {key: value for key, value in args.items() if not key.startswith("m_")},
        )

    def new_id(self) -> str:
        """See `ApiAccount.new_id`."""
        return secrets.token_urlsafe(16)

    def yes(self, sent: Sent) -> Reply:
        """See `ApiAccount.yes`."""
        return Reply(status=202, body=b"", headers=(("X-Message-Id", sent.id),))

    def no(self, why: Why, words: str = "") -> Reply:
        """See `ApiAccount.no`."""
        status, said = _NO[why]
        return reply(status, {"errors": [{"message": said + words, "field": None, "help": None}]})

    def lie(self) -> Reply:
        """See `Imitation.lie`."""
        return Reply(status=202, body=b"")

    def rows(self, head: Head, body: bytes, sent: Sequence[Sent]) -> Reply:  # noqa: ARG002 - a GET
        """See `ApiAccount.rows`: one custom argument is asked for."""
        asked = _ASKED.fullmatch(head.query.get("query", ""))
        if asked is None or not head.query.get("limit", "").isdecimal():
            return self.no(Why.MAIL, "invalid query")
        found = [s for s in sent if s.contents.metadata.get(asked[1]) == asked[2]]
        return reply(
            200,
            {
                "messages": [
                    {
                        "from_email": s.contents.sender[0].address,
                        "msg_id": f"{s.id}.filter0425p1mdw1-1-1",
                        "subject": s.contents.subject,
                        "to_email": address,
                        "status": "processing",
                    }
                    for s in found
                    for address in s.recipients
                ]
            },
        )
