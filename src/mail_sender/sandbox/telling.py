"""Sends what imitated providers tell of a mail to a gateway: at once or late, once or again.

Neighbours: `control` asks for it, `provider_events` has the words, the inbox the mail. A provider
repeats what it heard no 200 to; here the caller sees each answer, and decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated

import msgspec

from ..clock import Clock
from ..providers.http import HttpClient, Request, Silence, Timeouts
from .faults import Kind
from .happenings import Happening, Telling, TellsNothing
from .inbox import Inbox, Mail
from .provider_events import SigningKey, tell

_PATIENCE = Timeouts(answer=timedelta(seconds=10))
_MOST_LATE = 1000


class Story(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall be told of a mail.

    Attributes:
        mail: Its id in the inbox.
        events: In this order, whatever the order in which such things happen.
        recipient: To whom it happened. None: to everybody in the envelope.
        times: How often each is told.
        after: Seconds until then.
        url: Of the gateway, such as `http://127.0.0.1:8025`. None: the one that it runs in.
    """

    mail: str
    events: Annotated[tuple[Happening, ...], msgspec.Meta(min_length=1, max_length=100)]
    recipient: str | None = None
    times: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    after: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0
    url: str | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One call, and what the gateway answered; None: nothing, or not yet."""

    event: Happening
    status: int | None
    said: str


class _Call(msgspec.Struct, frozen=True):
    account: str
    event: Happening
    telling: Telling


class CannotTell(Exception):
    """The story cannot be told, with the words for the client."""


class Teller:
    """Tells stories. One event loop only."""

    def __init__(
        self,
        *,
        inbox: Inbox,
        kinds: Callable[[], Mapping[str, Kind]],
        clock: Clock,
        http: Callable[[], HttpClient],
        own_url: Callable[[], str],
    ) -> None:
        """Make one.

        Args:
            inbox: Where mails are.
            kinds: Returns the kind of each account.
            clock: For the times in events.
            http: Returns what calls are made with, once one is.
            own_url: Returns where the certificate of SNS can be fetched.
        """
        self.gateway_url: str | None = None
        self._inbox = inbox
        self._kinds = kinds
        self._clock = clock
        self._http = http
        self._own_url = own_url
        self._key = SigningKey(clock.now())
        self._late: set[asyncio.Task[None]] = set()

    def certificate(self, path: str) -> bytes | None:
        """Return the certificate of SNS, where `path` is its own."""
        return self._key.certificate if path == f"/{self._key.name}" else None

    async def tell(self, story: Story) -> list[Told]:
        """Tell it, or promise to. Raises `CannotTell`."""
        url = story.url or self.gateway_url
        if url is None:
            raise CannotTell("Name the gateway: this sandbox runs beside none.")
        calls = self._calls(story, url)
        if not story.after:
            return [await self._make(url, call) for call in calls]
        if len(self._late) >= _MOST_LATE:
            raise CannotTell("Too much is to be told later already.")
        task = asyncio.get_running_loop().create_task(self._later(url, story))
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        said = f"in {story.after:g} s"
        return [Told(event=call.event, status=None, said=said) for call in calls]

    async def stop(self) -> None:
        """Forget what was to be told later."""
        for task in tuple(self._late):
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    async def _later(self, url: str, story: Story) -> None:
        await asyncio.sleep(story.after)
        for call in self._calls(story, url):
            await self._make(url, call)

    def _calls(self, story: Story, url: str) -> list[_Call]:
        mail = self._inbox.get(story.mail)
        if mail is None:
            raise CannotTell(f"There is no mail {story.mail}, or no longer.")
        whom = (story.recipient,) if story.recipient else mail.recipients
        kind = self._kinds().get(mail.provider)
        if kind is None:
            raise CannotTell(f"{mail.provider} tells nothing of a mail afterwards.")
        return [
            _Call(mail.provider, event, telling)
            for event in story.events
            for telling in self._tellings(kind, mail, event, whom, _hook(url, mail.provider))
            for _ in range(story.times)
        ]

    def _tellings(
        self, kind: Kind, mail: Mail, event: Happening, whom: tuple[str, ...], hook: str
    ) -> list[Telling]:
        together = [whom] if kind is Kind.SES else [(each,) for each in whom]
        key_url = f"{self._own_url()}/{self._key.name}"
        now = self._clock.now()
        try:
            return [
                tell(kind, mail, event, each, now=now, key=self._key, key_url=key_url, url=hook)
                for each in together
            ]
        except TellsNothing as error:
            raise CannotTell(f"{error}.") from None

    async def _make(self, url: str, call: _Call) -> Told:
        request = Request(
            method="POST",
            url=_hook(url, call.account),
            headers=call.telling.headers,
            body=call.telling.body,
        )
        try:
            answer = await self._http().call(request, _PATIENCE)
        except (Silence, ValueError) as error:
            return Told(event=call.event, status=None, said=str(error))
        return Told(event=call.event, status=answer.status, said=answer.text[:300])


def _hook(gateway: str, account: str) -> str:
    return f"{gateway.rstrip('/')}/hooks/{account}"
