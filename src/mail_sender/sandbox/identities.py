"""Addresses and domains that accounts may send from once somebody has confirmed them.

Neighbours: `ses` creates them, `control` is where the person "clicks on the link". Each account
has its own, as at a provider.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True, kw_only=True)
class Identity:
    """An address (with `@`) or a domain, in lower case. `verified` changes once."""

    account: str
    name: str
    asked_at: datetime
    verified: bool = False

    @property
    def is_domain(self) -> bool:
        """Whether it covers every address of a domain."""
        return "@" not in self.name


class Identities:
    """All identities of all accounts. For one event loop."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Identity] = {}

    def add(self, account: str, name: str, asked_at: datetime) -> Identity:
        """Keep a new identity, unverified; it must not be known yet."""
        identity = Identity(account=account, name=name.lower(), asked_at=asked_at)
        self._known[account, identity.name] = identity
        return identity

    def get(self, account: str, name: str) -> Identity | None:
        """Return an identity; None when the account has none of this name."""
        return self._known.get((account, name.lower()))

    def remove(self, account: str, name: str) -> bool:
        """Forget an identity; return whether there was one."""
        return self._known.pop((account, name.lower()), None) is not None

    def verify(self, name: str) -> list[Identity]:
        """Confirm an identity at every account that asked for it; return those."""
        asked = [identity for identity in self if identity.name == name.lower()]
        for identity in asked:
            identity.verified = True
        return asked

    def covers(self, account: str, address: str) -> bool:
        """Return whether the account has verified the address or its domain."""
        for name in (address, address.rpartition("@")[2]):
            identity = self.get(account, name)
            if identity is not None and identity.verified:
                return True
        return False

    def __iter__(self) -> Iterator[Identity]:
        return iter(tuple(self._known.values()))
