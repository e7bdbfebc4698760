"""Whether a request is repeated, where, and after how long.

Neighbours: `lines` and `async_lines` do what is decided here. Pure: time and chance are passed in.

Repeating is safe for what is the same when carried out twice: what only reads, and what has an
Idempotency-Key. The gateway keeps the key in the same commit as the message, in a store that all
its nodes share; so whichever of the requests comes first makes the message, and each later one,
at whatever address, gets that message instead of a second one. Without that (a retry that takes
the risk of a duplicate) a request is repeated only when surely no byte of it was sent.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from .entry import Address
from .http1 import Answer
from .problem import code_of, retry_after_of

FIRST_PAUSE = 0.2  #: seconds before the second try at an address that gave no `Retry-After`
LONGEST_PAUSE = 5.0

#: Of the gateway, a proxy before it, or the way between them; another address may do.
_MAY_WORK_ELSEWHERE = {502, 503, 504}
#: Words about a sync message under which its outcome is final, or as final as it is known:
#: the same key would only bring the same answer again.
_IS_AN_OUTCOME = {"not_sent", "outcome_unknown"}


class LineBroke(Exception):
    """A request brought no answer.

    Attributes:
        was_sent: Whether the gateway may have got it.
        may_pass: Whether trying again later makes sense: not for a wrong certificate.
    """

    def __init__(self, text: str, *, was_sent: bool, may_pass: bool = True) -> None:
        super().__init__(text)
        self.was_sent = was_sent
        self.may_pass = may_pass


def speaks_against_address(result: Answer | LineBroke) -> bool:
    """Whether the next request should rather go elsewhere."""
    if isinstance(result, LineBroke):
        return True
    return result.status in _MAY_WORK_ELSEWHERE and code_of(result) not in _IS_AN_OUTCOME


@dataclass(slots=True, kw_only=True)
class Course:
    """The tries of one request.

    Attributes:
        is_repeatable: See `Request`.
        until: When the caller's time is up.
        reach_until: When it is up if no connection has come about.
        may_have_arrived: Whether a try may have reached the gateway and was not answered.
    """

    is_repeatable: bool
    until: float
    reach_until: float
    chance: random.Random
    may_have_arrived: bool = False
    _not_before: dict[Address, float] = field(default_factory=dict)
    _failures: dict[Address, int] = field(default_factory=dict)
    _all_not_before: float = 0.0
    _given_up: set[Address] = field(default_factory=set)
    _was_reached: bool = False

    @property
    def connect_until(self) -> float:
        """When the time for a further try is up."""
        return self.until if self._was_reached else min(self.until, self.reach_until)

    def open(self, addresses: Sequence[Address], now: float) -> list[Address]:
        """Return the addresses that may be asked now, in the given order."""
        if now < self._all_not_before:
            return []
        return [
            address
            for address in addresses
            if address not in self._given_up and self._not_before.get(address, 0.0) <= now
        ]

    def pause(self, addresses: Sequence[Address], now: float) -> float | None:
        """Return the seconds until one of them may be asked; None when that is too late."""
        times = [self._not_before.get(a, 0.0) for a in addresses if a not in self._given_up]
        if not times:
            return None
        at = max(min(times), self._all_not_before, now)
        return at - now if at < self.connect_until else None

    def goes_on_after(self, result: Answer | LineBroke, address: Address, now: float) -> bool:
        """Note what a try at an address came to; return whether another may follow."""
        self._was_reached = True
        if isinstance(result, LineBroke):
            return self._goes_on_after_break(result, address, now)
        if not self.is_repeatable:
            return False
        if speaks_against_address(result):
            self.may_have_arrived = True  # a commit may have come through before the 503
            self._rest(address, now, retry_after_of(result))
            return True
        if result.status == 429 or code_of(result) == "idempotency_in_progress":
            wait = retry_after_of(result)
            self._all_not_before = now + (self._backoff(address) if wait is None else wait)
            return True
        return False

    def never_reached(self, addresses: Sequence[Address], why: str, now: float) -> LineBroke:
        """Note that no connection came about at any of them, and return the failure."""
        for address in addresses:
            self._rest(address, now, None)
        return LineBroke(why, was_sent=False)

    def given_up(self, last: LineBroke) -> LineBroke:
        """Return what to raise after the last try: whether *any* of them may have arrived."""
        return LineBroke(str(last), was_sent=self.may_have_arrived, may_pass=last.may_pass)

    def _goes_on_after_break(self, broke: LineBroke, address: Address, now: float) -> bool:
        self.may_have_arrived |= broke.was_sent
        if not broke.may_pass:
            self._given_up.add(address)
        else:
            self._rest(address, now, None)
        return self.is_repeatable or not broke.was_sent

    def _rest(self, address: Address, now: float, wait: float | None) -> None:
        self._not_before[address] = now + (self._backoff(address) if wait is None else wait)

    def _backoff(self, address: Address) -> float:
        """Doubling, with jitter, so that many clients do not come back in the same moment."""
        failures = self._failures.get(address, 0)
        self._failures[address] = failures + 1
        return min(FIRST_PAUSE * 2.0**failures, LONGEST_PAUSE) * self.chance.uniform(0.5, 1.0)
