"""`/v1/providers`, `/v1/routes`, `/v1/verifications`: the far side, as operators see it."""

from __future__ import annotations

from datetime import timedelta

import httpx2
import pytest

from mail_sender.clock import FakeClock
from mail_sender.domain.message import Address
from mail_sender.providers.port import Check, CheckResult

from .scripted import BUSY, DOWN, Verifying
from .stack import Json, Stack, mail, pointers


async def _provider(api: httpx2.AsyncClient, name: str) -> Json:
    listed = (await api.get("/v1/providers")).json()["data"]
    return next(each for each in listed if each["name"] == name)


async def test_a_provider_is_shown_with_how_it_does(stack: Stack, api: httpx2.AsyncClient) -> None:
    """State, breaker, quota, capabilities, outcomes and latency in one place."""
    stack.ses.script.append(BUSY)
    await api.post("/v1/messages", json=mail(mode="sync"))
    await api.post("/v1/messages", json=mail(mode="sync"))

    ses = await _provider(api, "ses")

    assert (ses["kind"], ses["state"], ses["routes"]) == ("ses", "up", ["default"])
    assert ses["pause"] is None
    assert ses["breaker"]["state"] == "closed"
    assert ses["quota"]["per_day"] is None
    assert ses["capabilities"]["settles_by"] == ["nothing"]
    assert ses["last_24h"]["outcomes"] == {"deferred": 1, "accepted": 1}
    assert ses["last_24h"]["accepted_share"] == 0.5
    assert ses["last_24h"]["p99_ms"] >= ses["last_24h"]["p50_ms"] >= 0
    assert (await _provider(api, "built_in"))["last_24h"]["accepted_share"] is None


async def test_an_open_breaker_is_shown_and_can_be_closed(idle: Stack) -> None:
    """Down with its reason, degraded when a probe is due, up again when a person says so."""
    assert isinstance(idle.clock, FakeClock)
    idle.ses.script.append(DOWN)
    async with idle.client() as api:
        await api.post("/v1/messages", json=mail(mode="sync"))
        down = await _provider(api, "ses")
        explained = (await api.post("/v1/explain", json=mail())).json()
        idle.clock.advance(timedelta(seconds=20))
        degraded = await _provider(api, "ses")
        resumed = await api.post("/v1/providers/ses/resume")

    assert down["state"] == "down"
    assert down["breaker"]["state"] == "open"
    assert down["breaker"]["reason"] == "account suspended"
    assert down["breaker"]["probe_at"] == "2030-01-01T00:00:20Z"
    assert "account suspended" in explained["providers"][0]["blocked"]
    assert explained["has_backup"] is False
    assert degraded["state"] == "degraded"
    assert resumed.json()["state"] == "up"


async def test_a_paused_provider_is_not_asked_until_it_is_resumed(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """Maintenance without a restart; everybody sees who did it and why."""
    paused = await api.post("/v1/providers/ses/pause", json={"reason": "maintenance"})
    first = (await api.post("/v1/messages", json=mail(mode="sync"))).json()
    resumed = await api.post("/v1/providers/ses/resume")
    second = (await api.post("/v1/messages", json=mail(mode="sync"))).json()

    assert paused.status_code == 200
    assert paused.json()["state"] == "paused"
    assert paused.json()["pause"]["reason"] == "maintenance"
    assert paused.json()["pause"]["by"] == stack.key.id
    assert first["provider"] == "mailgun"
    assert first["attempts"][0]["detail"] == "paused: maintenance"
    assert (resumed.json()["state"], resumed.json()["pause"]) == ("up", None)
    assert second["provider"] == "ses"
    changes = (await _provider(api, "ses"))["changes"]
    assert [(c["type"], c["data"]["reason"]) for c in changes] == [
        ("provider.recovered", "resumed"),
        ("provider.degraded", "paused: maintenance"),
    ]
    assert (await _provider(api, "mailgun"))["changes"] == []


async def test_a_pause_needs_no_reason_and_a_resume_no_pause(api: httpx2.AsyncClient) -> None:
    """In an emergency nobody wants to think of a text, nor whether it was paused already."""
    resumed = await api.post("/v1/providers/ses/resume")
    paused = await api.post("/v1/providers/ses/pause")

    assert (resumed.status_code, resumed.json()["changes"]) == (200, [])
    assert paused.json()["pause"]["reason"] == ""


async def test_a_test_says_in_words_what_is_wrong(stack: Stack, api: httpx2.AsyncClient) -> None:
    """A refused account is a good answer of the test, not an error of ours."""
    works = await api.post("/v1/providers/ses/test")
    stack.ses.finding = Check(
        result=CheckResult.REFUSED,
        detail="GetAccount: 403, the key is wrong: make a new one",
        took=timedelta(milliseconds=80),
        clock_offset=timedelta(seconds=-400),
    )
    refused = await api.post("/v1/providers/ses/test")

    assert works.json() == {
        "provider": "ses",
        "result": "works",
        "detail": "GetAccount: sending is enabled",
        "took_ms": 12,
        "quota_left": 200,
        "max_per_second": None,
        "clock_offset_seconds": None,
    }
    assert refused.status_code == 200
    assert refused.json()["result"] == "refused"
    assert refused.json()["clock_offset_seconds"] == -400.0


@pytest.mark.parametrize("action", ["pause", "resume", "test"])
async def test_an_unknown_provider_is_404(api: httpx2.AsyncClient, action: str) -> None:
    """A mistyped name must not seem to work."""
    answer = await api.post(f"/v1/providers/sess/{action}")

    assert answer.status_code == 404


async def test_routes_are_listed(api: httpx2.AsyncClient) -> None:
    """Which providers, in which order, for which route."""
    routes = (await api.get("/v1/routes")).json()["data"]

    assert {"name": "default", "providers": ["ses", "mailgun"], "on_unknown": "wait"} in routes
    assert {"name": "otp", "providers": ["mailgun"], "on_unknown": "risk_duplicate"} in routes


async def test_an_address_is_verified_where_that_is_a_concept(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """The SES sandbox only sends to verified addresses; Mailgun is not asked at all."""
    assert isinstance(stack.ses, Verifying)
    stack.ses.verified.add(Address("ann@example.net"))

    known = await api.get("/v1/verifications/ann@EXAMPLE.net")
    before = await api.get("/v1/verifications/bob%40example.net")
    asked = await api.post("/v1/verifications/bob@example.net")

    assert known.json() == {
        "address": "ann@example.net",
        "data": [{"provider": "ses", "status": "verified", "detail": "verified"}],
        "next_cursor": None,
    }
    assert before.json()["data"][0]["status"] == "not_asked"
    assert (asked.status_code, asked.json()["data"][0]["status"]) == (200, "pending")


async def test_what_is_no_address_is_refused(api: httpx2.AsyncClient) -> None:
    """Before a provider is bothered with it."""
    answer = await api.post("/v1/verifications/nobody")

    assert answer.status_code == 422
    assert pointers(answer) == ["#/path/address"]
