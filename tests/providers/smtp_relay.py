"""An SMTP provider and its far side, as tests of it begin.

Neighbours: `smtp_far_side` is the server; `test_smtp` is about transactions, `test_smtp_session`
about what comes before and between them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

from mail_sender.clock import FakeClock
from mail_sender.domain.message import Message
from mail_sender.domain.outcome import Outcome
from mail_sender.providers.http import Answer, Request, Timeouts
from mail_sender.providers.smtp import Settings, Smtp, make
from mail_sender.providers.smtp_connection import Tls

from ..make import ANN, make_message
from .smtp_far_side import FarSide, Manners
from .tools import make_tools

SOON = timedelta(milliseconds=200)
LARGE = "x" * 70 + "\n"
LARGE_TEXT = LARGE * 200_000  #: 14 MB: more than every buffer between us and the far side


class NoHttp:
    """This provider has no business with HTTP."""

    async def call(self, request: Request, timeouts: Timeouts) -> Answer:
        raise AssertionError(request.url)

    async def close(self) -> None:
        raise AssertionError


def provider_at(port: int, **settings: Any) -> Smtp:  # noqa: ANN401
    """Return a provider for a far side on loopback, in clear unless told otherwise."""
    fields = {"kind": "smtp", "host": "127.0.0.1", "port": port, "tls": Tls.NONE, **settings}
    return make("relay", Settings(**fields), make_tools(NoHttp(), FakeClock()))


@contextlib.asynccontextmanager
async def relay(
    manners: Manners | None = None,
    **settings: Any,  # noqa: ANN401
) -> AsyncIterator[tuple[FarSide, Smtp]]:
    """Start a far side and a provider for it."""
    async with FarSide(manners) as far_side:
        provider = provider_at(far_side.port, **settings)
        try:
            yield far_side, provider
        finally:
            await provider.close()


async def outcomes_of(
    manners: Manners,
    *,
    to: tuple[str, ...] = (ANN,),
    **settings: Any,  # noqa: ANN401
) -> list[Outcome]:
    """Return what became of a mail for each of `to`, in that order."""
    async with relay(manners, **settings) as (_, provider):
        return await send(provider, make_message(to=to))


async def send(provider: Smtp, message: Message) -> list[Outcome]:
    """Send to all recipients and return their outcomes in order."""
    recipients = message.content.recipients
    outcomes = await provider.send(message, to=frozenset(recipients))
    assert set(outcomes) == set(recipients)
    return [outcomes[recipient] for recipient in recipients]


def answering(**answers: str) -> Manners:
    """Return manners with one answer each, by verb (or `RCPT` for every recipient)."""
    return Manners(answers={verb: [(answer,)] for verb, answer in answers.items()})


async def until(happened: Callable[[], bool]) -> None:
    """Let the loop turn until something happened; ten seconds at most."""
    async with asyncio.timeout(10):
        while not happened():  # noqa: ASYNC110 - the far side tells by its lists only
            await asyncio.sleep(0)
