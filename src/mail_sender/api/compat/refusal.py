"""Why a door says no, in one list for all vendors: each has its own words and codes for these.

Neighbours: everything below raises `MailSenderError`, doors raise `Refusal` for what only they
know; `door` makes the vendor's answer of either. Only public text goes out, as in `problems`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from ...domain import errors
from ...domain.errors import Fault, MailSenderError
from .. import errors as of_the_door
from ..problems import headers_of


class Reason(StrEnum):
    """Why. Every vendor answers each of them, with a status and a code of its own."""

    NOT_READABLE = "not_readable"  #: not JSON, or not a form
    MEDIA_TYPE = "media_type"  #: it says it is something else
    TOO_LARGE = "too_large"
    INVALID = "invalid"  #: a field, or a rule of mail; the client can mend it
    UNSUPPORTED = "unsupported"  #: the vendor offers it and the gateway does not
    NO_KEY = "no_key"  #: no API key where the vendor has it
    BAD_KEY = "bad_key"  #: not known, expired, revoked, or wrongly signed
    SCOPE = "scope"  #: the key is good, but not for this
    SENDER = "sender"  #: the key may not send as this address
    NETWORK = "network"  #: the key may not be used from here
    NO_SUCH_CALL = "no_such_call"  #: an address that the gateway does not serve
    WRONG_METHOD = "wrong_method"
    NOT_FOUND = "not_found"  #: no such message
    CONFLICT = "conflict"  #: its state does not allow this
    KEY_REUSED = "key_reused"  #: the idempotency key, with another mail
    KEY_RUNNING = "key_running"  #: the first request with the idempotency key has not ended
    TOO_FAST = "too_fast"
    UNAVAILABLE = "unavailable"  #: mail cannot be stored durably now; nothing was accepted
    MESSAGE_REFUSED = "message_refused"  #: sync: no provider takes it
    NOT_SENT = "not_sent"  #: sync: every provider failed, and nothing will be sent later
    OUTCOME_UNKNOWN = "outcome_unknown"  #: sync: the time is up, and a provider may have it
    INTERNAL = "internal"


#: HTTP statuses of vendors whose answers have no code besides.
PLAIN_STATUS: Mapping[Reason, int] = {
    Reason.NOT_READABLE: 400,
    Reason.MEDIA_TYPE: 415,
    Reason.TOO_LARGE: 413,
    Reason.INVALID: 400,
    Reason.UNSUPPORTED: 400,
    Reason.NO_KEY: 401,
    Reason.BAD_KEY: 401,
    Reason.SCOPE: 403,
    Reason.SENDER: 403,
    Reason.NETWORK: 403,
    Reason.NO_SUCH_CALL: 404,
    Reason.WRONG_METHOD: 405,
    Reason.NOT_FOUND: 404,
    Reason.CONFLICT: 400,
    Reason.KEY_REUSED: 400,
    Reason.KEY_RUNNING: 429,
    Reason.TOO_FAST: 429,
    Reason.UNAVAILABLE: 503,
    Reason.MESSAGE_REFUSED: 400,
    Reason.NOT_SENT: 503,
    Reason.OUTCOME_UNKNOWN: 504,
    Reason.INTERNAL: 500,
}


class Refusal(Exception):
    """A request that is refused.

    Attributes:
        words: For the client, where there are no faults.
        faults: Pointers are into the vendor's request.
        headers: Of the answer.
    """

    def __init__(
        self,
        reason: Reason,
        words: str = "",
        *,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.words = words
        self.faults = tuple(faults)
        self.headers = dict(headers or {})


REASONS: Mapping[type[MailSenderError], Reason] = {
    MailSenderError: Reason.INTERNAL,
    errors.InvalidMessage: Reason.INVALID,
    errors.NotFound: Reason.NOT_FOUND,
    errors.StateConflict: Reason.CONFLICT,
    errors.IdempotencyMismatch: Reason.KEY_REUSED,
    errors.IdempotencyInProgress: Reason.KEY_RUNNING,
    errors.SenderNotAllowed: Reason.SENDER,
    errors.StoreUnavailable: Reason.UNAVAILABLE,
    errors.QueueFull: Reason.UNAVAILABLE,
    errors.Draining: Reason.UNAVAILABLE,
    of_the_door.InvalidJson: Reason.NOT_READABLE,
    of_the_door.InvalidRequest: Reason.INVALID,
    of_the_door.BodyTooLarge: Reason.TOO_LARGE,
    of_the_door.WrongMediaType: Reason.MEDIA_TYPE,
    of_the_door.Unauthorized: Reason.BAD_KEY,
    of_the_door.ScopeMissing: Reason.SCOPE,
    of_the_door.NetworkNotAllowed: Reason.NETWORK,
    of_the_door.RateLimited: Reason.TOO_FAST,
}

_OUR_LOGIN = "WWW-Authenticate"  #: every vendor has its own


def refusal_of(error: MailSenderError) -> Refusal:
    """Return the refusal for an error of the gateway, by the nearest class in the table."""
    reason = next(REASONS[cls] for cls in type(error).__mro__ if cls in REASONS)
    words = MailSenderError.public if reason is Reason.INTERNAL else error.public
    headers = headers_of(error)
    headers.pop(_OUR_LOGIN, None)
    found: Sequence[Fault] = getattr(error, "faults", ())
    return Refusal(reason, words, faults=found, headers=headers)
