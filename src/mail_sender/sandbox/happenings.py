"""What can happen to a mail that an imitated provider took, and how it is told.

Neighbours: `api_events` and `provider_events` have each vendor's words for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Happening(StrEnum):
    """What can be told of a mail."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    DEFERRED = "deferred"
    BOUNCED = "bounced"  #: no such mailbox
    SOFT_BOUNCED = "soft_bounced"  #: mailbox full, for as long as the provider tried
    REJECTED = "rejected"  #: on the provider's own list
    COMPLAINED = "complained"
    OPENED = "opened"
    CLICKED = "clicked"
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True, slots=True)
class Telling:
    """A POST to a webhook."""

    headers: Mapping[str, str]
    body: bytes


class TellsNothing(Exception):
    """Accounts of this kind do not tell it."""
