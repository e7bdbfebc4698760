"""A client of the SMTP door that sends many mails over one connection."""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.acceptance.gateway import Gateway

_ID = re.compile(rb"msg_[0-9A-Z]{26}")

CLEAR = {"listen": "127.0.0.1:0", "login_in_clear": True}
"""The `[smtp]` table of a gateway whose clients log in without TLS on this machine."""


def port_of(gateway: Gateway) -> int:
    """Return the port of the last start, from the gateway's log."""
    started = [
        json.loads(line) for line in gateway.log().splitlines() if '"event":"started"' in line
    ]
    return int(started[-1]["smtp"]["starttls"].rpartition(":")[2])


def letter(number: int, text: str = "Thank you!") -> bytes:
    """Return a mail of its own."""
    return (
        f"From: Shop <shop@example.com>\r\nTo: ann@example.net\r\nSubject: Order {number}\r\n"
        f"\r\n{text}\r\n"
    ).encode()


class SmtpClient:
    """One connection, logged in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    @asynccontextmanager
    async def to(cls, gateway: Gateway) -> AsyncIterator[SmtpClient]:
        """Connect and log in; close in the end."""
        client = cls(*await asyncio.open_connection("127.0.0.1", port_of(gateway)))
        try:
            secret = b64encode(f"\0app\0{gateway.key}".encode())
            await client._line()
            client._writer.write(b"EHLO client\r\nAUTH PLAIN " + secret + b"\r\n")
            while not (await client._line()).startswith(b"235"):
                pass
            yield client
        finally:
            client._writer.close()

    async def send(self, mail: bytes, *recipients: str) -> bytes:
        """Send a mail in the fewest round trips and return the reply to it.

        Raises:
            ConnectionError, asyncio.IncompleteReadError: The server is gone.
        """
        to = recipients or ("ann@example.net",)
        rcpt = "".join(f"RCPT TO:<{each}>\r\n" for each in to)
        self._writer.write(f"MAIL FROM:<shop@example.com>\r\n{rcpt}DATA\r\n".encode())
        for _ in range(len(to) + 1):
            await self._line()
        assert (await self._line()).startswith(b"354")
        self._writer.write(mail.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        return await self._line()

    async def _line(self) -> bytes:
        line = await self._reader.readuntil(b"\r\n")
        return line.rstrip()


def id_in(reply: bytes) -> str:
    """Return the message id in a reply."""
    found = _ID.search(reply)
    assert found is not None, reply
    return found[0].decode()
