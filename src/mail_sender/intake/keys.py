"""API keys: made here, shown once, kept as a hash only.

Neighbours: the API and the command line issue keys; the API's door looks them up by hash. A
secret has 190 bits of chance, so that one fast hash is enough and no salt is needed.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
import string
from collections.abc import Collection
from datetime import datetime

from ..clock import Clock
from ..domain.errors import Fault, InvalidMessage
from ..domain.message import KeyId, new_ulid
from ..store.port import ApiKey, Scope, Store

_LETTERS = string.ascii_letters + string.digits
_SECRET_CHARS = 32


def hash_secret(secret: str) -> bytes:
    """Return what the store keeps of a secret."""
    return hashlib.sha256(secret.encode()).digest()


async def issue_key(
    store: Store,
    clock: Clock,
    *,
    name: str,
    scopes: Collection[Scope],
    is_test: bool = False,
    sender_domains: Collection[str] = (),
    networks: Collection[str] = (),
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key and return it with its secret, which nobody can ask for again.

    Raises:
        InvalidMessage: Name, scopes, networks or expiry make no sense; pointers as in
            `POST /v1/keys`.
        StoreUnavailable: Nothing was kept.
    """
    now = clock.now()
    faults = [*_faults(name, scopes, networks)]
    if expires_at is not None and expires_at <= now:
        faults.append(Fault("/expires_at", "lies in the past"))
    if faults:
        raise InvalidMessage(faults)
    key = ApiKey(
        id=KeyId("key_" + new_ulid(now)),
        name=name,
        is_test=is_test,
        scopes=frozenset(scopes),
        created_at=now,
        sender_domains=tuple(domain.lower() for domain in sender_domains),
        networks=tuple(networks),
        expires_at=expires_at,
    )
    chance = "".join(secrets.choice(_LETTERS) for _ in range(_SECRET_CHARS))
    secret = f"ms_{'test' if is_test else 'live'}_{chance}"
    await store.add_key(key, hash_secret(secret))
    return key, secret


def _faults(name: str, scopes: Collection[Scope], networks: Collection[str]) -> list[Fault]:
    faults = []
    if not name.strip() or len(name) > 100 or not name.isprintable():
        faults.append(Fault("/name", "1 to 100 printable characters"))
    if not scopes:
        faults.append(Fault("/scopes", f"at least one of {', '.join(Scope)}"))
    for index, network in enumerate(networks):
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            faults.append(Fault(f"/networks/{index}", "expected a network such as 10.0.0.0/8"))
    return faults
