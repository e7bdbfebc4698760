"""An imitation of SparkPost's Transmissions API, and of its message events by recipient.

Neighbour: `api_account` does what all imitations do. Fields, limits and codes are those of
github.com/SparkPost/developers.sparkpost.com (transmissions, events) and of its support pages.
SparkPost ignores unknown fields; here they are refused, so that a misspelt one is noticed.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import msgspec

from .api_account import ApiAccount, Box, Sent, Why, Wire, boxes, file, headers, reply
from .contents import Contents, mailboxes_in
from .wire import Head, Reply

_NO = {
    Why.KEY: (401, "", "Unauthorized."),
    Why.SUSPENDED: (403, "1601", "The account is suspended"),
    Why.TOO_FAST: (429, "", "Too many requests"),
    Why.UNAVAILABLE: (503, "1900", "Message generation is unavailable"),
    Why.TOO_LARGE: (413, "", "Request entity too large"),
    Why.NOWHERE: (404, "1600", "Resource could not be found"),
    Why.MAIL: (422, "1400", ""),
    Why.RECIPIENT: (400, "5002", "no valid recipients: "),
}


class _Address(Wire, frozen=True):
    email: str
    header_to: str = ""
    name: str = ""


class _Recipient(Wire, frozen=True):
    address: _Address


class _File(Wire, frozen=True):
    name: str
    type: str
    data: bytes


class _Content(Wire, frozen=True):
    from_: Box = msgspec.field(name="from")
    subject: str
    text: str | None = None
    html: str | None = None
    reply_to: str = ""
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    attachments: tuple[_File, ...] = ()
    inline_images: tuple[_File, ...] = ()


class _Options(Wire, frozen=True):
    transactional: bool = False
    perform_substitutions: bool = True
    open_tracking: bool | None = None
    click_tracking: bool | None = None


class _Transmission(Wire, frozen=True):
    recipients: tuple[_Recipient, ...]
    content: _Content
    options: _Options = _Options()
    campaign_id: str = ""
    metadata: dict[str, str] = msgspec.field(default_factory=dict)


class SparkPost(ApiAccount):
    """One account."""

    document = _Transmission
    send_path = "/api/v1/transmissions"
    list_path = "/api/v1/events/message"
    max_recipients = 10_000

    def knows_key(self, head: Head, body: bytes) -> bool:  # noqa: ARG002 - it is in the head
        """See `ApiAccount.knows_key`: the bare key, without a scheme."""
        return bool(head.headers.get("authorization")) and " " not in head.headers["authorization"]

    def contents(self, mail: _Transmission) -> Contents:
        """See `ApiAccount.contents`."""
        content = mail.content
        if not (content.text or content.html) or not content.subject:
            raise self.bad("content.subject, and one of content.text and content.html, is needed")
        texts = (content.text, content.html) if mail.options.perform_substitutions else ()
        if any("{{" in (text or "") for text in (*texts, content.subject)):
            raise self.bad("substitution language syntax error in template content")
        if len(mail.campaign_id) > 64:
            raise self.bad("campaign_id is longer than 64 bytes")
        shown = {r.address.header_to for r in mail.recipients}
        cc = content.headers.get("CC", "")
        return Contents(
            sender=boxes([content.from_]),
            to=mailboxes_in(*shown) if shown != {""} else (),
            cc=mailboxes_in(cc),
            reply_to=mailboxes_in(content.reply_to),
            subject=content.subject,
            text=content.text,
            html=content.html,
            headers=headers(pair for pair in content.headers.items() if pair[0] != "CC"),
            attachments=tuple(
                file(f.name, f.data, f.type, f.name if inline else None, inline=inline)
                for files, inline in ((content.attachments, False), (content.inline_images, True))
                for f in files
            ),
            tags=(mail.campaign_id,) if mail.campaign_id else (),
            metadata=mail.metadata,
        )

    def recipients(self, mail: _Transmission, contents: Contents) -> tuple[str, ...]:  # noqa: ARG002 - it has an envelope
        """See `ApiAccount.recipients`."""
        return tuple(dict.fromkeys(recipient.address.email for recipient in mail.recipients))

    def new_id(self) -> str:
        """See `ApiAccount.new_id`."""
        return str(11_000_000_000_000_000 + secrets.randbelow(10**15))

    def yes(self, sent: Sent) -> Reply:
        """See `ApiAccount.yes`."""
        return reply(
            200,
            {
                "results": {
                    "total_rejected_recipients": 0,
                    "total_accepted_recipients": len(sent.recipients),
                    "id": sent.id,
                }
            },
        )

    def no(self, why: Why, words: str = "") -> Reply:
        """See `ApiAccount.no`."""
        status, code, said = _NO[why]
        error = {"message": said + words} | ({"code": code} if code else {})
        return reply(status, {"errors": [error]})

    def lie(self) -> Reply:
        """See `Imitation.lie`."""
        return reply(200, {"results": {"total_accepted_recipients": 1}})

    def rows(self, head: Head, body: bytes, sent: Sequence[Sent]) -> Reply:  # noqa: ARG002 - a GET
        """See `ApiAccount.rows`: events by recipients."""
        asked = head.query.get("recipients", "").lower().split(",")
        rows: list[dict[str, Any]] = [
            {
                "type": "injection",
                "transmission_id": s.id,
                "rcpt_to": address.lower(),
                "raw_rcpt_to": address,
                "rcpt_meta": s.contents.metadata,
                "timestamp": s.at.isoformat(),
            }
            for s in sent
            for address in s.recipients
            if address.lower() in asked
        ]
        return reply(200, {"results": rows, "total_count": len(rows), "links": {}})
