"""An ASGI client that reads an answer while it is being written, and hangs up when it likes.

httpx's transport hands an answer over when it is complete, which an event stream never is.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.types import ASGIApp, Message, Scope


class Listener:
    """One open answer."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.text = ""
        self.ended = asyncio.Event()
        self.changed = asyncio.Event()
        self._hung_up = asyncio.Event()
        self._asked = False

    async def until(self, text: str) -> str:
        """Return everything so far as soon as `text` is part of it."""
        async with asyncio.timeout(10):
            while text not in self.text:
                self.changed.clear()
                await self.changed.wait()
        return self.text

    def hang_up(self) -> None:
        """Close the connection."""
        self._hung_up.set()

    async def receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.text += message.get("body", b"").decode()
            if not message.get("more_body", False):
                self.ended.set()
        self.changed.set()


@contextlib.asynccontextmanager
async def listening(app: ASGIApp, path: str, **headers: str) -> AsyncIterator[Listener]:
    """Open `path`, and close it again at the end."""
    path, _, query = path.partition("?")
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(k.lower().replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
        "client": ("127.0.0.1", 1234),
        "server": ("gateway.test", 80),
    }
    listener = Listener()
    task: asyncio.Task[Any] = asyncio.ensure_future(_run(app, scope, listener))
    try:
        yield listener
    finally:
        listener.hang_up()
        await asyncio.wait_for(task, 10)


async def _run(app: ASGIApp, scope: Scope, listener: Listener) -> None:
    await app(scope, listener.receive, listener.send)
