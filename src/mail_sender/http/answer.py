"""Bytes from the far side, read as an `Answer`: pure, no socket and no clock.

Neighbours: `connection` feeds what arrives and asks whether the answer is complete.
llhttp (through httptools) knows the grammar and is left strict; what it leaves open is decided
here: where an answer ends that has no length, what is too large, what is packed.

How the bytes were cut into packets never changes what is read. Whatever they are, there is
an answer, an `Unreadable`, or the wish for more.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache

import httptools

from .call import Answer

_NO_BODY = frozenset({204, 304})  # RFC 9112 section 6.3


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerLimits:
    """What an answer may cost us, in bytes."""

    head: int = 64 << 10  #: status line and headers, of interim answers (1xx) too
    body: int = 8 << 20  #: packed, and unpacked
    #: A longer body is cut instead of refused, and none is unpacked: for callers to whom the
    #: status says it all.
    cuts: bool = False


class Unreadable(Exception):
    """The far side did not speak HTTP, or too much of it. `reason` is short plain words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AnswerReader:
    """Reads the answers on one connection, one after the other.

    Attributes:
        answer: The complete answer; None until then.
        begun: Some of it came.
        keeps_open: Whether the connection is fit for another request afterwards. False also
            when bytes came after the answer, as nobody can tell what they belong to.
    """

    def __init__(self, limits: AnswerLimits) -> None:
        self._limits = limits
        self._parser = httptools.HttpResponseParser(self)
        self.expect()

    def expect(self) -> None:
        """Get ready for the answer to the next request."""
        self.answer: Answer | None = None
        self.begun = False
        self.keeps_open = False
        self._fault: str | None = None
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._in_body = False
        self._ends_with_connection = False
        self._head_left = self._limits.head
        self._body_left = self._limits.body
        # Chunk sizes, extensions and trailers may cost as much again as the body may.
        self._all_left = self._limits.head + 2 * self._limits.body

    def feed(self, data: bytes) -> None:
        """Read what arrived; the answer is complete when `answer` says so.

        Raises:
            Unreadable: This will never be an answer. Not raised once there is one.
        """
        self.begun = True
        is_too_much = len(data) > self._all_left
        if not is_too_much:
            self._feed(data)
        elif self._limits.cuts:  # the answer may be complete before its end
            self._feed(data[: self._all_left])
        if is_too_much and self.answer is None:
            raise Unreadable("answer too large")

    def _feed(self, data: bytes) -> None:
        self._all_left -= len(data)
        if self._in_body:
            self._parse(data)
            return
        # A head longer than the limit is not even shown to the parser, which would keep it.
        head = data[: self._head_left]
        self._parse(head)
        self._head_left -= len(head)
        if len(head) < len(data):
            if not self._in_body:
                raise Unreadable("answer too large")
            self._parse(data[len(head) :])

    def end(self, *, clean: bool) -> None:
        """Take note that the far side closed the connection.

        Args:
            clean: It said so in the proper way: FIN, under TLS after close_notify. An answer
                without a length that ends otherwise may have been cut (RFC 9112 section 8).

        Raises:
            Unreadable: What came was a whole answer, but cannot be read.
        """
        if self.answer is None and self._ends_with_connection and clean:
            self._complete()
            self._raise_fault()

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.keeps_open = False
            if self.answer is None:
                raise Unreadable(self._fault or "answer is not HTTP") from None
        self._raise_fault()

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise Unreadable(self._fault)

    # What follows is called by the parser. on_header and on_body may raise; the others may not.

    def on_message_begin(self) -> None:
        """Note what begins after the answer; else forget an interim answer."""
        if self.answer is not None:
            self.keeps_open = False
        self._headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header. Those after the body (trailers) are not kept."""
        if not self._in_body:
            self._headers[_lower_case(name)] = value.decode("latin-1").strip(" \t")

    def on_headers_complete(self) -> None:
        """Find out how the body ends (RFC 9112 section 6.3)."""
        status = self._parser.get_status_code()
        if self.answer is not None or (100 <= status < 200 and status != 101):
            return  # interim (RFC 9110 section 15.2): the answer is still to come
        self._in_body = True
        coding = self._headers.get("transfer-encoding")
        if status < 200:
            self._fault = "answer is not HTTP as asked for"
        elif coding is not None and coding.lower() != "chunked":
            self._fault = "answer in an unknown transfer coding"
        self._ends_with_connection = (
            coding is None and "content-length" not in self._headers and status not in _NO_BODY
        )

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body."""
        if self.answer is not None:
            return
        self._body_left -= len(data)
        if self._body_left < 0 and self._limits.cuts:
            self._body.append(data[: self._body_left])
            self._complete()
        elif self._body_left < 0:
            self._fault = "answer too large"
            raise Unreadable(self._fault)
        else:
            self._body.append(data)

    def on_message_complete(self) -> None:
        """Put the answer together, unless it was an interim one."""
        if self._in_body and self.answer is None and self._fault is None:
            self.keeps_open = self._parser.should_keep_alive()
            self._complete()

    def _complete(self) -> None:
        body = b"".join(self._body)
        self._body = []
        coding = self._headers.get("content-encoding")
        if coding is not None and body and not self._limits.cuts:
            try:
                body = unpacked(body, coding.lower(), max_bytes=self._limits.body)
            except Unreadable as unreadable:
                self._fault = unreadable.reason
                return
        self.answer = Answer(
            status=self._parser.get_status_code(), headers=self._headers, body=body
        )


@lru_cache(maxsize=256)
def _lower_case(name: bytes) -> str:
    """Return a header's name as `Answer` has it; a provider sends the same ones each time."""
    return name.decode("latin-1").lower()


def unpacked(body: bytes, coding: str, *, max_bytes: int) -> bytes:
    """Undo a content coding (RFC 9110 section 8.4.1).

    Args:
        body: As it came.
        coding: In lower case.
        max_bytes: Of the result. No more than that is ever made, whatever the body promises.

    Raises:
        Unreadable: Another coding, a damaged or cut body, or a result that is too large.
    """
    match coding:
        case "identity" | "":
            return body
        case "gzip" | "x-gzip":
            form = 16 + zlib.MAX_WBITS
        case "deflate":
            # Named for zlib's form; some send the bare stream, which cannot start like that.
            is_zlib = len(body) > 1 and body[0] & 15 == 8 and int.from_bytes(body[:2]) % 31 == 0
            form = zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS
        case _:
            raise Unreadable("answer in an unknown content coding")
    unpacker = zlib.decompressobj(form)
    try:
        result = unpacker.decompress(body, max_bytes + 1)
    except zlib.error:
        raise Unreadable("answer cannot be unpacked") from None
    if len(result) > max_bytes:
        raise Unreadable("answer too large")
    if not unpacker.eof or unpacker.unused_data:
        raise Unreadable("answer cannot be unpacked")
    return result
