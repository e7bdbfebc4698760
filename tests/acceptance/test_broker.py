"""Two processes on one PostgreSQL and one NATS: one takes the mail, the other is told and sends.

They poll so seldom here that mail which arrives at once was told of. The far side counts every
receipt by our message id.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from mail_sender.clock import SystemClock
from mail_sender.sandbox.server import Sandbox, SandboxSettings
from tests.acceptance.gateway import MAIL, Gateway, provider_tables
from tests.nats_server import NatsServer
from tests.postgres import drop_database, new_database, shared_server

STREAM = "MAIL_ACCEPTANCE"
POLLS_EVERY = 6.0  #: seconds


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NatsServer]:
    """Return a broker, not started yet."""
    (tmp_path / "nats").mkdir()
    server = NatsServer(tmp_path / "nats")
    yield server
    server.kill()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Return the far side."""
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        yield sandbox


@pytest.fixture
async def nodes(
    tmp_path: Path, sandbox: Sandbox, nats: NatsServer
) -> AsyncIterator[tuple[Gateway, Gateway]]:
    """Return a node that takes mail and one that sends it, while the broker is away."""
    nats.start()
    nats.kill()  # its port is known from now on
    server = shared_server()
    name = await new_database(server)
    queue = {"url": nats.url, "stream": STREAM, "poll_interval": f"PT{POLLS_EVERY}S"}
    found = []
    for node in ("takes", "sends"):
        (tmp_path / node).mkdir()
        found.append(
            Gateway(
                tmp_path / node,
                provider_tables(sandbox),
                store={"url": server.url(name)},
                queue=queue,
            )
        )
    takes, sends = found
    takes.key = sends.key = await takes.new_key()
    await takes.start(role="api")
    await sends.start(role="worker")
    yield takes, sends
    for gateway in found:
        gateway.kill()
    await drop_database(server, name)


async def _load(client: httpx2.AsyncClient, accepted: set[str], until: asyncio.Event) -> None:
    while not until.is_set():
        answer = await client.post("/v1/messages", json=MAIL)
        assert answer.status_code == 202, answer.text
        accepted.add(answer.json()["id"])
        await asyncio.sleep(0.02)


async def _reached(gateway: Gateway) -> None:
    async with gateway.client() as client, asyncio.timeout(30):
        while True:
            if "mail_sender_broker_reached 1.0" in (await client.get("/metrics")).text:
                return
            await asyncio.sleep(0.1)


@pytest.mark.timeout(200)
async def test_mail_outlives_the_broker_its_absence_and_its_streams_end(
    nodes: tuple[Gateway, Gateway], sandbox: Sandbox, nats: NatsServer
) -> None:
    """The broker comes late, loses its stream, is killed and comes back: 0 lost, 0 doubled."""
    takes, sends = nodes
    accepted: set[str] = set()
    enough = asyncio.Event()
    async with takes.client() as client:
        load = [asyncio.create_task(_load(client, accepted, enough)) for _ in range(4)]
        await asyncio.sleep(0.5)
        nats.start()
        await _reached(takes)
        await nats.delete_stream(STREAM)
        await asyncio.sleep(1)
        nats.kill()
        await asyncio.sleep(1)
        nats.start()
        await asyncio.gather(_reached(takes), _reached(sends))
        enough.set()
        await asyncio.gather(*load)
        messages = await takes.settled(sorted(accepted))
        began = time.monotonic()
        answer = await client.post("/v1/messages", json=MAIL)
        await takes.settled([answer.json()["id"]])
        took = time.monotonic() - began

    assert len(accepted) > 100, "the load must have been real"
    assert {message["status"] for message in messages.values()} == {"sent"}
    times = {max(sandbox.inbox.receipts(id_).recipients.values(), default=0) for id_ in accepted}
    assert times == {1}, "each arrived, and none twice"
    assert took < POLLS_EVERY / 2, "the other node was told, and did not find out by itself"
