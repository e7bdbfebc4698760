"""The words of an HTTP call: what is asked, how long it may take, what came back or did not.

Neighbours: `client` makes calls; `providers` reads answers as outcomes, `events` as deliveries of
webhooks. Before the connection stood, nothing was sent. After the first byte of the request and
before a well-formed answer, nobody knows: `Silence` says on which side of that line a call ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

import msgspec


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
