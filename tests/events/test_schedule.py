"""What follows from an attempt."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mail_sender.domain.webhook import DeliveryState, WebhookAttempt
from mail_sender.events.schedule import WAITS, Verdict, verdict

from ..make import NOW

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def after(status: int | None, **fields: Any) -> Verdict:  # noqa: ANN401
    return verdict(
        WebhookAttempt(at=NOW, duration=timedelta(0), status=status),
        **{
            "tries": 1, "chance": 0.5, "retry_after": None, "failing_since": None,
            "pause_after": 3 * DAY, **fields,
        },
    )  # fmt: skip


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_a_delivery(status: int) -> None:
    """As the specification says."""
    assert after(status) == Verdict(state=DeliveryState.DELIVERED)


@pytest.mark.parametrize("status", [None, 301, 302, 307, 400, 401, 404, 429, 500, 503])
def test_everything_else_comes_again(status: int | None) -> None:
    """A redirect too: nobody checked where it leads. A 404 may be a deployment under way."""
    again = after(status)

    assert again.state is DeliveryState.PENDING
    assert again.next_attempt_at == NOW + WAITS[0]
    assert again.pause is None


def test_waits_grow_over_more_than_a_day_and_then_it_has_failed() -> None:
    """A receiver that is down over night misses nothing."""
    waits = []
    for tries in range(1, len(WAITS) + 1):
        at = after(500, tries=tries).next_attempt_at
        assert at is not None
        waits.append(at - NOW)

    assert waits == sorted(waits)
    assert timedelta(hours=24) < sum(waits, timedelta(0)) < timedelta(hours=30)
    assert after(500, tries=len(WAITS) + 1) == Verdict(state=DeliveryState.FAILED)


def test_waits_differ_by_chance() -> None:
    """A thousand deliveries that failed together do not come back together."""
    at = [after(500, tries=3, chance=chance).next_attempt_at for chance in (0.0, 0.999)]

    assert at[0] == NOW + WAITS[2] * 0.9
    assert at[1] is not None
    assert at[1] - NOW == pytest.approx(WAITS[2] * 1.1, rel=0.01)


def test_retry_after_makes_a_wait_longer_and_never_shorter() -> None:
    """A receiver that is overloaded says when; one that says 0 gets no flood."""
    assert after(429, retry_after=timedelta(hours=1)).next_attempt_at == NOW + timedelta(hours=1)
    assert after(503, retry_after=timedelta(0)).next_attempt_at == NOW + WAITS[0]


def test_410_pauses_at_once_and_the_event_waits() -> None:
    """The receiver is gone; should it come back elsewhere, nothing is lost."""
    gone = after(410)

    assert gone.pause == "The receiver answered 410 Gone."
    assert gone.state is DeliveryState.PENDING


def test_nothing_but_failures_for_days_pauses() -> None:
    """Nobody has looked for three days: calling on would only be noise."""
    assert after(500, failing_since=NOW - 3 * DAY + SECOND).pause is None
    assert after(500, failing_since=NOW - 3 * DAY).pause == (
        "Every attempt since 2029-12-29 00:00 UTC has failed."
    )
    assert after(200, failing_since=NOW - 9 * DAY).pause is None
    assert after(None, tries=99, failing_since=NOW - 3 * DAY).state is DeliveryState.FAILED
