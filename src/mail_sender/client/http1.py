"""One HTTP/1.1 exchange as bytes (RFC 9112): a request written, an answer read.

Neighbours: `lines` and `async_lines` bring the bytes; there is no socket here. Read is what a
gateway, or a proxy before it, answers to a GET, POST, PUT, PATCH or DELETE. Anything that is not
clear is an error and never a guess: a broken answer is repeated, a misread one would be believed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .. import __version__

MAX_HEAD_BYTES = 64 * 1024
MAX_ANSWER_BYTES = 64 * 1024 * 1024

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: .*)?")
_DIGITS = re.compile(r"[0-9]{1,18}", re.ASCII)
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?")
_NOT_IN_A_VALUE = re.compile(r"[^ -~]")


class BadAnswer(Exception):
    """What came is not an HTTP answer, or not a whole one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request, and what may be done when it is not answered.

    Attributes:
        target: Path and query, below the entry's base.
        is_repeatable: Whether carrying it out twice is the same as once: it reads only, or has an
            Idempotency-Key.
        patience: Seconds without any progress after which the line counts as broken.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    is_repeatable: bool
    patience: float

    def head(self, authority: str) -> bytes:
        """Return everything before the body.

        Raises:
            ValueError: A header field has characters that none may have. Not quoted: it may be
                the key.
        """
        fields = {
            "Host": authority,
            "User-Agent": f"mail-sender/{__version__}",
            "Accept": "application/json",
            **self.headers,
        }
        if self.body is not None:
            fields["Content-Length"] = str(len(self.body))
        if any(_NOT_IN_A_VALUE.search(value) for value in fields.values()):
            raise ValueError("the key or a header field has characters that none may have")
        lines = [f"{self.method} {self.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        headers: Names in lower case.
        body: Empty when the answer is read as a stream.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def is_success(self) -> bool:
        """Whether it is a 2xx."""
        return 200 <= self.status < 300


class AnswerReader:
    """Reads one answer from the pieces in which it comes."""

    def __init__(self) -> None:
        self.head: Answer | None = None  #: once it is there; interim answers (1xx) are passed over
        self.is_complete = False
        self.may_reuse = False  #: whether another request may follow on the same line
        self._buffer = bytearray()
        self._body = bytearray()
        self._size = 0
        self._left: int | None = None  #: bytes of the body, or of the chunk; None: until the end
        self._is_chunked = False
        self._in_trailer = False

    def feed(self, data: bytes) -> None:
        """Take what was received; nothing means that the other side closed.

        Raises:
            BadAnswer: See the class; the line is of no use any more.
        """
        if not data:
            self._end()
            return
        self._buffer += data
        while self.head is None and self._read_head():
            pass
        if self.head is not None and not self.is_complete:
            self._read_body()
        if self.is_complete and self._buffer:
            self.may_reuse = False  # more than was asked for: nobody knows what it belongs to

    def take(self) -> bytes:
        """Return what came of the body since the last call."""
        taken = bytes(self._body)
        self._body.clear()
        return taken

    # ------------------------------------------------ head

    def _read_head(self) -> bool:
        """Return whether an interim answer was passed over, and another head may follow."""
        end = self._buffer.find(b"\r\n\r\n")
        if end > MAX_HEAD_BYTES or (end < 0 and len(self._buffer) > MAX_HEAD_BYTES):
            raise BadAnswer("the head of the answer is too large")
        if end < 0:
            return False
        first, *rest = bytes(self._buffer[:end]).split(b"\r\n")
        del self._buffer[: end + 4]
        found = _STATUS_LINE.fullmatch(first)
        if found is None:
            raise BadAnswer("the answer is not HTTP/1.1")
        status = int(found[2])
        headers = _fields(rest)
        if status < 200:
            if status == 101:
                raise BadAnswer("the answer is in another protocol")
            return True
        self.head = Answer(status, headers)
        tokens = {token.strip().lower() for token in headers.get("connection", "").split(",")}
        self.may_reuse = found[1] == b"1" and "close" not in tokens
        self._frame(status, headers)
        return False

    def _frame(self, status: int, headers: Mapping[str, str]) -> None:
        """RFC 9112 section 6.3: where the body ends."""
        coding = headers.get("transfer-encoding")
        length = headers.get("content-length")
        if status in {204, 304}:
            self.is_complete = True
        elif coding is not None:
            if coding.lower() != "chunked" or length is not None:
                raise BadAnswer("nobody can tell where the answer ends")
            self._is_chunked = True
        elif length is not None:
            if not _DIGITS.fullmatch(length):
                raise BadAnswer("the answer has a length that is none")
            self._left = int(length)
            self.is_complete = self._left == 0
        else:
            self.may_reuse = False

    # ------------------------------------------------ body

    def _read_body(self) -> None:
        if not self._is_chunked:
            self._take_plain()
            self.is_complete = self._left == 0
            return
        while not self.is_complete:
            if self._left:
                self._take_plain()
                if self._left:
                    return
            line = self._line()
            if line is None:
                return
            self._read_chunk_line(line)

    def _read_chunk_line(self, line: bytes) -> None:
        """RFC 9112 section 7.1: a size, the end of a chunk, a trailer field, or the end."""
        if self._in_trailer:
            self.is_complete = not line
        elif self._left == 0:  # behind the data of a chunk
            if line:
                raise BadAnswer("a part of the answer is longer than it said")
            self._left = None
        else:
            found = _CHUNK_SIZE.fullmatch(line)
            if found is None:
                raise BadAnswer("a part of the answer has a length that is none")
            size = int(found[1], 16)
            self._in_trailer = size == 0
            self._left = size or None

    def _take_plain(self) -> None:
        part = self._buffer if self._left is None else self._buffer[: self._left]
        self._size += len(part)
        self._body += part
        if self._left is not None:
            self._left -= len(part)
        del self._buffer[: len(part)]
        if len(self._body) > MAX_ANSWER_BYTES:
            raise BadAnswer("the answer is too large")

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n")
        if end > MAX_HEAD_BYTES or (end < 0 and len(self._buffer) > MAX_HEAD_BYTES):
            raise BadAnswer("a line of the answer is too long")
        if end < 0:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _end(self) -> None:
        if self.is_complete:
            return
        if self.head is None or self._is_chunked or self._left is not None:
            raise BadAnswer("the connection was closed before the answer was whole")
        self.is_complete = True


def _fields(lines: list[bytes]) -> dict[str, str]:
    """RFC 9112 section 5: fields of one name are joined, but for those that must agree."""
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _TOKEN.fullmatch(name):
            raise BadAnswer("a header field of the answer is none")
        key = name.decode("ascii").lower()
        text = value.strip(b" \t").decode("latin-1")
        if key not in fields:
            fields[key] = text
        elif key != "content-length" or fields[key] != text:
            fields[key] += f", {text}"
    return fields
