"""`python -m bench.postgres`: several processes on one PostgreSQL, all on this machine.

Three parts: how many mails a second two API processes accept durably; how many a second workers
claim, begin and record (without a provider: the store alone); and the same while a million others
wait. The server is one of our own, with `fsync` on, in a temporary directory. Nothing else should
run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import msgspec
import uvloop

from mail_sender.domain.address import parse_address
from mail_sender.domain.attempt import Attempt, OutcomeKind
from mail_sender.domain.event import Event, EventType
from mail_sender.domain.message import (
    Content,
    KeyId,
    Mailbox,
    Message,
    OnUnknown,
    new_message_id,
)
from mail_sender.domain.status import RecipientStatus, State
from mail_sender.store.codec import encode_content
from mail_sender.store.port import Change, Lease, NewMessage, RecipientChange
from mail_sender.store.postgres import PostgresStore, hosts_of
from tests.postgres import Server

from . import __main__ as embedded

_CONFIG = """
[server]
listen = "127.0.0.1:0"
[log]
level = "warning"
[store]
url = "{url}"
[worker]
journal = "{directory}/journal"
[providers.ses]
kind = "ses"
region = "eu-west-1"
access_key_id = "SANDBOX"
secret_access_key = "sandbox"
endpoint_url = "http://127.0.0.1:9"
[routes.default]
providers = ["ses"]
"""
_MILLION = """
    INSERT INTO messages (seq, id, state, lane, due_at, created_at, updated_at, give_up_at, span,
        ready_at, fence, route, on_unknown, key_id, is_test, size)
    SELECT -n, 'msg_' || n, 'queued', 1, at + n, at, at, at + 72000000000, 72000000000, at, 0,
        'default', 'wait', 'key_1', false, $2
    FROM generate_series(1, $1) AS n,
        (SELECT (extract(epoch FROM now()) * 1000000)::bigint AS at) AS since;
"""
_ITS_CONTENTS = """
    INSERT INTO contents (seq, listed, content) SELECT -n, $2, $3 FROM generate_series(1, $1) AS n
"""
_ITS_RECIPIENTS = """
    INSERT INTO recipients (seq, position, address, kind, status, updated_at)
    SELECT -n, 0, 'ann@example.net', 'to', 'queued', 0 FROM generate_series(1, $1) AS n
"""


class Figures(msgspec.Struct, frozen=True):
    """What was measured; rates in mails a second, times in milliseconds."""

    accepted_per_s: float
    accept_p50_ms: float
    accept_p99_ms: float
    api_cpu_s_per_1000: float
    server_cpu_s_per_1000: float
    concluded_per_s: float
    concluded_per_s_with_a_million: float | None
    claim_p50_ms: float
    claim_p50_ms_with_a_million: float | None


def main() -> None:
    """Measure and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each part")
    parser.add_argument("--connections", type=int, default=64, help="to each API process")
    parser.add_argument("--waiting", type=int, default=1_000_000, help="0: leave that part out")
    options = parser.parse_args()
    server = Server(
        name="bench", shared_buffers="512MB", max_wal_size="4GB", autovacuum="on",
        checkpoint_timeout="15min",
    ).create().start()  # fmt: skip
    try:
        rate, p50, p99, api_cpu, server_cpu = accepting(server, options)
        uvloop.run(_emptied(server.url()))
        concluded, claim = uvloop.run(concluding(server.url(), options.seconds))
        with_million: tuple[float | None, float | None] = (None, None)
        if options.waiting:
            uvloop.run(_filled(server.url(), options.waiting))
            with_million = uvloop.run(concluding(server.url(), options.seconds, fill=False))
    finally:
        server.destroy()
    figures = Figures(rate, p50, p99, api_cpu, server_cpu, concluded, with_million[0], claim,
                      with_million[1])  # fmt: skip
    print(msgspec.json.format(msgspec.json.encode(figures)).decode())  # noqa: T201


# ---------------------------------------------------------------- accepting


def accepting(
    server: Server, options: argparse.Namespace
) -> tuple[float, float, float, float, float]:
    """Load two API processes at once; return rate, p50, p99 and CPU of both sides."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        nodes = [
            stack.enter_context(_api(Path(name) / str(number), server.url())) for number in (1, 2)
        ]
        key = _key(Path(name) / "1")
        before = [embedded.cpu_seconds(process.pid) for process, _ in nodes]
        server_before = _server_cpu(server)

        def load(url: str) -> embedded.Report:
            return embedded.load(
                url.removeprefix("http://"), "/v1/messages", {"Authorization": f"Bearer {key}"},
                embedded.MAIL, connections=options.connections, seconds=options.seconds,
            )  # fmt: skip

        with ThreadPoolExecutor(2) as pool:
            reports = list(pool.map(load, [url for _, url in nodes]))
        mails = sum(report.answers.get("202", 0) for report in reports)
        used = sum(
            embedded.cpu_seconds(process.pid) - then
            for (process, _), then in zip(nodes, before, strict=True)
        )
        server_used = _server_cpu(server) - server_before
        return (
            sum(report.answers.get("202", 0) / report.took for report in reports),
            max(report.p50_ms for report in reports),
            max(report.p99_ms for report in reports),
            used / mails * 1000,
            server_used / mails * 1000,
        )


@contextmanager
def _api(directory: Path, url: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    directory.mkdir()
    config = directory / "mail-sender.toml"
    config.write_text(_CONFIG.format(directory=directory, url=url))
    process = subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-m", "mail_sender", "serve", "--role", "api", "--config", str(config)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None  # noqa: S101 - asked for above
    try:
        yield process, process.stdout.readline().removeprefix("url:").strip()
    finally:
        process.terminate()
        process.wait(60)


def _key(directory: Path) -> str:
    made = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-m", "mail_sender", "keys", "create", "--name", "bench", "--scopes",
         "send", "--config", str(directory / "mail-sender.toml")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return made.stdout.strip()


def _server_cpu(server: Server) -> float:
    """Return the time of the server's processes that live now."""
    return sum(embedded.cpu_seconds(pid) for pid in server.pids())


# ---------------------------------------------------------------- claiming and concluding


async def concluding(url: str, seconds: float, *, fill: bool = True) -> tuple[float, float]:
    """Claim, begin and record as four workers do; return the rate and the claims' median."""
    store = PostgresStore(hosts_of(url))
    await store.open()
    await store.heartbeat("bench", timedelta(hours=1))
    if fill:
        for _ in range(int(seconds * 60)):
            await store.accept_many([_new() for _ in range(100)])
    ends_at = time.perf_counter() + seconds
    times: list[float] = []
    done = 0

    async def worker() -> None:
        nonlocal done
        while (begun := time.perf_counter()) < ends_at:
            leases = await store.claim("bench", limit=50)
            times.append(time.perf_counter() - begun)
            if not leases:
                return
            await asyncio.gather(*(_concluded(store, lease) for lease in leases))
            done += len(leases)

    begun = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(4)))
    took = time.perf_counter() - begun
    await store.close()
    return done / took, sorted(times)[len(times) // 2] * 1000


async def _concluded(store: PostgresStore, lease: Lease) -> None:
    now = datetime.now(UTC)
    if not await store.begin(lease, provider="ses", recipients=lease.pending):
        raise SystemExit("a lease was lost: nothing was measured")
    change = Change(
        state=State.SENT,
        attempts=(
            Attempt(
                number=1, provider="ses", started_at=now, duration=timedelta(milliseconds=5),
                outcome=OutcomeKind.ACCEPTED, provider_message_id="0100",
            ),
        ),
        recipients={a: RecipientChange(status=RecipientStatus.SENT) for a in lease.pending},
        provider="ses",
        provider_message_id="0100",
        events=(
            Event(type=EventType.SENT, at=now, message_id=lease.message.id, data={"by": "ses"}),
        ),
    )  # fmt: skip
    if not await store.record(lease, change):
        raise SystemExit("an outcome was lost: nothing was measured")


def _content() -> Content:
    return Content(
        sender=Mailbox(parse_address("shop@example.com"), "Shop"),
        to=(Mailbox(parse_address("ann@example.net")),),
        subject=str(embedded.MAIL["subject"]),
        text=str(embedded.MAIL["text"]),
        html=str(embedded.MAIL["html"]),
    )


def _new() -> NewMessage:
    now = datetime.now(UTC)
    content = _content()
    message = Message(
        id=new_message_id(now),
        content=content,
        created_at=now,
        give_up_at=now + timedelta(hours=20),
        route="default",
        on_unknown=OnUnknown.WAIT,
        key_id=KeyId("key_1"),
        is_test=False,
    )
    return NewMessage(message=message, encoded=encode_content(content), due_at=now)


async def _emptied(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("UPDATE messages SET held = true WHERE state = 'queued'")
    await connection.execute("VACUUM ANALYZE messages")
    await connection.close()


async def _filled(url: str, waiting: int) -> None:
    """Let so many wait that are due."""
    content = encode_content(_content())
    listed = json.dumps({"sender": {"address": "shop@example.com"}})
    connection = await asyncpg.connect(url)
    await connection.execute(_MILLION, waiting, len(content))
    await connection.execute(_ITS_CONTENTS, waiting, listed, content)
    await connection.execute(_ITS_RECIPIENTS, waiting)
    await connection.execute("VACUUM ANALYZE")
    await connection.execute("CHECKPOINT")
    await connection.close()


if __name__ == "__main__":
    main()
