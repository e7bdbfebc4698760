"""What a provider's webhook offers: judging a call, and reading what it says.

Neighbours: `registry` makes one for each provider that can tell something and is configured so;
`feedback` asks it. A call is judged before anything of it is kept, and read only afterwards,
from what was kept: so judging looks at signature and age, and reading relies on neither.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from ..domain.feedback import Feedback

MAX_DETAIL = 1000  #: characters of a server's words that are kept
_FUTURE = timedelta(minutes=15)  #: that a provider's clock may be ahead of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCall:
    """A POST from somebody who may be the provider. Header names are in lower case."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Genuine:
    """It is the provider's. `key` is the same for each repetition of this call."""

    key: str


@dataclass(frozen=True, slots=True)
class Answered:
    """It is the provider's, says nothing about mail, and was done: a handshake."""

    said: str


@dataclass(frozen=True, slots=True)
class Forged:
    """It is not the provider's, or too old; `said` is for our log only."""

    said: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """It is nothing that this provider would send."""

    said: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """Nobody can tell now: the provider shall come again."""

    said: str


Judgement = Genuine | Answered | Forged | Malformed | Undecided


class Unreadable(ValueError):
    """A genuine call says something that we do not understand."""


class Webhook(Protocol):
    """A provider's webhook."""

    async def judge(self, call: WebhookCall) -> Judgement:
        """Say whose call it is. Never raises."""
        ...

    def feedback_in(self, body: bytes, *, key: str, received_at: datetime) -> Sequence[Feedback]:
        """Return what a genuine call says, in its order; empty when it is none of our business.

        Pure. `key` and `received_at` stand in where an event has no id or time of its own.

        Raises:
            Unreadable: It is not what this provider says.
        """
        ...


# ---------------------------------------------------------------- judging


def same(given: str, expected: str) -> bool:
    """Compare in a time that tells nothing about where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def is_timely(at: datetime | None, now: datetime, window: timedelta) -> bool:
    """Whether a signed time lies in `window` before now, or a little after it."""
    return at is not None and now - window <= at <= now + _FUTURE


# ---------------------------------------------------------------- reading


def json_of(body: bytes | str) -> object:
    """Return the decoded JSON. Raises `Unreadable`."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error}") from None


def moment_of(value: object) -> datetime | None:
    """Read a time: ISO 8601, or seconds since 1970 as a number or its text."""
    try:
        if isinstance(value, str) and not value.replace(".", "", 1).isdecimal():
            at = datetime.fromisoformat(value)
            return at if at.tzinfo else at.replace(tzinfo=UTC)
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            return datetime.fromtimestamp(float(value), UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def address_in(told: str) -> str:
    """Return the address in `Name <a@b>` or `<a@b>`."""
    inner = told.rpartition("<")[2].partition(">")[0] if told.endswith(">") else told
    return inner.strip()


def facts_of(*, url: str = "", ip: str = "", user_agent: str = "") -> dict[str, str]:
    """Return the further words of an opened or clicked mail that are there."""
    facts = {"url": url[:2000], "ip": ip[:100], "user_agent": user_agent[:500]}
    return {name: value for name, value in facts.items() if value}
