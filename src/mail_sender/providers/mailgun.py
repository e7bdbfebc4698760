"""Mailgun, Messages API v3 (https://documentation.mailgun.com/).

Neighbours: `mailgun_form` has the mapping of a message, `mailgun_errors` the meaning of an
answer, `mailgun_events` what its events prove when it is asked for them, `mailgun_webhook` what it
tells by itself. Quirks: a domain lives in one region, and the other one answers 401 or 404; a path
that leads nowhere may answer 200; a suppressed recipient is accepted and reported as failed later.
The mail keeps the Message-ID that we give it, which is how Mailgun can be asked later whether it
has it. No SDK is used: theirs repeat a POST by themselves.
"""

from __future__ import annotations

import asyncio
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
from ..mime import least_bytes
from .ascii_headers import ascii_form, unwritable, without_ascii_form
from .http import HTTP_URL, Answer, Request, Silence, clock_offset, outcome_of_silence
from .mailgun_errors import outcome_of, words_of
from .mailgun_events import ask_again, evidence_in
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

_LARGE_BYTES = 256 * 1024  #: from here on, writing it is worth a thread
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


class Mailgun:
    """See `port.Provider` and `port.LooksUp`."""

    kind = "mailgun"
    capabilities = Capabilities(
        max_recipients=MAX_RECIPIENTS,
        max_message_bytes=MAX_MESSAGE_BYTES,
        max_tags=MAX_TAGS,
        metadata=True,
        custom_headers=True,
        attachments=True,
        inline_images=True,
        smtputf8=False,
        settles_by=(Settling.LOOK_UP, Settling.EVENT),
    )

    def __init__(self, name: str, settings: Settings, tools: Tools) -> None:
        self.name = name
        self.sender = settings.sender_address()
        self._settings = settings
        self._timeouts = settings.timeouts()
        self._http = tools.http
        self._clock = tools.clock
        # Mailgun's own examples give the base URL with the version as often as without.
        self._base = settings.base_url.rstrip("/").removesuffix("/v3")
        login = b64encode(f"api:{settings.api_key.reveal()}".encode()).decode()
        self._headers = {"Authorization": f"Basic {login}", "Accept": "application/json"}

    def cannot_express(self, message: Message) -> str | None:
        """See `Provider.cannot_express`."""
        content = message.content
        if len(content.recipients) > MAX_RECIPIENTS:
            return (
                f"Mailgun takes {MAX_RECIPIENTS} recipients at a time, "
                f"this mail has {len(content.recipients)}"
            )
        odd = without_ascii_form(content)
        if odd is not None:
            return f"Mailgun is given only ASCII addresses (the domain in Punycode), unlike {odd}"
        if least_bytes(content) > MAX_MESSAGE_BYTES:
            return "Mailgun takes mails of 25 MB at most, base64 counted"
        if least_option_bytes(message) > MAX_OPTION_BYTES:
            return "Mailgun takes 16 KB of tags and metadata at most"
        return None

    async def send(self, message: Message, *, to: frozenset[Address]) -> Mapping[Address, Outcome]:
        """See `Provider.send`."""
        try:
            if least_bytes(message.content) > _LARGE_BYTES:
                request = await asyncio.to_thread(self._messages, message, to)
            else:
                request = self._messages(message, to)
        except ValueError as error:
            return dict.fromkeys(to, unwritable(error))
        try:
            answer = await self._http.call(request, self._timeouts)
        except Silence as silence:
            return dict.fromkeys(to, outcome_of_silence(silence))
        return dict.fromkeys(to, outcome_of(answer, now=self._clock.now()))

    async def look_up(
        self, message: Message, *, to: Sequence[Address], attempted_at: datetime, now: datetime
    ) -> Evidence:
        """See `LooksUp.look_up`: asks for events of the Message-ID that `send` gave the mail."""
        age = now - attempted_at
        message_id = rfc_message_id(message, self._settings.domain)
        query = f"message-id={quote(message_id, safe='')}&limit={_MOST_EVENTS}"
        try:
            answer = await self._get(f"/v3/{self._settings.domain}/events?{query}")
        except Silence as silence:
            return NoEvidence(f"events: {silence.reason}", ask_again(age))
        in_doubt = _as_in_events(to)
        others = _as_in_events(message.content.recipients) - in_doubt
        return evidence_in(answer, asked_for=message_id, to=in_doubt, others=others, age=age)

    async def check(self) -> Check:
        """See `Provider.check`: asks for the state of the domain."""
        began = self._clock.now()
        try:
            answer = await self._get(f"/v4/domains/{self._settings.domain}")
            found = _finding(answer, self._settings.domain)
            if answer.status in {401, 403}:
                answer = await self._post_nothing()
                found = _finding_of_nothing_posted(answer, found)
        except Silence as silence:
            detail = f"{self._base} did not answer: {silence.reason}; may this machine connect?"
            found = _check(CheckResult.UNREACHABLE, detail)
            return replace(found, took=self._clock.now() - began)
        now = self._clock.now()
        signed = "set" if self._settings.webhook_signing_key else "not set, so no event is read"
        return replace(
            found,
            detail=f"{found.detail}; webhook_signing_key is {signed}",
            took=now - began,
            clock_offset=clock_offset(answer, now=now),
        )

    async def close(self) -> None:
        """See `Provider.close`. The HTTP client belongs to whoever made it."""

    def _messages(self, message: Message, to: frozenset[Address]) -> Request:
        form = form_of(
            message,
            to,
            domain=self._settings.domain,
            now=self._clock.now(),
            boundary=secrets.token_hex(16),
        )
        return self._post(form.endpoint, form.content_type, form.body)

    def _post(self, endpoint: str, content_type: str, body: bytes) -> Request:
        return Request(
            method="POST",
            url=f"{self._base}/v3/{self._settings.domain}/{endpoint}",
            headers={**self._headers, "Content-Type": content_type},
            body=body,
        )

    async def _post_nothing(self) -> Answer:
        """Post a form without a single field of a mail, which can send nothing."""
        boundary = secrets.token_hex(16)
        body = write_form([("o:testmode", "yes")], boundary=boundary)
        request = self._post("messages", content_type_of_form(boundary), body)
        return await self._http.call(request, self._timeouts)

    async def _get(self, path: str) -> Answer:
        request = Request(method="GET", url=self._base + path, headers=self._headers)
        return await self._http.call(request, self._timeouts)


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
