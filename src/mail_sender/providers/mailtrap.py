"""Mailtrap, Email Sending API (https://docs.mailtrap.io/developers/email-sending).

Neighbours: `json_provider` makes the calls. Quirks: refusals are plain texts without codes; each
recipient gets an id of its own, in the order To, Cc, Bcc; there is one tag (a category), and
metadata is small. Its log, at another host, can be asked by recipient, and repeats our id.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from ..domain.message import Address, Attachment, Message
from ..domain.outcome import Outcome
from ..domain.secret import Secret
from .addressing import Addressed, addressed, named, plain
from .ascii_headers import ascii_mailbox
from .http import HTTP_URL, Answer, Request
from .json_provider import ListsById, Refusal, accepted_each, in_lower
from .json_reading import Document, fields_of, rows_of, text_of, texts_of
from .json_writing import (
    base64_of,
    compact,
    content_id_of,
    further_tags,
    headers_of,
    split_metadata,
    without_empty,
)
from .mailtrap_webhook import SIGNATURE, MailtrapWebhook
from .obstacles import first_of, no_body, no_subject, repeated_header
from .port import Capabilities, Settling
from .settings import CommonSettings, Doc, Tools
from .verdict import Verdict
from .webhook import by_digest

_MAX_TAG = 255
_MAX_VARIABLES_BYTES = 1000
_RATE_WINDOW = timedelta(seconds=10)  #: 150 requests in it
_EARLIER = timedelta(minutes=5)  #: their clock may be behind ours

_LIMIT = re.compile(r"too (many|large|long|big)|exceed|size|maximum", re.IGNORECASE)
_SENDER = re.compile(r"'?from'?.*domain|sending domain|domain.*(verif|allow|demo)", re.IGNORECASE)


class Settings(CommonSettings, frozen=True, kw_only=True):
    """The table of a provider with `kind = "mailtrap"`."""

    api_token: Annotated[Secret, Doc(description="Of the sending domain, or of the sandbox.")]
    sandbox_id: (
        Annotated[
            int, Doc(gt=0, description="Of a sandbox, with `https://sandbox.api.mailtrap.io`.")
        ]
        | None
    ) = None
    base_url: Annotated[
        str,
        Doc(pattern=HTTP_URL, description="`https://bulk.api.mailtrap.io` for the bulk stream."),
    ] = "https://send.api.mailtrap.io"
    logs_url: Annotated[
        str, Doc(pattern=HTTP_URL, description="Where it is asked about unknown outcomes.")
    ] = "https://mailtrap.io"
    webhook_secret: Annotated[
        Secret | None,
        Doc(description="The signing secret of its webhook; without it no event is taken."),
    ] = None


def make_webhook(_name: str, settings: Settings, tools: Tools) -> MailtrapWebhook | None:
    """Return what takes its events; None without the secret that they are signed with."""
    secret = settings.webhook_secret
    if secret is None:
        return None
    return MailtrapWebhook(by_digest(SIGNATURE, secret), tools.clock)


def make(name: str, settings: Settings, tools: Tools) -> Mailtrap:
    """Return the provider."""
    return Mailtrap(name, settings, tools)


class Mailtrap(ListsById):
    """See `port.Provider` and `port.LooksUp`."""

    kind = "mailtrap"
    title = "Mailtrap"
    send_path = "/api/send"
    capabilities = Capabilities(
        max_recipients=1000,
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
        token = settings.api_token.reveal()
        super().__init__(
            name,
            settings,
            tools,
            base_url=settings.base_url,
            secrets=(token,),
            headers={"Authorization": f"Bearer {token}"},
        )
        self._logs = settings.logs_url.rstrip("/")
        if settings.sandbox_id is not None:
            self.send_path = f"/api/send/{settings.sandbox_id}"

    def _obstacle(self, message: Message) -> str | None:
        content = message.content
        return first_of(
            [
                no_subject(content, self.title),
                no_body(content, self.title),
                repeated_header(content, self.title),
            ]
        )

    def _document(self, message: Message, who: Addressed) -> Document:
        content = message.content
        tags = content.tags
        kept, left_over = split_metadata(
            content.metadata,
            ours=[("ms_id", str(message.id)), *further_tags(tags)],
            room=100,
            fits=_Room(_MAX_VARIABLES_BYTES - len(f'{{"ms_id":"{message.id}"}}')).takes,
        )
        headers = headers_of(content)
        if left_over:
            headers["X-Metadata"] = compact(left_over)
        if len(content.reply_to) > 1:
            headers["Reply-To"] = ", ".join(ascii_mailbox(box) for box in content.reply_to)
        reply_to = content.reply_to[0] if len(content.reply_to) == 1 else None
        return without_empty(
            {
                "from": named((plain(content.sender),))[0],
                "to": named(who.to),
                "cc": named(who.cc),
                "bcc": named(who.bcc),
                "reply_to": named((plain(reply_to),))[0] if reply_to else None,
                "subject": content.subject,
                "text": content.text,
                "html": content.html,
                "attachments": [_file(file) for file in content.attachments],
                "headers": headers,
                "category": tags[0][:_MAX_TAG] if tags else None,
                "custom_variables": kept,
            }
        )

    def _taken(
        self, answer: Answer, message: Message, to: frozenset[Address]
    ) -> Mapping[Address, Outcome] | None:
        ids = texts_of(fields_of(answer.json()).get("message_ids"))
        who = addressed(message.content, to, blind_alone=True).all
        return accepted_each(to, dict(zip((box.address.lower() for box in who), ids, strict=False)))

    def _refusal(self, answer: Answer) -> Refusal | None:
        body = fields_of(answer.json())
        said = texts_of(body.get("errors")) or texts_of(body.get("error"))
        if not said:
            return None
        words = "; ".join(said)
        return Refusal(
            words=words,
            verdict=_verdict(answer.status, words),
            wait=_RATE_WINDOW if answer.status == 429 else None,
        )

    def _list_request(
        self,
        message: Message,  # noqa: ARG002 - it is no filter: it stands in the answer
        to: Sequence[Address],
        attempted_at: datetime,
    ) -> Request:
        since = (attempted_at - _EARLIER).astimezone(UTC)
        query = {
            "filters[sent_after]": f"{since:%Y-%m-%dT%H:%M:%SZ}",
            "filters[to][operator]": "ci_equal",
            "filters[to][value]": in_lower(to[0]) if to else "",
        }
        url = f"{self._logs}/api/email_logs?{urlencode(query)}"
        return Request(method="GET", url=url, headers=self._headers)

    def _found_in(self, document: object, message: Message, to: frozenset[str]) -> str | None:
        for row in rows_of(fields_of(document).get("messages")):
            is_ours = fields_of(row.get("custom_variables")).get("ms_id") == message.id
            address = text_of(row.get("to")).lower()
            if is_ours and (not address or address in to) and text_of(row.get("message_id")):
                return text_of(row.get("message_id"))
        return None


class _Room:
    """What is left of the room for custom variables, which are counted as JSON."""

    def __init__(self, octets: int) -> None:
        self._left = octets

    def takes(self, key: str, value: str) -> bool:
        """Return whether a pair fits, and count it if it does."""
        octets = len(json.dumps({key: value}, ensure_ascii=False).encode())
        fits = octets <= self._left
        if fits:
            self._left -= octets
        return fits


def _verdict(status: int, words: str) -> Verdict | None:
    match status:
        case 200:
            return Verdict.MESSAGE  # success: false
        case 400 | 422:
            if _SENDER.search(words):
                return Verdict.SENDER
            return Verdict.LIMIT if _LIMIT.search(words) else Verdict.MESSAGE
        case 401:
            return Verdict.ACCOUNT
        case 403:
            return Verdict.SENDER if _SENDER.search(words) else Verdict.ACCOUNT
        case 429:
            return Verdict.LATER
        case _:
            return None


def _file(file: Attachment) -> Document:
    content_id = content_id_of(file)
    return without_empty(
        {
            "filename": file.filename or "attachment",
            "type": file.content_type,
            "disposition": file.disposition.value,
            "content_id": content_id,
        }
    ) | {"content": base64_of(file.content)}
