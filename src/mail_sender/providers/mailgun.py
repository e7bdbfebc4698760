"""Mailgun, Messages API v3 (https://documentation.mailgun.com/).

Neighbours: `mailgun_form` has the mapping of a message, `mailgun_errors` the meaning of an
answer, `mailgun_events` what its events prove when it is asked for them, `mailgun_webhook` what it
tells by itself. Quirks: a domain lives in one region, and the other one answers 401 or 404; a path
that leads nowhere may answer 200; a suppressed recipient is accepted and reported as failed later.
The mail keeps the Message-ID that we give it, which is how Mailgun can be asked later whether it
has it. No SDK is used: theirs repeat a POST by themselves.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import quote

from ..domain.message import Address, Message
from ..domain.outcome import Outcome
from ..domain.secret import Secret
from ..mime import message_id_of
from .ascii_headers import ascii_form
from .http import HTTP_URL, Answer, Request, Silence
from .http_provider import HttpProvider
from .look_up import ask_again
from .mailgun_errors import outcome_of, words_of
from .mailgun_events import evidence_in
from .mailgun_form import (
    MAX_MESSAGE_BYTES,
    MAX_OPTION_BYTES,
    MAX_RECIPIENTS,
    MAX_TAGS,
    form_of,
    least_option_bytes,
    rfc_message_id,
)
from .mailgun_webhook import MailgunWebhook
from .multipart import content_type_of_form, write_form
from .port import Capabilities, Check, CheckResult, Evidence, NoEvidence, Settling
from .settings import CommonSettings, Doc, Tools

_MOST_EVENTS = 300  #: that one answer can hold


class Settings(CommonSettings, frozen=True, kw_only=True):
    """The table of a provider with `kind = "mailgun"`."""

    domain: Annotated[
        str,
        Doc(
            pattern="^[A-Za-z0-9.-]+$",
            description="Sending domain at Mailgun, such as `mg.example.com`; it may differ from "
            "the domain in From.",
        ),
    ]
    api_key: Annotated[
        Secret,
        Doc(
            description="Key of the account, or of the domain. One that may only send is enough, "
            "but with it Mailgun cannot be asked about unknown outcomes."
        ),
    ]
    base_url: Annotated[
        str,
        Doc(pattern=HTTP_URL, description="`https://api.eu.mailgun.net` for domains in the EU."),
    ] = "https://api.mailgun.net"
    webhook_signing_key: Annotated[
        Secret | None, Doc(description="Mailgun signs its events with it; without it none is read.")
    ] = None


def make_webhook(_name: str, settings: Settings, tools: Tools) -> MailgunWebhook | None:
    """Return what takes its events; None without the key that they are signed with."""
    key = settings.webhook_signing_key
    return MailgunWebhook(key, tools.clock) if key is not None else None


def make(name: str, settings: Settings, tools: Tools) -> Mailgun:
    """Return the provider."""
    return Mailgun(name, settings, tools)


class Mailgun(HttpProvider):
    """See `port.Provider` and `port.LooksUp`."""

    kind = "mailgun"
    title = "Mailgun"
    capabilities = Capabilities(
        max_recipients=MAX_RECIPIENTS,
        max_message_bytes=MAX_MESSAGE_BYTES,
        max_tags=MAX_TAGS,
        metadata=True,
        custom_headers=True,
        attachments=True,
        inline_images=True,
        smtputf8=False,
        blind_alone=True,
        names_everybody=True,
        settles_by=(Settling.LOOK_UP, Settling.EVENT),
        whole_mails=True,
    )

    def __init__(self, name: str, settings: Settings, tools: Tools) -> None:
        # Mailgun's own examples give the base URL with the version as often as without.
        base_url = settings.base_url.rstrip("/").removesuffix("/v3")
        super().__init__(name, settings, tools, base_url=base_url)
        self._domain = settings.domain
        self._signing_key = settings.webhook_signing_key
        login = b64encode(f"api:{settings.api_key.reveal()}".encode()).decode()
        self._headers = {"Authorization": f"Basic {login}", "Accept": "application/json"}

    async def look_up(
        self, message: Message, *, to: Sequence[Address], attempted_at: datetime, now: datetime
    ) -> Evidence:
        """See `LooksUp.look_up`: asks for events of the Message-ID that `send` gave the mail."""
        age = now - attempted_at
        raw = message.content.raw
        if raw is not None and message_id_of(raw) is not None:
            # A mailing list gives every copy of a mail the same one, so that it proves nothing.
            return NoEvidence("the mail has a Message-ID of its author's", None)
        message_id = rfc_message_id(message, self._domain)
        query = f"message-id={quote(message_id, safe='')}&limit={_MOST_EVENTS}"
        try:
            answer = await self._get(f"/v3/{self._domain}/events?{query}")
        except Silence as silence:
            return NoEvidence(f"events: {silence.reason}", ask_again(age))
        in_doubt = _as_in_events(to)
        others = _as_in_events(message.content.recipients) - in_doubt
        return evidence_in(answer, asked_for=message_id, to=in_doubt, others=others, age=age)

    def _obstacle(self, message: Message) -> str | None:
        if least_option_bytes(message) > MAX_OPTION_BYTES:
            return "Mailgun takes 16 KB of tags and metadata at most"
        return None

    def _send_request(self, message: Message, to: frozenset[Address]) -> Request:
        form = form_of(
            message,
            to,
            domain=self._domain,
            now=self._clock.now(),
            boundary=secrets.token_hex(16),
        )
        return self._post(form.endpoint, form.content_type, form.body)

    def _outcomes(
        self,
        answer: Answer,
        message: Message,  # noqa: ARG002 - one answer for the whole call
        to: frozenset[Address],
    ) -> Mapping[Address, Outcome]:
        return dict.fromkeys(to, outcome_of(answer, now=self._clock.now()))

    async def _finding(self) -> tuple[Check, Answer]:
        """See `HttpProvider._finding`: asks for the state of the domain."""
        answer = await self._get(f"/v4/domains/{self._domain}")
        found = _finding(answer, self._domain)
        if answer.status in {401, 403}:
            answer = await self._post_nothing()
            found = _finding_of_nothing_posted(answer, found)
        signed = "set" if self._signing_key else "not set, so no event is read"
        detail = f"{found.detail}; webhook_signing_key is {signed}"
        return replace(found, detail=detail), answer

    def _post(self, endpoint: str, content_type: str, body: bytes) -> Request:
        return Request(
            method="POST",
            url=f"{self._base}/v3/{self._domain}/{endpoint}",
            headers={**self._headers, "Content-Type": content_type},
            body=body,
        )

    async def _post_nothing(self) -> Answer:
        """Post a form without a single field of a mail, which can send nothing."""
        boundary = secrets.token_hex(16)
        body = write_form([("o:testmode", "yes")], boundary=boundary)
        request = self._post("messages", content_type_of_form(boundary), body)
        return await self._answer(request)

    async def _get(self, path: str) -> Answer:
        request = Request(method="GET", url=self._base + path, headers=self._headers)
        return await self._answer(request)


def _as_in_events(addresses: Iterable[Address]) -> frozenset[str]:
    return frozenset((ascii_form(address) or address).lower() for address in addresses)


def _finding(answer: Answer, domain: str) -> Check:
    """Read the answer to `GET /v4/domains/{domain}`."""
    body = answer.json()
    state = body.get("domain", {}) if isinstance(body, dict) else {}
    state = state.get("state") if isinstance(state, dict) else None
    if answer.status == 200 and state == "active":
        return _check(CheckResult.WORKS, f"{domain} is active")
    if answer.status == 200 and state in {"unverified", "disabled"}:
        cure = "add its DNS records" if state == "unverified" else "Mailgun's support knows why"
        return _check(CheckResult.REFUSED, f"{domain} is {state}: {cure}")
    words = words_of(answer) or answer.text[:200] or f"HTTP {answer.status}"
    if answer.status in {401, 402, 403, 404}:
        detail = f"{words} (is the key right, and does {domain} live in this region?)"
        return _check(CheckResult.REFUSED, detail)
    return _check(CheckResult.UNREACHABLE, f"the domain's state is not to be had: {words}")


def _finding_of_nothing_posted(answer: Answer, found: Check) -> Check:
    """Tell a key that may only send, which is told which field is missing, from a wrong one."""
    if answer.status == 400 and words_of(answer) is not None:
        return _check(CheckResult.WORKS, "the key may send, and nothing else: it cannot look up")
    return found


def _check(result: CheckResult, detail: str) -> Check:
    return Check(result=result, detail=detail, took=timedelta(0))
