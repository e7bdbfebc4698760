"""MailerSend, Email API v1 (https://developers.mailersend.com/api/v1/email.html).

Neighbours: `json_provider` makes the calls. Quirks: the id of a mail stands in a header of an
empty 202, and a 202 with words in it names recipients that it suppresses; error codes stand at
the end of a text (`#MS42207`); it carries no metadata, so our id is a tag, by which mails can be
asked for; headers of the client's own need an expensive plan, all but In-Reply-To and References.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from ..domain.message import Address, Attachment, Content, Mailbox, Message
from ..domain.outcome import Accepted, Blame, Diagnostic, Outcome, Refused
from ..domain.secret import Secret
from .addressing import Addressed, plain
from .ascii_headers import ascii_value
from .http import HTTP_URL, Answer, Request
from .json_provider import ListsById, Refusal, in_lower
from .json_reading import Document, fields_of, rows_of, text_of, texts_of
from .json_writing import base64_of, content_id_of, is_inline, without_empty
from .look_up import ASKED_FOR
from .mailersend_webhook import SIGNATURE, MailerSendWebhook
from .obstacles import (
    first_of,
    no_body,
    no_subject,
    no_to,
    repeated_header,
    several_reply_to,
    template_code,
)
from .port import Capabilities, Evidence, NoEvidence, Settling
from .settings import CommonSettings, Doc, Tools
from .verdict import Verdict
from .webhook import by_digest

_MAX_COPIES = 10  #: in Cc, and in Bcc
_OWN_TAGS = 4  #: five, of which one is our id
_EARLIER = timedelta(minutes=5)  #: their clock may be behind ours
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")
_NOT_IN_NAME = re.compile(r"[;,]")

_CODE = re.compile(r"#(MS\d{4,5})\b")
#: By code (developers.mailersend.com, "Error codes"); of what is missing the status decides.
_VERDICTS: Mapping[str, Verdict] = {
    "MS42204": Verdict.QUOTA,
    "MS42205": Verdict.LIMIT,  # recipients
    "MS42206": Verdict.LIMIT,  # size of an attachment
    "MS42207": Verdict.SENDER,
    "MS42210": Verdict.LIMIT,  # type of an attachment
    "MS42213": Verdict.LIMIT,  # it read the text as a template
    "MS42216": Verdict.LIMIT,  # a feature of a higher plan, such as headers
    "MS42222": Verdict.QUOTA,
    "MS42225": Verdict.QUOTA,
    "MS42226": Verdict.SENDER,
    "MS42901": Verdict.QUOTA,
    "MS42903": Verdict.LATER,
}


class Settings(CommonSettings, frozen=True, kw_only=True):
    """The table of a provider with `kind = "mailersend"`."""

    api_token: Annotated[
        Secret,
        Doc(
            description="Of the sending domain; with read access to emails, MailerSend can be "
            "asked about unknown outcomes."
        ),
    ]
    domain_id: (
        Annotated[
            str,
            Doc(
                pattern="^[A-Za-z0-9]+$",
                description="Of the sending domain at MailerSend. Without it unknown outcomes are "
                "settled by events only.",
            ),
        ]
        | None
    ) = None
    base_url: Annotated[
        str, Doc(pattern=HTTP_URL, description="For private endpoints and tests.")
    ] = "https://api.mailersend.com"
    webhook_secret: Annotated[
        Secret | None,
        Doc(description="The signing secret of its webhook; without it no event is taken."),
    ] = None


def make_webhook(_name: str, settings: Settings, tools: Tools) -> MailerSendWebhook | None:
    """Return what takes its events; None without the secret that they are signed with."""
    secret = settings.webhook_secret
    if secret is None:
        return None
    return MailerSendWebhook(by_digest(SIGNATURE, secret), tools.clock)


def make(name: str, settings: Settings, tools: Tools) -> MailerSend:
    """Return the provider."""
    return MailerSend(name, settings, tools)


class MailerSend(ListsById):
    """See `port.Provider` and `port.LooksUp`."""

    kind = "mailersend"
    title = "MailerSend"
    send_path = "/v1/email"
    capabilities = Capabilities(
        max_recipients=50,
        max_message_bytes=25 * 1024 * 1024,
        max_tags=_OWN_TAGS,
        metadata=False,
        custom_headers=True,
        attachments=True,
        inline_images=True,
        smtputf8=False,
        blind_alone=False,
        names_everybody=False,
        settles_by=(Settling.LOOK_UP, Settling.EVENT),
    )

    def __init__(self, name: str, settings: Settings, tools: Tools) -> None:
        token = settings.api_token.reveal()
        super().__init__(
            name,
            settings,
            tools,
            base_url=settings.base_url.rstrip("/").removesuffix("/v1"),
            secrets=(token,),
            headers={"Authorization": f"Bearer {token}"},
        )
        self._domain_id = settings.domain_id

    async def look_up(
        self, message: Message, *, to: Sequence[Address], attempted_at: datetime, now: datetime
    ) -> Evidence:
        """See `LooksUp.look_up`."""
        if self._domain_id is None:
            return NoEvidence("without domain_id MailerSend cannot be asked", None)
        return await super().look_up(message, to=to, attempted_at=attempted_at, now=now)

    def _obstacle(self, message: Message) -> str | None:
        content = message.content
        return first_of(
            [
                no_to(content, self.title),
                no_subject(content, self.title),
                no_body(content, self.title),
                several_reply_to(content, self.title),
                repeated_header(content, self.title),
                _many_copies(content),
                _strange_header(content),
                template_code((content.subject, content.text, content.html), self.title),
            ]
        )

    def _document(self, message: Message, who: Addressed) -> Document:
        content = message.content
        own = {name.lower(): ascii_value(value) for name, value in content.headers}
        further = [
            {"name": name, "value": ascii_value(value)}
            for name, value in content.headers
            if name.lower() not in {"in-reply-to", "references"}
        ]
        return without_empty(
            {
                "from": _box(plain(content.sender)),
                "to": [_box(box) for box in who.to],
                "cc": [_box(box) for box in who.cc],
                "bcc": [_box(box) for box in who.bcc],
                "reply_to": _box(plain(content.reply_to[0])) if content.reply_to else None,
                "subject": content.subject,
                "text": content.text,
                "html": content.html,
                "attachments": [_file(file) for file in content.attachments],
                "tags": [*content.tags[:_OWN_TAGS], str(message.id)],
                "in_reply_to": own.get("in-reply-to"),
                "references": own.get("references", "").split(),
                "headers": further,
            }
        )

    def _taken(
        self,
        answer: Answer,
        message: Message,  # noqa: ARG002 - the answer says it all
        to: frozenset[Address],
    ) -> Mapping[Address, Outcome] | None:
        message_id = answer.headers.get("x-message-id")
        warnings = rows_of(fields_of(answer.json()).get("warnings"))
        suppressed = {
            text_of(row.get("email")).lower(): ", ".join(
                texts_of(row.get("reasons")) or texts_of(row.get("reason"))
            )
            for warning in warnings
            if text_of(warning.get("type")).endswith("_SUPPRESSED")
            for row in rows_of(warning.get("recipients"))
        }
        outcomes: dict[Address, Outcome] = {}
        for address in to:
            reason = suppressed.get(in_lower(address))
            if reason is not None:
                said = Diagnostic(text=f"MailerSend suppresses it: {reason}", code=answer.status)
                outcomes[address] = Refused(blame=Blame.RECIPIENT, diagnostic=said)
            elif message_id:
                outcomes[address] = Accepted(provider_message_id=message_id)
        return outcomes if len(outcomes) == len(to) else None

    def _refusal(self, answer: Answer) -> Refusal | None:
        body = fields_of(answer.json())
        said = [text_of(body.get("message"))]
        said += [
            text for value in fields_of(body.get("errors")).values() for text in texts_of(value)
        ]
        words = "; ".join(dict.fromkeys(filter(None, said)))
        if not words or answer.status < 300:
            return None
        codes = _CODE.findall(words)
        verdict = next((_VERDICTS[code] for code in codes if code in _VERDICTS), None)
        if verdict is None:
            verdict = _BY_STATUS.get(answer.status)
        return Refusal(words=words, verdict=verdict)

    def _list_request(
        self,
        message: Message,
        to: Sequence[Address],  # noqa: ARG002 - it is asked by our id
        attempted_at: datetime,
    ) -> Request:
        query = {
            "domain_id": self._domain_id or "",
            "date_from": int((attempted_at - _EARLIER).timestamp()),
            "date_to": int((attempted_at + ASKED_FOR).timestamp()),
            "tag": str(message.id),
            "limit": 100,
        }
        return self._get(f"/v1/emails?{urlencode(query)}")

    def _found_in(self, document: object, message: Message, to: frozenset[str]) -> str | None:
        for row in rows_of(fields_of(document).get("data")):
            tags = texts_of(row.get("tags"))
            is_ours = str(message.id) in tags or not tags
            address = text_of(row.get("to")).lower()
            if is_ours and (not address or address in to) and text_of(row.get("message_id")):
                return text_of(row.get("message_id"))
        return None


_BY_STATUS: Mapping[int, Verdict] = {
    408: Verdict.UNKNOWN,  # it says of none of its time-outs that nothing was done
    421: Verdict.LATER,  # maintenance
}


def _many_copies(content: Content) -> str | None:
    for field, boxes in (("Cc", content.cc), ("Bcc", content.bcc)):
        if len(boxes) > _MAX_COPIES:
            return (
                f"MailerSend takes {_MAX_COPIES} recipients in {field}, this mail has {len(boxes)}"
            )
    return None


def _strange_header(content: Content) -> str | None:
    for name, _ in content.headers:
        if not _HEADER_NAME.fullmatch(name):
            return f"MailerSend takes letters, digits and hyphens in a header's name, unlike {name}"
    return None


def _box(box: Mailbox) -> dict[str, str]:
    # It refuses names with these two, which are worth less than the mail.
    name = " ".join(_NOT_IN_NAME.sub(" ", box.name).split())
    return {"email": box.address, "name": name} if name else {"email": box.address}


def _file(file: Attachment) -> Document:
    content_id = content_id_of(file)
    return without_empty(
        {
            "filename": file.filename,
            "disposition": file.disposition.value,
            "id": content_id if is_inline(file) else None,
        }
    ) | {"content": base64_of(file.content)}
