"""What a run found, as tables for people and as JSON for programs."""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from .bars import Round, results
from .contestants import Contestant, Measured
from .faults import Fate
from .ourselves import Limits, Overhead, Point


@dataclass(slots=True, kw_only=True)
class Found:
    """Everything that one run found; parts that were not asked for are empty."""

    rounds: list[Round] = field(default_factory=list)
    overheads: list[list[Overhead]] = field(default_factory=list)
    fates: dict[str, dict[str, Fate]] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    limits: Limits | None = None
    absent: dict[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return it as JSON values, the machine and the versions with it."""
        return {
            "machine": machine(),
            "versions": versions(),
            "rounds": [{name: asdict(each) for name, each in one.items()} for one in self.rounds],
            "bars": [
                {"figure": each.bar.figure, "must": each.bar.must, "aim": each.bar.aim,
                 "median": each.median, "least": each.least, "most": each.most, "met": each.met}
                for each in results(self.rounds)
            ],
            "overheads": [[asdict(each) for each in one] for one in self.overheads],
            "fates": {
                name: {fault: asdict(fate) for fault, fate in each.items()}
                for name, each in self.fates.items()
            },
            "curve": [asdict(point) for point in self.points],
            "limits": asdict(self.limits) if self.limits else None,
            "absent": self.absent,
        }  # fmt: skip

    def show(self, contestants: Sequence[Contestant]) -> None:
        """Print the tables."""
        console = Console()
        console.print(f"[bold]{machine()}[/bold]")
        for title, rows in self._tables(contestants):
            if len(rows) > 1:
                console.print(_table(title, rows))
        for name, reason in self.absent.items():
            console.print(f"not measured: {name}: {reason}")

    def markdown(self, contestants: Sequence[Contestant]) -> str:
        """Return the tables for a page of the documentation."""
        parts = [f"{machine()}; {', '.join(f'{k} {v}' for k, v in versions().items())}."]
        for title, rows in self._tables(contestants):
            if len(rows) > 1:
                head, *body = [f"| {' | '.join(row)} |" for row in rows]
                parts.append(f"## {title}")
                parts.append("\n".join([head, "|---" * len(rows[0]) + "|", *body]))
        parts += [f"Not measured: {name}: {reason}." for name, reason in self.absent.items()]
        return "\n\n".join(parts) + "\n"

    def _tables(self, contestants: Sequence[Contestant]) -> list[tuple[str, list[list[str]]]]:
        return [
            ("Side by side", self._side_by_side(contestants)),
            ("Ratios", self._ratios()),
            ("What a crash and an outage cost", self._fates()),
            ("A sync request over the provider's own time", self._sync()),
            ("Cost curve", self._curve()),
            ("The machine's own limits", self._limits()),
        ]

    def _side_by_side(self, contestants: Sequence[Contestant]) -> list[list[str]]:
        rows = [["", "accepted/s", "delivered/s", "CPU s per 1,000", "memory MiB",
                 "accept p50 / p99 ms", "accepted is durable"]]  # fmt: skip
        for contestant in contestants:
            all_ = [each[contestant.name] for each in self.rounds if contestant.name in each]
            if all_:
                rows.append([contestant.name, *_medians(all_), contestant.durable])
        return rows

    def _ratios(self) -> list[list[str]]:
        rows = [["ratio", "median", "least", "most", "must", "aim", ""]]
        for each in results(self.rounds):
            figures = (each.median, each.least, each.most, each.bar.must, each.bar.aim)
            verdict = "met" if each.met else "missed"
            rows.append([each.bar.figure, *map(_number, figures), verdict])
        return rows

    def _fates(self) -> list[list[str]]:
        rows = [["", "fault", "accepted", "not delivered in time", "doubled", "in doubt, named"]]
        for name, faults in self.fates.items():
            for fault, fate in faults.items():
                counts = (fate.accepted, fate.late, fate.doubled, fate.unknown)
                rows.append([name, fault, *map(str, counts)])
        return rows

    def _sync(self) -> list[list[str]]:
        rows = [["at once", "provider alone p50", "through us p50", "over it p50", "over it p99"]]
        for several in zip(*self.overheads, strict=True):
            middle = [
                statistics.median(getattr(each, name) for each in several)
                for name in ("bare_p50_ms", "sync_p50_ms", "p50_ms", "p99_ms")
            ]
            rows.append([str(several[0].at_once), *(f"{_number(ms)} ms" for ms in middle)])
        return rows

    def _curve(self) -> list[list[str]]:
        rows = [["mail", "connections", "waiting", "accepted/s", "p50 ms", "p99 ms",
                 "CPU s per 1,000", "memory MiB"]]  # fmt: skip
        rows += [
            [f"{point.mail_bytes // 1000:,} KB", str(point.connections), f"{point.waiting:,}",
             *map(_number, (point.accepted_per_s, point.p50_ms, point.p99_ms,
                            point.cpu_s_per_1000, point.memory_mib))]
            for point in self.points
        ]  # fmt: skip
        return rows

    def _limits(self) -> list[list[str]]:
        rows = [["limit", ""]]
        if self.limits:
            rows += [
                ["2 KB written and synced, in turn", f"{self.limits.fsyncs_per_s:,.0f}/s"],
                ["a sync of the disk, p50", f"{_number(self.limits.fsync_p50_ms)} ms"],
                ["the far side alone, 64 connections", f"{self.limits.http_per_s:,.0f}/s"],
            ]  # fmt: skip
        return rows


def machine() -> str:
    """Return what it was measured on."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(": ")[2]
            break
    else:
        model = platform.machine()
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}"


def versions() -> dict[str, str]:
    """Return the versions of the programs that took part."""
    asked = {
        "nginx": ["nginx", "-v"],
        "Redis": ["redis-server", "--version"],
        "Node.js": ["node", "--version"],
        "Postfix": ["/usr/sbin/postconf", "-h", "mail_version"],
    }
    found = {"Python": platform.python_version()}
    for name, command in asked.items():
        if shutil.which(command[0]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            words = (done.stdout + done.stderr).replace("=", " ").replace("/", " ").split()
            numbers = [word.lstrip("v") for word in words if word.lstrip("v")[:1].isdigit()]
            found[name] = numbers[0] if numbers else "?"
    return found


def _medians(all_: Sequence[Measured]) -> list[str]:
    def middle(name: str) -> float:
        return statistics.median([float(getattr(each, name)) for each in all_])

    figures = [
        _number(middle(name))
        for name in ("accepted_per_s", "delivered_per_s", "cpu_s_per_1000", "memory_mib")
    ]
    if all_[0].p50_ms is None:
        return [*figures, ""]
    return [*figures, f"{_number(middle('p50_ms'))} / {_number(middle('p99_ms'))}"]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _table(title: str, rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(rows[0]):
        table.add_column(column, justify="right" if number else "left")
    for row in rows[1:]:
        table.add_row(*row)
    return table
