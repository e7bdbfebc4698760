"""What Mailgun's events say of one message: taken, not taken, or nothing certain.

Neighbour: `mailgun` asks `GET /v3/{domain}/events?message-id=…`. Pure. Events arrive late and
out of order; Mailgun calls what it answered complete only 30 minutes later ("Event Polling" in
its documentation). So an event proves at once, the lack of one only then; and no longer once
they may have been deleted.
"""

from __future__ import annotations

from datetime import timedelta

from .http import Answer
from .look_up import SOONEST, ask_again
from .mailgun_errors import words_of
from .port import Evidence, NoEvidence, NotTaken, Taken

COMPLETE_AFTER = timedelta(minutes=30)
KEPT_FOR = timedelta(days=3)  #: the shortest that any plan promises


def evidence_in(
    answer: Answer,
    *,
    asked_for: str,
    to: frozenset[str],
    others: frozenset[str],
    age: timedelta,
) -> Evidence:
    """Read the answer to the question for one Message-ID.

    Args:
        answer: Any.
        asked_for: The Message-ID, without angle brackets.
        to: The recipients of the call in doubt, in ASCII and lower case.
        others: The other recipients of the message, likewise: Mailgun may have taken them in
            a call before, under the same Message-ID, which says nothing of this call.
        age: Time since the attempt.
    """
    if answer.status != 200:
        words = words_of(answer) or f"HTTP {answer.status}"
        # A key that may only send will never see events; anything else may pass.
        hopeless = answer.status in {401, 403, 404}
        return NoEvidence(f"events were refused: {words}", None if hopeless else ask_again(age))
    body = answer.json()
    items = body.get("items") if isinstance(body, dict) else None
    if not isinstance(items, list):
        return NoEvidence("the answer about events makes no sense", ask_again(age))
    seen = {_recipient(item) for item in items if _message_id(item) == asked_for}
    if not seen.isdisjoint(to):
        return Taken(f"<{asked_for}>", f"Mailgun has events of {asked_for}")
    return _absence(seen - others, age)


def _absence(strange: set[str | None], age: timedelta) -> Evidence:
    if strange:
        return NoEvidence("Mailgun has events of it, for recipients that are not ours", None)
    if age >= KEPT_FOR:
        return NoEvidence("too long ago: Mailgun may have deleted its events", None)
    if age < COMPLETE_AFTER:
        wait = min(ask_again(age), max(COMPLETE_AFTER - age, SOONEST))
        return NoEvidence("no event yet, which proves nothing for 30 minutes", wait)
    return NotTaken("no event, 30 minutes after the attempt")


def _recipient(item: object) -> str | None:
    value = item.get("recipient") if isinstance(item, dict) else None
    return value.lower() if isinstance(value, str) else None


def _message_id(item: object) -> str | None:
    for key in ("message", "headers"):
        item = item.get(key) if isinstance(item, dict) else None
    value = item.get("message-id") if isinstance(item, dict) else None
    return value.strip("<>") if isinstance(value, str) else None
