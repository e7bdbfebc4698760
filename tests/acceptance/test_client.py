"""The Python client and the real gateway: what it promises, while addresses and processes die."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mail_sender.client import (
    AsyncClient,
    Attachment,
    Client,
    Conflict,
    Event,
    InvalidRequest,
    Mail,
    Message,
    MessageRefused,
    NotAllowed,
    NotFound,
    NotSent,
    OutcomeUnknown,
    TryLater,
    Unauthorized,
)
from mail_sender.clock import SystemClock
from mail_sender.sandbox.faults import CutAfterBody, Down, Slow
from mail_sender.sandbox.server import Sandbox, SandboxSettings
from tests.acceptance.gateway import Gateway, gather_limited, provider_tables
from tests.acceptance.relays import Relay, relays
from tests.requirements import need

HOSTS = ("127.0.4.1", "127.0.4.2")
ORDER = Mail(
    sender="Shop <shop@example.com>", to="ann@example.net", subject="Order 7", text="Thank you!"
)


class InThread:
    """A `Client` whose calls run on threads, so that a test can do something meanwhile."""

    def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401
        self._client = Client(*given, **named)
        self._threads = ThreadPoolExecutor(16)  # the loop's own must be free for the test

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._client, name)

        async def call(*given: Any, **named: Any) -> Any:  # noqa: ANN401
            return await self._on_thread(method, *given, **named)

        return call

    async def events(self, **named: Any) -> AsyncIterator[Event]:  # noqa: ANN401
        events = self._client.events(**named)
        try:
            while True:
                yield await self._on_thread(next, events)
        finally:
            self._client.close()

    async def _on_thread(self, work: Callable[..., Any], *given: Any, **named: Any) -> Any:  # noqa: ANN401
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(work, *given, **named))


@pytest.fixture(params=[Client, AsyncClient], ids=["threads", "asyncio"])
def kind(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Return what makes a client whose methods are awaited."""
    need(sys.platform == "linux", "Linux: all of 127.0.0.0/8 is loopback there")
    return InThread if request.param is Client else AsyncClient


@asynccontextmanager
async def served(
    tmp_path: Path, *accounts: str, **sections: dict[str, object]
) -> AsyncIterator[tuple[Gateway, Sandbox]]:
    """Run a gateway with some of the sandbox's accounts."""
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        tables = provider_tables(sandbox)
        gateway = Gateway(tmp_path, {name: tables[name] for name in accounts}, **sections)
        async with gateway.running():
            yield gateway, sandbox


# ---------------------------------------------------------------- every call


async def test_every_call_does_what_it_says(tmp_path: Path, kind: Callable[..., Any]) -> None:
    """The whole client against the whole gateway."""
    async with served(tmp_path, "ses", "mailgun") as (gateway, sandbox):
        client = kind(gateway.url, gateway.key)
        try:
            await _try_everything(client, sandbox)
        finally:
            await client.close()


async def _try_everything(client: Any, sandbox: Sandbox) -> None:  # noqa: ANN401
    mail = Mail(
        sender="Shop <shop@example.com>", to=["Ann <ann@example.net>"], cc="bea@example.net",
        bcc="cid@example.org", reply_to="help@example.com", subject="Grüße", text="Hallo",
        html="<p>Hallo</p>", headers={"X-Campaign": "spring"}, tags=["orders"],
        metadata={"order": "7"}, priority="high", give_up_after=600,
        attachments=[Attachment(filename="a.txt", content=b"hello", content_type="text/plain")],
        idempotency_key="order-7",
    )  # fmt: skip
    accepted: Message = await client.send(mail)
    again: Message = await client.send(mail)
    assert accepted.status == "queued"
    assert (again.id, again.is_replayed) == (accepted.id, True)
    assert accepted.metadata == {"order": "7"}
    assert accepted.created_at is not None

    done: Message = await client.wait(accepted.id)
    assert (done.status, done.provider, done.has_ended) == ("sent", "ses", True)
    assert {r.address: r.kind for r in done.recipients} == {
        "ann@example.net": "to", "bea@example.net": "cc", "cid@example.org": "bcc",
    }  # fmt: skip
    (got,) = sandbox.inbox.newest(limit=5, ms_id=accepted.id)
    contents = got.read()
    assert (contents.subject, contents.attachments[0].filename) == ("Grüße", "a.txt")

    now: Message = await client.send_now(ORDER)
    assert (now.status, now.attempts[0].outcome) == ("sent", "accepted")
    waited: Message = await client.send(ORDER, wait=10)
    assert waited.status == "sent"

    explained = await client.explain(ORDER)
    assert [step.provider for step in explained.providers] == ["ses", "mailgun"]
    assert (explained.would_be_sent, explained.has_backup) == (True, True)

    bad = Mail(to="nonsense", text="x")
    results = await client.send_batch([ORDER, bad, ORDER])
    assert [result.status for result in results] == [202, 422, 202]
    assert results[1].problem.errors[0].pointer == "/messages/1/to"
    assert results[0].message.id != results[2].message.id

    later = Mail(to="ann@example.net", sender="shop@example.com", text="x", route="default",
                 send_at=_in_an_hour())  # fmt: skip
    scheduled: Message = await client.send(later)
    assert scheduled.status == "scheduled"
    assert (await client.cancel(scheduled.id)).status == "cancelled"
    assert (await client.cancel(scheduled.id)).status == "cancelled", "twice is as once"
    with pytest.raises(Conflict):
        await client.retry(now.id)
    with pytest.raises(Conflict):
        await client.cancel(now.id)


def _in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


async def test_every_refusal_is_an_exception_of_its_own(
    tmp_path: Path, kind: Callable[..., Any]
) -> None:
    """A program decides by the class, and finds the gateway's words in it."""
    async with served(tmp_path, "relay", "ses") as (gateway, sandbox):
        client = kind(gateway.url, gateway.key)
        stranger = kind(gateway.url, "ms_live_nobody")
        try:
            with pytest.raises(InvalidRequest) as invalid:
                await client.send(Mail(sender="shop@example.com", to="x", tags=["no tag"]))
            assert {fault.pointer for fault in invalid.value.faults} >= {"/to"}
            with pytest.raises(Unauthorized):
                await stranger.send(ORDER)
            with pytest.raises(NotFound):
                await client.status("msg_01JZX3M8Q0V5W6Y7Z8A9B0C1D2")
            await client.send(Mail(to="a@example.net", sender="s@example.com", text="1",
                                   idempotency_key="k"))  # fmt: skip
            with pytest.raises(InvalidRequest, match="idempotency_mismatch"):
                await client.send(Mail(to="a@example.net", sender="s@example.com", text="2",
                                       idempotency_key="k"))  # fmt: skip
            with pytest.raises(MessageRefused) as refused:
                await client.send_now(Mail(to="bounce@example.net", sender="s@example.com",
                                           text="x"))  # fmt: skip
            assert refused.value.message.attempts[0].enhanced_code == "5.1.1"

            for account in ("relay", "ses"):
                await sandbox.put_faults(account, Down())
            with pytest.raises(NotSent) as not_sent:
                await client.send_now(ORDER)
            assert not_sent.value.message.status == "failed"
            await sandbox.heal("relay")
            await sandbox.heal("ses")
        finally:
            await client.close()
            await stranger.close()


async def test_an_unknown_outcome_is_told_and_can_be_followed(
    tmp_path: Path, kind: Callable[..., Any]
) -> None:
    """Nobody knows: the caller gets the id and must not send again."""
    async with served(tmp_path, "ses") as (gateway, sandbox):
        await sandbox.put_faults("ses", CutAfterBody())
        client = kind(gateway.url, gateway.key)
        try:
            with pytest.raises(OutcomeUnknown) as unknown:
                await client.send_now(ORDER)
            assert (await client.status(unknown.value.message.id)).status == "unknown"
        finally:
            await client.close()


async def test_a_key_without_the_scope_is_not_allowed(
    tmp_path: Path, kind: Callable[..., Any]
) -> None:
    """Made with the client's own means for calls that have no method."""
    async with served(tmp_path, "ses") as (gateway, _):
        client = kind(gateway.url, gateway.key)
        made = await client.request("POST", "/v1/keys", body={"name": "reader", "scopes": ["read"]})
        reader = kind(gateway.url, _secret(made.body))
        try:
            with pytest.raises(NotAllowed, match="scope_missing"):
                await reader.send(ORDER)
        finally:
            await client.close()
            await reader.close()


def _secret(body: bytes) -> str:
    return str(json.loads(body)["secret"])


# ---------------------------------------------------------------- addresses die


async def test_addresses_die_one_after_the_other_and_no_request_fails(
    tmp_path: Path, kind: Callable[..., Any]
) -> None:
    """Two entries, each of which dies and comes back: nothing fails, is lost or doubled.

    What dies cuts requests in every state: not sent, sent and not answered, half answered.
    """
    async with served(tmp_path, "ses") as (gateway, sandbox):
        await sandbox.put_faults("ses", Slow(seconds=0.02))
        async with relays(gateway.url, *HOSTS) as (first, second):
            client = kind(f"http://gateway.test:{first.port}", gateway.key, addresses=HOSTS)
            dying = asyncio.create_task(_die_by_turns(first, second))
            sent = itertools.count()

            async def send() -> Message:
                if next(sent) % 4 == 0:
                    return await client.send_now(ORDER)  # type: ignore[no-any-return]
                return await client.send(ORDER)  # type: ignore[no-any-return]

            begun = time.monotonic()
            messages: list[Message] = []
            while not dying.done() or len(messages) < 400:
                messages += await gather_limited(12, [send() for _ in range(60)])
                assert time.monotonic() - begun < 60
            await dying
            await client.close()
        ids = [message.id for message in messages]
        ended = await gateway.settled(ids)

    assert len(set(ids)) == len(ids)
    assert {message["status"] for message in ended.values()} == {"sent"}
    assert sandbox.inbox.totals.mails == len(ids), "as many mails as calls: none doubled"
    assert sandbox.inbox.distinct == len(ids), "and each of them came"
    assert min(first.taken, second.taken) > 1, "both entries were used"


async def _die_by_turns(*each: Relay) -> None:
    for _ in range(3):
        for relay in each:
            await asyncio.sleep(0.4)
            relay.kill()
            await asyncio.sleep(0.4)
            await relay.open()


# ---------------------------------------------------------------- the gateway dies


async def test_kill_9_under_load_and_the_client_waits_for_the_next_start(
    tmp_path: Path, kind: Callable[..., Any]
) -> None:
    """The load balancer says 503 meanwhile. Every call succeeds, each mail arrives once."""
    async with served(tmp_path, "ses") as (gateway, sandbox):
        async with relays(gateway.url, *HOSTS) as both:
            client = kind(f"http://gateway.test:{both[0].port}", gateway.key, addresses=HOSTS)
            calls = gather_limited(12, [client.send(ORDER) for _ in range(600)])
            sending = asyncio.create_task(calls)
            await asyncio.sleep(0.5)
            gateway.kill()
            await asyncio.sleep(0.5)
            await gateway.start()
            for relay in both:
                relay.target = gateway.url
            messages: list[Message] = await sending
            await client.close()
        ended = await gateway.settled([message.id for message in messages])

    ids = {message.id for message in messages}
    statuses = {message["status"] for message in ended.values()}
    assert len(ids) == 600
    assert statuses <= {"sent", "unknown"}, "unknown: the kill came between intent and answer"
    unknown = {id_ for id_, message in ended.items() if message["status"] == "unknown"}
    assert len(unknown) < 100
    assert sandbox.inbox.totals.mails == sandbox.inbox.distinct, "none came twice"
    assert all(sandbox.inbox.receipts(id_).recipients for id_ in ids - unknown)


async def test_a_gateway_that_drains_costs_a_pause_and_nothing_else(
    tmp_path: Path, kind: Callable[..., Any]
) -> None:
    """503 with Retry-After while it stops, refused while it is away, then it is back."""
    async with served(tmp_path, "ses") as (gateway, sandbox):
        async with relays(gateway.url, HOSTS[0]) as (only,):
            client = kind(f"http://gateway.test:{only.port}", gateway.key, addresses=HOSTS[:1])
            calls = gather_limited(8, [client.send(ORDER) for _ in range(300)])
            sending = asyncio.create_task(calls)
            await asyncio.sleep(0.3)
            assert await gateway.stop() == 0
            await gateway.start()
            only.target = gateway.url
            messages: list[Message] = await sending
            await client.close()
        await gateway.settled([message.id for message in messages])

    assert len({message.id for message in messages}) == 300
    assert (sandbox.inbox.totals.mails, sandbox.inbox.distinct) == (300, 300)


async def test_a_gateway_that_can_store_nothing_is_told_with_the_time_to_come_back(
    tmp_path: Path, kind: Callable[..., Any]
) -> None:
    """A full queue: nothing was accepted, and the caller hears when to try again."""
    async with served(tmp_path, "ses", queue={"max_queued": 1}) as (gateway, sandbox):
        await sandbox.put_faults("ses", Down())
        client = kind(gateway.url, gateway.key, deadline=2.0)
        with pytest.raises(TryLater) as full:
            await _fill(client)
        await client.close()

    assert (full.value.code, full.value.retry_after) == ("queue_full", 30)


async def _fill(client: Any) -> None:  # noqa: ANN401
    for _ in range(20):
        await client.send(ORDER)
        await asyncio.sleep(0.3)  # the depth is counted every now and then


# ---------------------------------------------------------------- events


async def test_the_stream_of_events_goes_through_a_restart(
    tmp_path: Path, kind: Callable[..., Any]
) -> None:
    """Every event of every mail comes once and in order, with a kill and a drain in between."""
    async with served(tmp_path, "ses") as (gateway, _), relays(gateway.url, *HOSTS) as both:
        client = kind(f"http://gateway.test:{both[0].port}", gateway.key, addresses=HOSTS)
        seen: list[Event] = []
        await client.send(ORDER, wait=20)
        answer = await client.request("GET", "/v1/events", query={"limit": 1})
        newest = json.loads(answer.body)["data"][0]["id"]
        watching = asyncio.create_task(_watch(client, newest, 15, seen))
        ids = [(await client.send(ORDER)).id for _ in range(5)]
        for end in (gateway.kill, gateway.stop):
            ended = end()
            if ended is not None:
                await ended
            await gateway.start()
            for relay in both:
                relay.target = gateway.url
            ids += [(await client.send(ORDER)).id for _ in range(5)]
        await asyncio.wait_for(watching, 30)
        await client.close()

    events = [event.id for event in seen]
    assert events == sorted(set(events)), "in order, none twice"
    assert {event.message_id for event in seen if event.type == "message.queued"} == set(ids)


async def _watch(client: Any, after: str, how_many: int, seen: list[Event]) -> None:  # noqa: ANN401
    """See events until so many mails have ended."""
    ended = 0
    async for event in client.events(after=after):
        seen.append(event)
        ended += event.type in {"message.sent", "message.unknown"}
        if ended == how_many:
            return
