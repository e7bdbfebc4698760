"""`mail-sender queue`: what waits, and trying again without ever sending twice by accident."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from .conftest import Ended, Run
from .scripted import Says, ScriptedGateway

DEPTH = {
    "due": {"high": 0, "normal": 2, "low": 0}, "later": {"high": 0, "normal": 1, "low": 0},
    "held": 0, "leased": 0, "sending": 0, "unknown": 1,
    "oldest_due_at": "2030-01-01T12:00:00Z", "oldest_due_seconds": 75.0,
}  # fmt: skip
STATS = Says(200, {"queue": DEPTH})


def message(number: int, status: str = "queued") -> dict[str, Any]:
    return {
        "id": f"msg_{number}", "status": status, "to": ["ann@example.net"], "cc": [], "bcc": [],
        "subject": f"Order {number}", "provider": None, "created_at": "2030-01-01T12:00:00Z",
        "next_attempt_at": "2030-01-01T12:05:00Z",
    }  # fmt: skip


def page(*messages: dict[str, Any], cursor: str | None = None) -> Says:
    return Says(200, {"data": list(messages), "next_cursor": cursor})


def retried(*ids: str, more: bool, **left_out: int) -> Says:
    answer = {"dry_run": False, "retried": list(ids), "left_out": left_out, "more": more}
    return Says(200, answer)


def ask(run: Run, gateway: ScriptedGateway, *tokens: str) -> Ended:
    return run("queue", *tokens, "--url", gateway.url, "--key", "k")


# ---------------------------------------------------------------- show


def test_what_waits_is_listed_with_the_depth_of_the_queue(run: Run) -> None:
    """The first look when mail is late: how much, since when, which."""
    with ScriptedGateway(STATS, page(message(1), message(2))) as gateway:
        ended = ask(run, gateway, "show")

    assert "2 due, 1 later, 1 unknown; the longest waits for 75 s" in ended.out
    assert "msg_1" in ended.out
    assert "Order 2" in ended.out
    query = parse_qs(urlsplit(gateway.asked[1].path).query)
    assert query["status"] == ["queued,scheduled,held,sending,unknown"]


def test_further_pages_are_followed_up_to_the_limit(run: Run) -> None:
    """Nobody should have to know about cursors."""
    pages = (page(message(1), cursor="c1"), page(message(2), message(3), cursor="c2"))
    with ScriptedGateway(STATS, *pages) as gateway:
        ended = ask(run, gateway, "show", "--limit", "2", "--json")

    assert [m["id"] for m in ended.document["data"]] == ["msg_1", "msg_2"]
    assert ended.document["queue"] == DEPTH
    assert parse_qs(urlsplit(gateway.asked[2].path).query)["cursor"] == ["c1"]


def test_filters_go_into_the_query_by_their_names(run: Run) -> None:
    """The flags are the API's own words."""
    with ScriptedGateway(STATS, page()) as gateway:
        ask(
            run, gateway, "show", "--status", "failed", "--to", "ann", "--from", "shop",
            "--subject", "Order", "--tag", "t", "--provider", "ses", "--since", "2030-01-01",
            "--until", "2030-01-02",
        )  # fmt: skip

    query = {name: v for name, (v,) in parse_qs(urlsplit(gateway.asked[1].path).query).items()}
    assert query == {
        "status": "failed", "to": "ann", "from": "shop", "subject": "Order", "tag": "t",
        "provider": "ses", "since": "2030-01-01", "until": "2030-01-02", "limit": "50",
    }  # fmt: skip


# ---------------------------------------------------------------- retry


def test_named_messages_are_retried_one_by_one(run: Run) -> None:
    """One that cannot be retried does not keep the others from it, and is told."""
    refused = Says(409, {"code": "state_conflict", "detail": "a provider has taken it"})
    with ScriptedGateway(Says(200, message(1)), refused, Says(200, message(3))) as gateway:
        ended = ask(run, gateway, "retry", "msg_1", "msg_2", "msg_3")

    assert [asked.path for asked in gateway.asked] == [
        f"/v1/messages/msg_{number}/retry" for number in (1, 2, 3)
    ]
    assert ended.status == 1
    assert "a provider has taken it" in ended.out


def test_a_duplicate_is_risked_only_when_asked_for(run: Run) -> None:
    """The dangerous wish is a flag of its own, and false goes over the wire otherwise."""
    with ScriptedGateway(Says(200, message(1))) as gateway:
        ask(run, gateway, "retry", "msg_1")
        ask(run, gateway, "retry", "msg_1", "--risk-duplicate")

    assert [asked.body for asked in gateway.asked] == [
        {"risk_duplicate": False},
        {"risk_duplicate": True},
    ]


def test_a_key_that_may_not_ends_the_list_at_once(run: Run) -> None:
    """A thousand ids would bring a thousand times the same refusal."""
    refused = Says(403, {"code": "scope_missing", "detail": "This API key lacks manage."})
    with ScriptedGateway(refused) as gateway:
        ended = ask(run, gateway, "cancel", "msg_1", "msg_2")

    assert ended.status == 1
    assert len(gateway.asked) == 1


def test_a_retry_by_filter_means_what_failed(run: Run) -> None:
    """`queue retry --tag orders` must not touch what waits or what was sent."""
    with ScriptedGateway(retried("msg_1", more=False)) as gateway:
        ended = ask(run, gateway, "retry", "--tag", "orders")

    assert gateway.asked[0].body == {
        "status": "failed,expired", "tag": "orders", "dry_run": False, "risk_duplicate": False,
    }  # fmt: skip
    assert "Messages tried again: 1" in ended.out


def test_a_bulk_retry_goes_on_until_nothing_is_left(run: Run) -> None:
    """The gateway does 1000 in one call; after an outage there are more."""
    rounds = (retried("msg_1", more=True), retried("msg_2", more=True), retried(more=True, sent=4))
    with ScriptedGateway(*rounds) as gateway:
        ended = ask(run, gateway, "retry", "--status", "failed", "--json")

    assert len(gateway.asked) == 3, "a round that brings nothing is the last"
    assert ended.document["retried"] == ["msg_1", "msg_2"]
    assert ended.document["left_out"] == {"sent": 4}


@pytest.mark.parametrize("flags", [("--status", "queued"), ("--status", "failed", "--dry-run")])
def test_what_would_match_again_is_asked_once(run: Run, flags: tuple[str, ...]) -> None:
    """Waiting messages still wait afterwards: going on would never end."""
    with ScriptedGateway(retried("msg_1", more=True)) as gateway:
        ended = ask(run, gateway, "retry", *flags)

    assert len(gateway.asked) == 1
    assert "More messages match" in ended.err


def test_unknown_ones_that_are_left_out_are_explained(run: Run) -> None:
    """Otherwise an operator wonders why the count does not go down."""
    with ScriptedGateway(retried(more=False, unknown=7)) as gateway:
        ended = ask(run, gateway, "retry", "--to", "example.net")

    assert "Left out, unknown: 7" in ended.out
    assert "--risk-duplicate" in ended.err


# ---------------------------------------------------------------- cancel


def cancelled(*ids: str, more: bool, **left_out: int) -> Says:
    answer = {"dry_run": False, "cancelled": list(ids), "left_out": left_out, "more": more}
    return Says(200, answer)


def test_a_cancel_by_filter_means_what_waits(run: Run) -> None:
    """A campaign with a mistake in it: everything that did not go out yet, in as many calls."""
    rounds = (cancelled("msg_1", more=True), cancelled("msg_2", more=False, sending=1))
    with ScriptedGateway(*rounds) as gateway:
        ended = ask(run, gateway, "cancel", "--tag", "campaign")

    assert [asked.path for asked in gateway.asked] == ["/v1/messages/cancel"] * 2
    assert gateway.asked[0].body == {
        "status": "queued,scheduled,held", "tag": "campaign", "dry_run": False,
    }  # fmt: skip
    assert "Messages cancelled: 2" in ended.out
    assert "Left out, sending: 1" in ended.out


def test_a_cancel_names_which_messages(run: Run) -> None:
    """`queue cancel` alone must not mean everything."""
    with ScriptedGateway(cancelled(more=False)) as gateway:
        ended = ask(run, gateway, "cancel")

    assert ended.status == 2
    assert gateway.asked == []
