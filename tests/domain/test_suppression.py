"""What is true of an address of which several things were said."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_sender.domain.suppression import (
    MAX_NOTE,
    Suppression,
    SuppressionReason,
    joined,
    note_of,
    parse_note,
    parse_origin,
)

from ..make import ANN, NOW, make_suppression

_DAYS = st.integers(0, 5).map(lambda days: timedelta(days=days))
_ENTRIES = st.builds(
    make_suppression,
    st.just(ANN),
    st.sampled_from(SuppressionReason),
    st.sampled_from(["provider:ses", "key:k"]),
    created_at=_DAYS.map(lambda ago: NOW - ago),
    expires_at=st.none() | _DAYS.map(lambda ahead: NOW + ahead),
    note=st.sampled_from(["", "a", "b"]),
)
WEIGHT = [
    SuppressionReason.MANUAL,
    SuppressionReason.HARD_BOUNCE,
    SuppressionReason.UNSUBSCRIBE,
    SuppressionReason.COMPLAINT,
]


@given(_ENTRIES, _ENTRIES)
def test_adding_never_lets_mail_through_that_was_kept_away(
    known: Suppression, news: Suppression
) -> None:
    """Whatever comes later, in whatever order: a list only grows by what is added to it."""
    both, other_way = joined(known, news), joined(news, known)

    for entry in (known, news):
        assert WEIGHT.index(both.reason) >= WEIGHT.index(entry.reason)
        assert both.created_at <= entry.created_at
        if both.expires_at is not None:
            assert entry.expires_at is not None
            assert both.expires_at >= entry.expires_at
    assert both.reason in {known.reason, news.reason}
    said_by = {entry.origin for entry in (known, news) if entry.reason is both.reason}
    assert both.origin in said_by
    assert (both.reason, both.created_at, both.expires_at) == (
        other_way.reason, other_way.created_at, other_way.expires_at,
    )  # fmt: skip


@given(_ENTRIES, _ENTRIES)
def test_adding_again_changes_nothing(known: Suppression, news: Suppression) -> None:
    """Providers report everything twice."""
    both = joined(known, news)

    assert joined(known, known) == known
    assert joined(both, news) == both


def test_an_entry_counts_until_its_end() -> None:
    """Not at the moment of its end itself."""
    entry = make_suppression(expires_at=NOW)

    assert entry.counts(NOW - timedelta(microseconds=1))
    assert not entry.counts(NOW)
    assert make_suppression().counts(NOW)


@pytest.mark.parametrize(
    "text", ["", "provider", "provider:", "mars:7", "key:a\nb", "key:" + "x" * 101]
)
def test_an_origin_is_a_kind_and_a_name(text: str) -> None:
    """It is a filter of the list, and stands in files."""
    with pytest.raises(ValueError, match="expected an origin"):
        parse_origin(text)

    assert str(parse_origin("provider:ses")) == "provider:ses"


def test_a_servers_answer_becomes_a_note_of_one_line() -> None:
    """Whatever a server says can be shown, written down and exported."""
    note = note_of("550-5.1.1 no\r\n550 such user\x00" + "x" * 1000)

    assert note.startswith("550-5.1.1 no 550 such user x")
    assert len(note) == MAX_NOTE
    assert parse_note(note) == note
