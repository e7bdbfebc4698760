"""`mail-sender webhooks`: endpoints by hand, and what became of their events."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from .conftest import Ended, Run
from .scripted import Says, ScriptedGateway

ID = "whk_01JZX3M8Q0V5W6Y7Z8A9B0C1D2"
WEBHOOK: dict[str, Any] = {
    "id": ID, "url": "https://shop.example.com/hook", "description": "the shop",
    "event_types": ["message.*"], "tags": ["orders"], "key_ids": [], "status": "active",
    "pause": None, "failing_since": "2030-01-01T00:00:00Z", "previous_secret_until": None,
    "created_at": "2030-01-01T00:00:00Z",
}  # fmt: skip
DELIVERY: dict[str, Any] = {
    "id": "dlv_1", "webhook_id": ID, "event_id": "evt_1", "event_type": "message.sent",
    "state": "pending", "created_at": "2030-01-01T00:00:00Z",
    "next_attempt_at": "2030-01-01T00:00:05Z", "body": "{}",
    "attempts": [
        {"at": "2030-01-01T00:00:00Z", "duration_ms": 12.4, "status": 500,
         "answer": "it\nbroke", "error": ""},
    ],
}  # fmt: skip


def ask(run: Run, gateway: ScriptedGateway, *tokens: str) -> Ended:
    return run("webhooks", *tokens, "--url", gateway.url, "--key", "k")


def test_webhooks_are_listed_with_how_they_stand(run: Run) -> None:
    """What fails or is paused, and why."""
    paused = {
        **WEBHOOK, "status": "paused",
        "pause": {"reason": "410 Gone", "by": "gateway", "at": "2030-01-01T00:00:00Z"},
    }  # fmt: skip
    with ScriptedGateway(Says(200, {"data": [WEBHOOK, paused], "next_cursor": None})) as gateway:
        ended = ask(run, gateway, "list")

    assert ended.status == 0
    for words in (ID, "message.*", "orders", "active", "paused 410 Gone", "2030-01-01 00:00:00Z"):
        assert words in ended.out


def test_a_new_webhook_prints_its_secret_and_nothing_else(run: Run) -> None:
    """So that a script can keep it."""
    with ScriptedGateway(Says(201, {**WEBHOOK, "secret": "whsec_x"})) as gateway:
        ended = ask(
            run, gateway, "create", "https://shop.example.com/hook", "--event", "message.*",
            "--event", "provider.degraded", "--tag", "orders", "--key-id", "key_1",
            "--description", "the shop",
        )  # fmt: skip

    assert gateway.asked[0].body == {
        "url": "https://shop.example.com/hook",
        "event_types": ["message.*", "provider.degraded"], "tags": ["orders"],
        "key_ids": ["key_1"], "description": "the shop",
    }  # fmt: skip
    assert ended.out == "whsec_x\n"
    assert ID in ended.err


@pytest.mark.parametrize(("state", "status"), [("delivered", 0), ("failed", 1)])
def test_a_test_ends_as_the_receiver_answered(run: Run, state: str, status: int) -> None:
    """A deployment's script notices."""
    with ScriptedGateway(Says(200, {**DELIVERY, "state": state})) as gateway:
        ended = ask(run, gateway, "test", ID)

    assert (gateway.asked[0].method, gateway.asked[0].path) == ("POST", f"/v1/webhooks/{ID}/test")
    assert ended.status == status
    assert "500 it broke (12 ms)" in ended.out


def test_deliveries_are_listed_with_their_filters(run: Run) -> None:
    """The flags are the API's own words."""
    silent = {**DELIVERY, "attempts": [
        {**DELIVERY["attempts"][0], "status": None, "answer": "", "error": "connection refused"},
    ]}  # fmt: skip
    page = {"data": [silent, {**DELIVERY, "attempts": []}], "next_cursor": None}
    with ScriptedGateway(Says(200, page)) as gateway:
        ended = ask(run, gateway, "deliveries", ID, "--state", "failed", "--event", "message.sent")

    query = parse_qs(urlsplit(gateway.asked[0].path).query)
    assert query == {"state": ["failed"], "event_type": ["message.sent"], "limit": ["50"]}
    assert "connection refused (12 ms)" in ended.out
    assert "2030-01-01 00:00:05Z" in ended.out


def test_one_delivery_is_replayed(run: Run) -> None:
    """By its id."""
    with ScriptedGateway(Says(200, DELIVERY)) as gateway:
        ended = ask(run, gateway, "replay", ID, "dlv_1")

    assert gateway.asked[0].path == f"/v1/webhooks/{ID}/deliveries/dlv_1/replay"
    assert ended.status == 0
    assert "pending" in ended.out


def test_a_long_period_is_replayed_to_its_end(run: Run) -> None:
    """The gateway stops after so many; the command goes on where it stopped."""
    with ScriptedGateway(
        Says(200, {"dry_run": True, "count": 9000, "next_cursor": "evt_1"}),
        Says(200, {"dry_run": True, "count": 7, "next_cursor": None}),
    ) as gateway:
        ended = ask(
            run, gateway, "replay", ID, "--since", "2h", "--until", "2030-01-01T00:00:00Z",
            "--event", "message.sent", "--delivered", "--dry-run",
        )  # fmt: skip

    first, second = (asked.body for asked in gateway.asked)
    assert first["until"] == "2030-01-01T00:00:00+00:00"
    assert (first["delivered"], first["dry_run"], first["cursor"]) == (True, True, None)
    assert first["event_types"] == ["message.sent"]
    assert second == {**first, "cursor": "evt_1"}
    assert ended.out == "9007 would be sent again\n"


@pytest.mark.parametrize(
    "tokens", [("replay", ID), ("replay", ID, "dlv_1", "--since", "2h"),
               ("replay", ID, "--since", "yesterday"), ("rotate", ID, "--overlap", "1 day"),
               ("deliveries", ID, "--limit", "0")],
)  # fmt: skip
def test_what_makes_no_sense_is_not_asked(run: Run, tokens: tuple[str, ...]) -> None:
    """Status 2, before anything happens."""
    with ScriptedGateway(Says(200, {})) as gateway:
        ended = ask(run, gateway, *tokens)

    assert ended.status == 2
    assert gateway.asked == []


@pytest.mark.parametrize(
    ("tokens", "body"),
    [
        (("pause", ID, "--reason", "we move"), {"paused": True, "reason": "we move"}),
        (("resume", ID), {"paused": False, "skip_missed": False}),
        (("resume", ID, "--skip-missed"), {"paused": False, "skip_missed": True}),
    ],
)
def test_a_webhook_is_paused_and_resumed(
    run: Run, tokens: tuple[str, ...], body: dict[str, object]
) -> None:
    """One command each."""
    with ScriptedGateway(Says(200, WEBHOOK)) as gateway:
        ended = ask(run, gateway, *tokens)

    (asked,) = gateway.asked
    assert (asked.method, asked.path, asked.body) == ("PATCH", f"/v1/webhooks/{ID}", body)
    assert ended.status == 0


def test_a_secret_is_rotated_and_a_webhook_deleted(run: Run) -> None:
    """The new secret alone on standard output, as with create."""
    with ScriptedGateway(
        Says(200, {**WEBHOOK, "secret": "whsec_y"}), Says(200, WEBHOOK)
    ) as gateway:
        rotated = ask(run, gateway, "rotate", ID, "--overlap", "2d")
        deleted = ask(run, gateway, "delete", ID)

    assert gateway.asked[0].body == {"overlap": 172_800}
    assert rotated.out == "whsec_y\n"
    assert gateway.asked[1].method == "DELETE"
    assert deleted.out == f"deleted  {ID}\n"


@pytest.mark.parametrize(
    "tokens", [("list",), ("create", "https://x.example"), ("test", ID), ("deliveries", ID),
               ("replay", ID, "dlv_1"), ("pause", ID), ("rotate", ID), ("delete", ID)],
)  # fmt: skip
def test_json_is_the_apis_own(run: Run, tokens: tuple[str, ...]) -> None:
    """A program reads one document whatever the command."""
    document = {**WEBHOOK, **DELIVERY, "secret": "whsec_z", "data": [], "next_cursor": None}
    with ScriptedGateway(Says(200, document)) as gateway:
        ended = ask(run, gateway, *tokens, "--json")

    assert ended.document == ({"data": []} if tokens[0] == "deliveries" else document)
