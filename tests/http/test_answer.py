"""Reading answers: every way of cutting them, every way of spoiling them."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mail_sender.http.answer import AnswerLimits, AnswerReader, Unreadable, unpacked
from mail_sender.http.call import Answer

TEXT = b"The quick brown fox jumps over the lazy dog. " * 3
_BARE = zlib.compressobj(wbits=-15)
BARE_DEFLATE = _BARE.compress(TEXT) + _BARE.flush()


def with_length(body: bytes, *headers: bytes, start: bytes = b"HTTP/1.1 200 OK") -> bytes:
    fields = b"".join(header + b"\r\n" for header in headers)
    return b"%s\r\n%sContent-Length: %d\r\n\r\n%s" % (start, fields, len(body), body)


def chunked(*chunks: bytes, trailer: bytes = b"", extension: bytes = b"") -> bytes:
    framed = b"".join(b"%x%s\r\n%s\r\n" % (len(chunk), extension, chunk) for chunk in chunks)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return b"%s%s0\r\n%s\r\n" % (head, framed, trailer)


#: Complete without the end of the connection: name -> bytes, status, body.
COMPLETE = {
    "length": (with_length(TEXT), 200, TEXT),
    "empty": (with_length(b""), 200, b""),
    "accepted": (with_length(b"{}", b"Retry-After: 7", start=b"HTTP/1.1 202 Accepted"), 202, b"{}"),
    "no words": (with_length(TEXT, start=b"HTTP/1.1 404"), 404, TEXT),
    "chunks": (chunked(TEXT[:7], TEXT[7:8], TEXT[8:]), 200, TEXT),
    "chunks and more": (chunked(TEXT, trailer=b"A: b\r\n", extension=b";x=y"), 200, TEXT),
    "gzip": (with_length(gzip.compress(TEXT), b"Content-Encoding: gzip"), 200, TEXT),
    "x-gzip": (with_length(gzip.compress(TEXT), b"CONTENT-ENCODING: X-GZIP"), 200, TEXT),
    "deflate": (with_length(zlib.compress(TEXT), b"Content-Encoding: deflate"), 200, TEXT),
    "bare deflate": (with_length(BARE_DEFLATE, b"Content-Encoding: deflate"), 200, TEXT),
    "identity": (with_length(TEXT, b"Content-Encoding: identity"), 200, TEXT),
    "gzip of nothing": (with_length(b"", b"Content-Encoding: gzip"), 200, b""),
    "no content": (b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", 204, b""),
    "not modified": (b"HTTP/1.1 304 No\r\nContent-Length: 99\r\n\r\n", 304, b""),
    "interim": (b"HTTP/1.1 100 Continue\r\n\r\n" + with_length(TEXT), 200, TEXT),
    "interims": (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 P\r\n\r\n" + with_length(TEXT),
        *(200, TEXT),
    ),
    "redirect": (with_length(b"", b"Location: /", start=b"HTTP/1.1 307 T"), 307, b""),
    "old": (with_length(TEXT, start=b"HTTP/1.0 200 OK"), 200, TEXT),
    "old, kept": (
        with_length(TEXT, b"Connection: keep-alive", start=b"HTTP/1.0 200 OK"),
        *(200, TEXT),
    ),
    "closing": (with_length(TEXT, b"Connection: close"), 200, TEXT),
}
KEEPS_OPEN = {name: name not in {"old", "closing"} for name in COMPLETE}
#: Complete at the end of the connection only.
TO_THE_END = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + TEXT


class Read:
    """What a reader made of some pieces."""

    def __init__(self, pieces: Iterable[bytes], *, limits: AnswerLimits | None = None) -> None:
        self.reader = AnswerReader(limits or AnswerLimits())
        self.fault: str | None = None
        try:
            for piece in pieces:
                self.reader.feed(piece)
        except Unreadable as unreadable:
            self.fault = unreadable.reason

    @property
    def answer(self) -> Answer | None:
        return self.reader.answer

    def ended(self, *, clean: bool) -> Answer | None:
        try:
            self.reader.end(clean=clean)
        except Unreadable as unreadable:
            self.fault = unreadable.reason
        return self.reader.answer


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges) if start < end]


_places = st.lists(st.integers(min_value=0, max_value=10_000), max_size=12)


@pytest.mark.parametrize("name", COMPLETE)
def test_a_valid_answer_is_read(name: str) -> None:
    """The forms that RFC 9112 allows, as providers and the edges before them use them."""
    data, status, body = COMPLETE[name]

    read = Read([data])

    assert read.fault is None
    assert read.answer is not None
    assert (read.answer.status, read.answer.body) == (status, body)
    assert read.reader.keeps_open == KEEPS_OPEN[name]


@pytest.mark.parametrize("name", COMPLETE)
def test_an_answer_byte_by_byte_is_the_same_answer(name: str) -> None:
    """The finest cut that a network can make."""
    data, _, _ = COMPLETE[name]

    read = Read([data[i : i + 1] for i in range(len(data))])

    assert read.answer == Read([data]).answer
    assert read.reader.keeps_open == KEEPS_OPEN[name]


@settings(deadline=None)
@given(st.sampled_from(sorted(COMPLETE)), _places)
def test_packets_do_not_change_an_answer(name: str, places: list[int]) -> None:
    """Where a router cuts must not decide whether a mail counts as sent."""
    data, _, _ = COMPLETE[name]

    read = Read(cut(data, places))

    assert read.answer == Read([data]).answer
    assert read.reader.keeps_open == KEEPS_OPEN[name]


@settings(deadline=None)
@given(st.sampled_from(sorted(COMPLETE)), st.integers(min_value=0))
def test_a_part_of_an_answer_is_none(name: str, length: int) -> None:
    """Half a "202" is no promise, and the end of the connection does not make it one."""
    data, _, _ = COMPLETE[name]

    read = Read([data[: length % len(data)]])

    assert read.answer is None
    assert read.ended(clean=True) is None


@settings(deadline=None)
@given(_places)
def test_an_answer_without_length_lasts_to_the_clean_end(places: list[int]) -> None:
    """Cut by somebody on the way, it would read as a shorter answer (RFC 9112 section 8)."""
    pieces = cut(TO_THE_END, places)

    assert Read(pieces).answer is None
    assert Read(pieces).ended(clean=False) is None
    read = Read(pieces)
    whole = read.ended(clean=True)
    assert whole is not None
    assert whole.body == TEXT
    assert not read.reader.keeps_open


def test_a_packed_answer_without_length_is_checked_at_its_end() -> None:
    """Its format has a checksum, so that a cut one is known for what it is."""
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
    whole, half = Read([head + gzip.compress(TEXT)]), Read([head + gzip.compress(TEXT)[:-5]])

    answer = whole.ended(clean=True)
    assert answer is not None
    assert answer.body == TEXT
    assert half.ended(clean=True) is None
    assert half.fault == "answer cannot be unpacked"


@settings(deadline=None)
@given(st.sampled_from(sorted(COMPLETE)), st.binary(max_size=300), _places, st.booleans())
def test_random_bytes_raise_nothing_but_unreadable(
    name: str, noise: bytes, places: list[int], clean: bool
) -> None:
    """The far side may be anything: a wrong port, a broken proxy, an attacker."""
    data, _, _ = COMPLETE[name]
    for spoiled in (noise, data[: len(data) // 2] + noise, noise + data, data + noise):
        read = Read(cut(spoiled, places))
        read.ended(clean=clean)
        assert read.fault is None or read.answer is None


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(COMPLETE)), st.randoms(use_true_random=False), _places)
def test_a_spoiled_answer_raises_nothing_but_unreadable(
    name: str, chance: random.Random, places: list[int]
) -> None:
    """Bytes changed, lost, doubled: an answer, no answer, or more wanted; nothing else."""
    data = bytearray(COMPLETE[name][0])
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data))
        match chance.randrange(3):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                del data[at]
            case _:
                data[at:at] = data[: chance.randrange(9)]

    read = Read(cut(bytes(data), places))
    read.ended(clean=True)

    assert read.fault is None or read.answer is None
    assert read.fault != ""


def test_names_are_in_lower_case_and_the_last_value_counts() -> None:
    """What `Answer` promises, so that providers look a header up without care."""
    data = with_length(b"", b"X-ID: 1", b"x-id:  2 \t", b"Empty:", b"Latin: \xfc")

    answer = Read([data]).answer

    assert answer is not None
    assert answer.headers == {"x-id": "2", "empty": "", "latin": "ü", "content-length": "0"}


def test_a_reader_reads_one_answer_after_the_other() -> None:
    """A kept connection has one parser for all of them; nothing of the last may be left."""
    reader = AnswerReader(AnswerLimits())
    for name in sorted(COMPLETE):
        if not KEEPS_OPEN[name]:
            continue
        data, status, body = COMPLETE[name]
        reader.expect()
        reader.feed(data)
        assert reader.answer is not None
        assert (reader.answer.status, reader.answer.body) == (status, body)
        assert reader.answer == Read([data]).answer
        assert reader.keeps_open


@pytest.mark.parametrize("more", [with_length(b"other"), b"HTTP/1.1", b"X", b"\x00"])
@pytest.mark.parametrize("name", ["length", "chunks", "no content", "closing"])
def test_bytes_after_the_answer_spoil_the_connection_not_the_answer(name: str, more: bytes) -> None:
    """They would be read as the answer to the next mail."""
    data, _, _ = COMPLETE[name]

    read = Read([data + more])

    assert read.fault is None
    assert read.answer == Read([data]).answer
    assert not read.reader.keeps_open


@pytest.mark.parametrize(
    "data",
    [
        b"garbage\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",  # TLS on a plain port
        b"220 mx.test ESMTP\r\n",
        b"<html>no</html>",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nBad name: x\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: \x00\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\nPRI * HTTP/2.0",
    ],
)
def test_what_is_not_http_as_asked_for_is_unreadable(data: bytes) -> None:
    """Guessing at a length or a status is how one answer becomes two."""
    for pieces in ([data], [data[i : i + 1] for i in range(len(data))]):
        read = Read(pieces)
        assert read.fault is not None
        assert read.answer is None


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"br", b"x"),
        (b"gzip, gzip", gzip.compress(gzip.compress(TEXT))),
        (b"gzip", b"not gzip"),
        (b"gzip", gzip.compress(TEXT)[:-1]),
        (b"gzip", gzip.compress(TEXT) + b"more"),
        (b"deflate", b"\xff\xff\xff"),
        (b"deflate", zlib.compress(TEXT)[:-1]),
    ],
)
def test_a_body_that_cannot_be_unpacked_is_unreadable(coding: bytes, body: bytes) -> None:
    """Better unknown than an id read out of rubbish."""
    read = Read([with_length(body, b"Content-Encoding: " + coding)])

    assert read.answer is None
    assert read.fault is not None


SMALL = AnswerLimits(head=200, body=100)


def a_head(size: int) -> bytes:
    start = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: "
    return start + b"x" * (size - len(start) - 4) + b"\r\n\r\n"


@settings(deadline=None)
@given(_places)
def test_the_limit_of_the_head_is_exact_however_it_is_cut(places: list[int]) -> None:
    """A header without an end must not fill our memory; one in bounds must not fail."""
    assert Read(cut(a_head(200), places), limits=SMALL).answer is not None
    over = Read(cut(a_head(201), places), limits=SMALL)
    assert over.answer is None
    assert over.fault == "answer too large"


def test_interim_answers_without_an_end_are_too_large() -> None:
    """Each is small, and there are always more."""
    read = Read([b"HTTP/1.1 100 Continue\r\n\r\n"] * 100, limits=SMALL)

    assert read.fault == "answer too large"


@settings(deadline=None)
@given(_places)
def test_the_limit_of_the_body_is_exact_however_it_is_cut(places: list[int]) -> None:
    """Also for chunks, whose sum nobody announces, and where the connection's end ends it."""
    for data in (with_length, chunked):
        assert Read(cut(data(b"x" * 100), places), limits=SMALL).answer is not None
        assert Read(cut(data(b"x" * 101), places), limits=SMALL).fault == "answer too large"
    endless = Read(cut(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 101, places), limits=SMALL)
    assert endless.fault == "answer too large"


def test_the_framing_of_chunks_has_a_limit_too() -> None:
    """Chunk extensions and trailers carry no byte of the body and can last for ever."""
    extension = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"e" * 500
    trailer = chunked(b"x")[:-2] + b"T: " + b"t" * 500
    for data in (extension, trailer):
        read = Read([data[i : i + 50] for i in range(0, len(data), 50)], limits=SMALL)
        assert read.fault == "answer too large"


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_bomb_is_not_unpacked(coding: str) -> None:
    """A megabyte on the wire can be a thousand in memory: it is made up to the limit only."""
    pack = zlib.compressobj(9, wbits=31 if coding == "gzip" else 15)
    bomb = b"".join(pack.compress(bytes(1 << 20)) for _ in range(64)) + pack.flush()
    limit = 1 << 20

    tracemalloc.start()
    with pytest.raises(Unreadable, match="too large"):
        unpacked(bomb, coding, max_bytes=limit)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 8 * limit


def test_a_packed_body_as_large_as_the_limit_is_read() -> None:
    """The bound itself is in bounds."""
    assert unpacked(gzip.compress(bytes(1000)), "gzip", max_bytes=1000) == bytes(1000)
    with pytest.raises(Unreadable, match="too large"):
        unpacked(gzip.compress(bytes(1001)), "gzip", max_bytes=1000)


# ---------------------------------------------------------------- where the status says all

CUTTING = AnswerLimits(body=10, cuts=True)


@pytest.mark.parametrize(
    "framing",
    [
        pytest.param(b"Content-Length: 100000\r\n\r\n" + b"x" * 100_000, id="length"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\n" + b"2\r\nxx\r\n" * 999, id="chunks"),
        pytest.param(b"\r\n" + b"x" * 100_000, id="until the end"),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1_000_000])
def test_a_body_that_is_too_long_is_cut_where_only_the_status_counts(
    framing: bytes, size: int
) -> None:
    """A webhook's receiver that answers 200 with a page of HTML has taken the event."""
    reader = AnswerReader(CUTTING)

    for start in range(0, len(framing), size):
        reader.feed((b"HTTP/1.1 200 OK\r\n" if start == 0 else b"") + framing[start : start + size])
        if reader.answer is not None:
            break

    assert reader.answer == Answer(
        status=200, headers=reader.answer.headers if reader.answer else {}, body=b"x" * 10
    )
    assert not reader.keeps_open, "nobody reads what is left of it"


def test_a_packed_body_is_left_packed_where_only_the_status_counts() -> None:
    """Cut in the middle it could not be unpacked, and that says nothing about the status."""
    reader = AnswerReader(CUTTING)

    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n"
    reader.feed(head + b"\x1f\x8bx")

    assert reader.answer is not None
    assert (reader.answer.status, reader.answer.body) == (200, b"\x1f\x8bx")
