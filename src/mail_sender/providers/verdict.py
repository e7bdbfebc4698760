"""Whose fault a provider's refusal is, as one word that a table can hold.

Neighbours: each provider file has a table from its own codes to these words; `http` judges
answers by their status alone. The word decides who pays: only a provider's failure goes to the
next provider, and how far it reaches decides what the breaker does.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from ..domain.outcome import Blame, Deferred, Diagnostic, Outcome, Reach, Refused, Unknown
from .http import Answer, retry_after

QUOTA_PAUSE = timedelta(minutes=10)  #: quotas come back by the hour, the day or by paying
_RATE_PAUSE = timedelta(seconds=1)


class Verdict(StrEnum):
    """What a refusal means."""

    MESSAGE = "message"  #: no provider should take this mail
    RECIPIENT = "recipient"  #: suppressed or not there: no provider can do better
    LIMIT = "limit"  #: too large, too many, or not possible here: others may take it
    SENDER = "sender"  #: this sender's domain is not verified at this account
    ACCOUNT = "account"  #: wrong key, suspended, forbidden: every mail would meet the same
    QUOTA = "quota"  #: what was paid for is used up
    LATER = "later"  #: too fast, or busy: nothing was taken
    UNKNOWN = "unknown"  #: it does not say that nothing was taken


class TooMuchForIt(Exception):
    """A message that this provider cannot express for just these recipients; others may."""


def refused_as_too_much(reason: TooMuchForIt) -> Refused:
    """Return the outcome for it; nothing was sent."""
    return Refused(
        blame=Blame.PROVIDER, diagnostic=Diagnostic(text=str(reason)), reach=Reach.MESSAGE
    )


def outcome_by(
    verdict: Verdict,
    answer: Answer,
    words: str,
    *,
    now: datetime,
    wait: timedelta | None = None,
    code: int | None = None,
) -> Outcome:
    """Return the outcome that a verdict on an answer means.

    Args:
        verdict: From the provider's table.
        answer: For its status and Retry-After.
        words: The provider's own.
        now: For a Retry-After that names a date.
        wait: What the provider asks for elsewhere than in Retry-After.
        code: Instead of the status, where that says nothing (an error under a 200).
    """
    diagnostic = Diagnostic(text=words, code=code or answer.status)
    wait = wait or retry_after(answer, now=now)
    match verdict:
        case Verdict.MESSAGE:
            return Refused(blame=Blame.MESSAGE, diagnostic=diagnostic)
        case Verdict.RECIPIENT:
            return Refused(blame=Blame.RECIPIENT, diagnostic=diagnostic)
        case Verdict.LIMIT:
            return _refused(diagnostic, Reach.MESSAGE)
        case Verdict.SENDER:
            return _refused(diagnostic, Reach.SENDER)
        case Verdict.ACCOUNT:
            return _refused(diagnostic, Reach.ACCOUNT)
        case Verdict.QUOTA:
            return Deferred(
                blame=Blame.PROVIDER,
                diagnostic=diagnostic,
                retry_after=max(wait or QUOTA_PAUSE, QUOTA_PAUSE),
                reach=Reach.ACCOUNT,
            )
        case Verdict.LATER:
            return Deferred(
                blame=Blame.PROVIDER, diagnostic=diagnostic, retry_after=wait or _RATE_PAUSE
            )
        case Verdict.UNKNOWN:
            return Unknown(diagnostic=diagnostic)


def _refused(diagnostic: Diagnostic, reach: Reach) -> Refused:
    return Refused(blame=Blame.PROVIDER, diagnostic=diagnostic, reach=reach)
