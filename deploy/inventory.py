"""The inventory: which machines there are, where they stand, and what each of them does.

One TOML file, typed, read once. Neighbours: `files` says which machine gets which file, and
`rendering` makes it; `lab` builds the same machines in network namespaces; Ansible gets its own
view of it. Everything that could make a site fail later (a name that nobody has, two machines
with one priority, an address of the wrong kind) is refused here, naming what is wrong.

No secret stands in an inventory, nor in any file made of it: they are files in `secrets/` beside
it, and rendered files name the place where Ansible puts them.
"""

from __future__ import annotations

import ipaddress
import tomllib
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

import msgspec


class InventoryError(ValueError):
    """The inventory cannot be used; the text says what is wrong with it."""


class Role(StrEnum):
    """What a machine does. One machine may do several things."""

    ENTRY = "entry"  #: HAProxy: takes the requests of clients
    NODE = "node"  #: the gateway itself
    RELAY = "relay"  #: the remote server that a routed address comes from
    MONITOR = "monitor"  #: Prometheus: reads the figures of all others, and alerts


class Runs(StrEnum):
    """How the gateway runs on a node."""

    NATIVE = "native"  #: from a virtual environment, as a hardened systemd unit (also inside LXC)
    CONTAINER = "container"  #: from the image of the Containerfile


class Mover(StrEnum):
    """Who makes the network deliver a floating address to another machine."""

    LAN = "lan"  #: ARP: the machines share one Ethernet
    API = "api"  #: the cloud, when its API is called


class Link(StrEnum):
    """What a tunnel is made of."""

    WIREGUARD = "wireguard"
    VXLAN = "vxlan"  #: not encrypted; for networks that are trusted, and for the lab


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Edge(_Table, frozen=True, kw_only=True):
    """How every entry treats clients.

    Attributes:
        max_request_bytes: Larger requests are refused before they reach the gateway.
        requests_per_10s: From one IPv4 address or IPv6 /64; beyond it, 429.
        connections: Open at the same time from one address or /64; beyond it, refused.
        max_connections: Of one entry in all.
    """

    https_port: int = 443
    http_port: int = 80
    neighbour_port: int = 8444
    watch_port: int = 8404
    max_request_bytes: int = 40 * 1024 * 1024
    requests_per_10s: int = 1000
    connections: int = 200
    max_connections: int = 4000


class Gateway(_Table, frozen=True, kw_only=True):
    """What every node's configuration has in common.

    Attributes:
        config: File beside the inventory with the sections of providers, routes and senders.
        store: URL of the store; a file of its own on each node, or the cluster's.
        drain_notice: Seconds; see `server.drain_notice` of the gateway.
        drain_timeout: Seconds; see `server.drain_timeout`.
        image: Of nodes that run a container.
    """

    config: str = "gateway.toml"
    port: int = 8025
    store: str = "sqlite:////var/lib/mail-sender/mail-sender.db"
    drain_notice: int = 3
    drain_timeout: int = 30
    image: str = "localhost/mail-sender:latest"


class Dns(_Table, frozen=True, kw_only=True):
    """The zone that holds the entry's name.

    Attributes:
        zone: The name itself, delegated here, or a domain above it.
        ttl: Seconds. Short: a resolver that still has a dead entry costs its clients a wait.
        serial: Raise it with each change, if another server than Knot reads the zone file.
        servers: Names of the machines that answer for the zone.
    """

    zone: str
    contact: str
    servers: tuple[str, ...]
    ttl: int = 30
    serial: int = 1


class Floating(_Table, frozen=True, kw_only=True):
    """An IPv4 address that one entry of the site has, moved by keepalived (VRRPv3, RFC 5798).

    Attributes:
        advert_seconds: Between the master's signs of life; others wait for three of them.
        api_url: Of the cloud (`mover = "api"`), DigitalOcean's reserved IPs or alike.
    """

    address: str
    mover: Mover
    virtual_router_id: int = 51
    advert_seconds: float = 0.2
    api_url: str = "https://api.digitalocean.com"


class Tunnel(_Table, frozen=True, kw_only=True):
    """One way between the relay and the routed entry.

    Attributes:
        cost: Of OSPF: the lowest that works is used.
        relay_endpoint: Address of the relay on the internet.
        entry_endpoint: The same of the entry; None when it changes (WireGuard finds it).
        subnet: IPv4 /30; the relay has the first address in it, the entry the second.
        public_keys: WireGuard: of the relay and of the entry.
    """

    link: Link
    cost: int
    port: int
    relay_endpoint: str
    subnet: str
    entry_endpoint: str | None = None
    vni: int = 10
    public_keys: dict[Role, str] = {}

    def address_of(self, role: Role) -> str:
        """Return this end's IPv4 address."""
        first, second = ipaddress.IPv4Network(self.subnet).hosts()
        return str(first if role is Role.RELAY else second)

    def link_local_of(self, role: Role) -> str:
        """Return this end's IPv6 address, which OSPFv3 speaks from (RFC 5340 section 2.5)."""
        return "fe80::1" if role is Role.RELAY else "fe80::2"


class Routed(_Table, frozen=True, kw_only=True):
    """Addresses that come to a site by OSPF from a remote server, over tunnels.

    Attributes:
        relay: Name of that machine.
        relay_ipv4: An address of its loopback: the way back leads over it, since OSPF follows
            such a route at once and an announced default only a second later (measured).
        relay_ipv6: The same for IPv6.
        table: Routing table of the entry with the way back.
    """

    ipv4: str
    ipv6: str
    relay: str
    relay_ipv4: str
    relay_ipv6: str
    table: int = 100
    tunnels: dict[str, Tunnel]


class Site(_Table, frozen=True, kw_only=True):
    """Machines in one place, reached by an address of their own."""

    floating: Floating | None = None
    routed: Routed | None = None


class Host(_Table, frozen=True, kw_only=True):
    """One machine.

    Attributes:
        address: In the site's own network, where entries and nodes speak to each other.
        public_ipv4: Its own on the internet, for the other site's entries; entries only.
        public_ipv6: The same; clients get it too where the site has no routed address.
        interface: With `address` (and a floating one on a LAN).
        priority: VRRP: the highest that can serve is master.
        cloud_id: The cloud's number of this machine, for its API.
        lxc_on: Machine whose LXC container this is.
    """

    site: str
    roles: tuple[Role, ...]
    address: str
    public_ipv4: str | None = None
    public_ipv6: str | None = None
    interface: str = "eth0"
    priority: int = 100
    cloud_id: int | None = None
    runs: Runs = Runs.NATIVE
    lxc_on: str | None = None


class Inventory(_Table, frozen=True, kw_only=True):
    """Everything. Attributes: name: What clients call, such as `mail.example.com`."""

    name: str
    sites: dict[str, Site]
    hosts: dict[str, Host]
    dns: Dns
    edge: Edge = Edge()
    gateway: Gateway = Gateway()

    def with_role(self, role: Role, site: str | None = None) -> dict[str, Host]:
        """Return machines that do this, of one site or of all."""
        return {
            name: host
            for name, host in self.hosts.items()
            if role in host.roles and site in {None, host.site}
        }

    def entry_addresses(self) -> dict[str, tuple[str | None, str]]:
        """Return what clients are told, by site or machine: each an IPv4 address and an IPv6 one.

        Every entry is in it. A floating address stands for the IPv4 of its whole site; IPv6 does
        not float, so both machines' own are published.
        """
        addresses: dict[str, tuple[str | None, str]] = {}
        for name, site in self.sites.items():
            if site.routed:
                addresses[name] = (site.routed.ipv4, site.routed.ipv6)
                continue
            floating = ipv4_of(site.floating.address) if site.floating else None
            for host_name, host in self.with_role(Role.ENTRY, name).items():
                addresses[host_name] = (floating or host.public_ipv4, host.public_ipv6 or "")
        return addresses

    def neighbours_of(self, site: str) -> dict[str, str]:
        """Return the entries of all other sites, by name, each with its IPv4 address."""
        found = {}
        for name, host in self.with_role(Role.ENTRY).items():
            routed = self.sites[host.site].routed
            address = routed.ipv4 if routed else host.public_ipv4
            if host.site != site and address:
                found[name] = address
        return found


def ipv4_of(text: str) -> str:
    """Return an address without its prefix length."""
    return str(ipaddress.IPv4Interface(text).ip)


def load(path: Path) -> Inventory:
    """Read an inventory.

    Raises:
        InventoryError: It cannot be read, or its parts do not fit together.
    """
    try:
        inventory = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Inventory)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InventoryError(f"{path}: {error}") from None
    faults = list(faults_of(inventory))
    if faults:
        raise InventoryError(f"{path}: " + "; ".join(faults))
    return inventory


def faults_of(inventory: Inventory) -> Iterable[str]:
    """Yield what does not fit together, in words."""
    for name, host in inventory.hosts.items():
        if host.site not in inventory.sites:
            yield f"hosts.{name}.site: there is no site {host.site!r}"
        if host.lxc_on is not None and host.lxc_on not in inventory.hosts:
            yield f"hosts.{name}.lxc_on: there is no machine {host.lxc_on!r}"
        yield from _wrong_addresses(f"hosts.{name}", host)
    for name, site in inventory.sites.items():
        yield from _site_faults(name, site, inventory)
    if not inventory.name.endswith(inventory.dns.zone):
        yield f"dns.zone: {inventory.name!r} does not lie in {inventory.dns.zone!r}"
    for server in inventory.dns.servers:
        if server not in inventory.hosts:
            yield f"dns.servers: there is no machine {server!r}"


def _wrong_addresses(where: str, host: Host) -> Iterable[str]:
    for key, text, kind in (
        ("address", host.address, ipaddress.IPv4Address),
        ("public_ipv4", host.public_ipv4, ipaddress.IPv4Address),
        ("public_ipv6", host.public_ipv6, ipaddress.IPv6Address),
    ):
        if text is not None and not _reads_as(kind, text):
            yield f"{where}.{key}: {text!r} is not an {kind.__name__}"


def _site_faults(name: str, site: Site, inventory: Inventory) -> Iterable[str]:
    entries = inventory.with_role(Role.ENTRY, name)
    if site.floating:
        yield from _floating_faults(f"sites.{name}.floating", site.floating, entries)
    if site.routed:
        yield from _routed_faults(f"sites.{name}.routed", site.routed, inventory, entries)
    if not inventory.with_role(Role.NODE, name) and entries:
        yield f"sites.{name}: has an entry and no node"


def _floating_faults(where: str, floating: Floating, entries: dict[str, Host]) -> Iterable[str]:
    if not _reads_as(ipaddress.IPv4Interface, floating.address):
        yield f"{where}.address: {floating.address!r} is not an IPv4 address"
    if len(entries) < 2:
        yield f"{where}: an address that floats needs two entries"
    priorities = Counter(host.priority for host in entries.values())
    if any(count > 1 for count in priorities.values()):
        yield f"{where}: two entries of the site have the same priority"
    for name, host in entries.items():
        if floating.mover is Mover.API and host.cloud_id is None:
            yield f"hosts.{name}.cloud_id: the cloud's API needs it"


def _routed_faults(
    where: str, routed: Routed, inventory: Inventory, entries: dict[str, Host]
) -> Iterable[str]:
    if routed.relay not in inventory.with_role(Role.RELAY):
        yield f"{where}.relay: no machine with the role relay is called {routed.relay!r}"
    if len(entries) != 1:
        yield f"{where}: a routed address belongs to exactly one entry"
    for name, tunnel in routed.tunnels.items():
        if len(name) > 15:
            yield f"{where}.tunnels.{name}: longer than the 15 characters of an interface's name"
        if tunnel.link is Link.WIREGUARD and set(tunnel.public_keys) != {Role.RELAY, Role.ENTRY}:
            yield f"{where}.tunnels.{name}.public_keys: of relay and entry are needed"
        if tunnel.link is Link.VXLAN and tunnel.entry_endpoint is None:
            yield f"{where}.tunnels.{name}.entry_endpoint: VXLAN needs a fixed address"
        if not _reads_as(ipaddress.IPv4Network, tunnel.subnet) or not tunnel.subnet.endswith("/30"):
            yield f"{where}.tunnels.{name}.subnet: {tunnel.subnet!r} is not an IPv4 /30"


def _reads_as(kind: type, text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True
