"""A dry run: which providers would be tried, in which order, and why not the others. Pure.

The same plan and the same questions as a real hand-over, without a call and without taking
anything from a quota or a breaker.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..domain.message import Message
from ..mime import losses
from .fleet import Fleet
from .router import Step, plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One provider of the plan.

    Attributes:
        cannot_express: Why it can never take this message.
        blocked: Why it would not be asked now (paused, breaker, quota).
        losses: What a mail that the client wrote itself loses there.
    """

    provider: str
    kind: str
    cannot_express: str | None
    blocked: str | None
    losses: tuple[str, ...] = ()

    @property
    def would_be_asked(self) -> bool:
        """Whether it would be asked when its turn comes."""
        return self.cannot_express is None and self.blocked is None


def explain(message: Message, fleet: Fleet) -> tuple[Explained, ...]:
    """Return every provider of the message's route in order, with its obstacles."""
    return tuple(
        _explained(step, message, fleet) for step in plan(message, fleet.routes, fleet.providers)
    )


def _explained(step: Step, message: Message, fleet: Fleet) -> Explained:
    blocked = fleet.blocked(step.provider, message, len(message.content.recipients))
    provider = fleet.providers[step.provider]
    return Explained(
        provider=step.provider,
        kind=provider.kind,
        cannot_express=step.obstacle,
        blocked=blocked.reason if blocked else None,
        losses=() if provider.capabilities.whole_mails else losses(message.content),
    )
