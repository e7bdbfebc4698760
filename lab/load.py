"""Two kinds of clients on the lab's internet, at the same time, and what each lived through.

- The careful one does what docs/two-sites.md asks of clients: it tries every address, gives a
  connection 300 ms, and repeats what was lost or answered with 502, 503 or 504 under the same
  Idempotency-Key. It sends mail, alternately sync and async.
- The naive one asks one address, once, and waits. It only reads; its longest gap is the
  interruption of that address.

Open loop: requests begin on time, however long earlier ones take, so an outage is not hidden by
clients that wait. Prints one JSON object. Only the standard library, so that it starts quickly.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field

CONNECT_WITHIN = 0.3  #: seconds that the careful client gives an address
ANSWER_WITHIN = 3.0
GIVE_UP_AFTER = 20.0
AVOID_FOR = 3.0  #: seconds for which an address that failed is asked last
_RETRY = {409, 429, 502, 503, 504}


@dataclass(slots=True)
class Report:
    """What one kind of client saw. `gap_ms`: the longest time without a good answer."""

    sent: int = 0
    failed: int = 0
    retried: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    gap_ms: int = 0
    slowest_ms: int = 0
    accepted: list[str] = field(default_factory=list, repr=False)


@dataclass(slots=True)
class Target:
    """Where to: addresses, the name behind them, and a key of its API."""

    addresses: list[str]
    name: str
    key: str
    tls: ssl.SSLContext
    bad_until: dict[str, float] = field(default_factory=dict)

    def in_order(self, turn: int) -> list[str]:
        """Return every address, another one first each time, those that failed last."""
        start = turn % len(self.addresses)
        turned = self.addresses[start:] + self.addresses[:start]
        now = time.monotonic()
        return sorted(turned, key=lambda address: self.bad_until.get(address, 0) > now)


async def call(
    target: Target, address: str, line: str, body: bytes, *, connect_within: float, fields: str = ""
) -> int:
    """Make one request on a new connection; return the status.

    Args:
        target: Whom to ask.
        address: Where.
        line: Method and path.
        body: JSON, or nothing.
        connect_within: Seconds.
        fields: Further header fields, each with its end of line.

    Raises:
        OSError, TimeoutError: No answer; whether the request took effect nobody knows.
    """
    async with asyncio.timeout(connect_within):
        reader, writer = await asyncio.open_connection(address, 443)
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            await writer.start_tls(target.tls, server_hostname=target.name)
            writer.write(
                f"{line} HTTP/1.1\r\nHost: {target.name}\r\nAuthorization: Bearer {target.key}\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n{fields}\r\n".encode()
                + body
            )
            answer = await reader.read()
    finally:
        writer.transport.abort()
    if not answer:
        raise ConnectionResetError("closed without an answer")
    return int(answer.split(b" ", 2)[1])


async def send_carefully(target: Target, report: Report, turn: int, run: str) -> bool:
    """Send one mail as a client should; return whether a good answer came."""
    recipient = f"{run}-{turn}@lab.test"
    mode = "sync" if turn % 2 else "async"
    mail = {"from": "lab@lab.test", "to": [recipient], "subject": "Lab", "text": "x", "mode": mode}
    fields = f"Content-Type: application/json\r\nIdempotency-Key: {run}-{turn}\r\n"
    body = json.dumps(mail).encode()
    begun, attempt, why = time.monotonic(), 0, "?"
    while time.monotonic() - begun < GIVE_UP_AFTER:
        for address in target.in_order(turn + attempt):
            attempt += 1
            report.retried += attempt > 1
            try:
                status = await call(
                    target, address, "POST /v1/messages", body,
                    connect_within=CONNECT_WITHIN, fields=fields,
                )  # fmt: skip
            except (OSError, TimeoutError) as error:
                target.bad_until[address] = time.monotonic() + AVOID_FOR
                why = type(error).__name__
                continue
            if status in {200, 202}:
                report.accepted.append(recipient)
                return True
            why = f"status {status}"
            if status not in _RETRY:
                report.errors[why] = report.errors.get(why, 0) + 1
                return False
            await asyncio.sleep(min(0.05 * attempt, 0.5))
    report.errors[why] = report.errors.get(why, 0) + 1
    return False


async def ask_naively(target: Target, report: Report, turn: int, _run: str) -> bool:
    """Read something as the simplest client does."""
    address = target.addresses[turn % len(target.addresses)]
    try:
        status = await call(target, address, "GET /v1/whoami", b"", connect_within=ANSWER_WITHIN)
    except (OSError, TimeoutError) as error:
        why = type(error).__name__
    else:
        if status == 200:
            return True
        why = f"status {status}"
    report.errors[why] = report.errors.get(why, 0) + 1
    return False


Client = Callable[[Target, Report, int, str], Awaitable[bool]]


async def drive(client: Client, target: Target, *, rate: float, seconds: float, run: str) -> Report:
    """Let a client make requests at a steady rate; return what became of them."""
    report = Report()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    good: list[float] = [0.0]
    slowest = 0.0

    async def one(turn: int) -> None:
        nonlocal slowest
        started = loop.time()
        if await client(target, report, turn, run):
            good.append(loop.time() - begun)
            slowest = max(slowest, loop.time() - started)
        else:
            report.failed += 1

    tasks = []
    for turn in range(int(rate * seconds)):
        await asyncio.sleep(max(begun + turn / rate - loop.time(), 0))
        tasks.append(asyncio.create_task(one(turn)))
    await asyncio.gather(*tasks)
    report.sent = len(tasks)
    times = sorted([*good, max(seconds, *good)])
    report.gap_ms = round(1000 * max(b - a for a, b in itertools.pairwise(times)))
    report.slowest_ms = round(1000 * slowest)
    return report


async def main() -> None:
    """Drive both at once and print what they saw."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--ca", required=True)
    parser.add_argument("--careful", nargs="+", required=True, help="addresses")
    parser.add_argument("--naive", nargs="+", required=True, help="addresses")
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--naive-rate", type=float, default=20)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--run", required=True)
    given = parser.parse_args()
    tls = ssl.create_default_context(cafile=given.ca)

    def target(addresses: list[str]) -> Target:
        return Target(addresses=addresses, name=given.name, key=given.key, tls=tls)

    careful, naive = await asyncio.gather(
        drive(
            send_carefully, target(given.careful),
            rate=given.rate, seconds=given.seconds, run=given.run,
        ),
        drive(
            ask_naively, target(given.naive),
            rate=given.naive_rate, seconds=given.seconds, run=given.run,
        ),
    )  # fmt: skip
    print(json.dumps({"careful": asdict(careful), "naive": asdict(naive)}))


if __name__ == "__main__":
    asyncio.run(main())
