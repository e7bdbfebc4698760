"""What each way of failing means, seen from the API, over the real wire of each provider."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from mail_sender.clock import SystemClock
from mail_sender.sandbox import faults
from mail_sender.sandbox.server import Sandbox, SandboxSettings
from tests.acceptance.gateway import MAIL, Gateway, provider_tables

SENT = (200, None)
UNKNOWN = (504, "outcome_unknown")

#: account, fault, what the first attempt says, what the caller hears with a healthy second provider
CASES: list[tuple[str, Callable[[], faults.Fault], str, tuple[int, str | None]]] = [
    ("ses", faults.Down, "deferred", SENT),
    ("ses", faults.RateLimited, "deferred", SENT),
    ("ses", faults.ErrorBefore, "deferred", SENT),
    ("ses", faults.Auth, "refused", SENT),
    ("ses", faults.Suspended, "refused", SENT),
    ("ses", faults.BadGateway, "unknown", UNKNOWN),
    ("ses", faults.ErrorAfter, "unknown", UNKNOWN),
    ("ses", faults.CutBeforeBody, "unknown", UNKNOWN),
    ("ses", faults.CutAfterBody, "unknown", UNKNOWN),
    ("ses", faults.TakenThenCut, "unknown", UNKNOWN),
    ("ses", faults.CutInAnswer, "unknown", UNKNOWN),
    ("ses", faults.Malformed, "unknown", UNKNOWN),
    ("mailgun", faults.Down, "deferred", SENT),
    ("mailgun", faults.RateLimited, "deferred", SENT),
    ("mailgun", faults.Auth, "refused", SENT),
    ("mailgun", faults.BadGateway, "unknown", UNKNOWN),
    ("mailgun", faults.ErrorAfter, "unknown", UNKNOWN),
    ("mailgun", faults.CutAfterBody, "unknown", UNKNOWN),
    ("mailgun", faults.CutInAnswer, "unknown", UNKNOWN),
    ("mailgun", faults.Malformed, "unknown", UNKNOWN),
    ("relay", faults.Down, "deferred", SENT),
    ("relay", faults.RateLimited, "deferred", SENT),
    ("relay", faults.ErrorBefore, "deferred", SENT),
    ("relay", faults.CutAfterBody, "unknown", UNKNOWN),
    ("relay", faults.TakenThenCut, "unknown", UNKNOWN),
]


@pytest.mark.parametrize(
    ("account", "fault", "outcome", "heard"),
    CASES,
    ids=[f"{account}-{fault.__name__}" for account, fault, _, _ in CASES],
)
async def test_a_failure_is_read_for_what_it_proves(
    tmp_path: Path,
    account: str,
    fault: Callable[[], faults.Fault],
    outcome: str,
    heard: tuple[int, str | None],
) -> None:
    """A clean no goes to the next provider; a "nobody knows" is never guessed away."""
    second = "mailgun" if account != "mailgun" else "relay"
    async with running(tmp_path, account, second) as (sandbox, client):
        await sandbox.put_faults(account, fault())
        answer = await client.post("/v1/messages", json={**MAIL, "mode": "sync"})
        body = answer.json()
        assert (answer.status_code, body.get("code")) == heard, body
        assert body["attempts"][0]["provider"] == account
        assert body["attempts"][0]["outcome"] == outcome
        assert body["attempts"][0]["detail"]
        taken = sandbox.inbox.receipts(body["id"]).recipients
        assert sum(taken.values()) <= 1, "never at two providers"
        if heard == SENT:
            assert body["provider"] == second


@asynccontextmanager
async def running(
    directory: Path, *accounts: str
) -> AsyncIterator[tuple[Sandbox, httpx2.AsyncClient]]:
    """Run a sandbox and a gateway with these accounts in this order."""
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        tables = provider_tables(sandbox)
        gateway = Gateway(directory, {account: tables[account] for account in accounts})
        async with gateway.in_process() as client:
            yield sandbox, client


async def test_an_answer_after_the_time_limit_is_unknown(tmp_path: Path) -> None:
    """The provider took it and was slow to say so."""
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        tables = provider_tables(sandbox)
        slow = {**tables["ses"], "answer_timeout": "PT0.3S"}
        gateway = Gateway(tmp_path, {"ses": slow, "mailgun": tables["mailgun"]})
        await sandbox.put_faults("ses", faults.Slow(seconds=1.5))
        async with gateway.in_process() as client:
            answer = await client.post("/v1/messages", json={**MAIL, "mode": "sync"})
            assert answer.status_code == 504
            assert sandbox.inbox.totals.by_provider["mailgun"] == 0


async def test_an_outage_of_silence_costs_the_first_few_mails_only(tmp_path: Path) -> None:
    """The breaker counts unknown outcomes: later mail goes to the next provider at once."""
    async with running(tmp_path, "ses", "mailgun") as (sandbox, client):
        await sandbox.put_faults("ses", faults.CutAfterBody())
        codes = [
            (await client.post("/v1/messages", json={**MAIL, "mode": "sync"})).status_code
            for _ in range(20)
        ]
        assert codes[0] == 504
        assert codes[-10:] == [200] * 10
        provider = (await client.get("/v1/providers")).json()["data"]
        ses = next(p for p in provider if p["name"] == "ses")
        assert ses["state"] == "down"
        assert ses["breaker"]["reason"]


async def test_a_provider_that_comes_back_is_used_again(tmp_path: Path) -> None:
    """Failover must not stick."""
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        tables = provider_tables(sandbox)
        gateway = Gateway(
            tmp_path,
            {"ses": tables["ses"], "mailgun": tables["mailgun"]},
            breaker={"failures": 2, "rest": "PT0.5S"},
        )
        async with gateway.in_process() as client:
            sync = {**MAIL, "mode": "sync"}
            await sandbox.put_faults("ses", faults.Down())
            for _ in range(4):
                assert (await client.post("/v1/messages", json=sync)).json()[
                    "provider"
                ] == "mailgun"
            await sandbox.heal("ses")
            used = ""
            for _ in range(100):
                used = (await client.post("/v1/messages", json=sync)).json()["provider"]
                if used == "ses":
                    break
                await asyncio.sleep(0.05)
            assert used == "ses"
