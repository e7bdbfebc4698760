"""Scaleway Transactional Email (https://www.scaleway.com/en/developers/api/transactional-email/).

Neighbours: `json_provider` makes the calls. Quirks: it is the smallest of all (2 MB, ten
recipients, ten files, nothing inline, subject and texts of ten characters at least); each
recipient gets an id of its own; tags and metadata have no field and travel in headers, which
recipients can see. It cannot be asked for our id: only its events repeat the header X-MS-ID.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from ..domain.message import Address, Content, Message
from ..domain.outcome import Outcome
from ..domain.secret import Secret
from .addressing import Addressed, named, plain
from .ascii_headers import ascii_mailbox, ascii_value
from .http import HTTP_URL, Answer
from .json_provider import JsonProvider, Refusal, accepted_each
from .json_reading import Document, fields_of, rows_of, text_of
from .json_writing import base64_of, compact, without_empty
from .obstacles import first_of, inline_file, no_body, no_to
from .port import Capabilities, Settling
from .scaleway_webhook import TOPIC_ARN, ScalewayWebhook, scaleways
from .settings import CommonSettings, Doc, Tools
from .sns import SnsSubscription
from .verdict import Verdict

_MAX_FILES = 10
_LEAST_CHARS = 10
_LONGEST_WAIT = 86_400  #: seconds

#: By type (npm @scaleway/sdk-client, scw/errors); of what is missing the status decides.
_VERDICTS: Mapping[str, Verdict] = {
    "denied_authentication": Verdict.ACCOUNT,
    "expired": Verdict.ACCOUNT,
    "invalid_arguments": Verdict.MESSAGE,
    "locked": Verdict.LATER,
    "not_found": Verdict.ACCOUNT,
    "out_of_stock": Verdict.LATER,
    "permissions_denied": Verdict.ACCOUNT,
    "precondition_failed": Verdict.SENDER,
    "quotas_exceeded": Verdict.QUOTA,
    "too_many_requests": Verdict.LATER,
    "transient_state": Verdict.LATER,
}
_LIMIT = re.compile(
    r"attachment|too (many|short|long|large|big)|at (least|most)|length|size|maximum|exceed",
    re.IGNORECASE,
)


class Settings(CommonSettings, frozen=True, kw_only=True):
    """The table of a provider with `kind = "scaleway"`."""

    project_id: Annotated[
        str, Doc(pattern="^[0-9a-fA-F-]{36}$", description="The project that the domain is in.")
    ]
    secret_key: Annotated[
        Secret, Doc(description="Of an IAM API key that may send transactional emails.")
    ]
    base_url: Annotated[
        str, Doc(pattern=HTTP_URL, description="For private endpoints and tests.")
    ] = "https://api.scaleway.com"
    topic_arns: Annotated[
        tuple[Annotated[str, Doc(pattern=f"^{TOPIC_ARN}$")], ...],
        Doc(description="Topics that tell its events; calls for others are refused."),
    ] = ()
    webhook_trust_chain: Annotated[
        Secret | None,
        Doc(
            description="The certificates that its topics are signed under, PEM, as Scaleway "
            "publishes them; without both no event is taken."
        ),
    ] = None


def make_webhook(_name: str, settings: Settings, tools: Tools) -> ScalewayWebhook | None:
    """Return what takes its events; None without topics and what they are verified by."""
    chain = settings.webhook_trust_chain
    if chain is None or not settings.topic_arns:
        return None
    topics = scaleways(settings.topic_arns, chain.reveal())
    return ScalewayWebhook(SnsSubscription(topics, http=tools.http, clock=tools.clock))


def make(name: str, settings: Settings, tools: Tools) -> Scaleway:
    """Return the provider."""
    return Scaleway(name, settings, tools)


class Scaleway(JsonProvider):
    """See `port.Provider`."""

    kind = "scaleway"
    title = "Scaleway"
    send_path = "/transactional-email/v1alpha1/regions/fr-par/emails"  #: there is no other region
    capabilities = Capabilities(
        max_recipients=10,
        max_message_bytes=2 * 1024 * 1024,
        max_tags=0,
        metadata=True,
        custom_headers=True,
        attachments=True,
        inline_images=False,
        smtputf8=False,
        blind_alone=False,
        names_everybody=False,
        settles_by=(Settling.EVENT,),
    )

    def __init__(self, name: str, settings: Settings, tools: Tools) -> None:
        key = settings.secret_key.reveal()
        super().__init__(
            name,
            settings,
            tools,
            base_url=settings.base_url,
            secrets=(key,),
            headers={"X-Auth-Token": key},
        )
        self._project_id = settings.project_id

    def _obstacle(self, message: Message) -> str | None:
        content = message.content
        return first_of(
            [
                no_to(content, self.title),
                no_body(content, self.title),
                inline_file(content, self.title),
                _too_short(content),
                "Scaleway takes 10 files at most"
                if len(content.attachments) > _MAX_FILES
                else None,
            ]
        )

    def _empty_mail(self) -> Document:
        return {"project_id": self._project_id}

    def _document(self, message: Message, who: Addressed) -> Document:
        content = message.content
        headers = [(name, ascii_value(value)) for name, value in content.headers]
        if content.reply_to:
            headers.append(("Reply-To", ", ".join(ascii_mailbox(box) for box in content.reply_to)))
        headers.append(("X-MS-ID", str(message.id)))
        if content.tags:
            headers.append(("X-Tags", ",".join(content.tags)))
        if content.metadata:
            headers.append(("X-Metadata", compact(dict(content.metadata))))
        return without_empty(
            {
                "project_id": self._project_id,
                "from": named((plain(content.sender),))[0],
                "to": named(who.to),
                "cc": named(who.cc),
                "bcc": named(who.bcc),
                "subject": content.subject,
                "text": content.text,
                "html": content.html,
                "attachments": [
                    {
                        "name": file.filename,
                        "type": file.content_type,
                        "content": base64_of(file.content),
                    }
                    for file in content.attachments
                ],
                "additional_headers": [{"key": name, "value": value} for name, value in headers],
            }
        )

    def _taken(
        self,
        answer: Answer,
        message: Message,  # noqa: ARG002 - the answer says it all
        to: frozenset[Address],
    ) -> Mapping[Address, Outcome] | None:
        rows = rows_of(fields_of(answer.json()).get("emails"))
        return accepted_each(
            to, {text_of(row.get("mail_rcpt")).lower(): text_of(row.get("id")) for row in rows}
        )

    def _refusal(self, answer: Answer) -> Refusal | None:
        body = fields_of(answer.json())
        type_, words = text_of(body.get("type")), text_of(body.get("message"))
        if answer.status < 300 or not (type_ or words):
            return None
        details = [
            " ".join(filter(None, (text_of(row.get(key)) for key in _DETAILS)))
            for row in rows_of(body.get("details"))
        ]
        said = "; ".join(filter(None, (type_, words, *details)))
        verdict = _VERDICTS.get(type_)
        if verdict is Verdict.MESSAGE and any(detail.startswith("from") for detail in details):
            verdict = Verdict.SENDER
        elif verdict is Verdict.MESSAGE and _LIMIT.search(said):
            verdict = Verdict.LIMIT
        seconds = body.get("reset_seconds")
        wait = None
        if isinstance(seconds, int) and 0 <= seconds <= _LONGEST_WAIT:
            wait = timedelta(seconds=seconds)
        return Refusal(words=said, verdict=verdict, wait=wait)


_DETAILS = ("argument_name", "resource", "reason", "help_message")


def _too_short(content: Content) -> str | None:
    for text in (content.subject, content.text, content.html):
        if text is not None and len(text) < _LEAST_CHARS and (text or text is content.subject):
            return "Scaleway takes subjects and texts of 10 characters at least"
    return None
