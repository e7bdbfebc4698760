"""`python -m deploy`: render the files of all machines, check them, give Ansible its inventory.

python -m deploy render --inventory inventory.toml --to out [HOST ...]
python -m deploy check --inventory inventory.toml [HOST ...]
python -m deploy hosts --inventory inventory.toml      # JSON, as Ansible wants it
python -m deploy authority --inventory inventory.toml  # certificates into secrets/ beside it
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from .checking import Verdict, verdicts
from .files import write
from .inventory import Inventory, InventoryError, Role, Runs, load
from .rendering import Machine
from .tls import FILES, write_authority


def main(arguments: list[str]) -> int:
    """Return 0, 1 when a program refuses a file, 2 when the inventory cannot be used."""
    given = _parser().parse_intermixed_args(arguments)
    try:
        inventory = load(given.inventory)
    except InventoryError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    strange = set(given.host) - set(inventory.hosts)
    if strange:
        sys.stderr.write(f"{given.inventory}: there is no machine {min(strange)!r}\n")
        return 2
    machines = [
        Machine(inventory=inventory, name=name, directory=given.inventory.parent)
        for name in given.host or inventory.hosts
    ]
    if given.command == "hosts":
        sys.stdout.write(json.dumps(ansible_view(inventory), indent=1) + "\n")
        return 0
    if given.command == "authority":
        return _authority(inventory, given.inventory.parent / "secrets")
    if given.command == "render":
        for machine in machines:
            write(machine, given.to / machine.name)
        return 0
    return _check(machines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("command", choices=["render", "check", "hosts", "authority"])
    parser.add_argument("host", nargs="*", help="of the inventory; none: all of them")
    parser.add_argument("--inventory", type=Path, required=True)
    parser.add_argument("--to", type=Path, default=Path("out"), help="directory to write to")
    return parser


def _authority(inventory: Inventory, secrets: Path) -> int:
    """Make certificates, unless there are some: a second authority would lock the sites out."""
    there = [name for name in FILES if (secrets / name).exists()]
    if there:
        sys.stderr.write(f"{secrets / there[0]} is there already; delete it to make new ones\n")
        return 1
    write_authority(secrets, name=inventory.name)
    return 0


def _check(machines: Iterable[Machine]) -> int:
    refused = False
    with tempfile.TemporaryDirectory() as directory:
        for machine in machines:
            root = Path(directory) / machine.name
            write(machine, root)
            for verdict in verdicts(machine, root):
                refused |= verdict.is_bad
                sys.stdout.write(f"{machine.name:8} {_said(verdict)}\n")
    return int(refused)


def _said(verdict: Verdict) -> str:
    if verdict.is_missing:
        return f"{verdict.path}: not checked, {verdict.program} is not installed"
    return f"{verdict.path}: {verdict.complaint or 'good'} ({verdict.program})"


def ansible_view(inventory: Inventory) -> dict[str, object]:
    """Return the inventory in the form of an inventory script of Ansible."""
    groups: dict[str, object] = {}
    for role in Role:
        groups[f"role_{role}"] = {"hosts": list(inventory.with_role(role))}
    for site in inventory.sites:
        named = [name for name, host in inventory.hosts.items() if host.site == site]
        groups[f"site_{site}"] = {"hosts": named}
    variables = {
        name: {
            "ansible_host": host.public_ipv4 or host.address,
            "mail_sender_roles": list(host.roles),
            "mail_sender_site": host.site,
            "mail_sender_port": inventory.gateway.port,
            "mail_sender_address": host.address,
            "mail_sender_runs_container": host.runs is Runs.CONTAINER,
            "mail_sender_entries": list(inventory.with_role(Role.ENTRY, host.site)),
        }
        for name, host in inventory.hosts.items()
    }
    return {**groups, "_meta": {"hostvars": variables}}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
