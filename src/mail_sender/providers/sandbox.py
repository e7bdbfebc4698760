"""The built-in provider: puts the mail into the sandbox's inbox and sends it nowhere.

What test keys end in, and what a configuration without any account can route to. It needs no
network: `Tools.inbox` leads to the inbox that the gateway shows. The recipient `bounce@…` is
refused, as at the imitated relay, so that a client can see a failure without provoking one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from ..domain.message import Address, Message
from ..domain.outcome import Accepted, Blame, Diagnostic, Outcome, Refused
from .port import Capabilities, Check, CheckResult, Settling
from .settings import CommonSettings, InboxSink, Tools

_NO_SUCH_USER = Refused(
    blame=Blame.RECIPIENT,
    diagnostic=Diagnostic(
        text="No such user: bounce@ is always refused here", code=550, enhanced_code="5.1.1"
    ),
)


class Settings(CommonSettings, frozen=True, kw_only=True):
    """The table of a provider with `kind = "sandbox"`."""


def make(name: str, settings: Settings, tools: Tools) -> Sandbox:
    """Return the provider."""
    return Sandbox(name, settings.sender_address(), tools.inbox)


class Sandbox:
    """See `port.Provider`."""

    kind = "sandbox"
    capabilities = Capabilities(
        max_recipients=1000,
        max_message_bytes=None,
        max_tags=1000,
        metadata=True,
        custom_headers=True,
        attachments=True,
        inline_images=True,
        smtputf8=True,
        blind_alone=True,
        names_everybody=True,
        settles_by=(Settling.NOTHING,),  # a call within the process has no unknown outcome
        whole_mails=True,
    )

    def __init__(self, name: str, sender: Address | None, inbox: InboxSink) -> None:
        self.name = name
        self.sender = sender
        self._inbox = inbox

    def cannot_express(self, message: Message) -> str | None:  # noqa: ARG002 - nothing is too odd
        """See `Provider.cannot_express`."""
        return None

    async def send(self, message: Message, *, to: frozenset[Address]) -> Mapping[Address, Outcome]:
        """See `Provider.send`."""
        refused = frozenset(a for a in to if a.rpartition("@")[0].lower() == "bounce")
        outcomes: dict[Address, Outcome] = dict.fromkeys(refused, _NO_SUCH_USER)
        taken = to - refused
        if taken:
            mail_id = await self._inbox(self.name, message, taken)
            outcomes.update(dict.fromkeys(taken, Accepted(provider_message_id=mail_id)))
        return outcomes

    async def check(self) -> Check:
        """See `Provider.check`."""
        detail = "mail ends in the sandbox's inbox and is sent nowhere"
        return Check(result=CheckResult.WORKS, detail=detail, took=timedelta(0))

    async def close(self) -> None:
        """See `Provider.close`: there is nothing to let go of."""
