"""uvicorn's HTTP protocol, with a short way for the requests that every mail comes by.

Neighbours: `serving` hands it to uvicorn; `api.asgi` says which functions are hot and makes their
answers. uvicorn reads, times and ends connections as ever. But where a whole small request for a
hot function has come, it is answered by one call and one write: what ASGI passes to and fro for a
request (a receive, two sends, a wrapper for each layer) costs as much as taking the mail does.

Whatever is unusual goes the long way, with the same answers: a body that is large or of unknown
length, an `Expect`, an upgrade, HTTP/1.0, requests that come before the last answer, and pages of
other origins (CORS). A test asks both ways the same questions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.types import Message, Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from ..api.asgi import Hot

_LARGEST_BODY = 64 * 1024  #: what uvicorn reads before it makes the client wait
_LONG_WAY = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"origin"})


class _Nobody:
    """Stands where uvicorn wakes who reads a body: here nobody waits for a part of one."""

    def set(self) -> None:
        """Do nothing."""


_NOBODY = _Nobody()


class ShortExchange:
    """One request and its answer. uvicorn looks at the attributes as at those of its own.

    Attributes:
        disconnected: The client is gone.
        keep_alive: The connection is kept after the answer.
        response_complete: It was answered.
    """

    message_event = _NOBODY

    def __init__(self, protocol: ShortWayProtocol, hot: Hot) -> None:
        self.disconnected = False
        self.keep_alive = True
        self.response_complete = False
        self.body: list[bytes] = []
        self.more_body = True
        self._protocol = protocol
        self._scope: Scope = protocol.scope  # type: ignore[assignment]  # uvicorn's own type of it
        self._hot = hot

    async def run(self) -> None:
        """Answer."""
        protocol = self._protocol
        try:
            status, fields, body = await self._hot.answer(self._scope, self._receive)
        except BaseException:  # cancelled: the client must not wait for ever
            protocol.transport.close()
            raise
        if protocol.flow.write_paused and not self.disconnected:
            await protocol.flow.drain()
        if self.disconnected:
            return
        if (b"connection", b"close") in fields:
            self.keep_alive = False
        elif not self.keep_alive:
            fields.append((b"connection", b"close"))
        head = b"".join(
            [b"%b: %b\r\n" % field for field in (*protocol.server_state.default_headers, *fields)]
        )
        protocol.transport.write(b"%b%b\r\n%b" % (STATUS_LINE[status], head, body))
        self.response_complete = True
        if not self.keep_alive:
            protocol.transport.close()
        protocol.on_response_complete()

    async def _receive(self) -> Message:
        """The ASGI `receive` of a request that is there."""
        body, self.body = self.body, []
        return {"type": "http.request", "body": b"".join(body), "more_body": False}


class ShortWayProtocol(HttpToolsProtocol):
    """See the module."""

    def __init__(self, hot: Mapping[bytes, Hot], *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Args: `hot`, by the target of the request; the rest is uvicorn's."""
        super().__init__(*args, **kwargs)
        self._hot = hot
        self._short: ShortExchange | None = None

    def on_headers_complete(self) -> None:
        """Choose the way."""
        hot = self._hot.get(self.url)
        if hot is None or not self._is_plain():
            self._short = None
            super().on_headers_complete()
            return
        self.scope["method"] = "POST"
        self.scope["path"] = self.url.decode("ascii")
        self.scope["raw_path"] = self.url
        self.scope["query_string"] = b""
        self._short = ShortExchange(self, hot)
        self.cycle = self._short  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        if self._short is None:
            super().on_body(body)
        else:
            self._short.body.append(body)

    def on_message_complete(self) -> None:
        """Begin to answer."""
        short = self._short
        if short is None:
            super().on_message_complete()
            return
        short.more_body = False
        task = self.loop.create_task(short.run())
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def _is_plain(self) -> bool:
        if self.parser.get_method() != b"POST" or self.parser.get_http_version() != "1.1":
            return False
        if not self.parser.should_keep_alive() or self.parser.should_upgrade():
            return False
        if self.cycle is not None and not self.cycle.response_complete:
            return False
        length = b""
        for name, value in self.headers:
            if name in _LONG_WAY:
                return False
            if name == b"content-length":
                length = value
        return length.isdigit() and len(length) <= 6 and int(length) <= _LARGEST_BODY
