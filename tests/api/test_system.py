"""`GET /v1/system` and `GET /v1/whoami`: what a page asks after sign-in."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta

import httpx2

from mail_sender.api.asgi import make_app
from mail_sender.clock import FakeClock
from mail_sender.domain.address import parse_mailbox
from mail_sender.domain.errors import StoreUnavailable
from mail_sender.store.memory import MemoryStore
from mail_sender.store.port import Scope

from .stack import VERSION, Stack, mail


async def test_any_key_may_ask_what_it_is(idle: Stack) -> None:
    """A page shows what its user may do; it cannot guess that from refusals."""
    expiry = idle.clock.now() + timedelta(days=1)
    secret = await idle.issue(
        Scope.SEND,
        name="shop",
        is_test=True,
        sender_domains=("example.com",),
        networks=("127.0.0.0/8",),
        expires_at=expiry,
    )
    async with idle.client(secret) as api:
        answer = await api.get("/v1/whoami")

    key = answer.json()
    assert answer.status_code == 200
    assert key["id"].startswith("key_")
    assert (key["name"], key["mode"], key["scopes"]) == ("shop", "test", ["send"])
    assert (key["sender_domains"], key["networks"]) == (["example.com"], ["127.0.0.0/8"])
    assert key["expires_at"] == expiry.isoformat().replace("+00:00", "Z")
    assert key["last_used_at"] is None
    assert secret not in answer.text


async def test_a_key_sees_when_it_was_used_before(
    idle: Stack, idle_api: httpx2.AsyncClient
) -> None:
    """So that its owner notices that somebody else uses it."""
    await idle_api.get("/v1/whoami")
    await asyncio.sleep(0)  # the use is noted in the background
    assert isinstance(idle.clock, FakeClock)
    idle.clock.advance(timedelta(seconds=2))

    key = (await idle_api.get("/v1/whoami")).json()

    assert key["last_used_at"] == "2030-01-01T00:00:00Z"


async def test_without_a_key_nobody_is_anybody(idle: Stack) -> None:
    """The answer by which a page knows that a key is mistyped."""
    async with idle.client("ms_live_nobody") as api:
        answer = await api.get("/v1/whoami")

    assert answer.status_code == 401


async def test_the_system_says_which_gateway_answers_and_how_it_is(
    idle: Stack, idle_api: httpx2.AsyncClient
) -> None:
    """Enough for the head of an operator's page, and for a report of a fault."""
    assert isinstance(idle.clock, FakeClock)
    idle.clock.advance(timedelta(seconds=90))
    await idle_api.post("/v1/messages", json=mail())

    system = (await idle_api.get("/v1/system")).json()

    assert system["version"] == VERSION
    assert system["node"] == "node-1"
    assert system["started_at"] == "2030-01-01T00:00:00Z"
    assert system["uptime_seconds"] == 90
    assert (system["ready"], system["why_not_ready"]) == (True, None)
    assert system["store"] == {"kind": "memory", "healthy": True}
    assert system["queue"]["due"] == {"high": 0, "normal": 1, "low": 0}
    assert system["sandbox"] is False
    assert system["features"] == ["imitated_providers", "public_metrics"]


async def test_features_tell_what_the_configuration_switched_on(idle: Stack) -> None:
    """A form leaves the sender's field free only where that is allowed."""
    door = idle.behind(
        default_from=parse_mailbox("a@example.com"), requests_per_minute=100, public_metrics=False
    )
    async with door.client() as api:
        system = (await api.get("/v1/system")).json()

    assert system["features"] == ["default_sender", "imitated_providers", "rate_limit"]


class _FullDisk(MemoryStore):
    """What was written can be read, and nothing more is written."""

    async def check(self) -> None:
        raise StoreUnavailable("disk full")


async def test_a_system_that_cannot_store_mail_says_so(idle: Stack) -> None:
    """The page has to stay up when the disk is full: that is when it is looked at."""
    idle.ready.reason = "mail cannot be stored durably"
    store = _FullDisk(idle.clock)
    services = dataclasses.replace(idle.services, store=store)
    full = dataclasses.replace(idle, services=services, store=store, app=make_app(services))
    async with full.client(await full.issue(Scope.READ)) as api:
        answer = await api.get("/v1/system")

    assert answer.status_code == 200
    assert answer.json()["store"] == {"kind": "memory", "healthy": False}
    assert answer.json()["ready"] is False
    assert answer.json()["why_not_ready"] == "mail cannot be stored durably"
