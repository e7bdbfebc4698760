"""Twilio SendGrid, Mail Send v3 (https://www.twilio.com/docs/sendgrid/api-reference/mail-send).

Neighbours: `json_provider` makes the calls. Quirks: the id of a mail stands in a header of an
empty 202; a mail needs somebody in To; suppressed recipients are accepted and dropped later. Our
id travels as a custom argument, by which the Email Activity API (a paid addition to an account)
can be asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import quote

from ..domain.message import Address, Attachment, Message
from ..domain.outcome import Outcome
from ..domain.secret import Secret
from .addressing import Addressed, named, plain
from .http import HTTP_URL, Answer, Request
from .json_provider import ListsById, Refusal, accepted_all
from .json_reading import Document, fields_of, rows_of, text_of
from .json_writing import base64_of, content_id_of, headers_of, without_empty
from .obstacles import first_of, kept_header, no_body, no_subject, no_to, repeated_header
from .port import Capabilities, Settling
from .sendgrid_webhook import SendGridWebhook
from .settings import CommonSettings, Doc, Tools
from .verdict import Verdict

_KEPT_HEADERS = frozenset({"x-sg-id", "x-sg-eid"})
_MAX_TAG = 255
_LONGEST_WAIT = timedelta(hours=1)

_CREDITS = re.compile(r"credits exceeded|limit exceeded", re.IGNORECASE)
_SENDER = re.compile(r"verified sender identity|from address does not match", re.IGNORECASE)
_LIMIT = re.compile(
    r"too (many|large|long)|exceed|at most|no more than|less than \d|maximum", re.IGNORECASE
)


class Settings(CommonSettings, frozen=True, kw_only=True):
    """The table of a provider with `kind = "sendgrid"`."""

    api_key: Annotated[Secret, Doc(description="With the permission Mail Send.")]
    base_url: Annotated[
        str,
        Doc(pattern=HTTP_URL, description="`https://api.eu.sendgrid.com` for subusers in the EU."),
    ] = "https://api.sendgrid.com"
    webhook_public_key: Annotated[
        str | None,
        Doc(
            description="The verification key of its signed Event Webhook, as SendGrid shows it; "
            "without it no event is taken."
        ),
    ] = None


def make_webhook(_name: str, settings: Settings, tools: Tools) -> SendGridWebhook | None:
    """Return what takes its events; None without the key that they are verified by."""
    key = settings.webhook_public_key
    return SendGridWebhook(key, tools.clock) if key is not None else None


def make(name: str, settings: Settings, tools: Tools) -> SendGrid:
    """Return the provider."""
    return SendGrid(name, settings, tools)


class SendGrid(ListsById):
    """See `port.Provider` and `port.LooksUp`."""

    kind = "sendgrid"
    title = "SendGrid"
    send_path = "/v3/mail/send"
    capabilities = Capabilities(
        max_recipients=1000,
        max_message_bytes=30 * 1024 * 1024,
        max_tags=10,
        metadata=True,
        custom_headers=True,
        attachments=True,
        inline_images=True,
        smtputf8=False,
        blind_alone=False,
        names_everybody=False,
        settles_by=(Settling.LOOK_UP, Settling.EVENT),
    )

    def __init__(self, name: str, settings: Settings, tools: Tools) -> None:
        key = settings.api_key.reveal()
        super().__init__(
            name,
            settings,
            tools,
            base_url=settings.base_url,
            secrets=(key,),
            headers={"Authorization": f"Bearer {key}"},
        )

    def _obstacle(self, message: Message) -> str | None:
        content = message.content
        return first_of(
            [
                no_to(content, self.title),
                no_subject(content, self.title),
                no_body(content, self.title),
                repeated_header(content, self.title),
                kept_header(content, self.title, _KEPT_HEADERS),
            ]
        )

    def _document(self, message: Message, who: Addressed) -> Document:
        content = message.content
        reply_to = named(tuple(plain(box) for box in content.reply_to))
        # Custom arguments come back beside an event's own fields, which win: so ours are marked.
        metadata = {f"m_{key}": value for key, value in content.metadata}
        person = {"to": named(who.to), "cc": named(who.cc), "bcc": named(who.bcc)}
        texts = (("text/plain", content.text), ("text/html", content.html))
        return without_empty(
            {
                "personalizations": [
                    without_empty(person) | {"custom_args": {"ms_id": str(message.id)} | metadata}
                ],
                "from": named((plain(content.sender),))[0],
                "reply_to": reply_to[0] if len(reply_to) == 1 else None,
                "reply_to_list": reply_to if len(reply_to) > 1 else None,
                "subject": content.subject,
                "content": [{"type": type_, "value": text} for type_, text in texts if text],
                "attachments": [_file(file) for file in content.attachments],
                "headers": headers_of(content),
                "categories": list(dict.fromkeys(tag[:_MAX_TAG] for tag in content.tags)),
            }
        )

    def _taken(
        self,
        answer: Answer,
        message: Message,  # noqa: ARG002 - the answer says it all
        to: frozenset[Address],
    ) -> Mapping[Address, Outcome] | None:
        return accepted_all(to, answer.headers.get("x-message-id"))

    def _refusal(self, answer: Answer) -> Refusal | None:
        errors = rows_of(fields_of(answer.json()).get("errors"))
        if not errors:
            return None
        words = "; ".join(
            ": ".join(filter(None, (text_of(e.get("field")), text_of(e.get("message")))))
            for e in errors
        )
        return Refusal(words=words, verdict=_verdict(answer.status, words), wait=self._wait(answer))

    def _wait(self, answer: Answer) -> timedelta | None:
        """Return the time until the rate limit is reset, which SendGrid names in Unix time."""
        reset = answer.headers.get("x-ratelimit-reset", "")
        if not reset.isdecimal() or len(reset) > 10:
            return None
        wait = datetime.fromtimestamp(int(reset), UTC) - self._clock.now()
        return wait if timedelta(0) < wait < _LONGEST_WAIT else None

    def _list_request(
        self,
        message: Message,
        to: Sequence[Address],  # noqa: ARG002 - it is asked by our id
        attempted_at: datetime,  # noqa: ARG002 - and keeps mails for 30 days
    ) -> Request:
        query = quote(f"unique_args['ms_id']=\"{message.id}\"", safe="")
        return self._get(f"/v3/messages?limit=100&query={query}")

    def _found_in(
        self,
        document: object,
        message: Message,  # noqa: ARG002 - only mails with its id were asked for
        to: frozenset[str],
    ) -> str | None:
        for row in rows_of(fields_of(document).get("messages")):
            # Events and lists add `.filter0425p1…` to the id that the call returned.
            message_id = text_of(row.get("msg_id")).partition(".")[0]
            if message_id and text_of(row.get("to_email")).lower() in to:
                return message_id
        return None


def _verdict(status: int, words: str) -> Verdict | None:
    match status:
        case 400:
            return Verdict.LIMIT if _LIMIT.search(words) else Verdict.MESSAGE
        case 401:
            return Verdict.QUOTA if _CREDITS.search(words) else Verdict.ACCOUNT
        case 403:
            return Verdict.SENDER if _SENDER.search(words) else Verdict.ACCOUNT
        case 404 | 405 | 406 | 415:
            return Verdict.ACCOUNT
        case 429:
            return Verdict.LATER
        case _:
            return None


def _file(file: Attachment) -> Document:
    content_id = content_id_of(file)
    return without_empty(
        {
            "filename": file.filename,
            "type": file.content_type,
            "disposition": file.disposition.value,
            "content_id": content_id,
        }
    ) | {"content": base64_of(file.content)}
