"""What a command shows: answers on standard output, words about them on standard error.

Neighbours: every command. Colours and boxes are rich's; it leaves colours out when the output is
no terminal or NO_COLOR is set. Text that came from elsewhere (a subject, a provider's words) is
never read as markup, and its control characters are shown, not obeyed.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_WIDE = 200  #: columns when nobody looks: a file or a pipe should get whole ids

STYLES: Mapping[str, str] = {
    **dict.fromkeys(("sent", "delivered", "accepted", "ok", "works", "verified", "up"), "green"),
    **dict.fromkeys(
        ("failed", "expired", "bounced", "refused", "problem", "down", "unreachable"), "red"
    ),
    **dict.fromkeys(("unknown", "warning", "deferred", "pending", "paused", "degraded"), "yellow"),
    **dict.fromkeys(("skipped", "cancelled", "suppressed", "revoked"), "dim"),
}  #: of the words that say how something stands


def out() -> Console:
    """Return the console of answers."""
    return _console(stderr=False)


def say(text: str, style: str = "") -> None:
    """Tell a person something that is not the answer."""
    _console(stderr=True).print(Text(plain(text), style=style), soft_wrap=True)


def show(text: str) -> None:
    """Print a line of the answer."""
    out().print(Text(plain(text)), soft_wrap=True)


def show_document(document: object) -> None:
    """Print the one JSON document of a command that was called with `--json`."""
    json.dump(document, sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")
    sys.stdout.flush()


@contextlib.contextmanager
def working(on: str) -> Iterator[Callable[[str], None]]:
    """Show that something long is under way, where somebody looks; yields how to tell how far."""
    console = _console(stderr=True)
    with console.status(on) if console.is_terminal else contextlib.nullcontext() as status:
        yield lambda done: status.update(f"{on}: {done}") if status is not None else None


def show_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = ""
) -> None:
    """Print a table; words such as `sent` and `failed` get their colour."""
    table = Table(box=SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    out().print(table)


def plain(value: object) -> str:
    """Return text that cannot steer a terminal."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", str(value))


def moment(value: object) -> str:
    """Return a time of the API as people read it, in UTC; an empty string for None."""
    if not value:
        return ""
    try:
        return datetime.fromisoformat(str(value)).strftime("%Y-%m-%d %H:%M:%SZ")
    except ValueError:
        return str(value)


def _cell(value: object) -> Text:
    text = "" if value is None else plain(value)
    return Text(text, style=STYLES.get(text.split(" ", maxsplit=1)[0], ""))


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return Console(
        file=stream,
        width=None if stream.isatty() else _WIDE,
        highlight=False,
        markup=False,
        emoji=False,
    )
