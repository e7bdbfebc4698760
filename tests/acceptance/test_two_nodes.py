"""Two processes on one PostgreSQL: either takes, sends and answers, and one may die at any time.

The far side is a sandbox that outlives both and counts every receipt by our message id.
`CHAOS=long` makes more rounds.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx2
import pytest

from mail_sender.clock import SystemClock
from mail_sender.sandbox.faults import Slow
from mail_sender.sandbox.server import Sandbox, SandboxSettings
from tests.acceptance.gateway import MAIL, Gateway, provider_tables
from tests.postgres import drop_database, new_database, shared_server

ROUNDS = 20 if os.environ.get("CHAOS") == "long" else 4
LEASE = {"lease": "PT2S", "grace": "PT1S"}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Return a far side that both nodes send to."""
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        yield sandbox


@pytest.fixture
async def nodes(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[tuple[Gateway, Gateway]]:
    """Return two nodes, not started yet, on one database."""
    server = shared_server()
    name = await new_database(server)
    found = []
    for node in ("a", "b"):
        (tmp_path / node).mkdir()
        found.append(
            Gateway(
                tmp_path / node,
                provider_tables(sandbox),
                store={"url": server.url(name)},
                queue={"retry_first": "PT0.2S"},
                worker=LEASE,
            )
        )
    a, b = found
    a.key = b.key = await a.new_key()
    yield a, b
    for gateway in found:
        if gateway.process is not None:
            gateway.process.send_signal(signal.SIGCONT)
            gateway.kill()
    await drop_database(server, name)


@pytest.mark.timeout(600)
async def test_a_node_killed_under_load_is_taken_over_by_the_other(
    nodes: tuple[Gateway, Gateway], sandbox: Sandbox
) -> None:
    """Accepted on A, asked for on B, A killed with kill -9, again and again: 0 lost, 0 doubled."""
    a, b = nodes
    chance = random.Random(11)  # noqa: S311 - a repeatable test
    accepted: set[str] = set()
    await b.start()
    for round_ in range(ROUNDS):
        await sandbox.heal("ses")
        if round_ % 2:
            await sandbox.put_faults("ses", Slow(seconds=0.2))
        await a.start()
        async with a.client() as at_a, b.client() as at_b:
            load = [asyncio.create_task(_load(at_a, at_b, accepted)) for _ in range(12)]
            load += [asyncio.create_task(_sync_load(at_a, accepted)) for _ in range(4)]
            await _more_than(len(accepted), accepted)
            await asyncio.sleep(chance.uniform(0.1, 0.8))
            a.kill()
            await asyncio.gather(*load)
    left = await b.settled(sorted(accepted), at_most=60)
    await a.start()  # its journal tells what it had learnt and could not record
    await asyncio.sleep(1)
    messages = await b.settled(sorted(accepted), at_most=60)
    arrived = {id_: _times(sandbox, id_) for id_ in accepted}
    await a.stop()
    await b.stop()

    assert len(accepted) > ROUNDS * 5, "the load must have been real"
    assert set(left) == accepted, "every accepted message is concluded by the node that lives"
    states = {id_: message["status"] for id_, message in messages.items()}
    assert set(states.values()) <= {"sent", "unknown"}
    assert [id_ for id_, times in arrived.items() if times > 1] == [], "nothing was sent twice"
    assert [id_ for id_, s in states.items() if s == "sent" and arrived[id_] != 1] == []
    unknown = sum(s == "unknown" for s in states.values())
    print(f"{ROUNDS} kills, {len(accepted)} accepted, {unknown} left unknown, 0 lost, 0 doubled")  # noqa: T201


async def test_a_node_that_was_frozen_beyond_its_lease_sends_nothing_more_of_it(
    nodes: tuple[Gateway, Gateway], sandbox: Sandbox
) -> None:
    """It wakes with messages in hand that another has sent: its lease is over, and it knows."""
    a, b = nodes
    await a.start()
    await b.start()
    accepted: set[str] = set()
    await sandbox.put_faults("ses", Slow(seconds=0.05))
    async with a.client() as at_a, b.client() as at_b:
        load = [asyncio.create_task(_load(at_a, at_b, accepted, mails=60)) for _ in range(8)]
        await _more_than(100, accepted)
        assert a.process is not None
        a.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(6)
        a.process.send_signal(signal.SIGCONT)
        await asyncio.gather(*load)
    messages = await b.settled(sorted(accepted))
    arrived = {id_: _times(sandbox, id_) for id_ in accepted}

    assert [id_ for id_, times in arrived.items() if times > 1] == [], "nothing was sent twice"
    assert all(arrived[id_] == 1 for id_, it in messages.items() if it["status"] == "sent")


async def test_what_an_operator_does_on_one_node_holds_on_the_other(
    nodes: tuple[Gateway, Gateway], sandbox: Sandbox
) -> None:
    """Pauses, suppressions and keys live in the store; nobody has to say anything twice."""
    a, b = nodes
    await a.start()
    await b.start()
    async with a.client() as at_a, b.client() as at_b:
        made = await at_a.post("/v1/keys", json={"name": "shop", "scopes": ["read"]})
        secret = {"Authorization": f"Bearer {made.json()['secret']}"}
        assert (await at_b.get("/v1/messages", headers=secret)).status_code == 200
        await at_a.delete(f"/v1/keys/{made.json()['id']}")
        await at_a.post("/v1/providers/ses/pause", json={"reason": "maintenance"})
        await at_a.post("/v1/suppressions", json={"address": MAIL["to"][0], "reason": "manual"})

        async def is_refused() -> bool:
            return (await at_b.get("/v1/messages", headers=secret)).status_code == 401

        async def is_paused() -> bool:
            listed = (await at_b.get("/v1/providers")).json()["data"]
            return any(it["name"] == "ses" and it["state"] == "paused" for it in listed)

        await _until(is_refused, limit=5)
        await _until(is_paused, limit=5)
        answer = await at_b.post("/v1/messages", json={**MAIL, "mode": "sync"})
        assert answer.json()["message"]["status"] == "suppressed"


async def test_a_caller_who_waits_hears_of_it_whoever_sends(
    nodes: tuple[Gateway, Gateway], sandbox: Sandbox
) -> None:
    """A node without a worker takes mail, and the other is told that there is some.

    It would look by itself much later than this caller waits.
    """
    a, b = nodes
    await b.start(MAIL_SENDER_QUEUE_POLL_INTERVAL="PT300S")
    await a.start(role="api")
    async with a.client() as at_a:
        for _ in range(3):
            answer = await at_a.post("/v1/messages", json=MAIL, headers={"Prefer": "wait=50"})
            assert (answer.status_code, answer.json()["status"]) == (200, "sent")


async def _load(
    at_a: httpx2.AsyncClient, at_b: httpx2.AsyncClient, accepted: set[str], *, mails: int = 10_000
) -> None:
    """Send mails to A one after the other, and ask B for each, until A is gone."""
    for _ in range(mails):
        try:
            answer = await at_a.post("/v1/messages", json=MAIL)
        except httpx2.TransportError:
            return
        if answer.status_code == 503:
            continue
        assert answer.status_code == 202, answer.text
        accepted.add(answer.json()["id"])
        status = await at_b.get(f"/v1/messages/{answer.json()['id']}")
        assert status.status_code == 200, status.text


async def _sync_load(client: httpx2.AsyncClient, accepted: set[str]) -> None:
    """Send mails whose result is waited for, until the node is gone."""
    for _ in range(10_000):
        try:
            answer = await client.post("/v1/messages", json={**MAIL, "mode": "sync"})
        except httpx2.TransportError:
            return
        assert answer.status_code == 200, answer.text
        accepted.add(answer.json()["id"])


async def _until(condition: Callable[[], Awaitable[bool]], limit: float = 30) -> None:
    async with asyncio.timeout(limit):
        while not await condition():  # noqa: ASYNC110 - another process is watched
            await asyncio.sleep(0.05)


async def _more_than(count: int, accepted: set[str]) -> None:
    async def has_more() -> bool:
        return len(accepted) > count

    await _until(has_more)


def _times(sandbox: Sandbox, id_: str) -> int:
    return max(sandbox.inbox.receipts(id_).recipients.values(), default=0)
