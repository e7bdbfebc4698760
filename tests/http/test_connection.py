"""The line between "some of it left us" and "all of it left us", to the byte."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from datetime import timedelta

import pytest

from mail_sender.http.answer import AnswerLimits
from mail_sender.http.call import Phase, Silence, Timeouts
from mail_sender.http.connection import HttpConnection

from .far_side import answer

HASTY = Timeouts(write=timedelta(seconds=0.03), answer=timedelta(seconds=0.03))
HEAD = b"POST / HTTP/1.1\r\nHost: esp.test\r\nContent-Length: 1000\r\n\r\n"
BODY = bytes(1000)


class Kernel(asyncio.Transport):
    """A transport whose kernel takes `room` bytes and not one more until it is made."""

    def __init__(self, connection: HttpConnection, room: int, end: socket.socket) -> None:
        super().__init__({"socket": end})
        self.taken = b""
        self._waiting = b""
        self._connection = connection
        self._room = room
        self._high = 1 << 16
        self._low = 0
        connection.connection_made(self)

    def make_room(self, room: int) -> None:
        self._room += room
        self._move()
        if len(self._waiting) <= self._low:
            self._connection.resume_writing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._waiting += bytes(data)
        self._move()
        if len(self._waiting) > self._high:
            self._connection.pause_writing()

    def _move(self) -> None:
        taken = self._waiting[: self._room]
        self.taken += taken
        self._waiting = self._waiting[len(taken) :]
        self._room -= len(taken)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high is not None
        self._high, self._low = high, low or 0

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        pass


@pytest.fixture
def end() -> Iterator[socket.socket]:
    one, other = socket.socketpair()
    with one, other:
        yield one


@pytest.mark.parametrize(("missing", "phase"), [(0, Phase.ANSWER), (1, Phase.WRITE)])
async def test_a_byte_that_the_kernel_did_not_take_makes_the_difference(
    end: socket.socket, missing: int, phase: Phase
) -> None:
    """A far side that lacks a byte of the request has not read it; one that has all may have."""
    connection = HttpConnection(AnswerLimits(), set())
    Kernel(connection, len(HEAD + BODY) - missing, end)

    with pytest.raises(Silence) as raised:
        await connection.exchange(HEAD, BODY, HASTY)

    assert raised.value.phase is phase


async def test_each_part_has_its_own_time(end: socket.socket) -> None:
    """A slow upload of an attachment must not eat the time that the answer may take."""
    patient = Timeouts(write=timedelta(seconds=5), answer=timedelta(seconds=0.05))
    connection = HttpConnection(AnswerLimits(), set())
    kernel = Kernel(connection, 100, end)
    call = asyncio.ensure_future(connection.exchange(HEAD, BODY, patient))
    await asyncio.sleep(0.1)
    assert not call.done()

    kernel.make_room(5000)
    await asyncio.sleep(0)
    connection.data_received(answer(202))

    assert (await call).status == 202
    assert kernel.taken == HEAD + BODY
    assert connection.is_reusable


@pytest.mark.parametrize("missing", [0, 1])
async def test_an_answer_before_the_end_of_the_request_ends_the_connection(
    end: socket.socket, missing: int
) -> None:
    """The rest of the request would be read as the start of the next one."""
    connection = HttpConnection(AnswerLimits(), set())
    Kernel(connection, len(HEAD + BODY) - missing, end)
    call = asyncio.ensure_future(connection.exchange(HEAD, BODY, HASTY))
    await asyncio.sleep(0)
    connection.data_received(answer(413))

    assert (await call).status == 413
    assert connection.is_reusable == (missing == 0)


async def test_a_large_body_is_written_in_pieces_as_the_kernel_takes_them(
    end: socket.socket,
) -> None:
    """Its copy does not lie in the transport, and each byte goes out once and in order."""
    body = bytes(range(256)) * 1024
    connection = HttpConnection(AnswerLimits(), set())
    kernel = Kernel(connection, 0, end)
    call = asyncio.ensure_future(connection.exchange(HEAD, body, Timeouts()))
    await asyncio.sleep(0)
    while len(kernel.taken) < len(HEAD + body):
        kernel.make_room(10_000)
    connection.data_received(answer(202))

    assert (await call).status == 202
    assert kernel.taken == HEAD + body
