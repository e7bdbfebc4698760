"""How each real program is started from its rendered files, in the foreground of a namespace.

Neighbours: `site` knows which machine runs what. A command here says what the unit of systemd says
on a real machine; nothing else may differ.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.inventory import Role
from deploy.rendering import Machine

from .namespaces import Namespaces

_FRR = Path("/usr/lib/frr")
_ROUTERS = ("zebra", "staticd", "bfdd", "ospfd", "ospf6d")
_PROGRAMS = Path(__file__).parent.parent / "deploy" / "programs"


@dataclass(slots=True)
class Programs:
    """Everything that runs, by machine and name, such as `("c1", "haproxy")`."""

    spaces: Namespaces
    logs: Path
    running: dict[tuple[str, str], subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(
        self,
        host: str,
        name: str,
        command: Sequence[str | Path],
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Start one, unless it runs."""
        if self.runs(host, name):
            return
        with (self.logs / f"{host}-{name}.log").open("ab") as log:
            self.running[host, name] = subprocess.Popen(
                self.spaces.command(host, [str(part) for part in command]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, **(environ or {})},
            )

    def runs(self, host: str, name: str) -> bool:
        """Return whether it lives."""
        process = self.running.get((host, name))
        return process is not None and process.poll() is None

    def signal(self, host: str, name: str, number: int) -> None:
        """Send a signal to it and what it has started."""
        if self.runs(host, name):
            os.killpg(self.running[host, name].pid, number)

    def kill(self, host: str, name: str) -> None:
        """End it as a power cut does."""
        self.signal(host, name, signal.SIGKILL)
        self.wait(host, name)

    def stop(self, host: str, name: str) -> None:
        """Ask it to end, and go on; `wait` waits."""
        if self.runs(host, name):
            self.running[host, name].send_signal(signal.SIGTERM)

    def wait(self, host: str, name: str, at_most: float = 60) -> None:
        """Wait until it is gone."""
        process = self.running.get((host, name))
        if process is not None:
            process.wait(at_most)

    def stop_all(self) -> None:
        """End everything, at once."""
        for host, name in list(self.running):
            self.kill(host, name)

    def log(self, host: str, name: str) -> str:
        """Return what it said."""
        return (self.logs / f"{host}-{name}.log").read_text(encoding="utf-8", errors="replace")


# ---------------------------------------------------------------- one function for each program


def start_haproxy(programs: Programs, machine: Machine) -> None:
    """Start HAProxy and what watches it. Master and worker, so that it can be reloaded."""
    root = Path(machine.root)
    config = root / "etc/haproxy/haproxy.cfg"
    programs.start(machine.name, "haproxy", ["haproxy", "-W", "-db", "-f", config])
    programs.start(
        machine.name,
        "entry-watch",
        [sys.executable, _PROGRAMS / "entry_watch.py", *machine.watch_arguments()],
    )


def start_keepalived(programs: Programs, machine: Machine, token: Path) -> None:
    """Start keepalived, and the keeper of the address where a cloud moves it."""
    root = Path(machine.root)
    run = root / "run"
    arguments = machine.keeper_arguments()
    if machine.floating and machine.floating.mover == "api":
        programs.start(
            machine.name,
            "address-keeper",
            [sys.executable, _PROGRAMS / "address_keeper.py", *arguments],
            {"TOKEN_FILE": str(token)},
        )
    pids = [run / "keepalived.pid", run / "vrrp.pid"]
    if not programs.runs(machine.name, "keepalived"):
        for pid in pids:  # left by one that was killed; it would not start beside it
            pid.unlink(missing_ok=True)
    programs.start(
        machine.name,
        "keepalived",
        ["keepalived", "--vrrp", "--dont-fork", "--log-console", "--log-detail", "--no-syslog",
         "-f", root / "etc/keepalived/keepalived.conf", "-p", pids[0], "-r", pids[1]],
    )  # fmt: skip


def start_frr(programs: Programs, machine: Machine) -> None:
    """Start FRR's daemons and give them the one configuration that they share."""
    directory = Path(machine.root) / "run/frr"
    directory.mkdir(parents=True, exist_ok=True)
    shutil.chown(directory, "frr", "frr")
    for name in _ROUTERS:
        config = directory / f"{name}.conf"
        config.touch()
        shutil.chown(config, "frr", "frr")
        programs.start(
            machine.name,
            name,
            [_FRR / name, "-f", config, "-i", directory / f"{name}.pid",
             "-z", directory / "zserv.api", "--vty_socket", directory, "-A", "127.0.0.1",
             "-P", "0", "--log", "stdout",
             *(["--bfdctl", str(directory / "bfdd.sock")] if name == "bfdd" else [])],
        )  # fmt: skip
        wait_until((directory / f"{name}.vty").exists, f"{machine.name}: {name}")
    config = Path(machine.root) / "etc/frr/frr.conf"
    vtysh(programs.spaces, machine, "-f", str(config))


def vtysh(spaces: Namespaces, machine: Machine, *arguments: str) -> str:
    """Ask or tell FRR."""
    directory = Path(machine.root) / "run/frr"
    return spaces.run(machine.name, ["vtysh", "--vty_socket", str(directory), *arguments])


def start_gateway(programs: Programs, machine: Machine) -> None:
    """Start the gateway, as its unit does."""
    root = Path(machine.root)
    config = root / "etc/mail-sender/mail-sender.toml"
    (root / "var/lib/mail-sender").mkdir(parents=True, exist_ok=True)
    programs.start(
        machine.name,
        "gateway",
        [sys.executable, "-m", "mail_sender", "serve", "--config", config],
    )


def start_knot(programs: Programs, machine: Machine) -> None:
    """Start the DNS server."""
    root = Path(machine.root)
    for directory in ("run/knot", "var/lib/knot"):
        (root / directory).mkdir(parents=True, exist_ok=True)
    programs.start(machine.name, "knot", ["knotd", "-c", root / "etc/knot/knot.conf"])


def is_gateway(machine: Machine) -> bool:
    """Return whether the gateway runs there."""
    return Role.NODE in machine.host.roles


def wait_until(true: Callable[[], object], what: str, at_most: float = 60) -> float:
    """Wait until something is so; return the seconds. Raises `TimeoutError`."""
    begun = time.monotonic()
    while not true():
        if time.monotonic() - begun > at_most:
            raise TimeoutError(f"not within {at_most} s: {what}")
        time.sleep(0.05)
    return time.monotonic() - begun
