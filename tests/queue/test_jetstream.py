"""Hints by a real NATS server, which dies and forgets as it likes: nothing but time is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mail_sender.queue.jetstream import Broker, JetStreamQueue, servers_of
from mail_sender.queue.polling import PollingQueue
from tests.contracts.queue import LONG, QueueContract, seconds_until_told
from tests.nats_server import NatsServer

STREAM = "MAIL_TEST"
SOON = LONG.total_seconds() / 2


class Node:
    """The queue of one process, and what it tells of the broker."""

    def __init__(self, server: NatsServer) -> None:
        broker = Broker(servers=servers_of(server.url), stream=STREAM, replicas=1)
        self.told: list[str | None] = []
        self._told = asyncio.Event()
        self.queue = JetStreamQueue(PollingQueue(), broker, self._hear)

    def _hear(self, why_away: str | None) -> None:
        self.told.append(why_away)
        self._told.set()

    async def until_reached(self, *, reached: bool = True) -> None:
        """Return when the broker is there, or away."""
        async with asyncio.timeout(LONG.total_seconds()):
            while not self.told or self.queue.is_reached is not reached:
                self._told.clear()
                await self._told.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    """Return a server that is running."""
    server = NatsServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def nodes(server: NatsServer) -> AsyncIterator[tuple[Node, Node]]:
    """Return two processes that have reached the broker."""
    both = Node(server), Node(server)
    for node in both:
        node.queue.start()
        await node.until_reached()
    yield both
    for node in both:
        await node.queue.stop()


class TestJetStream(QueueContract):
    @pytest.fixture
    async def queue(self, nodes: tuple[Node, Node]) -> JetStreamQueue:
        """Return the queue of one of two processes."""
        return nodes[0].queue


async def told_by(sender: Node, receiver: Node) -> float:
    """Announce on one node until the other, which waits, is told; return the seconds."""
    waiting = asyncio.create_task(seconds_until_told(receiver.queue))
    while not waiting.done():
        sender.queue.announce()
        await asyncio.wait({waiting}, timeout=0.5)
    return await waiting


async def test_a_worker_of_another_node_is_told(nodes: tuple[Node, Node]) -> None:
    """The node that took the mail may be full, or have no worker at all."""
    a, b = nodes
    waiting = asyncio.create_task(seconds_until_told(b.queue))
    await asyncio.sleep(0)
    a.queue.announce()
    assert await waiting < SOON


async def test_a_hint_wakes_one_node_and_many_hints_wake_more(
    nodes: tuple[Node, Node], server: NatsServer
) -> None:
    """A mail must not make every node ask the store; a thousand must not be left to one node."""
    third = Node(server)
    third.queue.start()
    await third.until_reached()
    a, b = nodes
    try:
        waits = [asyncio.create_task(seconds_until_told(n.queue)) for n in (b, third)]
        await asyncio.sleep(0)
        a.queue.announce()
        done, left = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED, timeout=SOON)
        assert len(done) == 1
        assert (await asyncio.wait(left, timeout=0.5))[0] == set()
        a.queue.announce(1000)
        assert (await asyncio.wait(left, timeout=SOON))[0] == left
    finally:
        await third.queue.stop()


async def test_a_busy_node_asks_for_no_hint(nodes: tuple[Node, Node], server: NatsServer) -> None:
    """What a node without a free slot took would wait for it while others are idle."""
    a, b = nodes
    a.queue.announce()
    until = time.monotonic() + SOON
    while await server.hints(STREAM) == 0:
        assert time.monotonic() < until
    assert await seconds_until_told(b.queue) < SOON


async def test_the_start_needs_no_broker_and_it_is_reached_when_it_comes(tmp_path: Path) -> None:
    """Mail is taken and sent while the broker is away: it carries nothing but hints."""
    server = NatsServer(tmp_path)
    server.start()
    server.kill()
    node = Node(server)
    node.queue.start()
    await node.until_reached(reached=False)
    node.queue.announce()
    assert await seconds_until_told(node.queue) < 1.0  # of this process
    assert await seconds_until_told(node.queue, timedelta(seconds=0.05)) < 1.0  # polls on
    server.start()
    await node.until_reached()
    await node.queue.stop()
    server.kill()


async def test_a_killed_broker_is_noticed_told_once_and_reached_again(
    nodes: tuple[Node, Node], server: NatsServer
) -> None:
    """An operator sees one line for an outage, and nobody restarts a gateway after it."""
    a, b = nodes
    server.kill()
    for node in nodes:
        await node.until_reached(reached=False)
    server.start()
    for node in nodes:
        await node.until_reached()
        assert [why is None for why in node.told] == [True, False, True]
    assert await told_by(a, b) < SOON


async def test_a_stream_deleted_under_us_is_made_anew(
    nodes: tuple[Node, Node], server: NatsServer
) -> None:
    """Hints are nobody's property: losing all of them costs a polling interval."""
    a, b = nodes
    await server.delete_stream(STREAM)
    assert await told_by(a, b) < LONG.total_seconds()
