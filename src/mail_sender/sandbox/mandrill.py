"""An imitation of Mandrill's API 1.4: sending, and the search by recipient.

Neighbour: `api_account` does what all imitations do. Fields, limits and names of errors are those
of the vendor's OpenAPI document (github.com/mailchimp/mailchimp-client-lib-codegen).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from .api_account import ApiAccount, Sent, Why, Wire, file, headers, reply
from .contents import Contents, Mailbox, mailboxes_in
from .wire import Head, Reply

_NO = {
    Why.KEY: (401, -1, "Invalid_Key", "Invalid API key"),
    Why.SUSPENDED: (402, 10, "PaymentRequired", "The account is suspended"),
    Why.TOO_FAST: (429, -1, "RequestLimitExceeded", "Too many requests"),
    Why.UNAVAILABLE: (503, -1, "", "Service unavailable"),
    Why.TOO_LARGE: (413, -1, "", "Request entity too large"),
    Why.NOWHERE: (404, -1, "", "No such method"),
    Why.MAIL: (422, -2, "ValidationError", ""),
    Why.RECIPIENT: (422, -2, "ValidationError", "is not a valid address: "),
}


class _Recipient(Wire, frozen=True):
    email: str
    name: str = ""
    type: Literal["to", "cc", "bcc"] = "to"


class _File(Wire, frozen=True):
    type: str
    name: str
    content: bytes


class _Message(Wire, frozen=True):
    from_email: str
    to: tuple[_Recipient, ...]
    from_name: str = ""
    subject: str = ""
    text: str | None = None
    html: str | None = None
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    attachments: tuple[_File, ...] = ()
    images: tuple[_File, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    preserve_recipients: bool | None = None
    merge: bool | None = None


class _Send(Wire, frozen=True):
    key: str
    message: _Message
    async_: bool = msgspec.field(name="async", default=False)


class _Key(msgspec.Struct, frozen=True):
    key: str = ""


class _Search(Wire, frozen=True):
    key: str
    query: str = "*"
    date_from: str = ""
    limit: int = 100


class Mandrill(ApiAccount):
    """One account."""

    document = _Send
    send_path = "/api/1.4/messages/send.json"
    list_path = "/api/1.4/messages/search.json"
    max_recipients = 1000
    tells_refused_apart = True

    def knows_key(self, head: Head, body: bytes) -> bool:  # noqa: ARG002 - it is in the body
        """See `ApiAccount.knows_key`."""
        try:
            return msgspec.json.decode(body, type=_Key).key != ""
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False

    def contents(self, mail: _Send) -> Contents:
        """See `ApiAccount.contents`."""
        message = mail.message
        if any(len(tag) > 50 or tag.startswith("_") for tag in message.tags):
            raise self.bad("A tag is longer than 50 characters, or begins with an underscore.")
        if any(not image.type.startswith("image/") for image in message.images):
            raise self.bad("The type of an image must begin with image/.")
        by_type: dict[str, list[Mailbox]] = {"to": [], "cc": [], "bcc": []}
        for recipient in message.to:
            box = Mailbox(address=recipient.email, name=recipient.name)
            by_type[recipient.type].append(box)
        return Contents(
            sender=(Mailbox(address=message.from_email, name=message.from_name),),
            to=tuple(by_type["to"]),
            cc=tuple(by_type["cc"]),
            bcc=tuple(by_type["bcc"]),
            reply_to=mailboxes_in(message.headers.get("Reply-To", "")),
            subject=message.subject,
            text=message.text,
            html=message.html,
            headers=headers(message.headers.items()),
            attachments=tuple(
                file(f.name, f.content, f.type, f.name if inline else None, inline=inline)
                for files, inline in ((message.attachments, False), (message.images, True))
                for f in files
            ),
            tags=message.tags,
            metadata=message.metadata,
        )

    def new_id(self) -> str:
        """See `ApiAccount.new_id`."""
        return secrets.token_hex(16)

    def yes(self, sent: Sent) -> Reply:
        """See `ApiAccount.yes`: each recipient by itself."""
        taken = [_row(address, "sent", id_) for address, id_ in sent.ids.items()]
        refused = [
            _row(address, "rejected", self.new_id(), "hard-bounce") for address in sent.refused
        ]
        return reply(200, [*taken, *refused])

    def no(self, why: Why, words: str = "") -> Reply:
        """See `ApiAccount.no`."""
        status, code, name, said = _NO[why]
        if not name:  # not Mandrill itself, but what stands in front of it
            return reply(status, {"message": said + words})
        error = {"status": "error", "code": code, "name": name, "message": said + words}
        return reply(status, error)

    def lie(self) -> Reply:
        """See `Imitation.lie`."""
        return reply(200, [])

    def rows(self, head: Head, body: bytes, sent: Sequence[Sent]) -> Reply:  # noqa: ARG002 - it is in the body
        """See `ApiAccount.rows`: by `full_email:`."""
        try:
            search = msgspec.json.decode(body, type=_Search)
        except msgspec.DecodeError as error:
            return self.no(Why.MAIL, str(error))
        asked = search.query.removeprefix("full_email:").lower()
        rows: list[dict[str, Any]] = [
            {
                "_id": id_,
                "ts": int(s.at.timestamp()),
                "email": address,
                "subject": s.contents.subject,
                "state": "sent",
                "metadata": s.contents.metadata,
            }
            for s in sent
            for address, id_ in s.ids.items()
            if address.lower() == asked
        ]
        return reply(200, rows)


def _row(email: str, status: str, id_: str, reason: str | None = None) -> dict[str, str | None]:
    return {
        "email": email,
        "status": status,
        "reject_reason": reason,
        "queued_reason": None,
        "_id": id_,
    }
