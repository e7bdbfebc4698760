"""A TCP port that can be closed and opened again without losing its number.

Neighbours: `server` has one for each account and one for the control API; the protocols in
`wire` and `smtp` enter themselves into `connections`. The rule here: while a port is closed
it stays ours, so that a connection is really refused and nobody else can take the number.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

# Turns of the loop after which a client in this very process has seen its connection end: one
# for the kernel to hear of it, one to read it, one to be told. Whoever sets `down` and sends at
# once, as tests do, would else write into a connection of its pool that is already dead.
_TURNS_TO_NOTICE = 3
_BACKLOG = 1024  #: a benchmark opens hundreds of connections at once


class Connections:
    """The open connections of one port."""

    def __init__(self) -> None:
        self._open: set[asyncio.Transport] = set()

    def add(self, transport: asyncio.Transport) -> None:
        """A connection was made."""
        self._open.add(transport)

    def remove(self, transport: asyncio.Transport) -> None:
        """A connection ended."""
        self._open.discard(transport)

    def abort(self) -> None:
        """End all of them now, whatever they are about."""
        for transport in tuple(self._open):
            transport.abort()

    def __len__(self) -> int:
        return len(self._open)


def cut(transport: asyncio.Transport, *, reset: bool) -> None:
    """End a connection without a word.

    Args:
        transport: Of the socket itself, not of TLS on top of it.
        reset: With RST. Else as the kernel does it for a process that dies: with FIN, or with
            RST when something was left unread.
    """
    if reset:
        # A linger time of zero makes close() send RST (socket(7), SO_LINGER).
        end = transport.get_extra_info("socket")
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class Listener:
    """Binds on creation, so that the address is known; listens between `open` and `close`.

    Raises:
        OSError: The address cannot be had.
    """

    def __init__(
        self, factory: Callable[[Connections], asyncio.BaseProtocol], host: str, port: int
    ) -> None:
        self._factory = factory
        self._connections = Connections()
        self._server: asyncio.Server | None = None
        # A bound socket that does not listen: the kernel refuses connections to it and gives
        # the number to nobody. It was bound alone, so that a port in use is an error; from
        # here on SO_REUSEPORT lets our listening socket stand beside it.
        self._claim = _bound(host, port, beside_others=False)
        self._claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.host = host
        self.port: int = self._claim.getsockname()[1]

    @property
    def address(self) -> str:
        """Host and port, as in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    async def open(self) -> None:
        """Begin to listen. Does nothing when it listens already."""
        if self._server is None:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: self._factory(self._connections),
                sock=_bound(self.host, self.port, beside_others=True),
                backlog=_BACKLOG,
            )

    async def close(self) -> None:
        """Refuse connections from now on, and end those that are open."""
        if self._server is not None:
            server, self._server = self._server, None
            server.close()
            self._connections.abort()
            await server.wait_closed()
            for _ in range(_TURNS_TO_NOTICE):
                await asyncio.sleep(0)

    async def release(self) -> None:
        """Close, and give the port back. Final."""
        await self.close()
        self._claim.close()


def _bound(host: str, port: int, *, beside_others: bool) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, beside_others)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
