"""Mailjet, Send API v3.1 (https://dev.mailjet.com/email/guides/send-api-v31/).

Neighbours: `json_provider` makes the calls. Quirks: each recipient gets an id of its own; errors
stand beside the mail they are about, under whatever status; there is one tag (a campaign) and
one Reply-To, and nobody gets a mail without somebody in To. Mails can be asked for by CustomID,
which is our id.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from ..domain.message import Address, Attachment, Content, Mailbox, Message
from ..domain.outcome import Outcome
from ..domain.secret import Secret
from .addressing import Addressed, plain
from .http import HTTP_URL, Answer, Request
from .json_provider import ListsById, Refusal, accepted_each
from .json_reading import Document, fields_of, rows_of, text_of
from .json_writing import base64_of, compact, content_id_of, headers_of, is_inline, without_empty
from .mailjet_webhook import MailjetWebhook
from .obstacles import first_of, kept_header, no_body, no_to, repeated_header, several_reply_to
from .port import Capabilities, Settling
from .settings import Doc, SettingsWithLogin, Tools
from .verdict import Verdict
from .webhook import by_login

_MAX_SUBJECT = 255
_KEPT_HEADERS = frozenset(
    # "send-0011" in the guide, without those that no client may set anyway.
    {"delivered-to", "user-agent", "x-mailer", "list-id", "x-feedback-id", "x-csa-complaints"}
)

#: By ErrorCode ("Send API v3.1 errors" in the guide); of what is missing the status decides.
_VERDICTS: Mapping[str, Verdict] = {
    "mj-0001": Verdict.ACCOUNT,  # key suspended
    "mj-0011": Verdict.LIMIT,  # payload too large
    "mj-0015": Verdict.ACCOUNT,  # wrong credentials
    "send-0006": Verdict.SENDER,
    "send-0007": Verdict.SENDER,
    "send-0008": Verdict.SENDER,
    "send-0015": Verdict.LIMIT,  # too many recipients
}


class Settings(SettingsWithLogin, frozen=True, kw_only=True):
    """The table of a provider with `kind = "mailjet"`."""

    api_key: Annotated[str, Doc(pattern="^[!-~]+$", description="The public key.")]
    secret_key: Annotated[Secret, Doc(description="The secret that belongs to it.")]
    base_url: Annotated[
        str,
        Doc(pattern=HTTP_URL, description="`https://api.us.mailjet.com` for accounts in the US."),
    ] = "https://api.mailjet.com"


def make_webhook(_name: str, settings: Settings, tools: Tools) -> MailjetWebhook | None:
    """Return what takes its events; None without the password that they come with."""
    password = settings.webhook_password
    if password is None:
        return None
    return MailjetWebhook(by_login(settings.webhook_user, password), tools.clock)


def make(name: str, settings: Settings, tools: Tools) -> Mailjet:
    """Return the provider."""
    return Mailjet(name, settings, tools)


class Mailjet(ListsById):
    """See `port.Provider` and `port.LooksUp`."""

    kind = "mailjet"
    title = "Mailjet"
    send_path = "/v3.1/send"
    capabilities = Capabilities(
        max_recipients=50,
        max_message_bytes=20 * 1024 * 1024,  # 15 MB of files in base64
        max_tags=1,
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
        secret = settings.secret_key.reveal()
        login = b64encode(f"{settings.api_key}:{secret}".encode()).decode()
        super().__init__(
            name,
            settings,
            tools,
            base_url=settings.base_url,
            secrets=(secret, login),
            headers={"Authorization": f"Basic {login}"},
        )

    def _obstacle(self, message: Message) -> str | None:
        content = message.content
        return first_of(
            [
                no_to(content, self.title),
                no_body(content, self.title),
                several_reply_to(content, self.title),
                repeated_header(content, self.title),
                kept_header(content, self.title, _KEPT_HEADERS | _marked_for_it(content)),
                "Mailjet takes subjects of 255 characters at most"
                if len(content.subject) > _MAX_SUBJECT
                else None,
            ]
        )

    def _empty_mail(self) -> Document:
        return {"Messages": [{}]}

    def _document(self, message: Message, who: Addressed) -> Document:
        content = message.content
        tags = content.tags
        payload = {"metadata": dict(content.metadata), "tags": list(tags[1:])}
        has_payload = bool(content.metadata or tags[1:])
        mail = without_empty(
            {
                "From": _box(plain(content.sender)),
                "To": [_box(box) for box in who.to],
                "Cc": [_box(box) for box in who.cc],
                "Bcc": [_box(box) for box in who.bcc],
                "ReplyTo": _box(plain(content.reply_to[0])) if content.reply_to else None,
                "Subject": content.subject,
                "TextPart": content.text,
                "HTMLPart": content.html,
                "Attachments": [_file(f) for f in content.attachments if not is_inline(f)],
                "InlinedAttachments": [_file(f) for f in content.attachments if is_inline(f)],
                "Headers": headers_of(content),
                "CustomID": str(message.id),
                "EventPayload": compact(payload) if has_payload else None,
                "CustomCampaign": tags[0] if tags else None,
            }
        )
        return {"Messages": [mail]}

    def _taken(
        self,
        answer: Answer,
        message: Message,  # noqa: ARG002 - the answer says it all
        to: frozenset[Address],
    ) -> Mapping[Address, Outcome] | None:
        mail = _only_mail(answer)
        if mail.get("Status") != "success":
            return None
        ids = {
            text_of(row.get("Email")).lower(): text_of(row.get("MessageID"))
            for field in ("To", "Cc", "Bcc")
            for row in rows_of(mail.get(field))
        }
        return accepted_each(to, ids)

    def _refusal(self, answer: Answer) -> Refusal | None:
        errors = rows_of(_only_mail(answer).get("Errors"))
        error = errors[0] if errors else fields_of(answer.json())
        words = text_of(error.get("ErrorMessage"))
        code = text_of(error.get("ErrorCode")).lower()
        if not words and not code:
            return None
        about = error.get("ErrorRelatedTo")
        place = f" ({', '.join(map(text_of, about))})" if isinstance(about, list) else ""
        verdict = _VERDICTS.get(code)
        if (
            verdict is None
            and code
            and answer.status < 500
            and answer.status not in {401, 403, 429}
        ):
            verdict = Verdict.MESSAGE
        return Refusal(words=f"{code}: {words}{place}" if code else words, verdict=verdict)

    def _list_request(
        self,
        message: Message,
        to: Sequence[Address],  # noqa: ARG002 - it is asked by our id
        attempted_at: datetime,  # noqa: ARG002 - whenever that was
    ) -> Request:
        asked = quote(message.id, safe="")
        query = f"CustomID={asked}&ShowContactAlt=true&ShowCustomID=true&Limit=100"
        return self._get(f"/v3/REST/message?{query}")

    def _found_in(self, document: object, message: Message, to: frozenset[str]) -> str | None:
        for row in rows_of(fields_of(document).get("Data")):
            is_ours = row.get("CustomID", message.id) == message.id
            address = text_of(row.get("ContactAlt")).lower()
            if is_ours and (not address or address in to) and text_of(row.get("ID")):
                return text_of(row.get("ID"))
        return None


def _only_mail(answer: Answer) -> Document:
    mails = rows_of(fields_of(answer.json()).get("Messages"))
    return mails[0] if mails else {}


def _marked_for_it(content: Content) -> set[str]:
    """Return the client's headers that begin with Mailjet's own marks, in lower case."""
    names = (name.lower() for name, _ in content.headers)
    return {name for name in names if name.startswith(("x-mj-", "x-mailjet-"))}


def _box(box: Mailbox) -> dict[str, str]:
    return {"Email": box.address, "Name": box.name} if box.name else {"Email": box.address}


def _file(file: Attachment) -> Document:
    content_id = content_id_of(file)
    return without_empty(
        {
            "ContentType": file.content_type,
            "Filename": file.filename,
            "ContentID": content_id if is_inline(file) else None,
        }
    ) | {"Base64Content": base64_of(file.content)}
