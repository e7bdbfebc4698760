"""HTTP/1.1 as bytes on a connection, where an answer can be cut wherever one likes.

Neighbours: `exchange` and `control` are services; they say what is to happen as a value (a
`Move`), and only this module touches a transport. An HTTP framework would answer every
request somehow; the far side of a fault test must be able not to. Calls on one connection are
answered in the order in which they came (RFC 9112 section 9.3.2).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any, Protocol, cast
from urllib.parse import parse_qsl, unquote

import httptools

from ..clock import Clock
from .listener import Connections, cut

_MAX_HEAD_BYTES = 64 * 1024
_MAX_PIPELINED = 256  #: calls waiting behind a slow one
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Head:
    """The head of a request. Header names are in lower case; of repeated ones the last counts."""

    method: str = ""
    target: str = ""  #: as on the request line
    headers: dict[str, str] = field(default_factory=dict)
    _segments: tuple[str, ...] | None = None

    @property
    def segments(self) -> tuple[str, ...]:
        """The path in pieces, each decoded; empty ones are left out."""
        if self._segments is None:
            path = self.target.partition("?")[0]
            self._segments = tuple(unquote(piece) for piece in path.split("/") if piece)
        return self._segments

    @property
    def query(self) -> dict[str, str]:
        """The parameters behind the `?`; of repeated ones the last counts."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer, whole. Date, Content-Length and Connection come with it."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Send:
    """Send the answer; then, when the kernel has all of it, call `then`."""

    reply: Reply
    then: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class SendHalf:
    """Send the head and half of the body, then close."""

    reply: Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """End the connection without a word.

    Attributes:
        reset: With RST. Else as a crashed process would: with FIN, and the kernel makes that
            RST by itself when something was left unread.
    """

    reset: bool


@dataclass(frozen=True, slots=True)
class Later:
    """Do nothing until so many seconds have passed, or something has happened; then go on.

    When the client leaves meanwhile, `then` is never called.
    """

    after: float | asyncio.Future[Any]
    then: Callable[[], Move]


Move = Send | SendHalf | Cut | Later

Finish = Callable[[bytes], Move]
"""Goes on with a call when its whole body is there."""


class Service(Protocol):
    """What stands behind a port."""

    @property
    def max_body_bytes(self) -> int:
        """A longer body is read to its end, thrown away and answered with `too_large`."""
        ...

    def begin(self, head: Head) -> Cut | Finish:
        """Say what happens with a call of which only the head has come."""
        ...

    def too_large(self) -> Reply:
        """Return the answer to a body that is too long."""
        ...


class Dates:
    """The Date header, formatted once a second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._second = -1
        self._line = b""

    def line(self) -> bytes:
        """Return the header line for now."""
        now = self._clock.now()
        second = int(now.timestamp())
        if second != self._second:
            self._second = second
            self._line = b"Date: %s\r\n" % format_datetime(now, usegmt=True).encode()
        return self._line


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, service: Service, dates: Dates, connections: Connections) -> None:
        self._service = service
        self._dates = dates
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._head = Head()
        self._head_bytes = 0
        self._finish: Finish | None = None
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._ready: deque[_Ready] = deque()
        self._is_busy = False
        self._stop_waiting: Callable[[], None] | None = None

    # ------------------------------------------------------------ the transport speaks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport."""
        # A cast, because uvloop's transports are no subclass.
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self._transport)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, which calls the `on_…` methods below."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # A client offered HTTP/2 (`Upgrade: h2c`). We stay with HTTP/1.1, as it expects.
            self._parser = httptools.HttpRequestParser(self)
            rest = data[upgrade.args[0] :]
            if rest:
                self.data_received(rest)
        except httptools.HttpParserError:
            self._refuse(Reply(status=400, body=b"Bad Request\n", content_type="text/plain"))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio names it
        """Drop everything that waits: the client is gone."""
        self._connections.remove(self._transport)
        self._ready.clear()
        if self._stop_waiting is not None:
            self._stop_waiting()
            self._stop_waiting = None

    # ------------------------------------------------------------ the parser speaks

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""
        self._head.target += url.decode("latin-1")
        self._limit_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field."""
        self._head.headers[name.decode("latin-1").lower()] = value.decode("latin-1")
        self._limit_head(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """The head is there: the service may cut now."""
        head = self._head
        head.method = self._parser.get_method().decode("latin-1")
        begun = self._service.begin(head)
        if isinstance(begun, Cut):
            self._cut(reset=begun.reset)
            return
        self._finish = begun
        if head.headers.get("expect", "").lower() == "100-continue" and not self._is_busy:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._body_bytes += len(body)
        if self._body_bytes > self._service.max_body_bytes:
            self._body.clear()
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """The call is whole: go on with it, or put it behind the one before."""
        if self._finish is None:
            return  # it was cut at its head
        ready = _Ready(
            head=self._head,
            finish=self._finish,
            body=b"".join(self._body),
            is_too_large=self._body_bytes > self._service.max_body_bytes,
            keep_alive=self._parser.should_keep_alive(),
        )
        self._head, self._finish, self._head_bytes = Head(), None, 0
        self._body.clear()
        self._body_bytes = 0
        if self._is_busy:
            self._ready.append(ready)
            if len(self._ready) > _MAX_PIPELINED:
                self._transport.abort()
        else:
            self._start(ready)

    # ------------------------------------------------------------ moves

    def _start(self, ready: _Ready) -> None:
        self._is_busy = True
        if ready.is_too_large:
            self._make(Send(self._service.too_large()), ready)
        else:
            self._go_on(lambda: ready.finish(ready.body), ready)

    def _go_on(self, then: Callable[[], Move], ready: _Ready) -> None:
        self._stop_waiting = None
        try:
            move = then()
        except Exception:  # noqa: BLE001 - a bug must not look like a fault on command
            _log.exception(
                "the sandbox failed to answer %s %s", ready.head.method, ready.head.target
            )
            move = Send(
                Reply(status=500, body=b"The sandbox has a bug.\n", content_type="text/plain")
            )
        self._make(move, ready)

    def _make(self, move: Move, ready: _Ready) -> None:
        if self._transport.is_closing():
            return
        match move:
            case Send(reply, then):
                self._transport.write(self._bytes_of(reply, ready))
                if then is not None:
                    then()
                self._end(keep_alive=ready.keep_alive)
            case SendHalf(reply):
                answer = self._bytes_of(reply, ready)
                # Without a body the head is cut, or the answer would be whole.
                missing = (len(reply.body) + 1) // 2 or len(answer) // 2
                self._transport.write(answer[: len(answer) - missing])
                self._transport.close()
            case Cut(reset=reset):
                self._cut(reset=reset)
            case Later(after, then):
                self._wait(after, lambda: self._go_on(then, ready))

    def _wait(self, after: float | asyncio.Future[Any], go_on: Callable[[], None]) -> None:
        if isinstance(after, asyncio.Future):

            def done(_: asyncio.Future[Any]) -> None:
                go_on()

            after.add_done_callback(done)
            self._stop_waiting = lambda: _forget(after, done)
        else:
            self._stop_waiting = asyncio.get_running_loop().call_later(after, go_on).cancel

    def _end(self, *, keep_alive: bool) -> None:
        self._is_busy = False
        if not keep_alive:
            self._transport.close()
        elif self._ready:
            self._start(self._ready.popleft())

    def _cut(self, *, reset: bool) -> None:
        cut(self._transport, reset=reset)

    def _refuse(self, reply: Reply) -> None:
        if not self._transport.is_closing():
            self._transport.write(self._bytes_of(reply, _Ready(keep_alive=False)))
            self._transport.close()

    def _limit_head(self, more: int) -> None:
        self._head_bytes += more
        if self._head_bytes > _MAX_HEAD_BYTES:
            self._refuse(Reply(status=431, body=b"Too large\n", content_type="text/plain"))

    def _bytes_of(self, reply: Reply, ready: _Ready) -> bytes:
        head = [
            _STATUS_LINES.get(reply.status) or b"HTTP/1.1 %d \r\n" % reply.status,
            self._dates.line(),
            b"Content-Type: %s\r\nContent-Length: %d\r\n"
            % (reply.content_type.encode("latin-1"), len(reply.body)),
        ]
        head += [f"{name}: {value}\r\n".encode("latin-1") for name, value in reply.headers]
        if not ready.keep_alive:
            head.append(b"Connection: close\r\n")
        return b"%s\r\n%s" % (b"".join(head), b"" if ready.head.method == "HEAD" else reply.body)


_STATUS_LINES = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in HTTPStatus}


def _nothing(_: bytes) -> Move:
    return Cut(reset=False)


@dataclass(slots=True, kw_only=True)
class _Ready:
    """A whole call that waits for its turn."""

    head: Head = field(default_factory=Head)
    finish: Finish = _nothing
    body: bytes = b""
    is_too_large: bool = False
    keep_alive: bool


def _forget(future: asyncio.Future[Any], callback: Callable[[asyncio.Future[Any]], None]) -> None:
    future.remove_done_callback(callback)
