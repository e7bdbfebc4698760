"""`bench`: measure the gateway on this machine; the benchmark lives in a checkout only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .failure import CommandFailed
from .flags import TABLES, Format


def bench(
    *,
    rounds: Annotated[int, Parameter(help="Rounds; the table shows medians and spread.")] = 3,
    parts: Annotated[
        str,
        Parameter(
            help="With commas: `limits` of the machine, `peers` side by side, `sync` overhead, "
            "`faults` (a crash and an outage), `curve` of the cost."
        ),
    ] = "limits,peers,sync,faults,curve",
    only: Annotated[
        str | None, Parameter(help="Peers whose names contain this; `none` for ourselves alone.")
    ] = None,
    shown: Format = TABLES,
) -> int:
    """Measure ourselves and what people use instead, side by side on this machine.

    Starts processes of its own on free ports and fresh stores; what runs on the machine beside
    them spoils the figures. `make bench` also sets up the peers; those that are not installed
    are named. Tables, JSON and a plot are written to var/bench. Exit status 1 when a bar was
    missed.
    """
    if not Path("bench/__main__.py").exists():
        raise CommandFailed(
            "The benchmark is part of the repository: run this in a checkout of it."
        )
    given = ["--rounds", str(rounds), "--parts", *parts.split(",")]
    given += ["--only", only] if only else []
    given += ["--json"] if shown.json else []
    return subprocess.run(  # noqa: S603 - ourselves, with numbers
        [sys.executable, "-m", "bench", *given], check=False
    ).returncode
