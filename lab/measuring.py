"""Traffic while something breaks, and what came of it.

Neighbours: `load` is the traffic, `site` breaks things; the tests judge what is returned here, and
`python -m lab figures` writes it into docs/two-sites.md.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from .load import Report
from .programs import wait_until
from .site import Lab

_runs = count(1)
_FAULT_AFTER = 2.0  #: seconds of undisturbed traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a fault cost.

    Attributes:
        careful: What a client sees that does as it should.
        naive: What one sees that asks one address once.
        lost: Mails that were accepted and never handed to a provider.
        doubled: Mails that were handed over more than once.
    """

    careful: Report
    naive: Report
    lost: int
    doubled: int


def measure(
    lab: Lab,
    fault: Callable[[Lab], object],
    *,
    naive: Sequence[str],
    seconds: float = 8,
    careful: Sequence[str] = (),
) -> Outcome:
    """Let traffic run, break something after two seconds, mend it after the end.

    Args:
        lab: Whole.
        fault: Breaks something; may take its time.
        naive: Addresses that the naive client asks.
        seconds: Of traffic.
        careful: Addresses that the careful client knows; default: all of them.
    """
    run = f"r{next(_runs)}"
    traffic = subprocess.Popen(
        lab.spaces.command(
            "client",
            [sys.executable, "-m", "lab.load", "--name", lab.inventory.name, "--key", lab.key,
             "--ca", str(lab.ca), "--run", run, "--seconds", str(seconds),
             "--careful", *(careful or lab.addresses()), "--naive", *naive],
        ),
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        time.sleep(_FAULT_AFTER)
        fault(lab)
        said, _ = traffic.communicate(timeout=seconds + 60)
    finally:
        traffic.kill()
        traffic.wait()
    reports = {name: Report(**report) for name, report in json.loads(said).items()}
    lab.mend()
    return _counted(lab, run, reports["careful"], reports["naive"])


def _counted(lab: Lab, run: str, careful: Report, naive: Report) -> Outcome:
    """Compare what was accepted with what the providers got, once all is delivered."""
    accepted = set(careful.accepted)

    def missing() -> set[str]:
        return accepted - lab.received().keys()

    with contextlib.suppress(TimeoutError):  # they are counted below
        wait_until(lambda: not missing(), "every accepted mail at a provider", 30)
    got = {who: times for who, times in lab.received().items() if who.startswith(f"{run}-")}
    return Outcome(
        careful=careful,
        naive=naive,
        lost=len(missing()),
        doubled=sum(times > 1 for times in got.values()),
    )
