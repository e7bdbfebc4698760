"""What is known of recipients, and what that makes of the message."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_sender.domain.status import RecipientStatus as R
from mail_sender.domain.status import State, raise_to, state_of


@given(st.lists(st.sampled_from(list(R)), min_size=1, max_size=6))
def test_the_order_and_repetition_of_events_cannot_matter(news: list[R]) -> None:
    """Providers' events come late, twice and in the wrong order."""
    ends = set()
    for order in permutations(news) if len(news) < 5 else [news, news[::-1], sorted(news)]:
        known = R.QUEUED
        for status in (*order, *order):
            known = raise_to(known, status)
        ends.add(known)
    assert len(ends) == 1


@pytest.mark.parametrize(
    ("recipients", "state"),
    [
        ([R.SENT], State.SENT),
        ([R.SENT, R.FAILED], State.SENT),
        ([R.SENT, R.QUEUED], State.QUEUED),
        ([R.UNKNOWN, R.QUEUED], State.QUEUED),
        ([R.SENT, R.UNKNOWN], State.UNKNOWN),
        ([R.FAILED, R.UNKNOWN], State.UNKNOWN),
        ([R.FAILED, R.EXPIRED], State.FAILED),
        ([R.EXPIRED, R.SUPPRESSED], State.EXPIRED),
        ([R.CANCELLED], State.CANCELLED),
        ([R.SUPPRESSED], State.SUPPRESSED),
        ([R.BOUNCED], State.SENT),
        ([R.DELIVERED, R.COMPLAINED], State.SENT),
    ],
)
def test_the_state_follows_from_the_recipients(recipients: list[R], state: State) -> None:
    """Whoever waits keeps the message waiting; whoever is unknown keeps it open."""
    assert state_of(recipients) is state


def test_the_page_of_states_names_exactly_these_states() -> None:
    """docs/states.md is what operators read in an incident."""
    page = Path("docs/states.md").read_text(encoding="utf-8")
    rows = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert rows[: len(State)] == [state.value for state in State]
