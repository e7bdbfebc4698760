"""The far side of an HTTP call, for tests: a server on loopback that does what a script says.

Neighbours: tests of the HTTP client and of every provider that is reached over HTTP. It shares
no code with what it tests: requests are taken apart by hand, answers are the bytes that the
test wrote. Every *complete* request is kept in `FarSide.requests`, because the question behind
most of these tests is how often the far side saw a mail.

    async with FarSide(answering(answer(200, b'{"id": "1"}'))) as far:
        ...call f"{far.url}/send"...
    assert [seen.target for seen in far.requests] == ["/send"]

A script is a coroutine function that gets one accepted `Line`. The first connection gets the
first script, the second the second, all further ones the last. When it returns, the line is
closed. The ready-made ones at the end of the file are named for what the far side does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self, cast

_MAX_HEAD = 1 << 20


@dataclass(frozen=True, slots=True)
class Seen:
    """A complete request.

    Attributes:
        target: What stood in the request line, such as "/send?a=b".
        headers: Names in lower case; of repeated ones the last.
        connection: Number of the connection that it came on, from 0.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: int

    def json(self) -> object:
        """Return the decoded body; fails the test when it is not JSON."""
        return json.loads(self.body)


class Line:
    """One accepted connection, in the hands of a script."""

    def __init__(
        self, far: FarSide, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.number = number
        self.reader = reader
        self.writer = writer
        self._far = far

    async def head(self) -> bytes:
        """Read a request's head, with the empty line. Nothing is recorded."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def request(self) -> Seen:
        """Read one whole request and record it.

        Raises:
            asyncio.IncompleteReadError: The client hung up first. It ends a script quietly.
        """
        request_line, *fields = (await self.head()).decode("latin-1").split("\r\n")[:-2]
        method, target, _ = request_line.split(" ")
        headers = {}
        for field in fields:
            name, _, value = field.partition(":")
            headers[name.lower()] = value.strip()
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        seen = Seen(method, target, headers, body, self.number)
        self._far.record(seen)
        return seen

    async def say(self, data: bytes) -> None:
        """Write bytes and wait until the kernel has nearly all of them."""
        self.writer.write(data)
        await self.writer.drain()

    async def hang_up(self) -> None:
        """Close in the proper way: what was said, then close_notify under TLS, then FIN."""
        self.writer.close()
        await self.writer.wait_closed()

    def cut(self) -> None:
        """Close without close_notify. A FIN, or a RST where something was left unread."""
        self.writer.transport.abort()

    def reset(self) -> None:
        """Close with a RST."""
        raw: socket.socket = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def stop_reading(self) -> None:
        """Take nothing more from the kernel, whose buffer then fills up."""
        cast("asyncio.Transport", self.writer.transport).pause_reading()

    async def until_read(self) -> None:
        """Give a client on the same event loop the time to read all that was said."""
        for _ in range(20):
            await asyncio.sleep(0.001)

    async def until_hung_up(self) -> None:
        """Read and forget until the client closes."""
        while await self.reader.read(1 << 16):
            pass

    async def forever(self) -> None:
        """Keep the line open, silent, until the test is over."""
        await self._far.over.wait()


Script = Callable[[Line], Awaitable[None]]


class FarSide:
    """A server whose lines follow scripts.

    Attributes:
        requests: Complete requests, in the order in which they were complete.
        connections: How many lines were opened (under TLS: whose handshake succeeded).
    """

    def __init__(
        self,
        *scripts: Script,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        name: str | None = None,
        receive_buffer: int | None = None,
    ) -> None:
        """Prepare a server; `async with` starts and stops it.

        Args:
            scripts: One a connection, the last one for all further ones.
            tls: From `authority.Authority.server_context`; the URL is then https.
            host: Address to listen on.
            name: Host name in `url`; None: the address.
            receive_buffer: Size of the kernel's receive buffer in bytes, to stall writes early.
        """
        self.requests: list[Seen] = []
        self.connections = 0
        self.over = asyncio.Event()
        self._news = asyncio.Event()
        self._scripts = scripts
        self._tls = tls
        self._host = host
        self._name = name or (f"[{host}]" if ":" in host else host)
        self._receive_buffer = receive_buffer
        self._lines: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._ended: list[asyncio.Task[None]] = []
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        return f"{'https' if self._tls else 'http'}://{self._name}:{self.port}"

    def record(self, seen: Seen) -> None:
        """Keep a request that is complete."""
        self.requests.append(seen)
        self._news.set()

    async def until_seen(self, count: int) -> None:
        """Wait until so many requests were complete."""
        while len(self.requests) < count:
            self._news.clear()
            await self._news.wait()

    async def __aenter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        # Named TCP, or asyncio leaves TCP_NODELAY unset and answers wait for delayed ACKs.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if self._receive_buffer is not None:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        listening.bind((self._host, 0))
        self.port = listening.getsockname()[1]
        self._server = await asyncio.start_server(
            self._accept, sock=listening, ssl=self._tls, limit=_MAX_HEAD, backlog=1024
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self.over.set()
        self._server.close()
        for task, writer in list(self._lines.items()):
            task.cancel()
            writer.transport.abort()
        endings = await asyncio.gather(*self._ended, *self._lines, return_exceptions=True)
        await self._server.wait_closed()
        for ending in endings:  # a script with a mistake in it fails the test
            if isinstance(ending, Exception):
                raise ending

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self._scripts[min(self.connections, len(self._scripts) - 1)]
        line = Line(self, self.connections, reader, writer)
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._follow(script, line))
        self._lines[task] = writer
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        del self._lines[task]
        self._ended.append(task)

    async def _follow(self, script: Script, line: Line) -> None:
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
                await script(line)
        finally:
            line.writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
                await line.writer.wait_closed()


def answer(
    status: int = 200,
    body: bytes = b"{}",
    *,
    headers: Mapping[str, str] | None = None,
    content_type: str = "application/json",
) -> bytes:
    """Return an answer with its Content-Length, as bytes for the wire."""
    fields = {"Content-Type": content_type, "Content-Length": str(len(body)), **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Words\r\n{lines}\r\n".encode("latin-1") + body


def answering(*answers: bytes | Callable[[Seen], bytes]) -> Script:
    """Answer each request of a line in turn, the last answer for all further ones.

    The turn is counted over all lines of this script. A function gets the request.
    """
    turn = 0

    async def script(line: Line) -> None:
        nonlocal turn
        while True:
            seen = await line.request()
            this = answers[min(turn, len(answers) - 1)]
            turn += 1
            await line.say(this if isinstance(this, bytes) else this(seen))

    return script


def answering_in_pieces(data: bytes, *, size: int = 1, pause: float = 0.0) -> Script:
    """Answer one request in pieces of `size` bytes, `pause` seconds apart."""

    async def script(line: Line) -> None:
        await line.request()
        for start in range(0, len(data), size):
            await line.say(data[start : start + size])
            await asyncio.sleep(pause)
        await line.until_hung_up()

    return script


async def closes_at_once(line: Line) -> None:
    """Accept, and close."""
    await line.hang_up()


async def cuts_after_the_head(line: Line) -> None:
    """Read the head of the request, and close."""
    await line.head()
    line.cut()


async def hangs_up_after_the_request(line: Line) -> None:
    """Take the whole request, perhaps the mail, and close without a word."""
    await line.request()
    await line.hang_up()


async def resets_after_the_request(line: Line) -> None:
    """Take the whole request, perhaps the mail, and reset."""
    await line.request()
    line.reset()


async def never_answers(line: Line) -> None:
    """Take requests and say nothing, ever."""
    while True:
        await line.request()


async def never_reads(line: Line) -> None:
    """Accept, read nothing, say nothing. Use it with a small `receive_buffer`."""
    line.stop_reading()
    await line.forever()


def says_then_hangs_up(data: bytes) -> Script:
    """Take one request, say `data` (half an answer, say), and close in the proper way."""

    async def script(line: Line) -> None:
        await line.request()
        await line.say(data)
        await line.hang_up()

    return script


def says_then_cuts(data: bytes) -> Script:
    """Take one request, say `data`, and close without close_notify."""

    async def script(line: Line) -> None:
        await line.request()
        await line.say(data)
        line.cut()

    return script


def says_then_resets(data: bytes) -> Script:
    """Take one request, say `data`, let it arrive, and reset."""

    async def script(line: Line) -> None:
        await line.request()
        await line.say(data)
        await line.until_read()
        line.reset()

    return script


def says_then_waits(data: bytes) -> Script:
    """Take one request, say `data`, and keep the line open until the client closes it."""

    async def script(line: Line) -> None:
        await line.request()
        await line.say(data)
        await line.until_hung_up()

    return script


def resets_at_the_next_request(first: bytes) -> Script:
    """Answer the first request and reset as soon as a byte of the second one comes."""

    async def script(line: Line) -> None:
        await line.request()
        await line.say(first)
        await line.reader.readexactly(1)
        line.reset()

    return script


def takes_the_next_request_and(end: Callable[[Line], None], *, first: bytes) -> Script:
    """Answer the first request, take the second one whole, and end the line with `end`."""

    async def script(line: Line) -> None:
        await line.request()
        await line.say(first)
        await line.request()
        end(line)

    return script


def answers_before_the_body(data: bytes) -> Script:
    """Read the head only, answer (413, say), and read no more."""

    async def script(line: Line) -> None:
        await line.head()
        line.stop_reading()
        await line.say(data)
        await line.forever()

    return script


@contextlib.contextmanager
def nobody_listening(host: str = "127.0.0.1") -> Iterator[int]:
    """Yield a port, held but not listened on: connections are refused."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as held:
        held.bind((host, 0))
        yield held.getsockname()[1]


@contextlib.contextmanager
def closing_at_accept() -> Iterator[int]:
    """Yield a port whose connections are closed in the loop turn in which they arrive.

    With `closes_at_once` a client on the same loop has written by then; here it has not.
    """
    loop = asyncio.get_running_loop()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def accept() -> None:
            listening.accept()[0].close()

        loop.add_reader(listening, accept)
        yield listening.getsockname()[1]
        loop.remove_reader(listening)


@contextlib.contextmanager
def nobody_accepting() -> Iterator[int]:
    """Yield a port whose backlog is full: connections are neither made nor refused."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.settimeout(0)
            filler.connect_ex(address)
        yield address[1]
