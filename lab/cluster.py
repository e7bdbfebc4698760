"""The store of a cluster: PostgreSQL under Patroni, with etcd, on two sites and at a witness.

Neighbours: `namespaces` and `programs` make and run, `deploy/templates/cluster` has the files. The
rule here: a fault is what a machine or a cable does; the programs are never told of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from deploy.rendering import BANNER, environment

from .namespaces import Namespaces
from .programs import Programs, wait_until

_HUB = "hub"
_SIDES = 3  #: into how many parts a split can divide the nodes
_READY = 120.0  #: seconds until four servers have copied the first one, on a busy machine


@dataclass(frozen=True, slots=True)
class Member:
    """One machine. Attributes: has_data: False for the witness, which only votes."""

    name: str
    address: str
    has_data: bool = True


A = (Member("a1", "198.18.77.11"), Member("a2", "198.18.77.12"))
B = (Member("b1", "198.18.77.13"), Member("b2", "198.18.77.14"))
WITNESS = Member("w", "198.18.77.15", has_data=False)
MEMBERS = (*A, *B, WITNESS)


class Cluster:
    """Both sites' databases. `with Cluster() as cluster:` builds and removes them."""

    def __init__(self, python: Path = Path(sys.executable)) -> None:
        """Prepare; nothing is made before `up`.

        Args:
            python: The interpreter that has Patroni.
        """
        self.directory = Path(tempfile.mkdtemp(prefix="mscluster-"))
        self.directory.chmod(0o755)  # PostgreSQL and etcd give up root
        (self.directory / "logs").mkdir()
        self.spaces = Namespaces(f"mscl{os.getpid()}")
        self.programs = Programs(self.spaces, self.directory / "logs")
        self.password = secrets.token_hex(12)
        self._python = python
        bins = Path("/usr/lib/postgresql").glob("*/bin/initdb")
        self._bin = max(bins, key=lambda initdb: float(initdb.parts[-3])).parent

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

    def up(self) -> None:
        """Build everything and wait until every server follows the primary."""
        self._lay_cables()
        for member in MEMBERS:
            self._write_files(member)
            self.start_etcd(member.name)
        for member in (*A, *B):
            self.start_patroni(member.name)
        wait_until(self.is_whole, "four servers in step", _READY)

    def down(self) -> None:
        """Take everything away."""
        self.spaces.remove()  # and what runs inside: Patroni's servers are no children of ours
        self.programs.stop_all()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start_etcd(self, name: str) -> None:
        """Start a machine's voter."""
        config = self.directory / name / "etc/etcd.yml"
        self._start_as_postgres(name, "etcd", ["etcd", "--config-file", str(config)])

    def start_patroni(self, name: str) -> None:
        """Start a machine's Patroni, which starts PostgreSQL."""
        config = self.directory / name / "etc/patroni.yml"
        self._start_as_postgres(name, "patroni", [str(self._python), "-m", "patroni", str(config)])

    def _start_as_postgres(self, name: str, program: str, command: list[str]) -> None:
        self.programs.start(name, program, ["runuser", "-u", "postgres", "--", *command])

    def _lay_cables(self) -> None:
        self.spaces.add((_HUB, *(member.name for member in MEMBERS)), ())
        for side in range(_SIDES):
            self.spaces.ip(_HUB, f"link add side{side} type bridge\nlink set side{side} up")
        for member in MEMBERS:
            self.spaces.cable(_HUB, f"to-{member.name}", member.name, "eth0")
            self.spaces.ip(_HUB, f"link set to-{member.name} master side0 up")
            self.spaces.ip(
                member.name, f"link set eth0 up\naddress add {member.address}/24 dev eth0"
            )

    def _write_files(self, member: Member) -> None:
        root = self.directory / member.name
        for directory in ("etc", "run/postgresql", "var/lib/postgresql", "var/lib/etcd"):
            (root / directory).mkdir(parents=True)
            shutil.chown(root / directory, "postgres", "postgres")
        (root / "var/lib/etcd").chmod(0o700)
        roles = ("superuser", "replication", "rewind")
        variables = {
            "banner": BANNER,
            "member": member,
            "voters": MEMBERS,
            "root": str(root),
            "postgres_bin": str(self._bin),
            "passwords": dict.fromkeys(roles, self.password),
        }
        for name in ("etcd.yml", "patroni.yml") if member.has_data else ("etcd.yml",):
            text = environment().get_template(f"cluster/{name}.j2").render(variables)
            file = root / "etc" / name
            file.touch(0o600)
            file.write_text(text, encoding="utf-8")
            shutil.chown(file, "postgres", "postgres")

    # ------------------------------------------------ faults

    def kill_postmaster(self, name: str) -> None:
        """End a machine's PostgreSQL as the kernel does when memory runs out."""
        pid_file = self.directory / name / "var/lib/postgresql/mail/postmaster.pid"
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)

    def crash(self, name: str) -> None:
        """End everything that runs on a machine, as a power cut does."""
        for pid in self.spaces.pids(name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def split(self, *sides: Iterable[Member]) -> None:
        """Let the machines of different sides not reach each other, silently."""
        for side, members in enumerate(sides):
            for member in members:
                self.spaces.ip(_HUB, f"link set to-{member.name} master side{side}")

    def heal(self) -> None:
        """Undo `split`."""
        self.split(MEMBERS)

    # ------------------------------------------------ looking

    def is_whole(self) -> bool:
        """Return whether there is a primary, and all other servers follow it in step."""
        members = self.members()
        others = [each for each in members if each["role"] != "leader"]
        return len(others) == len(members) - 1 == 3 and all(
            each["state"] == "streaming" and "quorum" in each["role"] for each in others
        )

    def primary(self) -> str | None:
        """Return the machine whose server says that it can write; None while there is none."""
        for member in (*A, *B):
            if self._ask(member, "primary", "-f"):
                return member.name
        return None

    def members(self) -> list[dict[str, Any]]:
        """Return what the first server that answers knows of all."""
        for member in (*A, *B):
            said = self._ask(member, "cluster")
            if said:
                return list(json.loads(said)["members"])
        return []

    def _ask(self, member: Member, path: str, *options: str) -> str:
        url = f"http://{member.address}:8008/{path}"
        return self.spaces.ask(member.name, ["curl", "-sS", "-m", "1", *options, url])
