"""An imitation of Resend's Email API: sending, once for an idempotency key.

Neighbour: `api_account` does what all imitations do. Fields, limits and names of errors are those
of the vendor's OpenAPI file (github.com/resend/resend-openapi) and of resend.com/docs.
"""

from __future__ import annotations

import re
from base64 import b64decode

import msgspec

from .api_account import ApiAccount, Sent, Why, Wire, file, has_bearer, headers, reply
from .contents import Contents, mailboxes_in
from .wire import Head, Reply

_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
_NO = {
    Why.KEY: (403, "invalid_api_key", "API key is invalid"),
    Why.SUSPENDED: (403, "invalid_api_key", "This API key is suspended"),
    Why.TOO_FAST: (429, "rate_limit_exceeded", "Too many requests."),
    Why.UNAVAILABLE: (503, "service_unavailable", "The service is unavailable."),
    Why.TOO_LARGE: (413, "validation_error", "The request is too large."),
    Why.NOWHERE: (404, "not_found", "The requested endpoint does not exist"),
    Why.MAIL: (422, "validation_error", ""),
    Why.RECIPIENT: (422, "validation_error", "Invalid `to` field: "),
}


class _Tag(Wire, frozen=True):
    name: str
    value: str


class _Attachment(Wire, frozen=True):
    content: str | list[int]  # base64; the Python SDK may send numbers
    filename: str
    content_type: str | None = None
    content_id: str | None = None


class _Email(Wire, frozen=True):
    from_: str = msgspec.field(name="from")
    to: list[str] | str
    subject: str
    cc: list[str] | str = ""
    bcc: list[str] | str = ""
    reply_to: list[str] | str = ""
    text: str | None = None
    html: str | None = None
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    tags: tuple[_Tag, ...] = ()
    attachments: tuple[_Attachment, ...] = ()
    scheduled_at: str | None = None


class Resend(ApiAccount):
    """One team."""

    document = _Email
    send_path = "/emails"
    max_recipients = 50
    max_body_bytes = 40 * 1024 * 1024

    def knows_key(self, head: Head, body: bytes) -> bool:  # noqa: ARG002 - it is in the head
        """See `ApiAccount.knows_key`."""
        return has_bearer(head) and bool(head.headers.get("user-agent"))

    def contents(self, mail: _Email) -> Contents:
        """See `ApiAccount.contents`."""
        if not mail.to:
            raise self.bad("Missing `to` field.")
        if not (mail.text or mail.html):
            raise self.bad("Missing `html` or `text` field.")
        if not all(_TAG.fullmatch(t.name) and _TAG.fullmatch(t.value) for t in mail.tags):
            raise self.bad("Tags should only contain ASCII letters, numbers, underscores, dashes.")
        pairs = {tag.name: tag.value for tag in mail.tags}
        return Contents(
            sender=mailboxes_in(mail.from_),
            to=mailboxes_in(*_listed(mail.to)),
            cc=mailboxes_in(*_listed(mail.cc)),
            bcc=mailboxes_in(*_listed(mail.bcc)),
            reply_to=mailboxes_in(*_listed(mail.reply_to)),
            subject=mail.subject,
            text=mail.text,
            html=mail.html,
            headers=headers(mail.headers.items()),
            attachments=tuple(
                file(
                    a.filename,
                    self._bytes(a.content),
                    a.content_type,
                    a.content_id,
                    inline=a.content_id is not None,
                )
                for a in mail.attachments
            ),
            tags=tuple(value for name, value in pairs.items() if name.startswith("tag")),
            metadata=pairs,
        )

    def _bytes(self, content: str | list[int]) -> bytes:
        try:
            return b64decode(content) if isinstance(content, str) else bytes(content)
        except ValueError:
            raise self.bad("The attachment's content is not base64.") from None

    def key(self, head: Head, mail: _Email) -> str:  # noqa: ARG002 - it is in the head
        """See `ApiAccount.key`."""
        return head.headers.get("idempotency-key", "")

    def same_key(self, *, is_same_mail: bool, first: Reply) -> Reply:
        """See `ApiAccount.same_key`: the first answer again, for the very same mail only."""
        if is_same_mail:
            return first
        words = "Same idempotency key used with a different request payload."
        return _error(409, "invalid_idempotent_request", words)

    def yes(self, sent: Sent) -> Reply:
        """See `ApiAccount.yes`."""
        return reply(200, {"id": sent.id})

    def no(self, why: Why, words: str = "") -> Reply:
        """See `ApiAccount.no`."""
        status, name, said = _NO[why]
        return _error(status, name, said + words)

    def lie(self) -> Reply:
        """See `Imitation.lie`."""
        return reply(200, {})


def _error(status: int, name: str, words: str) -> Reply:
    return reply(status, {"statusCode": status, "name": name, "message": words})


def _listed(value: list[str] | str) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
