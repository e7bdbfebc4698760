"""Streams of events as bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mail_sender.client.sse import Frame, FrameReader

STREAM = (
    b"retry: 2000\n\n"
    b'id: evt_1\nevent: message.sent\ndata: {"a":1}\n\n'
    b": still here\n\n"
    b"id: evt_2\r\ndata: one\r\ndata:two\r\n\r\n"
    b"data: x\r\r"
)
FRAMES = [Frame("evt_1", b'{"a":1}'), Frame("evt_2", b"one\ntwo"), Frame("evt_2", b"x")]


def test_events_are_told_from_what_only_keeps_the_line_open() -> None:
    """Comments and `retry` are no events."""
    reader = FrameReader()

    assert reader.feed(STREAM) + reader.feed(b"\n") == FRAMES


@given(data=st.data())
def test_it_does_not_matter_in_which_pieces_they_come(data: st.DataObject) -> None:
    """A line end may be cut in the middle, and so may a letter."""
    cuts = sorted(data.draw(st.sets(st.integers(1, len(STREAM) - 1), max_size=10)))
    reader = FrameReader()
    found = []
    for a, b in zip([0, *cuts], [*cuts, len(STREAM)], strict=True):
        found += reader.feed(STREAM[a:b])

    assert found + reader.feed(b"\n") == FRAMES


def test_half_an_event_is_none() -> None:
    """The line broke in the middle: it comes again, whole."""
    assert FrameReader().feed(b"id: evt_1\ndata: x\n") == []
