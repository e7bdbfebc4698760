"""What providers tell afterwards, over real ports, and to a process that dies."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2

from mail_sender.clock import SystemClock
from mail_sender.sandbox.faults import TakenThenCut
from mail_sender.sandbox.provider_events import MAILGUN_SIGNING_KEY, TOPIC_ARN
from mail_sender.sandbox.server import Sandbox, SandboxSettings
from tests.acceptance.gateway import MAIL, Gateway, mailgun_table, ses_table

MAILS = 60


def telling_tables(sandbox: Sandbox) -> dict[str, dict[str, object]]:
    """Return the tables of the sandbox's accounts, with what their events are judged by."""
    urls = sandbox.urls
    return {
        "ses": ses_table(
            urls["ses"], topic_arns=[TOPIC_ARN], sns_endpoint_url=sandbox.http_url
        ),
        "mailgun": mailgun_table(urls["mailgun"], webhook_signing_key=MAILGUN_SIGNING_KEY),
    }  # fmt: skip


async def tell(
    sandbox: Sandbox,
    gateway: Gateway,
    mail: str,
    *events: str,
    **more: Any,  # noqa: ANN401
) -> list[Any]:
    """Let an imitation tell of a mail; return what the gateway answered each time."""
    story = {"mail": mail, "events": events, "url": gateway.url, **more}
    status, said = await sandbox.call("POST", "/events", json.dumps(story).encode())
    assert status == 200, said
    told: list[Any] = json.loads(said)["told"]
    return told


async def recipients(client: httpx2.AsyncClient, id_: str) -> list[str]:
    message = (await client.get(f"/v1/messages/{id_}")).json()
    return [recipient["status"] for recipient in message["recipients"]]


async def until(client: httpx2.AsyncClient, id_: str, *wanted: str) -> None:
    """Wait until the recipients of a message have these statuses."""
    for _ in range(1000):
        if await recipients(client, id_) == list(wanted):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(await recipients(client, id_))


async def test_events_come_late_twice_and_in_disorder(tmp_path: Path) -> None:
    """And the message says what is true, whichever provider took it."""
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        gateway = Gateway(tmp_path, telling_tables(sandbox))
        async with gateway.running() as client:
            for route in ("ses", "mailgun"):
                body = {**MAIL, "to": ["ann@example.net", "bob@example.net"], "mode": "sync"}
                id_ = (await client.post("/v1/messages", json=body)).json()["id"]
                (mail,) = sandbox.inbox.newest(limit=1)
                assert mail.provider == route

                await tell(sandbox, gateway, mail.id, "deferred", "accepted", "delivered")
                await tell(
                    sandbox, gateway, mail.id, "bounced", "delivered", "deferred", times=2,
                    recipient="bob@example.net", after=0.05,
                )  # fmt: skip
                await until(client, id_, "delivered", "bounced")

                await client.delete("/v1/suppressions/bob@example.net")
                await client.post("/v1/providers/ses/pause", json={"reason": "the other one"})


async def test_a_lost_answer_is_settled_by_the_event(tmp_path: Path) -> None:
    """SES took it and the line broke: nobody knows, until SES tells. It is sent once."""
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        gateway = Gateway(tmp_path, telling_tables(sandbox))
        async with gateway.running() as client:
            await sandbox.put_faults("ses", TakenThenCut())
            answer = await client.post("/v1/messages", json={**MAIL, "mode": "sync"})
            (mail,) = sandbox.inbox.newest(limit=1)
            id_ = mail.ms_id or ""
            assert (answer.status_code, await recipients(client, id_)) == (504, ["unknown"])

            await tell(sandbox, gateway, mail.id, "delivered")
            await until(client, id_, "delivered")

            message = (await client.get(f"/v1/messages/{id_}")).json()
            assert (message["status"], message["provider"]) == ("sent", "ses")
            assert sandbox.inbox.totals.mails == 1


async def test_killed_between_the_answer_and_the_reading_nothing_is_lost(tmp_path: Path) -> None:
    """Every event that was answered with 200 stands in a timeline, once."""
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        gateway = Gateway(tmp_path, telling_tables(sandbox))
        await gateway.start()
        async with gateway.client() as client:
            batch = {"messages": [MAIL] * MAILS}
            sent = (await client.post("/v1/messages/batch", json=batch)).json()["data"]
            await gateway.settled([each["message"]["id"] for each in sent])
        mails = sandbox.inbox.newest(limit=MAILS)
        taken: Counter[tuple[str, str]] = Counter()
        half = asyncio.Event()

        async def story(mail: str, id_: str) -> None:
            for event in ("delivered", "opened", "clicked"):
                for told in await tell(sandbox, gateway, mail, event):
                    if told["status"] == 200:
                        taken[id_, f"message.{event}"] = 1
                        if taken.total() == MAILS:
                            half.set()

        telling = [asyncio.create_task(story(mail.id, mail.ms_id or "")) for mail in mails]
        async with asyncio.timeout(20):
            await half.wait()
        gateway.kill()
        await asyncio.gather(*telling)

        await gateway.start()
        async with gateway.client() as client:
            for _ in range(200):
                kept = await _told(client, {id_ for id_, _ in taken})
                if taken.keys() <= kept.keys():
                    break
                await asyncio.sleep(0.05)
        await gateway.stop()
        assert taken.keys() <= kept.keys()
        assert set(kept.values()) == {1}


async def _told(client: httpx2.AsyncClient, ids: set[str]) -> Counter[tuple[str, str]]:
    """Return how often each kind of event stands in the timelines of these messages."""
    found: Counter[tuple[str, str]] = Counter()
    for id_ in ids:
        events = (await client.get(f"/v1/messages/{id_}/events")).json()["data"]
        found.update((id_, e["type"]) for e in events if "provider_event_id" in e["data"])
    return found
