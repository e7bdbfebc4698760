"""Calls that share connections: how many, for how long, and whose answer is whose."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from mail_sender.http.call import Phase, Silence
from mail_sender.http.client import PooledHttpClient

from .calls import HASTY, PATIENT, Run, bounded, every_loop, post, result_of
from .far_side import (
    FarSide,
    Line,
    answer,
    answering,
    hangs_up_after_the_request,
    nobody_accepting,
    nobody_listening,
)

OK = answer(202, b'{"id": "1"}')


@pytest.fixture
async def client() -> AsyncIterator[PooledHttpClient]:
    client = PooledHttpClient()
    yield client
    await client.close()


class Gate:
    """A script that takes requests, and answers each only when let."""

    def __init__(self) -> None:
        self._held: asyncio.Queue[asyncio.Event] = asyncio.Queue()
        self.now = 0
        self.most = 0

    async def __call__(self, line: Line) -> None:
        while True:
            await line.request()
            self.now += 1
            self.most = max(self.most, self.now)
            let = asyncio.Event()
            self._held.put_nowait(let)
            await let.wait()
            self.now -= 1
            await line.say(OK)

    async def let(self, count: int) -> None:
        """Answer the next `count` requests, in the order in which they came."""
        for _ in range(count):
            (await self._held.get()).set()


async def test_no_more_connections_than_allowed() -> None:
    """Providers count connections too, and answer 421 or worse beyond their limit."""
    client = PooledHttpClient(max_connections=3)
    gate = Gate()
    async with FarSide(gate) as far:
        calls = [asyncio.ensure_future(client.call(post(far.url), PATIENT)) for _ in range(10)]
        await far.until_seen(3)
        await asyncio.sleep(0.01)
        assert gate.now == 3
        await gate.let(10)
        answers = await asyncio.gather(*calls)
        await client.close()

    assert [answer.status for answer in answers] == [202] * 10
    assert far.connections == 3
    assert gate.most == 3
    assert len(far.requests) == 10


async def test_who_waits_for_a_connection_is_served_in_turn() -> None:
    """Nobody starves while newer calls overtake."""
    client = PooledHttpClient(max_connections=1)
    async with FarSide(answering(OK)) as far:
        bodies = [b"%d" % number for number in range(9)]
        calls = [client.call(post(far.url, body), PATIENT) for body in bodies]
        await asyncio.gather(*calls)
        await client.close()

    assert [seen.body for seen in far.requests] == bodies
    assert far.connections == 1


async def test_a_wait_for_a_connection_that_runs_out_has_sent_nothing() -> None:
    """So the mail can go to another provider at once."""
    client = PooledHttpClient(max_connections=1)
    gate = Gate()
    async with FarSide(gate) as far:
        first = asyncio.ensure_future(client.call(post(far.url), PATIENT))
        await far.until_seen(1)
        late = await result_of(client.call(post(far.url), HASTY))
        await gate.let(1)

        assert isinstance(late, Silence)
        assert late.phase is Phase.CONNECT
        assert late.reason == "no free connection within 0.05 s"
        assert (await first).status == 202
        assert len(far.requests) == 1
        await client.close()


@pytest.mark.parametrize("turns", range(4))
async def test_who_waits_for_a_connection_and_is_cancelled_takes_none_away(turns: int) -> None:
    """A slot lost with each would stop all sending after 512 of them.

    One of the doomed is cancelled while it waits, one just as it is its turn or a little later.
    """
    client = PooledHttpClient(max_connections=1)
    async with FarSide(answering(OK)) as far:
        first = asyncio.ensure_future(client.call(post(far.url), PATIENT))
        await far.until_seen(1)
        doomed = [asyncio.ensure_future(client.call(post(far.url), PATIENT)) for _ in range(2)]
        last = asyncio.ensure_future(client.call(post(far.url), PATIENT))
        await asyncio.sleep(0)
        doomed[0].cancel()
        first.add_done_callback(lambda _: doomed[1].cancel() if turns == 0 else None)
        await first
        for _ in range(turns):
            await asyncio.sleep(0)
        doomed[1].cancel()

        assert (await asyncio.wait_for(last, 2)).status == 202
        assert doomed[0].cancelled()
        assert (await client.call(post(far.url), PATIENT)).status == 202
        await client.close()


@every_loop
def test_a_cancelled_call_closes_its_connection(run: Run) -> None:
    """Its answer would else be read as the answer to somebody else's call."""

    async def scenario() -> None:
        hung_up = asyncio.Event()

        async def script(line: Line) -> None:
            await line.request()
            await line.until_hung_up()
            hung_up.set()

        client = PooledHttpClient(max_connections=1)
        async with FarSide(script, answering(OK)) as far:
            call = asyncio.ensure_future(client.call(post(far.url), PATIENT))
            await far.until_seen(1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await asyncio.wait_for(hung_up.wait(), 1)
            assert (await client.call(post(far.url), PATIENT)).status == 202
            assert len(far.requests) == 2
            await client.close()

    run(bounded(scenario()))


async def test_a_call_cancelled_while_connecting_gives_its_slot_back() -> None:
    """The wait for a dead provider is when calls get cancelled."""
    client = PooledHttpClient(max_connections=1)
    with nobody_accepting() as port:
        for _ in range(3):
            call = asyncio.ensure_future(client.call(post(f"http://127.0.0.1:{port}"), PATIENT))
            await asyncio.sleep(0.01)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        result = await result_of(client.call(post(f"http://127.0.0.1:{port}"), HASTY))
    await client.close()

    assert isinstance(result, Silence)
    assert result.reason == "no connection within 0.05 s"


async def test_failed_connections_give_their_slots_back() -> None:
    """After an outage of the provider the client must still be able to call it."""
    client = PooledHttpClient(max_connections=2)
    with nobody_listening() as port:
        for _ in range(5):
            refused = await result_of(client.call(post(f"http://127.0.0.1:{port}"), PATIENT))
            assert isinstance(refused, Silence)
            assert refused.reason == "connection refused"
    async with FarSide(hangs_up_after_the_request) as far:
        for _ in range(5):
            silent = await result_of(client.call(post(far.url), PATIENT))
            assert isinstance(silent, Silence)
            assert silent.phase is Phase.ANSWER
        await client.close()

    assert len(far.requests) == 5


async def test_the_newest_idle_connection_is_used_first(client: PooledHttpClient) -> None:
    """The older ones come closer to the far side's idle limit with each second."""
    gate = Gate()
    async with FarSide(gate) as far:
        pair = [asyncio.ensure_future(client.call(post(far.url), PATIENT)) for _ in range(2)]
        await far.until_seen(2)
        await gate.let(2)
        await asyncio.gather(*pair)
        newest = far.requests[-1].connection
        for _ in range(3):
            call = asyncio.ensure_future(client.call(post(far.url), PATIENT))
            await gate.let(1)
            await call

    assert {seen.connection for seen in far.requests[2:]} == {newest}


def read_and_answered(connection: socket.socket) -> None:
    """Be the far side without the event loop: nothing runs in between."""
    connection.settimeout(2)
    while not connection.recv(1 << 16).endswith(b"{}"):
        pass
    connection.sendall(OK)


@every_loop
def test_a_connection_that_only_the_kernel_knows_is_closed_is_not_used(run: Run) -> None:
    """Our loop has not heard of it yet. Written to it, the mail's fate would be unknown."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        client = PooledHttpClient()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            listening.settimeout(0)
            first = loop.create_task(client.call(post(url), PATIENT))
            accepted, _ = await loop.sock_accept(listening)
            await asyncio.sleep(0.01)
            with accepted:
                read_and_answered(accepted)
                await first
            second = loop.create_task(client.call(post(url), PATIENT))
            accepted, _ = await loop.sock_accept(listening)
            await asyncio.sleep(0.01)
            with accepted:
                read_and_answered(accepted)
                assert (await second).status == 202
            await client.close()

    run(bounded(scenario()))


@every_loop
@pytest.mark.parametrize("wait", [0, 0.01])
def test_an_answer_nobody_asked_for_is_not_the_next_ones(run: Run, wait: float) -> None:
    """Late by one, each mail would be recorded with the outcome of the mail before it."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        client = PooledHttpClient()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            listening.settimeout(0)
            first = loop.create_task(client.call(post(url), PATIENT))
            old, _ = await loop.sock_accept(listening)
            await asyncio.sleep(0.01)
            with old:
                read_and_answered(old)
                await first
                old.sendall(answer(500))
                if wait:
                    await asyncio.sleep(wait)
                second = loop.create_task(client.call(post(url), PATIENT))
                new, _ = await loop.sock_accept(listening)
                await asyncio.sleep(0.01)
                with new:
                    read_and_answered(new)
                    assert (await second).status == 202
            await client.close()

    run(bounded(scenario()))


async def test_idle_connections_are_closed_after_their_lifetime() -> None:
    """We close before the far side does: its close as we write is an unknown outcome."""
    hung_up = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.say(OK)
        await line.until_hung_up()
        hung_up.set()

    client = PooledHttpClient(idle_lifetime=timedelta(seconds=0.05))
    async with FarSide(script, answering(OK)) as far:
        await client.call(post(far.url), PATIENT)
        await asyncio.wait_for(hung_up.wait(), 1)
        await client.call(post(far.url), PATIENT)
        await client.close()

    assert [seen.connection for seen in far.requests] == [0, 1]


@pytest.mark.parametrize(
    ("said", "connections"),
    [("timeout=1", 2), ("max=9, Timeout=1", 2), ("timeout=0", 2), ("timeout=60", 1), ("max=9", 1)],
)
async def test_a_shorter_lifetime_that_the_far_side_names_is_kept(
    client: PooledHttpClient, said: str, connections: int
) -> None:
    """A server that says "timeout=1" may close at any moment."""
    async with FarSide(answering(answer(202, headers={"Keep-Alive": said}))) as far:
        await client.call(post(far.url), PATIENT)
        await client.call(post(far.url), PATIENT)

        assert far.connections == connections


async def test_origins_do_not_share_connections(client: PooledHttpClient) -> None:
    """A mail for one provider on the connection to another would carry its key there."""
    async with FarSide(answering(OK)) as one, FarSide(answering(OK)) as other:
        for far in (one, other, one, other):
            await client.call(post(far.url), PATIENT)

    assert len(one.requests) == len(other.requests) == 2
    assert one.connections == other.connections == 1


async def test_many_calls_at_once_each_get_their_own_answer(client: PooledHttpClient) -> None:
    """Answers mixed up would be provider ids mixed up."""
    async with FarSide(answering(lambda seen: answer(202, seen.body))) as far:
        bodies = [b"%d" % number for number in range(300)]
        calls = [client.call(post(far.url, body), PATIENT) for body in bodies]
        answers = await asyncio.gather(*calls)

    assert [answer.body for answer in answers] == bodies
    assert len(far.requests) == 300


@every_loop
def test_closing_ends_idle_busy_and_waiting_calls(run: Run) -> None:
    """A stop must not hang, and what was under way is still told truthfully."""

    async def scenario() -> None:
        ends: list[int] = []

        async def script(line: Line) -> None:
            if line.number == 0:
                await line.request()
                await line.say(OK)
            await line.until_hung_up()
            ends.append(line.number)

        client = PooledHttpClient(max_connections=2)
        async with FarSide(script) as far, FarSide(answering(OK)) as idle:
            await client.call(post(idle.url), PATIENT)
            await client.call(post(far.url), PATIENT)
            calls = [
                asyncio.ensure_future(result_of(client.call(post(far.url), PATIENT)))
                for _ in range(4)
            ]
            await asyncio.sleep(0.02)
            await asyncio.wait_for(client.close(), 1)
            results = await asyncio.wait_for(asyncio.gather(*calls), 1)
            after = await result_of(client.call(post(far.url), PATIENT))
            await asyncio.sleep(0.01)
            assert sorted(ends) == [0, 1]

        phases = [result.phase for result in [*results, after] if isinstance(result, Silence)]
        assert phases == [Phase.ANSWER, Phase.ANSWER, *[Phase.CONNECT] * 3]

    run(bounded(scenario()))
