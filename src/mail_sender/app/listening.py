"""Addresses to listen on, as the configuration writes them, and sockets bound to them.

Neighbours: `serving` for HTTP, `smtp` for mail. Bound before anything starts, so that a port that
is not free is told at once.
"""

from __future__ import annotations

import socket

from ..domain.errors import ConfigError


def address_of(listen: str, where: str = "server.listen") -> tuple[str, int]:
    """Read `host:port` or `[v6]:port`. Raises `ConfigError`."""
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"{where}: expected host:port, got {listen!r}")
    return host.removeprefix("[").removesuffix("]") or "0.0.0.0", int(port)  # noqa: S104 - as asked


def bind(listen: str, where: str = "server.listen") -> list[socket.socket]:
    """Return sockets bound to every address of `listen`, not listening yet.

    Raises:
        ConfigError: The address is not ours, or somebody else listens there.
    """
    host, port = address_of(listen, where)
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, address in dict.fromkeys(found):
            bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            sockets.append(bound)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bound.bind(address)
            bound.setblocking(False)  # noqa: FBT003 - the socket API
    except OSError as error:
        for each in sockets:
            each.close()
        raise ConfigError(f"{where}: cannot listen on {listen}: {error.strerror}") from None
    return sockets
