"""Mandrill, alias Mailchimp Transactional (https://mailchimp.com/developer/transactional/api/).

Neighbours: `json_provider` makes the calls. Quirks: the key stands in the body; the answer speaks
of each recipient by itself, and a rejected one stands under a 200; a refusal may stand under a
500, with a name that makes it a clean no. Inline images have a Content-ID instead of a name. Mails
can be searched by recipient, with our id in the metadata of what is found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

from ..domain.message import Address, Attachment, Mailbox, Message
from ..domain.outcome import Accepted, Diagnostic, Outcome, Unknown
from ..domain.secret import Secret
from .addressing import Addressed, plain
from .ascii_headers import ascii_mailbox
from .http import HTTP_URL, Answer, Request
from .json_provider import ListsById, Refusal, in_lower
from .json_reading import Document, fields_of, rows_of, text_of
from .json_writing import base64_of, headers_of, is_inline, without_empty
from .mandrill_webhook import MandrillWebhook, by_url_and_fields
from .obstacles import first_of, no_body, no_to, repeated_header
from .port import Capabilities, Settling
from .settings import CommonSettings, Doc, Tools
from .verdict import Verdict, outcome_by

_MAX_TAG = 50
_EARLIER = timedelta(days=1)  #: it searches by whole days

#: By name (the vendor's OpenAPI document, API 1.4); of what is missing the status decides.
_VERDICTS: Mapping[str, Verdict] = {
    "GeneralError": Verdict.UNKNOWN,
    "Invalid_Key": Verdict.ACCOUNT,
    "PaymentRequired": Verdict.ACCOUNT,
    "RequestLimitExceeded": Verdict.LATER,
    "ServiceUnavailable": Verdict.UNKNOWN,
    "Unknown_Subaccount": Verdict.ACCOUNT,
    "Unknown_Template": Verdict.MESSAGE,
    "ValidationError": Verdict.MESSAGE,
}
_TAKEN = frozenset({"sent", "queued", "scheduled"})
#: Of one recipient, by `reject_reason`; others are about the address.
_VERDICT_OF_REJECTION: Mapping[str, Verdict] = {
    "invalid-sender": Verdict.SENDER,
    "rule": Verdict.ACCOUNT,
    "test-mode-limit": Verdict.ACCOUNT,
    "unsigned": Verdict.SENDER,
}


class Settings(CommonSettings, frozen=True, kw_only=True):
    """The table of a provider with `kind = "mandrill"`."""

    api_key: Annotated[Secret, Doc(description="It stands in the body of each call.")]
    base_url: Annotated[
        str, Doc(pattern=HTTP_URL, description="For private endpoints and tests.")
    ] = "https://mandrillapp.com"
    webhook_url: (
        Annotated[
            str,
            Doc(
                pattern=r"^https?://[!-~]+$",
                description="Of its webhook, exactly as registered: it is part of what is signed.",
            ),
        ]
        | None
    ) = None
    webhook_key: Annotated[
        Secret | None, Doc(description="The key of the same; without both no event is taken.")
    ] = None


def make_webhook(_name: str, settings: Settings, tools: Tools) -> MandrillWebhook | None:
    """Return what takes its events; None without what they are signed with."""
    url, key = settings.webhook_url, settings.webhook_key
    if url is None or key is None:
        return None
    return MandrillWebhook(by_url_and_fields(url, key), tools.clock)


def make(name: str, settings: Settings, tools: Tools) -> Mandrill:
    """Return the provider."""
    return Mandrill(name, settings, tools)


class Mandrill(ListsById):
    """See `port.Provider` and `port.LooksUp`."""

    kind = "mandrill"
    title = "Mandrill"
    send_path = "/api/1.4/messages/send.json"
    capabilities = Capabilities(
        max_recipients=1000,
        max_message_bytes=25 * 1024 * 1024,
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
        self._key = settings.api_key.reveal()
        super().__init__(
            name,
            settings,
            tools,
            base_url=settings.base_url.rstrip("/"),
            secrets=(self._key,),
            headers={},
        )

    def _obstacle(self, message: Message) -> str | None:
        content = message.content
        return first_of(
            [
                no_to(content, self.title),
                no_body(content, self.title),
                repeated_header(content, self.title),
            ]
        )

    def _empty_mail(self) -> Document:
        return {"key": self._key, "message": {}}

    def _document(self, message: Message, who: Addressed) -> Document:
        content = message.content
        headers = headers_of(content)
        if content.reply_to:
            headers["Reply-To"] = ", ".join(ascii_mailbox(box) for box in content.reply_to)
        sender = plain(content.sender)
        images = [file for file in content.attachments if _is_image(file)]
        files = [file for file in content.attachments if not _is_image(file)]
        mail = without_empty(
            {
                "from_email": sender.address,
                "from_name": sender.name,
                "to": [
                    _recipient(box, type_)
                    for type_, boxes in (("to", who.to), ("cc", who.cc), ("bcc", who.bcc))
                    for box in boxes
                ],
                "subject": content.subject,
                "text": content.text,
                "html": content.html,
                "headers": headers,
                "attachments": [_file(file, file.filename) for file in files],
                "images": [_file(file, file.content_id or file.filename) for file in images],
                "tags": [tag.lstrip("_")[:_MAX_TAG] for tag in content.tags if tag.strip("_")],
                "metadata": dict(content.metadata) | {"ms_id": str(message.id)},
            }
        )
        # One mail that shows whom it is for, and no template language in it.
        mail |= {"preserve_recipients": True, "merge": False}
        return {"key": self._key, "message": mail, "async": False}

    def _taken(
        self,
        answer: Answer,
        message: Message,  # noqa: ARG002 - the answer says it all
        to: frozenset[Address],
    ) -> Mapping[Address, Outcome] | None:
        rows = {text_of(row.get("email")).lower(): row for row in rows_of(answer.json())}
        known = {address: rows.get(in_lower(address)) for address in to}
        if not any(row and text_of(row.get("status")) for row in known.values()):
            return None
        unsaid = Unknown(diagnostic=Diagnostic(text="Mandrill does not speak of this recipient"))
        return {
            address: self._of_recipient(row, answer) or unsaid if row else unsaid
            for address, row in known.items()
        }

    def _of_recipient(self, row: Document, answer: Answer) -> Outcome | None:
        status, id_ = text_of(row.get("status")), text_of(row.get("_id"))
        if status in _TAKEN and id_:
            reason = text_of(row.get("queued_reason"))
            said = Diagnostic(text=f"queued: {reason}", code=answer.status) if reason else None
            return Accepted(provider_message_id=id_, diagnostic=said)
        if status in {"rejected", "invalid"}:
            reason = text_of(row.get("reject_reason")) or status
            verdict = _VERDICT_OF_REJECTION.get(reason, Verdict.RECIPIENT)
            return outcome_by(verdict, answer, f"{status}: {reason}", now=self._clock.now())
        return None

    def _refusal(self, answer: Answer) -> Refusal | None:
        body = fields_of(answer.json())
        name = text_of(body.get("name"))
        if body.get("status") != "error" or not name:
            return None
        words = f"{name}: {text_of(body.get('message'))}"
        return Refusal(words=words, verdict=_VERDICTS.get(name))

    def _list_request(
        self,
        message: Message,  # noqa: ARG002 - it is searched for in the answer
        to: Sequence[Address],
        attempted_at: datetime,
    ) -> Request:
        since = (attempted_at - _EARLIER).astimezone(UTC)
        document = {
            "key": self._key,
            "query": f"full_email:{in_lower(to[0])}" if to else "",
            "date_from": f"{since:%Y-%m-%d}",
            "limit": 1000,
        }
        return self._post("/api/1.4/messages/search.json", document)

    def _found_in(self, document: object, message: Message, to: frozenset[str]) -> str | None:
        for row in rows_of(document):
            is_ours = fields_of(row.get("metadata")).get("ms_id") == message.id
            if is_ours and text_of(row.get("email")).lower() in to and text_of(row.get("_id")):
                return text_of(row.get("_id"))
        return None


def _recipient(box: Mailbox, type_: str) -> dict[str, str]:
    name = {"name": box.name} if box.name else {}
    return {"email": box.address, **name, "type": type_}


def _is_image(file: Attachment) -> bool:
    return is_inline(file) and file.content_type.lower().startswith("image/")


def _file(file: Attachment, name: str) -> Document:
    return {"type": file.content_type, "name": name, "content": base64_of(file.content)}
