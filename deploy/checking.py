"""Every rendered file is judged by the program that will read it.

Neighbours: `files` has written them below some directory. Some programs look at the whole system
(certificates, interfaces, users); what a file refers to is then put beside it, made up here, so
that a verdict speaks of the file alone.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .rendering import Machine
from .tls import write_authority


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a program says of a file. Attributes: complaint: Empty when it is good."""

    path: str
    program: str
    complaint: str = ""
    is_missing: bool = False

    @property
    def is_bad(self) -> bool:
        """Whether the program was there and refused the file."""
        return bool(self.complaint)


def verdicts(machine: Machine, root: Path, only: str | None = None) -> Iterator[Verdict]:
    """Yield a verdict on each file below `root` that a program can judge.

    Args:
        machine: Whose files they are.
        root: Where `files.write` put them.
        only: One file, by its place on the machine; None: all of them.
    """
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        place = f"/{path.relative_to(root)}"
        command = _command(machine, path)
        if command is None or only not in {None, place}:
            continue
        if shutil.which(command[0]) is None:
            yield Verdict(path=place, program=str(command[0]), is_missing=True)
            continue
        program = "keepalived" if command[0] == "unshare" else Path(command[0]).name
        yield Verdict(path=place, program=program, complaint=_complaint(command, root, place))


#: Commands that take the file as their last argument.
_JUDGES: dict[str, Sequence[str]] = {
    "haproxy.cfg": ("haproxy", "-c", "-q", "-f"),
    "frr.conf": ("vtysh", "-C", "-f"),
    "mail-sender.toml": (sys.executable, "-m", "mail_sender", "config", "check", "--config"),
    "mail-sender.rules.yml": ("promtool", "check", "rules"),
    "prometheus.yml": ("promtool", "check", "config"),
    "tunnels.sh": ("sh", "-n"),
    ".service": ("systemd-analyze", "verify", "--man=no", "--recursive-errors=no"),
    ".py": ("python3", "-W", "error", "-m", "py_compile"),
}
#: keepalived wants to see the interface that it is told of.
_KEEPALIVED = 'ip link add "$1" type veth && ip link set "$1" up && exec keepalived -t -f "$2"'


def _command(machine: Machine, path: Path) -> Sequence[str | Path] | None:
    if path.name == "keepalived.conf":
        alone = ["unshare", "--net", "--mount", "sh", "-c", _KEEPALIVED, "sh"]
        return [*alone, machine.host.interface, path]
    if path.name == "knot.conf":
        return ["knotc", "-c", path, "conf-check"]
    if path.suffix == ".zone":
        return ["kzonecheck", "-o", machine.inventory.dns.zone, path]
    judge = _JUDGES.get(path.name) or _JUDGES.get(path.suffix)
    return None if judge is None else [*judge, path]


def _complaint(command: Sequence[str | Path], root: Path, place: str) -> str:
    path = root / place.removeprefix("/")
    original = path.read_text(encoding="utf-8")
    try:
        if path.name == "mail-sender.toml":
            _make_up_secrets(original, path.parent)
        elif path.name in {"haproxy.cfg", "knot.conf"}:
            path.write_text(_with_neighbours(original, root), encoding="utf-8")
        elif path.suffix == ".service":
            path.write_text(_with_programs(original), encoding="utf-8")
        # Settings of this machine's own gateway must not judge another's file.
        environ = {k: v for k, v in os.environ.items() if not k.startswith("MAIL_SENDER_")}
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, env=environ
        )
    finally:
        path.write_text(original, encoding="utf-8")
    said = (done.stdout + done.stderr).strip()
    if path.suffix == ".service":  # it exits with 0 and complains of units it finds on the way
        ours = [line for line in said.splitlines() if path.name in line]
        return "\n".join(ours)
    return (said or f"exit status {done.returncode}") if done.returncode else ""


def _make_up_secrets(text: str, directory: Path) -> None:
    for name in re.findall(r'_file = "(.+)"', text):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text("made up\n", encoding="utf-8")


def _with_neighbours(text: str, root: Path) -> str:
    """Let the file find what it refers to below `root`."""
    tls = root / "etc/mail-sender/tls"
    if not tls.exists():
        write_authority(tls, name="mail.example.com")
    for directory in ("run/haproxy", "run/knot", "var/lib/knot"):
        (root / directory).mkdir(parents=True, exist_ok=True)
    for place in (
        "/etc/mail-sender/tls",
        "/run/haproxy",
        "/run/knot",
        "/var/lib/knot",
        "/etc/knot",
    ):
        text = text.replace(place, f"{root}{place}")
    return text


def _with_programs(text: str) -> str:
    """Let a unit's program be one that every machine has: only the unit is judged."""
    return "\n".join(
        f"{key}=/bin/true {rest.partition(' ')[2]}"
        if (key := line.partition("=")[0]) in {"ExecStart", "ExecStop", "ExecReload"}
        and (rest := line.partition("=")[2])
        else line
        for line in text.splitlines()
    )
