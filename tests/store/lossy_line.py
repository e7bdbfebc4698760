"""A line to a server that breaks at the worst moment: questions arrive, answers do not."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class LossyLine:
    """Forwards connections on a port of 127.0.0.1 to another.

    Attributes:
        breaks_at: From when this is asked on, answers are thrown away; `swallowed` is set with
            the first. Empty: from anything on.
    """

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.breaks_at: bytes | None = None
        self._swallows = False
        self.swallowed = asyncio.Event()

    async def start(self) -> int:
        """Listen; return the port."""
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        """Break every connection; new ones go through whole."""
        self.breaks_at = None
        self._swallows = False
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def stop(self) -> None:
        """End it all."""
        if self._server is not None:
            self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
        self._writers |= {writer, there_writer}
        for source, sink, is_answer in (
            (reader, there_writer, False),
            (there_reader, writer, True),
        ):
            task = asyncio.create_task(self._forward(source, sink, is_answer=is_answer))
            self._tasks.add(task)

    async def _forward(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, is_answer: bool
    ) -> None:
        with suppress(ConnectionError):
            while data := await source.read(1 << 16):
                if not is_answer and self.breaks_at is not None and self.breaks_at in data:
                    self._swallows = True
                if is_answer and self._swallows:
                    self.swallowed.set()
                    continue
                sink.write(data)
                await sink.drain()
        sink.transport.abort()
