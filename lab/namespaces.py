"""Network namespaces: made, run in, looked into and taken away, without touching the machine's own.

Neighbours: `topology` lays cables between them, `machines` runs programs in them. The rule here:
every command names one of our namespaces; nothing is ever changed in the one we started in.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

_NEEDED = ("ip", "nft", "haproxy", "keepalived", "knotd", "vtysh")
#: IPv6 without its wait for duplicates, no filter of the way back (the ways differ here), and
#: listening on addresses that come and go.
_SYSCTLS = {
    "net/ipv4/ip_nonlocal_bind": "1",
    "net/ipv6/ip_nonlocal_bind": "1",
    **{f"net/ipv6/conf/{which}/accept_dad": "0" for which in ("all", "default")},
    **{f"net/ipv6/conf/{which}/accept_ra": "0" for which in ("all", "default")},
    **{f"net/ipv4/conf/{which}/rp_filter": "0" for which in ("all", "default")},
}


def why_not() -> str | None:
    """Return what this machine lacks for a lab; None when nothing."""
    if os.geteuid() != 0:
        return "root, for network namespaces"
    missing = [name for name in _NEEDED if shutil.which(name) is None]
    if not Path("/usr/lib/frr/ospfd").exists():
        missing.append("frr")
    if missing:
        return (
            f"{', '.join(missing)}: Debian's packages haproxy keepalived frr knot nftables iproute2"
        )
    probe = f"mslab-probe-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False).returncode:
        return "the right to make network namespaces (ip netns add)"
    subprocess.run(["ip", "netns", "delete", probe], check=False)
    return None


class Namespaces:
    """Ours, by short names; `prefix` keeps several labs apart."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._names: list[str] = []

    def add(self, names: Iterable[str], routers: Iterable[str]) -> None:
        """Make them."""
        for name in names:
            self._run(["ip", "netns", "add", self.full(name)])
            self._names.append(name)
            settings = dict(_SYSCTLS)
            if name in routers:
                settings |= {"net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "1"}
            lines = "".join(f"echo {value} > /proc/sys/{key}\n" for key, value in settings.items())
            self.run(name, ["sh", "-ec", lines])
            self.ip(name, "link set lo up")

    def full(self, name: str) -> str:
        """Return what the kernel calls it."""
        return f"{self._prefix}-{name}"

    def command(self, name: str, command: Sequence[str]) -> list[str]:
        """Return the command line that runs a command inside; it becomes that very process."""
        return ["ip", "netns", "exec", self.full(name), *command]

    def run(self, name: str, command: Sequence[str], *, text: str | None = None) -> str:
        """Run a command inside, and return what it said. Raises `CalledProcessError`."""
        return self._run(self.command(name, command), text)

    def ask(self, name: str, command: Sequence[str]) -> str:
        """Run a command inside whose failure only means "no"."""
        with contextlib.suppress(subprocess.CalledProcessError):
            return self.run(name, command)
        return ""

    def ip(self, name: str, lines: str) -> None:
        """Run lines of `ip`, one command a line."""
        self._run(["ip", "-netns", self.full(name), "-batch", "-"], lines)

    def ip6(self, name: str, lines: str) -> None:
        """Run lines of `ip -6`."""
        self._run(["ip", "-6", "-netns", self.full(name), "-batch", "-"], lines)

    def nft(self, name: str, rules: str) -> None:
        """Load rules of nftables."""
        self.run(name, ["nft", "-f", "-"], text=rules)

    def cable(self, one: str, one_name: str, other: str, other_name: str) -> None:
        """Connect two namespaces with a cable, by the names of its ends."""
        self._run([
            "ip", "link", "add", one_name, "netns", self.full(one), "type", "veth",
            "peer", "name", other_name, "netns", self.full(other),
        ])  # fmt: skip

    def pids(self, name: str) -> list[int]:
        """Return the processes inside."""
        command = ["ip", "netns", "pids", self.full(name)]
        listed = subprocess.run(command, capture_output=True, text=True, check=False)
        return [int(pid) for pid in listed.stdout.split()]

    def remove(self) -> None:
        """End whatever runs inside, and take the namespaces away."""
        for name in self._names:
            for pid in self.pids(name):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            subprocess.run(
                ["ip", "netns", "delete", self.full(name)], check=False, capture_output=True
            )
        self._names.clear()

    @staticmethod
    def _run(command: Sequence[str], text: str | None = None) -> str:
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise subprocess.CalledProcessError(
                done.returncode, command, done.stdout, f"{done.stderr}{text or ''}"
            )
        return done.stdout
