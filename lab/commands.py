"""What can be typed in the lab: one line for each fault, the same faults that the tests use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deploy.inventory import Mover, Role

from .site import Lab


class Wrong(ValueError):
    """What was typed means nothing; the text says what would."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command. Attributes: usage: What it takes; does: What it is for."""

    usage: str
    does: str
    run: Callable[[Lab, list[str]], None]


def obey(lab: Lab, line: str) -> None:
    """Do what a line says. Raises `Wrong`."""
    name, *arguments = line.split()
    command = COMMANDS.get(name)
    if command is None:
        raise Wrong(f"no such command; there are: {', '.join(COMMANDS)}")
    try:
        command.run(lab, arguments)
    except (IndexError, KeyError, ValueError) as error:
        raise Wrong(f"usage: {name} {command.usage} ({error})") from None


def _kill(lab: Lab, arguments: list[str]) -> None:
    host, name = arguments
    if not lab.programs.runs(host, name):
        running = sorted(f"{h} {n}" for h, n in lab.programs.running if lab.programs.runs(h, n))
        raise ValueError(f"not running; there are: {', '.join(running)}")
    lab.kill(host, name)


def _stop(lab: Lab, arguments: list[str]) -> None:
    host, name = arguments
    lab.programs.stop(host, name)


def _vanish(lab: Lab, arguments: list[str]) -> None:
    (host,) = arguments
    if host not in lab.inventory.hosts or host in {"home", "relay"}:
        raise ValueError("one of c1, c2, h1, h2, h3")
    lab.vanish(host)


def _cut(lab: Lab, arguments: list[str]) -> None:
    (what,) = arguments
    if what in {"cloud", "home"}:
        lab.cut_site(what)
    elif what == "vrrp":
        lab.split_vrrp()
    else:
        lab.cut_tunnel(what)


def _lose(lab: Lab, arguments: list[str]) -> None:
    host, percent = arguments
    lab.lose(host, int(percent))


def _slow(lab: Lab, arguments: list[str]) -> None:
    host, kilobits = arguments
    lab.slow(host, int(kilobits))


def _hold(lab: Lab, arguments: list[str]) -> None:
    (entry,) = arguments
    if entry not in lab.inventory.with_role(Role.ENTRY):
        raise ValueError("one of c1, c2, home")
    lab.hold(entry)


def _api(lab: Lab, arguments: list[str]) -> None:
    delay, fail = arguments
    lab.spoil_api(delay=float(delay), fail=int(fail))


COMMANDS = {
    "kill": Command("HOST PROGRAM", "end a program as a power cut does", _kill),
    "stop": Command("HOST PROGRAM", "ask a program to end: a gateway drains", _stop),
    "vanish": Command("HOST", "a machine's cable is dead", _vanish),
    "cut": Command("tun-a|tun-b|cloud|home|vrrp", "drop packets silently", _cut),
    "lose": Command("HOST PERCENT", "lose packets at a machine's cable", _lose),
    "slow": Command("HOST KBIT", "let a machine's cable carry no more than that", _slow),
    "hold": Command("ENTRY", "take an entry's address away by hand", _hold),
    "api": Command("SECONDS CALLS", "the cloud's API is slow, and fails so many calls", _api),
    "mover": Command(
        "lan|api", "who moves the floating address", lambda lab, a: lab.use(Mover(a[0]))
    ),
    "mend": Command("", "undo everything", lambda lab, _: lab.mend()),
}
