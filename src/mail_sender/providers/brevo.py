"""Brevo, transactional email API v3 (https://developers.brevo.com/reference/send-transac-email).

Neighbours: `json_provider` makes the calls. Quirks: the idempotency key stands among the headers
in the JSON and must be a UUID; a repeated call is refused as a duplicate, which means that the
first one was taken; there is no mail without HTML, no inline image, one Reply-To; the type of a
file is guessed from its name, and unknown names are refused. Metadata travels in the header
X-Mailin-custom, which recipients can see. Our id is a tag, too: events can be asked for by it.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from ..domain.message import Address, Content, Mailbox, Message
from ..domain.outcome import Outcome
from ..domain.secret import Secret
from ..mime.headers import encoded_words
from .addressing import Addressed, plain
from .brevo_webhook import BrevoWebhook
from .http import HTTP_URL, Answer, Request
from .json_provider import ListsById, Refusal, RepeatsByKey, accepted_all, idempotency_key
from .json_reading import Document, fields_of, rows_of, text_of
from .json_writing import base64_of, compact, headers_of, without_empty
from .obstacles import (
    first_of,
    inline_file,
    kept_header,
    no_body,
    no_subject,
    no_to,
    repeated_header,
    several_reply_to,
)
from .port import Capabilities, Evidence, Settling
from .settings import Doc, SettingsWithLogin, Tools
from .verdict import Verdict
from .webhook import by_login

_EXTENSIONS = frozenset(
    # "attachment" in the reference.
    """xlsx xls ods docx docm doc csv pdf txt gif jpg jpeg png tif tiff rtf bmp cgm css shtml html
    htm zip xml ppt pptx tar ez ics mobi msg pub eps odt mp3 m4a m4v wma ogg flac wav aif aifc
    aiff mp4 mov avi mkv mpeg mpg wmv pkpass xlsm""".split()  # noqa: SIM905 - see ses_mail
)
_KEPT_HEADERS = frozenset({"idempotencykey", "x-mailin-custom", "x-sib-sandbox", "sender.ip"})
_SPECIALS = re.compile(r'[()<>\[\]:;@\\,."]')  # RFC 5322 section 3.2.3

#: By code (the enumeration of the vendor's SDK); what is missing here the status decides.
_VERDICTS: Mapping[str, Verdict] = {
    "account_under_validation": Verdict.ACCOUNT,
    "document_not_found": Verdict.ACCOUNT,
    "duplicate_request": Verdict.UNKNOWN,
    "invalid_parameter": Verdict.MESSAGE,
    "method_not_allowed": Verdict.ACCOUNT,
    "missing_parameter": Verdict.MESSAGE,
    "not_acceptable": Verdict.ACCOUNT,
    "not_enough_credits": Verdict.QUOTA,
    "out_of_range": Verdict.LIMIT,
    "permission_denied": Verdict.ACCOUNT,
    "unauthorized": Verdict.ACCOUNT,
    "unprocessable_entity": Verdict.MESSAGE,
}
_DUPLICATE = "duplicate_parameter"
_SENDER = re.compile(r"\bsender\b.*\b(valid|verif|authori|exist|active)", re.IGNORECASE)
_LIMIT = re.compile(r"attachment|file (type|extension)|too (many|large|big)|size", re.IGNORECASE)


class Settings(SettingsWithLogin, frozen=True, kw_only=True):
    """The table of a provider with `kind = "brevo"`."""

    api_key: Annotated[Secret, Doc(description="A key of the API v3 (not of SMTP).")]
    base_url: Annotated[
        str, Doc(pattern=HTTP_URL, description="For private endpoints and tests.")
    ] = "https://api.brevo.com"


def make_webhook(_name: str, settings: Settings, tools: Tools) -> BrevoWebhook | None:
    """Return what takes its events; None without the password that they come with."""
    password = settings.webhook_password
    if password is None:
        return None
    return BrevoWebhook(by_login(settings.webhook_user, password), tools.clock)


def make(name: str, settings: Settings, tools: Tools) -> Brevo:
    """Return the provider."""
    return Brevo(name, settings, tools)


class Brevo(RepeatsByKey, ListsById):
    """See `port.Provider` and `port.LooksUp`."""

    kind = "brevo"
    title = "Brevo"
    send_path = "/v3/smtp/email"
    repeats_for = timedelta(minutes=10)  #: it says 15 in one place, 30 in another
    capabilities = Capabilities(
        max_recipients=99,
        max_message_bytes=20 * 1024 * 1024,
        max_tags=10,
        metadata=True,
        custom_headers=True,
        attachments=True,
        inline_images=False,
        smtputf8=False,
        blind_alone=False,
        names_everybody=False,
        settles_by=(Settling.IDEMPOTENCY_KEY, Settling.LOOK_UP, Settling.EVENT),
    )

    def __init__(self, name: str, settings: Settings, tools: Tools) -> None:
        key = settings.api_key.reveal()
        super().__init__(
            name,
            settings,
            tools,
            base_url=settings.base_url.rstrip("/").removesuffix("/v3"),
            secrets=(key,),
            headers={"api-key": key},
        )

    async def look_up(
        self, message: Message, *, to: Sequence[Address], attempted_at: datetime, now: datetime
    ) -> Evidence:
        """See `LooksUp.look_up`: by the key while that is good, by our tag after that."""
        way = RepeatsByKey if self._may_repeat(message, to, now - attempted_at, now) else ListsById
        return await way.look_up(self, message, to=to, attempted_at=attempted_at, now=now)

    def _obstacle(self, message: Message) -> str | None:
        content = message.content
        return first_of(
            [
                no_to(content, self.title),
                no_subject(content, self.title),
                no_body(content, self.title),
                several_reply_to(content, self.title),
                repeated_header(content, self.title),
                kept_header(content, self.title, _KEPT_HEADERS),
                inline_file(content, self.title),
                _unknown_file(content),
            ]
        )

    def _document(self, message: Message, who: Addressed) -> Document:
        content = message.content
        key = sha256(idempotency_key(message, who).encode()).digest()[:16]
        custom = {"ms_id": str(message.id)} | {
            key: value for key, value in content.metadata if key != "ms_id"
        }
        headers = headers_of(content) | {
            "idempotencyKey": str(UUID(bytes=key, version=4)),
            "X-Mailin-custom": compact(custom),
        }
        return without_empty(
            {
                "sender": _box(plain(content.sender)),
                "to": [_box(box) for box in who.to],
                "cc": [_box(box) for box in who.cc],
                "bcc": [_box(box) for box in who.bcc],
                "replyTo": _box(plain(content.reply_to[0])) if content.reply_to else None,
                "subject": content.subject,
                "htmlContent": content.html or _as_html(content.text or ""),
                "textContent": content.text,
                "attachment": [
                    {"name": file.filename, "content": base64_of(file.content)}
                    for file in content.attachments
                ],
                "headers": headers,
                "tags": [*content.tags, str(message.id)],
            }
        )

    def _taken(
        self,
        answer: Answer,
        message: Message,  # noqa: ARG002 - the answer says it all
        to: frozenset[Address],
    ) -> Mapping[Address, Outcome] | None:
        return accepted_all(to, fields_of(answer.json()).get("messageId"))

    def _had_it(self, answer: Answer) -> str | None:
        body = fields_of(answer.json())
        return text_of(body.get("message")) if body.get("code") == _DUPLICATE else None

    def _refusal(self, answer: Answer) -> Refusal | None:
        body = fields_of(answer.json())
        code = body.get("code")
        if not isinstance(code, str) or not code:
            return None
        words = text_of(body.get("message"))
        verdict = _VERDICTS.get(code)
        if answer.status == 429:
            verdict = Verdict.LATER
        elif verdict is Verdict.MESSAGE and _SENDER.search(words):
            verdict = Verdict.SENDER
        elif verdict is Verdict.MESSAGE and _LIMIT.search(words):
            verdict = Verdict.LIMIT
        reset = answer.headers.get("x-sib-ratelimit-reset", "")
        wait = timedelta(seconds=int(reset)) if re.fullmatch(r"\d{1,4}", reset) else None
        return Refusal(words=f"{code}: {words}", verdict=verdict, wait=wait)

    def _list_request(
        self,
        message: Message,
        to: Sequence[Address],  # noqa: ARG002 - it is asked by our id
        attempted_at: datetime,  # noqa: ARG002 - which is asked for a day only
    ) -> Request:
        tags = quote(json.dumps([message.id]), safe="")
        return self._get(f"/v3/smtp/statistics/events?limit=100&days=2&tags={tags}")

    def _found_in(
        self,
        document: object,
        message: Message,  # noqa: ARG002 - only events with its tag were asked for
        to: frozenset[str],
    ) -> str | None:
        for row in rows_of(fields_of(document).get("events")):
            message_id = text_of(row.get("messageId"))
            if message_id and text_of(row.get("email")).lower() in to:
                return message_id
        return None


def _unknown_file(content: Content) -> str | None:
    for file in content.attachments:
        _, dot, extension = file.filename.rpartition(".")
        if not dot or extension.lower() not in _EXTENSIONS:
            return f"Brevo takes no attachment named like {file.filename}"
    return None


def _box(box: Mailbox) -> dict[str, str]:
    name = box.name
    if not name.isascii() and _SPECIALS.search(name):
        # Letters beyond ASCII together with punctuation get lost, unless they are encoded.
        name = " ".join(encoded_words(name))
    return {"email": box.address, "name": name} if name else {"email": box.address}


def _as_html(text: str) -> str:
    """Return a text as HTML that looks like it: Brevo refuses a mail that has none."""
    return f'<div style="white-space: pre-wrap">{html.escape(text, quote=False)}</div>'
