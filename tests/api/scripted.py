"""A provider that answers what a test wrote down, and keeps what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mail_sender.domain.feedback import Feedback
from mail_sender.domain.message import Address, Message
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
from mail_sender.providers.webhook import (
    Forged,
    Genuine,
    Judgement,
    Malformed,
    Unreadable,
    WebhookCall,
)

ACCEPTED = Accepted(provider_message_id="p-1", diagnostic=Diagnostic(text="", code=200))
BUSY = Deferred(
    blame=Blame.PROVIDER,
    diagnostic=Diagnostic(text="Service Unavailable", code=503),
    reach=Reach.MESSAGE,  # so that no breaker opens and tests do not touch each other
)
NO_SUCH_MAILBOX = Refused(
    blame=Blame.RECIPIENT,
    diagnostic=Diagnostic(text="no such user", code=550, enhanced_code="5.1.1"),
)
SILENCE = Unknown(diagnostic=Diagnostic(text="no answer"))
DOWN = Deferred(
    blame=Blame.PROVIDER,
    diagnostic=Diagnostic(text="account suspended", code=403),
    reach=Reach.ACCOUNT,
)


@dataclass(slots=True)
class Scripted:
    """Accepts everything unless told otherwise.

    Attributes:
        script: The answers of the next calls, in order.
        otherwise: The answer when the script is over.
        each: Answers by recipient, before all others.
        hangs: When set, a call waits until it is.
        obstacle: What `cannot_express` says.
    """

    name: str
    kind: str = "scripted"
    sender: Address | None = None
    script: deque[Outcome] = field(default_factory=deque)
    otherwise: Outcome = ACCEPTED
    each: dict[Address, Outcome] = field(default_factory=dict)
    hangs: asyncio.Event | None = None
    obstacle: str | None = None
    finding: Check = field(
        default_factory=lambda: Check(
            result=CheckResult.WORKS,
            detail="GetAccount: sending is enabled",
            took=timedelta(milliseconds=12),
            quota_left=200,
        )
    )
    asked: list[tuple[Message, frozenset[Address]]] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            max_recipients=50,
            max_message_bytes=10_000_000,
            max_tags=3,
            metadata=True,
            custom_headers=True,
            attachments=True,
            inline_images=True,
            smtputf8=False,
            blind_alone=True,
            names_everybody=True,
            settles_by=(Settling.NOTHING,),
        )

    def cannot_express(self, message: Message) -> str | None:
        return self.obstacle

    async def send(self, message: Message, *, to: frozenset[Address]) -> Mapping[Address, Outcome]:
        self.asked.append((message, to))
        self.called.set()
        if self.hangs is not None:
            await self.hangs.wait()
        answer = self.script.popleft() if self.script else self.otherwise
        return {address: self.each.get(address, answer) for address in to}

    async def check(self) -> Check:
        return self.finding

    async def close(self) -> None:
        """Nothing is open."""


@dataclass(slots=True)
class Verifying(Scripted):
    """One that has verified addresses, and can be asked about a message but knows nothing."""

    verified: set[Address] = field(default_factory=set)
    pending: set[Address] = field(default_factory=set)

    async def verification(self, address: Address) -> Verification:
        if address in self.verified:
            return Verification(VerificationStatus.VERIFIED, "verified")
        if address in self.pending:
            return Verification(VerificationStatus.PENDING, "the mail is out")
        return Verification(VerificationStatus.NOT_ASKED, "nobody asked")

    async def ask_verification(self, address: Address) -> Verification:
        self.pending.add(address)
        return await self.verification(address)

    async def look_up(
        self, message: Message, *, to: Sequence[Address], attempted_at: datetime, now: datetime
    ) -> Evidence:
        return NoEvidence("nothing found", timedelta(minutes=1))


@dataclass(slots=True)
class ScriptedWebhook:
    """Believes whoever says `{"key": …}`, unless told otherwise, and reads `feedback`.

    Attributes:
        judgement: Instead of what the call says.
        feedback: What every genuine call says.
        unreadable: A genuine call says nothing that makes sense.
        comes_again_after_5xx: As of Brevo, when false.
    """

    comes_again_after_5xx: bool = True
    judgement: Judgement | None = None
    feedback: list[Feedback] = field(default_factory=list)
    unreadable: bool = False

    async def judge(self, call: WebhookCall) -> Judgement:
        if self.judgement is not None:
            return self.judgement
        try:
            document = json.loads(call.body)
        except ValueError:
            return Malformed("not JSON")
        key = document.get("key") if isinstance(document, dict) else None
        return Genuine(key) if isinstance(key, str) and key else Forged("no key")

    def feedback_in(self, body: bytes, *, key: str, received_at: datetime) -> list[Feedback]:
        if self.unreadable:
            raise Unreadable("what is this?")
        return self.feedback
