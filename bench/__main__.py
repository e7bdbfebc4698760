"""`make bench`: what people use instead and ourselves, side by side on this machine.

Parts: `peers` (rounds in which everybody is measured once, in a fixed order), `sync` (what
waiting for an answer costs), `faults` (kill -9 and an outage, counted mail by mail), `curve`
(how cost grows) and `limits` (of the machine). Nothing else should run meanwhile: ratios inside
a round hold, rates move with whatever the neighbours do.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from .bars import OURS, results
from .contestants import Contestant, Measured, everybody, python
from .far_side import far_side
from .faults import fates
from .ourselves import curve, limits, overheads
from .processes import NotThere
from .report import Found

_PARTS = ("limits", "peers", "sync", "faults", "curve")


def main() -> int:
    """Run the parts and show what they found. Exit status 1 when a bar was missed."""
    options = _options()
    contestants = [
        each for each in everybody()
        if not options.only or any(word in each.name for word in (OURS, *options.only))
    ]  # fmt: skip
    found = Found()
    with tempfile.TemporaryDirectory(prefix="mail-sender-bench-") as name:
        at = Path(name)
        at.chmod(0o755)  # Postfix drops root and still reads below
        try:
            _run(options, contestants, at, found)
        except NotThere as reason:
            print(f"make bench {reason}", file=sys.stderr)
            return 2
    _write(options.out, found, contestants)
    if options.json:
        print(json.dumps(found.document()))
    else:
        found.show(contestants)
    return int(any(not each.met for each in results(found.rounds)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=_PARTS)
    parser.add_argument("--only", nargs="+", default=[], help="words in the names of peers")
    parser.add_argument(
        "--longest-queue", type=int, default=100_000,
        help="mails that wait at most in the curve; the full one has 1000000",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("var/bench"), help="directory")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


def _run(
    options: argparse.Namespace, contestants: list[Contestant], at: Path, found: Found
) -> None:
    with far_side(at / "far") as far:
        if "limits" in options.parts:
            found.limits = limits(at, far)
        for number in range(options.rounds):
            if "peers" in options.parts:
                one: dict[str, Measured] = {}
                found.rounds.append(one)
                for place, each in enumerate(contestants):
                    _say(f"round {number + 1} of {options.rounds}: {each.name}")
                    try:
                        one[each.name] = each.measure(at / f"{number}-{place}", far)
                    except NotThere as reason:
                        found.absent[each.name] = str(reason)
            if "sync" in options.parts:
                _say(f"round {number + 1} of {options.rounds}: sync")
                found.overheads.append(overheads(at / f"sync-{number}", far))
        if "curve" in options.parts:
            for point in curve(at, far, longest_queue=options.longest_queue):
                _say(f"curve: {point}")
                found.points.append(point)
    if "faults" in options.parts:
        _say("crash and outage")
        found.fates.update(fates(contestants, at / "faults"))


def _write(directory: Path, found: Found, contestants: list[Contestant]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    run, plot = directory / "bench.json", directory / "bench.png"
    run.write_text(json.dumps(found.document(), indent=1) + "\n")
    (directory / "bench.md").write_text(found.markdown(contestants))
    if found.rounds:
        try:
            command = [str(python()), str(Path(__file__).parent / "plot.py"), str(run), str(plot)]
            subprocess.run(command, check=True)
        except (NotThere, subprocess.CalledProcessError) as reason:
            _say(f"no plot: {reason}")
    _say(f"written to {directory}")


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
