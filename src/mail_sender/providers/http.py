"""What all HTTP providers share: reading an answer, or the lack of one, as an Outcome.

Neighbours: every HTTP provider file handles the error codes it knows first and comes here
with the rest, and finds here the words of a call; `http.client` makes the calls. Nothing here
knows a provider by name.

Before the connection stood, nothing was sent. After the first byte of the request and before
a well-formed answer, nobody knows. That line is drawn here, once for all.
"""

from __future__ import annotations

from datetime import datetime

from ..domain.outcome import Blame, Deferred, Diagnostic, Outcome, Reach, Refused, Unknown
from ..http.call import Answer, HttpClient, Phase, Request, Silence, Timeouts
from ..http.dates import clock_offset, retry_after

__all__ = [
    "HTTP_URL",
    "Answer",
    "HttpClient",
    "Phase",
    "Request",
    "Silence",
    "Timeouts",
    "clock_offset",
    "outcome_of_answer",
    "outcome_of_silence",
    "retry_after",
]

HTTP_URL = r"^https?://[^/?#@\s]+(/[^?#\s]*)?$"
"""For settings: an absolute URL to which a path can be added. No user, no query."""

_TRY_LATER = {408, 425, 429, 503}
_ABOUT_THE_MESSAGE = {400, 422}


def outcome_of_silence(silence: Silence) -> Outcome:
    """Read a call that brought no answer."""
    diagnostic = Diagnostic(text=silence.reason)
    if silence.phase is Phase.CONNECT:
        return Deferred(blame=Blame.PROVIDER, diagnostic=diagnostic)
    return Unknown(diagnostic=diagnostic)


def outcome_of_answer(answer: Answer, *, now: datetime, words: str | None = None) -> Outcome:
    """Read a non-2xx answer that the provider file has no better reading of.

    A refusal that the provider itself worded is a clean no whatever its status, and so are
    408, 425, 429 and 503; a bare 500, 502 or 504, or a page of HTML from an edge, is Unknown.

    Args:
        answer: Any status. A 2xx that the provider file could not read is Unknown.
        now: For a Retry-After that names a date.
        words: The provider's own error text, where the body was the provider's own form. An
            empty text is no words.
    """
    diagnostic = Diagnostic(code=answer.status, text=words or _first_words(answer))
    status = answer.status
    if status in _TRY_LATER:
        return Deferred(
            blame=Blame.PROVIDER, diagnostic=diagnostic, retry_after=retry_after(answer, now=now)
        )
    if status < 300 or status == 303:
        # 303 says that the request was done and its result is elsewhere (RFC 9110 section 15.4.4).
        return Unknown(diagnostic=diagnostic)
    if status >= 500:
        # 500, 502, 504 and what edges invent (520 and up): crashed, or the backend was lost,
        # perhaps after taking it. In the provider's own words it is a no.
        if not words:
            return Unknown(diagnostic=diagnostic)
        return Deferred(blame=Blame.PROVIDER, diagnostic=diagnostic)
    if status == 413:
        return Refused(blame=Blame.PROVIDER, diagnostic=diagnostic, reach=Reach.MESSAGE)
    if status in _ABOUT_THE_MESSAGE and not _is_html(answer):
        return Refused(blame=Blame.MESSAGE, diagnostic=diagnostic)
    if status in {401, 402, 403, 404} and not _is_html(answer):
        # A page of HTML is an edge's, which may dislike one mail: the breaker counts it only.
        return Refused(blame=Blame.PROVIDER, diagnostic=diagnostic, reach=Reach.ACCOUNT)
    return Refused(blame=Blame.PROVIDER, diagnostic=diagnostic)


def _is_html(answer: Answer) -> bool:
    said = answer.headers.get("content-type", "").lower()
    return "html" in said or answer.body[:1024].lstrip()[:1] == b"<"


def _first_words(answer: Answer) -> str:
    start = answer.body[:4096].decode("utf-8", "replace")  # enough for 300 characters
    words = " ".join(start.split())
    return f"HTTP {answer.status}: {words[:300]}" if words else f"HTTP {answer.status}"
