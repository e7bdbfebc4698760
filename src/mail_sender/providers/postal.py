"""Postal, HTTP API v1 of an installation of one's own (https://docs.postalserver.io/developer/api).

Neighbours: `json_provider` makes the calls, `mime` writes whole mails. Quirks: errors stand under
a 200; an answer to a wrong key repeats the key; beyond its limit, and for suppressed recipients,
Postal takes a mail and holds it. Of its two ways in, the one for whole mails is used: only there
inline images, our Message-ID and an envelope of its own can be said. It cannot be asked for a mail
whose answer was lost: only events, which repeat the Message-ID that our id is part of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from ..domain.message import Address, Message
from ..domain.outcome import Outcome
from ..domain.secret import Secret
from ..mime import render
from .addressing import Addressed, plain
from .http import HTTP_URL, Answer
from .json_provider import JsonProvider, Refusal, accepted_each
from .json_reading import Document, fields_of, text_of
from .json_writing import base64_of
from .port import Capabilities, Settling
from .postal_webhook import PostalWebhook, by_key_of_postal
from .settings import CommonSettings, Doc, Tools
from .verdict import Verdict

#: By `data.code` (postalserver/postal, app/controllers/legacy_api); of others nobody knows.
_VERDICTS: Mapping[str, Verdict] = {
    "AccessDenied": Verdict.ACCOUNT,
    "AttachmentMissingData": Verdict.MESSAGE,
    "AttachmentMissingName": Verdict.MESSAGE,
    "FromAddressMissing": Verdict.MESSAGE,
    "InvalidServerAPIKey": Verdict.ACCOUNT,
    "NoContent": Verdict.MESSAGE,
    "NoRecipients": Verdict.MESSAGE,
    "ServerSuspended": Verdict.ACCOUNT,
    "TooManyBCCAddresses": Verdict.LIMIT,
    "TooManyCCAddresses": Verdict.LIMIT,
    "TooManyToAddresses": Verdict.LIMIT,
    "UnauthenticatedFromAddress": Verdict.SENDER,
}


class Settings(CommonSettings, frozen=True, kw_only=True):
    """The table of a provider with `kind = "postal"`."""

    api_key: Annotated[Secret, Doc(description="An API credential of one mail server.")]
    base_url: Annotated[
        str, Doc(pattern=HTTP_URL, description="Of the installation, `https://postal.example.com`.")
    ]
    webhook_public_key: Annotated[
        str | None,
        Doc(
            description="The public key that the installation signs webhooks with, in base64, as "
            "in its DKIM records (`p=`); without it no event is taken."
        ),
    ] = None


def make_webhook(_name: str, settings: Settings, tools: Tools) -> PostalWebhook | None:
    """Return what takes its events; None without the key that they are verified by."""
    key = settings.webhook_public_key
    return PostalWebhook(by_key_of_postal(key), tools.clock) if key is not None else None


def make(name: str, settings: Settings, tools: Tools) -> Postal:
    """Return the provider."""
    return Postal(name, settings, tools)


class Postal(JsonProvider):
    """See `port.Provider`."""

    kind = "postal"
    title = "Postal"
    send_path = "/api/v1/send/raw"
    capabilities = Capabilities(
        max_recipients=1000,
        max_message_bytes=None,  # the installation's own
        max_tags=1,
        metadata=False,
        custom_headers=True,
        attachments=True,
        inline_images=True,
        smtputf8=False,
        blind_alone=True,
        names_everybody=True,
        settles_by=(Settling.EVENT,),
        whole_mails=True,
    )

    def __init__(self, name: str, settings: Settings, tools: Tools) -> None:
        key = settings.api_key.reveal()
        super().__init__(
            name,
            settings,
            tools,
            base_url=settings.base_url.rstrip("/").removesuffix("/api/v1"),
            secrets=(key,),
            headers={"X-Server-API-Key": key},
        )
        self._hostname = tools.hostname

    def _document(self, message: Message, who: Addressed) -> Document:
        tags = message.content.tags
        ours = [("X-MS-ID", str(message.id))]
        if tags:
            ours.append(("X-Postal-Tag", tags[0]))
        mail = render(
            message,
            date=self._clock.now(),
            message_id=f"<{message.id}@{self._hostname}>",
            extra_headers=ours,
        )
        return {
            "mail_from": plain(message.content.sender).address,
            "rcpt_to": [box.address for box in who.all],
            "data": base64_of(mail),
        }

    def _taken(
        self,
        answer: Answer,
        message: Message,  # noqa: ARG002 - the answer says it all
        to: frozenset[Address],
    ) -> Mapping[Address, Outcome] | None:
        taken = fields_of(fields_of(fields_of(answer.json()).get("data")).get("messages"))
        ids = {address.lower(): text_of(fields_of(row).get("id")) for address, row in taken.items()}
        return accepted_each(to, ids)

    def _refusal(self, answer: Answer) -> Refusal | None:
        body = fields_of(answer.json())
        data = fields_of(body.get("data"))
        code, words = text_of(data.get("code")), text_of(data.get("message"))
        match body.get("status"):
            case "error" if code:
                return Refusal(words=f"{code}: {words}", verdict=_VERDICTS.get(code))
            case "parameter-error":
                return Refusal(words=f"parameter-error: {words}", verdict=Verdict.MESSAGE)
            case _:
                return None
