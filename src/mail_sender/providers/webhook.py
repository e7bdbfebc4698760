"""What a provider's webhook offers: judging a call, and reading what it says.

Neighbours: `registry` makes one for each provider that can tell something and is configured so;
`feedback` asks it. A call is judged before anything of it is kept, and read only afterwards,
from what was kept: so judging looks at signature and age, and reading relies on neither.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from ..domain.bounce import Bounce, enhanced_code_in, reply_code_in
from ..domain.feedback import Fact, Feedback
from ..domain.secret import Secret

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

    @property
    def comes_again_after_5xx(self) -> bool:
        """Whether it repeats a call after a 5xx, as most do. If not, only 429 makes it."""
        ...

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


def by_login(user: str, password: Secret) -> Callable[[WebhookCall], Judgement]:
    """Return a judge of calls that are not signed, but come with a login of our choice."""
    login = b64encode(f"{user}:{password.reveal()}".encode()).decode()

    def judge(call: WebhookCall) -> Judgement:
        if not same(call.headers.get("authorization", ""), f"Basic {login}"):
            return Forged("another user or password, or none")
        return Genuine(hashlib.sha256(call.body).hexdigest())

    return judge


def by_digest(header: str, secret: Secret) -> Callable[[WebhookCall], Judgement]:
    """Return a judge of bodies that are signed with HMAC-SHA256, in hexadecimal in a header."""
    key = secret.reveal().encode()

    def judge(call: WebhookCall) -> Judgement:
        given = call.headers.get(header)
        if not given:
            return Malformed("no signature")
        if not same(given.lower(), hmac.new(key, call.body, hashlib.sha256).hexdigest()):
            return Forged("the signature does not fit")
        return Genuine(hashlib.sha256(call.body).hexdigest())

    return judge


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


_OUR_ID = re.compile(r"msg_[0-9A-HJKMNP-TV-Z]{26}", re.ASCII)


def our_id_among(tags: Iterable[str]) -> str:
    """Return our id among the tags of a mail; empty when it is not there.

    It is the last of ours: a client may have tagged its mail with another's id.
    """
    return next((tag for tag in reversed([*tags]) if _OUR_ID.fullmatch(tag)), "")


def joined_id(*parts: object) -> str:
    """Return an id for an event that the provider gave none: what tells it from all others."""
    return ":".join(str(part) for part in parts if part)[:1000]


def told(
    fact: Fact,
    *,
    id_: str,
    at: datetime,
    recipient: str = "",
    message_id: str = "",
    provider_message_id: str = "",
    bounce: Bounce | None = None,
    words: str = "",
    code: int | None = None,
    enhanced_code: str | None = None,
    facts: Mapping[str, str] = {},
) -> Feedback:
    """Return what is told of one recipient. An empty text says nothing.

    Args:
        fact: See `Feedback`, as all else that is not here.
        id_: Of the event.
        at: By the provider's clock.
        recipient: Empty: it is not said.
        message_id: Ours.
        provider_message_id: Theirs.
        bounce: Of a refusal.
        words: Of the receiving server; its codes are found in them unless they are given.
        code: SMTP reply code.
        enhanced_code: RFC 3463.
        facts: From `facts_of`.
    """
    return Feedback(
        id=id_,
        fact=fact,
        at=at,
        recipients=(recipient,) if recipient else (),
        message_id=message_id or None,
        provider_message_id=provider_message_id or None,
        bounce=bounce,
        code=code or reply_code_in(words),
        enhanced_code=enhanced_code or enhanced_code_in(words),
        detail=words[:MAX_DETAIL],
        facts=facts,
    )
