"""`make lab`: both sites, a picture of them, and faults on command.

`python -m lab` plays by hand; with commands as arguments (`python -m lab "vanish c1" "mend"`) it
does them one after the other, prints what is so after each, and ends. It needs root, and touches
nothing outside the namespaces that it makes.
"""

from __future__ import annotations

import select
import subprocess
import sys
import time

from rich.console import Console
from rich.live import Live

from .commands import Wrong, obey
from .namespaces import why_not
from .picture import drawn
from .site import Lab

_SETTLES = 2.0  #: seconds after a command until what follows from it is shown


def main(lines: list[str]) -> int:
    """Return 0, or 2 where no lab is possible."""
    lacks = why_not()
    if lacks is not None:
        sys.stderr.write(f"The lab needs {lacks}\n")
        return 2
    console = Console()
    console.print("Building both sites: 10 namespaces, 5 gateways, HAProxy, keepalived, FRR, DNS …")
    with Lab() as lab:
        if lines:
            _play(lab, console, lines)
        else:
            _by_hand(lab, console)
    return 0


def _play(lab: Lab, console: Console, lines: list[str]) -> None:
    for line in lines:
        said = _obeyed(lab, line)
        time.sleep(_SETTLES)
        console.rule(line)
        console.print(drawn(lab, lab.view(), said))


def _by_hand(lab: Lab, console: Console) -> None:
    said = "type a command and Enter"
    with Live(console=console, auto_refresh=False, screen=True) as live:
        while True:
            live.update(drawn(lab, lab.view(), said), refresh=True)
            if select.select([sys.stdin], [], [], 0.5)[0]:
                line = sys.stdin.readline().strip()
                if line in {"quit", "exit", "q"}:
                    return
                said = _obeyed(lab, line) if line else ""


def _obeyed(lab: Lab, line: str) -> str:
    try:
        obey(lab, line)
    except (Wrong, TimeoutError, subprocess.CalledProcessError) as error:
        return str(error)
    return f"{line}: done"


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
