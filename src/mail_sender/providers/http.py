"""What all HTTP providers share: reading an answer, or the lack of one, as an Outcome.

Neighbours: every HTTP provider file handles the error codes it knows first and comes here
with the rest; `http_client` makes the calls. Nothing here knows a provider by name.

Before the connection stood, nothing was sent. After the first byte of the request and before
a well-formed answer, nobody knows. That line is drawn here, once for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from ..domain.outcome import Blame, Deferred, Diagnostic, Outcome, Reach, Refused, Unknown

HTTP_URL = r"^https?://[^/?#@\s]+(/[^?#\s]*)?$"
"""For settings: an absolute URL to which a path can be added. No user, no query."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long each part of a call may take."""

    connect: timedelta = timedelta(seconds=5)  #: DNS, TCP and TLS together
    write: timedelta = timedelta(seconds=30)  #: until the request is handed to the kernel
    answer: timedelta = timedelta(seconds=30)  #: from then to the end of the answer


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP/1.1 request. `headers` lack Host, Content-Length and Connection."""

    method: str
    url: str  #: absolute, http or https, already percent-encoded
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A complete, well-formed HTTP answer.

    Attributes:
        headers: Names in lower case; of repeated ones the last.
        body: Decoded (chunks, gzip), at most the client's limit.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text, undecodable bytes replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> object:
        """Return the decoded JSON body; None when it is not JSON."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None


class Phase(StrEnum):
    """How far a call came before the line fell silent."""

    CONNECT = "connect"  #: no byte of the request left us: nothing was sent
    WRITE = "write"  #: some of the request left us
    ANSWER = "answer"  #: the whole request left us


class Silence(Exception):
    """A call that brought no answer.

    Attributes:
        phase: How far it came.
        reason: Short words such as "connection refused", "no answer within 30 s". No secret.
    """

    def __init__(self, phase: Phase, reason: str) -> None:
        super().__init__(f"{phase}: {reason}")
        self.phase = phase
        self.reason = reason


class HttpClient(Protocol):
    """Makes one call, once. It never repeats a request by itself."""

    async def call(self, request: Request, timeouts: Timeouts) -> Answer:
        """Make the call.

        Raises:
            Silence: No complete answer came; its phase says what that means.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


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


def retry_after(answer: Answer, *, now: datetime) -> timedelta | None:
    """Return the wait that the answer asks for (RFC 9110 section 10.2.3), at most a day."""
    value = answer.headers.get("retry-after", "").strip()
    if value.isdecimal() and len(value) <= 9:
        wait = timedelta(seconds=int(value))
    else:
        at = _http_date(value)
        if at is None:
            return None
        wait = at - now
    return min(max(wait, timedelta(0)), timedelta(days=1))


def clock_offset(answer: Answer, *, now: datetime) -> timedelta | None:
    """Return the far side's clock minus ours, from its Date header; None when it has none.

    Date has whole seconds (RFC 9110 section 5.6.7), so a second or less means nothing.

    Args:
        answer: Any.
        now: When it came.
    """
    theirs = _http_date(answer.headers.get("date", ""))
    return None if theirs is None else theirs - now


def _http_date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _is_html(answer: Answer) -> bool:
    said = answer.headers.get("content-type", "").lower()
    return "html" in said or answer.body[:1024].lstrip()[:1] == b"<"


def _first_words(answer: Answer) -> str:
    start = answer.body[:4096].decode("utf-8", "replace")  # enough for 300 characters
    words = " ".join(start.split())
    return f"HTTP {answer.status}: {words[:300]}" if words else f"HTTP {answer.status}"
