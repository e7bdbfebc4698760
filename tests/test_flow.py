"""docs/flow.md is a map: every place on it must exist."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path("docs/flow.md").read_text(encoding="utf-8")
SOURCE = Path("src/mail_sender")


def test_every_file_named_in_the_flow_exists() -> None:
    """A newcomer follows it with the editor open."""
    files = set(re.findall(r"`([a-z_/0-9]+\.py)`", PAGE))
    assert len(files) > 20
    assert [name for name in sorted(files) if not (SOURCE / name).exists()] == []


def test_every_name_in_the_flow_stands_in_the_file_beside_it() -> None:
    """A renamed function takes its entry on the map along."""
    pairs = re.findall(r"`((?:[A-Z]\w+\.)?\w+)` in `([a-z_/0-9]+\.py)`", PAGE)
    assert len(pairs) > 10
    missing = [
        (name, file)
        for name, file in pairs
        if not re.search(
            rf"(?:def|class) {re.escape(name.rpartition('.')[2])}\b",
            (SOURCE / file).read_text(encoding="utf-8"),
        )
    ]
    assert missing == []
