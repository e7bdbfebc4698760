"""Far sides for whole runs: moto that dies, an SMTP server that keeps books."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any

from aiosmtpd.controller import Controller

from tests.providers.moto_server import Moto

_ADDRESS = re.compile(r"Running on (http://\S+)")


@contextmanager
def killable_moto() -> Iterator[tuple[Moto, subprocess.Popen[str]]]:
    """Start moto on a free port; give it and its process. It is ended at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        url = next(m[1] for line in process.stderr if (m := _ADDRESS.search(line)))
        moto = Moto(url)
        moto.verify("example.com")
        yield moto, process
    finally:
        process.kill()
        process.wait(10)
        process.stderr.close()


class SmtpBooks:
    """An aiosmtpd handler that counts what it took, by our message id."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802, ANN401
        """Take a mail."""
        id_ = message_from_bytes(envelope.content)["X-MS-ID"]
        self.taken[id_] += 1
        return "250 2.0.0 taken"


@contextmanager
def smtp_server(handler: object) -> Iterator[int]:
    """Run an SMTP server in a thread of its own; give its port."""
    controller = _AnyPort(handler, hostname="127.0.0.1", port=0)
    controller.start()
    try:
        yield controller.bound_port
    finally:
        controller.stop()


class _AnyPort(Controller):
    """aiosmtpd's controller on a port that the kernel chooses."""

    @property
    def bound_port(self) -> int:
        """The port that it got."""
        assert self.server is not None
        port: int = self.server.sockets[0].getsockname()[1]
        return port

    def _trigger_server(self) -> None:
        """The base class connects to port 0 to see whether it answers; there is no need."""


@dataclass
class Witness:
    """Stands between the gateway and an HTTP provider, and sees which mails it said yes to.

    A provider that is killed takes its own books with it; the witness keeps them. A mail counts
    as taken when the provider's 200 was read here, whether or not the gateway still read it.
    """

    target: str
    answered: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    _server: asyncio.Server | None = None
    _lines: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Where the gateway finds the provider."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def close(self) -> None:
        """Refuse connections from now on, and cut those that are open."""
        assert self._server is not None
        self._server.close()
        for line in tuple(self._lines):
            line.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(_header(head, b"content-length") or 0)
                body = await reader.readexactly(length)
                id_ = _ses_id(body)
                if id_:
                    self.asked[id_] += 1
                answer = await self._ask(head, body)
                if id_ and answer.split(b" ", 2)[1] == b"200":
                    self.answered[id_] += 1
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self._lines.discard(writer)
            writer.close()

    async def _ask(self, head: bytes, body: bytes) -> bytes:
        host, port = self.target.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            head = re.sub(rb"(?i)\r\nconnection: [^\r]*", b"", head)
            writer.write(head[:-2] + b"Connection: close\r\n\r\n" + body)
            answer = await reader.read()
        finally:
            writer.close()
        if not answer:
            raise OSError
        status, _, rest = answer.partition(b"\r\n")
        payload = answer.partition(b"\r\n\r\n")[2]
        if b"content-length" not in rest.lower():
            raise OSError
        kept = re.sub(rb"(?i)\r\nconnection: [^\r]*", b"", answer[: -len(payload) or None])
        return kept.replace(status, status.replace(b"HTTP/1.0", b"HTTP/1.1"), 1) + payload


def _header(head: bytes, name: bytes) -> bytes | None:
    found = re.search(rb"(?i)\r\n" + name + rb": *([^\r]*)", head)
    return found[1] if found else None


def _ses_id(body: bytes) -> str | None:
    """Return our message id from a SendEmail request."""
    try:
        request = json.loads(body)
    except ValueError:
        return None
    for tag in request.get("EmailTags", ()):
        if tag["Name"] == "ms_id":
            return str(tag["Value"])
    raw = request.get("Content", {}).get("Raw", {}).get("Data")
    return message_from_bytes(base64.b64decode(raw))["X-MS-ID"] if raw else None
