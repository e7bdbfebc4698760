"""An imitation of Scaleway's Transactional Email API: sending.

Neighbour: `api_account` does what all imitations do. Fields, limits and types of errors are those
of the vendor's SDKs (PyPI scaleway, npm @scaleway/sdk-client) and of its documentation.
"""

from __future__ import annotations

from typing import Any

import msgspec

from .api_account import ApiAccount, Box, Sent, Why, Wire, boxes, file, headers, reply
from .contents import Contents, mailboxes_in
from .inbox import MS_ID_HEADER
from .wire import Head, Reply

_NO: dict[Why, tuple[int, dict[str, Any]]] = {
    Why.KEY: (401, {"type": "denied_authentication", "message": "authentication is denied"}),
    Why.SUSPENDED: (403, {"type": "permissions_denied", "message": "insufficient permissions"}),
    Why.TOO_FAST: (429, {"type": "too_many_requests", "message": "too many requests"}),
    Why.UNAVAILABLE: (503, {"type": "transient_state", "message": "service is unavailable"}),
    Why.TOO_LARGE: (413, {"type": "invalid_arguments", "message": "size of the mail exceeds 2 MB"}),
    Why.NOWHERE: (404, {"type": "not_found", "message": "resource is not found"}),
    Why.MAIL: (400, {"type": "invalid_arguments", "message": "invalid argument(s)"}),
    Why.RECIPIENT: (400, {"type": "invalid_arguments", "message": "invalid argument(s)"}),
}
_decode_metadata = msgspec.json.Decoder(dict[str, str]).decode


class _File(Wire, frozen=True):
    name: str
    type: str
    content: bytes


class _Header(Wire, frozen=True):
    key: str
    value: str


class _Email(Wire, frozen=True):
    project_id: str
    from_: Box = msgspec.field(name="from")
    to: tuple[Box, ...]
    subject: str
    cc: tuple[Box, ...] = ()
    bcc: tuple[Box, ...] = ()
    text: str = ""
    html: str = ""
    attachments: tuple[_File, ...] = ()
    additional_headers: tuple[_Header, ...] = ()


class Scaleway(ApiAccount):
    """One project."""

    document = _Email
    send_path = "/transactional-email/v1alpha1/regions/fr-par/emails"
    max_recipients = 10
    max_body_bytes = 2 * 1024 * 1024 + 64 * 1024

    def knows_key(self, head: Head, body: bytes) -> bool:  # noqa: ARG002 - it is in the head
        """See `ApiAccount.knows_key`."""
        return bool(head.headers.get("x-auth-token"))

    def contents(self, mail: _Email) -> Contents:
        """See `ApiAccount.contents`."""
        for name, text in (("subject", mail.subject), ("text", mail.text), ("html", mail.html)):
            if len(text) < 10 and (text or name == "subject"):
                raise self.bad(f"{name} is too short")
        if not mail.to or not (mail.text or mail.html):
            raise self.bad("to, and one of text and html, are required")
        if len(mail.attachments) > 10:
            raise self.bad("too many attachments")
        pairs = {header.key.lower(): header.value for header in mail.additional_headers}
        try:
            metadata = _decode_metadata(pairs.get("x-metadata", "{}"))
        except msgspec.DecodeError:
            metadata = {}
        return Contents(
            sender=boxes([mail.from_]),
            to=boxes(mail.to),
            cc=boxes(mail.cc),
            bcc=boxes(mail.bcc),
            reply_to=mailboxes_in(pairs.get("reply-to", "")),
            subject=mail.subject,
            text=mail.text or None,
            html=mail.html or None,
            headers=headers((header.key, header.value) for header in mail.additional_headers),
            attachments=tuple(
                file(f.name, f.content, f.type, None, inline=False) for f in mail.attachments
            ),
            tags=tuple(filter(None, pairs.get("x-tags", "").split(","))),
            metadata=metadata,
        )

    def ms_id(self, contents: Contents) -> str | None:
        """See `ApiAccount.ms_id`: a header."""
        found = (h.value for h in contents.headers if h.name.lower() == MS_ID_HEADER.lower())
        return next(found, None)

    def yes(self, sent: Sent) -> Reply:
        """See `ApiAccount.yes`: one entry for each recipient."""
        fields = {"to": sent.contents.to, "cc": sent.contents.cc, "bcc": sent.contents.bcc}
        kinds = {box.address: kind for kind, found in fields.items() for box in found}
        emails = [
            {
                "id": id_,
                "message_id": sent.id,
                "project_id": "",
                "mail_from": sent.contents.sender[0].address,
                "mail_rcpt": address,
                "rcpt_to": address,
                "rcpt_type": kinds[address],
                "subject": sent.contents.subject,
                "status": "sending",
                "status_details": "ready to send",
                "try_count": 0,
                "last_tries": [],
                "flags": [],
                "created_at": sent.at.isoformat(),
                "updated_at": sent.at.isoformat(),
            }
            for address, id_ in sent.ids.items()
        ]
        return reply(200, {"emails": emails})

    def no(self, why: Why, words: str = "") -> Reply:
        """See `ApiAccount.no`."""
        status, document = _NO[why]
        if not words:
            return reply(status, document)
        name = "to" if why is Why.RECIPIENT else words.partition(" ")[0]
        detail = {"argument_name": name, "reason": "constraint", "help_message": words}
        return reply(status, {**document, "details": [detail]})

    def lie(self) -> Reply:
        """See `Imitation.lie`."""
        return reply(200, {"emails": []})
