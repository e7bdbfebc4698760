"""Postmark's Email, Messages and Bounce API (https://postmarkapp.com/developer).

Neighbours: `door` serves it, `postmark_look_ups` has the look-ups. A MessageID is a UUID. Answers
to a batch are always 200, with the fields that the vendor's Python library insists on for a mail
that was refused, too.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ...domain.message import Content
from ...intake.intake import Submission
from ...store.port import Scope
from ..answers import Answer
from ..bodies import json_bytes, parsed
from .fields import Wire, mapped, refused, taken
from .ids import uuid_of
from .postmark_look_ups import ASKED, get_bounce, get_message, list_bounces, list_messages
from .reading import AS_TAGS, Reader, file, labels, read_document, read_list
from .refusal import Reason, Refusal
from .submitting import headers_of, take, take_each
from .vendor import Call, Vendor, Visit

_MOST_IN_A_BATCH = 500
_NO_TEMPLATES = "Refused: this gateway does not render Postmark's templates."
_NO_TRACKING = "this gateway tracks nothing; the account at the provider may"


class Header(Wire, frozen=True, rename="pascal"):
    """A custom header."""

    name: Annotated[str, taken()]
    value: Annotated[str, taken()]


class File(Wire, frozen=True):
    """An attachment."""

    name: Annotated[str, taken()] = msgspec.field(name="Name")
    content: Annotated[str, taken()] = msgspec.field(name="Content")
    content_type: Annotated[str | None, mapped("taken; without one, by the file's name")] = (
        msgspec.field(name="ContentType", default=None)
    )
    content_id: Annotated[str | None, mapped("taken without `cid:`; the file is inline")] = (
        msgspec.field(name="ContentID", default=None)
    )


class Email(Wire, frozen=True, rename="pascal"):
    """What is posted to send a mail."""

    from_: Annotated[str | None, taken()] = msgspec.field(name="From", default=None)
    to: Annotated[str | None, taken()] = None
    cc: Annotated[str | None, taken()] = None
    bcc: Annotated[str | None, taken()] = None
    reply_to: Annotated[str | None, taken()] = None
    subject: Annotated[str | None, taken()] = None
    text_body: Annotated[str | None, taken()] = None
    html_body: Annotated[str | None, taken()] = None
    tag: Annotated[
        str | None,
        mapped(AS_TAGS),
    ] = None
    metadata: Annotated[dict[str, str] | None, taken()] = None
    headers: Annotated[tuple[Header, ...] | None, taken()] = None
    attachments: Annotated[tuple[File, ...] | None, taken()] = None
    message_stream: Annotated[
        str | None, mapped("the route of this name; `outbound` is the default route")
    ] = None
    track_opens: Annotated[bool | None, refused(_NO_TRACKING, unless=(False,))] = None
    track_links: Annotated[str | None, refused(_NO_TRACKING, unless=("None",))] = None


_NO: dict[Reason, tuple[int, int]] = {
    Reason.NOT_READABLE: (422, 402),
    Reason.MEDIA_TYPE: (415, 409),
    Reason.TOO_LARGE: (413, 300),
    Reason.INVALID: (422, 300),
    Reason.UNSUPPORTED: (422, 403),
    Reason.NO_KEY: (401, 10),
    Reason.BAD_KEY: (401, 10),
    Reason.SCOPE: (401, 10),
    Reason.SENDER: (422, 400),
    Reason.NETWORK: (401, 10),
    Reason.NO_SUCH_CALL: (404, 404),
    Reason.WRONG_METHOD: (405, 405),
    Reason.NOT_FOUND: (422, 701),
    Reason.CONFLICT: (422, 300),
    Reason.KEY_REUSED: (422, 300),
    Reason.KEY_RUNNING: (429, 429),
    Reason.TOO_FAST: (429, 429),
    Reason.UNAVAILABLE: (503, 100),
    Reason.MESSAGE_REFUSED: (422, 300),
    Reason.NOT_SENT: (503, 100),
    Reason.OUTCOME_UNKNOWN: (504, 504),
    Reason.INTERNAL: (500, 500),
}


# ---------------------------------------------------------------- calls


async def send(visit: Visit) -> Response:
    """Send one mail."""
    content, email = await parsed(lambda body: _read(body, visit), await json_bytes(visit.request))
    submission = await take(visit, content)
    return Answer(_yes(submission, email), 200, headers_of(submission))


async def send_batch(visit: Visit) -> Response:
    """Send up to 500 mails; each stands or falls alone."""
    read = await parsed(
        lambda body: [_item(raw, visit) for raw in read_list(body, most=_MOST_IN_A_BATCH)],
        await json_bytes(visit.request),
    )
    results = await take_each(visit, [item for item, _ in read])
    return Answer([
        _yes(result, email) if isinstance(result, Submission) and email is not None
        else _no_of_many(visit, result)
        for result, (_, email) in zip(results, read, strict=True)
    ])  # fmt: skip


class Postmark(Vendor):
    """See the module."""

    name = "postmark"
    title = "Postmark"
    page = "https://postmarkapp.com/developer"
    namespace = re.compile(r"/(email|messages/outbound|bounces)(/.*)?")
    theirs: ClassVar = {
        "from": "From", "to": "To", "cc": "Cc", "bcc": "Bcc", "reply_to": "ReplyTo",
        "subject": "Subject", "text": "TextBody", "html": "HtmlBody", "tags": "Tag",
        "metadata": "Metadata", "headers": "Headers", "attachments": "Attachments",
        "route": "MessageStream",
    }  # fmt: skip
    calls = (
        Call(method="POST", path="/email", does="Sends a mail.", needs=Scope.SEND, answer=send,
             takes=Email),
        Call(method="POST", path="/email/batch", does="Sends up to 500 mails.", needs=Scope.SEND,
             answer=send_batch, takes=Email),
        Call(method="POST", path="/email/withTemplate", does=_NO_TEMPLATES),
        Call(method="POST", path="/email/batchWithTemplates", does=_NO_TEMPLATES),
        Call(method="GET", path="/messages/outbound", does="Searches mails of the whole gateway.",
             needs=Scope.READ, answer=list_messages, asks=ASKED),
        Call(method="GET", path="/messages/outbound/{id}/details",
             does="Tells what became of a mail; its bodies to a key with the scope `content`.",
             needs=Scope.READ, answer=get_message),
        Call(method="GET", path="/bounces",
             does="Lists recipients who were refused for good, newest first.",
             needs=Scope.READ, answer=list_bounces,
             asks=("count", "offset", "messageID", "emailFilter", "type")),
        Call(method="GET", path="/bounces/{id}", does="Tells about one of them.",
             needs=Scope.READ, answer=get_bounce),
    )  # fmt: skip

    def secret_of(self, request: Request) -> str:
        """See `Vendor.secret_of`."""
        token = request.headers.get("x-postmark-server-token", "").strip()
        if not token:
            raise Refusal(Reason.NO_KEY)
        return token

    def no(self, refusal: Refusal, words: str) -> Response:
        """See `Vendor.no`."""
        return Answer(_problem(refusal, words), _NO[refusal.reason][0])


def _problem(refusal: Refusal, words: str) -> dict[str, object]:
    _, code = _NO[refusal.reason]
    if any(fault.pointer == "/MessageStream" for fault in refusal.faults):
        code = 1235
    return {"ErrorCode": code, "Message": words}


# ---------------------------------------------------------------- what was posted


def content_of(email: Email, visit: Visit) -> Content:
    """Return what a client says. Raises `Refusal` with everything that is wrong."""
    reader = Reader()
    tags, metadata = labels([email.tag] if email.tag else (), email.metadata or {})
    stream = email.message_stream
    content = Content(
        sender=reader.sender("/From", email.from_, visit.services.policy.default_from),
        to=reader.listed("/To", [email.to or ""]),
        cc=reader.listed("/Cc", [email.cc or ""]),
        bcc=reader.listed("/Bcc", [email.bcc or ""]),
        reply_to=reader.listed("/ReplyTo", [email.reply_to or ""]),
        subject=email.subject or "",
        text=email.text_body,
        html=email.html_body,
        headers=tuple((header.name, header.value) for header in email.headers or ()),
        tags=tags,
        metadata=metadata,
        attachments=tuple(
            file(
                it.name,
                reader.base64(f"/Attachments/{place}/Content", it.content),
                it.content_type,
                (it.content_id or "").removeprefix("cid:"),
            )
            for place, it in enumerate(email.attachments or ())
        ),
        route=None if stream in {None, "", "outbound"} else stream,
    )
    reader.finish()
    return content


def _read(body: bytes, visit: Visit) -> tuple[Content, Email]:
    email = read_document(Email, body)
    return content_of(email, visit), email


def _item(raw: msgspec.Raw, visit: Visit) -> tuple[Content | Refusal, Email | None]:
    try:
        return _read(bytes(raw), visit)
    except Refusal as refusal:
        return refusal, None


# ---------------------------------------------------------------- what is answered


def _yes(submission: Submission, email: Email) -> dict[str, object]:
    message = submission.record.message
    named = {"To": email.to, "Cc": email.cc, "Bcc": email.bcc}
    return {
        **{name: value for name, value in named.items() if value},
        "SubmittedAt": message.created_at,
        "MessageID": uuid_of(message.id),
        "ErrorCode": 0,
        "Message": "OK",
    }


def _no_of_many(visit: Visit, result: Submission | Refusal) -> dict[str, object]:
    assert isinstance(result, Refusal)  # noqa: S101 - what was taken has its email
    now = visit.services.clock.now()
    return {
        "To": "",
        "SubmittedAt": now,
        "MessageID": "",
        **_problem(result, visit.vendor.told(result)),
    }
