"""SparkPost, Transmissions API v1 (https://developers.sparkpost.com/api/transmissions/).

Neighbours: `json_provider` makes the calls. Quirks: recipients are an envelope of their own, with
what To shows beside each; without `perform_substitutions: false` braces in a text are run as a
template, and in subject and headers they are in any case; a short time limit turns slow
successes into unknown outcomes, so the vendor advises five minutes. Events carry our id as
metadata, and can be asked for by recipient for ten days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from ..domain.message import Address, Attachment, Mailbox, Message
from ..domain.outcome import Outcome
from ..domain.secret import Secret
from .addressing import Addressed, joined, named, plain
from .http import HTTP_URL, Answer, Request
from .json_provider import ListsById, Refusal, accepted_all, in_lower
from .json_reading import Document, fields_of, rows_of, text_of
from .json_writing import base64_of, further_tags, headers_of, is_inline, without_empty
from .obstacles import (
    first_of,
    kept_header,
    no_body,
    no_subject,
    repeated_header,
    template_code,
)
from .port import Capabilities, Settling
from .settings import Doc, SettingsWithLogin, Tools
from .sparkpost_webhook import SparkPostWebhook
from .verdict import Verdict
from .webhook import by_login

_MAX_ASKED = 20  #: recipients named in one question: one that is found speaks for the call
_EARLIER = timedelta(minutes=5)  #: their clock may be behind ours

#: By code (support.sparkpost.com, "Extended Error Codes"); of what is missing the status decides.
_VERDICTS: Mapping[str, Verdict] = {
    "1100": Verdict.ACCOUNT,
    "1303": Verdict.ACCOUNT,
    "1304": Verdict.ACCOUNT,
    "1502": Verdict.LATER,
    "1601": Verdict.ACCOUNT,
    "1900": Verdict.LATER,
    "1901": Verdict.MESSAGE,
    "1902": Verdict.MESSAGE,
    "2101": Verdict.QUOTA,
    "2102": Verdict.QUOTA,
    "2103": Verdict.QUOTA,
    "2105": Verdict.QUOTA,
    "5002": Verdict.MESSAGE,
    "7000": Verdict.SENDER,
    "7001": Verdict.SENDER,
}


class Settings(SettingsWithLogin, frozen=True, kw_only=True):
    """The table of a provider with `kind = "sparkpost"`."""

    api_key: Annotated[
        Secret,
        Doc(
            description="With the permission Transmissions: Read/Write; with Message Events, "
            "SparkPost can be asked about unknown outcomes."
        ),
    ]
    base_url: Annotated[
        str,
        Doc(
            pattern=HTTP_URL,
            description="`https://api.eu.sparkpost.com` for accounts in the EU, or an enterprise's "
            "own.",
        ),
    ] = "https://api.sparkpost.com"
    answer_timeout: Annotated[
        timedelta,
        Doc(description="Longer than elsewhere, as the vendor advises."),
    ] = timedelta(minutes=5)


def make_webhook(_name: str, settings: Settings, tools: Tools) -> SparkPostWebhook | None:
    """Return what takes its events; None without the password that they come with."""
    password = settings.webhook_password
    if password is None:
        return None
    return SparkPostWebhook(by_login(settings.webhook_user, password), tools.clock)


def make(name: str, settings: Settings, tools: Tools) -> SparkPost:
    """Return the provider."""
    return SparkPost(name, settings, tools)


class SparkPost(ListsById):
    """See `port.Provider` and `port.LooksUp`."""

    kind = "sparkpost"
    title = "SparkPost"
    send_path = "/api/v1/transmissions"
    capabilities = Capabilities(
        max_recipients=2000,
        max_message_bytes=20 * 1024 * 1024,
        max_tags=1,
        metadata=True,
        custom_headers=True,
        attachments=True,
        inline_images=True,
        smtputf8=False,
        blind_alone=True,
        names_everybody=True,
        settles_by=(Settling.LOOK_UP, Settling.EVENT),
    )

    def __init__(self, name: str, settings: Settings, tools: Tools) -> None:
        key = settings.api_key.reveal()
        super().__init__(
            name,
            settings,
            tools,
            base_url=settings.base_url.rstrip("/").removesuffix("/api/v1"),
            secrets=(key,),
            headers={"Authorization": key},
        )

    def _obstacle(self, message: Message) -> str | None:
        content = message.content
        run_as_code = [content.subject, *(value for _, value in content.headers)]
        return first_of(
            [
                "SparkPost shows copies only beside somebody in To"
                if content.cc and not content.to
                else None,
                no_subject(content, self.title),
                no_body(content, self.title),
                repeated_header(content, self.title),
                kept_header(content, self.title, {"list-unsubscribe"}),
                template_code(run_as_code, self.title),
            ]
        )

    def _document(self, message: Message, who: Addressed) -> Document:
        content = message.content
        tags = content.tags
        # The envelope is whom the call is for; To and Cc name everybody all the same.
        shown = _once(content.to)
        header_to = {"header_to": joined(shown)} if shown else {}
        further = dict(further_tags(tags))
        headers = headers_of(content)
        if content.cc:
            headers["CC"] = joined(_once(content.cc))
        sent = without_empty(
            {
                "from": named((plain(content.sender),))[0],
                "subject": content.subject,
                "reply_to": joined(tuple(plain(box) for box in content.reply_to)),
                "text": content.text,
                "html": content.html,
                "headers": headers,
                "attachments": [
                    _file(f, f.filename) for f in content.attachments if not is_inline(f)
                ],
                "inline_images": [
                    _file(f, f.content_id or f.filename)
                    for f in content.attachments
                    if is_inline(f)
                ],
            }
        )
        return without_empty(
            {
                "options": {"transactional": True, "perform_substitutions": False},
                "campaign_id": tags[0] if tags else None,
                "metadata": further | dict(content.metadata) | {"ms_id": str(message.id)},
                "recipients": [{"address": {"email": box.address, **header_to}} for box in who.all],
                "content": sent,
            }
        )

    def _taken(
        self,
        answer: Answer,
        message: Message,  # noqa: ARG002 - the answer says it all
        to: frozenset[Address],
    ) -> Mapping[Address, Outcome] | None:
        # With the error 2000 some recipients were refused; which ones is not said, so they count
        # as taken until their events come.
        id_ = text_of(fields_of(fields_of(answer.json()).get("results")).get("id"))
        return accepted_all(to, id_)

    def _refusal(self, answer: Answer) -> Refusal | None:
        errors = rows_of(fields_of(answer.json()).get("errors"))
        if not errors:
            return None
        code = text_of(errors[0].get("code"))
        said = (code, text_of(errors[0].get("message")), text_of(errors[0].get("description")))
        verdict = Verdict.QUOTA if answer.status == 420 else _VERDICTS.get(code)
        return Refusal(words=": ".join(filter(None, said)), verdict=verdict)

    def _list_request(
        self,
        message: Message,  # noqa: ARG002 - it is no filter: it stands in the answer
        to: Sequence[Address],
        attempted_at: datetime,
    ) -> Request:
        since = (attempted_at - _EARLIER).astimezone(UTC)
        query = {
            "recipients": ",".join(in_lower(address) for address in to[:_MAX_ASKED]),
            "from": f"{since:%Y-%m-%dT%H:%M:%SZ}",
            "per_page": "1000",
        }
        return self._get(f"/api/v1/events/message?{urlencode(query)}")

    def _found_in(self, document: object, message: Message, to: frozenset[str]) -> str | None:
        for row in rows_of(fields_of(document).get("results")):
            is_ours = fields_of(row.get("rcpt_meta")).get("ms_id") == message.id
            address = text_of(row.get("raw_rcpt_to") or row.get("rcpt_to")).lower()
            if is_ours and address in to and text_of(row.get("transmission_id")):
                return text_of(row.get("transmission_id"))
        return None


def _once(boxes: tuple[Mailbox, ...]) -> tuple[Mailbox, ...]:
    return tuple({box.address: plain(box) for box in reversed(boxes)}.values())[::-1]


def _file(file: Attachment, name: str) -> Document:
    return {"name": name, "type": file.content_type, "data": base64_of(file.content)}
