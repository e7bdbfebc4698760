"""What every provider's table in the configuration may say, and what a factory gets.

Each provider file has a `Settings` struct that extends `CommonSettings`, and a function
`make(name, settings, tools)`. Field descriptions become docs/config.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import msgspec

from ..clock import Clock
from ..domain.message import Address, Message
from ..domain.secret import Secret
from .http import HttpClient, Timeouts

Doc = msgspec.Meta


class CommonSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings that every kind of provider has."""

    kind: Annotated[str, Doc(description="Which provider this is.")]
    sender: Annotated[
        str | None,
        Doc(
            description="This account may only send as this address: every mail that goes "
            "through it gets it, with the original display name."
        ),
    ] = None
    max_per_second: (
        Annotated[
            float, Doc(gt=0, description="Messages a second at most; beyond, others are asked.")
        ]
        | None
    ) = None
    quota_per_hour: (
        Annotated[int, Doc(gt=0, description="Recipients in any hour at most.")] | None
    ) = None
    quota_per_day: (
        Annotated[int, Doc(gt=0, description="Recipients in any 24 hours at most.")] | None
    ) = None
    connect_timeout: Annotated[timedelta, Doc(description="For DNS, TCP and TLS together.")] = (
        timedelta(seconds=5)
    )
    write_timeout: Annotated[
        timedelta, Doc(description="Until the whole request is handed to the kernel.")
    ] = timedelta(seconds=30)
    answer_timeout: Annotated[
        timedelta, Doc(description="From then on; when it runs out the outcome is unknown.")
    ] = timedelta(seconds=30)

    def timeouts(self) -> Timeouts:
        """Return the three time limits of a call."""
        return Timeouts(
            connect=self.connect_timeout, write=self.write_timeout, answer=self.answer_timeout
        )

    def sender_address(self) -> Address | None:
        """Return `sender` as an address."""
        return Address(self.sender) if self.sender else None


class SettingsWithLogin(CommonSettings, frozen=True, kw_only=True):
    """Of a kind that signs no webhook, and sends a login of our choice with it."""

    webhook_user: Annotated[
        str,
        Doc(
            pattern="^[^:]*$",
            description="Of the HTTP basic authentication that its webhooks are given.",
        ),
    ] = "mail-sender"
    webhook_password: Annotated[
        Secret | None, Doc(description="Of the same; without it no event is taken.")
    ] = None


InboxSink = Callable[[str, Message, frozenset[Address]], Awaitable[str]]
"""Puts a message into the sandbox's inbox: (provider name, message, envelope) -> message id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What the composition root gives to every factory."""

    http: HttpClient
    clock: Clock
    hostname: str  #: our own fully qualified name, for EHLO and Message-ID
    inbox: InboxSink
