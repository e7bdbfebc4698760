"""HTTP/1.1 on a connection, where clients are less tidy than ours."""

from __future__ import annotations

import asyncio
import gc
import json

import pytest

from mail_sender.sandbox.faults import Slow
from mail_sender.sandbox.server import Sandbox

from .clients import (
    SIGNED,
    End,
    ask,
    ask_on,
    connection,
    http,
    listen,
    mailgun_send,
    ses_send,
    ses_simple,
)

ABOUT = http("GET", "/v2/email/account", Authorization=SIGNED)


async def test_a_connection_is_kept_for_many_calls(sandbox: Sandbox) -> None:
    """A benchmark that had to connect for each mail would measure the kernel."""
    async with connection(sandbox.port_of("ses")) as (reader, writer):
        heard = [(await ask_on(reader, writer, ses_send())).status for _ in range(20)]

    assert heard == [200] * 20
    assert len(sandbox.inbox) == 20


async def test_connection_close_is_honoured(sandbox: Sandbox) -> None:
    """RFC 9112 section 9.6: the client said that it waits for the end."""
    request = ABOUT.replace(b"Host:", b"Connection: close\r\nHost:")
    async with connection(sandbox.port_of("ses")) as (reader, writer):
        heard = await ask_on(reader, writer, request)

        assert heard.headers["connection"] == "close"
        assert await asyncio.wait_for(reader.read(), 10) == b""


async def test_pipelined_calls_are_answered_in_order(sandbox: Sandbox) -> None:
    """RFC 9112 section 9.3.2, also when the first answer takes its time."""
    await sandbox.put_faults("mailgun", Slow(seconds=0.1, times=1))
    first = mailgun_send(("h:Message-Id", "<first@mg.example.com>"))
    second = mailgun_send(("h:Message-Id", "<second@mg.example.com>"))
    async with connection(sandbox.port_of("mailgun")) as (reader, writer):
        heard = [await ask_on(reader, writer, first + second), await listen(reader)]

    assert [h.json["id"] for h in heard] == ["<first@mg.example.com>", "<second@mg.example.com>"]


async def test_a_request_may_come_byte_by_byte(sandbox: Sandbox) -> None:
    """TCP promises no more than an order."""
    async with connection(sandbox.port_of("ses")) as (reader, writer):
        for byte in ses_send():
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        heard = await asyncio.wait_for(listen(reader), 10)

    assert heard.status == 200


async def test_a_chunked_body_is_read(sandbox: Sandbox) -> None:
    """Some HTTP clients do not know the length beforehand."""
    body = json.dumps(ses_simple()).encode()
    head = ses_send().partition(b"\r\n\r\n")[0].decode()
    lines = [line for line in head.split("\r\n") if not line.startswith("Content-Length")]
    request = "\r\n".join([*lines, "Transfer-Encoding: chunked", "", ""]).encode()
    request += b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (9, body[:9], len(body) - 9, body[9:])

    assert (await ask(sandbox.port_of("ses"), request)).status == 200


async def test_a_client_that_waits_for_100_continue_gets_it(sandbox: Sandbox) -> None:
    """A client such as curl asks so before a large body, and else waits for nothing."""
    head, _, body = ses_send().partition(b"\r\n\r\n")
    async with connection(sandbox.port_of("ses")) as (reader, writer):
        writer.write(head + b"\r\nExpect: 100-continue\r\n\r\n")
        said = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        heard = await ask_on(reader, writer, body)

    assert said.startswith(b"HTTP/1.1 100 ")
    assert heard.status == 200


async def test_an_offer_of_http_2_is_passed_over(sandbox: Sandbox) -> None:
    """Java's HTTP client makes it with every first request."""
    upgrade = (
        b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMA\r\nHost:"
    )

    assert (await ask(sandbox.port_of("ses"), ABOUT.replace(b"Host:", upgrade))).status == 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [(b"rubbish\r\n\r\n", 400), (http("GET", "/", X_Long="x" * 100_000), 431)],
)
async def test_what_is_no_request_is_refused(
    sandbox: Sandbox, request_: bytes, status: int
) -> None:
    """Without an answer a client would wait for its timeout."""
    assert (await ask(sandbox.port_of("ses"), request_)).status == status


@pytest.mark.parametrize("account", ["ses", "mailgun"])
async def test_a_body_that_is_too_long_is_read_and_refused(sandbox: Sandbox, account: str) -> None:
    """Answering before the client has finished writing would reset the line: no 413 is seen."""
    body = bytes(40 * 1024 * 1024 + 1)
    async with connection(sandbox.port_of(account)) as (reader, writer):
        heard = await ask_on(reader, writer, http("POST", "/v3/x/messages", body))
        still = await ask_on(reader, writer, http("GET", "/"))

    assert heard.status == 413
    assert still.is_whole
    assert len(sandbox.inbox) == 0


async def test_the_date_header_is_the_sandboxs_clock(sandbox: Sandbox) -> None:
    """`doctor` compares clocks by it."""
    heard = await ask(sandbox.port_of("ses"), ABOUT)

    assert heard.headers["date"] == "tue, 01 jan 2030 00:00:00 gmt"


async def test_head_has_no_body(sandbox: Sandbox) -> None:
    """RFC 9110 section 9.3.2: else the next answer on the line is read as this one's body."""
    port = sandbox.port_of("mailgun")
    async with connection(port) as (reader, writer):
        writer.write(http("HEAD", "/") + http("GET", "/"))
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)

        assert (await asyncio.wait_for(listen(reader), 10)).body == b"Mailgun Magnificent API"


async def test_a_stopped_sandbox_leaves_nothing_open(sandbox: Sandbox) -> None:
    """A test that starts a hundred of them must not run out of files."""
    port = sandbox.port_of("ses")
    async with connection(port) as (reader, writer):
        await ask_on(reader, writer, ABOUT)

        await sandbox.stop()

        assert (await asyncio.wait_for(listen(reader), 10)).end is not End.OPEN
    with pytest.raises(ConnectionRefusedError):
        await ask(port, ABOUT)
    gc.collect()  # an unclosed socket would warn here, and a warning is an error
