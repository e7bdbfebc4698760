"""Postmark, Email API (https://postmarkapp.com/developer/api/email-api).

Neighbours: `json_provider` makes the calls. Quirks: its error codes are numbers that look like
HTTP statuses and are none; a recipient that it suppresses is named only in the words of a 200,
or refuses the call when it is the only one; there is one tag, and metadata is small. Mails can
be asked for by metadata, where our id stands as `ms_id`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from ..domain.message import Address, Attachment, Message
from ..domain.outcome import Accepted, Blame, Diagnostic, Outcome, Refused
from ..domain.secret import Secret
from .addressing import Addressed, joined, plain
from .ascii_headers import ascii_value
from .http import HTTP_URL, Answer, Request
from .json_provider import ListsById, Refusal, in_lower
from .json_reading import Document, fields_of, rows_of, text_of, texts_of
from .json_writing import (
    base64_of,
    compact,
    content_id_of,
    further_tags,
    split_metadata,
    without_empty,
)
from .obstacles import first_of, no_body
from .port import Capabilities, Settling
from .postmark_webhook import PostmarkWebhook
from .settings import Doc, SettingsWithLogin, Tools
from .verdict import Verdict
from .webhook import by_login

_MAX_BODY_BYTES = 5 * 1024 * 1024
_MAX_TAG = 1000
_MAX_METADATA, _MAX_KEY, _MAX_VALUE = 10, 20, 80

#: By ErrorCode (postmarkapp.com/developer/api/overview, "API error codes").
_VERDICTS: Mapping[int, Verdict] = {
    10: Verdict.ACCOUNT,  # bad or missing server token
    100: Verdict.LATER,  # maintenance
    300: Verdict.MESSAGE,  # invalid email request
    400: Verdict.SENDER,  # sender signature not found
    401: Verdict.SENDER,  # sender signature not confirmed
    402: Verdict.MESSAGE,  # invalid JSON
    403: Verdict.MESSAGE,  # invalid request field
    405: Verdict.QUOTA,  # out of credits
    406: Verdict.RECIPIENT,  # inactive: bounced or complained before
    411: Verdict.LIMIT,  # forbidden attachment type
    412: Verdict.ACCOUNT,  # approval pending: only to the own domain
    413: Verdict.ACCOUNT,  # the account may not send
    1235: Verdict.ACCOUNT,  # no such message stream
    1236: Verdict.ACCOUNT,  # the stream is not for sending
}
_TOO_MUCH = re.compile(r"too (many|large|big|long)|exceed|maximum", re.IGNORECASE)
_INACTIVE = re.compile(r"will not deliver to these (?:\w+ )?addresses: ([^\s,]+(?:, [^\s,]+)*)")


class Settings(SettingsWithLogin, frozen=True, kw_only=True):
    """The table of a provider with `kind = "postmark"`."""

    server_token: Annotated[Secret, Doc(description="Of the server (not of the account).")]
    message_stream: Annotated[
        str,
        Doc(pattern="^[A-Za-z0-9_-]+$", description="Stream of the server that mails go through."),
    ] = "outbound"
    base_url: Annotated[
        str, Doc(pattern=HTTP_URL, description="For private endpoints and tests.")
    ] = "https://api.postmarkapp.com"


def make_webhook(_name: str, settings: Settings, tools: Tools) -> PostmarkWebhook | None:
    """Return what takes its events; None without the password that they come with."""
    password = settings.webhook_password
    if password is None:
        return None
    return PostmarkWebhook(by_login(settings.webhook_user, password), tools.clock)


def make(name: str, settings: Settings, tools: Tools) -> Postmark:
    """Return the provider."""
    return Postmark(name, settings, tools)


class Postmark(ListsById):
    """See `port.Provider` and `port.LooksUp`."""

    kind = "postmark"
    title = "Postmark"
    send_path = "/email"
    capabilities = Capabilities(
        max_recipients=50,
        max_message_bytes=10 * 1024 * 1024,
        max_tags=1,
        metadata=True,
        custom_headers=True,
        attachments=True,
        inline_images=True,
        smtputf8=False,
        blind_alone=True,
        names_everybody=False,
        settles_by=(Settling.LOOK_UP, Settling.EVENT),
    )

    def __init__(self, name: str, settings: Settings, tools: Tools) -> None:
        token = settings.server_token.reveal()
        super().__init__(
            name,
            settings,
            tools,
            base_url=settings.base_url,
            secrets=(token,),
            headers={"X-Postmark-Server-Token": token},
        )
        self._stream = settings.message_stream

    def _obstacle(self, message: Message) -> str | None:
        content = message.content
        bodies = (content.text, content.html)
        large = any(body and len(body.encode()) > _MAX_BODY_BYTES for body in bodies)
        return first_of(
            [
                no_body(content, self.title),
                "Postmark takes texts of 5 MB at most" if large else None,
            ]
        )

    def _document(self, message: Message, who: Addressed) -> Document:
        content = message.content
        tags = content.tags
        kept, left_over = split_metadata(
            content.metadata,
            ours=[("ms_id", str(message.id)), *further_tags(tags)],
            room=_MAX_METADATA,
            fits=lambda key, value: len(key) <= _MAX_KEY and len(value) <= _MAX_VALUE,
        )
        headers = [{"Name": name, "Value": ascii_value(value)} for name, value in content.headers]
        if left_over:
            headers.append({"Name": "X-Metadata", "Value": compact(left_over)})
        return without_empty(
            {
                "From": joined((plain(content.sender),)),
                "To": joined(who.to),
                "Cc": joined(who.cc),
                "Bcc": joined(who.bcc),
                "ReplyTo": joined(tuple(plain(box) for box in content.reply_to)),
                "Subject": content.subject,
                "TextBody": content.text,
                "HtmlBody": content.html,
                "Tag": tags[0][:_MAX_TAG] if tags else None,
                "Metadata": kept,
                "Headers": headers,
                "Attachments": [_file(file) for file in content.attachments],
                "MessageStream": self._stream,
            }
        )

    def _taken(
        self,
        answer: Answer,
        message: Message,  # noqa: ARG002 - the answer says it all
        to: frozenset[Address],
    ) -> Mapping[Address, Outcome] | None:
        body = fields_of(answer.json())
        message_id = body.get("MessageID")
        if not isinstance(message_id, str) or not message_id or body.get("ErrorCode", 0) != 0:
            return None
        outcomes: dict[Address, Outcome] = dict.fromkeys(
            to, Accepted(provider_message_id=message_id)
        )
        said = text_of(body.get("Message"))
        inactive = _INACTIVE.search(said)
        if inactive is not None:
            refused = {in_lower(Address(told.strip(". "))) for told in inactive[1].split(",")}
            no = Refused(blame=Blame.RECIPIENT, diagnostic=Diagnostic(text=said, code=406))
            outcomes |= {address: no for address in to if in_lower(address) in refused}
        return outcomes

    def _refusal(self, answer: Answer) -> Refusal | None:
        body = fields_of(answer.json())
        code = body.get("ErrorCode")
        if not isinstance(code, int) or code == 0:
            return None
        words = text_of(body.get("Message"))
        verdict = _VERDICTS.get(code)
        if verdict is Verdict.MESSAGE and _TOO_MUCH.search(words):
            verdict = Verdict.LIMIT
        return Refusal(words=f"{code}: {words}", verdict=verdict)

    def _list_request(
        self,
        message: Message,
        to: Sequence[Address],  # noqa: ARG002 - it is asked by our id
        attempted_at: datetime,  # noqa: ARG002 - and keeps mails for 45 days
    ) -> Request:
        stream = quote(self._stream, safe="")
        query = f"count=50&offset=0&metadata_ms_id={message.id}&messagestream={stream}"
        return self._get(f"/messages/outbound?{query}")

    def _found_in(self, document: object, message: Message, to: frozenset[str]) -> str | None:
        for row in rows_of(fields_of(document).get("Messages")):
            recipients = {text.lower() for text in texts_of(row.get("Recipients"))}
            is_ours = fields_of(row.get("Metadata")).get("ms_id") == message.id
            if is_ours and not recipients.isdisjoint(to) and text_of(row.get("MessageID")):
                return text_of(row.get("MessageID"))
        return None


def _file(file: Attachment) -> Document:
    content_id = content_id_of(file)
    return without_empty(
        {
            "Name": file.filename,
            "ContentType": file.content_type,
            "ContentID": f"cid:{content_id}" if content_id else None,
        }
    ) | {"Content": base64_of(file.content)}
