"""Templates and an inventory become the files of one machine.

Neighbours: `inventory` says what there is, `files` which machine gets what. The lab and Ansible
both take what comes out here: so what was tested is what is installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jinja2

from .inventory import Floating, Host, Inventory, Role, Routed, Tunnel

HERE = Path(__file__).parent
BANNER = "Made by `python -m deploy render` from the inventory; changes here are overwritten."

#: What HAProxy answers by itself, in the gateway's own form (RFC 9457): status, code, title and
#: the seconds of Retry-After. Where a retry may help, the client is told so.
OWN_ANSWERS = (
    (400, "bad_request", "Not a valid HTTP request", None),
    (403, "forbidden", "Not allowed", None),
    (404, "not_found", "Not found", None),
    (408, "request_timeout", "The request took too long to arrive", None),
    (413, "too_large", "Request too large", None),
    (429, "rate_limited", "Too many requests from this address", 10),
    (500, "internal", "The entry has failed", None),
    (502, "no_answer", "The gateway broke off: the outcome is not known", 1),
    (503, "unavailable", "No gateway is ready", 2),
    (504, "no_answer", "The gateway did not answer in time: the outcome is not known", 1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """One file. Attributes: path: Where it belongs, absolute; mode: Its permissions."""

    path: str
    text: str
    mode: int = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One machine, with what its templates may ask for.

    Attributes:
        directory: Of the inventory; the gateway's own configuration stands there.
        root: Put before every path in the files: "" on a real machine, a directory in the lab.
    """

    inventory: Inventory
    name: str
    directory: Path
    root: str = ""

    @property
    def host(self) -> Host:
        """The machine's own entry."""
        return self.inventory.hosts[self.name]

    @property
    def floating(self) -> Floating | None:
        """The floating address that it may get, if it is an entry."""
        site = self.inventory.sites[self.host.site]
        return site.floating if Role.ENTRY in self.host.roles else None

    @property
    def routed(self) -> Routed | None:
        """The routed addresses that it has (entry) or forwards (relay)."""
        for name, site in self.inventory.sites.items():
            if site.routed and (self.is_relay or self.is_routed_entry_of(name)):
                return site.routed
        return None

    @property
    def is_relay(self) -> bool:
        """Whether it forwards routed addresses."""
        return Role.RELAY in self.host.roles

    def is_routed_entry_of(self, site: str) -> bool:
        """Return whether it has the routed addresses of this site."""
        return self.host.site == site and Role.ENTRY in self.host.roles

    def ends(self, tunnel: Tunnel) -> tuple[str | None, str | None]:
        """Return the tunnel's addresses on the internet: ours, theirs."""
        ends = (tunnel.relay_endpoint, tunnel.entry_endpoint)
        return ends if self.is_relay else (ends[1], ends[0])

    def variables(self) -> dict[str, object]:
        """Return everything that templates may use."""
        inventory, host = self.inventory, self.host
        first = next(iter(self.routed.tunnels.values())) if self.routed else None
        role = Role.RELAY if self.is_relay else Role.ENTRY
        addresses = inventory.entry_addresses().values()
        partners = inventory.with_role(Role.ENTRY, host.site)
        return {
            "banner": BANNER,
            "inventory": inventory,
            "host_name": self.name,
            "host": host,
            "root": self.root,
            "nodes": inventory.with_role(Role.NODE, host.site),
            "all_nodes": inventory.with_role(Role.NODE),
            "all_entries": inventory.with_role(Role.ENTRY),
            "entries": inventory.with_role(Role.ENTRY, host.site),
            "partners": {name: each for name, each in partners.items() if name != self.name},
            "neighbours": inventory.neighbours_of(host.site),
            "own_answers": OWN_ANSWERS,
            "floating": self.floating,
            "routed": self.routed,
            "is_relay": self.is_relay,
            "role": role,
            "ends": self.ends,
            "router_id": first.address_of(role) if first else None,
            "ipv4_addresses": sorted({ipv4 for ipv4, _ in addresses if ipv4}),
            "ipv6_addresses": sorted({ipv6 for _, ipv6 in addresses if ipv6}),
            "stop_seconds": inventory.gateway.drain_notice + inventory.gateway.drain_timeout + 15,
            "watch_arguments": " ".join(self.watch_arguments()),
            "keeper_arguments": " ".join(self.keeper_arguments()),
            "own_config": self.own_config() if Role.NODE in host.roles else "",
        }

    def watch_arguments(self) -> list[str]:
        """Return the command line of `entry_watch.py`."""
        directory = f"{self.root}/run/mail-sender-entry"
        port = self.inventory.edge.watch_port
        arguments = ["--port", str(port), "--hold", f"{directory}/hold"]
        if self.floating:
            arguments += ["--track-file", f"{directory}/cannot-serve"]
        if self.routed and not self.is_relay:
            arguments += ["--announce", f"{self.routed.ipv4}/32", f"{self.routed.ipv6}/128"]
        return arguments

    def keeper_arguments(self) -> list[str]:
        """Return the command line of `address_keeper.py`; empty where nothing is to be kept."""
        if self.floating is None or self.host.cloud_id is None:
            return []
        return [
            "--api", self.floating.api_url,
            "--address", self.floating.address.partition("/")[0],
            "--machine", str(self.host.cloud_id),
            "--priority", str(self.host.priority),
            "--fifo", f"{self.root}/run/mail-sender-entry/vrrp.fifo",
        ]  # fmt: skip

    def own_config(self) -> str:
        """Return the operator's part of the gateway's configuration."""
        return (self.directory / self.inventory.gateway.config).read_text(encoding="utf-8").strip()


def environment() -> jinja2.Environment:
    """Return the templates; a name that nothing defines is an error, not an empty string."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - no HTML; every value is the operator's
    )


def render(machine: Machine, template: str, more: Mapping[str, object] | None = None) -> str:
    """Return the text that a template makes of a machine.

    Raises:
        jinja2.UndefinedError: The template asks for what is not there: its own mistake.
    """
    return environment().get_template(template).render({**machine.variables(), **(more or {})})
