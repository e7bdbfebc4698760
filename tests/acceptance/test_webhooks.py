"""Events out of the real process: killed with kill -9 between an event and its delivery.

The receiver outlives the gateway. It is on loopback, which the
configuration allows; without that nothing would be sent there.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from standardwebhooks.webhooks import Webhook as Judge

from mail_sender.clock import SystemClock
from mail_sender.sandbox.server import Sandbox, SandboxSettings
from tests.acceptance.gateway import MAIL, Gateway, provider_tables
from tests.http.far_side import FarSide, Line, Seen, answer

LOOPBACK = {"allow_http": True, "allow_private_networks": ["127.0.0.0/8"], "timeout": "PT5M"}
ROUNDS = 6


class Receiver:
    """A client's program: takes events, or thinks about them for ever."""

    def __init__(self) -> None:
        self.takes = True
        self.far = FarSide(self._follow)

    async def _follow(self, line: Line) -> None:
        while True:
            await line.request()
            if not self.takes:
                await line.until_hung_up()
                return
            await line.say(answer(204, b""))

    @property
    def seen(self) -> Sequence[Seen]:
        return self.far.requests


async def _webhook(client: httpx2.AsyncClient, url: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    made = await client.post("/v1/webhooks", json={"url": url, **fields})
    assert made.status_code == 201, made.text
    return dict(made.json())


def _deliveries(database: Path) -> dict[str, tuple[str, str]]:
    """Return state and event of each delivery, by id."""
    with sqlite3.connect(database) as connection:
        rows = connection.execute("SELECT id, state, event_id FROM webhook_deliveries")
        return {id_: (state, event_id) for id_, state, event_id in rows}


async def _all_delivered(gateway: Gateway, at_most: float = 60) -> dict[str, tuple[str, str]]:
    """Wait until every event of the log has been delivered; return the deliveries."""
    async with asyncio.timeout(at_most):
        while True:
            with sqlite3.connect(gateway.database) as connection:
                (events,) = connection.execute("SELECT count(*) FROM events").fetchone()
            found = _deliveries(gateway.database)
            if len(found) == events and {state for state, _ in found.values()} == {"delivered"}:
                return found
            await asyncio.sleep(0.1)


@asynccontextmanager
async def _killed(gateway: Gateway) -> AsyncIterator[httpx2.AsyncClient]:
    """Start it, give a client, and end it as kill -9 does, whatever happened."""
    await gateway.start()
    try:
        async with gateway.client() as client:
            yield client
    finally:
        gateway.kill()


@pytest.mark.timeout(240)
async def test_a_kill_between_event_and_delivery_loses_no_event(tmp_path: Path) -> None:
    """Killed before a delivery is made, or while the receiver thinks: every event arrives.

    What was under way comes again with the same id and the same bytes, so that the receiver can
    leave the second one out.
    """
    receiver = Receiver()
    async with receiver.far as far, Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        gateway = Gateway(tmp_path, provider_tables(sandbox), webhooks=LOOPBACK)
        async with gateway.running() as client:
            secret = (await _webhook(client, far.url))["secret"]
        receiver.takes = False
        for round_ in range(ROUNDS):
            before = len(receiver.seen)
            async with _killed(gateway) as client:
                for _ in range(5):
                    assert (await client.post("/v1/messages", json=MAIL)).status_code == 202
                if round_ % 2:  # else it is killed before it can have called anybody
                    async with asyncio.timeout(20):
                        await far.until_seen(before + 1)
        receiver.takes = True
        async with gateway.running():
            deliveries = await _all_delivered(gateway)
        with sqlite3.connect(gateway.database) as connection:
            events = {f"evt_{n:016d}" for (n,) in connection.execute("SELECT n FROM events")}

    bodies = defaultdict(set)
    for seen in receiver.seen:
        bodies[seen.headers["webhook-id"]].add(seen.body)
    assert {event for _, event in deliveries.values()} == events, "an event has one delivery"
    assert len(deliveries) == len(events)
    assert bodies.keys() == deliveries.keys()
    assert {len(same) for same in bodies.values()} == {1}, "the same bytes each time"
    last = receiver.seen[-1]
    assert Judge(secret).verify(last.body, dict(last.headers))["type"].startswith("message.")
    print(f"{ROUNDS} kills, {len(events)} events, {len(receiver.seen)} calls, 0 lost")  # noqa: T201


async def test_events_of_a_mail_arrive_within_seconds_and_by_api(tmp_path: Path) -> None:
    """From `POST /v1/messages` to the client's program, and what the API and the metrics say."""
    receiver = Receiver()
    async with receiver.far as far, Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        gateway = Gateway(tmp_path, provider_tables(sandbox), webhooks=LOOPBACK)
        async with gateway.running() as client:
            webhook = await _webhook(client, far.url, event_types=["message.sent"])
            sent = await client.post("/v1/messages", json={**MAIL, "metadata": {"order": "7"}})
            async with asyncio.timeout(10):
                await far.until_seen(1)
                path = f"/v1/webhooks/{webhook['id']}/deliveries?state=delivered"
                page = (await client.get(path)).json()
                while not page["data"]:
                    await asyncio.sleep(0.05)
                    page = (await client.get(path)).json()
            metrics = (await client.get("/metrics")).text

    (delivery,) = page["data"]
    body = json.loads(receiver.seen[0].body)
    assert (body["type"], body["data"]["message_id"]) == ("message.sent", sent.json()["id"])
    assert body["data"]["metadata"] == {"order": "7"}
    assert delivery["body"].encode() == receiver.seen[0].body
    assert 'mail_sender_webhook_attempts_total{answer="2xx"} 1.0' in metrics
    assert webhook["secret"] not in gateway.log()


async def test_without_leave_nothing_is_sent_to_the_inside(tmp_path: Path) -> None:
    """The default: a client cannot reach what only the gateway's machine can reach."""
    receiver = Receiver()
    async with receiver.far as far, Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        gateway = Gateway(tmp_path, provider_tables(sandbox), webhooks={"allow_http": True})
        async with gateway.in_process() as client:
            literal = await client.post("/v1/webhooks", json={"url": far.url})
            webhook = await _webhook(client, f"http://localhost:{far.port}")
            tried = (await client.post(f"/v1/webhooks/{webhook['id']}/test")).json()

    assert literal.status_code == 422
    assert tried["state"] == "failed"
    assert tried["attempts"][0]["error"] == "leads to an address that is not public"
    assert far.connections == 0
