"""Resend, Email API (https://resend.com/docs/api-reference/emails/send-email).

Neighbours: `json_provider` makes the calls. Quirks: it takes an idempotency key and remembers it
for a day, so an unknown outcome is settled by the same call again, which must be the same to
the byte; without a text it makes one from the HTML; tags take letters, digits, `_` and `-` only;
whoever does not say who calls (User-Agent) is turned away.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from msgspec import structs

from ..domain.message import Address, Attachment, Message
from ..domain.outcome import Outcome
from ..domain.secret import Secret
from .addressing import Addressed, addressed, joined, plain
from .http import HTTP_URL, Answer, Request
from .json_provider import Refusal, RepeatsByKey, accepted_all, idempotency_key
from .json_reading import Document, fields_of, text_of
from .json_writing import (
    base64_of,
    compact,
    content_id_of,
    headers_of,
    split_metadata,
    without_empty,
)
from .obstacles import first_of, no_body, no_subject, no_to, repeated_header
from .port import Capabilities, Settling
from .resend_webhook import ResendWebhook
from .settings import CommonSettings, Doc, Tools
from .verdict import Verdict

_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
_OUR_TAG = re.compile(r"ms_id|tag\d+")
_MAX_TAGS = 50  #: names and values; no limit is documented, and ours are 31 at most

#: By name (resend.com/docs/api-reference/errors); what is missing here the status decides.
_VERDICTS: Mapping[str, Verdict] = {
    "concurrent_idempotent_requests": Verdict.UNKNOWN,
    "daily_quota_exceeded": Verdict.QUOTA,
    "invalid_api_key": Verdict.ACCOUNT,
    "invalid_idempotency_key": Verdict.LIMIT,
    "method_not_allowed": Verdict.ACCOUNT,
    "missing_api_key": Verdict.ACCOUNT,
    "monthly_quota_exceeded": Verdict.QUOTA,
    "not_found": Verdict.ACCOUNT,
    "rate_limit_exceeded": Verdict.LATER,
    "restricted_api_key": Verdict.ACCOUNT,
    "security_error": Verdict.LIMIT,  # it suspects the mail; others judge for themselves
}
_SAME_KEY = "invalid_idempotent_request"


class Settings(CommonSettings, frozen=True, kw_only=True):
    """The table of a provider with `kind = "resend"`."""

    api_key: Annotated[Secret, Doc(description="One that may only send is enough.")]
    base_url: Annotated[
        str, Doc(pattern=HTTP_URL, description="For private endpoints and tests.")
    ] = "https://api.resend.com"
    webhook_secret: Annotated[
        Secret | None,
        Doc(description="The signing secret of its webhook, `whsec_…`; without it none is taken."),
    ] = None


def make_webhook(_name: str, settings: Settings, tools: Tools) -> ResendWebhook | None:
    """Return what takes its events; None without the secret that they are signed with."""
    secret = settings.webhook_secret
    return ResendWebhook(secret, tools.clock) if secret is not None else None


def make(name: str, settings: Settings, tools: Tools) -> Resend:
    """Return the provider."""
    return Resend(name, settings, tools)


class Resend(RepeatsByKey):
    """See `port.Provider` and `port.LooksUp`."""

    kind = "resend"
    title = "Resend"
    send_path = "/emails"
    repeats_for = timedelta(hours=23)
    capabilities = Capabilities(
        max_recipients=50,
        max_message_bytes=40 * 1024 * 1024,
        max_tags=10,
        metadata=True,
        custom_headers=True,
        attachments=True,
        inline_images=True,
        smtputf8=False,
        blind_alone=False,
        names_everybody=False,
        settles_by=(Settling.IDEMPOTENCY_KEY, Settling.EVENT),
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
            ]
        )

    def _send_request(self, message: Message, to: frozenset[Address]) -> Request:
        who = addressed(message.content, to, blind_alone=False)
        request = self._post(self.send_path, self._document(message, who))
        key = idempotency_key(message, who)
        return structs.replace(request, headers={**request.headers, "Idempotency-Key": key})

    def _document(self, message: Message, who: Addressed) -> Document:
        content = message.content
        kept, left_over = split_metadata(
            ((key, value) for key, value in content.metadata if not _OUR_TAG.fullmatch(key)),
            ours=[
                ("ms_id", str(message.id)),
                *((f"tag{number}", tag) for number, tag in enumerate(content.tags, start=1)),
            ],
            room=_MAX_TAGS,
            fits=lambda key, value: bool(_TAG.fullmatch(key) and _TAG.fullmatch(value)),
        )
        left_over |= {key: value for key, value in content.metadata if _OUR_TAG.fullmatch(key)}
        headers = headers_of(content) | ({"X-Metadata": compact(left_over)} if left_over else {})
        return without_empty(
            {
                "from": joined((plain(content.sender),)),
                "to": [joined((box,)) for box in who.to],
                "cc": [joined((box,)) for box in who.cc],
                "bcc": [joined((box,)) for box in who.bcc],
                "reply_to": [joined((plain(box),)) for box in content.reply_to],
                "subject": content.subject,
                "html": content.html,
                "headers": headers,
                "tags": [{"name": name, "value": value} for name, value in kept.items()],
                "attachments": [_file(file) for file in content.attachments],
            }
        ) | {"text": content.text or ""}

    def _taken(
        self,
        answer: Answer,
        message: Message,  # noqa: ARG002 - the answer says it all
        to: frozenset[Address],
    ) -> Mapping[Address, Outcome] | None:
        return accepted_all(to, fields_of(answer.json()).get("id"))

    def _had_it(self, answer: Answer) -> str | None:
        body = fields_of(answer.json())
        return text_of(body.get("message")) if body.get("name") == _SAME_KEY else None

    def _refusal(self, answer: Answer) -> Refusal | None:
        body = fields_of(answer.json())
        name = body.get("name")
        if not isinstance(name, str) or not name:
            return None
        words = f"{name}: {text_of(body.get('message'))}"
        if name == "validation_error" and answer.status == 403:
            # The domain is not verified, or only the account's own address may be mailed yet.
            return Refusal(words=words, verdict=Verdict.SENDER)
        return Refusal(words=words, verdict=_VERDICTS.get(name))


def _file(file: Attachment) -> Document:
    content_id = content_id_of(file)
    return without_empty(
        {
            "filename": file.filename,
            "content_type": file.content_type,
            "content_id": content_id,
        }
    ) | {"content": base64_of(file.content)}
