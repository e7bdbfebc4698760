"""Answers as bytes: whole, in pieces, and wrong ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_sender.client.http1 import (
    MAX_HEAD_BYTES,
    AnswerReader,
    BadAnswer,
    Request,
)

PLAIN = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;ext=1\r\nhel\r\n2 \r\nlo\r\n0\r\nTrailer: x\r\n\r\n"
)
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + PLAIN
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
UNTIL_CLOSED = b"HTTP/1.1 200\r\n\r\nhello"
WHOLE = {"plain": PLAIN, "chunked": CHUNKED, "interim": INTERIM, "empty": EMPTY}


def read(*pieces: bytes) -> tuple[AnswerReader, bytes]:
    reader = AnswerReader()
    body = b""
    for piece in pieces:
        reader.feed(piece)
        body += reader.take()
    return reader, body


@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_is_read_to_its_end_and_no_further(name: str) -> None:
    """Then the line may be used again."""
    reader, body = read(WHOLE[name])

    assert reader.is_complete
    assert reader.may_reuse
    assert body == (b"" if name == "empty" else b"hello")


@given(data=st.data(), name=st.sampled_from(sorted(WHOLE)))
def test_it_does_not_matter_in_which_pieces_it_comes(data: st.DataObject, name: str) -> None:
    """TCP keeps bytes, not borders."""
    whole = WHOLE[name]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=12)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    reader, body = read(*pieces)

    assert reader.is_complete
    assert body == (b"" if name == "empty" else b"hello")
    assert reader.head is not None
    assert reader.head.status in {200, 202, 204}


@given(whole=st.binary(max_size=300) | st.builds(bytes.__add__, st.just(PLAIN[:40]), st.binary()))
def test_nonsense_is_an_error_and_nothing_else(whole: bytes) -> None:
    """A proxy may say anything."""
    reader = AnswerReader()
    try:
        reader.feed(whole)
        reader.feed(b"")
    except BadAnswer:
        return
    assert reader.is_complete or not whole


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    """As HTTP/1.0 proxies do; such a line is used once."""
    reader, body = read(UNTIL_CLOSED)
    assert not reader.is_complete
    reader.feed(b"")

    assert body == b"hello"
    assert reader.is_complete
    assert not reader.may_reuse


@pytest.mark.parametrize("whole", [PLAIN, CHUNKED, PLAIN[:20], b""], ids=repr)
def test_an_answer_that_is_cut_is_never_taken_for_a_whole_one(whole: bytes) -> None:
    """Half a list of results would be believed."""
    reader, _ = read(*([whole[:-1]] if whole[:-1] else []))
    with pytest.raises(BadAnswer, match="closed before"):
        reader.feed(b"")


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/2 200\r\n\r\n",
        b"SMTP 220 hello\r\n\r\n",
        b"HTTP/1.1 20x OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nNo colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n Folded: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * (MAX_HEAD_BYTES + 1),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * (MAX_HEAD_BYTES + 1),
    ],
    ids=lambda head: repr(head[:60]),
)
def test_what_is_not_clear_is_an_error(head: bytes) -> None:
    """Two readers that disagree where an answer ends is how answers get mixed up."""
    with pytest.raises(BadAnswer):
        AnswerReader().feed(head)


def test_a_length_that_is_said_twice_alike_is_one() -> None:
    """RFC 9110 section 8.6 lets a recipient read it so."""
    reader, body = read(PLAIN.replace(b"\r\n\r\n", b"\r\ncontent-length: 5\r\n\r\n"))

    assert (body, reader.is_complete) == (b"hello", True)


def test_more_than_was_asked_for_ends_the_use_of_the_line() -> None:
    """Nobody knows what it belongs to."""
    reader, _ = read(PLAIN + b"HTTP/1.1")

    assert reader.is_complete
    assert not reader.may_reuse


def test_close_is_heard_in_any_case() -> None:
    """Of letters and among other options."""
    reader, _ = read(PLAIN.replace(b"Accepted", b"Accepted\r\nConnection: x, Close"))

    assert not reader.may_reuse


def test_a_request_has_what_it_needs_and_cannot_be_smuggled_into() -> None:
    """A header value with a line end would begin another request."""
    request = Request(
        method="POST",
        target="/v1/x",
        body=b"{}",
        headers={"A": "b"},
        is_repeatable=True,
        patience=1,
    )
    head = request.head("gateway.example")

    assert head.startswith(
        b"POST /v1/x HTTP/1.1\r\nHost: gateway.example\r\nUser-Agent: mail-sender/"
    )
    assert head.endswith(b"\r\nA: b\r\nContent-Length: 2\r\n\r\n")
    bad = Request(
        method="GET", target="/", headers={"A": "b\r\nX: y"}, is_repeatable=True, patience=1
    )
    with pytest.raises(ValueError, match="characters"):
        bad.head("gateway.example")
