"""What the imitated providers tell a gateway of their mail, as the gateway's own readers see it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mail_sender.clock import FakeClock
from mail_sender.domain.feedback import Feedback
from mail_sender.domain.secret import Secret
from mail_sender.http.client import PooledHttpClient
from mail_sender.providers.mailgun_webhook import MailgunWebhook
from mail_sender.providers.ses_webhook import SesWebhook
from mail_sender.providers.sns import SnsSubscription, amazons
from mail_sender.providers.webhook import Forged, Genuine, Webhook, WebhookCall
from mail_sender.sandbox.faults import Kind
from mail_sender.sandbox.happenings import Happening
from mail_sender.sandbox.provider_events import MAILGUN_SIGNING_KEY, TOPIC_ARN
from mail_sender.sandbox.server import Sandbox

from . import told
from .clients import send
from .told import means

CLOCK = FakeClock()


class GatewayDouble:
    """A port that takes webhooks, believes nobody, and remembers them."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, WebhookCall]] = []
        self.came = asyncio.Event()
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = "http://{}:{}".format(*server.sockets[0].getsockname())
        try:
            yield
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])
        }
        body = await reader.readexactly(int(headers["content-length"]))
        self.calls.append((head[0].split()[1], WebhookCall(headers=headers, body=body)))
        self.came.set()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()


@pytest.fixture
async def gateway() -> AsyncIterator[GatewayDouble]:
    double = GatewayDouble()
    async with double.running():
        yield double


async def tell(sandbox: Sandbox, body: object) -> tuple[int, Any]:
    status, said = await sandbox.call("POST", "/events", json.dumps(body).encode())
    return status, json.loads(said)


async def heard(gateway: GatewayDouble, webhook: Webhook) -> list[Feedback]:
    """Return what all calls say, each judged to be genuine."""
    found: list[Feedback] = []
    for _, call in gateway.calls:
        judged = await webhook.judge(call)
        assert isinstance(judged, Genuine), judged
        found += webhook.feedback_in(call.body, key=judged.key, received_at=CLOCK.now())
    return found


@pytest.mark.parametrize("account", ["ses", "mailgun"])
async def test_everything_that_can_happen_is_told_in_the_providers_words(
    sandbox: Sandbox, gateway: GatewayDouble, account: str
) -> None:
    """Signed as the provider signs, with our id and its own."""
    await send(sandbox, account)
    (mail,) = sandbox.inbox.newest(limit=1)
    http = PooledHttpClient()
    webhook: Webhook = MailgunWebhook(Secret(MAILGUN_SIGNING_KEY), CLOCK)
    if account == "ses":
        here = sandbox.http_url
        subscription = SnsSubscription(amazons((TOPIC_ARN,), here), http=http, clock=CLOCK)
        webhook = SesWebhook(subscription)

    status, said = await tell(
        sandbox, {"mail": mail.id, "events": list(Happening), "url": gateway.url}
    )
    found = await heard(gateway, webhook)
    await http.close()

    assert status == 200
    assert said["told"] == [{"event": event, "status": 200, "said": "{}"} for event in Happening]
    assert {path for path, _ in gateway.calls} == {f"/hooks/{account}"}
    assert [it.fact for it in found] == [means(event) for event in Happening]
    for it in found:
        assert (it.message_id, it.recipients) == ("msg_1", ("ann@example.net",))
        assert it.provider_message_id == mail.provider_message_id
    by_event = dict(zip(Happening, found, strict=True))
    dead, full = by_event[Happening.BOUNCED].bounce, by_event[Happening.SOFT_BOUNCED].bounce
    assert dead is not None
    assert full is not None
    assert (dead.is_dead_address, full.is_dead_address) == (True, False)
    assert len({it.id for it in found}) == len(found)


@pytest.mark.parametrize("kind", told.SETTINGS)
async def test_every_json_api_tells_in_its_own_words_and_is_believed(
    gateway: GatewayDouble, kind: Kind
) -> None:
    """Configured as a user would, with what the sandbox signs with."""
    happened = told.told_by(kind)
    webhook = told.webhook_of(kind, CLOCK, gateway.url)
    async with told.sandbox_with_mail(kind, CLOCK) as (sandbox, mail):
        story = {"mail": mail.id, "events": happened, "url": gateway.url}
        status, _ = await tell(sandbox, story)
        silent = [
            (await tell(sandbox, {**story, "events": [it]}))[0] for it in told.SILENT.get(kind, ())
        ]
        found = await heard(gateway, webhook)

    assert status == 200
    assert set(silent) <= {422}
    assert [it.fact for it in found] == [means(event) for event in happened]
    dead = {event for event, it in zip(happened, found, strict=True) if told.is_dead(it.bounce)}
    assert dead == {Happening.BOUNCED}
    for it in found:
        assert (it.message_id, it.provider_message_id) == (told.OUR_ID, mail.provider_message_id)
        assert it.recipients == (("ann@example.net",) if kind is not Kind.RESEND else it.recipients)
    assert len({it.id for it in found}) == len(found)


async def test_an_event_comes_twice_and_late_if_wished(
    sandbox: Sandbox, gateway: GatewayDouble
) -> None:
    """That is how they come."""
    await send(sandbox, "mailgun")
    story = {"mail": "mail-1", "events": ["bounced"], "times": 2, "url": gateway.url}

    await tell(sandbox, story)
    assert gateway.calls[0] == gateway.calls[1]
    gateway.came.clear()
    status, said = await tell(sandbox, {**story, "times": 1, "after": 0.01})

    assert (status, said["told"]) == (
        200, [{"event": "bounced", "status": None, "said": "in 0.01 s"}],
    )  # fmt: skip
    async with asyncio.timeout(10):
        await gateway.came.wait()
    assert len(gateway.calls) == 3


async def test_the_key_of_one_sandbox_is_nobody_elses(
    sandbox: Sandbox, gateway: GatewayDouble
) -> None:
    """Each start makes a new one."""
    await send(sandbox, "ses")
    await tell(sandbox, {"mail": "mail-1", "events": ["opened"], "url": gateway.url})
    _, call = gateway.calls[0]

    judged = await SnsSubscription(
        amazons((TOPIC_ARN,)), http=PooledHttpClient(), clock=CLOCK
    ).judge(call.body)

    assert isinstance(judged, Forged)


async def test_a_gateway_that_is_away_is_told_of(sandbox: Sandbox) -> None:
    """The caller decides whether to repeat."""
    await send(sandbox, "ses")
    url = "http://127.0.0.1:1"

    status, said = await tell(sandbox, {"mail": "mail-1", "events": ["opened"], "url": url})

    assert status == 200
    (answer,) = said["told"]
    assert answer["status"] is None


@pytest.mark.parametrize(
    ("story", "status"),
    [
        ({"mail": "mail-9", "events": ["opened"], "url": "http://127.0.0.1:1"}, 422),
        ({"mail": "mail-1", "events": ["opened"]}, 422),
        ({"mail": "mail-1", "events": []}, 400),
        ({"mail": "mail-1", "events": ["exploded"]}, 400),
        ({"mail": "mail-1", "events": ["opened"], "times": 0}, 400),
        ({"mail": "mail-1", "events": ["opened"], "strange": 0}, 400),
        ([], 400),
    ],
)
async def test_what_cannot_be_told_is_refused(sandbox: Sandbox, story: object, status: int) -> None:
    """In words."""
    await send(sandbox, "ses")

    got, problem = await tell(sandbox, story)

    assert got == status
    assert problem["detail"]


async def test_a_relay_tells_nothing(sandbox: Sandbox) -> None:
    """SMTP has no webhooks."""
    sandbox.inbox.put(
        provider="relay", mail_from="a@example.com", recipients=("ann@example.net",), subject="s",
        read=lambda: None,  # type: ignore[arg-type, return-value]
    )  # fmt: skip

    got, problem = await tell(
        sandbox, {"mail": "mail-1", "events": ["opened"], "url": "http://127.0.0.1:1"}
    )

    assert (got, "tells nothing" in str(problem["detail"])) == (422, True)
