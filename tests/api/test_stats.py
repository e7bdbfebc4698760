"""`GET /v1/stats` and the health endpoints."""

from __future__ import annotations

import httpx2
import pytest

from mail_sender.store.port import Scope

from .scripted import BUSY
from .stack import VERSION, Stack, mail, pointers


async def test_statistics_count_messages_calls_and_what_waits(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """Enough for a dashboard in one call: totals, by provider, over time, and the queue now."""
    stack.ses.script.append(BUSY)
    await api.post("/v1/messages", json=mail(mode="sync", tags=["orders"]))
    await api.post("/v1/messages", json=mail(mode="sync"))
    await api.post("/v1/messages", json=mail(send_at="2999-01-01T00:00:00Z", tags=["no"]))
    later = await api.post("/v1/messages", json=mail(give_up_after=3600))
    assert later.status_code == 202

    day = (await api.get("/v1/stats")).json()
    tagged = (await api.get("/v1/stats", params={"period": "1h", "tag": "orders"})).json()

    assert day["accepted"] == 3
    assert day["states"]["sent"] >= 2
    calls = {each["provider"]: each["outcomes"] for each in day["providers"]}
    assert calls["ses"]["deferred"] == 1
    assert calls["mailgun"] == {"accepted": 1}
    assert sum(bucket["accepted"] for bucket in day["series"]) == 3
    assert len(day["series"]) == 48
    assert day["hand_over"]["p99_ms"] >= day["hand_over"]["p50_ms"] >= 0
    assert day["queue"]["due"].keys() == {"high", "normal", "low"}
    assert tagged["accepted"] == 1
    assert len(tagged["series"]) == 60


async def test_a_period_can_be_given_by_its_ends(api: httpx2.AsyncClient) -> None:
    """For reports of a month that is over."""
    answer = await api.get(
        "/v1/stats", params={"since": "2030-01-01", "until": "2030-01-02T12:00:00+01:00"}
    )

    assert answer.json()["since"] == "2030-01-01T00:00:00Z"
    assert answer.json()["until"] == "2030-01-02T11:00:00Z"
    assert answer.json()["accepted"] == 0


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("period=1y", "#/query/period"),
        ("period=1h&since=2030-01-01", "#/query/period"),
        ("until=2030-01-01", "#/query/since"),
        ("since=2030-01-02&until=2030-01-01", "#/query/since"),
        ("since=2000-01-01&until=2030-01-01", "#/query/since"),
        ("since=x", "#/query/since"),
    ],
)
async def test_a_period_that_makes_no_sense_is_refused(
    api: httpx2.AsyncClient, query: str, pointer: str
) -> None:
    """Rather than answering for some other period."""
    answer = await api.get(f"/v1/stats?{query}")

    assert answer.status_code == 422
    assert pointers(answer) == [pointer]


# ---------------------------------------------------------------- health


async def test_health_needs_no_key(idle: Stack) -> None:
    """Load balancers have none."""
    async with idle.client(None) as api:
        live = await api.get("/health/live")
        ready = await api.get("/health/ready")

    assert (live.status_code, live.json()) == (200, {"status": "live", "version": VERSION})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "version": VERSION})


async def test_a_gateway_that_cannot_take_mail_is_not_ready_but_lives(idle: Stack) -> None:
    """Not ready takes it out of the load balancer; not alive would have it killed."""
    idle.ready.reason = "mail cannot be stored durably"
    async with idle.client(None) as api:
        live = await api.get("/health/live")
        ready = await api.get("/health/ready")

    assert live.status_code == 200
    assert ready.status_code == 503
    assert ready.json()["code"] == "not_ready"
    assert ready.json()["detail"] == "mail cannot be stored durably"
    assert int(ready.headers["retry-after"]) > 0


async def test_metrics_are_prometheus_text(stack: Stack, api: httpx2.AsyncClient) -> None:
    """Accepted mail is counted where a scraper finds it."""
    await api.post("/v1/messages", json=mail(mode="sync"))
    async with stack.client(None) as scraper:
        answer = await scraper.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'mail_sender_messages_accepted_total{mode="sync",priority="normal"} 1.0' in answer.text


async def test_metrics_can_be_closed(idle: Stack) -> None:
    """Names of providers and numbers of mails are not for everybody."""
    door = idle.behind(public_metrics=False)
    statuses = []
    for secret in (None, await idle.issue(Scope.SEND), await idle.issue(Scope.READ)):
        async with door.client(secret) as api:
            statuses.append((await api.get("/metrics")).status_code)

    assert statuses == [401, 403, 200]
