"""`make bench`: the gateway on this machine, over real processes and a real disk.

Three parts, all in one run: what a sync request costs beyond the provider's own time, how many
async mails a second are accepted durably and delivered, and the CPU that this takes. The far
side is the sandbox in a process of its own; it counts every mail, so that a lost or doubled one
shows. Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from .load import Plan, Report

MAIL = {
    "from": "Shop <shop@example.com>",
    "to": ["Ann <ann@example.net>"],
    "subject": "Your order 1234567",
    "text": "Thank you for your order. " * 30,
    "html": "<p>Thank you for your <b>order</b>.</p>" * 24,
    "tags": ["orders"],
    "metadata": {"order": "1234567"},
}
SES_MAIL = {
    "FromEmailAddress": "shop@example.com",
    "Destination": {"ToAddresses": ["ann@example.net"]},
    "Content": {
        "Simple": {
            "Subject": {"Data": MAIL["subject"]},
            "Body": {"Text": {"Data": MAIL["text"]}, "Html": {"Data": MAIL["html"]}},
        }
    },
}
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=SANDBOX/20300101/eu-west-1/ses/aws4_request, "
    f"SignedHeaders=host, Signature={'0' * 64}"
)
CONFIG = """
[server]
listen = "127.0.0.1:0"
[log]
level = "warning"
[store]
url = "sqlite:///{directory}/mail.db"
[worker]
journal = "{directory}/journal"
[providers.ses]
kind = "ses"
region = "eu-west-1"
access_key_id = "SANDBOX"
secret_access_key = "sandbox"
endpoint_url = "{ses}"
[routes.default]
providers = ["ses"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round measured."""

    provider_p50_ms: float
    sync_p50_ms: float
    sync_p99_ms: float
    accepted_per_s: float
    delivered_per_s: float
    accept_p50_ms: float
    accept_p99_ms: float
    cpu_s_per_1000: float
    rss_mib: float
    mails: int
    lost: int
    doubled: int


def main() -> int:
    """Run the rounds and print what they brought. Exit status 1 when a mail was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0, help="of async load in each round")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--out", type=Path, default=Path("var/bench.json"))
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    rounds = []
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds} …", file=sys.stderr)  # noqa: T201
        rounds.append(one_round(options.seconds, options.connections))
    report = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}",
        "rounds": [asdict(each) for each in rounds],
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1))
    if options.json:
        print(json.dumps(report))  # noqa: T201 - what was asked for
    else:
        show(str(report["machine"]), rounds)
    return int(any(each.lost or each.doubled for each in rounds))


def one_round(seconds: float, connections: int) -> Round:
    """Start fresh processes on a fresh store and measure."""
    with tempfile.TemporaryDirectory(prefix="mail-sender-bench-") as name:
        directory = Path(name)
        with far_side() as far, gateway(directory, far["ses"]) as (process, url, key):
            ses = far["ses"].removeprefix("http://")
            bare = load(
                ses, "/v2/email/outbound-emails", {"Authorization": SIGNED},
                SES_MAIL, connections=10, requests=2000,
            )  # fmt: skip
            _delete(far["control"] + "/inbox")
            bearer = {"Authorization": f"Bearer {key}"}
            base = url.removeprefix("http://")
            sync = load(
                base, "/v1/messages", bearer, {**MAIL, "mode": "sync"}, connections=10,
                requests=2000,
            )  # fmt: skip
            before, begun = cpu_seconds(process.pid), time.perf_counter()
            accepted = load(
                base, "/v1/messages", bearer, MAIL, connections=connections, seconds=seconds
            )
            mails = accepted.answers.get("202", 0)
            counts = drained(far["control"], mails + 2000)
            took = time.perf_counter() - begun
            used = cpu_seconds(process.pid) - before
            return Round(
                provider_p50_ms=bare.p50_ms,
                sync_p50_ms=sync.p50_ms,
                sync_p99_ms=sync.p99_ms,
                accepted_per_s=mails / accepted.took,
                delivered_per_s=mails / took,
                accept_p50_ms=accepted.p50_ms,
                accept_p99_ms=accepted.p99_ms,
                cpu_s_per_1000=used / mails * 1000,
                rss_mib=_rss_mib(process.pid),
                mails=mails,
                lost=mails + 2000 - counts["distinct"],
                doubled=counts["received"] - counts["distinct"],
            )


@contextmanager
def far_side() -> Iterator[dict[str, str]]:
    """Start the sandbox; give its addresses."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.far_side"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None  # noqa: S101 - asked for above
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@contextmanager
def gateway(directory: Path, ses: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Start the gateway with a fresh store; give process, address and key."""
    config = directory / "mail-sender.toml"
    config.write_text(CONFIG.format(directory=directory, ses=ses))
    command = [sys.executable, "-m", "mail_sender"]
    scopes = ["--scopes", "send,read,manage"]
    made = subprocess.run(  # noqa: S603 - ourselves
        [*command, "keys", "create", "--config", str(config), "--name", "bench", *scopes],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    process = subprocess.Popen(  # noqa: S603 - ourselves
        [*command, "serve", "--config", str(config)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None  # noqa: S101 - asked for above
    try:
        url = process.stdout.readline().removeprefix("url:").strip()
        _wait_until_ready(url)
        yield process, url, made.stdout.strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def load(
    address: str,
    path: str,
    headers: dict[str, str],
    mail: object,
    *,
    connections: int,
    seconds: float = 0.0,
    requests: int | None = None,
) -> Report:
    """Run the load generator in a process of its own."""
    host, _, port = address.rpartition(":")
    plan = Plan(
        host=host, port=int(port), path=path, connections=connections, seconds=seconds,
        requests=requests, body=json.dumps(mail),
        headers={"Content-Type": "application/json", **headers},
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=msgspec.json.encode(plan), capture_output=True, check=True,
    )  # fmt: skip
    report = msgspec.json.decode(done.stdout, type=Report)
    if set(report.answers) - {"200", "202"}:
        raise SystemExit(f"{path} answered {report.answers}: nothing was measured")
    return report


def drained(control: str, expected: int) -> dict[str, Any]:
    """Wait until the far side has all mails, at most two minutes; return its counts."""
    counts: dict[str, Any] = {}
    for _ in range(2400):
        counts = _get(control + "/inbox/count")
        if counts["distinct"] >= expected:
            break
        time.sleep(0.05)
    return counts


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process, its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def show(machine: str, rounds: list[Round]) -> None:
    """Print medians and spread."""
    table = Table(title=f"Mail Sender, {machine}, {len(rounds)} rounds")
    for column in ("figure", "median", "least", "most"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    overhead = [each.sync_p50_ms - each.provider_p50_ms for each in rounds]
    rows = {
        "provider alone, 10 at once, p50 ms": [each.provider_p50_ms for each in rounds],
        "sync through the gateway, p50 ms": [each.sync_p50_ms for each in rounds],
        "sync through the gateway, p99 ms": [each.sync_p99_ms for each in rounds],
        "sync overhead, p50 ms": overhead,
        "async accepted/s, durable": [each.accepted_per_s for each in rounds],
        "async delivered/s, outcomes durable": [each.delivered_per_s for each in rounds],
        "accept answer, p50 ms": [each.accept_p50_ms for each in rounds],
        "accept answer, p99 ms": [each.accept_p99_ms for each in rounds],
        "CPU s per 1,000 mails": [each.cpu_s_per_1000 for each in rounds],
        "memory of the gateway, MiB": [each.rss_mib for each in rounds],
        "mails lost": [float(each.lost) for each in rounds],
        "mails doubled": [float(each.doubled) for each in rounds],
    }
    for figure, values in rows.items():
        table.add_row(
            figure, *(f"{v:,.3g}" if v < 100 else f"{v:,.0f}"
                      for v in (statistics.median(values), min(values), max(values))),
        )  # fmt: skip
    Console().print(table)


def _get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=10) as reply:  # noqa: S310 - loopback
        found: dict[str, Any] = json.load(reply)
    return found


def _delete(url: str) -> None:
    request = urllib.request.Request(url, method="DELETE")  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - loopback
        pass


def _wait_until_ready(url: str) -> None:
    for _ in range(400):
        try:
            with urllib.request.urlopen(url + "/health/ready", timeout=2):  # noqa: S310
                return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the gateway did not become ready within 20 s")


def _rss_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    sys.exit(main())
