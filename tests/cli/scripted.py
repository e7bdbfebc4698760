"""A gateway of which a test says how it answers; it keeps what it was asked."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Says:
    """An answer. `document` is JSON, or the bytes themselves."""

    status: int
    document: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Cuts:
    """Reads the request, then resets the connection."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


class ScriptedGateway:
    """Answers each request with the next line of its script; the last line stays."""

    def __init__(self, *script: Says | Cuts) -> None:
        self.asked: list[Asked] = []
        self._script = list(script)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.gateway = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, asked: Asked) -> Says | Cuts:
        self.asked.append(asked)
        return self._script.pop(0) if len(self._script) > 1 else self._script[0]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    gateway: ScriptedGateway


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _any(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        is_json = self.headers.get("Content-Type", "application/json") == "application/json"
        body = json.loads(raw) if raw and is_json else raw or None
        headers = {name.lower(): value for name, value in self.headers.items()}
        says = self.server.gateway.answer(Asked(self.command, self.path, headers, body))
        if isinstance(says, Cuts):
            self._reset()
            return
        content = says.document if isinstance(says.document, bytes) else _json(says.document)
        self.send_response(says.status)
        for name, value in {"Content-Length": str(len(content)), **says.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _reset(self) -> None:
        """RFC 9293 section 3.5.2: closing with SO_LINGER 0 sends a reset."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        self.connection.close()

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _any  # noqa: N815 - the names of http.server


def _json(document: object) -> bytes:
    return b"" if document is None else json.dumps(document).encode()
