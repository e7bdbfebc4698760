"""What follows when a recipient follows a link of ours: an event like those of providers.

Neighbours: `domain.unsubscribe` reads the link, `api.unsubscribe` brings it here as if a provider
had called; `Hooks` keeps it before anybody is answered, and `Listener` learns from it. So it
counts once, whoever repeats it, and mail that was deleted since has its effect too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Final

from ..domain.feedback import Fact, Feedback
from ..domain.unsubscribe import UnsubscribeLinks
from ..providers.webhook import Forged, Genuine, Judgement, Unreadable, WebhookCall, told

BY_LINK: Final = "unsubscribe-link"  #: in the place of a provider's name; no provider may have it


class UnsubscribeHook:
    """See `providers.webhook.Webhook`. The body of a call is the token of a link."""

    comes_again_after_5xx: ClassVar[bool] = True

    def __init__(self, links: UnsubscribeLinks) -> None:
        self._links = links

    async def judge(self, call: WebhookCall) -> Judgement:
        """See `Webhook.judge`."""
        if self._links.read(call.body.decode("ascii", "replace")) is None:
            return Forged("no link of ours")
        return Genuine(hashlib.sha256(call.body).hexdigest())

    def feedback_in(self, body: bytes, *, key: str, received_at: datetime) -> Sequence[Feedback]:
        """See `Webhook.feedback_in`."""
        who = self._links.read(body.decode("ascii", "replace"))
        if who is None:
            raise Unreadable("its link was signed with another secret")
        return [
            told(
                Fact.UNSUBSCRIBED,
                id_=key,
                at=received_at,
                recipient=who.address,
                message_id=who.message_id,
            )
        ]
