"""`/v1/events`: what happened, as a list and as it happens."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import httpx2
import pytest

from mail_sender.clock import FakeClock

from .stack import Stack, mail, pointers
from .streaming import listening


async def _sent(api: httpx2.AsyncClient, **fields: object) -> str:
    answer = await api.post("/v1/messages", json=mail(**fields), headers={"Prefer": "wait=10"})
    assert answer.json()["status"] == "sent"
    return str(answer.json()["id"])


async def test_events_are_listed_in_both_directions(api: httpx2.AsyncClient) -> None:
    """The newest first for people, the oldest first for programs that catch up."""
    first, second = await _sent(api), await _sent(api)

    newest = (await api.get("/v1/events", params={"limit": 3})).json()
    rest = (await api.get("/v1/events", params={"cursor": newest["next_cursor"]})).json()
    oldest = (await api.get("/v1/events", params={"order": "oldest_first"})).json()

    ids = [event["id"] for event in newest["data"] + rest["data"]]
    assert ids == sorted(ids, reverse=True) == [e["id"] for e in reversed(oldest["data"])]
    assert [(e["type"], e["message_id"]) for e in oldest["data"]] == [
        ("message.queued", first),
        ("message.sent", first),
        ("message.queued", second),
        ("message.sent", second),
    ]
    after = (await api.get("/v1/events", params={"order": "oldest_first", "cursor": ids[1]})).json()
    assert [event["id"] for event in after["data"]] == [ids[0]]


async def test_events_can_be_limited_to_a_message_or_a_key(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """A program usually wants to hear of its own mail only."""
    await _sent(api)
    async with stack.client(await stack.issue()) as other:
        theirs = await _sent(other)
    key = next(k for k in await stack.store.keys() if k.id != stack.key.id)

    by_message = (await api.get("/v1/events", params={"message_id": theirs})).json()["data"]
    by_key = (await api.get("/v1/events", params={"key_id": key.id})).json()["data"]

    assert {event["message_id"] for event in by_message} == {theirs}
    assert by_key == by_message


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("cursor=x", "#/query/cursor"),
        ("limit=1000", "#/query/limit"),
        ("order=random", "#/query/order"),
    ],
)
async def test_bad_parameters_are_refused(
    api: httpx2.AsyncClient, query: str, pointer: str
) -> None:
    """With a pointer to the parameter."""
    answer = await api.get(f"/v1/events?{query}")

    assert answer.status_code == 422
    assert pointers(answer) == [pointer]


# ---------------------------------------------------------------- the stream


def _events(text: str) -> list[dict[str, str]]:
    """Read server-sent events (HTML standard, section 9.2.6)."""
    blocks = (block for block in text.split("\n\n") if "data: " in block)
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]


async def test_the_stream_tells_what_happens_from_now_on(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """A dashboard learns of a hand-over without asking, and is not flooded with the past."""
    before = await _sent(api)
    async with listening(
        stack.app, "/v1/events/stream", Authorization=f"Bearer {stack.secret}"
    ) as stream:
        await stream.until("retry: ")
        id_ = await _sent(api)
        text = await stream.until("message.sent")

    assert stream.status == 200
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.headers["cache-control"] == "no-store"
    assert before not in text
    queued, sent = _events(text)
    assert (queued["event"], sent["event"]) == ("message.queued", "message.sent")
    assert json.loads(sent["data"])["message_id"] == id_
    assert json.loads(sent["data"])["id"] == sent["id"]


async def test_a_stream_that_broke_goes_on_where_it_was(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """`Last-Event-ID`: nothing is missed and nothing is told twice."""
    await _sent(api)
    seen = (await api.get("/v1/events")).json()["data"][0]["id"]
    id_ = await _sent(api)

    async with listening(
        stack.app,
        "/v1/events/stream",
        Authorization=f"Bearer {stack.secret}",
        Last_Event_ID=seen,
    ) as stream:
        text = await stream.until("message.sent")

    assert [json.loads(event["data"])["message_id"] for event in _events(text)] == [id_, id_]


async def test_a_stream_tells_each_event_once(stack: Stack, api: httpx2.AsyncClient) -> None:
    """It asks again and again, and must not repeat itself."""
    async with listening(
        stack.app, "/v1/events/stream", Authorization=f"Bearer {stack.secret}"
    ) as stream:
        await stream.until("retry: ")
        await _sent(api)
        await stream.until("message.sent")
        second = await _sent(api)
        await stream.until(f'"message_id":"{second}"')
        text = await stream.until("message.sent")

    ids = [event["id"] for event in _events(text)]
    assert len(ids) == len(set(ids))


async def test_a_stream_can_be_limited(stack: Stack, api: httpx2.AsyncClient) -> None:
    """One message's page follows that message."""
    first = await _sent(api)
    start = (await api.get("/v1/events", params={"order": "oldest_first"})).json()["data"][0]
    second = await _sent(api)

    async with listening(
        stack.app,
        f"/v1/events/stream?message_id={second}",
        Authorization=f"Bearer {stack.secret}",
        Last_Event_ID=start["id"],
    ) as stream:
        text = await stream.until("message.sent")

    assert second in text
    assert first not in text


async def test_an_event_id_that_is_none_is_refused(api: httpx2.AsyncClient) -> None:
    """Starting somewhere else without a word would lose events."""
    answer = await api.get("/v1/events/stream", headers={"Last-Event-ID": "7"})

    assert answer.status_code == 422
    assert pointers(answer) == ["#/header/Last-Event-ID"]


async def test_the_stream_ends_when_the_gateway_drains(stack: Stack) -> None:
    """Open streams must not keep a process from stopping."""
    async with listening(
        stack.app, "/v1/events/stream", Authorization=f"Bearer {stack.secret}"
    ) as stream:
        await stream.until("retry: ")
        stack.services.intake.drain()
        await asyncio.wait_for(stream.ended.wait(), 10)


async def test_the_stream_ends_with_its_key(idle: Stack) -> None:
    """A revoked key must not go on listening for days on an old connection."""
    assert isinstance(idle.clock, FakeClock)
    secret = await idle.issue(name="leaked")
    id_ = next(k.id for k in await idle.store.keys() if k.name == "leaked")
    async with listening(idle.app, "/v1/events/stream", Authorization=f"Bearer {secret}") as stream:
        await stream.until("retry: ")
        await idle.store.revoke_key(id_)
        idle.clock.advance(timedelta(seconds=1))
        await asyncio.wait_for(stream.ended.wait(), 10)


async def test_a_silent_stream_is_kept_alive(idle: Stack) -> None:
    """Proxies cut a connection on which nothing is said for a minute."""
    assert isinstance(idle.clock, FakeClock)
    async with listening(
        idle.app, "/v1/events/stream", Authorization=f"Bearer {idle.secret}"
    ) as stream:
        await stream.until("retry: ")
        idle.clock.advance(timedelta(seconds=15))
        await stream.until(": still here")
