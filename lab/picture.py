"""The live picture: who serves, who has which address, and what a request just came to."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from deploy.inventory import Role

from .commands import COMMANDS
from .site import Lab, View


def drawn(lab: Lab, view: View, said: str) -> RenderableType:
    """Return the picture. `said`: what became of the last command."""
    commands = Table.grid(padding=(0, 2))
    for name, command in COMMANDS.items():
        commands.add_row(Text(name, style="bold"), command.usage, Text(command.does, style="dim"))
    commands.add_row(Text("quit", style="bold"), "", Text("take everything away", style="dim"))
    return Group(_addresses(view), _machines(lab, view), commands, Text(said, style="yellow"))


def _addresses(view: View) -> Table:
    table = Table(title="addresses that clients know", title_justify="left")
    table.add_column("address")
    table.add_column("answered by")
    for address, owner in view.owner.items():
        table.add_row(address, _word(owner or "nobody", good=owner is not None))
    return table


def _machines(lab: Lab, view: View) -> Table:
    table = Table(title="machines", title_justify="left")
    for column in ("site", "machine", "entry", "gateway", "not running"):
        table.add_column(column)
    for name, host in lab.inventory.hosts.items():
        is_entry, is_node = Role.ENTRY in host.roles, Role.NODE in host.roles
        dead = [
            program
            for machine, program in lab.programs.running
            if machine == name and not lab.programs.runs(machine, program)
        ]
        table.add_row(
            host.site,
            name,
            _state(view.serving.get(name), "serves", "cannot serve") if is_entry else "",
            _state(view.ready.get(name), "ready", "not ready") if is_node else "",
            Text(", ".join(dead), style="red"),
        )
    return table


def _state(state: bool | None, good: str, bad: str) -> Text:  # noqa: FBT001 - its words follow
    return _word(good if state else bad, good=bool(state))


def _word(text: str, *, good: bool) -> Text:
    return Text(text, style="green" if good else "bold red")
