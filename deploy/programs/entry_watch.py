"""Watches the HAProxy of this machine, and takes the public address away while it cannot serve.

HAProxy's monitor URL says whether any server could take a request. What follows from the answer:

- `--track-file F`: 0 or 1 is written for keepalived, which then gives the floating address up;
- `--announce A`: the routed address is put on the loopback, or taken off it: OSPF announces what
  stands there.

A file `--hold` keeps the address away whatever HAProxy says: for planned work. Where nothing is
known yet the address stays away; a watcher that is restarted changes nothing that is right.

Only the standard library: this runs on machines that have nothing else.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

INTERVAL = 0.1  #: seconds between two looks
PATIENCE = 0.3  #: seconds that HAProxy has for an answer
FALL = 2  #: bad answers in a row until the address goes
RISE = 3  #: good ones until it comes back


class Judgement:
    """Whether this entry serves, from a row of answers. Begins with "no"."""

    def __init__(self) -> None:
        self.serves = False
        self._against = 0

    def hear(self, *, good: bool) -> bool:
        """Take one answer in; return whether the judgement has changed."""
        self._against = self._against + 1 if good != self.serves else 0
        if self._against < (RISE if good else FALL):
            return False
        self.serves, self._against = good, 0
        return True


def can_serve(host: str, port: int) -> bool:
    """Ask HAProxy's monitor URL."""
    try:
        with socket.create_connection((host, port), timeout=PATIENCE) as connection:
            connection.sendall(b"GET /can-serve HTTP/1.0\r\n\r\n")
            return connection.recv(64).startswith((b"HTTP/1.0 200", b"HTTP/1.1 200"))
    except OSError:
        return False


def write_track_file(path: Path, *, serves: bool) -> None:
    """Tell keepalived; in place, since it watches this inode."""
    with path.open("w", encoding="ascii") as file:
        file.write("0" if serves else "1")


def announce(addresses: list[str], *, serves: bool) -> None:
    """Put the addresses on the loopback, or take them off it."""
    for address in addresses:
        subprocess.run(
            ["ip", "address", "replace" if serves else "delete", address, "dev", "lo"],
            check=False,  # one that is not there cannot be taken off
            stderr=subprocess.DEVNULL,
        )


def watch(look: Callable[[], bool], act: Callable[[bool], None], rounds: int | None = None) -> None:
    """Look again and again; act at the start and on each change. `rounds`: None is for ever."""
    judgement = Judgement()
    act(judgement.serves)
    while rounds is None or rounds > 0:
        if judgement.hear(good=look()):
            print("serves" if judgement.serves else "cannot serve", flush=True)
            act(judgement.serves)
        time.sleep(INTERVAL)
        rounds = None if rounds is None else rounds - 1


def main(arguments: list[str]) -> None:
    """Run until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--track-file", type=Path)
    parser.add_argument("--announce", nargs="*", default=[])
    parser.add_argument("--hold", type=Path, required=True)
    given = parser.parse_args(arguments)

    def look() -> bool:
        return not given.hold.exists() and can_serve("127.0.0.1", given.port)

    def act(serves: bool) -> None:  # noqa: FBT001 - a callback
        if given.track_file:
            write_track_file(given.track_file, serves=serves)
        announce(given.announce, serves=serves)

    watch(look, act)


if __name__ == "__main__":
    main(sys.argv[1:])
