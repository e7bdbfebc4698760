"""The small parts that all stores share: times, cursors, lists, heartbeats and figures."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_sender.domain.message import Content
from mail_sender.store.codec import decode_content, encode_content
from mail_sender.store.figures import Period, percentiles
from mail_sender.store.heartbeat import Heartbeat, after_step, next_beat
from mail_sender.store.listing import NOT_LISTED, decode_listed, encode_listed, without_body
from mail_sender.store.micros import instant, micros
from mail_sender.store.paging import cursor_at, event_id, event_number, position

from ..contracts.store_intake import whole_content
from ..make import NOW

MINUTE = timedelta(minutes=1)
times = st.datetimes(
    min_value=datetime(1971, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
)


@given(times)
def test_a_time_comes_back_as_it_was(at: datetime) -> None:
    """What a client gave and what a record shows are equal, to the microsecond."""
    assert instant(micros(at)) == at
    assert instant(micros(at)).tzinfo is UTC


@given(times, st.integers(min_value=0, max_value=2**40))
def test_a_cursor_comes_back_as_it_was(at: datetime, seq: int) -> None:
    """Paging goes on exactly where it stopped."""
    assert position(cursor_at(at, seq)) == (micros(at), seq)


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_event_ids_sort_like_their_numbers(one: int, two: int) -> None:
    """A follower may compare ids as text."""
    assert (event_id(one) < event_id(two)) is (one < two)
    assert event_number(event_id(one)) == one


def test_a_list_shows_every_field_but_the_large_ones() -> None:
    """A field that is added to a content is not forgotten in lists."""
    content = whole_content()
    empty = Content(sender=content.sender)

    assert decode_listed(encode_listed(content)) == without_body(content)
    for field in dataclasses.fields(Content):
        assert getattr(content, field.name) != getattr(empty, field.name) or (
            field.name == "sender"
        ), "the example must use every field"
        if field.name in NOT_LISTED:
            assert not getattr(without_body(content), field.name)


def test_reading_a_content_does_not_change_how_it_is_written() -> None:
    """The fingerprint of a request is the same before and after its recipients were looked at."""
    content = whole_content()
    before = encode_content(content)
    assert content.recipients
    assert encode_content(content) == before
    assert decode_content(before) == content


@pytest.mark.parametrize(
    ("known", "now", "until"),
    [
        (None, NOW, NOW + MINUTE),
        (Heartbeat(NOW, NOW + MINUTE), NOW + MINUTE / 2, NOW + 1.5 * MINUTE),
        (Heartbeat(NOW, NOW + 9 * MINUTE), NOW + MINUTE, NOW + 9 * MINUTE),
        (Heartbeat(NOW, NOW + MINUTE), NOW - 60 * MINUTE, NOW - 59 * MINUTE),
    ],
    ids=["first", "next", "shorter than before", "clock set back"],
)
def test_a_heartbeat_extends_a_lease_and_never_shortens_it(
    known: Heartbeat | None, now: datetime, until: datetime
) -> None:
    """By the real time that passes, not by the clock."""
    assert next_beat(known, now, MINUTE) == Heartbeat(now, until)


def test_a_lease_from_the_future_is_counted_from_now() -> None:
    """The clock was set back: the rest of the lease is as long as it was at most."""
    beat = Heartbeat(NOW, NOW + MINUTE)

    assert after_step(beat, NOW + MINUTE / 2) is beat
    assert after_step(beat, NOW - 60 * MINUTE).until == NOW - 59 * MINUTE


@given(st.integers(1, 100), st.integers(1, 10**12), st.integers(0, 10**12))
def test_every_moment_of_a_period_falls_into_its_step(
    steps: int, span_us: int, after_us: int
) -> None:
    """The bars of a chart add up to the whole."""
    until = NOW + timedelta(microseconds=span_us)
    period = Period(since=NOW, until=until, steps=steps)
    at = NOW + timedelta(microseconds=after_us)

    step = period.step_of(at)

    assert (step is not None) is (at < until)
    assert step is None or 0 <= step < steps


def test_percentiles_are_values_that_were_measured() -> None:
    """Nearest rank: no figure stands between two measurements."""
    figures = percentiles(range(1000, 101_000, 1000))

    assert (figures.p50_ms, figures.p99_ms) == (50.0, 99.0)
    assert percentiles([7000]).p99_ms == 7.0
    assert percentiles([]).p50_ms is None
