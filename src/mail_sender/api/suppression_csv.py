"""The suppression list as a file: CSV of ours and of providers' exports. Pure.

Neighbours: `suppressions` has the routes. Files of providers name their columns differently, and
some have none (SES: address and BOUNCE or COMPLAINT); what is known of an address is taken from
whichever columns there are.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from ..domain.address import parse_address
from ..domain.suppression import (
    Origin,
    Suppression,
    SuppressionReason,
    note_of,
    parse_origin,
)
from .errors import InvalidCsv

Value = TypeVar("Value")

COLUMNS = ("address", "reason", "origin", "created_at", "expires_at", "note")

_NAMES = {
    **dict.fromkeys(("address", "email", "email_address", "emailaddress", "recipient"), "address"),
    **dict.fromkeys(("reason", "type"), "reason"),
    **dict.fromkeys(
        ("created_at", "created", "timestamp", "last_update_time", "lastupdatetime"), "created_at"
    ),
    **dict.fromkeys(("note", "error", "description"), "note"),
    "origin": "origin",
    "expires_at": "expires_at",
}
_WITHOUT_HEADER = ("address", "reason")
_REASONS = {
    **{reason.value: reason for reason in SuppressionReason},
    **dict.fromkeys(("bounce", "bounced", "bounces", "hard bounce"), SuppressionReason.HARD_BOUNCE),
    **dict.fromkeys(
        ("complained", "complaints", "spam", "spam complaint", "spam report", "spam_report"),
        SuppressionReason.COMPLAINT,
    ),
    **dict.fromkeys(
        ("unsubscribed", "unsubscribes", "list_unsubscribe"), SuppressionReason.UNSUBSCRIBE
    ),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the file: an entry, or what is wrong with it."""

    number: int
    found: Suppression | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Otherwise:
    """What holds where a line does not say it.

    Attributes:
        reason: Also for lines whose reason is no word that we know, which becomes their note
            (SendGrid has the server's answer there); None: `manual`, and such lines are bad.
    """

    reason: SuppressionReason | None
    origin: Origin
    now: datetime


def read_csv(text: str, otherwise: Otherwise) -> Iterator[Line]:
    """Yield each line that is not empty.

    Raises:
        InvalidCsv: Nothing in it is an address, nor a header that names a column of them.
    """
    columns: Sequence[str | None] = ()
    for number, cells in _numbered(text):
        if isinstance(cells, str):
            yield Line(number, cells)
        elif not columns:
            columns, is_header = _columns(cells)
            if not is_header:
                yield Line(number, _entry(columns, cells, otherwise))
        else:
            yield Line(number, _entry(columns, cells, otherwise))


def write_csv(entries: Iterable[Suppression], *, header: bool = False) -> bytes:
    """Return the lines of entries as `read_csv` reads them."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    if header:
        writer.writerow(COLUMNS)
    for it in entries:
        ends = it.expires_at.isoformat() if it.expires_at else ""
        created = it.created_at.isoformat()
        writer.writerow((it.address, it.reason.value, str(it.origin), created, ends, it.note))
    return file.getvalue().encode()


def _numbered(text: str) -> Iterator[tuple[int, list[str] | str]]:
    """Yield each row with the number of its last line, or what is wrong with it."""
    rows = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    while True:
        try:
            cells = [cell.strip() for cell in next(rows)]
        except StopIteration:
            return
        except csv.Error:  # a field larger than 128 KiB: a quote that does not end
            yield rows.line_num, "this is not CSV: is a quote left open?"
            continue
        if any(cells):
            yield rows.line_num, cells


def _columns(cells: Sequence[str]) -> tuple[Sequence[str | None], bool]:
    """Return what each column is, by the first row, and whether that is a header."""
    if "@" in cells[0]:
        return _WITHOUT_HEADER, False
    names = [_NAMES.get(cell.lower().replace(" ", "_").replace("-", "_")) for cell in cells]
    if "address" not in names:
        raise InvalidCsv(
            "The first line neither begins with an address nor names a column of addresses: "
            "address, email or recipient."
        )
    return names, True


def _entry(
    columns: Sequence[str | None], cells: Sequence[str], otherwise: Otherwise
) -> Suppression | str:
    said = {name: cell for name, cell in zip(columns, cells, strict=False) if name and cell}
    try:
        return _suppression(said, otherwise)
    except ValueError as error:
        return str(error)


def _suppression(said: dict[str, str], otherwise: Otherwise) -> Suppression:
    """Raises `ValueError` in words for the client."""
    reason, rest = _reason(said.get("reason"), otherwise)
    expires_at = _said("expires_at", said, _time, None)
    if expires_at is not None and expires_at <= otherwise.now:
        raise ValueError("expires_at: lies in the past")
    return Suppression(
        address=parse_address(said.get("address", "")),
        reason=reason,
        origin=_said("origin", said, parse_origin, otherwise.origin),
        created_at=min(_said("created_at", said, _time, otherwise.now), otherwise.now),
        expires_at=expires_at,
        note=note_of(said.get("note") or rest),
    )


def _reason(text: str | None, otherwise: Otherwise) -> tuple[SuppressionReason, str]:
    """Return the reason, and what was said instead of one."""
    if text is None:
        return otherwise.reason or SuppressionReason.MANUAL, ""
    found = _REASONS.get(text.lower())
    if found is not None:
        return found, ""
    if otherwise.reason is not None:
        return otherwise.reason, text
    known = ", ".join(SuppressionReason)
    raise ValueError(f"reason: expected one of {known}; or name one for the whole file")


def _time(text: str) -> datetime:
    """Read what exports have: ISO 8601 (UTC when it does not say), seconds since 1970, RFC 5322."""
    try:
        return _aware(_any_time(text))
    except (ValueError, OverflowError, OSError):
        raise ValueError("expected a time such as 2030-01-01T09:30:00Z") from None


def _any_time(text: str) -> datetime:
    if text.isdecimal():
        return datetime.fromtimestamp(int(text), UTC)
    try:
        return datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        return parsedate_to_datetime(text)


def _aware(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _said(name: str, said: dict[str, str], read: Callable[[str], Value], otherwise: Value) -> Value:
    if name not in said:
        return otherwise
    try:
        return read(said[name])
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
