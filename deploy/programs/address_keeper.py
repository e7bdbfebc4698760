"""Makes the cloud deliver the floating address to this machine, while keepalived calls it master.

VRRP alone moves nothing in a cloud: the address goes where the cloud's API sends it. Calling the
API when keepalived becomes master is not enough: the call may fail, and after a split of the
network the old master, which never stopped being one, never calls (measured: the address stayed
at the wrong machine for ever). So this program compares what should be with what the API says,
at each change that keepalived reports and every few seconds besides, and mends the difference.

It is the only place that repeats a call. While two machines both believe to be master, each
undoes the other's move: so a move that did not last makes the next one wait, longer each time,
and the machine with the lower priority waits longest.

The API is that of DigitalOcean's reserved IPs. Only the standard library.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

LOOK_EVERY = 2.0  #: seconds between two looks at the API, when nothing happened
FIRST_WAIT = 0.3  #: seconds until a failed call is repeated; then doubled
LONGEST_WAIT = 15.0
CALL_TIMEOUT = 5.0
LASTS = 60.0  #: seconds after which a move has lasted: nobody disputes it any more
MOVE_TAKES = 3.0  #: seconds that the cloud has to do what it was asked


class Cloud(Protocol):
    """What is asked of the API. Both raise `OSError` when it does not answer as it should."""

    def owner(self) -> int | None:
        """Return the number of the machine that has the address; None when nobody has it."""

    def assign(self) -> None:
        """Ask for the address to be sent here."""


class DigitalOcean:
    """Reserved IPs, https://docs.digitalocean.com/reference/api/ ("Reserved IP Actions")."""

    def __init__(self, url: str, address: str, machine: int, token: str) -> None:
        self._url = f"{url.rstrip('/')}/v2/reserved_ips/{address}"
        self._machine = machine
        self._token = token

    def owner(self) -> int | None:
        """See `Cloud`."""
        droplet = self._call("GET", "").get("reserved_ip", {}).get("droplet")
        return droplet["id"] if droplet else None

    def assign(self) -> None:
        """See `Cloud`."""
        self._call("POST", "/actions", {"type": "assign", "droplet_id": self._machine})

    def _call(self, method: str, path: str, body: object = None) -> dict:  # type: ignore[type-arg]
        request = urllib.request.Request(  # noqa: S310 - the URL is the operator's
            self._url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=CALL_TIMEOUT) as answer:  # noqa: S310
                return dict(json.load(answer))
        except ValueError as error:
            raise OSError(f"the API's answer cannot be read: {error}") from None


@dataclass
class Keeper:
    """When to look and when to move: a decision at a time, no clock and no network inside.

    Attributes:
        machine: Our number in the cloud.
        handicap: Added to every wait between repeated moves; larger at lower priority.
    """

    machine: int
    handicap: float
    _next: float = 0.0
    _moved_at: float | None = None
    _fights: int = 0
    _failures: int = 0
    chance: random.Random = field(default_factory=random.Random)

    def wake(self) -> None:
        """Something has changed: look now, and forget earlier failures."""
        self._next = 0.0
        self._failures = self._fights = 0
        self._moved_at = None

    def wait(self, now: float) -> float:
        """Return the seconds until the next look."""
        return max(self._next - now, 0.0)

    def step(self, cloud: Cloud, now: float, *, is_master: bool) -> str | None:
        """Look, and move what must be moved. Return what happened, in words; None: nothing."""
        self._next = now + LOOK_EVERY
        if not is_master:
            self._moved_at = None
            return None
        try:
            owner = cloud.owner()
            if owner == self.machine:
                self._failures = 0
                if self._moved_at is None or now - self._moved_at > LASTS:
                    self._fights = 0
                return None
            if self._moved_at is not None and now - self._moved_at < MOVE_TAKES:
                self._next = now + FIRST_WAIT
                return None
            if self._moved_at is not None and not self._may_fight(now - self._moved_at, now):
                return None
            cloud.assign()
        except OSError as error:
            self._failures += 1
            self._next = now + self._doubled(FIRST_WAIT, self._failures - 1)
            return f"the API fails: {error}"
        self._moved_at, self._failures = now, 0
        self._next = now + FIRST_WAIT
        return f"the address was at {owner}, moved here"

    def _may_fight(self, rested: float, now: float) -> bool:
        """Return whether the wait after a move that did not last is over."""
        needed = MOVE_TAKES + self.handicap + self._doubled(1.0, self._fights)
        if rested < needed:
            self._next = now + min(needed - rested, LOOK_EVERY)
            return False
        self._fights += 1
        return True

    def _doubled(self, first: float, times: int) -> float:
        longest: float = min(first * 2.0 ** min(times, 10), LONGEST_WAIT)
        return longest * self.chance.uniform(0.75, 1.0)


def is_master(address: str) -> bool:
    """Return whether keepalived has put the address on this machine."""
    shown = subprocess.run(
        ["ip", "-json", "address", "show", "to", f"{address}/32"],
        capture_output=True,
        check=False,
    ).stdout
    return b'"local"' in shown


def main(arguments: list[str]) -> None:
    """Run until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--api", required=True)
    parser.add_argument("--address", required=True)
    parser.add_argument("--machine", type=int, required=True)
    parser.add_argument("--priority", type=int, required=True)
    parser.add_argument("--fifo", type=Path, required=True)
    given = parser.parse_args(arguments)
    token = Path(os.environ["TOKEN_FILE"]).read_text(encoding="utf-8").strip()
    cloud = DigitalOcean(given.api, given.address, given.machine, token)
    keeper = Keeper(given.machine, handicap=max(255 - given.priority, 0) / 20)
    if not given.fifo.exists():
        os.mkfifo(given.fifo, 0o600)
    reports = os.open(given.fifo, os.O_RDWR | os.O_NONBLOCK)  # RDWR: no end of file between writers
    while True:
        happened = keeper.step(cloud, time.monotonic(), is_master=is_master(given.address))
        if happened:
            print(happened, flush=True)
        if select.select([reports], [], [], keeper.wait(time.monotonic()))[0]:
            os.read(reports, 65536)
            keeper.wake()


if __name__ == "__main__":
    main(sys.argv[1:])
