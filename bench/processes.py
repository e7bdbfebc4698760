"""Processes of a benchmark: started here, measured from /proc, and ended by their own id.

What a contestant costs is the processor time of everything it runs: the process that was started
and all that came out of it, children that ended included.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_TICKS = os.sysconf("SC_CLK_TCK")


class NotThere(Exception):
    """A contestant cannot run here; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor seconds (user and system) so far, and memory now in MiB (proportional share)."""

    cpu_s: float
    memory_mib: float


class Running:
    """A process and its descendants.

    Attributes:
        process: The one that was started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        port: int | None = None,
    ) -> None:
        """Start it, and wait until it listens on the port, at most 20 s.

        Raises:
            RuntimeError: It ended, or did not listen in time; its log is in the message.
        """
        self._log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [*command], stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                env={**os.environ, **(env or {})}, cwd=cwd, start_new_session=True,
            )  # fmt: skip
        if port is not None:
            self._wait_for(port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Of the process that was started."""
        return self.process.pid

    def cost(self) -> Cost:
        """Return what it and its descendants cost so far."""
        return cost_of(self.pid)

    def kill(self) -> None:
        """Kill -9 it and its descendants, all at once."""
        for pid in (self.pid, *descendants(self.pid)):
            _signal(pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        """Ask it to end; after 10 s end it and its descendants."""
        below = descendants(self.pid)
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
        for pid in below:
            _signal(pid, signal.SIGKILL)

    def _wait_for(self, port: int) -> None:
        for _ in range(400):
            if self.process.poll() is not None:
                break
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        end = self._log.read_text(errors="replace")[-1000:]
        self.stop()
        raise RuntimeError(f"{self.process.args!r} does not listen on port {port}: {end}")


def cost_of(pid: int) -> Cost:
    """Return what a process and its descendants cost so far."""
    pids = (pid, *descendants(pid))
    return Cost(sum(map(_cpu_s, pids)), sum(map(_memory_mib, pids)))


def descendants(pid: int) -> tuple[int, ...]:
    """Return the ids of all processes below."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(each) for each in task.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *descendants(child)]
    return tuple(found)


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: int = asked.getsockname()[1]
        return port


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS


def _memory_mib(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _signal(pid: int, what: signal.Signals) -> None:
    try:
        os.kill(pid, what)
    except ProcessLookupError:
        return
