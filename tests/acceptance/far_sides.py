"""Far sides for whole runs: moto that dies, an SMTP server that keeps books."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import IO, Any

from aiosmtpd.smtp import SMTP

from tests.providers.moto_server import Moto

_ADDRESS = re.compile(r"Running on (http://\S+)")


@contextmanager
def killable_moto() -> Iterator[tuple[Moto, subprocess.Popen[bytes]]]:
    """Start moto on a free port; give it and its process. It is ended at the end."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
            stdout=log,
            stderr=log,
        )
        try:
            moto = Moto(_address_in(log))
            moto.verify("example.com")
            yield moto, process
        finally:
            process.kill()
            process.wait(10)


def _address_in(log: IO[bytes]) -> str:
    """Wait until the server has written where it listens."""
    for _ in range(600):
        if found := _ADDRESS.search(os.pread(log.fileno(), 65536, 0).decode()):
            return found[1]
        time.sleep(0.05)
    raise AssertionError("moto did not start within 30 s")


class SmtpBooks:
    """An aiosmtpd handler that counts what it took, by our message id."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802, ANN401
        """Take a mail."""
        id_ = message_from_bytes(envelope.content)["X-MS-ID"]
        self.taken[id_] += 1
        return "250 2.0.0 taken"


@asynccontextmanager
async def smtp_server(handler: object) -> AsyncIterator[int]:
    """Run aiosmtpd on the test's own loop; give its port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, loop=loop), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@dataclass
class Witness:
    """Stands between the gateway and an HTTP provider, and sees which mails it said yes to.

    A provider that is killed takes its own books with it; the witness keeps them. A mail counts
    as taken when the provider's 200 was read here, whether or not the gateway still read it.
    """

    target: str
    answered: Counter[str] = field(default_factory=Counter)
    _server: asyncio.Server | None = None
    _idle: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Where the gateway finds the provider."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def close(self) -> None:
        """Refuse connections from now on, and cut those on which no answer is due."""
        assert self._server is not None
        self._server.close()
        for line in tuple(self._idle):
            line.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._server is not None
        try:
            while self._server.is_serving():
                self._idle.add(writer)
                head = await reader.readuntil(b"\r\n\r\n")
                self._idle.discard(writer)
                length = int(_header(head, b"content-length") or 0)
                body = await reader.readexactly(length)
                id_ = _ses_id(body)
                answer = await self._ask(head, body)
                if id_ and answer.split(b" ", 2)[1] == b"200":
                    self.answered[id_] += 1
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self._idle.discard(writer)
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
        if len(payload) != int(_header(b"\r\n" + rest, b"content-length") or -1):
            raise OSError  # it died in the middle of its answer
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
