"""The octets under SMTP: what "with the kernel" means, in clear and in TLS, on both loops."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from mail_sender.providers.smtp_wire import Broken, Wire

from ..http.authority import Authority

_CHUNK = bytes(1 << 16)
_MOMENT = 0.2


@pytest.mark.parametrize(
    "loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
@pytest.mark.parametrize("tls", [False, True])
def test_handed_over_means_that_nothing_is_left_in_this_process(
    tmp_path: Path, loop_factory: Callable[[], asyncio.AbstractEventLoop], *, tls: bool
) -> None:
    """The final dot waits for it, and "not accepted" is concluded from that."""
    authority = Authority(tmp_path)

    async def main() -> None:
        enough = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            await enough.wait()
            writer.transport.abort()

        context = authority.server_context("localhost") if tls else None
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        transport, wire = await loop.create_connection(Wire, "127.0.0.1", port)
        if tls:
            await wire.start_tls(ssl.create_default_context(cafile=authority.ca_file), "localhost")
        try:
            await _fill(wire, transport)
        finally:
            enough.set()
            async with asyncio.timeout(30):
                await wire.gone()
            server.close()
            await server.wait_closed()
        with pytest.raises(Broken):
            await wire.handed_over()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


async def _fill(wire: Wire, transport: asyncio.WriteTransport) -> None:
    """Write until the kernel takes no more, 64 MB at most."""
    for _ in range(1024):
        wire.write(_CHUNK)
        try:
            async with asyncio.timeout(_MOMENT):
                await wire.handed_over()
        except TimeoutError:
            if transport.get_write_buffer_size() > 0:
                return
        else:
            assert transport.get_write_buffer_size() == 0
    pytest.fail("the kernel takes everything")


async def test_a_server_that_talks_unasked_and_without_end_is_cut_off() -> None:
    """Nobody reads an idle session, and its octets must not fill the memory."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b"250 Ok\r\n" * 8192)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    _, wire = await asyncio.get_running_loop().create_connection(Wire, "127.0.0.1", port)
    async with asyncio.timeout(30):
        await wire.gone()
    server.close()
    await server.wait_closed()

    assert wire.lost == "the server says more than it was asked"
