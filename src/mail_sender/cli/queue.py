"""`queue`: messages that wait, and those that failed and may be tried again.

Neighbours: `client` calls the gateway; which states allow what is decided there, in one
transaction, so that no command here can overtake a worker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

from cyclopts import Group, Parameter

from . import target, terminal
from .attempts import show_messages
from .client import Answer, Client
from .failure import CommandFailed, wrong_usage
from .flags import ANY_GATEWAY, TABLES, Ask, Filters, Format

WAITING = "queued,scheduled,held,sending,unknown"
RETRIED = "failed,expired"  #: what a retry by filter means unless it says otherwise
CANCELLED = "queued,scheduled,held"  #: the same of a cancel
MOST_ROUNDS = 1000  #: of a bulk action, each of up to 1000 messages

_FILTERS = Group("Which messages", sort_key=50)
Ids = Annotated[str, Parameter(name="id", help="Message ids.")]


@Parameter(name="*", group=_FILTERS)
@dataclass(frozen=True, slots=True, kw_only=True)
class Filter(Filters):
    """The filters of `GET /v1/messages`; all that are given must hold."""

    status: Annotated[str | None, Parameter(help="One or several, separated by commas.")] = None
    to: Annotated[str | None, Parameter(help="Part of a recipient's address.")] = None
    from_: Annotated[str | None, Parameter(name="--from", help="Part of the sender's address.")] = (
        None
    )
    subject: Annotated[str | None, Parameter(help="Part of the subject.")] = None
    tag: Annotated[str | None, Parameter(help="A whole tag.")] = None
    provider: Annotated[str | None, Parameter(help="The provider that took it last.")] = None
    since: Annotated[
        str | None, Parameter(help="Accepted at or after: a date or a time (RFC 3339).")
    ] = None
    until: Annotated[str | None, Parameter(help="Accepted before.")] = None


EVERYTHING = Filter()


def show(
    *,
    filter_: Filter = EVERYTHING,
    limit: Annotated[int, Parameter(help="At most so many, newest first.")] = 50,
    ask: Ask = ANY_GATEWAY,
    shown: Format = TABLES,
) -> int:
    """List what waits, or with --status what else is asked for."""
    if limit < 1:
        raise wrong_usage("--limit is at least 1")
    query = {"status": WAITING, **filter_.query()}
    client = target.gateway(ask)
    depth = client.ask("GET", "/v1/stats", query={"period": "1h"}).document["queue"]
    messages = list(client.pages("/v1/messages", query, at_most=limit))
    if shown.json:
        terminal.show_document({"queue": depth, "data": messages})
        return 0
    terminal.show(_depth_words(depth))
    if messages:
        show_messages(messages)
    if len(messages) == limit:
        terminal.say("There may be more: --limit.")
    return 0


def _depth_words(depth: dict[str, Any]) -> str:
    """Return what waits in the whole gateway, in one line."""
    counts = {
        "due": sum(depth["due"].values()),
        "later": sum(depth["later"].values()),
        **{name: depth[name] for name in ("held", "leased", "sending", "unknown")},
    }
    words = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    if depth["oldest_due_at"]:
        words += f"; the longest waits for {depth['oldest_due_seconds']:.0f} s"
    return words or "Nothing waits."


def retry(
    *ids: Ids,
    filter_: Filter = EVERYTHING,
    risk_duplicate: Annotated[
        bool,
        Parameter(help="Also those that a provider may have taken: they may arrive twice."),
    ] = False,
    dry_run: Annotated[bool, Parameter(help="By filter: only say what would be done.")] = False,
    ask: Ask = ANY_GATEWAY,
    shown: Format = TABLES,
) -> int:
    """Try messages again now: those named, or many by filter (failed and expired ones).

    What a provider has taken is never sent again.
    """
    _one_way_of_naming(ids, filter_, dry_run=dry_run)
    client = target.gateway(ask)
    if ids:
        body = {"risk_duplicate": risk_duplicate}
        return _each(client, ids, "retry", body, as_json=shown.json)
    body = {"dry_run": dry_run, "risk_duplicate": risk_duplicate}
    document = _many(client, _RETRY, {"status": RETRIED, **filter_.query(), **body})
    return _tell_many(_RETRY, document, as_json=shown.json)


def cancel(
    *ids: Ids,
    filter_: Filter = EVERYTHING,
    dry_run: Annotated[bool, Parameter(help="By filter: only say what would be done.")] = False,
    ask: Ask = ANY_GATEWAY,
    shown: Format = TABLES,
) -> int:
    """Withdraw messages before they are handed over: those named, or many by filter.

    Too late once a provider may have one.
    """
    _one_way_of_naming(ids, filter_, dry_run=dry_run)
    client = target.gateway(ask)
    if ids:
        return _each(client, ids, "cancel", None, as_json=shown.json)
    body = {"status": CANCELLED, **filter_.query(), "dry_run": dry_run}
    return _tell_many(_CANCEL, _many(client, _CANCEL, body), as_json=shown.json)


def _one_way_of_naming(ids: tuple[str, ...], filter_: Filter, *, dry_run: bool) -> None:
    if ids and (filter_.query() or dry_run):
        raise wrong_usage("give ids, or filters (and --dry-run), not both")
    if not ids and not filter_.query():
        raise wrong_usage("which messages?", "Name ids, or filters such as --status failed.")


# ---------------------------------------------------------------- one by one


def _each(client: Client, ids: tuple[str, ...], action: str, body: object, *, as_json: bool) -> int:
    """Act on each message; one that cannot be changed does not keep the others from it."""
    results: list[dict[str, Any]] = []
    for id_ in ids:
        path = f"/v1/messages/{quote(id_, safe='')}/{action}"
        results.append(_result(id_, partial(client.ask, "POST", path, body=body)))
    if as_json:
        terminal.show_document({"data": results})
    else:
        terminal.show_table(
            ("id", "status", "why not"),
            [(r["id"], r.get("status"), (r.get("error") or {}).get("detail")) for r in results],
        )
    return int(any("error" in result for result in results))


def _result(id_: str, act: Callable[[], Answer]) -> dict[str, Any]:
    try:
        message = act().document
    except CommandFailed as failure:
        if failure.code in {"unreachable", "no_answer", "unauthorized", "scope_missing"}:
            raise  # the same would happen to every other message
        return {"id": id_, "error": {"code": failure.code, "detail": failure.text}}
    return {"id": id_, "status": message["status"], "message": message}


# ---------------------------------------------------------------- many


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bulk:
    """A bulk action.

    Attributes:
        done: The member of the answer that lists what was done; `words` say it to people.
        leaves: The statuses of messages that match no longer once it was done to them.
    """

    path: str
    doing: str
    done: str
    words: str
    leaves: frozenset[str]


_RETRY = _Bulk(
    path="/v1/messages/retry",
    doing="trying again",
    done="retried",
    words="tried again",
    leaves=frozenset({"failed", "expired", "unknown"}),
)
_CANCEL = _Bulk(
    path="/v1/messages/cancel",
    doing="cancelling",
    done="cancelled",
    words="cancelled",
    leaves=frozenset({"queued", "scheduled", "held"}),
)


def _many(client: Client, bulk: _Bulk, body: dict[str, Any]) -> dict[str, Any]:
    """Act by filter, round by round, as long as a round brings anything.

    A filter that goes on matching what was done, and a dry run, end after one round, or they
    would go on for ever.
    """
    is_single = body["dry_run"] or not set(body["status"].split(",")) <= bulk.leaves
    done: list[str] = []
    left_out: Counter[str] = Counter()
    more = True
    with terminal.working(bulk.doing) as tell:
        for _ in range(1 if is_single else MOST_ROUNDS):
            answer = client.ask("POST", bulk.path, body=body, takes=300).document
            done += answer[bulk.done]
            left_out = Counter(answer["left_out"])  # they match each time: the last count holds
            more = answer["more"]
            tell(f"{len(done)} messages")
            if not more or not answer[bulk.done]:
                break
    return {
        "dry_run": body["dry_run"], bulk.done: done, "left_out": dict(left_out), "more": more,
    }  # fmt: skip


def _tell_many(bulk: _Bulk, document: dict[str, Any], *, as_json: bool) -> int:
    if as_json:
        terminal.show_document(document)
        return 0
    would = "that would be " if document["dry_run"] else ""
    terminal.show(f"Messages {would}{bulk.words}: {len(document[bulk.done])}")
    for status, count in sorted(document["left_out"].items()):
        terminal.show(f"Left out, {status}: {count}")
    if bulk is _RETRY and document["left_out"].get("unknown"):
        terminal.say("A provider may have the unknown ones; --risk-duplicate sends them again.")
    if document["more"]:
        terminal.say("More messages match: call again, or narrow the filter.")
    return 0
