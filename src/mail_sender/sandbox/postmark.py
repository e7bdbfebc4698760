"""An imitation of Postmark's Email API: sending, and the search by metadata.

Neighbour: `api_account` does what all imitations do. Fields, limits and error codes are those of
postmarkapp.com/developer/api (email-api, messages-api, overview).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from .api_account import ApiAccount, Sent, Why, Wire, file, headers, reply
from .contents import Contents, mailboxes_in
from .wire import Head, Reply

_NO = {
    Why.KEY: (401, 10, "Request does not contain a valid Server token."),
    Why.SUSPENDED: (422, 413, "Your account is not allowed to send."),
    Why.TOO_FAST: (429, 429, "Rate limit exceeded."),
    Why.UNAVAILABLE: (503, 100, "Maintenance: the API is offline."),
    Why.TOO_LARGE: (413, 300, "The request is too large."),
    Why.NOWHERE: (404, 404, "Not found."),
    Why.MAIL: (422, 300, ""),
    Why.RECIPIENT: (
        422,
        406,
        "You tried to send to recipients marked as inactive. Found inactive addresses: ",
    ),
}


class _Header(Wire, frozen=True, rename="pascal"):
    name: str
    value: str


class _Attachment(Wire, frozen=True):
    name: str = msgspec.field(name="Name")
    content: bytes = msgspec.field(name="Content")
    content_type: str = msgspec.field(name="ContentType")
    content_id: str | None = msgspec.field(name="ContentID", default=None)


class _Email(Wire, frozen=True, rename="pascal"):
    from_: str = msgspec.field(name="From")
    to: str = ""
    cc: str = ""
    bcc: str = ""
    reply_to: str = ""
    subject: str = ""
    text_body: str | None = None
    html_body: str | None = None
    tag: str = ""
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    headers: tuple[_Header, ...] = ()
    attachments: tuple[_Attachment, ...] = ()
    message_stream: str = "outbound"
    track_opens: bool | None = None
    track_links: str | None = None


class Postmark(ApiAccount):
    """One server of an account."""

    document = _Email
    send_path = "/email"
    list_path = "/messages/outbound"
    max_recipients = 50
    max_body_bytes = 10 * 1024 * 1024
    tells_refused_apart = True

    def knows_key(self, head: Head, body: bytes) -> bool:  # noqa: ARG002 - it is in the head
        """See `ApiAccount.knows_key`."""
        return bool(head.headers.get("x-postmark-server-token"))

    def contents(self, mail: _Email) -> Contents:
        """See `ApiAccount.contents`."""
        if not (mail.text_body or mail.html_body):
            raise self.bad("Provide either email TextBody or HtmlBody or both.")
        if len(mail.metadata) > 10 or any(
            len(key) > 20 or len(value) > 80 for key, value in mail.metadata.items()
        ):
            raise self.bad("Invalid metadata content.")
        return Contents(
            sender=mailboxes_in(mail.from_),
            to=mailboxes_in(mail.to),
            cc=mailboxes_in(mail.cc),
            bcc=mailboxes_in(mail.bcc),
            reply_to=mailboxes_in(mail.reply_to),
            subject=mail.subject,
            text=mail.text_body,
            html=mail.html_body,
            headers=headers((header.name, header.value) for header in mail.headers),
            attachments=tuple(
                file(
                    a.name,
                    a.content,
                    a.content_type,
                    a.content_id.removeprefix("cid:") if a.content_id else None,
                    inline=a.content_id is not None,
                )
                for a in mail.attachments
            ),
            tags=(mail.tag,) if mail.tag else (),
            metadata=mail.metadata,
        )

    def yes(self, sent: Sent) -> Reply:
        """See `ApiAccount.yes`: refused recipients stand in its words, and nowhere else."""
        words = "OK"
        if sent.refused:
            words = (
                "Message OK, but will not deliver to these inactive addresses: "
                f"{', '.join(sent.refused)}."
            )
        return reply(
            200,
            {
                "To": ", ".join(box.address for box in sent.contents.to),
                "SubmittedAt": sent.at.isoformat(),
                "MessageID": sent.id,
                "ErrorCode": 0,
                "Message": words,
            },
        )

    def no(self, why: Why, words: str = "") -> Reply:
        """See `ApiAccount.no`."""
        status, code, said = _NO[why]
        return reply(status, {"ErrorCode": code, "Message": said + words})

    def lie(self) -> Reply:
        """See `Imitation.lie`."""
        return reply(200, {"ErrorCode": 0, "Message": "OK"})

    def rows(self, head: Head, body: bytes, sent: Sequence[Sent]) -> Reply:  # noqa: ARG002 - a GET
        """See `ApiAccount.rows`: one metadata key is searched for, which must be whole."""
        asked = {
            key.removeprefix("metadata_"): value
            for key, value in head.query.items()
            if key.startswith("metadata_")
        }
        if not {"count", "offset"} <= head.query.keys() or len(asked) > 1:
            return self.no(Why.MAIL, "count and offset are needed, and one metadata key at most.")
        found = [s for s in sent if asked.items() <= s.contents.metadata.items()]
        return reply(
            200,
            {
                "TotalCount": len(found),
                "Messages": [
                    {
                        "MessageID": s.id,
                        "Status": "Sent",
                        "Recipients": list(s.recipients),
                        "ReceivedAt": s.at.isoformat(),
                        "Subject": s.contents.subject,
                        "Metadata": s.contents.metadata,
                    }
                    for s in found
                ],
            },
        )
