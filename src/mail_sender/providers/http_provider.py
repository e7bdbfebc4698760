"""What all providers reached over HTTP do alike: write a request, call once, read the answer.

Neighbours: `ses` and `mailgun` extend it, and `json_provider` does for the APIs that take JSON;
`http` reads what no provider file has a better reading of. A provider says what to ask and what
the answer means; that a mail is tried once, that a large one is written in a thread, that no
secret comes back and that silence is never taken for a no is said here.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from msgspec import structs

from ..domain.message import Address, Message
from ..domain.outcome import Outcome
from ..mime import least_bytes
from .ascii_headers import unwritable, without_ascii_form
from .http import Answer, Request, Silence, clock_offset, outcome_of_silence
from .port import Capabilities, Check, CheckResult
from .settings import CommonSettings, Tools
from .verdict import TooMuchForIt, refused_as_too_much

_LARGE_BYTES = 256 * 1024  #: from here on, writing it is worth a thread
_MB = 1024 * 1024


class HttpProvider(ABC):
    """See `port.Provider`.

    Attributes:
        title: The service's name in reasons and findings.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    capabilities: ClassVar[Capabilities]

    def __init__(
        self,
        name: str,
        settings: CommonSettings,
        tools: Tools,
        *,
        base_url: str,
        secrets: tuple[str, ...] = (),
    ) -> None:
        """Make it; nothing is called.

        Args:
            name: Of its table.
            settings: What every kind has.
            tools: From the composition root.
            base_url: What paths are added to.
            secrets: What the far side may repeat and nobody may see.
        """
        self.name = name
        self.sender = settings.sender_address()
        self._timeouts = settings.timeouts()
        self._http = tools.http
        self._clock = tools.clock
        self._base = base_url.rstrip("/")
        self._secrets = tuple(secret.encode() for secret in secrets)

    def cannot_express(self, message: Message) -> str | None:
        """See `Provider.cannot_express`."""
        content, can = message.content, self.capabilities
        if len(content.recipients) > can.max_recipients:
            return (
                f"{self.title} takes {can.max_recipients} recipients at a time, "
                f"this mail has {len(content.recipients)}"
            )
        odd = without_ascii_form(content)
        if odd is not None:
            return f"{self.title} takes only ASCII addresses (the domain in Punycode), unlike {odd}"
        most = can.max_message_bytes
        if most is not None and least_bytes(content) > most:
            return f"{self.title} takes mails of {most // _MB} MB at most, base64 counted"
        return self._obstacle(message)

    async def send(self, message: Message, *, to: frozenset[Address]) -> Mapping[Address, Outcome]:
        """See `Provider.send`."""
        try:
            if least_bytes(message.content) > _LARGE_BYTES:
                request = await asyncio.to_thread(self._send_request, message, to)
            else:
                request = self._send_request(message, to)
        except TooMuchForIt as reason:
            return dict.fromkeys(to, refused_as_too_much(reason))
        except ValueError as error:
            return dict.fromkeys(to, unwritable(error))
        try:
            answer = await self._answer(request)
        except Silence as silence:
            return dict.fromkeys(to, outcome_of_silence(silence))
        return self._outcomes(answer, message, to)

    async def check(self) -> Check:
        """See `Provider.check`."""
        began = self._clock.now()
        try:
            found, answer = await self._finding()
        except Silence as silence:
            return Check(
                result=CheckResult.UNREACHABLE,
                detail=f"{self._base} did not answer: {silence.reason}; is the address right, "
                "and may this machine connect to it?",
                took=self._clock.now() - began,
            )
        now = self._clock.now()
        return replace(found, took=now - began, clock_offset=clock_offset(answer, now=now))

    async def close(self) -> None:  # noqa: B027 - there is nothing to let go of
        """See `Provider.close`. The HTTP client belongs to whoever made it."""

    def _obstacle(self, message: Message) -> str | None:  # noqa: ARG002 - for those who have one
        """Return what else stands in the way; see `cannot_express`."""
        return None

    @abstractmethod
    def _send_request(self, message: Message, to: frozenset[Address]) -> Request:
        """Return the call that hands the message over. Pure but for the clock; may be in a thread.

        Raises:
            TooMuchForIt: It cannot be said to this provider for just these recipients.
            ValueError: It cannot be written at all.
        """

    @abstractmethod
    def _outcomes(
        self, answer: Answer, message: Message, to: frozenset[Address]
    ) -> Mapping[Address, Outcome]:
        """Read the answer to it: one Outcome for each address in `to`. Raises nothing."""

    @abstractmethod
    async def _finding(self) -> tuple[Check, Answer]:
        """Find out about the account without sending: what is found, and the answer that said it.

        Time taken and clock are filled in by the caller.

        Raises:
            Silence: There was no answer.
        """

    async def _answer(self, request: Request) -> Answer:
        """Make a call, once. A far side that quotes what it was given quotes no secret.

        Raises:
            Silence: See `HttpClient.call`.
        """
        answer = await self._http.call(request, self._timeouts)
        for secret in self._secrets:
            if secret in answer.body:
                answer = structs.replace(answer, body=answer.body.replace(secret, b"******"))
        return answer
