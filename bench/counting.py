"""A far side that tells mails apart: for what a crash and an outage cost.

`python -m bench.counting DIRECTORY DELAY` listens on two free ports of loopback, as Postmark's API
(mails carry their number as metadata `number`) and as an SMTP server (the recipient's local part
is the number), and prints both ports as JSON. Every mail that it takes is a line in the file
`taken`. While the file `down` exists it refuses: 503, or 451. It answers after DELAY seconds.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from functools import partial
from pathlib import Path

from .far_side import ANSWER

_NUMBER = re.compile(rb'"number": ?"([^"]+)"')
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
_DOWN = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


class Books:
    """What was taken; `down` says whether the far side refuses now."""

    def __init__(self, directory: Path, delay: float) -> None:
        self._taken = (directory / "taken").open("ab", buffering=0)
        self._down = directory / "down"
        self.delay = delay

    @property
    def down(self) -> bool:
        """Whether to refuse."""
        return self._down.exists()

    def take(self, number: bytes) -> None:
        """Write down that a mail came."""
        self._taken.write(number + b"\n")


async def http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, books: Books) -> None:
    """Serve a connection of the API."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            size = re.search(rb"(?i)content-length: (\d+)", head)
            body = await reader.readexactly(int(size[1])) if size else b""
            await asyncio.sleep(books.delay)
            if books.down:
                writer.write(_DOWN)
            else:
                for number in _NUMBER.findall(body):
                    books.take(number)
                writer.write(_OK % (len(ANSWER), ANSWER.encode()))
            await writer.drain()
    except (OSError, EOFError, asyncio.IncompleteReadError):
        writer.close()


async def smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, books: Books) -> None:
    """Serve an SMTP session."""
    numbers: list[bytes] = []
    try:
        writer.write(b"220 counting.example ESMTP\r\n")
        while line := await reader.readline():
            words = line.upper()
            if words.startswith(b"RCPT"):
                numbers.append(line.partition(b"<")[2].partition(b"@")[0])
            if words.startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                await asyncio.sleep(books.delay)
                if books.down:
                    writer.write(b"451 4.3.0 not now\r\n")
                else:
                    for number in numbers:
                        books.take(number)
                    writer.write(b"250 2.0.0 taken\r\n")
                numbers.clear()
            elif words.startswith(b"QUIT"):
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 counting.example\r\n")
            await writer.drain()
    except (OSError, EOFError, asyncio.IncompleteReadError):
        pass
    writer.close()


async def main() -> None:
    """Serve until ended."""
    books = Books(Path(sys.argv[1]), float(sys.argv[2]))
    ports = []
    for serve in (http, smtp):
        server = await asyncio.start_server(
            partial(serve, books=books), "127.0.0.1", 0, backlog=4096, limit=1 << 24
        )
        ports.append(server.sockets[0].getsockname()[1])
    print(json.dumps({"http": ports[0], "smtp": ports[1]}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
