"""Everything that this client raises on purpose, under one root.

Neighbours: `calls` raises these for answers, the clients for requests without one. Each says what
may be done next; an error that carries `idempotency_key` may be followed by the same mail with
that key, and it is not sent twice.
"""

from __future__ import annotations

from typing import Any

import msgspec

from .answers import Message
from .http1 import Answer
from .problem import Fault, Problem, problem_of, retry_after_of


class ClientError(Exception):
    """Root.

    Attributes:
        idempotency_key: Of the mail that was to be sent; None for other calls and for batches.
    """

    idempotency_key: str | None = None


class NoAnswer(ClientError):
    """No address of the gateway answered within the deadline.

    Attributes:
        reason: What happened to the last try.
        may_have_arrived: Whether the gateway may have got the request all the same.
    """

    def __init__(self, url: str, reason: str, *, may_have_arrived: bool) -> None:
        super().__init__(f"{url} did not answer: {reason}")
        self.reason = reason
        self.may_have_arrived = may_have_arrived


class NotAGateway(ClientError):
    """Something answered, but not as a mail-sender does."""


class Refused(ClientError):
    """The gateway answered that it did not do what was asked.

    Attributes:
        status: HTTP status.
        problem: The problem document; empty words when a proxy answered instead.
        retry_after: Seconds after which trying again makes sense, if the gateway said so.
        document: The whole answer as JSON; None when it is none.
    """

    def __init__(self, answer: Answer) -> None:
        self.status = answer.status
        self.problem: Problem = problem_of(answer)
        self.retry_after = retry_after_of(answer)
        self.document = _document(answer.body)
        super().__init__(self._words())

    @property
    def code(self) -> str:
        """The stable word of the problem, such as `invalid_message`; empty from a proxy."""
        return self.problem.code

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Everything that is wrong with the request, each with a pointer into it."""
        return self.problem.errors

    def _words(self) -> str:
        said = self.problem.detail or self.problem.title or "no words"
        faults = "".join(f"; {fault.pointer}: {fault.detail}" for fault in self.faults)
        return f"{self.status} {self.problem.code}: {said}{faults}".replace(" :", ":")


class InvalidRequest(Refused):
    """What was sent is not valid: `faults` says where. The same again is refused again."""


class Unauthorized(Refused):
    """The API key is missing, unknown, expired or revoked."""


class NotAllowed(Refused):
    """The API key may not do this: scope, sender domain or network."""


class NotFound(Refused):
    """There is no such message, or this key may not see it."""


class Conflict(Refused):
    """The message is in a state in which this cannot be done."""


class TryLater(Refused):
    """Nothing could be accepted now, and the deadline is up: 429, 502, 503 or 504."""


class NotDelivered(Refused):
    """A mail that was to be sent at once was not, or nobody knows.

    Attributes:
        message: With every provider's answer in `attempts`.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.message = _read_sync(answer.body).message


class MessageRefused(NotDelivered):
    """No provider will take this mail, and nothing will be sent. Change it first."""


class NotSent(NotDelivered):
    """Every provider failed, and nothing will be sent later: it is safe to send it elsewhere.

    To send it here again, use another idempotency key: this one stands for the failed message.
    """


class OutcomeUnknown(NotDelivered):
    """The time is up and a provider may have it: do not send it again before you know.

    The gateway goes on finding out: `status` or `wait` with the id of `message`.
    """


def error_of(answer: Answer) -> ClientError:
    """Return the error that an answer other than 2xx stands for."""
    if answer.status < 400:
        return NotAGateway(f"answered {answer.status}")
    by_code = _BY_CODE.get(problem_of(answer).code)
    if by_code is not None:
        try:
            return by_code(answer)
        except msgspec.DecodeError:
            pass
    return _BY_STATUS.get(answer.status, Refused)(answer)


class _SyncProblem(msgspec.Struct):
    message: Message


_read_sync = msgspec.json.Decoder(_SyncProblem).decode

_BY_CODE: dict[str, type[NotDelivered]] = {
    "message_refused": MessageRefused,
    "not_sent": NotSent,
    "outcome_unknown": OutcomeUnknown,
}
_BY_STATUS: dict[int, type[Refused]] = {
    400: InvalidRequest,
    401: Unauthorized,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    413: InvalidRequest,
    415: InvalidRequest,
    422: InvalidRequest,
    429: TryLater,
    502: TryLater,
    503: TryLater,
    504: TryLater,
}


def _document(body: bytes) -> Any:  # noqa: ANN401 - JSON is anything
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
