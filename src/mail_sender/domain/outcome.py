"""What one provider answered for one recipient.

Neighbours: `providers` return these and raise nothing; `delivery.failover` reads `blame`
to choose the next step; `domain.status` turns them into the state a client sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

MAX_DIAGNOSTIC_CHARS = 1024


class Blame(StrEnum):
    """Whose fault a failure is. It decides who else has to pay for it."""

    PROVIDER = "provider"  #: bad key, quota, 503, no connection: ask the next provider
    RECIPIENT = "recipient"  #: no such mailbox, suppressed: no provider can do better
    MESSAGE = "message"  #: malformed, refused content: no provider should do better


class Reach(StrEnum):
    """How far a failure blamed on the provider reaches: what its breaker makes of it."""

    MESSAGE = "message"  #: a limit of the provider that only this message meets: nobody else pays
    SENDER = "sender"  #: this sender's domain is not verified there: only that domain is left out
    CALL = "call"  #: 429, 503, no connection: one failure, the breaker counts
    ACCOUNT = "account"  #: bad key, suspended, quota used up: the breaker opens at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """The far side's own words, kept for the client and the operator.

    Attributes:
        text: Human-readable, unmodified, cut at 1,024 characters. Never holds a secret.
        code: HTTP status or SMTP reply code (RFC 5321 section 4.2), such as 503 or 550.
            None when there was no answer.
        enhanced_code: RFC 3463 code with its class digit, such as "5.1.1".
    """

    text: str
    code: int | None = None
    enhanced_code: str | None = None

    def __post_init__(self) -> None:
        if len(self.text) > MAX_DIAGNOSTIC_CHARS:
            object.__setattr__(self, "text", self.text[:MAX_DIAGNOSTIC_CHARS])


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The provider took responsibility (SMTP 250, HTTP 2xx). Not the same as delivered."""

    provider_message_id: str
    diagnostic: Diagnostic | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """Nothing went out; the same attempt may work later (4.x.x, 429, 503, no connection)."""

    blame: Blame
    diagnostic: Diagnostic
    retry_after: timedelta | None = None
    reach: Reach = Reach.CALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Nothing went out, and the same attempt will never work (5.x.x, 400, 401)."""

    blame: Blame
    diagnostic: Diagnostic
    reach: Reach = Reach.CALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """The line broke after the message left us: it may have been accepted.

    Trying again may duplicate, not trying may lose. No protocol removes this choice
    (qmail INTERNALS section 6), so it is a value here and the caller's preference in
    `Content.on_unknown`, never a guess inside an `except`.
    """

    diagnostic: Diagnostic


Outcome = Accepted | Deferred | Refused | Unknown
