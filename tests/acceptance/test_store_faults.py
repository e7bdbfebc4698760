"""A disk that is full, slow, read-only or broken: 503 or no start, never a false 2xx."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import sqlite3
from pathlib import Path

import httpx2

from mail_sender.clock import SystemClock
from mail_sender.sandbox.server import Sandbox, SandboxSettings
from tests.acceptance.gateway import MAIL, Gateway, gather_limited, provider_tables, trace
from tests.requirements import need


async def test_a_full_disk_is_503_and_every_202_is_kept(tmp_path: Path) -> None:
    """Files may not grow beyond a limit for a while: as a full disk, without being root.

    Whatever was answered 202 before, while and after must be delivered, once.
    """
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        gateway = Gateway(tmp_path, {"ses": provider_tables(sandbox)["ses"]})
        async with gateway.running() as client:
            assert gateway.process is not None
            pid = gateway.process.pid
            mail = {**MAIL, "text": "x" * 20_000}
            before = await many(client, mail, 20)
            size = max(path.stat().st_size for path in tmp_path.glob("mail.db*"))
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size + 100_000, resource.RLIM_INFINITY))
            during = await many(client, mail, 200)
            resource.prlimit(
                pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            )
            await asyncio.sleep(1.2)
            assert (await client.get("/health/ready")).status_code == 200
            after = await many(client, mail, 20)
            answers = before + during + after
            kept = [a.json()["id"] for a in answers if a.status_code == 202]
            messages = await gateway.settled(kept)

    refused = [a for a in during if a.status_code != 202]
    assert refused, "the limit must have been met"
    assert {a.status_code for a in refused} == {503}
    assert {a.json()["code"] for a in refused} == {"store_unavailable"}
    assert all(int(a.headers["Retry-After"]) > 0 for a in refused)
    assert [a.status_code for a in before + after] == [202] * 40
    assert {m["status"] for m in messages.values()} <= {"sent", "unknown"}
    times = [sum(sandbox.inbox.receipts(id_).recipients.values()) for id_ in kept]
    assert max(times) == 1
    sent = [id_ for id_, m in messages.items() if m["status"] == "sent"]
    assert all(sandbox.inbox.receipts(id_).recipients for id_ in sent)


async def test_a_sync_that_fails_is_never_counted_as_accepted(tmp_path: Path) -> None:
    """An fsync that fails (EIO) is a 503 for everybody in that commit."""
    need(shutil.which("strace"), "strace (Debian package strace) injects failing fsyncs")
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        gateway = Gateway(tmp_path, {"ses": provider_tables(sandbox)["ses"]})
        async with gateway.running() as client:
            assert gateway.process is not None
            tracer = trace(gateway.process.pid, "fsync,fdatasync", "error=EIO")
            try:
                answers = await many(client, MAIL, 20)
                await asyncio.sleep(1.1)  # readiness is looked at once a second
                ready = await client.get("/health/ready")
            finally:
                tracer.terminate()
                await asyncio.to_thread(tracer.wait)
            assert {a.status_code for a in answers} == {503}
            assert ready.status_code == 503
            await asyncio.sleep(1.1)
            assert (await client.get("/health/ready")).status_code == 200
            assert {a.status_code for a in await many(client, MAIL, 20)} == {202}


async def test_a_slow_disk_delays_the_answer_and_loses_nothing(tmp_path: Path) -> None:
    """Cloud disks take 1 to 10 ms for a sync, sick ones 100."""
    need(shutil.which("strace"), "strace (Debian package strace) injects slow fsyncs")
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        gateway = Gateway(tmp_path, {"ses": provider_tables(sandbox)["ses"]})
        async with gateway.running() as client:
            assert gateway.process is not None
            tracer = trace(gateway.process.pid, "fsync,fdatasync", "delay_exit=100000")
            try:
                answers = await many(client, MAIL, 64)
                messages = await gateway.settled([a.json()["id"] for a in answers])
            finally:
                tracer.terminate()
                await asyncio.to_thread(tracer.wait)
    assert {a.status_code for a in answers} == {202}
    assert {m["status"] for m in messages.values()} == {"sent"}


def test_a_corrupt_file_is_refused_at_the_start(tmp_path: Path) -> None:
    """Better no start than mail written into a broken file."""
    gateway = Gateway(tmp_path, {"relay": {"kind": "smtp", "host": "127.0.0.1", "tls": "none"}})
    gateway.database.write_bytes(b"this is not a database" * 1000)
    status, words = ended(gateway)
    assert status == 2
    assert "mail.db" in words
    assert "not a database" in words
    assert "Traceback" not in words


def test_a_read_only_directory_is_refused_at_the_start(tmp_path: Path) -> None:
    """A store that cannot be written to cannot take mail."""
    need(os.geteuid() != 0 or shutil.which("setpriv"), "setpriv (util-linux), when run as root")
    gateway = Gateway(tmp_path, {"relay": {"kind": "smtp", "host": "127.0.0.1", "tls": "none"}})
    locked = tmp_path / "locked"
    locked.mkdir()
    text = gateway._config.read_text().replace(f"{tmp_path}/mail.db", f"{locked}/mail.db")
    gateway._config.write_text(text)
    locked.chmod(0o555)
    tmp_path.chmod(0o777)
    wrapper = [] if os.geteuid() else ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    status, words = ended(gateway, wrapper)
    assert status == 2
    assert "locked" in words
    assert "Traceback" not in words


async def test_a_second_process_on_one_file_is_refused_with_words(tmp_path: Path) -> None:
    """Two workers that both think they are alone would send twice."""
    gateway = Gateway(tmp_path, {"relay": {"kind": "smtp", "host": "127.0.0.1", "tls": "none"}})
    async with gateway.running():
        status, words = await asyncio.to_thread(ended, gateway)
    assert status == 2
    assert "another mail-sender" in words


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """After a downgrade the old version must not guess what the new one wrote."""
    gateway = Gateway(tmp_path, {"relay": {"kind": "smtp", "host": "127.0.0.1", "tls": "none"}})
    asyncio.run(gateway.new_key())
    connection = sqlite3.connect(gateway.database)
    connection.execute("PRAGMA user_version = 999999")
    connection.close()
    status, words = ended(gateway)
    assert status == 2
    assert "version" in words


async def many(
    client: httpx2.AsyncClient, mail: dict[str, object], count: int
) -> list[httpx2.Response]:
    """Send so many mails, 16 at a time."""
    return await gather_limited(16, [client.post("/v1/messages", json=mail) for _ in range(count)])


def ended(gateway: Gateway, wrapper: list[str] | None = None) -> tuple[int, str]:
    """Start a gateway that must not start; return its exit status and its words."""
    process = gateway.popen(wrapper=wrapper)
    try:
        status = process.wait(20)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()
    return status, gateway.log()
