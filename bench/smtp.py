"""`python -m bench.smtp`: mails a second into the SMTP door and into a Postfix beside it.

Postfix's own load generator, smtp-source, sends the same mails to both in turns, on the same
machine and disk; both answer 250 when a mail is durable, and both relay to the same smtp-sink
meanwhile. What counts is the ratio of each round. Needs root and Debian's package `postfix`;
nothing else should run on the machine.
"""

# ruff: noqa: S603, S607 - programs of the machine, and ourselves
from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from .postfix import free_port, is_there, postfix, wait_for

CONFIG = """
[server]
listen = "127.0.0.1:0"
[log]
level = "warning"
[store]
url = "sqlite:///{directory}/mail.db"
[worker]
journal = "{directory}/journal"
[smtp]
listen = "127.0.0.1:{port}"
local_key = "{key}"
[providers.relay]
kind = "smtp"
host = "127.0.0.1"
port = {sink}
tls = "none"
max_connections = 64
[routes.default]
providers = ["relay"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How smtp-source sends.

    Attributes:
        kept: Whether it keeps a connection for further mails.
    """

    name: str
    kept: bool


WAYS = (Way(name="a connection each", kept=False), Way(name="connections kept", kept=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Mails a second that were answered 250."""

    way: str
    ours: float
    postfix: float

    @property
    def ratio(self) -> float:
        """Ours by Postfix's."""
        return self.ours / self.postfix


def main() -> int:
    """Run the rounds and print what they brought. Exit status 1 when Postfix was faster."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mails", type=int, default=2000, help="for each door, way and round")
    parser.add_argument("--sessions", type=int, default=64)
    parser.add_argument("--bytes", type=int, default=2048, help="of a mail")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    if not is_there():
        parser.error("needs root and Postfix (Debian package postfix)")
    rounds = []
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds} …", file=sys.stderr)  # noqa: T201
        with sink() as port:
            rounds += one_round(port, options.mails, options.sessions, options.bytes)
    if options.json:
        print(json.dumps([asdict(each) for each in rounds]))  # noqa: T201 - what was asked for
    else:
        show(rounds)
    return int(any(_median(rounds, way.name) < 1 for way in WAYS))


def one_round(relay: int, mails: int, sessions: int, octets: int) -> list[Round]:
    """Measure both doors in both ways, each with fresh processes on a fresh queue."""
    rates: dict[str, list[float]] = {"ours": [], "postfix": []}
    for way in WAYS:
        with gateway(relay) as port:
            rates["ours"].append(rate_into(port, way, mails, sessions, octets))
        with postfix(relayhost=f"[127.0.0.1]:{relay}") as other:
            rates["postfix"].append(rate_into(other.port, way, mails, sessions, octets))
    return [
        Round(way=way.name, ours=ours, postfix=theirs)
        for way, ours, theirs in zip(WAYS, rates["ours"], rates["postfix"], strict=True)
    ]


def rate_into(port: int, way: Way, mails: int, sessions: int, octets: int) -> float:
    """Send and return mails a second; smtp-source ends with an error when one is not taken."""
    command = ["smtp-source", "-s", str(sessions), "-l", str(octets), "-f", "shop@example.com",
               "-t", "ann@example.net", *(["-d"] if way.kept else [])]  # fmt: skip
    subprocess.run([*command, "-m", "200", f"127.0.0.1:{port}"], check=True, timeout=120)
    begun = time.perf_counter()
    subprocess.run([*command, "-m", str(mails), f"127.0.0.1:{port}"], check=True, timeout=300)
    return mails / (time.perf_counter() - begun)


@contextmanager
def sink() -> Iterator[int]:
    """Start smtp-sink, which takes everything and keeps nothing; give its port."""
    port = free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen(["smtp-sink", *user, f"127.0.0.1:{port}", "1024"])
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def gateway(relay: int) -> Iterator[int]:
    """Start the gateway with a fresh store; give the port of its SMTP door."""
    with tempfile.TemporaryDirectory(prefix="mail-sender-bench-") as name:
        directory, port = Path(name), free_port()
        config = directory / "mail-sender.toml"
        values = {"directory": directory, "port": port, "sink": relay}
        command = [sys.executable, "-m", "mail_sender"]
        config.write_text(CONFIG.format(**values, key="none"))
        made = subprocess.run(
            [*command, "keys", "create", "--config", config, "--name", "b", "--scopes", "send"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        config.write_text(CONFIG.format(**values, key=made.stdout.strip()))
        process = subprocess.Popen(
            [*command, "serve", "--config", config], stdout=subprocess.DEVNULL
        )
        try:
            wait_for(port)
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def show(rounds: list[Round]) -> None:
    """Print the medians, and what each round brought."""
    machine = f"{os.cpu_count()} cores, {socket.gethostname()}"
    table = Table(title=f"smtp-source, mails a second answered 250 ({machine})")
    for column in ("way", "ours", "Postfix", "ratio", "of the rounds"):
        table.add_column(column, justify="left" if column == "way" else "right")
    for way in WAYS:
        own = [each for each in rounds if each.way == way.name]
        table.add_row(
            way.name,
            f"{statistics.median(each.ours for each in own):,.0f}",
            f"{statistics.median(each.postfix for each in own):,.0f}",
            f"{_median(rounds, way.name):.2f}",
            ", ".join(f"{each.ratio:.2f}" for each in own),
        )
    Console().print(table)


def _median(rounds: list[Round], way: str) -> float:
    return statistics.median(each.ratio for each in rounds if each.way == way)


if __name__ == "__main__":
    sys.exit(main())
