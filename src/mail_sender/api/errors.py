"""Mistakes of a client that only an HTTP door can meet. `problems` knows their answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from ..domain.errors import Fault, MailSenderError
from ..store.port import Scope


class InvalidJson(MailSenderError):
    """The body is not JSON (RFC 8259), or not UTF-8."""

    public = "The body is not valid JSON in UTF-8."


class BodyTooLarge(MailSenderError):
    """The body is larger than `server.max_request_bytes`."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} bytes")
        self.public = f"The request is larger than {limit} bytes."


class InvalidCsv(MailSenderError):
    """The body is not a CSV file (RFC 4180) of what is wanted; `public` says why."""

    def __init__(self, public: str) -> None:
        super().__init__(public)
        self.public = public


class WrongMediaType(MailSenderError):
    """The body is something else than what is taken here: plain JSON, or plain CSV."""

    def __init__(self, got: str | None, *, wanted: str = "application/json") -> None:
        super().__init__(got)
        self.public = f"Send Content-Type: {wanted}, in UTF-8 and without Content-Encoding."


class InvalidRequest(MailSenderError):
    """A parameter, or a field of a request that is not a message. `faults` lists all of them."""

    public = "The request is not valid."

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{f.pointer}: {f.detail}" for f in faults))
        self.faults = tuple(faults)


class Unauthorized(MailSenderError):
    """No API key, or one that is not known, expired or revoked."""

    def __init__(self, public: str) -> None:
        super().__init__(public)
        self.public = public


class ScopeMissing(MailSenderError):
    """The key is good, but not for this."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope)
        self.public = f"This API key lacks the scope {scope}."


class KeyNotAllowed(MailSenderError):
    """The key would give away more than it has."""

    def __init__(self, public: str) -> None:
        super().__init__(public)
        self.public = public


class NetworkNotAllowed(MailSenderError):
    """The key may not be used from the client's address."""

    public = "This API key may not be used from your network."


class RateLimited(MailSenderError):
    """More requests a minute than `server.requests_per_minute`, or `…_per_address`."""

    public = "Too many requests with this API key or from this address; slow down."

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(str(retry_after))
        self.retry_after = retry_after


class NotReady(MailSenderError):
    """The readiness check: mail cannot be taken now, and why."""

    retry_after = timedelta(seconds=5)

    def __init__(self, public: str) -> None:
        super().__init__(public)
        self.public = public


class NoSandbox(MailSenderError):
    """No sandbox runs beside this gateway."""

    public = "No sandbox runs beside this gateway: set sandbox.enabled in its configuration."
