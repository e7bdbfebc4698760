"""An imitation of MailerSend's Email API v1, and of its list of emails by tag.

Neighbour: `api_account` does what all imitations do. Fields, limits and codes are those of
developers.mailersend.com and of the vendor's SDK (PyPI mailersend).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import msgspec

from .api_account import ApiAccount, Box, Sent, Why, Wire, boxes, file, has_bearer, headers, reply
from .contents import Contents, Header
from .wire import Head, Reply

_NO = {
    Why.KEY: (401, "Unauthenticated."),
    Why.SUSPENDED: (403, "The account is suspended. #MS40303"),
    Why.TOO_FAST: (429, "Too Many Attempts. #MS42903"),
    Why.UNAVAILABLE: (503, "Service Unavailable"),
    Why.TOO_LARGE: (413, "The request is too large."),
    Why.NOWHERE: (404, "Resource not found."),
    Why.MAIL: (422, "The given data was invalid: "),
    Why.RECIPIENT: (422, "The to.0.email must be a valid email address. #MS42208: "),
}


class _File(Wire, frozen=True):
    filename: str
    content: bytes
    disposition: str
    id: str | None = None


class _Header(Wire, frozen=True):
    name: str
    value: str


class _Email(Wire, frozen=True):
    from_: Box = msgspec.field(name="from")
    to: tuple[Box, ...]
    subject: str
    cc: tuple[Box, ...] = ()
    bcc: tuple[Box, ...] = ()
    reply_to: Box | None = None
    text: str | None = None
    html: str | None = None
    attachments: tuple[_File, ...] = ()
    tags: tuple[str, ...] = ()
    headers: tuple[_Header, ...] = ()
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()


class MailerSend(ApiAccount):
    """One account."""

    document = _Email
    send_path = "/v1/email"
    list_path = "/v1/emails"
    max_recipients = 70
    tells_refused_apart = True

    def knows_key(self, head: Head, body: bytes) -> bool:  # noqa: ARG002 - it is in the head
        """See `ApiAccount.knows_key`."""
        return has_bearer(head)

    def contents(self, mail: _Email) -> Contents:
        """See `ApiAccount.contents`."""
        if not mail.to or not mail.subject or not (mail.text or mail.html):
            raise self.bad("to, subject, and one of text and html, are required.")
        if len(mail.to) > 50 or len(mail.cc) > 10 or len(mail.bcc) > 10:
            raise self.bad("Too many recipients. #MS42205")
        if any(set(box.name) & {";", ","} for box in (*mail.to, *mail.cc, *mail.bcc)):
            raise self.bad("The name must not contain semicolons or commas.")
        if len(mail.tags) > 5:
            raise self.bad("The tags may not have more than 5 items.")
        threading = [
            Header(name=name, value=value)
            for name, value in (
                ("In-Reply-To", mail.in_reply_to or ""),
                ("References", " ".join(mail.references)),
            )
            if value
        ]
        return Contents(
            sender=boxes([mail.from_]),
            to=boxes(mail.to),
            cc=boxes(mail.cc),
            bcc=boxes(mail.bcc),
            reply_to=boxes([mail.reply_to] if mail.reply_to else []),
            subject=mail.subject,
            text=mail.text,
            html=mail.html,
            headers=(*headers((h.name, h.value) for h in mail.headers), *threading),
            attachments=tuple(
                file(f.filename, f.content, None, f.id, inline=f.disposition == "inline")
                for f in mail.attachments
            ),
            tags=mail.tags,
        )

    def ms_id(self, contents: Contents) -> str | None:
        """See `ApiAccount.ms_id`: one of the tags."""
        return next((tag for tag in contents.tags if tag.startswith("msg_")), None)

    def new_id(self) -> str:
        """See `ApiAccount.new_id`."""
        return secrets.token_hex(12)

    def yes(self, sent: Sent) -> Reply:
        """See `ApiAccount.yes`: words come only with a warning."""
        id_ = ("x-message-id", sent.id)
        if not sent.refused:
            return Reply(status=202, body=b"", headers=(id_,))
        refused = [{"email": a, "reasons": ["hard_bounced"]} for a in sent.refused]
        warning = {"type": "SOME_SUPPRESSED", "recipients": refused}
        return reply(202, {"message": "The mail is on its way.", "warnings": [warning]}, id_)

    def no(self, why: Why, words: str = "") -> Reply:
        """See `ApiAccount.no`."""
        status, said = _NO[why]
        return reply(status, {"message": said + words, "errors": {"field": [said + words]}})

    def lie(self) -> Reply:
        """See `Imitation.lie`."""
        return Reply(status=202, body=b"")

    def rows(self, head: Head, body: bytes, sent: Sequence[Sent]) -> Reply:  # noqa: ARG002 - a GET
        """See `ApiAccount.rows`: by tag; the domain and the dates are needed."""
        query = head.query
        if not {"domain_id", "date_from", "date_to"} <= query.keys():
            return self.no(Why.MAIL, "domain_id, date_from and date_to are required.")
        begin, end = int(query["date_from"]), int(query["date_to"])
        rows = [
            {
                "id": s.ids[address],
                "from": s.contents.sender[0].address,
                "to": address,
                "subject": s.contents.subject,
                "domain_id": query["domain_id"],
                "message_id": s.id,
                "status": "queued",
                "tags": list(s.contents.tags),
                "created_at": s.at.isoformat(),
                "updated_at": s.at.isoformat(),
            }
            for s in sent
            if query.get("tag", "") in ("", *s.contents.tags) and begin <= s.at.timestamp() <= end
            for address in s.recipients
        ]
        return reply(200, {"data": rows, "links": {"next": None}, "meta": {}})
