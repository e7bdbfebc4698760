"""Which providers may be asked for a message, in which order, and why not the others. Pure.

Neighbours: `failover` walks the plan, `explain` shows it. Only what holds for this message at
any time is decided here (the route, what a provider cannot express); what holds for now
(breaker, quota, pause) is asked by `fleet` at the moment of the call.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from ..domain.message import Mailbox, Message, OnUnknown
from ..mime import spelled_out, why_not_spelled_out
from ..providers.port import Provider

DEFAULT_ROUTE = "default"
TEST_ROUTE = "test"  #: where messages of test keys go: the built-in sandbox provider, only


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Providers in the order in which they are asked, and the default for `on_unknown`."""

    name: str
    providers: tuple[str, ...]
    on_unknown: OnUnknown = OnUnknown.WAIT


class Step(msgspec.Struct, frozen=True):
    """One provider of the plan; `obstacle` says why it can never take this message."""

    provider: str
    obstacle: str | None = None


def plan(
    message: Message, routes: Mapping[str, Route], providers: Mapping[str, Provider]
) -> tuple[Step, ...]:
    """Return the providers of the message's route in order.

    A message may be older than the configuration: a route that is gone is read as the default
    route, and a provider that is gone is left out.
    """
    if message.is_test:
        names = routes[TEST_ROUTE].providers
    else:
        route = routes.get(message.route) or routes.get(DEFAULT_ROUTE)
        names = route.providers if route else ()
    return tuple(
        [Step(name, _obstacle(providers[name], message)) for name in names if name in providers]
    )


def as_sent_by(provider: Provider, message: Message) -> Message:
    """Return the message as this provider gets it.

    With the only sender address that its account may use, and by its parts where the client
    wrote a whole mail and the provider takes none.
    """
    content = message.content
    if provider.sender is not None and provider.sender != content.sender.address:
        sender = Mailbox(provider.sender, content.sender.name)
        content = dataclasses.replace(content, sender=sender, mail_from=None)
    if content.raw is not None and not provider.capabilities.whole_mails:
        content = spelled_out(content)
    if content is message.content:
        return message
    return dataclasses.replace(message, content=content)


def _obstacle(provider: Provider, message: Message) -> str | None:
    if not provider.capabilities.whole_mails:
        reason = why_not_spelled_out(message.content)
        if reason is not None:
            return f"this provider takes a mail only by its parts, and {reason}"
    return provider.cannot_express(as_sent_by(provider, message))
