"""`python -m lab.figures`: break everything once, and write what it cost into docs/two-sites.md."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from rich.console import Console

from .faults import FAULTS, Fault
from .measuring import Outcome, measure
from .namespaces import why_not
from .site import Lab

PAGE = Path(__file__).parent.parent / "docs" / "two-sites.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def row(fault: Fault, outcome: Outcome) -> str:
    """Return a line of the table."""
    careful, naive = outcome.careful, outcome.naive
    return (
        f"| {fault.name} | {naive.gap_ms} ms | {naive.failed} of {naive.sent} | "
        f"{careful.failed} of {careful.sent} | {careful.retried} | {careful.slowest_ms} ms | "
        f"{fault.decided_by} |"
    )


def table(rows: list[str]) -> str:
    """Return the whole table, with the machine that it was measured on."""
    head = (
        "| what breaks | naive: longest gap | naive: failed | careful: failed | repeated calls | "
        "slowest | what decides it |\n|---|---|---|---|---|---|---|"
    )
    machine = (
        f"One run on {platform.machine()}, {os.cpu_count()} processors shared with other work, "
        f"Linux {platform.release().partition('-')[0]}; all machines, clients and providers of the "
        "lab on it. Lost: none."
    )
    return "\n".join([BEGIN, machine, "", head, *rows, END])


def main() -> int:
    """Return 0, or 2 where no lab is possible."""
    lacks = why_not()
    if lacks is not None:
        sys.stderr.write(f"The lab needs {lacks}\n")
        return 2
    console, rows = Console(), []
    with Lab() as lab:
        for fault in FAULTS:
            if lab.mover is not fault.mover:
                lab.use(fault.mover)
            outcome = measure(lab, fault.strike, naive=[fault.naive], seconds=fault.seconds)
            rows.append(row(fault, outcome))
            console.print(rows[-1], f"lost {outcome.lost}, doubled {outcome.doubled}", markup=False)
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(before + table(rows) + rest.partition(END)[2], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
