"""`webhooks`: where a gateway's events are sent, and what became of them.

The secret is all that `create` and `rotate` print, so that a script can keep it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote

from cyclopts import Parameter

from . import target, terminal
from .client import MAX_PAGES, Client
from .expiry import past_of, span_of
from .failure import wrong_usage
from .flags import ANY_GATEWAY, TABLES, Ask, Format

TEST_TIMEOUT = 60.0  #: seconds; the gateway waits for the receiver
REPLAY_TIMEOUT = 300.0

Id = Annotated[str, Parameter(name="id", help="The webhook's id, whk_ and 26 characters.")]
Events = Annotated[
    tuple[str, ...],
    Parameter(name="--event", help="Such as message.sent or message.*; repeatable; else all."),
]


def list_(*, ask: Ask = ANY_GATEWAY, shown: Format = TABLES) -> int:
    """List the webhooks and how they stand; secrets are not shown."""
    document = target.gateway(ask).ask("GET", "/v1/webhooks").document
    if shown.json:
        terminal.show_document(document)
    else:
        _show(document["data"])
    return 0


def create(
    url: Annotated[str, Parameter(name="url", help="Where events are sent: https://…")],
    /,
    *,
    event: Events = (),
    tag: Annotated[
        tuple[str, ...], Parameter(help="Only of messages with this tag; repeatable.")
    ] = (),
    key_id: Annotated[
        tuple[str, ...], Parameter(help="Only of messages sent with this API key; repeatable.")
    ] = (),
    description: Annotated[str, Parameter(help="For people.")] = "",
    ask: Ask = ANY_GATEWAY,
    shown: Format = TABLES,
) -> int:
    """Have events sent to a URL from now on, and print the secret that signs them, once."""
    body = {
        "url": url,
        "event_types": list(event),
        "tags": list(tag),
        "key_ids": list(key_id),
        "description": description,
    }
    given = {name: value for name, value in body.items() if value not in ("", [])}
    webhook = target.gateway(ask).ask("POST", "/v1/webhooks", body=given).document
    return _keep_secret(webhook, shown)


def send_test(id_: Id, /, *, ask: Ask = ANY_GATEWAY, shown: Format = TABLES) -> int:
    """Send a test event now and show the answer; status 1 when it was no 2xx."""
    path = f"{_path(id_)}/test"
    with terminal.working("waiting for the receiver"):
        delivery = target.gateway(ask).ask("POST", path, takes=TEST_TIMEOUT).document
    if shown.json:
        terminal.show_document(delivery)
    else:
        _show_deliveries([delivery])
    return int(delivery["state"] != "delivered")


def deliveries(
    id_: Id,
    /,
    *,
    state: Annotated[str | None, Parameter(help="pending, delivered, failed or skipped.")] = None,
    event: Annotated[str | None, Parameter(help="Of this type, such as message.sent.")] = None,
    limit: Annotated[int, Parameter(help="At most so many, newest first.")] = 50,
    ask: Ask = ANY_GATEWAY,
    shown: Format = TABLES,
) -> int:
    """List what was sent to a webhook or will be; with --json bodies and every attempt."""
    if limit < 1:
        raise wrong_usage("--limit is at least 1")
    given = {"state": state, "event_type": event}
    query = {name: value for name, value in given.items() if value is not None}
    client = target.gateway(ask)
    found = list(client.pages(f"{_path(id_)}/deliveries", query, at_most=limit))
    if shown.json:
        terminal.show_document({"data": found})
    else:
        _show_deliveries(found)
    return 0


def replay(
    id_: Id,
    delivery: Annotated[
        str | None, Parameter(name="delivery", help="One delivery's id; else give --since.")
    ] = None,
    /,
    *,
    since: Annotated[
        str | None, Parameter(help="Events from then on: a time (RFC 3339), or 2h, 3d back.")
    ] = None,
    until: Annotated[str | None, Parameter(help="Events before then; else until now.")] = None,
    event: Events = (),
    delivered: Annotated[bool, Parameter(help="Also those that the receiver has taken.")] = False,
    dry_run: Annotated[bool, Parameter(help="Only count them.")] = False,
    ask: Ask = ANY_GATEWAY,
    shown: Format = TABLES,
) -> int:
    """Send one delivery again, or the events of a period that the receiver has not taken."""
    if (delivery is None) == (since is None):
        raise wrong_usage("give either a delivery or --since")
    client = target.gateway(ask)
    if delivery is not None:
        path = f"{_path(id_)}/deliveries/{quote(delivery, safe='')}/replay"
        again = client.ask("POST", path).document
        terminal.show_document(again) if shown.json else _show_deliveries([again])
        return 0
    now = datetime.now(UTC)
    body = {
        "since": past_of("--since", since or "", now).isoformat(),
        "until": (past_of("--until", until, now) if until else now).isoformat(),
        "event_types": list(event),
        "delivered": delivered,
        "dry_run": dry_run,
    }
    count = _replayed(client, id_, body)
    if shown.json:
        terminal.show_document({"dry_run": dry_run, "count": count, "next_cursor": None})
    else:
        terminal.show(f"{count} {'would be sent again' if dry_run else 'are sent again'}")
    return 0


def pause(
    id_: Id,
    /,
    *,
    reason: Annotated[str, Parameter(help="Shown to everybody who looks.")] = "",
    ask: Ask = ANY_GATEWAY,
    shown: Format = TABLES,
) -> int:
    """Call a webhook no more; its events wait."""
    return _change(id_, {"paused": True, "reason": reason}, ask, shown)


def resume(
    id_: Id,
    /,
    *,
    skip_missed: Annotated[
        bool, Parameter(help="Leave out what happened while it was paused.")
    ] = False,
    ask: Ask = ANY_GATEWAY,
    shown: Format = TABLES,
) -> int:
    """Call a paused webhook again, with what it missed."""
    return _change(id_, {"paused": False, "skip_missed": skip_missed}, ask, shown)


def rotate(
    id_: Id,
    /,
    *,
    overlap: Annotated[
        str, Parameter(help="For so long the secret before signs too: 24h, 7d, 0h.")
    ] = "24h",
    ask: Ask = ANY_GATEWAY,
    shown: Format = TABLES,
) -> int:
    """Make a new secret for a webhook and print it, once."""
    body = {"overlap": int(span_of("--overlap", overlap).total_seconds())}
    webhook = target.gateway(ask).ask("POST", f"{_path(id_)}/rotate", body=body).document
    return _keep_secret(webhook, shown)


def delete(id_: Id, /, *, ask: Ask = ANY_GATEWAY, shown: Format = TABLES) -> int:
    """Delete a webhook and what is on its way to it."""
    webhook = target.gateway(ask).ask("DELETE", _path(id_)).document
    if shown.json:
        terminal.show_document(webhook)
    else:
        terminal.show(f"deleted  {id_}")
    return 0


# ---------------------------------------------------------------- inside


def _path(id_: str) -> str:
    return f"/v1/webhooks/{quote(id_, safe='')}"


def _change(id_: str, body: dict[str, object], ask: Ask, shown: Format) -> int:
    webhook = target.gateway(ask).ask("PATCH", _path(id_), body=body).document
    if shown.json:
        terminal.show_document(webhook)
    else:
        _show([webhook])
    return 0


def _replayed(client: Client, id_: str, body: dict[str, object]) -> int:
    """Return how many deliveries begin anew, over as many calls as that takes."""
    count, cursor = 0, None
    with terminal.working("replaying") as tell:
        for _ in range(MAX_PAGES):
            path = f"{_path(id_)}/replay"
            asked = {**body, "cursor": cursor}
            done = client.ask("POST", path, body=asked, takes=REPLAY_TIMEOUT).document
            count += done["count"]
            cursor = done["next_cursor"]
            tell(str(count))
            if cursor is None:
                break
    return count


def _keep_secret(webhook: dict[str, Any], shown: Format) -> int:
    if shown.json:
        terminal.show_document(webhook)
        return 0
    terminal.show(webhook["secret"])
    terminal.say(f"The secret of {webhook['id']}. Keep it now; it is not shown again.")
    return 0


def _show(webhooks: list[dict[str, Any]]) -> None:
    terminal.show_table(
        ("id", "url", "events", "only", "state", "failing since", "description"),
        [
            (
                it["id"],
                it["url"],
                " ".join(it["event_types"]) or "all",
                " ".join([*it["tags"], *it["key_ids"]]),
                _state(it),
                terminal.moment(it["failing_since"]),
                it["description"],
            )
            for it in webhooks
        ],
    )


def _state(webhook: dict[str, Any]) -> str:
    pause = webhook["pause"]
    return f"paused {pause['reason']}".strip() if pause else str(webhook["status"])


def _show_deliveries(found: list[dict[str, Any]]) -> None:
    terminal.show_table(
        ("id", "event", "type", "state", "attempts", "last answer", "next attempt"),
        [
            (
                it["id"],
                it["event_id"],
                it["event_type"],
                it["state"],
                len(it["attempts"]),
                _last(it["attempts"]),
                terminal.moment(it["next_attempt_at"]),
            )
            for it in found
        ],
    )


def _last(attempts: list[dict[str, Any]]) -> str:
    if not attempts:
        return ""
    last = attempts[-1]
    said = last["error"] or f"{last['status']} {' '.join(last['answer'][:100].split())}".strip()
    return f"{said} ({last['duration_ms']:.0f} ms)"
