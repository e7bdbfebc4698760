"""Killed under load with kill -9, again and again: nothing accepted is lost, nothing is sent twice.

The far side is a sandbox that outlives the gateway and counts every receipt by our message id.
`CHAOS=long` makes more and larger rounds.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
from pathlib import Path

import httpx2
import pytest

from mail_sender.clock import SystemClock
from mail_sender.sandbox.faults import ErrorBefore, Slow
from mail_sender.sandbox.server import Sandbox, SandboxSettings
from tests.acceptance.gateway import MAIL, Gateway, provider_tables, trace
from tests.requirements import need

ROUNDS = 100 if os.environ.get("CHAOS") == "long" else 20


@pytest.mark.timeout(600)
async def test_kill_9_under_load_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    """Each round loads the gateway, kills it at another moment, and starts it again.

    The far side changes its manner from round to round, so that the kill meets different steps:
    accepting (fast), calling (slow), failing over (the first provider refuses).
    """
    chance = random.Random(7)  # noqa: S311 - a repeatable test
    accepted: set[str] = set()
    sent: set[str] = set()
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        gateway = Gateway(tmp_path, provider_tables(sandbox), queue={"retry_first": "PT0.2S"})
        for round_ in range(ROUNDS):
            await sandbox.heal("ses")
            if round_ % 3 == 1:
                await sandbox.put_faults("ses", Slow(seconds=0.2))
            elif round_ % 3 == 2:
                await sandbox.put_faults("ses", ErrorBefore(probability=0.5, seed=round_))
            await gateway.start()
            async with gateway.client() as client:
                before = len(accepted)
                load = [asyncio.create_task(_load(client, accepted)) for _ in range(12)]
                load += [asyncio.create_task(_sync_load(client, accepted, sent)) for _ in range(4)]
                for _ in range(4000):
                    await asyncio.sleep(0.005)
                    if len(accepted) > before:
                        break
                await asyncio.sleep(chance.uniform(0, 0.5))
                gateway.kill()
                await asyncio.gather(*load)
        await sandbox.heal("ses")
        await gateway.start()
        messages = await gateway.settled(sorted(accepted), at_most=120)
        everything = _all_ids(gateway.database)
        arrived = {id_: _times(sandbox, id_) for id_ in everything}
        await gateway.stop()

    assert len(accepted) > ROUNDS * 5, "the load must have been real"
    assert set(messages) == accepted, "every accepted message still answers"
    states = {id_: message["status"] for id_, message in messages.items()}
    assert set(states.values()) <= {"sent", "unknown"}
    assert len(sent) > ROUNDS, "callers must have waited for their result, too"
    assert {states[id_] for id_ in sent} == {"sent"}
    assert [id_ for id_, times in arrived.items() if times > 1] == [], "nothing was sent twice"
    assert [id_ for id_, s in states.items() if s == "sent" and arrived[id_] != 1] == []
    unknown = sum(s == "unknown" for s in states.values())
    print(f"{ROUNDS} kills, {len(accepted)} accepted, {unknown} left unknown, 0 lost, 0 doubled")  # noqa: T201
    with sqlite3.connect(gateway.database) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def _load(client: httpx2.AsyncClient, accepted: set[str]) -> None:
    """Send mails one after the other until the gateway is gone."""
    for _ in range(10_000):
        try:
            answer = await client.post("/v1/messages", json=MAIL)
        except httpx2.TransportError:
            return
        assert answer.status_code == 202, answer.text
        accepted.add(answer.json()["id"])


async def _sync_load(client: httpx2.AsyncClient, accepted: set[str], sent: set[str]) -> None:
    """Send mails whose result is waited for, until the gateway is gone."""
    for _ in range(10_000):
        try:
            answer = await client.post("/v1/messages", json={**MAIL, "mode": "sync"})
        except httpx2.TransportError:
            return
        assert answer.status_code == 200, answer.text
        accepted.add(answer.json()["id"])
        sent.add(answer.json()["id"])


async def test_killed_between_the_commit_and_the_call_a_sync_message_is_unknown(
    tmp_path: Path,
) -> None:
    """Accepted and begun in one commit, and no byte had left: still nobody guesses.

    The kernel kills the gateway as it opens the first connection to the provider. Its client
    repeats the request with the same key and learns what is known, without a second mail.
    """
    need(shutil.which("strace"), "strace (Debian package strace) kills at a system call")
    headers = {"Idempotency-Key": "order-7"}
    mail = {**MAIL, "mode": "sync"}
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        gateway = Gateway(tmp_path, {"ses": provider_tables(sandbox)["ses"]})
        await gateway.start()
        assert gateway.process is not None
        tracer = trace(gateway.process.pid, "connect", "signal=KILL")
        async with gateway.client() as client:
            with pytest.raises(httpx2.TransportError):
                await client.post("/v1/messages", json=mail, headers=headers)
        await asyncio.to_thread(tracer.wait, 10)
        gateway.kill()
        with sqlite3.connect(gateway.database) as connection:
            found = connection.execute("SELECT state, begun_provider, fence FROM messages")
            assert found.fetchall() == [("sending", "ses", 1)]
        async with gateway.running() as client:
            answer = await client.post("/v1/messages", json=mail, headers=headers)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (504, "outcome_unknown")
    assert answer.headers["idempotency-replayed"] == "true"
    assert problem["message"]["status"] == "unknown"
    assert [(a["provider"], a["outcome"]) for a in problem["attempts"]] == [("ses", "unknown")]
    assert _times(sandbox, problem["id"]) == 0


def _all_ids(database: Path) -> list[str]:
    """Return every message in the store, also those whose 202 was lost in the kill."""
    with sqlite3.connect(database) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM messages")]


def _times(sandbox: Sandbox, id_: str) -> int:
    return max(sandbox.inbox.receipts(id_).recipients.values(), default=0)
