"""An imitation of Mailtrap's Email Sending API, and of its log by recipient.

Neighbour: `api_account` does what all imitations do. Fields, limits and words are those of the
vendor's OpenAPI files (github.com/mailtrap/mailtrap-openapi, email-sending).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from .api_account import ApiAccount, Box, Sent, Why, Wire, boxes, file, has_bearer, headers, reply
from .contents import Contents, mailboxes_in
from .wire import Head, Reply

_MAX_VARIABLES_BYTES = 1000
_NO = {
    Why.KEY: (401, "Unauthorized"),
    Why.SUSPENDED: (403, "Sending is suspended for this account"),
    Why.TOO_FAST: (429, "Rate limit exceeded"),
    Why.UNAVAILABLE: (503, "Service unavailable"),
    Why.TOO_LARGE: (413, "Message size exceeds 10 MB"),
    Why.NOWHERE: (404, "Not Found"),
    Why.MAIL: (400, ""),
    Why.RECIPIENT: (400, "'to' is not a valid address: "),
}


class _File(Wire, frozen=True):
    content: bytes
    filename: str
    type: str | None = None
    disposition: str = "attachment"
    content_id: str | None = None


class _Email(Wire, frozen=True):
    from_: Box = msgspec.field(name="from")
    subject: str
    to: tuple[Box, ...] = ()
    cc: tuple[Box, ...] = ()
    bcc: tuple[Box, ...] = ()
    reply_to: Box | None = None
    text: str | None = None
    html: str | None = None
    attachments: tuple[_File, ...] = ()
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    custom_variables: dict[str, str] = msgspec.field(default_factory=dict)
    category: str | None = None


class Mailtrap(ApiAccount):
    """One account."""

    document = _Email
    send_path = "/api/send"
    list_path = "/api/email_logs"
    max_recipients = 1000
    max_body_bytes = 10 * 1024 * 1024

    def knows_key(self, head: Head, body: bytes) -> bool:  # noqa: ARG002 - it is in the head
        """See `ApiAccount.knows_key`: in one of two headers."""
        return has_bearer(head) or bool(head.headers.get("api-token"))

    def contents(self, mail: _Email) -> Contents:
        """See `ApiAccount.contents`."""
        if not mail.subject:
            raise self.bad("'subject' is required")
        if not (mail.text or mail.html):
            raise self.bad("'text' or 'html' is required")
        if len(msgspec.json.encode(mail.custom_variables)) > _MAX_VARIABLES_BYTES:
            raise self.bad("'custom_variables' has more than 1000 bytes")
        if not all(f.filename for f in mail.attachments):
            raise self.bad("'filename' of an attachment is required")
        listed = mailboxes_in(mail.headers.get("Reply-To", ""))
        return Contents(
            sender=boxes([mail.from_]),
            to=boxes(mail.to),
            cc=boxes(mail.cc),
            bcc=boxes(mail.bcc),
            reply_to=boxes([mail.reply_to]) if mail.reply_to else listed,
            subject=mail.subject,
            text=mail.text,
            html=mail.html,
            headers=headers(mail.headers.items()),
            attachments=tuple(
                file(f.filename, f.content, f.type, f.content_id, inline=f.disposition == "inline")
                for f in mail.attachments
            ),
            tags=(mail.category,) if mail.category else (),
            metadata=mail.custom_variables,
        )

    def yes(self, sent: Sent) -> Reply:
        """See `ApiAccount.yes`."""
        return reply(200, {"success": True, "message_ids": list(sent.ids.values())})

    def no(self, why: Why, words: str = "") -> Reply:
        """See `ApiAccount.no`."""
        status, said = _NO[why]
        return reply(status, {"success": False, "errors": [said + words]})

    def lie(self) -> Reply:
        """See `Imitation.lie`."""
        return reply(200, {"success": True})

    def rows(self, head: Head, body: bytes, sent: Sequence[Sent]) -> Reply:  # noqa: ARG002 - a GET
        """See `ApiAccount.rows`: by one recipient."""
        query = head.query
        if query.get("filters[to][operator]") != "ci_equal":
            return self.no(Why.MAIL, "The sandbox knows one filter.")
        asked = query.get("filters[to][value]", "").lower()
        rows = [
            {
                "message_id": id_,
                "status": "enqueued",
                "to": address,
                "subject": s.contents.subject,
                "sent_at": s.at.isoformat(),
                "custom_variables": s.contents.metadata,
            }
            for s in sent
            for address, id_ in s.ids.items()
            if address.lower() == asked
        ]
        return reply(200, {"messages": rows, "total_count": len(rows), "next_page_cursor": None})
