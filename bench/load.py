"""A load generator that costs little: kept HTTP/1.1 connections, one request at a time on each.

Run as a process of its own: `python -m bench.load` reads a JSON plan on standard input and
writes a JSON report on standard output.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import msgspec
import uvloop


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to send.

    `seconds` ends the run, or `requests` when given.
    """

    host: str
    port: int
    path: str
    headers: dict[str, str]
    body: str
    connections: int
    seconds: float = 10.0
    requests: int | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came back; times in seconds."""

    answers: dict[str, int]
    took: float
    p50_ms: float
    p99_ms: float


@dataclass(slots=True)
class _Books:
    ends_at: float
    left: int | None
    answers: Counter[int] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)

    def another(self) -> bool:
        if self.left is not None:
            self.left -= 1
            return self.left >= 0
        return time.perf_counter() < self.ends_at


async def run(plan: Plan) -> Report:
    """Send until the plan is done."""
    body = plan.body.encode()
    head = f"POST {plan.path} HTTP/1.1\r\nHost: {plan.host}:{plan.port}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in plan.headers.items())
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    begun = time.perf_counter()
    books = _Books(begun + plan.seconds, plan.requests)
    await asyncio.gather(*(_line(plan, request, books) for _ in range(plan.connections)))
    times = sorted(books.times)
    return Report(
        answers={str(status): count for status, count in books.answers.items()},
        took=time.perf_counter() - begun,
        p50_ms=_percentile(times, 0.50) * 1000,
        p99_ms=_percentile(times, 0.99) * 1000,
    )


async def _line(plan: Plan, request: bytes, books: _Books) -> None:
    reader, writer = await asyncio.open_connection(plan.host, plan.port, limit=1 << 20)
    try:
        while books.another():
            begun = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            await reader.readexactly(length)
            books.times.append(time.perf_counter() - begun)
            books.answers[int(head[9:12])] += 1
    finally:
        writer.close()


def _percentile(times: list[float], share: float) -> float:
    return times[min(int(len(times) * share), len(times) - 1)] if times else 0.0


if __name__ == "__main__":
    plan_ = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(plan_))))
