"""What is repeated, where and when: the rules, without a wire."""

from __future__ import annotations

import random
import socket

import pytest

from mail_sender.client.course import FIRST_PAUSE, LONGEST_PAUSE, Course, LineBroke
from mail_sender.client.entry import Address
from mail_sender.client.http1 import Answer

A: Address = (socket.AF_INET, ("192.0.2.1", 443))
B: Address = (socket.AF_INET, ("192.0.2.2", 443))
BOTH = [A, B]


def course(
    *, is_repeatable: bool = True, until: float = 100.0, reach_until: float = 100.0
) -> Course:
    return Course(
        is_repeatable=is_repeatable,
        until=until,
        reach_until=reach_until,
        chance=random.Random(1),  # noqa: S311
    )


def answer(status: int, code: str = "", retry_after: str | None = None) -> Answer:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return Answer(status, headers, f'{{"code":"{code}"}}'.encode())


def test_each_address_is_asked_before_any_is_asked_again() -> None:
    """The other site may be well; waiting comes after that."""
    tries = course()
    assert tries.goes_on_after(LineBroke("cut", was_sent=True), A, 0.0)
    assert tries.open(BOTH, 0.0) == [B]
    assert tries.pause(BOTH, 0.0) == 0.0
    assert tries.goes_on_after(answer(502), B, 0.0)
    assert tries.open(BOTH, 0.0) == []
    pause = tries.pause(BOTH, 0.0)
    assert pause is not None
    assert 0 < pause <= FIRST_PAUSE


def test_each_address_has_its_own_retry_after() -> None:
    """One that asks for half a minute does not hold up the other."""
    tries = course()
    tries.goes_on_after(answer(503, retry_after="30"), A, 0.0)
    tries.goes_on_after(answer(503), B, 0.0)
    pause = tries.pause(BOTH, 0.0)
    assert pause is not None
    assert pause <= FIRST_PAUSE
    assert tries.open(BOTH, pause) == [B]
    assert tries.open(BOTH, 30.0) == BOTH


def test_pauses_grow_and_differ_between_clients() -> None:
    """A thousand clients must not come back in the same millisecond."""
    tries = course(until=1e6)
    now, waits = 0.0, []
    for _ in range(10):
        tries.goes_on_after(LineBroke("cut", was_sent=True), A, now)
        pause = tries.pause([A], now)
        assert pause is not None
        waits.append(pause)
        now += pause
    for n, wait in enumerate(waits):
        full = min(FIRST_PAUSE * 2**n, LONGEST_PAUSE)
        assert full / 2 <= wait <= full + 1e-9


def test_nothing_is_tried_after_the_deadline() -> None:
    """Also where the next time would be allowed a moment later."""
    tries = course(until=1.0)
    tries.goes_on_after(answer(503, retry_after="1"), A, 0.0)

    assert tries.pause([A], 0.0) is None
    assert tries.pause([A, B], 0.0) == 0.0


def test_what_was_never_reached_is_given_up_sooner_if_the_caller_says_so() -> None:
    """And not any more once somebody took a connection."""
    tries = course(reach_until=1.0)
    tries.never_reached(BOTH, "refused", 0.95)
    assert tries.pause(BOTH, 0.95) is None
    tries = course(reach_until=1.0)
    tries.goes_on_after(LineBroke("cut", was_sent=True), A, 0.5)
    assert tries.pause([A], 0.95) is not None


@pytest.mark.parametrize("code", ["not_sent", "outcome_unknown"])
@pytest.mark.parametrize("status", [503, 504])
def test_an_outcome_is_final(status: int, code: str) -> None:
    """The gateway did its work and says how it ended."""
    assert not course().goes_on_after(answer(status, code), A, 0.0)


@pytest.mark.parametrize("status", [200, 202, 301, 400, 401, 403, 404, 409, 422, 500])
def test_other_answers_are_final(status: int) -> None:
    """500 as well: what the gateway did not expect will be there the next time."""
    assert not course().goes_on_after(answer(status), A, 0.0)


def test_what_has_no_key_is_repeated_only_before_it_left() -> None:
    """The one rule that keeps this client from sending twice."""
    for result in (LineBroke("cut", was_sent=True), answer(502), answer(503), answer(504),
                   answer(429), answer(409, "idempotency_in_progress")):  # fmt: skip
        assert not course(is_repeatable=False).goes_on_after(result, A, 0.0)
    assert course(is_repeatable=False).goes_on_after(LineBroke("no", was_sent=False), A, 0.0)


def test_a_limit_of_the_key_holds_at_every_address() -> None:
    """So does a first request that is still running."""
    tries = course()
    tries.goes_on_after(answer(429, retry_after="7"), A, 0.0)

    assert tries.open(BOTH, 6.9) == []
    assert tries.pause(BOTH, 0.0) == 7.0
    assert tries.open(BOTH, 7.0) == BOTH


def test_it_is_known_whether_any_try_may_have_arrived() -> None:
    """The caller is told of the worst, not of the last."""
    tries = course()
    tries.goes_on_after(LineBroke("cut", was_sent=True), A, 0.0)
    assert tries.given_up(tries.never_reached([B], "refused", 1.0)).was_sent
    tries = course()
    assert not tries.given_up(tries.never_reached(BOTH, "refused", 1.0)).was_sent
    tries.goes_on_after(answer(503), A, 2.0)
    assert tries.given_up(LineBroke("refused", was_sent=False)).was_sent, "perhaps it was stored"


def test_a_hopeless_address_is_not_asked_again() -> None:
    """A wrong certificate does not pass; when all have one, it is over."""
    tries = course()
    tries.goes_on_after(LineBroke("bad", was_sent=False, may_pass=False), A, 0.0)
    assert tries.open(BOTH, 50.0) == [B]
    tries.goes_on_after(LineBroke("bad", was_sent=False, may_pass=False), B, 0.0)
    assert tries.pause(BOTH, 0.0) is None
