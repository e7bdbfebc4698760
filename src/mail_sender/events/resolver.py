"""From a webhook's name to addresses that may be called: looked up once, each one checked.

Neighbours: the HTTP client connects to what comes out of here and to nothing else, so a name
that leads elsewhere a moment later (DNS rebinding) changes nothing. `targets` has the rules.

Look-ups have threads of their own: those of the event loop are few, and a client's dead name
server must not keep the gateway from finding its providers.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from ..http.call import Phase, Silence
from ..http.dial import in_turns
from .targets import TargetRules, why_not

_THREADS = 16

Found = Sequence[tuple[Any, ...]]
Lookup = Callable[[str, int], Awaitable[Found]]
"""Returns what `getaddrinfo` does."""


class SystemLookup:
    """The system's resolver, on threads of its own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="webhook-lookup")

    async def __call__(self, host: str, port: int) -> Found:
        """Look a name up. Raises `OSError` or `UnicodeError`."""
        look = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        return await asyncio.get_running_loop().run_in_executor(self._threads, look)

    def close(self) -> None:
        """Begin no look-up any more; nobody waits for those under way."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class CheckedResolver:
    """See the module. A `http.dial.Resolve`."""

    def __init__(self, rules: TargetRules, lookup: Lookup) -> None:
        self._rules = rules
        self._lookup = lookup

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of a name.

        One forbidden address forbids them all: no honest name leads to both kinds.

        Raises:
            Silence: One of them may not be called.
            OSError, UnicodeError: As the look-up.
        """
        addresses = in_turns(await self._lookup(host, port))
        for address in addresses:
            if (why := why_not(address, self._rules)) is not None:
                raise Silence(Phase.CONNECT, why)
        return addresses
