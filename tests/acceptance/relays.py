"""Addresses of a gateway: what a load balancer before it does, and how one dies."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

_NOBODY_SERVES = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\nConnection: close\r\n"
    b"Content-Length: 20\r\n\r\n<html>No server.\r\n\r\n"
)  #: as HAProxy says it


class Relay:
    """Passes bytes on to the gateway; killed, it cuts whatever is under way.

    Attributes:
        target: The gateway's URL, which changes when it starts again.
        taken: Connections so far.
    """

    def __init__(self, host: str, target: str, port: int = 0) -> None:
        self.host = host
        self.port = port
        self.target = target
        self.taken = 0
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Listen, at the same address as before."""
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def kill(self) -> None:
        """Refuse connections from now on and reset those that there are."""
        assert self._server is not None
        self._server.close()
        for end in tuple(self._ends):
            end.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken += 1
        with self._kept(writer):
            to = urlsplit(self.target)
            try:
                there = await asyncio.open_connection(to.hostname, to.port)
            except OSError:
                writer.write(_NOBODY_SERVES)
                with contextlib.suppress(OSError):
                    await reader.read(65536)
                    await writer.drain()
                return
            with self._kept(there[1]):
                await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer))

    @contextlib.contextmanager
    def _kept(self, writer: asyncio.StreamWriter) -> Iterator[None]:
        self._ends.add(writer)
        try:
            yield
        finally:
            self._ends.discard(writer)
            writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def relays(target: str, *hosts: str) -> AsyncIterator[list[Relay]]:
    """Open relays on one port of several addresses, as DNS would name them."""
    opened: list[Relay] = []
    try:
        for host in hosts:
            opened.append(Relay(host, target, opened[0].port if opened else 0))
            await opened[-1].open()
        yield opened
    finally:
        for relay in opened:
            relay.kill()
        await asyncio.sleep(0)
