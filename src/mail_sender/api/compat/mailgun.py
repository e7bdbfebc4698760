"""Mailgun's Messages API v3 (https://documentation.mailgun.com/docs/mailgun/api-reference).

Neighbours: `door` serves it, `mailgun_mail` reads the form, `mailgun_events` has the look-ups. The
domain in the address may be any: who may send as whom is the key's affair. An id is a Message-ID
with ours in it.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response

from ...domain.message import Content, new_message_id
from ...mime.form import BadForm, Form, read_form
from ...store.port import Scope
from ..answers import Answer
from ..bodies import parsed
from .mailgun_events import ASKED, list_events, mailgun_id
from .mailgun_mail import Posted, PostedMime, content_of_mime, contents_of, read_posted
from .refusal import PLAIN_STATUS, Reason, Refusal
from .submitting import headers_of, take_all, why_not
from .vendor import Call, Vendor, Visit

_NO = {**PLAIN_STATUS, Reason.MEDIA_TYPE: 400}


async def send(visit: Visit) -> Response:
    """Send a mail; with `recipient-variables`, one to each recipient: all, or none."""
    form = await _form(visit)
    posted = read_posted(form, Posted)
    contents = contents_of(posted, form, visit.services.policy.default_from)
    return await _taken(visit, contents, is_test=posted.is_test)


async def send_mime(visit: Visit) -> Response:
    """Send a whole mail."""
    form = await _form(visit)
    posted = read_posted(form, PostedMime)
    return await _taken(visit, [content_of_mime(posted, form)], is_test=posted.is_test)


async def _form(visit: Visit) -> Form:
    media_type = visit.request.headers.get("content-type", "")
    try:
        return await parsed(lambda body: read_form(media_type, body), await visit.body())
    except BadForm as error:
        raise Refusal(Reason.NOT_READABLE, f"The body cannot be read: {error}") from None


async def _taken(visit: Visit, contents: list[Content], *, is_test: bool) -> Response:
    """Take the mails of a request; of a test only look at them."""
    domain = visit.parameters["domain"]
    for content in contents:
        found = why_not(visit, content)
        if found is not None:
            raise found
    if is_test:
        id_ = mailgun_id(new_message_id(visit.services.clock.now()), domain)
        return Answer({"id": id_, "message": "Queued. Thank you. (Test mode: nothing is sent.)"})
    first, *_ = await take_all(visit, contents)
    id_ = mailgun_id(first.record.message.id, domain)
    return Answer({"id": id_, "message": "Queued. Thank you."}, 200, headers_of(first))


class Mailgun(Vendor):
    """See the module."""

    name = "mailgun"
    title = "Mailgun"
    page = "https://documentation.mailgun.com/docs/mailgun/api-reference"
    namespace = re.compile(r"/v3/[^/]+\.[^/]+(/.*)?")
    theirs: ClassVar = {
        "reply_to": "h:Reply-To", "headers": "h:", "tags": "o:tag", "metadata": "v:",
        "attachments": "attachment", "send_at": "o:deliverytime",
    }  # fmt: skip
    calls = (
        Call(method="POST", path="/v3/{domain}/messages",
             does="Sends a mail; with `recipient-variables`, one to each recipient: all, or none.",
             needs=Scope.SEND, answer=send, takes=Posted),
        Call(method="POST", path="/v3/{domain}/messages.mime", does="Sends a whole mail.",
             needs=Scope.SEND, answer=send_mime, takes=PostedMime),
        Call(method="GET", path="/v3/{domain}/events",
             does="Tells what is known of each recipient of mails of the whole gateway.",
             needs=Scope.READ, answer=list_events, asks=ASKED),
    )  # fmt: skip

    def secret_of(self, request: Request) -> str:
        """See `Vendor.secret_of`: the password of user `api` (RFC 7617)."""
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        try:
            user, _, secret = b64decode(credentials.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user = secret = ""
        if scheme.lower() != "basic" or user != "api" or not secret:
            raise Refusal(Reason.NO_KEY)
        return secret

    def no(self, refusal: Refusal, words: str) -> Response:
        """See `Vendor.no`."""
        return Answer({"message": words}, _NO[refusal.reason])
