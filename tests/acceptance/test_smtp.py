"""The SMTP door of the real process: killed, on a full disk, stopped, and before every provider."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import resource
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from mail_sender.clock import SystemClock
from mail_sender.sandbox.faults import Kind
from mail_sender.sandbox.server import DEFAULT_ACCOUNTS, Sandbox, SandboxSettings
from tests.acceptance.gateway import Gateway, provider_tables
from tests.acceptance.smtp_client import CLEAR, SmtpClient, id_in, letter

ROUNDS = 30 if os.environ.get("CHAOS") == "long" else 6


@pytest.mark.timeout(300)
async def test_kill_9_under_load_keeps_every_mail_that_was_answered_250(tmp_path: Path) -> None:
    """The client has deleted it by then: nobody else has it any more."""
    chance = random.Random(7)  # noqa: S311 - a repeatable test
    accepted: set[str] = set()
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        gateway = Gateway(tmp_path, provider_tables(sandbox), smtp=CLEAR)
        for _ in range(ROUNDS):
            await gateway.start()
            before = len(accepted)
            load = [asyncio.create_task(_load(gateway, accepted)) for _ in range(16)]
            for _ in range(4000):
                await asyncio.sleep(0.005)
                if len(accepted) > before:
                    break
            await asyncio.sleep(chance.uniform(0, 0.4))
            gateway.kill()
            await asyncio.gather(*load)
        await gateway.start()
        messages = await gateway.settled(sorted(accepted), at_most=60)
        arrived = {id_: sum(sandbox.inbox.receipts(id_).recipients.values()) for id_ in accepted}
        await gateway.stop()
    assert len(accepted) > ROUNDS * 5, "the load must have been real"
    states = {id_: message["status"] for id_, message in messages.items()}
    assert set(states) == accepted
    assert set(states.values()) <= {"sent", "unknown"}
    assert [id_ for id_, state in states.items() if state == "sent" and arrived[id_] != 1] == []
    assert max(arrived.values()) == 1, "nothing was sent twice"


async def _load(gateway: Gateway, accepted: set[str]) -> None:
    """Send mails one after the other until the gateway is gone."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        async with SmtpClient.to(gateway) as client:
            for number in range(10_000):
                reply = await client.send(letter(number))
                assert reply.startswith(b"250"), reply
                accepted.add(id_in(reply))


async def test_a_full_disk_is_451_and_every_250_is_kept(tmp_path: Path) -> None:
    """A mail server that says 5yz for its own full disk makes every client give its mail up."""
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        gateway = Gateway(tmp_path, {"ses": provider_tables(sandbox)["ses"]}, smtp=CLEAR)
        async with gateway.running(), SmtpClient.to(gateway) as client:
            assert gateway.process is not None
            pid = gateway.process.pid
            big = letter(0, "x" * 70 + "\r\n" + ("y" * 70 + "\r\n") * 300)
            before = [await client.send(big) for _ in range(10)]
            size = max(path.stat().st_size for path in tmp_path.glob("mail.db*"))
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size + 100_000, resource.RLIM_INFINITY))
            during = [await client.send(big) for _ in range(60)]
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
            await asyncio.sleep(1.2)
            after = [await client.send(big) for _ in range(10)]
            replies = before + during + after
            kept = [id_in(reply) for reply in replies if reply.startswith(b"250")]
            messages = await gateway.settled(kept)
    refused = {reply[:9] for reply in replies if not reply.startswith(b"250")}
    assert refused == {b"451 4.3.0"}
    assert all(reply.startswith(b"250") for reply in before + after)
    assert {message["status"] for message in messages.values()} <= {"sent", "unknown"}
    assert max(sum(sandbox.inbox.receipts(id_).recipients.values()) for id_ in kept) == 1


async def test_every_kind_of_provider_says_what_the_mail_says(tmp_path: Path) -> None:
    """Failover must not change a mail: whole at one provider, told by its parts at the next."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Cc"] = (
        "Shop <shop@example.com>",
        "ann@example.net",
        "Bob <bob@example.net>",
    )
    mail["Subject"], mail["X-Campaign"] = "Übergrößen", "summer"
    mail.set_content("Text ä\r\n.\r\n")
    mail.add_alternative("<p>HTML ä</p>\r\n", subtype="html")
    mail.add_attachment(b"%PDF-1.7", "application", "pdf", filename="Rechnung.pdf")
    accounts = {**DEFAULT_ACCOUNTS, "postmark": Kind.POSTMARK}
    async with Sandbox(SandboxSettings(accounts=accounts), SystemClock()) as sandbox:
        tables: dict[str, dict[str, object]] = {
            **provider_tables(sandbox),
            "postmark": {
                "kind": "postmark", "server_token": "sandbox", "base_url": sandbox.urls["postmark"],
            },
        }  # fmt: skip
        routes: dict[str, dict[str, object]] = {
            f"routes.{name}": {"providers": [name]} for name in tables
        }
        gateway = Gateway(tmp_path, tables, **{"smtp": CLEAR, **routes})
        async with gateway.running(), SmtpClient.to(gateway) as client:
            said = {}
            for name in tables:
                routed = f"X-MS-Route: {name}\r\nX-MS-Mode: sync\r\n".encode() + mail.as_bytes()
                to = ("ann@example.net", "bob@example.net", "cid@example.org")
                reply = await client.send(routed, *to)
                assert reply.startswith(b"250 2.0.0 Ok: sent as "), reply
                (arrived,) = sandbox.inbox.newest(limit=1, provider=name)
                assert set(arrived.recipients) == set(to)
                if name != "postmark":  # whose API has a field for them
                    assert b"cid@" not in arrived.raw, "nobody sees a blind copy"
                said[name] = arrived.read()
    for contents in said.values():
        assert contents.subject == "Übergrößen"
        assert [box.address for box in contents.to] == ["ann@example.net"]
        assert [(box.name, box.address) for box in contents.cc] == [("Bob", "bob@example.net")]
        assert (contents.text or "").replace("\r\n", "\n") == "Text ä\n.\n"
        assert (contents.html or "").replace("\r\n", "\n") == "<p>HTML ä</p>\n"
        ((name, content),) = [(file.filename, file.content) for file in contents.attachments]
        assert (name, content) == ("Rechnung.pdf", b"%PDF-1.7")
        assert ("X-Campaign", "summer") in [(h.name, h.value) for h in contents.headers]


async def test_a_stop_ends_the_mail_under_way_and_the_log_has_no_content(tmp_path: Path) -> None:
    """Exit status 0, everything answered 250 is there after the next start."""
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        gateway = Gateway(tmp_path, {"ses": provider_tables(sandbox)["ses"]}, smtp=CLEAR)
        accepted: set[str] = set()
        await gateway.start()
        load = [asyncio.create_task(_until_told(gateway, accepted)) for _ in range(8)]
        await asyncio.sleep(0.5)
        assert await gateway.stop() == 0
        await asyncio.gather(*load)
        async with gateway.running():
            messages = await gateway.settled(sorted(accepted))
    assert len(accepted) > 8
    assert {message["status"] for message in messages.values()} == {"sent"}
    log = gateway.log()
    assert gateway.key not in log
    assert "very private" not in log
    assert "bug" not in {json.loads(line)["event"] for line in log.splitlines()}


async def _until_told(gateway: Gateway, accepted: set[str]) -> None:
    """Send mails until the server says 421 in their place."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError, AssertionError):
        async with SmtpClient.to(gateway) as client:
            for number in range(10_000):
                accepted.add(id_in(await client.send(letter(number, "very private words"))))
