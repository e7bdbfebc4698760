"""Every error this package raises on purpose, under one root.

Errors are for the caller's mistakes and ours. What a provider answers is not an error, it is
an Outcome. Neighbours: `api.problems` maps each class to one problem type; a test fails when
a class has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta


class MailSenderError(Exception):
    """Root. Its message is for the operator; `public` is for the client."""

    public = "Internal error."


class ConfigError(MailSenderError):
    """The configuration cannot be used. Raised at start-up only, never later."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request: an RFC 6901 pointer into it, and what is expected."""

    pointer: str
    detail: str


class InvalidMessage(MailSenderError):
    """The client's message breaks a rule that it can fix. `faults` lists all of them."""

    public = "The message is not valid."

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{f.pointer}: {f.detail}" for f in faults))
        self.faults = tuple(faults)


class NotFound(MailSenderError):
    """There is no such message, key or provider, or this key may not see it."""

    public = "There is no such resource."


class StateConflict(MailSenderError):
    """The message is in a state in which this cannot be done; `public` says which."""

    def __init__(self, public: str) -> None:
        super().__init__(public)
        self.public = public


class IdempotencyMismatch(MailSenderError):
    """The idempotency key was used with another body."""

    public = "This Idempotency-Key was used before, with another request."


class IdempotencyInProgress(MailSenderError):
    """The first request with this idempotency key has not ended yet."""

    public = "The first request with this Idempotency-Key is still running; ask again shortly."


class SenderNotAllowed(MailSenderError):
    """The API key may not send as this address."""

    public = "This API key may not send from this address."


class StoreUnavailable(MailSenderError):
    """Mail cannot be stored durably now: disk full, read-only, locked, corrupt, no quorum."""

    public = "Mail cannot be stored durably at the moment; nothing was accepted. Try again."

    def __init__(self, message: str, retry_after: timedelta = timedelta(seconds=5)) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class QueueFull(MailSenderError):
    """The queue holds `queue.max_queued` messages; the client should come back later."""

    public = "The queue is full; nothing was accepted. Try again later."
    retry_after = timedelta(seconds=30)


class Draining(MailSenderError):
    """The process is stopping and takes nothing new; another node, or a later time, will."""

    public = "The gateway is stopping; nothing was accepted. Try again."
    retry_after = timedelta(seconds=2)


class NotGenuine(MailSenderError):
    """A call of a webhook is not the provider's, or too old."""

    public = "This is not a call of the provider, or it is too old."


class InvalidHook(MailSenderError):
    """A call of a webhook is nothing that the provider sends."""

    public = "This is nothing that this provider sends."


class HookUndecided(MailSenderError):
    """Whether a call of a webhook is genuine cannot be found out now."""

    public = "Whether this is a call of the provider cannot be found out now. Try again."
    retry_after = timedelta(seconds=20)


class HookNotNow(MailSenderError):
    """A call of a webhook cannot be kept now, told to a provider that a 5xx makes give up."""

    public = "This cannot be kept now. Try again."
    retry_after = timedelta(seconds=20)
