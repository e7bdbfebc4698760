"""The providers of this process, each with its breaker, its quota and whether it is paused.

Neighbours: `app` builds it, `failover` asks it for admission, the API and `explain` look at it.
Pauses are a person's decision kept in the store for all nodes; the worker tells them here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from ..clock import Clock
from ..domain.message import Address, Message
from ..domain.outcome import Accepted, Outcome, Unknown
from ..providers.port import LooksUp, Provider
from ..store.port import Pause
from .breaker import Admission, Blocked, Breaker, failure_of
from .quota import Quota
from .router import Route

_PAUSE_LOOKED_AT = timedelta(seconds=5)  #: how soon a resumed provider is asked again

_MAYBE_TAKEN = (Accepted, Unknown)


@dataclass(frozen=True, slots=True)
class Member:
    """One provider and what limits it.

    `looks_up` is told once: asking a protocol at run time costs 20 microseconds a time.
    """

    provider: Provider
    breaker: Breaker
    quota: Quota
    looks_up: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "looks_up", isinstance(self.provider, LooksUp))


class Ticket(msgspec.Struct, frozen=True):
    """Leave for one call of one member."""

    member: Member
    admission: Admission
    sender_domain: str
    recipients: int

    def use(self, outcomes: Mapping[Address, Outcome]) -> None:
        """Report what the call brought."""
        self.member.breaker.record(
            self.admission, failure_of(outcomes.values()), self.sender_domain
        )
        taken = sum([isinstance(o, _MAYBE_TAKEN) for o in outcomes.values()])
        self.member.quota.give_back(self.recipients - taken)

    def withdraw(self) -> None:
        """Report that no call was made."""
        self.member.breaker.withdraw(self.admission)
        self.member.quota.withdraw(self.recipients)


class Fleet:
    """See the module."""

    def __init__(
        self, clock: Clock, members: Mapping[str, Member], routes: Mapping[str, Route]
    ) -> None:
        self._clock = clock
        self.members = members
        self.routes = routes
        self.providers = {name: member.provider for name, member in members.items()}
        self._pauses: Mapping[str, Pause] = {}

    @property
    def pauses(self) -> Mapping[str, Pause]:
        """Providers that a person took out of service."""
        return self._pauses

    def learn_pauses(self, pauses: Mapping[str, Pause]) -> None:
        """Take over what the store says."""
        self._pauses = pauses

    def blocked(self, name: str, message: Message, recipients: int) -> Blocked | None:
        """Return why this provider would not be asked now; None if it would."""
        member = self.members[name]
        if name in self._pauses:
            return self._paused(name)
        domain = self._sender_domain(member, message)
        return member.breaker.blocked(domain) or member.quota.blocked(recipients)

    def admit(self, name: str, message: Message, recipients: int) -> Ticket | Blocked:
        """Take leave for one call, or say why not. The ticket must be used or withdrawn."""
        member = self.members[name]
        if name in self._pauses:
            return self._paused(name)
        domain = self._sender_domain(member, message)
        admission = member.breaker.admit(domain)
        if isinstance(admission, Blocked):
            return admission
        over = member.quota.admit(recipients)
        if over is not None:
            member.breaker.withdraw(admission)
            return over
        return Ticket(member, admission, domain, recipients)

    def earliest(
        self, names: tuple[str, ...], message: Message, recipients: int
    ) -> datetime | None:
        """Return when the first of these providers may be asked again; None: one may be now."""
        blocks = [self.blocked(name, message, recipients) for name in names]
        if not blocks or None in blocks:
            return None
        return min(block.until for block in blocks if block is not None)

    def _paused(self, name: str) -> Blocked:
        reason = self._pauses[name].reason
        words = f"paused: {reason}" if reason else "paused"
        return Blocked(words, self._clock.now() + _PAUSE_LOOKED_AT)

    async def close(self) -> None:
        """Close every provider."""
        for member in self.members.values():
            await member.provider.close()

    @staticmethod
    def _sender_domain(member: Member, message: Message) -> str:
        sender = member.provider.sender or message.content.sender.address
        return sender.rpartition("@")[2].lower()
