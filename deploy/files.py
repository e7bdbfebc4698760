"""Which machine gets which file, where it belongs, and which program judges it.

Neighbours: `rendering` makes one file; `checking` asks the judges. A new file is one line here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .inventory import Link, Mover, Role
from .rendering import HERE, Machine, Rendered, render

_UNITS = "/etc/systemd/system"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    template: str
    path: str
    wanted: Callable[[Machine], bool]
    mode: int = 0o644


def _is_entry(machine: Machine) -> bool:
    return Role.ENTRY in machine.host.roles


def _is_node(machine: Machine) -> bool:
    return Role.NODE in machine.host.roles


def _floats(machine: Machine) -> bool:
    return machine.floating is not None


def _keeps_address(machine: Machine) -> bool:
    return machine.floating is not None and machine.floating.mover is Mover.API


def _has_tunnels(machine: Machine) -> bool:
    return machine.routed is not None


def _monitors(machine: Machine) -> bool:
    return Role.MONITOR in machine.host.roles


def _names_zone(machine: Machine) -> bool:
    return machine.name in machine.inventory.dns.servers


_PLACES = tuple(
    _Place(template=template, path=path, wanted=wanted)
    for template, path, wanted in (
        ("haproxy/haproxy.cfg.j2", "/etc/haproxy/haproxy.cfg", _is_entry),
        ("keepalived/keepalived.conf.j2", "/etc/keepalived/keepalived.conf", _floats),
        ("frr/frr.conf.j2", "/etc/frr/frr.conf", _has_tunnels),
        ("frr/daemons.j2", "/etc/frr/daemons", _has_tunnels),
        ("network/tunnels.sh.j2", "/etc/mail-sender/tunnels.sh", _has_tunnels),
        ("prometheus/prometheus.yml.j2", "/etc/prometheus/prometheus.yml", _monitors),
        ("dns/knot.conf.j2", "/etc/knot/knot.conf", _names_zone),
        ("gateway/mail-sender.toml.j2", "/etc/mail-sender/mail-sender.toml", _is_node),
        ("compose/node.yaml.j2", "/etc/mail-sender/compose.yaml", _is_node),
        ("systemd/mail-sender.service.j2", f"{_UNITS}/mail-sender.service", _is_node),
        (
            "systemd/mail-sender-entry-watch.service.j2",
            f"{_UNITS}/mail-sender-entry-watch.service",
            _is_entry,
        ),
        (
            "systemd/mail-sender-address-keeper.service.j2",
            f"{_UNITS}/mail-sender-address-keeper.service",
            _keeps_address,
        ),
        (
            "systemd/mail-sender-tunnels.service.j2",
            f"{_UNITS}/mail-sender-tunnels.service",
            _has_tunnels,
        ),
        ("systemd/restart-always.conf.j2", f"{_UNITS}/haproxy.service.d/always.conf", _is_entry),
        ("systemd/restart-always.conf.j2", f"{_UNITS}/keepalived.service.d/always.conf", _floats),
    )
)
_PROGRAMS = (("entry_watch.py", _is_entry), ("address_keeper.py", _keeps_address))


def files_of(machine: Machine) -> Iterator[Rendered]:
    """Yield every file of a machine."""
    for place in _PLACES:
        if place.wanted(machine):
            yield Rendered(path=place.path, text=render(machine, place.template))
    for name, wanted in _PROGRAMS:
        if wanted(machine):
            text = (HERE / "programs" / name).read_text(encoding="utf-8")
            yield Rendered(path=f"/usr/local/lib/mail-sender/{name}", text=text, mode=0o755)
    if _monitors(machine):
        rules = HERE / "prometheus" / "mail-sender.rules.yml"
        yield Rendered(
            path="/etc/prometheus/mail-sender.rules.yml", text=rules.read_text(encoding="utf-8")
        )
    yield from _per_name(machine)


def _per_name(machine: Machine) -> Iterator[Rendered]:
    """Yield files that are called after something in the inventory."""
    inventory = machine.inventory
    if _names_zone(machine):
        yield Rendered(
            path=f"/etc/knot/{inventory.dns.zone}.zone", text=render(machine, "dns/zone.j2")
        )
    for name, tunnel in machine.routed.tunnels.items() if machine.routed else ():
        if tunnel.link is Link.WIREGUARD:
            text = render(machine, "network/wireguard.wg.j2", {"tunnel": tunnel})
            yield Rendered(path=f"/etc/mail-sender/{name}.wg", text=text)
    for name, guest in inventory.hosts.items():
        if guest.lxc_on == machine.name:
            more = {"guest_name": name, "guest": guest}
            yield Rendered(
                path=f"/var/lib/lxc/{name}/config", text=render(machine, "lxc/node.config.j2", more)
            )


def write(machine: Machine, directory: Path) -> list[Path]:
    """Write a machine's files below a directory, as its root would hold them.

    Returns:
        The files, in order.
    """
    written = []
    for rendered in files_of(machine):
        path = directory / rendered.path.removeprefix("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(rendered.text, encoding="utf-8")
        path.chmod(rendered.mode)
        written.append(path)
    return written
