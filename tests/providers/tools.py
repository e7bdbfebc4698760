"""What a factory gets from the composition root, for tests of providers."""

from __future__ import annotations

from mail_sender.clock import Clock, FakeClock
from mail_sender.domain.message import Address, Message
from mail_sender.providers.http import HttpClient
from mail_sender.providers.settings import Tools


async def _no_inbox(provider: str, message: Message, to: frozenset[Address]) -> str:
    raise AssertionError(f"{provider} has no business with the sandbox's inbox")


def make_tools(http: HttpClient, clock: Clock | None = None) -> Tools:
    """Return tools with this client, a fake clock and an inbox that fails the test."""
    return Tools(
        http=http, clock=clock or FakeClock(), hostname="mail.example.com", inbox=_no_inbox
    )
