"""One try at one provider: who, when, how long, and what it answered for each recipient.

Attempts are only ever added, never changed. A provider that the router passed over is an
attempt too, with the outcome `skipped` and the reason, so that "why not SES?" is answered
by the message itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from .message import Address
from .outcome import Accepted, Blame, Deferred, Diagnostic, Outcome, Refused, Unknown
from .value import quickly_made


class OutcomeKind(StrEnum):
    """The word for an attempt's outcome in the API, the logs and the metrics."""

    ACCEPTED = "accepted"  #: the provider took every recipient that it was asked for, or some
    DEFERRED = "deferred"  #: nothing went out, later may be better
    REFUSED = "refused"  #: nothing went out, and never will this way
    UNKNOWN = "unknown"  #: it may have been taken
    SKIPPED = "skipped"  #: the provider was not asked at all


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientOutcome:
    """What one provider said of one recipient, where recipients of a call differ."""

    address: Address
    outcome: OutcomeKind
    blame: Blame | None = None
    code: int | None = None
    enhanced_code: str | None = None
    detail: str = ""


@quickly_made
@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A finished attempt.

    Attributes:
        number: Counts from 1 within the message, skipped ones included.
        duration: From the call to the answer, or to its absence; zero when skipped.
        outcome: For the call as a whole: the most consequential among its recipients, in the
            order unknown, accepted, deferred, refused.
        provider_message_id: The provider's id, when it accepted.
        recipients: One entry each when they differ, else empty.
    """

    number: int
    provider: str
    started_at: datetime
    duration: timedelta
    outcome: OutcomeKind
    blame: Blame | None = None
    code: int | None = None
    enhanced_code: str | None = None
    detail: str = ""
    provider_message_id: str | None = None
    recipients: tuple[RecipientOutcome, ...] = ()


def kind_of(outcome: Outcome) -> OutcomeKind:
    """Return the word for an outcome."""
    return _KINDS[type(outcome)]


_KINDS: dict[type[Outcome], OutcomeKind] = {
    Accepted: OutcomeKind.ACCEPTED,
    Deferred: OutcomeKind.DEFERRED,
    Refused: OutcomeKind.REFUSED,
    Unknown: OutcomeKind.UNKNOWN,
}


def finished_attempt(
    *,
    number: int,
    provider: str,
    started_at: datetime,
    duration: timedelta,
    outcomes: Mapping[Address, Outcome],
) -> Attempt:
    """Return the record of a call, from the outcome of each recipient (at least one)."""
    leading, *others = outcomes.values()
    is_one_answer = not others or all(outcome == leading for outcome in others)
    if not is_one_answer:
        leading = min(outcomes.values(), key=lambda outcome: _CONSEQUENCE[kind_of(outcome)])
    diagnostic = leading.diagnostic or _NOTHING_SAID
    return Attempt(
        number=number,
        provider=provider,
        started_at=started_at,
        duration=duration,
        outcome=kind_of(leading),
        blame=_blame_of(leading),
        code=diagnostic.code,
        enhanced_code=diagnostic.enhanced_code,
        detail=diagnostic.text,
        provider_message_id=_provider_id(outcomes),
        recipients=() if is_one_answer else _each(outcomes),
    )


def skipped_attempt(
    *, number: int, provider: str, at: datetime, reason: str, blame: Blame
) -> Attempt:
    """Return the record of a provider that was passed over.

    `blame` is MESSAGE when it can never take this message, PROVIDER when it cannot now.
    """
    return Attempt(
        number=number,
        provider=provider,
        started_at=at,
        duration=timedelta(0),
        outcome=OutcomeKind.SKIPPED,
        blame=blame,
        detail=reason,
    )


_FAILURES = (Deferred, Refused)
_NOTHING_SAID = Diagnostic(text="")
_CONSEQUENCE = {
    OutcomeKind.UNKNOWN: 0,
    OutcomeKind.ACCEPTED: 1,
    OutcomeKind.DEFERRED: 2,
    OutcomeKind.REFUSED: 3,
}


def _blame_of(outcome: Outcome) -> Blame | None:
    return outcome.blame if isinstance(outcome, _FAILURES) else None


def _provider_id(outcomes: Mapping[Address, Outcome]) -> str | None:
    for outcome in outcomes.values():
        if isinstance(outcome, Accepted):
            return outcome.provider_message_id
    return None


def _each(outcomes: Mapping[Address, Outcome]) -> tuple[RecipientOutcome, ...]:
    return tuple(
        RecipientOutcome(
            address=address,
            outcome=kind_of(outcome),
            blame=_blame_of(outcome),
            code=outcome.diagnostic.code if outcome.diagnostic else None,
            enhanced_code=outcome.diagnostic.enhanced_code if outcome.diagnostic else None,
            detail=outcome.diagnostic.text if outcome.diagnostic else "",
        )
        for address, outcome in outcomes.items()
    )
