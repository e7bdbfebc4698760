"""When a message that nobody took is tried again."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from mail_sender.delivery.retry import RetryPolicy, next_attempt
from tests.make import NOW

POLICY = RetryPolicy(first=timedelta(seconds=10), longest=timedelta(minutes=10))
LATE = NOW + timedelta(days=1)


def test_waits_double_up_to_the_longest() -> None:
    """A short hiccup costs seconds, a long outage does not cost a call a second."""
    waits = [
        next_attempt(POLICY, passes=n, now=NOW, give_up_at=LATE, chance=0.999999)
        for n in (1, 2, 3, 50)
    ]
    assert [round((w - NOW).total_seconds()) for w in waits if w] == [10, 20, 40, 600]


def test_jitter_spreads_the_waiting_ones_over_half_the_wait() -> None:
    """After an outage a thousand messages must not come back in the same instant."""
    early = next_attempt(POLICY, passes=4, now=NOW, give_up_at=LATE, chance=0.0)
    late = next_attempt(POLICY, passes=4, now=NOW, give_up_at=LATE, chance=0.999999)
    assert early == NOW + timedelta(seconds=40)
    assert late is not None
    assert round((late - NOW).total_seconds()) == 80


def test_there_is_an_end() -> None:
    """A one-time password is worthless in ten minutes: nobody sends it in eleven."""
    soon = NOW + timedelta(seconds=3)
    assert next_attempt(POLICY, passes=1, now=NOW, give_up_at=soon, chance=0.5) is None


def test_a_retry_after_is_obeyed() -> None:
    """Coming back earlier than a provider asked for makes its throttling worse."""
    asked = NOW + timedelta(minutes=5)
    at = next_attempt(POLICY, passes=1, now=NOW, give_up_at=LATE, chance=0.5, not_before=asked)
    assert at is not None
    assert at >= asked


@given(passes=st.integers(1, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_the_next_attempt_always_lies_ahead_and_within_bounds(passes: int, chance: float) -> None:
    """No count of failures may overflow, or bring the next attempt into the past."""
    at = next_attempt(POLICY, passes=passes, now=NOW, give_up_at=LATE, chance=chance)
    assert at is not None
    assert NOW < at <= NOW + POLICY.longest
