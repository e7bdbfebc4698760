"""Twilio SendGrid's Mail Send v3 (https://www.twilio.com/docs/sendgrid/api-reference).

Neighbours: `door` serves it, `sendgrid_mail` has the document. One request may be many mails, one
for each personalization: all of them are taken, in one commit, or none. An X-Message-Id is our id
in 22 characters, that of the first mail where there are several; Email Activity takes it.
"""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response

from ...domain.errors import Fault
from ...domain.message import Content, MessageId
from ...domain.status import RecipientStatus
from ...store.port import Query, Recipient, Record, Scope
from ..answers import Answer
from ..bodies import json_bytes, parsed
from .ids import id_of, number_of
from .reading import read_document
from .refusal import PLAIN_STATUS, Reason, Refusal
from .sendgrid_mail import Mail, contents_of
from .standing import record_of
from .submitting import headers_of, take_all, why_not
from .vendor import Call, Vendor, Visit, bearer, field_of

_OF_PERSONALIZATION = {"to", "cc", "bcc"}
_ASKED = re.compile(
    r"\s*(msg_id|to_email|from_email|subject)\s*=\s*\"([^\"]*)\"\s*(?:AND|$)", re.IGNORECASE
)
_MOST_ROWS = 1000


# ---------------------------------------------------------------- calls


async def send(visit: Visit) -> Response:
    """Send a mail to each personalization; in sandbox mode only look at them."""
    mail, contents = await parsed(lambda body: _read(body, visit), await json_bytes(visit.request))
    for place, content in enumerate(contents):
        found = why_not(visit, content)
        if found is not None:
            faults = [Fault(_pointer(fault.pointer, place), fault.detail) for fault in found.faults]
            raise Refusal(found.reason, found.words, faults=faults, headers=found.headers)
    if mail.is_only_looked_at:
        return Response(status_code=200)
    first, *_ = await take_all(visit, contents)
    named = {"X-Message-Id": _short(first.record.message.id)}
    return Response(status_code=202, headers={**named, **headers_of(first)})


async def get(visit: Visit) -> Response:
    """Tell what became of one mail."""
    id_ = _long(visit.parameters["id"])
    if id_ is None:
        raise Refusal(Reason.NOT_FOUND)
    record = await record_of(visit, id_)
    row = next(_rows(record))
    events = [
        {
            "event_name": _status(recipient),
            "processed": recipient.updated_at,
            "reason": recipient.detail,
            "mx_server": "",
        }
        for recipient in record.recipients
    ]
    return Answer({**row, "template_id": "", "asm_group_id": 0, "events": events})


async def search(visit: Visit) -> Response:
    """Search mails: a row for each recipient, newest first."""
    asked = _query(visit.request.query_params.get("query", ""))
    limit = visit.request.query_params.get("limit", "10")
    if not limit.isdecimal() or not 1 <= int(limit[:5]) <= _MOST_ROWS:
        raise Refusal(Reason.INVALID, faults=[Fault("/limit", f"1 to {_MOST_ROWS}")])
    ids: frozenset[MessageId] = frozenset()
    if "msg_id" in asked:
        id_ = _long(asked["msg_id"])
        if id_ is None:
            return Answer({"messages": []})
        ids = frozenset([id_])
    page = await visit.services.store.find(
        Query(
            ids=ids,
            recipient=asked.get("to_email"),
            sender=asked.get("from_email"),
            subject=asked.get("subject"),
            limit=min(int(limit), 200),
        )
    )
    rows = [row for record in page.rows for row in _rows(record)]
    wanted = asked.get("to_email")
    found = [row for row in rows if wanted is None or row["to_email"] == wanted]
    return Answer({"messages": found[: int(limit)]})


class SendGrid(Vendor):
    """See the module."""

    name = "sendgrid"
    title = "SendGrid"
    page = "https://www.twilio.com/docs/sendgrid/api-reference"
    namespace = re.compile(r"/v3/(mail|messages)(/.*)?")
    theirs: ClassVar = {
        "text": "content", "html": "content", "tags": "categories", "metadata": "custom_args",
    }  # fmt: skip
    calls = (
        Call(method="POST", path="/v3/mail/send",
             does="Sends a mail to each personalization: all, or none.", needs=Scope.SEND,
             answer=send, takes=Mail),
        Call(method="POST", path="/v3/mail/batch",
             does="Refused: this gateway has no batches; withdraw scheduled mail by its id."),
        Call(method="GET", path="/v3/messages",
             does="Searches mails of the whole gateway, by msg_id, to_email, from_email, subject.",
             needs=Scope.READ, answer=search, asks=("query", "limit")),
        Call(method="GET", path="/v3/messages/{id}", does="Tells what became of a mail.",
             needs=Scope.READ, answer=get),
    )  # fmt: skip

    def secret_of(self, request: Request) -> str:
        """See `Vendor.secret_of`."""
        return bearer(request)

    def no(self, refusal: Refusal, words: str) -> Response:
        """See `Vendor.no`: an error for each fault."""
        found = [
            (fault.detail, field_of(fault.pointer, index=".{}") or None)
            for fault in refusal.faults[:_MOST_ERRORS]
        ]
        errors = [
            {"message": message, "field": field, "help": None}
            for message, field in found or [(words, None)]
        ]
        return Answer({"errors": errors}, PLAIN_STATUS[refusal.reason])


_MOST_ERRORS = 20


# ---------------------------------------------------------------- inside


def _read(body: bytes, visit: Visit) -> tuple[Mail, Sequence[Content]]:
    mail = read_document(Mail, body)
    return mail, contents_of(mail, visit.services.policy.default_from)


def _pointer(pointer: str, place: int) -> str:
    first = pointer.split("/")[1] if pointer else ""
    return f"/personalizations/{place}{pointer}" if first in _OF_PERSONALIZATION else pointer


def _short(id_: MessageId) -> str:
    return urlsafe_b64encode(number_of(id_).to_bytes(16)).decode().rstrip("=")


def _long(text: str) -> MessageId | None:
    """Read an X-Message-Id, or a `sg_message_id`, which has more behind a dot."""
    try:
        number = urlsafe_b64decode(text.partition(".")[0].encode() + b"==")
    except (binascii.Error, ValueError):
        return None
    return id_of(int.from_bytes(number)) if len(number) == 16 else None


def _query(text: str) -> dict[str, str]:
    asked: dict[str, str] = {}
    place = 0
    while place < len(text):
        found = _ASKED.match(text, place)
        if found is None:
            words = 'expected msg_id, to_email, from_email or subject, as in to_email="a@b.example"'
            raise Refusal(Reason.UNSUPPORTED, faults=[Fault("/query", words)])
        asked[found[1].lower()] = found[2]
        place = found.end()
    return asked


def _rows(record: Record) -> Iterator[dict[str, object]]:
    for recipient in record.recipients:
        yield {
            "from_email": record.message.content.sender.address,
            "msg_id": _short(record.message.id),
            "subject": record.message.content.subject,
            "to_email": recipient.address,
            "status": _status(recipient),
            "opens_count": 0,
            "clicks_count": 0,
            "last_event_time": recipient.updated_at,
        }


def _status(recipient: Recipient) -> str:
    match recipient.status:
        case RecipientStatus.DELIVERED | RecipientStatus.COMPLAINED:
            return "delivered"
        case (
            RecipientStatus.BOUNCED
            | RecipientStatus.FAILED
            | RecipientStatus.EXPIRED
            | RecipientStatus.CANCELLED
            | RecipientStatus.SUPPRESSED
        ):
            return "not_delivered"
        case _:
            return "processed"
