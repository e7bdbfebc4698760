"""The keeper of a floating address in a cloud: slow and failing APIs, and two masters at once."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from deploy.programs.address_keeper import LOOK_EVERY, Keeper


@dataclass
class Cloud:
    """Where the address is; `fails` counts down calls that are answered with an error."""

    at: int | None = None
    fails: int = 0
    moves: list[int] = field(default_factory=list)

    def seen_by(self, machine: int) -> _Seen:
        """Return the API as one machine calls it."""
        return _Seen(self, machine)


@dataclass
class _Seen:
    cloud: Cloud
    machine: int

    def owner(self) -> int | None:
        self._fail()
        return self.cloud.at

    def assign(self) -> None:
        self._fail()
        self.cloud.at = self.machine
        self.cloud.moves.append(self.machine)

    def _fail(self) -> None:
        if self.cloud.fails:
            self.cloud.fails -= 1
            raise OSError("HTTP Error 503: Service Unavailable")


def keeper(machine: int, handicap: float = 0.0) -> Keeper:
    return Keeper(machine, handicap, chance=random.Random(machine))  # noqa: S311 - it spreads calls


def run(cloud: Cloud, masters: dict[int, Keeper], *, since: float, until: float) -> None:
    """Let these machines be master for a while, each looking when it wants to."""
    now = since
    while now < until:
        for machine, each in masters.items():
            if each.wait(now) == 0:
                each.step(cloud.seen_by(machine), now, is_master=True)
        now += 0.1


def test_a_new_master_gets_the_address_at_once() -> None:
    """Every second until the call is a second of outage."""
    cloud = Cloud(at=2)
    one = keeper(1)

    assert one.step(cloud.seen_by(1), 0.0, is_master=True) == "the address was at 2, moved here"
    assert cloud.at == 1


def test_who_is_not_master_leaves_the_address_alone() -> None:
    """Even where the API says that nobody has it."""
    cloud = Cloud(at=None)

    assert keeper(1).step(cloud.seen_by(1), 0.0, is_master=False) is None
    assert cloud.moves == []


def test_an_api_that_fails_is_asked_again_and_again() -> None:
    """Three 503s in a row after a failover, as clouds do when a whole rack is gone."""
    cloud = Cloud(at=2, fails=3)
    run(cloud, {1: keeper(1)}, since=0, until=3)

    assert cloud.moves == [1]


def test_an_api_that_is_away_is_not_hammered() -> None:
    """Calls are limited per hour; the limit would be used up just when it comes back."""
    cloud = Cloud(at=2, fails=10_000)
    run(cloud, {1: keeper(1)}, since=0, until=600)

    assert 10_000 - cloud.fails < 70


def test_an_address_that_was_taken_away_comes_back() -> None:
    """After a split the old master, which never stopped being one, must get it back by itself."""
    cloud = Cloud(at=None)
    one = keeper(1)
    run(cloud, {1: one}, since=0, until=100)
    cloud.at = 2
    run(cloud, {1: one}, since=100, until=100 + LOOK_EVERY + 0.5)

    assert cloud.moves == [1, 1]


def test_two_masters_do_not_fight_over_every_look() -> None:
    """While the network is split both are right; the calls must not run into the API's limit."""
    cloud = Cloud(at=None)
    run(cloud, {1: keeper(1, 5.25), 2: keeper(2, 7.75)}, since=0, until=300)

    assert len(cloud.moves) < 60
    assert {1, 2} == set(cloud.moves)


def test_after_a_split_the_one_master_left_has_the_address_for_good() -> None:
    """Whatever the fight before has ended with."""
    cloud = Cloud(at=None)
    high, low = keeper(1, 5.25), keeper(2, 7.75)
    run(cloud, {1: high, 2: low}, since=0, until=60)
    cloud.at = 2
    before = len(cloud.moves)
    run(cloud, {1: high}, since=60, until=100)

    assert cloud.moves[before:] == [1]
