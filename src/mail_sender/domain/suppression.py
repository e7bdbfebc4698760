"""Addresses that get no mail, whichever provider would take it.

Neighbours: `store` keeps one list over all providers, and looks at it whenever a message is
about to be handed over; people, programs and providers' events add to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from .message import Address

MAX_NOTE = 500  #: characters
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class SuppressionReason(StrEnum):
    """Why an address gets no mail. In the order of weight: a later one outweighs."""

    MANUAL = "manual"  #: a person or a program said so
    HARD_BOUNCE = "hard_bounce"  #: the mailbox does not exist
    UNSUBSCRIBE = "unsubscribe"  #: the recipient asked for no more
    COMPLAINT = "complaint"  #: the recipient called a mail spam


class OriginKind(StrEnum):
    """Who said it."""

    PROVIDER = "provider"  #: an event of this provider
    MESSAGE = "message"  #: what became of this message
    KEY = "key"  #: a request with this API key
    IMPORT = "import"  #: a file that came with this API key


@dataclass(frozen=True, slots=True)
class Origin:
    """Who said it, and which one: a provider's name, a message's or an API key's id."""

    kind: OriginKind
    id: str

    def __str__(self) -> str:
        """Return the text that `parse_origin` reads."""
        return f"{self.kind}:{self.id}"


def parse_note(text: str) -> str:
    """Return a note for people. Raises `ValueError` in words for the client."""
    if _CONTROL.search(text):
        raise ValueError("a note is one line without control characters")
    if len(text) > MAX_NOTE:
        raise ValueError(f"at most {MAX_NOTE} characters")
    return text


def note_of(answer: str) -> str:
    """Return what a server answered as a note: it may have several lines, and any length."""
    return " ".join(_CONTROL.sub(" ", answer).split())[:MAX_NOTE]


def parse_origin(text: str) -> Origin:
    """Read `provider:ses`. Raises `ValueError` in words for the client."""
    kind, _, id_ = text.partition(":")
    if kind not in set(OriginKind) or not id_ or len(id_) > 100 or not id_.isprintable():
        raise ValueError("expected an origin such as provider:ses or key:key_01J")
    return Origin(OriginKind(kind), id_)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """An entry of the list.

    Attributes:
        address: As it was said. It also holds for the address with other letters large or
            small: RFC 5321 section 2.4 lets a server tell Ann@ from ann@, but none of note does,
            and who unsubscribed as Ann@ must not get mail as ann@.
        expires_at: From then on it does not count; None: for good.
    """

    address: Address
    reason: SuppressionReason
    origin: Origin
    created_at: datetime
    expires_at: datetime | None = None
    note: str = ""

    def counts(self, now: datetime) -> bool:
        """Whether it keeps mail away at this time."""
        return self.expires_at is None or now < self.expires_at


def joined(known: Suppression, news: Suppression) -> Suppression:
    """Return what is true after both were said of one mailbox.

    The weightier reason counts, with its origin and note; it began with the earlier one and
    ends with the later one. So adding again never lets mail through that was kept away.
    """
    weight = tuple(SuppressionReason).index
    first, second = sorted((known, news), key=lambda it: it.created_at)
    leading = second if weight(second.reason) > weight(first.reason) else first
    ends = (known.expires_at, news.expires_at)
    return replace(
        leading,
        address=first.address,
        created_at=first.created_at,
        expires_at=None if None in ends else max(end for end in ends if end is not None),
        note=leading.note or first.note or second.note,
    )
