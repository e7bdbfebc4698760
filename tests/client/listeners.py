"""Addresses of a gateway on loopback, good and bad ones, all on one port.

127.0.0.0/8 is loopback as a whole on Linux: each address of it is a host of its own.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.requirements import need

HOSTS = ("127.0.3.1", "127.0.3.2", "127.0.3.3")


@dataclass(slots=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


def says(status: int, body: bytes = b"{}", **headers: str) -> bytes:
    """Return an answer as bytes; `_` in a header's name stands for `-`."""
    fields = {"Content-Length": str(len(body)), **headers}
    lines = [
        f"HTTP/1.1 {status} Words",
        *(f"{n.replace('_', '-')}: {v}" for n, v in fields.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


CUT = b""  #: as an answer: the request is read, and the connection reset


@dataclass(slots=True)
class Listener:
    """A gateway that says what a test tells it to; the last line of its script stays.

    Attributes:
        asked: The requests, in order.
        lines: How many connections it took.
        answer: Instead of a script: makes the bytes of an answer from a request.
    """

    host: str = HOSTS[0]
    port: int = 0
    script: list[bytes] = field(default_factory=lambda: [says(200)])
    answer: Callable[[Asked], bytes] | None = None
    tls: ssl.SSLContext | None = None
    asked: list[Asked] = field(default_factory=list)
    lines: int = 0
    _socket: socket.socket | None = None
    _open: list[socket.socket] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        need(sys.platform == "linux", "Linux: all of 127.0.0.0/8 is loopback there")
        self._socket = socket.create_server((self.host, self.port))
        self.port = self._socket.getsockname()[1]
        self._thread(self._accept)

    def stop(self) -> None:
        """Refuse connections from now on, and cut those that there are."""
        assert self._socket is not None
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for each in self._open:
            _reset(each)
        for thread in self._threads:
            thread.join(5)

    def push(self, data: bytes) -> None:
        """Say something unasked on the last connection."""
        self._open[-1].sendall(data)

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://gateway.test:{self.port}"

    def _thread(self, work: Callable[..., None], *given: socket.socket) -> None:
        thread = threading.Thread(target=work, args=given)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        assert self._socket is not None
        while True:
            try:
                taken, _ = self._socket.accept()
            except OSError:
                return
            self.lines += 1
            self._thread(self._serve, taken)

    def _serve(self, taken: socket.socket) -> None:
        try:
            if self.tls is not None:
                taken = self.tls.wrap_socket(taken, server_side=True)
            self._open.append(taken)
            with taken.makefile("rb") as incoming:
                while asked := _read(incoming):
                    self.asked.append(asked)
                    answer = self._next(asked)
                    if answer == CUT:
                        _reset(taken)
                        return
                    taken.sendall(answer)
                    if b"connection: close" in answer.lower():
                        return
        except (OSError, ValueError):
            pass
        finally:
            taken.close()

    def _next(self, asked: Asked) -> bytes:
        if self.answer is not None:
            return self.answer(asked)
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


def _read(incoming: object) -> Asked | None:
    line = incoming.readline()  # type: ignore[attr-defined]  # a buffered reader
    if not line:
        return None
    method, path, _ = line.decode().split(" ")
    headers = {}
    while (field_ := incoming.readline().rstrip()) != b"":  # type: ignore[attr-defined]
        name, _, value = field_.decode().partition(":")
        headers[name.lower()] = value.strip()
    body = incoming.read(int(headers.get("content-length", 0)))  # type: ignore[attr-defined]
    return Asked(method, path, headers, body)


def _reset(each: socket.socket) -> None:
    """RFC 9293 section 3.5.2: closing with SO_LINGER 0 sends a reset."""
    with contextlib.suppress(OSError):
        each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        each.shutdown(socket.SHUT_RD)
    each.close()


@contextlib.contextmanager
def listening(*listeners: Listener) -> Iterator[None]:
    """Start them, all on the port of the first, and stop them."""
    with contextlib.ExitStack() as stack:
        port = 0
        for listener in listeners:
            listener.port = port
            listener.start()
            port = listener.port
            stack.callback(listener.stop)
        yield


@contextlib.contextmanager
def black_hole(host: str, port: int) -> Iterator[None]:
    """Make an address that answers no SYN, like a host that is gone: its backlog is full."""
    with contextlib.ExitStack() as stack:
        hole = stack.enter_context(socket.socket())
        hole.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        hole.bind((host, port))
        hole.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.settimeout(0.1)
            try:
                filler.connect((host, port))
            except TimeoutError:
                break
        else:
            raise AssertionError("the backlog is larger than it should be")
        yield


def until(condition: Callable[[], bool], at_most: float = 5.0) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + at_most
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.005)


def certificate(directory: Path, *names: str) -> tuple[ssl.SSLContext, Path]:
    """Return a server's context for these names, and the file that a client trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    begin = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    alternatives = [
        x509.IPAddress(ipaddress.ip_address(n)) if n[0].isdigit() else x509.DNSName(n)
        for n in names
    ]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = directory / f"{names[0]}.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context, file
