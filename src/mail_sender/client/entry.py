"""Where the gateway is reached: its name, and what is known of the addresses behind the name.

Neighbours: `lines` and `async_lines` look the name up and connect, and tell the book what came of
it. Pure: no socket and no clock here.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

LOOK_UP_EVERY = 30.0  #: seconds; the resolver does not tell how long its answer holds
STALE_FOR = 5.0  #: seconds until the next look-up after one that failed
FAILED_FOR = 30.0  #: seconds for which an address that failed comes after the others
PREFERRED_FOR = 600.0  #: seconds; then another may have the load again

Address = tuple[int, tuple[Any, ...]]
"""Address family and socket address, as `getaddrinfo` gives them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The address of a gateway, taken apart.

    Attributes:
        host: In its ASCII form; also the name that the certificate must have.
        base: Path before `/v1`; empty at most gateways.
        addresses: To use instead of looking the name up.
    """

    is_tls: bool
    host: str
    port: int
    base: str
    addresses: tuple[str, ...] = ()

    @classmethod
    def parse(cls, url: str, addresses: Sequence[str] = ()) -> Self:
        """Return the entry of a URL; without a scheme, `http`.

        Raises:
            ValueError: It is none.
        """
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host = (parts.hostname or "").encode("idna").decode()
        if parts.scheme not in {"http", "https"} or not host or parts.username is not None:
            raise ValueError(f"{url!r} is not the address of a gateway")
        is_tls = parts.scheme == "https"
        port = parts.port or (443 if is_tls else 80)
        return cls(is_tls, host, port, parts.path.rstrip("/"), tuple(addresses))

    @property
    def authority(self) -> str:
        """The value of the header field Host (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL again, for words to people."""
        return f"http{'s' if self.is_tls else ''}://{self.authority}{self.base}"


class AddressBook:
    """The addresses of an entry, in the order in which they should be asked.

    An order by DNS cannot be relied on: the C library sorts what the server rotates (RFC 6724),
    so that every client would go to the same site. So the addresses of a family are shuffled, and
    the families take turns, beginning with the one that the system puts first (RFC 8305 section
    4). The one that worked stays first, those that failed come last.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._addresses: list[Address] = []
        self._learnt_at: float | None = None
        self._preferred: tuple[Address, float] | None = None
        self._failed: dict[Address, float] = {}

    def is_fresh(self, now: float) -> bool:
        """Whether the name need not be looked up again yet."""
        return self._learnt_at is not None and now - self._learnt_at < LOOK_UP_EVERY

    def learn(self, found: Sequence[Address], now: float) -> None:
        """Take what a look-up found, in the resolver's order."""
        families: dict[int, list[Address]] = {}
        for address in dict.fromkeys(found):
            families.setdefault(address[0], []).append(address)
        for each in families.values():
            self._chance.shuffle(each)
        self._addresses = _taking_turns(list(families.values()))
        self._failed = {a: at for a, at in self._failed.items() if a in self._addresses}
        self._learnt_at = now

    def stays_as_it_is(self, now: float) -> None:
        """Note that the resolver did not answer: what is known is used for a while longer."""
        self._learnt_at = now - LOOK_UP_EVERY + STALE_FOR

    def in_order(self, now: float) -> list[Address]:
        """Return the addresses, the most promising first."""
        preferred = None
        if self._preferred is not None and now - self._preferred[1] < PREFERRED_FOR:
            preferred = self._preferred[0]

        def rank(address: Address) -> tuple[int, float]:
            if address == preferred:
                return 0, 0.0
            failed_at = self._failed.get(address)
            if failed_at is not None and now - failed_at < FAILED_FOR:
                return 2, failed_at
            return 1, 0.0

        return sorted(self._addresses, key=rank)

    def worked(self, address: Address, now: float) -> None:
        """Note that the gateway answered there."""
        self._failed.pop(address, None)
        if self._preferred is None or self._preferred[0] != address:
            self._preferred = (address, now)

    def failed(self, address: Address, now: float) -> None:
        """Note that it could not be reached there, or did not work."""
        self._failed[address] = now
        if self._preferred is not None and self._preferred[0] == address:
            self._preferred = None


def _taking_turns(families: list[list[Address]]) -> list[Address]:
    longest = max((len(family) for family in families), default=0)
    return [family[i] for i in range(longest) for family in families if i < len(family)]


def look_up(entry: Entry) -> list[Address]:
    """Return every address of the entry, as the system's resolver orders them. Blocks.

    Raises:
        OSError: There is none, or the resolver did not answer.
    """
    return [
        (family, sockaddr)
        for host in entry.addresses or (entry.host,)
        for family, _, _, _, sockaddr in socket.getaddrinfo(
            host, entry.port, type=socket.SOCK_STREAM
        )
    ]
