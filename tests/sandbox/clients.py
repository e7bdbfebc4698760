"""Plain clients for the sandbox: sockets and bytes, so that a cut line looks like one."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from mail_sender.sandbox.server import Sandbox

SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20300101/eu-west-1/ses/aws4_request, "
    f"SignedHeaders=content-type;host;x-amz-date, Signature={'0' * 64}"
)
LOGIN = "Basic " + b64encode(b"api:key").decode()


class End(StrEnum):
    """How a connection looked when the client stopped listening."""

    OPEN = "open"
    FIN = "fin"
    RESET = "reset"


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What a client got back."""

    status: int | None = None  #: None: not even a head
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_whole: bool = False
    end: End = End.OPEN

    @property
    def json(self) -> Any:  # noqa: ANN401
        return json.loads(self.body)


async def ask(port: int, request: bytes, *, patience: float = 10) -> Heard:
    """Send bytes on a new connection and listen for one answer."""
    async with connection(port) as (reader, writer):
        return await ask_on(reader, writer, request, patience=patience)


@asynccontextmanager
async def connection(
    port: int,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect, and let go of the connection at the end, whatever became of it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def ask_on(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    request: bytes,
    *,
    patience: float = 10,
) -> Heard:
    """Send bytes on a connection and listen for one answer."""
    writer.write(request)
    return await asyncio.wait_for(listen(reader), patience)


async def listen(reader: asyncio.StreamReader) -> Heard:
    """Read one answer, or as much of it as comes."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return Heard(end=End.FIN)
    except ConnectionResetError:
        return Heard(end=End.RESET)
    first, *lines = head.decode().splitlines()
    headers = dict(line.lower().split(": ", 1) for line in lines if line)
    status, length = int(first.split()[1]), int(headers.get("content-length", "0"))
    try:
        body = await reader.readexactly(length)
    except asyncio.IncompleteReadError as cut:
        return Heard(status=status, headers=headers, body=cut.partial, end=End.FIN)
    return Heard(status=status, headers=headers, body=body, is_whole=True)


def http(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """Return a request; underscores in header names stand for hyphens."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def ses_simple(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the JSON of a good SendEmail."""
    return {
        "FromEmailAddress": "Shop <shop@example.com>",
        "Destination": {"ToAddresses": ["Ann <ann@example.net>"]},
        "Content": {
            "Simple": {
                "Subject": {"Data": "Order 7", "Charset": "UTF-8"},
                "Body": {"Text": {"Data": "Thanks", "Charset": "UTF-8"}},
            }
        },
        "EmailTags": [{"Name": "ms_id", "Value": "msg_1"}],
        **changes,
    }


def ses_send(**changes: Any) -> bytes:  # noqa: ANN401
    """Return a request that hands a mail to SES."""
    body = json.dumps(ses_simple(**changes)).encode()
    return http(
        "POST",
        "/v2/email/outbound-emails",
        body,
        Authorization=SIGNED,
        Content_Type="application/json",
    )


def mailgun_send(
    *fields: tuple[str, str], domain: str = "mg.example.com", without: str = ""
) -> bytes:
    """Return a request that hands a mail to Mailgun.

    `fields` come on top of a good one's, of which `without` is left out.
    """
    good = [
        ("from", "Shop <shop@mg.example.com>"),
        ("to", "Ann <ann@example.net>"),
        ("subject", "Order 7"),
        ("text", "Thanks"),
        ("v:ms_id", "msg_1"),
    ]
    return http(
        "POST",
        f"/v3/{domain}/messages",
        urlencode([f for f in (*good, *fields) if f[0] != without]).encode(),
        Authorization=LOGIN,
        Content_Type="application/x-www-form-urlencoded",
    )


async def send(sandbox: Sandbox, account: str, *, patience: float = 10) -> Heard:
    """Hand a small mail to an HTTP account."""
    request = ses_send() if account == "ses" else mailgun_send()
    return await ask(sandbox.port_of(account), request, patience=patience)
