"""Which API key a secret belongs to, for every door.

Neighbours: the store knows keys by the hash of their secret. A good key is remembered for a
second, so that a busy client costs no look-up and a revocation is seen at once all the same.
What a key may do is for the door to ask.
"""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..clock import Clock
from ..domain.errors import StoreUnavailable
from ..domain.message import KeyId
from ..observability import maillog
from ..store.port import ApiKey, Store
from .keys import hash_secret

_REMEMBERED_FOR = timedelta(seconds=1)
_MOST_REMEMBERED = 10_000
_TOUCHED_EVERY = timedelta(minutes=1)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Known:
    """A key that is good at this moment."""

    key: ApiKey
    networks: tuple[Network, ...]
    until: datetime

    def may_be_used_from(self, host: str) -> bool:
        """Return whether the key is good for a client at this address."""
        if not self.networks:
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self.networks)


@dataclass(frozen=True, slots=True)
class BadKey:
    """No key, or none that is good; `reason` is for the client."""

    reason: str


class KeyRing:
    """See the module."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[bytes, Known] = {}
        self._known_by_id: dict[KeyId, Known] = {}
        self._asking: dict[bytes, asyncio.Task[Known | BadKey]] = {}
        self._touched: dict[KeyId, datetime] = {}
        self._background: set[asyncio.Task[None]] = set()

    async def known(self, secret: str) -> Known | BadKey:
        """Return the key of this secret. Raises `StoreUnavailable`: nobody can say."""
        hashed = hash_secret(secret)
        now = self._clock.now()
        known: Known | BadKey | None = self._known.get(hashed)
        if not isinstance(known, Known) or known.until <= now:
            known = await self._fetched(hashed, now)
        return _unexpired(known, now)

    async def known_by_id(self, id_: KeyId) -> Known | BadKey:
        """Return the key with this id, for a door that has other proof of who calls.

        Raises `StoreUnavailable`: nobody can say.
        """
        now = self._clock.now()
        known: Known | BadKey | None = self._known_by_id.get(id_)
        if not isinstance(known, Known) or known.until <= now:
            self._known_by_id.pop(id_, None)
            found = next((key for key in await self._store.keys() if key.id == id_), None)
            known = _good(found, now)
            if isinstance(known, Known):
                self._known_by_id[id_] = known
        return _unexpired(known, now)

    def touch(self, key: ApiKey) -> None:
        """Note in the background that the key was used; nobody waits for that."""
        now = self._clock.now()
        before = self._touched.get(key.id)
        if before is not None and now - before < _TOUCHED_EVERY:
            return
        self._touched[key.id] = now
        task = asyncio.get_running_loop().create_task(self._write_touch(key.id))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _fetched(self, hashed: bytes, now: datetime) -> Known | BadKey:
        """Ask the store, once for all the clients that come with this key meanwhile."""
        asking = self._asking.get(hashed)
        if asking is None:
            asking = self._asking[hashed] = asyncio.create_task(self._fetch(hashed, now))
            asking.add_done_callback(lambda _: self._asking.pop(hashed, None))
        return await asyncio.shield(asking)

    async def _fetch(self, hashed: bytes, now: datetime) -> Known | BadKey:
        key = await self._store.key_by_hash(hashed)
        self._known.pop(hashed, None)
        known = _good(key, now)
        if isinstance(known, Known):
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[hashed] = known
        return known

    async def _write_touch(self, id_: KeyId) -> None:
        try:
            await self._store.touch_key(id_)
        except StoreUnavailable as error:
            maillog.trouble("touch_key", str(error))


def _good(key: ApiKey | None, now: datetime) -> Known | BadKey:
    if key is None:
        return BadKey("There is no such API key.")
    if key.revoked_at is not None:
        return BadKey("This API key was revoked.")
    networks = tuple(ipaddress.ip_network(text, strict=False) for text in key.networks)
    return Known(key, networks, now + _REMEMBERED_FOR)


def _unexpired(known: Known | BadKey, now: datetime) -> Known | BadKey:
    if isinstance(known, BadKey):
        return known
    if known.key.expires_at is not None and known.key.expires_at <= now:
        return BadKey("This API key has expired.")
    return known
