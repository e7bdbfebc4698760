"""The whole lab: built, broken on command, mended, looked at, taken away.

Neighbours: `topology` has the cables, `programs` the programs, `deploy` their files. `python -m
lab` plays with one by hand, and the tests do the same things and measure.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from deploy.files import write
from deploy.inventory import Floating, Inventory, Mover, Role, load
from deploy.rendering import Machine
from deploy.tls import write_authority
from mail_sender.clock import SystemClock
from mail_sender.intake.keys import issue_key
from mail_sender.store.port import Scope
from mail_sender.store.sqlite import SqliteStore

from . import cloud_api, programs, topology
from .namespaces import Namespaces
from .programs import Programs, wait_until

HERE = Path(__file__).parent
INVENTORY = HERE / "inventory.toml"
_RESERVED = "203.0.113.100/32"  #: the floating address where the cloud's API moves it


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is so at one moment. Attributes: owner: machine that each address leads to, or None."""

    ready: Mapping[str, bool]
    serving: Mapping[str, bool]
    owner: Mapping[str, str | None]


class Lab:
    """Both sites. `with Lab() as lab:` builds and removes it."""

    def __init__(self, *, mover: Mover = Mover.LAN) -> None:
        """Prepare; nothing is made before `up`.

        Args:
            mover: Who moves the cloud's floating address.
        """
        self.directory = Path(tempfile.mkdtemp(prefix="mslab-"))
        self.directory.chmod(0o755)  # FRR and HAProxy give up root
        (self.directory / "logs").mkdir()
        self.spaces = Namespaces(f"mslab{os.getpid()}")
        self.programs = Programs(self.spaces, self.directory / "logs")
        self._faults: dict[str, Callable[[], object]] = {}
        self._token = self.directory / "token"
        self._token.write_text(cloud_api.TOKEN, encoding="utf-8")
        self.key = ""
        self.inventory: Inventory
        self.machines: dict[str, Machine]
        self._choose(mover)

    def __enter__(self) -> Self:
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.down()

    # ------------------------------------------------ up and down

    def up(self) -> None:
        """Build everything and wait until every entry serves."""
        topology.build(self.spaces)
        tls = self.directory / "tls"
        write_authority(tls, name=self.inventory.name)
        for machine in self.machines.values():
            directory = Path(machine.root) / "etc/mail-sender/tls"
            shutil.copytree(tls, directory)
            (Path(machine.root) / "run/mail-sender-entry").mkdir(parents=True)
            (Path(machine.root) / "run/haproxy").mkdir(parents=True)
        self._write_files()
        self._give_stores_one_key()
        self._start_internet()
        self.mend()

    def down(self) -> None:
        """Take everything away."""
        self.programs.stop_all()
        self.spaces.remove()
        shutil.rmtree(self.directory, ignore_errors=True)

    def use(self, mover: Mover) -> None:
        """Let somebody else move the floating address."""
        for host in self.inventory.with_role(Role.ENTRY, "cloud"):
            for name in ("keepalived", "address-keeper"):
                self.programs.stop(host, name)
                self.programs.wait(host, name)
        self._choose(mover)
        self._write_files()
        self.mend()

    def _choose(self, mover: Mover) -> None:
        self.mover = mover
        inventory = load(INVENTORY)
        cloud = inventory.sites["cloud"]
        floating = _floating_of(inventory)
        address = _RESERVED if mover is Mover.API else floating.address
        floating = msgspec.structs.replace(floating, mover=mover, address=address)
        sites = {**inventory.sites, "cloud": msgspec.structs.replace(cloud, floating=floating)}
        self.inventory = msgspec.structs.replace(inventory, sites=sites)
        self.machines = {
            name: Machine(
                inventory=self._with_store(name),
                name=name,
                directory=HERE,
                root=str(self.directory / name),
            )
            for name in self.inventory.hosts
        }

    def _with_store(self, host: str) -> Inventory:
        url = f"sqlite:///{self.directory}/{host}/var/lib/mail-sender/mail-sender.db"
        gateway = msgspec.structs.replace(self.inventory.gateway, store=url)
        return msgspec.structs.replace(self.inventory, gateway=gateway)

    @property
    def one_store(self) -> bool:
        """Whether all nodes share one store: only then one Idempotency-Key holds on all of them."""
        return False

    def _write_files(self) -> None:
        for machine in self.machines.values():
            write(machine, Path(machine.root))

    def _give_stores_one_key(self) -> None:
        """Make a key once, and give every node's store a copy of it."""
        first = self.directory / "first.db"
        self.key = asyncio.run(_store_with_key(first))
        for host in self.inventory.with_role(Role.NODE):
            target = Path(self.machines[host].root) / "var/lib/mail-sender"
            target.mkdir(parents=True, exist_ok=True)
            for file in self.directory.glob("first.db*"):
                shutil.copy(file, target / file.name.replace("first", "mail-sender"))

    def _start_internet(self) -> None:
        machines = [
            f"--machine={host.cloud_id}={host.public_ipv4}"
            for host in self.inventory.with_role(Role.ENTRY, "cloud").values()
        ]
        self.programs.start(
            "inet", "cloud-api",
            [sys.executable, HERE / "cloud_api.py", "--listen", "198.51.100.1", *machines],
        )  # fmt: skip
        self.programs.start(
            "provider", "far-side",
            [sys.executable, "-m", "lab.far_side", "--host", "198.18.5.2",
             "--counts", self.directory / "received.json"],
        )  # fmt: skip

    # ------------------------------------------------ mending

    def mend(self) -> None:
        """Undo every fault, start what is dead, and wait until all is as it should be."""
        for undo in reversed(list(self._faults.values())):
            undo()
        self._faults.clear()
        for name, machine in self.machines.items():
            if machine.routed:
                tunnels = Path(machine.root) / "etc/mail-sender/tunnels.sh"
                self.spaces.run(name, ["sh", str(tunnels), "up"])
                programs.start_frr(self.programs, machine)
            if programs.is_gateway(machine):
                programs.start_gateway(self.programs, machine)
            if Role.ENTRY in machine.host.roles:
                programs.start_haproxy(self.programs, machine)
            if machine.floating:
                programs.start_keepalived(self.programs, machine, self._token)
            if name in self.inventory.dns.servers:
                programs.start_knot(self.programs, machine)
        wait_until(self._is_whole, "the lab serves at every address and with every node", 120)

    def _is_whole(self) -> bool:
        view = self.view()
        return (
            all(view.ready.values())
            and all(view.serving.values())
            and all(owner is not None for owner in view.owner.values())
            and all(self._nodes_up(name) for name in self.inventory.with_role(Role.ENTRY))
            and self._floating_at() is not None
        )

    def _nodes_up(self, entry: str) -> bool:
        rows = self.haproxy(entry, "show stat -1 4 -1").splitlines()
        servers = [row.split(",") for row in rows if row.startswith("gateway,")]
        return bool(servers) and all(row[17].startswith("UP") for row in servers)

    # ------------------------------------------------ faults

    def kill(self, host: str, name: str) -> None:
        """End a program as a power cut does; `mend` starts it again."""
        self.programs.kill(host, name)

    def reload_haproxy(self, entry: str) -> None:
        """Let HAProxy read its configuration again, as a deploy does."""
        self.programs.running[entry, "haproxy"].send_signal(signal.SIGUSR2)

    def vanish(self, host: str) -> None:
        """Let a machine go away without a word, as a power cut does: its cable is dead."""
        at, device = ("home", f"p-{host}") if host.startswith("h") else ("inet", f"w-{host}")
        self.spaces.ip(at, f"link set {device} down")
        self._faults[f"vanish {host}"] = lambda: self.spaces.ip(at, f"link set {device} up")

    def come_back(self, host: str) -> None:
        """Let a machine that had vanished be there again, its programs still running."""
        self._faults.pop(f"vanish {host}")()

    def cut(self, what: str, host: str, rule: str) -> None:
        """Drop packets silently, in and out and through, that match a rule of nftables."""
        table = f"{topology.CUT}_{what.replace('-', '_')}"
        chains = "".join(
            f"chain {hook} {{ type filter hook {hook} priority -300; {rule} drop; }}\n"
            for hook in ("input", "output", "forward")
        )
        self.spaces.nft(host, f"table inet {table} {{\n{chains}}}")
        self._faults[f"cut {what}"] = lambda: self.spaces.nft(host, f"delete table inet {table}")

    def heal(self, what: str) -> None:
        """Undo one `cut`."""
        self._faults.pop(f"cut {what}")()

    def cut_tunnel(self, name: str) -> None:
        """Cut a tunnel somewhere on the internet: neither end is told."""
        self.cut(name, "inet", f"udp dport {self._tunnel_port(name)}")

    def cut_tunnel_at_one_side(self, name: str) -> None:
        """Take a tunnel's device down at the relay only: the other end sees nothing."""
        self.spaces.ip("relay", f"link set {name} down")
        self._faults[f"down {name}"] = lambda: self.spaces.ip("relay", f"link set {name} up")

    def cut_site(self, site: str) -> None:
        """Cut a whole site off the internet."""
        for device in ("br-cloud",) if site == "cloud" else ("w-ispa", "w-ispb"):
            rule = f'meta iifname "{device}"'
            out = f'meta oifname "{device}"'
            table = f"{topology.CUT}_{device.replace('-', '_')}"
            self.spaces.nft(
                "inet",
                f"""table inet {table} {{
                chain input {{ type filter hook input priority -300; {rule} drop; }}
                chain output {{ type filter hook output priority -300; {out} drop; }}
                chain forward {{ type filter hook forward priority -300; {rule} drop; {out} drop; }}
            }}""",
            )
            self._faults[f"cut {site} {device}"] = partial(
                self.spaces.nft, "inet", f"delete table inet {table}"
            )

    def heal_site(self, site: str) -> None:
        """Undo `cut_site`."""
        for name in [name for name in self._faults if name.startswith(f"cut {site} ")]:
            self._faults.pop(name)()

    def split_vrrp(self) -> None:
        """Let the cloud's entries lose each other, and nothing else: each believes to be alone."""
        self.cut("vrrp", "c2", "meta l4proto 112")

    def lose(self, host: str, percent: int) -> None:
        """Lose packets at a machine's cable, in both directions."""
        self.cut(f"loss-{host}", host, f"numgen random mod 100 < {percent}")

    def slow(self, host: str, kilobits: int) -> None:
        """Let a machine's cable carry no more than so many kilobits a second."""
        shape = ["tbf", "rate", f"{kilobits}kbit", "burst", "16k", "latency", "300ms"]
        self.spaces.run(host, ["tc", "qdisc", "replace", "dev", "eth0", "root", *shape])
        undo = ["tc", "qdisc", "delete", "dev", "eth0", "root"]
        self._faults[f"slow {host}"] = partial(self.spaces.ask, host, undo)

    def hold(self, entry: str) -> None:
        """Take an entry's address away by hand, as for planned work."""
        file = Path(self.machines[entry].root) / "run/mail-sender-entry/hold"
        file.touch()
        self._faults[f"hold {entry}"] = lambda: file.unlink(missing_ok=True)

    def hold_no_more(self, entry: str) -> None:
        """Undo `hold`."""
        self._faults.pop(f"hold {entry}")()

    def spoil_api(self, *, delay: float = 0, fail: int = 0) -> None:
        """Let the cloud's API be slow, or answer its next calls with 503."""
        self._put_api_faults(delay, fail)
        self._faults["api"] = lambda: self._put_api_faults(0, 0)

    def _put_api_faults(self, delay: float, fail: int) -> None:
        body = json.dumps({"delay": delay, "fail": fail})
        url = "http://198.51.100.1:9090/faults"
        self.spaces.run("inet", ["curl", "-sS", "-m", "5", "-X", "PUT", "--data", body, url])

    def _tunnel_port(self, name: str) -> int:
        routed = self.machines["home"].routed
        if routed is None or name not in routed.tunnels:
            raise KeyError(name)
        return routed.tunnels[name].port

    # ------------------------------------------------ looking

    def view(self) -> View:
        """Look at everything."""
        port = self.inventory.edge.watch_port
        ready = {
            name: self._answers(name, f"http://{host.address}:{self.inventory.gateway.port}/health/ready")
            for name, host in self.inventory.with_role(Role.NODE).items()
        }  # fmt: skip
        serving = {
            name: self._answers(name, f"http://127.0.0.1:{port}/can-serve")
            for name in self.inventory.with_role(Role.ENTRY)
        }
        owner = {address: self.owner_of(address) for address in self.addresses()}
        return View(ready=ready, serving=serving, owner=owner)

    def addresses(self) -> list[str]:
        """Return every address that clients are told."""
        pairs = self.inventory.entry_addresses().values()
        return sorted({address for pair in pairs for address in pair if address})

    def owner_of(self, address: str) -> str | None:
        """Return the machine where a request from the client to this address arrives."""
        url = f"https://{self.inventory.name}/"
        where = f"{self.inventory.name}:443:{f'[{address}]' if ':' in address else address}"
        known = self.spaces.ask(
            "client",
            ["curl", "-sS", "-o", "/dev/null", "-m", "1", "--connect-timeout", "0.5", "--resolve",
             where, "--cacert", str(self.ca), "-w", "%{http_code}", url],
        )  # fmt: skip
        if known.startswith(("2", "3", "4")):
            return self._holder_of(address)
        return None

    def _holder_of(self, address: str) -> str | None:
        for name in self.inventory.with_role(Role.ENTRY):
            if self.spaces.ask(name, ["ip", "-o", "address", "show", "to", address]):
                return name
        return None

    def masters(self) -> list[str]:
        """Return the entries of the cloud that believe to have the floating address."""
        address = _floating_of(self.inventory).address.partition("/")[0]
        return [
            name
            for name in self.inventory.with_role(Role.ENTRY, "cloud")
            if self.spaces.ask(name, ["ip", "-o", "address", "show", "to", address])
        ]

    def _floating_at(self) -> str | None:
        """Return the one master; None while there are none or two of them."""
        masters = self.masters()
        return masters[0] if len(masters) == 1 else None

    def api_owner(self) -> str | None:
        """Return the machine that the cloud sends the floating address to."""
        address = _floating_of(self.inventory).address.partition("/")[0]
        route = self.spaces.ask("inet", ["ip", "route", "show", address])
        for name, host in self.inventory.with_role(Role.ENTRY, "cloud").items():
            if f"via {host.public_ipv4} " in f"{route} ":
                return name
        return None

    @property
    def master(self) -> str:
        """The entry of the cloud that has the floating address."""
        wait_until(self._floating_at, "one master", 20)
        return self._floating_at() or ""

    @property
    def ca(self) -> Path:
        """The certificate that the lab's certificates are signed with."""
        return self.directory / "tls/neighbour-ca.pem"

    def haproxy(self, entry: str, command: str) -> str:
        """Ask HAProxy's socket."""
        path = f"{self.machines[entry].root}/run/haproxy/admin.sock"
        script = (
            "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); "
            "s.sendall(sys.argv[2].encode() + b'\\n'); print(s.makefile().read())"
        )
        return self.spaces.ask(entry, [sys.executable, "-S", "-c", script, path, command])

    def received(self) -> dict[str, int]:
        """Return how many mails each recipient got, over both providers."""
        with contextlib.suppress(FileNotFoundError):
            return dict(json.loads((self.directory / "received.json").read_text(encoding="utf-8")))
        return {}

    def _answers(self, host: str, url: str) -> bool:
        quiet = ["-fsS", "-m", "0.5", "-o", "/dev/null", "-w", "1"]
        return bool(self.spaces.ask(host, ["curl", *quiet, url]))


def _floating_of(inventory: Inventory) -> Floating:
    floating = inventory.sites["cloud"].floating
    if floating is None:
        raise ValueError("the lab's cloud has a floating address")
    return floating


async def _store_with_key(path: Path) -> str:
    clock = SystemClock()
    store = SqliteStore(path, clock)
    await store.open()
    _, secret = await issue_key(store, clock, name="lab", scopes=list(Scope))
    await store.close()
    return secret
