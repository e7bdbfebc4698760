"""Inventories to test with: the example, changed in one place."""

from __future__ import annotations

from pathlib import Path

from deploy.inventory import load
from deploy.rendering import Machine

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "deploy" / "example" / "inventory.toml"


def machine(name: str) -> Machine:
    """Return a machine of the example."""
    return Machine(inventory=load(EXAMPLE), name=name, directory=EXAMPLE.parent)


def changed(directory: Path, old: str, new: str) -> Path:
    """Write the example, changed, into a directory; return its inventory."""
    text = EXAMPLE.read_text(encoding="utf-8")
    assert old in text, old
    inventory = directory / "inventory.toml"
    inventory.write_text(text.replace(old, new, 1), encoding="utf-8")
    own = EXAMPLE.with_name("gateway.toml").read_text(encoding="utf-8")
    (directory / "gateway.toml").write_text(own, encoding="utf-8")
    return inventory
