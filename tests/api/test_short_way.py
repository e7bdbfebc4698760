"""The short way through the server: whatever is asked, it answers as the long way does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response

from mail_sender.api.asgi import Hot, make_app
from mail_sender.app.short_way import ShortWayProtocol

from .stack import Stack, mail, running

Heads = dict[bytes, bytes]


@asynccontextmanager
async def served(
    stack: Stack, *, short: bool, hot: Mapping[bytes, Hot] | None = None
) -> AsyncIterator[int]:
    """Serve the stack; with `short` False the long way only. Gives the port."""
    app = make_app(stack.services)
    hot = (hot or app.hot) if short else {}
    config = uvicorn.Config(
        app,
        http=partial(ShortWayProtocol, hot),  # type: ignore[arg-type]  # as good as a class
        lifespan="off",
        log_config=None,
        server_header=False,
    )
    config.load()
    state = uvicorn.server.ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: config.http_protocol_class(config=config, server_state=state, app_state={}),  # type: ignore[call-arg]
        "127.0.0.1",
        0,
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in [*state.connections]:
            connection.transport.close()


class Line:
    """One connection, and what comes back on it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, secret: str
    ) -> None:
        self.reader = reader
        self.writer = writer
        self._secret = secret

    def request(self, body: bytes, *fields: str, path: str = "/v1/messages") -> bytes:
        length = (
            [] if any("chunked" in each for each in fields) else [f"Content-Length: {len(body)}"]
        )
        head = [
            f"POST {path} HTTP/1.1", "Host: gateway.test", f"Authorization: Bearer {self._secret}",
            *length, *fields,
        ]  # fmt: skip
        return "\r\n".join(head).encode() + b"\r\n\r\n" + body

    async def answer(self) -> tuple[int, Heads, bytes]:
        async with asyncio.timeout(10):
            head = await self.reader.readuntil(b"\r\n\r\n")
            status, *lines = head.strip().split(b"\r\n")
            fields = dict(line.split(b": ", 1) for line in lines)
            return (
                int(status[9:12]),
                fields,
                await self.reader.readexactly(int(fields[b"content-length"])),
            )

    async def ask(self, request: bytes) -> tuple[int, Heads, bytes]:
        self.writer.write(request)
        return await self.answer()


@asynccontextmanager
async def connected(port: int, secret: str) -> AsyncIterator[Line]:
    """Connect, and hang up at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Line(reader, writer, secret)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with running(tmp_path, claims=False) as stack:
        yield stack


JSON = "Content-Type: application/json"
GOOD = json.dumps(mail()).encode()
CASES = {
    "accepted": (GOOD, (JSON,), "/v1/messages"),
    "own id": (GOOD, (JSON, "X-Request-Id: abc"), "/v1/messages"),
    "bad id": (GOOD, (JSON, "X-Request-Id: a b"), "/v1/messages"),
    "refused": (b'{"to": 7}', (JSON,), "/v1/messages"),
    "not JSON": (b"{", (JSON,), "/v1/messages"),
    "wrong type": (GOOD, ("Content-Type: text/plain",), "/v1/messages"),
    "no body": (b"", (JSON,), "/v1/messages"),
    "to be closed": (GOOD, (JSON, "Connection: close"), "/v1/messages"),
    "batch": (b'{"messages": [%b]}' % GOOD, (JSON,), "/v1/messages/batch"),
    "query": (GOOD, (JSON,), "/v1/messages?x=1"),
}
_ITS_OWN = {b"x-request-id", b"location", b"date", b"content-length"}


@pytest.mark.parametrize("case", CASES)
async def test_both_ways_answer_the_same(stack: Stack, case: str) -> None:
    """Which one a request takes is nothing that a client can notice."""
    body, fields, path = CASES[case]
    answers = []
    for short in (True, False):
        async with served(stack, short=short) as port, AsyncExitStack() as lines:
            line = await lines.enter_async_context(connected(port, stack.secret))
            answers.append(await line.ask(line.request(body, *fields, path=path)))
    (status, heads, _), (long_status, long_heads, _) = answers
    assert status == long_status
    assert heads.keys() == long_heads.keys()
    assert {k: v for k, v in heads.items() if k not in _ITS_OWN} == {
        k: v for k, v in long_heads.items() if k not in _ITS_OWN
    }


async def test_a_wrong_key_is_refused_on_the_short_way(stack: Stack) -> None:
    """It goes past the layers, not past the key."""
    async with served(stack, short=True) as port, AsyncExitStack() as lines:
        line = await lines.enter_async_context(connected(port, "ms_live_wrong"))
        status, fields, _ = await line.ask(line.request(GOOD, JSON))
    assert (status, fields[b"www-authenticate"]) == (401, b'Bearer realm="mail-sender"')


async def test_one_connection_serves_many_requests(stack: Stack) -> None:
    """Also when the way changes between them."""
    async with served(stack, short=True) as port, AsyncExitStack() as lines:
        line = await lines.enter_async_context(connected(port, stack.secret))
        for fields in ((), ("Origin: https://example.com",), ("Expect: x",), ()):
            status, _, _ = await line.ask(line.request(GOOD, JSON, *fields))
            assert status == 202


async def test_a_body_that_comes_in_pieces_is_read_whole(stack: Stack) -> None:
    """A network cuts where it likes."""
    async with served(stack, short=True) as port, AsyncExitStack() as lines:
        line = await lines.enter_async_context(connected(port, stack.secret))
        request = line.request(GOOD, JSON)
        for start in range(0, len(request), 40):
            line.writer.write(request[start : start + 40])
            await asyncio.sleep(0)
        assert (await line.answer())[0] == 202


async def test_requests_that_do_not_wait_for_answers_are_answered_in_order(stack: Stack) -> None:
    """HTTP/1.1 lets a client do that (RFC 9112 section 9.3.2), however long the first takes."""

    async def slow(request: Request) -> Response:
        await asyncio.sleep(0.05)
        return Response(await request.body(), 200)

    hot = {b"/v1/messages": Hot(make_app(stack.services), slow)}
    async with served(stack, short=True, hot=hot) as port, AsyncExitStack() as lines:
        line = await lines.enter_async_context(connected(port, stack.secret))
        line.writer.write(line.request(b"first", JSON) + line.request(GOOD, JSON))
        line.writer.write(line.request(b"{", JSON))
        answers = [await line.answer() for _ in range(3)]
    assert [status for status, _, _ in answers] == [200, 202, 400]
    assert answers[0][2] == b"first"


async def test_a_large_body_and_one_of_unknown_length_take_the_long_way(stack: Stack) -> None:
    """There it is counted while it comes."""
    async with served(stack, short=True) as port, AsyncExitStack() as lines:
        line = await lines.enter_async_context(connected(port, stack.secret))
        large = json.dumps(mail(text="x" * 70_000)).encode()
        assert (await line.ask(line.request(large, JSON)))[0] == 202
        chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD), GOOD)
        chunked = line.request(chunk, JSON, "Transfer-Encoding: chunked")
        assert (await line.ask(chunked))[0] == 202


async def test_a_client_that_is_gone_breaks_nothing(stack: Stack) -> None:
    """Its mail was accepted all the same; the next client is served."""
    async with served(stack, short=True) as port, AsyncExitStack() as lines:
        gone = await lines.enter_async_context(connected(port, stack.secret))
        gone.writer.write(gone.request(GOOD, JSON))
        await gone.writer.drain()
        gone.writer.close()
        line = await lines.enter_async_context(connected(port, stack.secret))
        assert (await line.ask(line.request(GOOD, JSON)))[0] == 202


async def test_a_bug_is_a_500_without_words(stack: Stack) -> None:
    """The client learns that it was not its fault, and nothing of ours."""

    async def broken(_request: Request) -> Response:
        raise RuntimeError("secret words")

    hot = {b"/v1/messages": Hot(make_app(stack.services), broken)}
    async with served(stack, short=True, hot=hot) as port, AsyncExitStack() as lines:
        line = await lines.enter_async_context(connected(port, stack.secret))
        status, _, body = await line.ask(line.request(GOOD, JSON))
    assert status == 500
    assert b"secret words" not in body


async def test_the_usual_request_takes_the_short_way_and_no_other_does(stack: Stack) -> None:
    """Otherwise the rest of this file would prove nothing."""

    async def gone_by(_request: Request) -> Response:
        return Response(b"short", 200)

    hot = {b"/v1/messages": Hot(make_app(stack.services), gone_by)}
    async with served(stack, short=True, hot=hot) as port, AsyncExitStack() as lines:
        line = await lines.enter_async_context(connected(port, stack.secret))
        large = json.dumps(mail(text="x" * 70_000)).encode()
        ways = [
            (await line.ask(line.request(body, JSON, *fields)))[0]
            for body, *fields in ((GOOD,), (GOOD, "Origin: https://example.com"), (large,), (GOOD,))
        ]
    assert ways == [200, 202, 202, 200]
