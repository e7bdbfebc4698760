"""Opening a connection: name, TCP, TLS. Nothing of a request is sent before it stands.

Neighbours: `client` dials when the pool has nothing to reuse. Every failure here is a
`Silence` of phase CONNECT, in words that an operator can act on.

uvloop does not offer asyncio's `happy_eyeballs_delay`, so RFC 8305 is followed here; it is
short, and the same on every loop.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from .call import Phase, Silence
from .connection import HttpConnection
from .request import Origin

_NEXT_ADDRESS_AFTER = 0.25  # seconds, RFC 8305 section 5

MakeProtocol = Callable[[], HttpConnection]
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host and port, in the order in which to try them.

The connection goes to what it returns and nothing is looked up again, so a resolver that refuses
an address (with a `Silence`) keeps calls away from it. Host and TLS name stay the URL's.
"""


def client_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return what all connections share: certificate and host name are always verified.

    Args:
        ca_file: Certificates (PEM) to trust besides the machine's, for private endpoints.

    Raises:
        OSError: `ca_file` cannot be read or holds no certificate.
    """
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


async def dial(
    origin: Origin, context: ssl.SSLContext, protocol: MakeProtocol, resolve: Resolve
) -> HttpConnection:
    """Open a connection. There is no time limit in here: the caller cancels.

    Raises:
        Silence: Of phase CONNECT.
    """
    loop = asyncio.get_running_loop()
    tls: dict[str, Any] = {"ssl": context, "server_hostname": origin.host} if origin.tls else {}

    async def attempt(address: str) -> HttpConnection:
        _, connection = await loop.create_connection(protocol, address, origin.port, **tls)
        return connection

    try:
        addresses = deque(await resolve(origin.host, origin.port))
        return await _first_that_stands(attempt, addresses)
    except UnicodeError:  # a label that is empty or longer than 63 characters
        raise Silence(Phase.CONNECT, "host name not found") from None
    except OSError as error:
        raise Silence(Phase.CONNECT, _reason(error)) from None


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver. Raises `OSError` or `UnicodeError`, as that does."""
    return in_turns(
        await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    )


def in_turns(found: Iterable[tuple[Any, ...]]) -> list[str]:
    """Return the addresses of `getaddrinfo` in its order, families taking turns.

    RFC 8305 section 4.
    """
    families: dict[int, list[str]] = {}
    for family, _, _, _, address in found:
        families.setdefault(family, []).append(str(address[0]))
    turns = zip_longest(*families.values())
    return [address for turn in turns for address in turn if address is not None]


async def _first_that_stands(
    attempt: Callable[[str], Coroutine[Any, Any, HttpConnection]], addresses: deque[str]
) -> HttpConnection:
    """Try addresses one after the other, each with a head start before the next.

    Raises:
        OSError: What the first address that failed said, once all have.
    """
    if len(addresses) == 1:
        return await attempt(addresses[0])
    running: set[asyncio.Task[HttpConnection]] = set()
    errors: list[BaseException] = []
    try:
        while addresses or running:
            if addresses:
                running.add(asyncio.ensure_future(attempt(addresses.popleft())))
            head_start = _NEXT_ADDRESS_AFTER if addresses else None
            done, _ = await asyncio.wait(
                running, timeout=head_start, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                running.discard(task)
                if (error := task.exception()) is None:
                    return task.result()
                errors.append(error)
    finally:
        for task in running:
            task.cancel()
        for late in await asyncio.gather(*running, return_exceptions=True):
            if isinstance(late, HttpConnection):
                late.abort()
    raise errors[0]


def _reason(error: OSError) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"certificate not trusted: {error.verify_message}"
        case ssl.SSLError():
            words = (error.reason or "no reason given").replace("_", " ").lower()
            return f"TLS handshake failed: {words}"
        case socket.gaierror():
            known = error.errno in {socket.EAI_NONAME, socket.EAI_NODATA}
            return "host name not found" if known else "host name could not be looked up"
        case ConnectionRefusedError():
            return "connection refused"
        case ConnectionError():
            return "connection closed before it stood"
        case _:
            return os.strerror(error.errno).lower() if error.errno else "no connection"
