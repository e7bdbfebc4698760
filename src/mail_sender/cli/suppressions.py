"""`suppressions`: addresses that get no mail, one list over all providers of a gateway."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO
from urllib.parse import quote

from cyclopts import Group, Parameter

from . import target, terminal
from .client import Client
from .expiry import expiry_of
from .failure import CommandFailed, wrong_usage
from .flags import ANY_GATEWAY, TABLES, Ask, Filters, Format

MOST_AT_ONCE = 1000  #: addresses in one call
MOST_LISTED = 1_000_000
IMPORT_TIMEOUT = 600.0  #: seconds; the gateway writes every 1000 lines

Reason = Annotated[str | None, Parameter(help="manual, hard_bounce, unsubscribe or complaint.")]
Addresses = Annotated[str, Parameter(name="address", help="Addresses such as ann@example.net.")]


@Parameter(name="*", group=Group("Which entries", sort_key=50))
@dataclass(frozen=True, slots=True, kw_only=True)
class Filter(Filters):
    """The filters of `GET /v1/suppressions`; all that are given must hold."""

    q: Annotated[str | None, Parameter(name="--address", help="Part of the address.")] = None
    reason: Reason = None
    origin: Annotated[
        str | None, Parameter(help="Who said it: provider, key, import, or provider:ses.")
    ] = None


EVERYTHING = Filter()


def list_(
    *,
    filter_: Filter = EVERYTHING,
    limit: Annotated[int, Parameter(help="At most so many, newest first.")] = 50,
    ask: Ask = ANY_GATEWAY,
    shown: Format = TABLES,
) -> int:
    """List the addresses that get no mail."""
    if limit < 1:
        raise wrong_usage("--limit is at least 1")
    client = target.gateway(ask)
    entries = list(client.pages("/v1/suppressions", filter_.query(), at_most=limit))
    if shown.json:
        terminal.show_document({"data": entries})
        return 0
    _show(entries)
    if len(entries) == limit:
        terminal.say("There may be more: --limit.")
    return 0


def add(
    *addresses: Addresses,
    reason: Reason = None,
    expires: Annotated[
        str | None, Parameter(help="A time (RFC 3339), or a span such as 12h, 30d, 8w.")
    ] = None,
    note: Annotated[str, Parameter(help="For people.")] = "",
    ask: Ask = ANY_GATEWAY,
    shown: Format = TABLES,
) -> int:
    """Keep mail away from addresses, from the next attempt on; status 1 when one is no address."""
    if not addresses:
        raise wrong_usage("which addresses?", "Name them, or give a file to suppressions import.")
    given = {
        "reason": reason,
        "expires_at": expiry_of(expires, datetime.now(UTC)).isoformat() if expires else None,
        "note": note or None,
    }
    same = {name: value for name, value in given.items() if value is not None}
    client = target.gateway(ask)
    results = []
    for start in range(0, len(addresses), MOST_AT_ONCE):
        part = addresses[start : start + MOST_AT_ONCE]
        body = {"suppressions": [{"address": address, **same} for address in part]}
        results += client.ask("POST", "/v1/suppressions", body=body).document["data"]
    if shown.json:
        terminal.show_document({"data": results})
    else:
        terminal.show_table(
            ("address", "result", "why not"),
            [
                (address, result.get("result", "refused"), _why_not(result))
                for address, result in zip(addresses, results, strict=False)
            ],
        )
    return int(any("problem" in result for result in results))


def remove(*addresses: Addresses, ask: Ask = ANY_GATEWAY, shown: Format = TABLES) -> int:
    """Let addresses have mail again; status 1 when one was not on the list."""
    if not addresses:
        raise wrong_usage("which addresses?", "See mail-sender suppressions list.")
    client = target.gateway(ask)
    results = [_removed(client, address) for address in addresses]
    if shown.json:
        terminal.show_document({"data": results})
    else:
        terminal.show_table(
            ("address", "result"),
            [(r["address"], "removed" if r["removed"] else r["error"]["detail"]) for r in results],
        )
    return int(any(result["removed"] is None for result in results))


def import_(
    file: Annotated[
        Path | None, Parameter(name="file", help="A CSV file; else standard input.")
    ] = None,
    /,
    *,
    reason: Annotated[
        str | None, Parameter(help="Of lines that name none that is known: hard_bounce, …")
    ] = None,
    ask: Ask = ANY_GATEWAY,
    shown: Format = TABLES,
) -> int:
    """Add a CSV file: an export of ours or of a provider; status 1 when it has bad lines.

    Its first line names the columns: address (or email, recipient), reason, created_at and so on.
    """
    client = target.gateway(ask)
    with terminal.working("importing"):
        document = client.ask(
            "POST",
            "/v1/suppressions/import",
            query={"reason": reason},
            body=_content(file),
            headers={"Content-Type": "text/csv"},
            takes=IMPORT_TIMEOUT,
        ).document
    if shown.json:
        terminal.show_document(document)
        return int(document["bad"] > 0)
    words = ", ".join(f"{document[name]} {name}" for name in ("added", "changed", "known", "bad"))
    terminal.show(words)
    for line in document["bad_lines"]:
        terminal.show(f"line {line['line']}: {line['detail']}")
    return int(document["bad"] > 0)


def export(
    *,
    filter_: Filter = EVERYTHING,
    to: Annotated[Path | None, Parameter(help="File to write; else standard output.")] = None,
    ask: Ask = ANY_GATEWAY,
    shown: Format = TABLES,
) -> int:
    """Write the list as CSV, which `suppressions import` reads; with --json as JSON."""
    client = target.gateway(ask)
    if shown.json:
        entries = list(client.pages("/v1/suppressions", filter_.query(), at_most=MOST_LISTED))
        terminal.show_document({"data": entries})
        return 0
    with _written(to) as file:
        client.download("/v1/suppressions/export", file, query=filter_.query())
    return 0


# ---------------------------------------------------------------- inside


def _show(entries: list[dict[str, Any]]) -> None:
    terminal.show_table(
        ("address", "reason", "origin", "since", "until", "note"),
        [
            (
                entry["address"],
                entry["reason"],
                entry["origin"],
                terminal.moment(entry["created_at"]),
                terminal.moment(entry["expires_at"]),
                entry["note"],
            )
            for entry in entries
        ],
    )


def _why_not(result: dict[str, Any]) -> str:
    errors = result.get("problem", {}).get("errors", ())
    return "; ".join(str(error["detail"]) for error in errors)


def _removed(client: Client, address: str) -> dict[str, Any]:
    try:
        answer = client.ask("DELETE", f"/v1/suppressions/{quote(address, safe='')}")
    except CommandFailed as failure:
        if failure.code not in {"not_found", "invalid_request"}:
            raise  # the same would happen to every other address
        error = {"code": failure.code, "detail": failure.text}
        return {"address": address, "removed": None, "error": error}
    return {"address": address, "removed": answer.document}


def _content(file: Path | None) -> bytes:
    if file is None:
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise wrong_usage(f"cannot read {file}: {error.strerror}") from None


@contextlib.contextmanager
def _written(to: Path | None) -> Iterator[BinaryIO]:
    """Yield where a file goes; one that does not come whole does not stay."""
    if to is None:
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    part = to.with_name(f"{to.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(to)
    except OSError as error:
        raise wrong_usage(f"cannot write {to}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
