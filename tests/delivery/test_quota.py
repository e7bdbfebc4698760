"""When a provider's account is used up for now."""

from __future__ import annotations

from datetime import timedelta

from mail_sender.clock import FakeClock
from mail_sender.delivery.quota import DAY, HOUR, Quota, QuotaPolicy


def test_no_more_messages_a_second_than_allowed() -> None:
    """SES answers 429 beyond its rate; not asking is cheaper."""
    clock = FakeClock()
    quota = Quota(clock, QuotaPolicy(max_per_second=2))
    assert [quota.admit(1) is None for _ in range(3)] == [True, True, False]
    clock.advance(timedelta(seconds=0.5))
    assert [quota.admit(1) is None for _ in range(2)] == [True, False]


def test_a_rate_block_says_when_the_next_may_go() -> None:
    """A message with no other provider waits just so long."""
    clock = FakeClock()
    quota = Quota(clock, QuotaPolicy(max_per_second=2))
    while (blocked := quota.admit(1)) is None:
        pass
    assert timedelta(0) < blocked.until - clock.now() <= timedelta(seconds=0.5)


def test_the_daily_quota_counts_recipients_and_slides() -> None:
    """Providers count recipients, within the last 24 hours."""
    clock = FakeClock()
    quota = Quota(clock, QuotaPolicy(per_day=10))
    assert quota.admit(6) is None
    clock.advance(timedelta(hours=12))
    assert quota.admit(4) is None
    blocked = quota.admit(1)
    assert blocked is not None
    assert "10 recipients a day" in blocked.reason
    clock.advance(timedelta(hours=12, minutes=1))
    assert quota.admit(6) is None
    assert quota.admit(1) is not None


def test_what_was_surely_not_taken_is_given_back() -> None:
    """A provider that refuses everything does not use up its own quota."""
    quota = Quota(FakeClock(), QuotaPolicy(per_hour=1))
    assert quota.admit(1) is None
    quota.give_back(1)
    assert quota.admit(1) is None


def test_a_call_that_was_not_made_costs_nothing() -> None:
    """A client that repeats one idempotency key all day must not use up a provider's rate."""
    quota = Quota(FakeClock(), QuotaPolicy(max_per_second=2, per_hour=2))
    for _ in range(10):
        assert quota.admit(2) is None
        quota.withdraw(2)
    assert quota.admit(1) is None
    assert quota.admit(1) is None
    assert quota.admit(1) is not None


def test_a_restart_does_not_forget_what_was_used() -> None:
    """The store remembers what this process does not."""
    clock = FakeClock()
    quota = Quota(clock, QuotaPolicy(per_hour=5, per_day=100))
    assert quota.spans == (HOUR, DAY)
    quota.learn(HOUR, 5)
    assert quota.admit(1) is not None
    quota.learn(HOUR, 5)
    clock.advance(timedelta(minutes=61))
    assert quota.admit(1) is None
