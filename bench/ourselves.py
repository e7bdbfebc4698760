"""What only we are asked: the price of waiting for an answer, and how cost grows.

Sync overhead is the time of a sync request less the time of the bare call of the provider, at
the same number of connections. The curve shows rate, answer times and processor time for mails
of several sizes, numbers of connections and mails that wait already. The machine's own limits
stand beside: how often the disk syncs, how fast the bare far side answers.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .far_side import FarSide
from .gateway import Gateway, prepare, serving
from .loads import Load, http_load
from .mail import MAIL, POSTMARK_MAIL, TEXT

_AT_ONCE = (1, 10, 32)
_SIZES = (2_000, 50_000, 500_000, 10_000_000)
_CONNECTIONS = (1, 16, 64, 256)
_BATCH = 500
_WAITING = (0, 10_000, 100_000, 1_000_000)
#: A provider that refuses connections: what is accepted goes on waiting.
_RESTING = '\n[breaker]\nrest = "PT1H"\nlongest_rest = "PT1H"\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Overhead:
    """Times of an answer in milliseconds, at so many requests at once."""

    at_once: int
    bare_p50_ms: float
    bare_p99_ms: float
    sync_p50_ms: float
    sync_p99_ms: float

    @property
    def p50_ms(self) -> float:
        """What the gateway adds in the middle."""
        return self.sync_p50_ms - self.bare_p50_ms

    @property
    def p99_ms(self) -> float:
        """What it adds to the slowest of a hundred."""
        return self.sync_p99_ms - self.bare_p99_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One point of the cost curve."""

    mail_bytes: int
    connections: int
    waiting: int
    accepted_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_s_per_1000: float
    memory_mib: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the machine can do at best."""

    fsyncs_per_s: float
    fsync_p50_ms: float
    http_per_s: float


def overheads(directory: Path, far: FarSide) -> list[Overhead]:
    """Measure sync requests against bare calls, one after the other."""
    config, key = prepare(directory, far.url)
    found = []
    with serving(config, key) as gateway:
        for at_once in _AT_ONCE:
            token = {"X-Postmark-Server-Token": "token"}
            bare = http_load(
                far.url + "/email", POSTMARK_MAIL, token, connections=at_once, seconds=2
            )
            sync = http_load(
                gateway.mails_url, {**MAIL, "mode": "sync"}, gateway.bearer,
                connections=at_once, seconds=5,
            )  # fmt: skip
            found.append(
                Overhead(
                    at_once=at_once,
                    bare_p50_ms=bare.p50_ms,
                    bare_p99_ms=bare.p99_ms,
                    sync_p50_ms=sync.p50_ms,
                    sync_p99_ms=sync.p99_ms,
                )
            )
    return found


def curve(directory: Path, far: FarSide, *, longest_queue: int) -> Iterator[Point]:
    """Yield points: connections, sizes, then mails that wait (none are delivered in those)."""
    with _fresh(directory / "connections", far) as gateway:
        for connections in _CONNECTIONS:
            yield _point(gateway, MAIL, connections=connections)
    with _fresh(directory / "sizes", far) as gateway:
        for size in _SIZES:
            mail = {**MAIL, "text": TEXT * max(1, (size - 1200) // len(TEXT))}
            yield _point(gateway, mail, connections=8, mail_bytes=size)
    config, key = prepare(directory / "waiting", "http://127.0.0.1:9", more=_RESTING)
    with serving(config, key) as gateway:
        there = 0
        for waiting in _WAITING:
            if waiting <= longest_queue:
                _fill(gateway, waiting - there)
                there = waiting
                yield _point(gateway, MAIL, connections=64, waiting=waiting)


def limits(directory: Path, far: FarSide) -> Limits:
    """Measure the disk under the directory, and the far side alone."""
    times = []
    with (directory / "synced").open("wb", buffering=0) as file:
        for _ in range(1000):
            begun = time.perf_counter()
            file.write(bytes(2048))
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begun)
    bare = http_load(far.url + "/email", POSTMARK_MAIL, {}, connections=64, seconds=3)
    middle = sorted(times)[len(times) // 2]
    return Limits(
        fsyncs_per_s=len(times) / sum(times), fsync_p50_ms=middle * 1000, http_per_s=bare.per_s
    )


@contextmanager
def _fresh(directory: Path, far: FarSide) -> Iterator[Gateway]:
    config, key = prepare(directory, far.url)
    with serving(config, key) as gateway:
        http_load(gateway.mails_url, MAIL, gateway.bearer, connections=8, seconds=1)
        yield gateway


def _point(
    gateway: Gateway, mail: object, *, connections: int, mail_bytes: int = 2000, waiting: int = 0
) -> Point:
    time.sleep(1)
    before = gateway.running.cost().cpu_s
    load: Load = http_load(
        gateway.mails_url, mail, gateway.bearer, connections=connections, seconds=4
    )
    time.sleep(1)
    after = gateway.running.cost()
    return Point(
        mail_bytes=mail_bytes, connections=connections, waiting=waiting,
        accepted_per_s=load.per_s, p50_ms=load.p50_ms, p99_ms=load.p99_ms,
        cpu_s_per_1000=(after.cpu_s - before) / load.requests * 1000,
        memory_mib=after.memory_mib,
    )  # fmt: skip


def _fill(gateway: Gateway, mails: int) -> None:
    """Submit through the batch endpoint until at least so many more wait."""
    batch = [MAIL] * _BATCH
    left = mails
    for _ in range(400):
        if left <= 0:
            break
        done = http_load(
            gateway.mails_url + "/batch", batch, gateway.bearer, connections=4,
            seconds=1 if left < 20_000 else 5,
        )  # fmt: skip
        left -= done.requests * _BATCH
