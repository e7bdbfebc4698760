"""A provider that does what it is told: it answers from a script, else accepts."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from mail_sender.clock import Clock
from mail_sender.delivery.breaker import Breaker, BreakerPolicy
from mail_sender.delivery.fleet import Fleet, Member
from mail_sender.delivery.quota import Quota, QuotaPolicy
from mail_sender.delivery.router import TEST_ROUTE, Route
from mail_sender.domain.message import Address, Message, OnUnknown
from mail_sender.domain.outcome import (
    Accepted,
    Blame,
    Deferred,
    Diagnostic,
    Outcome,
    Reach,
    Refused,
    Unknown,
)
from mail_sender.providers.port import (
    Capabilities,
    Check,
    CheckResult,
    Evidence,
    NoEvidence,
    Settling,
    Verification,
    VerificationStatus,
)

ABLE = Capabilities(
    max_recipients=50,
    max_message_bytes=None,
    max_tags=10,
    metadata=True,
    custom_headers=True,
    attachments=True,
    inline_images=True,
    smtputf8=True,
    blind_alone=True,
    names_everybody=True,
    settles_by=(Settling.NOTHING,),
)
WHY = Diagnostic(text="no")

DOWN = Deferred(blame=Blame.PROVIDER, diagnostic=Diagnostic(text="connection refused"))
BAD_KEY = Refused(
    blame=Blame.PROVIDER, diagnostic=Diagnostic(text="bad key", code=401), reach=Reach.ACCOUNT
)
NO_SUCH_USER = Refused(
    blame=Blame.RECIPIENT,
    diagnostic=Diagnostic(text="no such user", code=550, enhanced_code="5.1.1"),
)
BAD_MAIL = Refused(blame=Blame.MESSAGE, diagnostic=Diagnostic(text="bad mail", code=400))
TOO_LARGE = Refused(
    blame=Blame.PROVIDER, diagnostic=Diagnostic(text="too large", code=413), reach=Reach.MESSAGE
)
SILENT = Unknown(diagnostic=Diagnostic(text="connection closed before the answer"))


class Scripted:
    """See `providers.port.Provider`.

    `answers` are used up one a call: an Outcome for all recipients, a mapping for each, or an
    exception to raise. When none is left it accepts. `gate`, when set, holds calls back.
    """

    kind = "scripted"
    capabilities = ABLE

    def __init__(
        self,
        name: str = "ses",
        *answers: Outcome | Mapping[Address, Outcome] | Exception,
        obstacle: str | None = None,
        sender: Address | None = None,
    ) -> None:
        self.name = name
        self.sender = sender
        self.obstacle = obstacle
        self.answers = deque(answers)
        self.always: Outcome | None = None
        self.gate: asyncio.Event | None = None
        self.entered = asyncio.Event()
        self.sent: list[tuple[Message, frozenset[Address]]] = []
        self.closed = False

    def cannot_express(self, message: Message) -> str | None:
        return self.obstacle

    async def send(self, message: Message, *, to: frozenset[Address]) -> Mapping[Address, Outcome]:
        self.sent.append((message, to))
        self.entered.set()
        if self.gate is not None:
            await self.gate.wait()
        answer = self.answers.popleft() if self.answers else self.always
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Mapping):
            return answer
        if answer is not None:
            return dict.fromkeys(to, answer)
        return dict.fromkeys(to, Accepted(provider_message_id=f"{self.name}-{len(self.sent)}"))

    async def check(self) -> Check:
        return Check(result=CheckResult.WORKS, detail="asked nobody", took=timedelta(0))

    async def close(self) -> None:
        self.closed = True


class LookedUp(Scripted):
    """One that can be asked about an unknown outcome: it says what `evidence` is."""

    evidence: Evidence = NoEvidence("nothing found yet", timedelta(seconds=30))
    asked_for: Message | None = None

    async def look_up(
        self, message: Message, *, to: Sequence[Address], attempted_at: datetime, now: datetime
    ) -> Evidence:
        self.asked_for = message
        return self.evidence


class Verifying(Scripted):
    """One with the concept of verified addresses."""

    verified = VerificationStatus.PENDING

    async def verification(self, address: Address) -> Verification:
        return Verification(self.verified, "as told")

    async def ask_verification(self, address: Address) -> Verification:
        return Verification(VerificationStatus.PENDING, "mail sent")


def make_fleet(
    clock: Clock,
    *providers: Scripted,
    on_unknown: OnUnknown = OnUnknown.WAIT,
    breaker: BreakerPolicy | None = None,
    quota: QuotaPolicy | None = None,
) -> Fleet:
    """Return a fleet with one route, `default`, over these providers; test keys end in the last."""
    names = tuple(provider.name for provider in providers)
    return Fleet(
        clock,
        {
            provider.name: Member(
                provider,
                Breaker(clock, breaker or BreakerPolicy()),
                Quota(clock, quota or QuotaPolicy()),
            )
            for provider in providers
        },
        {
            "default": Route(name="default", providers=names, on_unknown=on_unknown),
            TEST_ROUTE: Route(name=TEST_ROUTE, providers=names[-1:]),
        },
    )
