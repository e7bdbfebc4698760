"""Try providers in order until nobody is left to try or nobody is left to reach.

Neighbours: `router` gives the order, `fleet` says who may be asked now, `worker` owns the
ledger. Whether a failed recipient may go on to the next provider is one pure function,
`may_try_next`; everything else here is a loop. It calls no provider before the ledger has made
the intent durable (`begin`), and tells the ledger each outcome before it goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from ..clock import Clock
from ..domain.attempt import Attempt, OutcomeKind, finished_attempt, skipped_attempt
from ..domain.message import Address, Message, OnUnknown
from ..domain.outcome import Accepted, Blame, Deferred, Diagnostic, Outcome, Reach, Refused, Unknown
from ..providers.port import Provider
from ..store.port import Lease
from .breaker import Blocked
from .fleet import Fleet, Ticket
from .router import Step, as_sent_by


def may_try_next(outcome: Outcome, on_unknown: OnUnknown) -> bool:
    """Return whether another provider may be asked for the same recipient."""
    match outcome:
        case Accepted():
            return False
        case Unknown():
            return on_unknown is OnUnknown.RISK_DUPLICATE
        case Deferred(blame=blame) | Refused(blame=blame):
            return blame is Blame.PROVIDER


#: Nobody can say how far it got. The diagnostic reaches the client: it must not carry the
#: exception's text.
_AFTER_A_BUG = Unknown(diagnostic=Diagnostic(text="internal error while calling the provider"))


class Lost(Exception):
    """The store says that this message belongs to somebody else now: send nothing more."""


@dataclass(slots=True)
class Pass:
    """One walk over the providers: what it has brought so far.

    Attributes:
        attempts: Not yet in the store, in order.
        outcomes: The newest outcome of each recipient that was asked for.
        by: The provider that gave it.
        asked: Whether any provider was called.
        never: Providers of the route that can never take this message.
        provider, provider_message_id: Who took it last, if anyone did.
    """

    attempts: list[Attempt] = field(default_factory=list)
    outcomes: dict[Address, Outcome] = field(default_factory=dict)
    by: dict[Address, str] = field(default_factory=dict)
    asked: bool = False
    never: set[str] = field(default_factory=set)
    last_asked: str | None = None
    provider: str | None = None
    provider_message_id: str | None = None
    numbered: int = 0

    @property
    def is_taken(self) -> bool:
        """Whether a provider took everybody, so that nobody is left to wait for another."""
        return self.asked and all(isinstance(o, Accepted) for o in self.outcomes.values())

    def add(self, attempt: Attempt, outcomes: Mapping[Address, Outcome]) -> None:
        """Take in what one provider answered."""
        self.attempts.append(attempt)
        self.asked = True
        self.last_asked = attempt.provider
        self.outcomes |= outcomes
        self.by |= dict.fromkeys(outcomes, attempt.provider)
        if attempt.provider_message_id is not None:
            self.provider = attempt.provider
            self.provider_message_id = attempt.provider_message_id
        if all(_never_here(outcome) for outcome in outcomes.values()):
            self.never.add(attempt.provider)


class Observer(Protocol):
    """Is told what happens, for logs and metrics."""

    def attempt(self, message: Message, attempt: Attempt) -> None:
        """A provider answered, fell silent or was passed over."""
        ...

    def failover(self, message: Message, fault: Attempt, taken: Attempt) -> None:
        """A provider took what the one before it, that was asked, could not: nobody else sees it.

        Providers passed over are no part of it: what put them out of service was told then.
        """
        ...

    def bug(self, message: Message, provider: str, error: Exception) -> None:
        """A provider broke its contract."""
        ...


class Ledger(Protocol):
    """Where intents and outcomes become durable."""

    async def begin(self, done: Pass, provider: str, recipients: Sequence[Address]) -> bool:
        """Record what `done` holds so far (then its attempts are emptied) and the intent.

        False: the lease is lost. May raise `StoreUnavailable`: then nothing may be sent.
        """
        ...

    def note(self, done: Pass) -> None:
        """Begin to make the newest outcome survive a crash. Never raises, waits for nothing."""
        ...


class Walk:
    """One pass over the providers for one leased message.

    `done` is good at any moment, also after `run` raised: it holds what has to be recorded.
    """

    def __init__(
        self,
        lease: Lease,
        steps: Sequence[Step],
        *,
        fleet: Fleet,
        ledger: Ledger,
        clock: Clock,
        observer: Observer,
    ) -> None:
        self.done = Pass(numbered=lease.attempts_made)
        self.is_calling = False  #: whether a provider may be taking it right now
        self._lease = lease
        self._steps = steps
        self._fleet = fleet
        self._ledger = ledger
        self._clock = clock
        self._observer = observer
        self._fault: Attempt | None = None  #: the newest one that sent somebody on to the next

    async def run(self, may_go_on: Callable[[], bool]) -> None:
        """Walk once.

        Args:
            may_go_on: Asked before each call: False ends the walk (shutting down, too late,
                the time of a sync caller is up).

        Raises:
            Lost: The lease is lost.
            StoreUnavailable: An intent could not be made durable; nothing was sent for it.
        """
        left = self._lease.pending
        message = self._lease.message
        for step in self._steps:
            if not left or not may_go_on():
                break
            if step.obstacle is not None:
                self.done.never.add(step.provider)
                self._skip(step.provider, step.obstacle, Blame.MESSAGE)
                continue
            ticket = self._fleet.admit(step.provider, message, len(left))
            if isinstance(ticket, Blocked):
                self._skip(step.provider, ticket.reason, Blame.PROVIDER)
                continue
            attempt = await self._ask(ticket, left)
            if self._fault is not None and attempt.outcome is OutcomeKind.ACCEPTED:
                self._observer.failover(message, self._fault, attempt)
            left = tuple(r for r in left if may_try_next(self.done.outcomes[r], message.on_unknown))
            if left:
                self._fault = attempt

    async def _ask(self, ticket: Ticket, to: Sequence[Address]) -> Attempt:
        provider = ticket.member.provider
        used = False
        self.is_calling = True
        try:
            if not await self._ledger.begin(self.done, provider.name, to):
                raise Lost
            started_at = self._clock.now()
            outcomes = await self._outcomes(provider, frozenset(to))
            used = True
            ticket.use(outcomes)
        finally:
            self.is_calling = False
            if not used:
                ticket.withdraw()
        self.done.numbered += 1
        attempt = finished_attempt(
            number=self.done.numbered,
            provider=provider.name,
            started_at=started_at,
            duration=max(self._clock.now() - started_at, timedelta(0)),
            outcomes=outcomes,
        )
        self.done.add(attempt, outcomes)
        self._observer.attempt(self._lease.message, attempt)
        self._ledger.note(self.done)
        return attempt

    async def _outcomes(
        self, provider: Provider, to: frozenset[Address]
    ) -> Mapping[Address, Outcome]:
        message = as_sent_by(provider, self._lease.message)
        outcomes: Mapping[Address, Outcome] = {}
        try:
            outcomes = await provider.send(message, to=to)
        except Exception as error:  # noqa: BLE001 - a bug in a provider file must not stop others
            self._observer.bug(message, provider.name, error)
        return {address: outcomes.get(address, _AFTER_A_BUG) for address in to}

    def _skip(self, provider: str, reason: str, blame: Blame) -> None:
        if self._lease.skipped.get(provider) == reason:
            return  # said before: a message that waits through an outage keeps a short record
        self.done.numbered += 1
        attempt = skipped_attempt(
            number=self.done.numbered,
            provider=provider,
            at=self._clock.now(),
            reason=reason,
            blame=blame,
        )
        self.done.attempts.append(attempt)
        self._observer.attempt(self._lease.message, attempt)


def _never_here(outcome: Outcome) -> bool:
    return (
        isinstance(outcome, Refused)
        and outcome.blame is Blame.PROVIDER
        and outcome.reach is Reach.MESSAGE
    )
