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
    seconds: Annotated[float, Parameter(help="Of async load in each round.")] = 8.0,
    connections: Annotated[int, Parameter(help="Of the load generator.")] = 64,
    shown: Format = TABLES,
) -> int:
    """Measure throughput, overhead and cost of the gateway on this machine.

    Starts processes of its own on free ports and a fresh store; what runs on the machine beside
    them spoils the figures. Exit status 1 when a mail was lost or doubled.
    """
    if not Path("bench/__main__.py").exists():
        raise CommandFailed(
            "The benchmark is part of the repository: run this in a checkout of it."
        )
    given = ["--rounds", str(rounds), "--seconds", str(seconds), "--connections", str(connections)]
    given += ["--json"] if shown.json else []
    return subprocess.run(  # noqa: S603 - ourselves, with numbers
        [sys.executable, "-m", "bench", *given], check=False
    ).returncode
