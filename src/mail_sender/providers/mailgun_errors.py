"""What Mailgun's answers mean, and whose fault a refusal is.

Neighbour: `mailgun` makes the calls. Pure functions of an answer. Sources: the vendor's OpenAPI
document (github.com/mailgun/mailgun-mcp-server, src/openapi.yaml) and documentation.mailgun.com.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from ..domain.outcome import Accepted, Blame, Deferred, Diagnostic, Outcome, Reach, Refused
from .http import Answer, outcome_of_answer, retry_after

_QUOTA_PAUSE = timedelta(minutes=10)
_LONGEST_PAUSE = timedelta(days=1)

_AGAIN_AFTER = re.compile(r"again (?:after|in) (\d{1,7}) ?(second|minute|hour)?", re.IGNORECASE)
_SECONDS_IN = {"second": 1, "minute": 60, "hour": 3600}
_QUOTA = re.compile(r"daily|monthly|hourly|per[- ](day|month|hour)|recipient limit", re.IGNORECASE)
_OPTIONS_TOO_LARGE = re.compile(r"16 ?KB|too (large|big|many)", re.IGNORECASE)
_NOT_AUTHORISED = re.compile(r"authori[sz]ed recipient|sandbox (sub)?domain", re.IGNORECASE)
_NOT_ALLOWED = re.compile(r"not allowed to send|disabled|suspended", re.IGNORECASE)


def outcome_of(answer: Answer, *, now: datetime) -> Outcome:
    """Read an answer to `messages` or `messages.mime`."""
    words = words_of(answer)
    if answer.status == 200:
        body = answer.json()
        id_ = body.get("id") if isinstance(body, dict) else None
        if isinstance(id_, str) and id_:
            return Accepted(provider_message_id=id_)
        if "Mailgun Magnificent API" in answer.text:
            # What a path that leads nowhere says, with status 200: nothing was sent.
            return _refused(answer, f"{answer.text} (wrong base_url)", Reach.ACCOUNT)
    if answer.status == 429:
        return _too_often(answer, words or answer.text, now)
    if answer.status == 400 and words is not None:
        if _OPTIONS_TOO_LARGE.search(words) or _NOT_AUTHORISED.search(words):
            return _refused(answer, words, Reach.MESSAGE)
        if _NOT_ALLOWED.search(words):
            return _refused(answer, words, Reach.ACCOUNT)
    # Mailgun words its 500 too, and does not say whether the mail was queued before. So the
    # wording is left out, and it is Unknown. A 503 says that the request was not taken.
    return outcome_of_answer(answer, now=now, words=None if answer.status >= 500 else words)


def words_of(answer: Answer) -> str | None:
    """Return the words of a refusal in Mailgun's own form; None when it has another one."""
    body = answer.json()
    if not isinstance(body, dict):
        return None
    found = (body.get(key) for key in ("message", "Error", "Reason"))
    return next((words for words in found if isinstance(words, str) and words), None)


def _too_often(answer: Answer, words: str, now: datetime) -> Deferred:
    wait = retry_after(answer, now=now) or _wait_in(answer, words)
    is_quota = _QUOTA.search(words) is not None or (wait or timedelta(0)) >= _QUOTA_PAUSE
    if is_quota:
        wait = max(wait or timedelta(0), _QUOTA_PAUSE)
    return Deferred(
        blame=Blame.PROVIDER,
        diagnostic=Diagnostic(text=words, code=answer.status),
        retry_after=wait,
        reach=Reach.ACCOUNT if is_quota else Reach.CALL,
    )


def _wait_in(answer: Answer, words: str) -> timedelta | None:
    """Return the wait that the text or the field retry-seconds names, at most a day."""
    body = answer.json()
    seconds = body.get("retry-seconds") if isinstance(body, dict) else None
    if not isinstance(seconds, int) or not 0 <= seconds < 10**7:
        said = _AGAIN_AFTER.search(words)
        if said is None:
            return None
        seconds = int(said[1]) * _SECONDS_IN[(said[2] or "second").lower()]
    return min(timedelta(seconds=seconds), _LONGEST_PAUSE)


def _refused(answer: Answer, words: str, reach: Reach) -> Refused:
    return Refused(
        blame=Blame.PROVIDER, diagnostic=Diagnostic(text=words, code=answer.status), reach=reach
    )
