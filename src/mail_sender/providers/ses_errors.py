"""What a refusal of Amazon SES (API v2) means, and whose fault it is.

Neighbour: `ses` makes the calls. Pure functions of an answer. The types are those of the SESv2
service model (2019-09-27) and of "Common Error Types" in the API reference; the texts are those
of "Troubleshooting Amazon SES" in the developer guide. The type wins over the status.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..domain.outcome import Blame, Deferred, Diagnostic, Outcome, Reach, Refused
from .http import Answer, outcome_of_answer

_RATE_PAUSE = timedelta(seconds=1)  #: the rate is counted by the second
_QUOTA_PAUSE = timedelta(minutes=10)  #: the quota is a sliding window of 24 hours

_RATE = {"TooManyRequestsException", "ThrottlingException", "Throttling"}
_PAUSED = {"LimitExceededException", "SendingPausedException"}
_ACCOUNT = {
    "AccessDenied",
    "AccessDeniedException",
    "AccountSuspendedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "NotFoundException",  # the configuration set: every mail names it
    "OptInRequired",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_INVALID = {
    "BadRequestException",
    "InvalidParameterValue",
    "MessageRejected",
    "ValidationError",
    "ValidationException",
}

_DAILY_QUOTA = re.compile(r"daily .*quota|quota exceeded", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s,:<>]+@[^\s,:<>]+")
_NOT_VERIFIED = re.compile(r"not verified", re.IGNORECASE)
_SUSPENDED = re.compile(r"sending (is )?(suspended|paused|disabled)", re.IGNORECASE)
_LIMIT_OF_SES = re.compile(
    r"recipient count|too many recipients|maximum.*recipients|too (long|large|big)|size limit"
    r"|message (length|size)|maximum.*size|extension|attachment type|file type|illegal filename",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """SES's own form of a refusal: `type` such as MessageRejected, `message` in words."""

    type: str
    message: str

    @property
    def words(self) -> str:
        """Both, for a person."""
        return f"{self.type}: {self.message}" if self.message else self.type


def refusal_in(answer: Answer) -> Refusal | None:
    """Return the refusal that SES worded; None when the answer is not in its form.

    The type stands in a header, with a `:` and a URL behind it at times, or in the body, with
    a namespace and a `#` before it (Smithy, AWS restJson1 protocol, "Operation error
    serialization").
    """
    body = answer.json()
    known = body if isinstance(body, dict) else {}
    name = answer.headers.get("x-amzn-errortype") or known.get("__type") or known.get("code")
    if not isinstance(name, str):
        return None
    name = name.partition(":")[0].rpartition("#")[2].strip()
    message = known.get("message", known.get("Message", ""))
    return Refusal(name, message if isinstance(message, str) else "") if name else None


def outcome_of_refusal(answer: Answer, *, now: datetime, sender: str) -> Outcome:
    """Read an answer to SendEmail that is no success.

    Args:
        answer: Any status but 2xx.
        now: For a Retry-After that names a date.
        sender: The address that the mail was from: an identity that is not verified may be this
            one, or, in SES's sandbox, a recipient.
    """
    refusal = refusal_in(answer)
    if refusal is None:
        return outcome_of_answer(answer, now=now)
    outcome = _of_type(refusal, Diagnostic(text=refusal.words, code=answer.status), sender)
    if outcome is not None:
        return outcome
    # InternalFailure (500) is worded by SES, and still no clean no: the service model does not
    # say that the mail was not accepted. So its wording is left out, and a bare 500 is Unknown.
    # A 503 says that the service did not take the request: Deferred.
    words = None if answer.status >= 500 else refusal.words
    return outcome_of_answer(answer, now=now, words=words)


def _of_type(refusal: Refusal, diagnostic: Diagnostic, sender: str) -> Outcome | None:
    """Return the outcome for the types that are known, else None."""
    if refusal.type in _RATE | _PAUSED | _INVALID and _DAILY_QUOTA.search(refusal.message):
        return _paused(diagnostic)
    if refusal.type in _RATE:
        return Deferred(blame=Blame.PROVIDER, diagnostic=diagnostic, retry_after=_RATE_PAUSE)
    if refusal.type in _PAUSED:
        return _paused(diagnostic)
    if refusal.type in _ACCOUNT:
        return _refused(diagnostic, Reach.ACCOUNT)
    if refusal.type == "MailFromDomainNotVerifiedException":
        return _refused(diagnostic, Reach.SENDER)
    if refusal.type == "RequestEntityTooLarge":
        return _refused(diagnostic, Reach.MESSAGE)
    if refusal.type in _INVALID:
        return _invalid(refusal.message, diagnostic, sender)
    return None


def _invalid(message: str, diagnostic: Diagnostic, sender: str) -> Outcome:
    if _NOT_VERIFIED.search(message):
        return _refused(diagnostic, _reach_of_unverified(message, sender))
    if _SUSPENDED.search(message):
        return _refused(diagnostic, Reach.ACCOUNT)
    if _LIMIT_OF_SES.search(message):
        return _refused(diagnostic, Reach.MESSAGE)
    return Refused(blame=Blame.MESSAGE, diagnostic=diagnostic)


def _reach_of_unverified(message: str, sender: str) -> Reach:
    """Return SENDER unless the words name addresses and the sender is not among them."""
    named = {address.lower().rstrip(".") for address in _ADDRESS.findall(message)}
    return Reach.MESSAGE if named and sender.lower() not in named else Reach.SENDER


def _refused(diagnostic: Diagnostic, reach: Reach) -> Refused:
    return Refused(blame=Blame.PROVIDER, diagnostic=diagnostic, reach=reach)


def _paused(diagnostic: Diagnostic) -> Deferred:
    return Deferred(
        blame=Blame.PROVIDER,
        diagnostic=diagnostic,
        retry_after=_QUOTA_PAUSE,
        reach=Reach.ACCOUNT,
    )
