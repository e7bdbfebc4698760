"""Start, stop, start again: a deploy in the middle of the day loses and repeats nothing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx2

from mail_sender.clock import SystemClock
from mail_sender.sandbox.faults import Down, Slow
from mail_sender.sandbox.server import Sandbox, SandboxSettings
from tests.acceptance.gateway import MAIL, Gateway, gather_limited, provider_tables


async def test_sigterm_finishes_what_is_under_way_and_takes_nothing_new(tmp_path: Path) -> None:
    """Not ready at once; calls under way end and are recorded; exit status 0, in time."""
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        gateway = Gateway(tmp_path, {"ses": provider_tables(sandbox)["ses"]})
        await sandbox.put_faults("ses", Slow(seconds=1.5))
        async with gateway.running() as client:
            sync = asyncio.create_task(client.post("/v1/messages", json={**MAIL, "mode": "sync"}))
            queued = await client.post("/v1/messages", json=MAIL)
            await asyncio.sleep(0.5)
            stopping = asyncio.create_task(gateway.stop())
            await asyncio.sleep(0.3)
            assert (await client.get("/health/ready")).status_code == 503
            assert (await client.get("/health/live")).status_code == 200
            refused = await client.post("/v1/messages", json=MAIL)
            assert (refused.status_code, refused.json()["code"]) == (503, "draining")
            answer = await sync
            assert await stopping == 0
        assert answer.status_code == 200
        assert sandbox.inbox.totals.mails == 2
        await gateway.start()
        messages = await gateway.settled([queued.json()["id"]])
        await gateway.stop()
    assert {m["status"] for m in messages.values()} == {"sent"}
    assert sandbox.inbox.totals.mails == 2


async def test_load_balancers_have_time_to_notice_before_anything_is_refused(
    tmp_path: Path,
) -> None:
    """They look once a second; what comes until then must not fail for a deploy."""
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        gateway = Gateway(
            tmp_path, {"ses": provider_tables(sandbox)["ses"]}, server={"drain_notice": "PT1S"}
        )
        async with gateway.running() as client:
            stopping = asyncio.create_task(gateway.stop())
            ready = 200
            while ready == 200:
                ready = (await client.get("/health/ready")).status_code
            taken = await client.post("/v1/messages", json={**MAIL, "mode": "sync"})
            assert await stopping == 0

    assert (ready, taken.status_code) == (503, 200)
    assert sandbox.inbox.totals.mails == 1


async def test_mail_that_waited_is_sent_by_the_next_start(tmp_path: Path) -> None:
    """A stop during an outage keeps the whole queue."""
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        gateway = Gateway(
            tmp_path,
            {"ses": provider_tables(sandbox)["ses"]},
            breaker={"rest": "PT0.5S"},
            queue={"retry_first": "PT0.5S"},
        )
        await sandbox.put_faults("ses", Down())
        async with gateway.running() as client:
            answers = await gather_limited(
                16, [client.post("/v1/messages", json=MAIL) for _ in range(100)]
            )
        await sandbox.heal("ses")
        async with gateway.running():
            messages = await gateway.settled([a.json()["id"] for a in answers])
    assert {m["status"] for m in messages.values()} == {"sent"}
    assert sandbox.inbox.totals.mails == 100


async def test_every_mail_event_is_one_line_of_json_without_content(tmp_path: Path) -> None:
    """Whoever follows a message greps for its id, and finds no body and no secret."""
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        gateway = Gateway(
            tmp_path,
            {"ses": provider_tables(sandbox)["ses"]},
            log={"mask_addresses": True},
        )
        async with gateway.running() as client:
            answer = await client.post(
                "/v1/messages", json={**MAIL, "text": "very private words", "mode": "sync"}
            )
    id_ = answer.json()["id"]
    lines = [json.loads(line) for line in gateway.log().splitlines()]
    assert [line["event"] for line in lines if line.get("message_id") == id_] == [
        "accepted", "attempt", "concluded",
    ]  # fmt: skip
    for secret in ("very private words", gateway.key, "shop@example.com", "ann@example.net"):
        assert secret not in gateway.log()


async def test_metrics_tell_what_happened(tmp_path: Path) -> None:
    """Operators alert on these names."""
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        tables = provider_tables(sandbox)
        gateway = Gateway(tmp_path, {"ses": tables["ses"], "mailgun": tables["mailgun"]})
        await sandbox.put_faults("ses", Down())
        async with gateway.running() as client:
            for _ in range(6):
                await client.post("/v1/messages", json={**MAIL, "mode": "sync"})
            text = (await client.get("/metrics")).text
    for expected in (
        'mail_sender_messages_accepted_total{mode="sync",priority="normal"} 6.0',
        'mail_sender_attempts_total{blame="",outcome="accepted",provider="mailgun"} 6.0',
        'mail_sender_attempts_total{blame="provider",outcome="deferred",provider="ses"} 5.0',
        'mail_sender_breaker_open{provider="ses"} 1.0',
        'mail_sender_messages_concluded_total{state="sent"} 6.0',
        "mail_sender_oldest_due_seconds 0.0",
        'mail_sender_hand_over_seconds_count{priority="normal"} 6.0',
    ):
        assert expected in text


async def test_a_port_that_is_taken_is_said_in_words(tmp_path: Path) -> None:
    """The commonest trouble of a first start."""
    gateway = Gateway(tmp_path, {"relay": {"kind": "smtp", "host": "127.0.0.1", "tls": "none"}})
    async with gateway.running():
        url = httpx2.URL(gateway.url)
        other_home = tmp_path / "other"
        other_home.mkdir()
        other = Gateway(
            other_home,
            {"relay": {"kind": "smtp", "host": "127.0.0.1", "tls": "none"}},
            server={"listen": f"127.0.0.1:{url.port}"},
        )
        process = other.popen()
        status = await asyncio.to_thread(process.wait, 20)
        assert process.stdout is not None
        process.stdout.close()
    assert status == 2
    assert "cannot listen on" in other.log()
    assert "Traceback" not in other.log()
