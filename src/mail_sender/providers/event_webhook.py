"""What most webhooks do alike: one judge for the call, then one event after the other.

Neighbours: each provider's `…_webhook` has the vocabulary and finds the events in a body;
`webhook` is the contract and has the judges. Where the body is signed, what it says about its
time is true: a call all of whose events are older than our memory of them was overheard, and is
played back now.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from ..clock import Clock
from ..domain.feedback import Feedback
from .json_reading import Document
from .webhook import Forged, Genuine, Judgement, Unreadable, WebhookCall

OLDEST = timedelta(days=6)  #: longer than any provider repeats, shorter than calls are remembered


class EventReader(ABC):
    """Reads what a genuine call says; see `webhook.Webhook`."""

    comes_again_after_5xx: ClassVar[bool] = True

    @abstractmethod
    def _events(self, body: bytes) -> Iterable[Document]:
        """Return the events in a body, in their order. Raises `Unreadable`."""

    @abstractmethod
    def _feedback(self, event: Document, *, key: str, received_at: datetime) -> Feedback | None:
        """Return what an event says; None when it is none of our business.

        `key` and `received_at` stand in where it has no id or time of its own.
        """

    def feedback_in(self, body: bytes, *, key: str, received_at: datetime) -> Sequence[Feedback]:
        """See `Webhook.feedback_in`."""
        found = (
            self._feedback(event, key=f"{key}:{number}", received_at=received_at)
            for number, event in enumerate(self._events(body))
        )
        return [feedback for feedback in found if feedback is not None]


class EventWebhook(EventReader):
    """See `webhook.Webhook`."""

    def __init__(self, judge: Callable[[WebhookCall], Judgement], clock: Clock) -> None:
        """Make it; `judge` says whose a call is, by its signature or login."""
        self._judge = judge
        self._clock = clock

    async def judge(self, call: WebhookCall) -> Judgement:
        """See `Webhook.judge`."""
        judgement = self._judge(call)
        if isinstance(judgement, Genuine) and self._is_ancient(call.body):
            return Forged("all that it says is too old")
        return judgement

    def _is_ancient(self, body: bytes) -> bool:
        now = self._clock.now()
        try:
            found = self.feedback_in(body, key="", received_at=now)
        except Unreadable:
            return False
        return bool(found) and all(it.at < now - OLDEST for it in found)
