"""The main job over real processes: a provider dies under load and nobody notices."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mail_sender.clock import SystemClock
from mail_sender.sandbox.faults import CutAfterBody, Down, TakenThenCut
from mail_sender.sandbox.server import Sandbox, SandboxSettings
from tests.acceptance.far_sides import SmtpBooks, Witness, killable_moto, smtp_server
from tests.acceptance.gateway import (
    MAIL,
    Gateway,
    gather_limited,
    provider_tables,
    ses_table,
    smtp_table,
)


async def test_moto_is_killed_under_load_and_every_mail_arrives_once(tmp_path: Path) -> None:
    """500 sync and 2,000 async mails over 32 connections; SES dies in the middle, SMTP goes on.

    The route takes the risk of a duplicate for what was under way at the moment of the death,
    so no caller is refused. A mail counts as arrived at SES when moto's yes was seen.
    """
    books = SmtpBooks()
    async with AsyncExitStack() as stack:
        moto, process = stack.enter_context(killable_moto())
        port = await stack.enter_async_context(smtp_server(books))
        witness = Witness(moto.url)
        await witness.open()
        gateway = Gateway(
            tmp_path,
            {"ses": ses_table(witness.url), "relay": smtp_table(port)},
            route={"on_unknown": "risk_duplicate"},
        )
        async with gateway.running() as client:
            modes = [{"mode": "sync"} if n % 5 == 0 else {} for n in range(2500)]
            sent = 0

            async def send(n: int) -> httpx2.Response:
                nonlocal sent
                sent += 1
                if sent == 1000:
                    process.send_signal(signal.SIGKILL)
                    await witness.close()
                return await client.post("/v1/messages", json={**MAIL, **modes[n]})

            answers = await gather_limited(32, [send(n) for n in range(2500)])
            expected = [200 if mode else 202 for mode in modes]
            refused = [
                answer.text
                for answer, status in zip(answers, expected, strict=True)
                if answer.status_code != status
            ]
            assert refused == []
            ids = [answer.json()["id"] for answer in answers]
            messages = await gateway.settled(ids)

    assert {message["status"] for message in messages.values()} == {"sent"}
    arrived = witness.answered + books.taken
    assert set(arrived) == set(ids)
    assert {id_: messages[id_]["attempts"] for id_, n in arrived.items() if n > 1} == {}
    assert witness.answered.total() > 300
    assert books.taken.total() > 1000
    for id_, message in messages.items():
        last = message["attempts"][-1]
        assert last["outcome"] == "accepted"
        assert last["provider"] == message["provider"] == ("relay" if id_ in books.taken else "ses")
        if message["provider"] == "relay":
            first = message["attempts"][0]
            assert first["provider"] == "ses"
            assert first["outcome"] in {"deferred", "unknown", "skipped"}
            assert first["detail"]


@pytest.mark.parametrize("account", ["ses", "mailgun", "relay"])
async def test_a_line_cut_after_the_body_is_unknown_and_nobody_else_is_asked(
    tmp_path: Path, account: str
) -> None:
    """Nobody knows whether the provider took it, so nobody may guess."""
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        second = "mailgun" if account != "mailgun" else "ses"
        tables = provider_tables(sandbox)
        gateway = Gateway(tmp_path, {account: tables[account], second: tables[second]})
        await sandbox.put_faults(account, CutAfterBody())
        async with gateway.running() as client:
            ids = [(await client.post("/v1/messages", json=MAIL)).json()["id"] for _ in range(3)]
            messages = await gateway.settled(ids)
            assert {m["status"] for m in messages.values()} == {"unknown"}
            assert sandbox.inbox.totals.mails == 0, "no second provider saw it"
            sync = await client.post("/v1/messages", json={**MAIL, "mode": "sync"})
            assert (sync.status_code, sync.json()["code"]) == (504, "outcome_unknown")

            risky = await client.post(
                "/v1/messages", json={**MAIL, "mode": "sync", "on_unknown": "risk_duplicate"}
            )
            assert risky.status_code == 200
            assert risky.json()["provider"] == second
            assert [a["outcome"] for a in risky.json()["attempts"]][-1] == "accepted"

            chosen = await client.post(
                f"/v1/messages/{ids[0]}/retry", json={"risk_duplicate": True}
            )
            assert chosen.status_code == 200
            settled = await gateway.settled([ids[0]])
            assert settled[ids[0]]["status"] == "sent"


async def test_not_sent_is_true_even_when_the_providers_come_back(tmp_path: Path) -> None:
    """The answer lets the caller act elsewhere: nothing of it may arrive later."""
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        gateway = Gateway(tmp_path, provider_tables(sandbox))
        for account in ("ses", "mailgun", "relay"):
            await sandbox.put_faults(account, Down())
        async with gateway.running() as client:
            answers = [
                await client.post("/v1/messages", json={**MAIL, "mode": "sync"}) for _ in range(5)
            ]
            assert [a.status_code for a in answers] == [503] * 5
            assert {a.json()["code"] for a in answers} == {"not_sent"}
            assert {a["provider"] for a in answers[0].json()["attempts"]} == {
                "ses", "mailgun", "relay",
            }  # fmt: skip
            for account in ("ses", "mailgun", "relay"):
                await sandbox.heal(account)
            await asyncio.sleep(3)
            gateway.kill()
            await gateway.start()
            await asyncio.sleep(2)
            messages = await gateway.settled([a.json()["id"] for a in answers])
    assert {m["status"] for m in messages.values()} == {"failed"}
    assert sandbox.inbox.totals.mails == 0


async def test_a_bad_recipient_is_asked_once_and_harms_nobody(tmp_path: Path) -> None:
    """The recipient's fault: no other provider is asked and no breaker moves."""
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        tables = provider_tables(sandbox)
        gateway = Gateway(tmp_path, {"relay": tables["relay"], "ses": tables["ses"]})
        async with gateway.running() as client:
            for _ in range(10):
                answer = await client.post(
                    "/v1/messages", json={**MAIL, "to": ["bounce@example.net"], "mode": "sync"}
                )
                assert (answer.status_code, answer.json()["code"]) == (422, "message_refused")
                assert [a["provider"] for a in answer.json()["attempts"]] == ["relay"]
                assert answer.json()["attempts"][0]["enhanced_code"] == "5.1.1"
            providers = (await client.get("/v1/providers")).json()["data"]
    assert {p["name"]: p["state"] for p in providers if p["name"] != "sandbox"} == {
        "relay": "up", "ses": "up",
    }  # fmt: skip


async def test_mailgun_is_asked_about_an_unknown_outcome_and_settles_it(tmp_path: Path) -> None:
    """It took the mail and the line was cut: its events tell, and nothing is sent again."""
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        tables = provider_tables(sandbox)
        gateway = Gateway(tmp_path, {"mailgun": tables["mailgun"], "ses": tables["ses"]})
        await sandbox.put_faults("mailgun", TakenThenCut(times=1))
        async with gateway.in_process() as client:
            id_ = (await client.post("/v1/messages", json=MAIL)).json()["id"]
            message = await until(client, id_, "unknown")
            assert message["next_attempt_at"], "it says when the provider is asked"
            message = await until(client, id_, "sent")
            events = (await client.get(f"/v1/messages/{id_}/events")).json()["data"]
    assert (message["provider"], sandbox.inbox.totals.mails) == ("mailgun", 1)
    assert message["provider_message_id"]
    assert [e["type"] for e in events] == [
        "message.queued", "message.unknown", "message.settling", "message.sent",
    ]  # fmt: skip


async def until(client: httpx2.AsyncClient, id_: str, status: str) -> dict[str, Any]:
    """Return the message once it has a status, at most 40 s from now."""
    message: dict[str, Any] = {}
    async with asyncio.timeout(40):
        while message.get("status") != status:
            await asyncio.sleep(0.1)
            message = (await client.get(f"/v1/messages/{id_}")).json()
    return message
