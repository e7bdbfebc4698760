"""When to ask a provider again about an unknown outcome, and what its list of mails proves.

Neighbours: providers that can be asked. Pure. A mail that is found was taken, at once. A mail
that is not found proves nothing, unless the provider says when its list is complete: only
Mailgun does. The others are asked for a day, and then a person has to decide, because sending
it again on a guess could send it twice.
"""

from __future__ import annotations

from datetime import timedelta

from .http import Answer
from .port import Evidence, NoEvidence, Taken

SOONEST, LATEST = timedelta(seconds=15), timedelta(minutes=10)
ASKED_FOR = timedelta(days=1)


def ask_again(age: timedelta) -> timedelta:
    """Return when to ask next: as long as it has been already, 15 seconds to 10 minutes."""
    return min(max(age, SOONEST), LATEST)


def still_open(said: str, age: timedelta) -> NoEvidence:
    """Return that nothing was found out, and whether to ask again after so long an age."""
    return NoEvidence(said, ask_again(age) if age < ASKED_FOR else None)


def evidence_in(answer: Answer, found: str | None, *, title: str, age: timedelta) -> Evidence:
    """Read the answer to the question for our id.

    Args:
        answer: Any.
        found: The provider's id of the mail, if the answer is a 200 that has it.
        title: The provider's name, in words.
        age: Time since the attempt.
    """
    if found is not None:
        return Taken(found, f"{title} has the mail")
    if answer.status != 200:
        said = f"{title} would not say: HTTP {answer.status}"
        # A key that may only send will never be told; anything else may pass.
        hopeless = answer.status in {401, 403, 404}
        return NoEvidence(said, None) if hopeless else still_open(said, age)
    return still_open(f"{title} does not list the mail, which proves nothing", age)
