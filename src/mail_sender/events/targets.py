"""Where a webhook may lead: rules for its URL, and for every address behind its name.

A client of ours chooses the URL and reads the answer, so a webhook must not reach what only this
machine can reach: loopback, private networks, the metadata services of clouds (server-side
request forgery). Pure. Neighbours: `endpoints` checks what a client asks for, `resolver` each
address at the moment of each connection, since a name may lead elsewhere by then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import urlsplit

from ..http.call import Request
from ..http.request import wire_form

Network = IPv4Network | IPv6Network

MAX_URL = 2000  #: characters

_GLOBAL_UNICAST = IPv6Network("2000::/3")  #: RFC 4291 section 2.4: everything else is special
_TUNNELS = (IPv6Network("2002::/16"), IPv6Network("2001::/32"))  #: 6to4, Teredo: lead to any IPv4
_NAT64 = IPv6Network("64:ff9b::/96")  #: RFC 6052 section 2.1: the last 32 bits are an IPv4 address
#: Public to `ipaddress`, in part or as a whole: protocols' own (RFC 6890; Oracle's metadata), and
#: where a virtual machine of Azure finds its host.
_SPECIAL = (IPv4Network("192.0.0.0/24"), IPv4Network("168.63.129.16/32"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRules:
    """See `config.WebhooksConfig`."""

    allow_http: bool = False
    allowed: tuple[Network, ...] = ()


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return the networks, of which an address is one. Raises `ValueError`."""
    return tuple(ip_network(text) for text in texts)


def parse_url(text: str, rules: TargetRules) -> str:
    """Return a webhook's URL. Raises `ValueError` in words for the client."""
    if len(text) > MAX_URL:
        raise ValueError(f"at most {MAX_URL} characters")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    schemes = ("https", "http") if rules.allow_http else ("https",)
    if parts.scheme not in schemes or not host or port == 0:
        raise ValueError(f"expected a URL such as {schemes[-1]}://shop.example.com/hook")
    if "@" in parts.netloc:
        raise ValueError("credentials do not belong into a URL; requests are signed")
    if "#" in text:
        raise ValueError("a fragment (#) is never sent")
    wire_form(Request(method="POST", url=text))
    if (why := _why_not_literal(host, rules)) is not None:
        raise ValueError(why)
    return text


def _why_not_literal(host: str, rules: TargetRules) -> str | None:
    try:
        ip_address(host)
    except ValueError:
        return None  # a name: what it leads to is looked at when it is called
    return why_not(host, rules)


def why_not(address: str, rules: TargetRules) -> str | None:
    """Return why nothing is sent to an address, in words; None when it may be called.

    The words do not name it: a client could ask for the insides of a network name by name.
    """
    real = _real(ip_address(address.partition("%")[0]))
    if any(real in network for network in rules.allowed):
        return None
    is_public = _is_public_v4(real) if isinstance(real, IPv4Address) else _is_public_v6(real)
    return None if is_public else "leads to an address that is not public"


def _real(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return where a packet to it ends: of a mapped or translated address, the IPv4 one."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public_v4(address: IPv4Address) -> bool:
    special = address.is_multicast or address.is_reserved or not address.is_global
    return not special and not any(address in network for network in _SPECIAL)


def _is_public_v6(address: IPv6Address) -> bool:
    unicast = address in _GLOBAL_UNICAST and address.is_global
    return unicast and not any(address in network for network in _TUNNELS)
