"""An imitation of Brevo's transactional API: sending once for a key, and events by tag.

Neighbour: `api_account` does what all imitations do. Fields, limits and codes are those of the
vendor's Python SDK (PyPI brevo-python) and of developers.brevo.com.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from uuid import uuid4

import msgspec

from .api_account import ApiAccount, Box, Sent, Why, Wire, boxes, file, headers, reply
from .contents import Contents, Mailbox, decoded
from .wire import Head, Reply

_NO = {
    Why.KEY: (401, "unauthorized", "Key not found"),
    Why.SUSPENDED: (403, "permission_denied", "SMTP account is not yet activated"),
    Why.TOO_FAST: (429, "too_many_requests", "The expected rate limit is exceeded."),
    Why.UNAVAILABLE: (503, "service_unavailable", "Service unavailable"),
    Why.TOO_LARGE: (413, "out_of_range", "Request entity too large"),
    Why.NOWHERE: (404, "document_not_found", "Invalid route/method passed"),
    Why.MAIL: (400, "invalid_parameter", ""),
    Why.RECIPIENT: (400, "invalid_parameter", "email is not valid in to: "),
}
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_KEY, _CUSTOM = "idempotencykey", "x-mailin-custom"
_decode_custom = msgspec.json.Decoder(dict[str, str]).decode


class _Attachment(Wire, frozen=True):
    name: str
    content: bytes


class _Email(Wire, frozen=True, rename="camel"):
    sender: Box
    to: tuple[Box, ...]
    subject: str
    html_content: str
    cc: tuple[Box, ...] = ()
    bcc: tuple[Box, ...] = ()
    reply_to: Box | None = None
    text_content: str | None = None
    attachment: tuple[_Attachment, ...] = ()
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    tags: tuple[str, ...] = ()


class Brevo(ApiAccount):
    """One account."""

    document = _Email
    send_path = "/v3/smtp/email"
    list_path = "/v3/smtp/statistics/events"
    max_recipients = 99
    max_body_bytes = 20 * 1024 * 1024

    def knows_key(self, head: Head, body: bytes) -> bool:  # noqa: ARG002 - it is in the head
        """See `ApiAccount.knows_key`."""
        return bool(head.headers.get("api-key"))

    def contents(self, mail: _Email) -> Contents:
        """See `ApiAccount.contents`."""
        if not (mail.to and mail.subject and mail.html_content):
            raise self.bad("to, subject and htmlContent are required")
        if not all(value.isascii() for value in mail.headers.values()):
            raise self.bad("headers must be ASCII")
        if any("." not in a.name for a in mail.attachment):
            raise self.bad("Unsupported file extension of an attachment")
        try:
            custom = _decode_custom(_header(mail, _CUSTOM) or "{}")
        except msgspec.DecodeError:
            custom = {}
        return Contents(
            sender=_decoded(boxes([mail.sender])),
            to=_decoded(boxes(mail.to)),
            cc=_decoded(boxes(mail.cc)),
            bcc=_decoded(boxes(mail.bcc)),
            reply_to=_decoded(boxes([mail.reply_to] if mail.reply_to else [])),
            subject=mail.subject,
            text=mail.text_content,
            html=mail.html_content,
            headers=headers(pair for pair in mail.headers.items() if pair[0].lower() != _KEY),
            attachments=tuple(
                file(a.name, a.content, None, None, inline=False) for a in mail.attachment
            ),
            tags=mail.tags,
            metadata=custom,
        )

    def key(self, head: Head, mail: _Email) -> str:  # noqa: ARG002 - it is in the body
        """See `ApiAccount.key`."""
        key = _header(mail, _KEY)
        return key if _UUID.fullmatch(key) else ""

    def same_key(self, *, is_same_mail: bool, first: Reply) -> Reply:  # noqa: ARG002 - no difference
        """See `ApiAccount.same_key`."""
        words = "A request with the same idempotencyKey was made before"
        return reply(400, {"code": "duplicate_parameter", "message": words})

    def new_id(self) -> str:
        """See `ApiAccount.new_id`."""
        return f"<{uuid4().hex}@smtp-relay.mailin.fr>"

    def yes(self, sent: Sent) -> Reply:
        """See `ApiAccount.yes`."""
        return reply(201, {"messageId": sent.id})

    def no(self, why: Why, words: str = "") -> Reply:
        """See `ApiAccount.no`."""
        status, code, said = _NO[why]
        return reply(status, {"code": code, "message": said + words})

    def lie(self) -> Reply:
        """See `Imitation.lie`."""
        return reply(201, {})

    def rows(self, head: Head, body: bytes, sent: Sequence[Sent]) -> Reply:  # noqa: ARG002 - a GET
        """See `ApiAccount.rows`: events by tags, which are a list in JSON."""
        try:
            tags = msgspec.json.decode(head.query.get("tags", ""), type=list[str])
        except msgspec.DecodeError:
            return self.no(Why.MAIL, "tags is not a list")
        return reply(
            200,
            {
                "events": [
                    {
                        "email": address,
                        "event": "requests",
                        "messageId": s.id,
                        "date": s.at.isoformat(),
                        "tag": ",".join(s.contents.tags),
                    }
                    for s in sent
                    if set(tags) <= set(s.contents.tags)
                    for address in s.recipients
                ]
            },
        )


def _header(mail: _Email, name: str) -> str:
    return next((value for key, value in mail.headers.items() if key.lower() == name), "")


def _decoded(found: tuple[Mailbox, ...]) -> tuple[Mailbox, ...]:
    return tuple(Mailbox(address=box.address, name=decoded(box.name)) for box in found)
