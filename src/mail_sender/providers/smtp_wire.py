"""The octets of a connection: TCP, TLS over it, and exactly what has left us.

Neighbours: `smtp_connection` speaks SMTP over a `Wire`. TLS is done here, over memory, and not
by the event loop, for two reasons: what was received in clear before STARTTLS must be thrown
away (RFC 3207 section 5; CVE-2011-0411 is what happens otherwise), and "everything but the
last dot is with the kernel" must be a fact and not a guess about someone else's buffers.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from typing import cast

MAX_LINE_OCTETS = 8192  #: of a reply; RFC 5321 section 4.5.3.1.5 allows 512, some write more
_MAX_UNREAD_OCTETS = 1 << 20  #: a hundred pipelined replies of the longest kind fit in
_CLOSED = "the server closed the connection"


class Broken(Exception):
    """The line fell silent: lost, too slow, or no SMTP. `reason` is fit for a diagnostic."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Untrusted(Broken):
    """The far side cannot prove who it is: waiting will not help, a person must look."""


class Wire(asyncio.Protocol):
    """One connection. Reading and writing are done by one task at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._news = asyncio.Event()
        self._handed_over = asyncio.Event()  #: all that was written is with the kernel
        self._handed_over.set()
        self._gone = asyncio.Event()
        self._lost: str | None = None
        self._tls: ssl.SSLObject | None = None
        self._is_secure = False
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()

    @property
    def lost(self) -> str | None:
        """Why the connection is of no use any more; None while it is."""
        return self._lost

    @property
    def has_unread(self) -> bool:
        """Whether the far side said something that nobody has read yet."""
        return bool(self._received)

    @property
    def tls_version(self) -> str | None:
        """Such as TLSv1.3; None in clear."""
        return self._tls.version() if self._tls and self._is_secure else None

    async def read_line(self) -> bytes:
        """Return the next line with its line end.

        Raises:
            Broken: It will never come.
        """
        while (end := self._received.find(b"\n")) < 0:
            if len(self._received) > MAX_LINE_OCTETS:
                raise Broken("the server's answer has no end")
            await self._hear_more()
        line = bytes(self._received[: end + 1])
        del self._received[: end + 1]
        return line

    def write(self, data: bytes | memoryview) -> None:
        """Write, as far as the kernel takes it at once; `handed_over` waits for the rest.

        Raises:
            Broken: The connection is lost; none of this was written.
        """
        if self._lost is not None:
            raise Broken(self._lost)
        if self._tls is None:
            self._connected.write(data)
        else:
            self._tls.write(data)
            self._flush()

    async def handed_over(self) -> None:
        """Wait until everything that was written is with the kernel.

        Raises:
            Broken: The connection was lost before.
        """
        await self._handed_over.wait()
        if self._lost is not None:
            raise Broken(self._lost)

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Secure the connection; whatever was received in clear and not read is thrown away.

        Raises:
            Untrusted: The certificate is not valid for `host`.
            Broken: There is no TLS to be had.
        """
        self._received.clear()
        tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._tls = tls
        while not self._is_secure:
            try:
                tls.do_handshake()
                self._is_secure = True
            except ssl.SSLWantReadError:
                self._flush()
                await self._hear_more()
            except ssl.SSLCertVerificationError as error:
                self._flush()
                raise Untrusted(f"certificate not trusted: {error.verify_message}") from None
            except ssl.SSLError as error:
                self._flush()
                raise Broken(f"TLS handshake failed: {_words_of(error)}") from None
        self._flush()
        self._decrypt(tls)

    def abort(self) -> None:
        """Drop the connection now."""
        self._lose("the connection was dropped by us")
        self._connected.abort()

    async def gone(self) -> None:
        """Wait until the socket is closed, by either side."""
        await self._gone.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)  # a pause means: not with the kernel

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._tls is None:
            self._received += data
        else:
            self._incoming.write(data)
            if self._is_secure:
                self._decrypt(self._tls)
        if len(self._received) > _MAX_UNREAD_OCTETS:
            self._lose("the server says more than it was asked")
            self._connected.abort()
        self._news.set()

    def eof_received(self) -> None:
        """See `asyncio.Protocol`; the transport closes itself afterwards."""
        self._lose(_CLOSED)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._lose(reason_of(exc) if isinstance(exc, OSError) else _CLOSED)
        self._gone.set()

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._handed_over.clear()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._handed_over.set()

    @property
    def _connected(self) -> asyncio.Transport:
        if self._transport is None:
            raise Broken("there is no connection yet")
        return self._transport

    async def _hear_more(self) -> None:
        if self._lost is not None:
            raise Broken(self._lost)
        self._news.clear()
        await self._news.wait()

    def _lose(self, reason: str) -> None:
        self._lost = self._lost or reason
        self._news.set()
        self._handed_over.set()

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._connected.write(self._outgoing.read())

    def _decrypt(self, tls: ssl.SSLObject) -> None:
        try:
            while data := tls.read(65536):
                self._received += data
            self._lose(_CLOSED)  # a close_notify; the far side may wait for us to close
            self._connected.close()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self._lose(f"TLS broke: {_words_of(error)}")
            self._connected.abort()
        self._flush()


def reason_of(error: OSError) -> str:
    """Return why there is no connection, in words that an operator can act on."""
    match error:
        case socket.gaierror():
            known = error.errno in {socket.EAI_NONAME, socket.EAI_NODATA}
            return "host name not found" if known else "host name could not be looked up"
        case ConnectionRefusedError():
            return "connection refused"
        case ConnectionResetError() | BrokenPipeError():
            return "the server broke the connection"
        case _:
            return os.strerror(error.errno).lower() if error.errno else "no connection"


def _words_of(error: ssl.SSLError) -> str:
    return (error.reason or "no reason given").replace("_", " ").lower()
