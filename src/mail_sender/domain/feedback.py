"""What a provider tells afterwards about a mail that it has, in our words.

Neighbours: `providers` read it from their vendors' events, `store` keeps it with the message
that it is about, `feedback` brings the two together. Feedback comes late, twice, in any order
and about mail of others; nothing here relies on the opposite.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .bounce import Bounce
from .event import EventType
from .status import RecipientStatus
from .suppression import SuppressionReason


class Fact(StrEnum):
    """What is told. The words of the metrics; docs/events.md has each provider's own."""

    ACCEPTED = "accepted"  #: the provider has it
    DELIVERED = "delivered"  #: the receiving MTA said 250
    DEFERRED = "deferred"  #: refused for now; the provider tries again by itself
    BOUNCED = "bounced"  #: refused for good, or given up
    REJECTED = "rejected"  #: the provider will not even try: its own list, a virus
    FAILED = "failed"  #: the provider could not, by its own fault
    COMPLAINED = "complained"  #: the recipient called it spam
    OPENED = "opened"
    CLICKED = "clicked"
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One event of a provider.

    Attributes:
        id: The same for the same event, whenever and however often it is told.
        at: When it happened, by the provider's clock.
        recipients: Whom it is about. Empty when the provider does not say which of several.
        sent_to: Everybody that the provider has this mail for, as far as it says.
        message_id: Ours, as it was stamped on the mail; None where it did not travel.
        provider_message_id: As the provider told us when it took the mail.
        bounce: Of BOUNCED, REJECTED and DEFERRED.
        code: SMTP reply code of the receiving server.
        detail: For people.
        facts: Further words: `url`, `ip`, `user_agent`.
    """

    id: str
    fact: Fact
    at: datetime
    recipients: tuple[str, ...] = ()
    sent_to: tuple[str, ...] = ()
    message_id: str | None = None
    provider_message_id: str | None = None
    bounce: Bounce | None = None
    code: int | None = None
    enhanced_code: str | None = None
    detail: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def proves(self) -> RecipientStatus:
        """The least that is true of the recipients it is about."""
        return _PROVES.get(self.fact, RecipientStatus.SENT)

    @property
    def event_type(self) -> EventType:
        """Its word in the timeline."""
        return _EVENTS[self.fact]

    @property
    def suppresses(self) -> SuppressionReason | None:
        """Why its recipients get no more mail; None: they do."""
        if self.fact is Fact.BOUNCED and self.bounce is not None and self.bounce.is_dead_address:
            return SuppressionReason.HARD_BOUNCE
        return _SUPPRESSES.get(self.fact)


# An opened mail proves no delivery: virus scanners open mail that they refuse then.
_PROVES = {
    Fact.DELIVERED: RecipientStatus.DELIVERED,
    Fact.DEFERRED: RecipientStatus.DEFERRED,
    Fact.BOUNCED: RecipientStatus.BOUNCED,
    Fact.REJECTED: RecipientStatus.BOUNCED,
    Fact.FAILED: RecipientStatus.BOUNCED,
    Fact.COMPLAINED: RecipientStatus.COMPLAINED,
}

_EVENTS = {
    Fact.ACCEPTED: EventType.SENT,
    Fact.DELIVERED: EventType.DELIVERED,
    Fact.DEFERRED: EventType.DELAYED,
    Fact.BOUNCED: EventType.BOUNCED,
    Fact.REJECTED: EventType.REJECTED,
    Fact.FAILED: EventType.REJECTED,
    Fact.COMPLAINED: EventType.COMPLAINED,
    Fact.OPENED: EventType.OPENED,
    Fact.CLICKED: EventType.CLICKED,
    Fact.UNSUBSCRIBED: EventType.UNSUBSCRIBED,
}

_SUPPRESSES = {
    Fact.COMPLAINED: SuppressionReason.COMPLAINT,
    Fact.UNSUBSCRIBED: SuppressionReason.UNSUBSCRIBE,
}
