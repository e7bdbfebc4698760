"""When a provider is left out, and how it comes back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mail_sender.clock import FakeClock
from mail_sender.delivery.breaker import (
    Admission,
    Blocked,
    Breaker,
    BreakerPolicy,
    BreakerState,
    BreakerView,
    Failure,
    failure_of,
)
from mail_sender.domain.outcome import Accepted, Blame, Deferred, Outcome, Reach, Refused
from tests.delivery.scripted import BAD_KEY, BAD_MAIL, DOWN, NO_SUCH_USER, SILENT, TOO_LARGE, WHY

FAILED = Failure(Reach.CALL, "connection refused")
POLICY = BreakerPolicy(failures=3, rest=timedelta(seconds=20), longest_rest=timedelta(seconds=60))
TAKEN = Accepted(provider_message_id="1")


def admitted(breaker: Breaker, domain: str = "example.com") -> Admission:
    """Return leave for a call that must be given."""
    admission = breaker.admit(domain)
    assert isinstance(admission, Admission)
    return admission


def call(breaker: Breaker, failure: Failure | None, times: int = 1) -> None:
    """Make calls with the same result."""
    for _ in range(times):
        breaker.record(admitted(breaker), failure, "example.com")


@pytest.mark.parametrize(
    ("outcomes", "counts"),
    [
        ([TAKEN], False),
        ([DOWN], True),
        ([SILENT], True),
        ([BAD_KEY], True),
        ([NO_SUCH_USER], False),
        ([BAD_MAIL], False),
        ([DOWN, TAKEN], False),
        ([DOWN, NO_SUCH_USER], False),
        ([Deferred(blame=Blame.RECIPIENT, diagnostic=WHY)], False),
    ],
)
def test_only_the_providers_own_failures_and_silence_count(
    outcomes: list[Outcome], counts: bool
) -> None:
    """A list full of dead mailboxes must not take a healthy provider out of service."""
    assert (failure_of(outcomes) is not None) is counts


def test_it_opens_after_repeated_failures_and_says_why() -> None:
    """Mail goes to the next provider at once instead of waiting for this one each time."""
    breaker = Breaker(FakeClock(), POLICY)
    call(breaker, FAILED, times=3)
    blocked = breaker.admit("example.com")
    assert isinstance(blocked, Blocked)
    assert "connection refused" in blocked.reason


def test_a_few_failures_among_many_successes_do_not_open_it() -> None:
    """One provider's hiccup in a hundred calls is not an outage."""
    breaker = Breaker(FakeClock(), POLICY)
    for _ in range(5):
        call(breaker, None, times=3)
        call(breaker, FAILED)
    assert breaker.view().state is BreakerState.CLOSED


def test_a_bad_key_opens_it_at_once() -> None:
    """Nothing that the account sends will pass, so nobody else needs to find out."""
    breaker = Breaker(FakeClock(), POLICY)
    call(breaker, failure_of([BAD_KEY]))
    assert breaker.view().state is BreakerState.OPEN


def test_a_limit_that_only_one_message_meets_does_not_count() -> None:
    """A mail that is too large here must not close the provider for small ones."""
    breaker = Breaker(FakeClock(), POLICY)
    call(breaker, failure_of([TOO_LARGE]), times=20)
    assert breaker.view().state is BreakerState.CLOSED


def test_an_unverified_sender_leaves_out_only_its_own_domain() -> None:
    """Team A's missing DNS record must not stop team B."""
    breaker = Breaker(FakeClock(), POLICY)
    unverified = Refused(blame=Blame.PROVIDER, diagnostic=WHY, reach=Reach.SENDER)
    breaker.record(admitted(breaker, "a.example"), failure_of([unverified]), "a.example")
    assert isinstance(breaker.admit("a.example"), Blocked)
    assert isinstance(breaker.admit("b.example"), Admission)


def test_after_the_rest_one_mail_is_the_probe_and_closes_it() -> None:
    """A provider that comes back is not met by every waiting worker at once."""
    clock = FakeClock()
    breaker = Breaker(clock, POLICY)
    call(breaker, FAILED, times=3)
    clock.advance(timedelta(seconds=20))

    probe = admitted(breaker)
    assert isinstance(breaker.admit("example.com"), Blocked)
    breaker.record(probe, None, "example.com")

    assert breaker.view().state is BreakerState.CLOSED


def test_a_failed_probe_doubles_the_rest_up_to_the_longest() -> None:
    """A long outage costs fewer and fewer probes."""
    clock = FakeClock()
    breaker = Breaker(clock, POLICY)
    call(breaker, FAILED, times=3)
    for rest in (20, 40, 60, 60):
        clock.advance(timedelta(seconds=rest - 1))
        assert isinstance(breaker.admit("example.com"), Blocked)
        clock.advance(timedelta(seconds=1))
        call(breaker, FAILED)


def test_a_probe_that_was_not_made_can_be_made_by_the_next() -> None:
    """A lost lease must not leave the breaker half open for ever."""
    clock = FakeClock()
    breaker = Breaker(clock, POLICY)
    call(breaker, FAILED, times=3)
    clock.advance(timedelta(seconds=20))
    breaker.withdraw(admitted(breaker))
    assert admitted(breaker).is_probe


def test_calls_that_began_before_it_opened_do_not_close_it() -> None:
    """Sixty-four calls in flight answer late; the outage is still one outage."""
    breaker = Breaker(FakeClock(), POLICY)
    early = admitted(breaker)
    call(breaker, FAILED, times=3)
    breaker.record(early, None, "example.com")
    assert breaker.view().state is BreakerState.OPEN


def test_failures_that_trickle_in_after_it_opened_do_not_prolong_the_rest() -> None:
    """Sixty calls that were in flight end one by one; the probe comes when it was due."""
    clock = FakeClock()
    breaker = Breaker(clock, POLICY)
    late = [admitted(breaker) for _ in range(5)]
    call(breaker, FAILED, times=3)
    clock.advance(timedelta(seconds=19))
    for admission in late:
        breaker.record(admission, FAILED, "example.com")
    clock.advance(timedelta(seconds=1))
    assert admitted(breaker).is_probe


def test_a_retry_after_is_the_least_rest() -> None:
    """The provider said when to come back."""
    clock = FakeClock()
    breaker = Breaker(clock, POLICY)
    call(breaker, Failure(Reach.CALL, "too many requests", timedelta(minutes=5)))
    clock.advance(timedelta(minutes=4, seconds=59))
    assert isinstance(breaker.admit("example.com"), Blocked)
    clock.advance(timedelta(seconds=1))
    assert admitted(breaker).is_probe


def test_opening_and_closing_are_told_once_each() -> None:
    """Operators get one event for an outage, not one a mail."""
    clock = FakeClock()
    told: list[BreakerView] = []
    breaker = Breaker(clock, POLICY, told.append)
    call(breaker, FAILED, times=3)
    clock.advance(timedelta(seconds=20))
    call(breaker, FAILED)
    clock.advance(timedelta(seconds=40))
    call(breaker, None)
    assert [view.state for view in told] == [BreakerState.OPEN, BreakerState.CLOSED]
    assert told[0].reason == "connection refused"
