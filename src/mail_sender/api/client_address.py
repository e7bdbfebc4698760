"""Where a request comes from, through proxies that we trust, and whether a key may be used there.

`X-Forwarded-For` is believed as far as trusted hands wrote it: read from the right, the first
address that is not a trusted proxy is the client. What stands further left anybody can make up.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from starlette.datastructures import Headers
from starlette.types import Scope

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks_of(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read networks or single addresses. Raises `ValueError`."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def client_address(scope: Scope, trusted: Sequence[Network]) -> Address | None:
    """Return the address of the client; None when nobody whom we trust knows it."""
    peer = scope.get("client")
    address = _address(peer[0]) if peer else None
    if address is None or not is_within(address, trusted):
        return address
    for hop in reversed(_forwarded_for(scope)):
        address = _address(hop)
        if address is None or not is_within(address, trusted):
            return address
    return address


def one_client(address: Address) -> Network:
    """Return what one client has of addresses: an IPv4 address, or a /64 (RFC 6177 section 2)."""
    if isinstance(address, ipaddress.IPv6Address):
        return ipaddress.IPv6Network((address, 64), strict=False)
    return ipaddress.IPv4Network(address)


def is_within(address: Address | None, networks: Sequence[Network]) -> bool:
    """Return whether the address lies in one of the networks."""
    return address is not None and any(address in network for network in networks)


def _forwarded_for(scope: Scope) -> list[str]:
    fields = Headers(scope=scope).getlist("x-forwarded-for")
    return [hop.strip() for hop in ",".join(fields).split(",")] if fields else []


def _address(text: str) -> Address | None:
    """Read an address; an IPv4 address in IPv6 clothes is an IPv4 address (RFC 4291 2.5.5.2)."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
