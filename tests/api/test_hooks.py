"""`POST /hooks/{provider}`: what a provider sends is judged, made durable, answered, then read."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mail_sender.api.asgi import make_app
from mail_sender.clock import FakeClock
from mail_sender.domain.errors import StoreUnavailable
from mail_sender.domain.feedback import Fact, Feedback
from mail_sender.feedback.hooks import MAX_BODY_BYTES, Hooks
from mail_sender.providers.webhook import Answered, Forged, Judgement, Malformed, Undecided
from mail_sender.store.memory import MemoryStore
from mail_sender.store.port import HookCall

from ..make import ANN, NOW
from ..providers.make_webhooks import genuine, webhooks
from .scripted import SILENCE, ScriptedWebhook
from .stack import Stack, mail, running


def told(fact: Fact, id_: str, message_id: str | None = None, **fields: Any) -> Feedback:  # noqa: ANN401
    return Feedback(
        **{
            "id": id_,
            "fact": fact,
            "at": NOW,
            "recipients": (ANN,),
            "message_id": message_id,
            **fields,
        }
    )


async def post(stack: Stack, body: object, provider: str = "ses") -> httpx2.Response:
    async with stack.client(None) as client:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await client.post(f"/hooks/{provider}", content=content)


def counted(stack: Stack, provider: str, result: str) -> float:
    labels = {"provider": provider, "result": result}
    found = stack.services.metrics.registry.get_sample_value("mail_sender_hook_calls_total", labels)
    return found or 0.0


async def test_a_call_is_durable_before_it_is_answered_and_read_afterwards(idle: Stack) -> None:
    """A provider that heard 200 never tells it again. It needs no API key, and has none."""
    answer = await post(idle, {"key": "a"})

    assert (answer.status_code, answer.json()) == (200, {"taken": True})
    (hook,) = await idle.store.waiting_hooks(10)
    assert hook.call == HookCall(provider="ses", key="a", body=b'{"key": "a"}')
    assert counted(idle, "ses", "stored") == 1


async def test_a_repeated_call_is_taken_and_kept_once(idle: Stack) -> None:
    """The provider did not hear our first answer; or somebody replays what he overheard."""
    first = await post(idle, {"key": "a"})
    second = await post(idle, {"key": "a", "more": "than before"})

    assert (first.status_code, second.status_code) == (200, 200)
    assert len(await idle.store.waiting_hooks(10)) == 1
    assert counted(idle, "ses", "repeated") == 1


@pytest.mark.parametrize(
    ("judgement", "status", "code", "result"),
    [
        (Forged("secret reasons"), 401, "not_genuine", "forged"),
        (Malformed("secret reasons"), 400, "invalid_hook", "malformed"),
        (Undecided("secret reasons"), 503, "hook_undecided", "undecided"),
    ],
)
async def test_what_is_not_surely_the_providers_is_not_kept(
    tmp_path: Path, judgement: Judgement, status: int, code: str, result: str
) -> None:
    """Anybody can post here. He learns nothing of why, and 503 makes a provider come again."""
    webhooks = {"ses": ScriptedWebhook(judgement=judgement)}
    async with running(tmp_path, claims=False, webhooks=webhooks) as stack:
        answer = await post(stack, {"key": "a"})

        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert "secret" not in answer.text
        assert await stack.store.waiting_hooks(10) == []
        assert counted(stack, "ses", result) == 1
        assert ("Retry-After" in answer.headers) is (status == 503)
        assert ("WWW-Authenticate" in answer.headers) is (status == 401)


async def test_a_handshake_is_answered_and_not_kept(tmp_path: Path) -> None:
    """SNS wants a subscription confirmed; that is no event."""
    webhooks = {"ses": ScriptedWebhook(judgement=Answered("subscribed"))}
    async with running(tmp_path, claims=False, webhooks=webhooks) as stack:
        answer = await post(stack, {})

        assert answer.status_code == 200
        assert await stack.store.waiting_hooks(10) == []
        assert counted(stack, "ses", "handshake") == 1


async def test_only_a_provider_that_tells_events_has_an_address(idle: Stack) -> None:
    """Unknown names are counted under none, or anybody could fill the metrics."""
    answers = [await post(idle, {"key": "a"}, name) for name in ("nobody", "built_in")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert counted(idle, "", "unknown_provider") == 2


async def test_a_body_has_a_limit_and_is_not_packed(idle: Stack) -> None:
    """Without a key nobody may fill our memory."""
    async with idle.client(None) as client:
        large = await client.post("/hooks/ses", content=b" " * (MAX_BODY_BYTES + 1))
        packed = await client.post(
            "/hooks/ses", content=b"{}", headers={"Content-Encoding": "gzip"}
        )
        put = await client.put("/hooks/ses", content=b"{}")

    assert (large.status_code, packed.status_code, put.status_code) == (413, 415, 405)


class _Away(MemoryStore):
    """A store whose disk is full."""

    async def keep_hook(self, call: HookCall) -> bool:
        raise StoreUnavailable("disk full")


async def test_a_store_that_is_away_makes_the_provider_come_again(idle: Stack) -> None:
    """A 200 for an event that is nowhere would lose it."""
    hooks = Hooks(
        {"ses": ScriptedWebhook()},
        store=_Away(idle.clock),
        listener=idle.listener,
        metrics=idle.services.metrics,
    )
    services = dataclasses.replace(idle.services, hooks=hooks)
    there = dataclasses.replace(idle, services=services, app=make_app(services))

    answer = await post(there, {"key": "a"})

    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert answer.headers["Retry-After"] == "5"


async def test_a_provider_that_a_5xx_makes_give_up_hears_429(idle: Stack) -> None:
    """Brevo drops an event for good after any 5xx."""
    dropping = ScriptedWebhook(comes_again_after_5xx=False)
    undecided = ScriptedWebhook(comes_again_after_5xx=False, judgement=Undecided("?"))
    hooks = Hooks(
        {"ses": dropping, "mailgun": undecided},
        store=_Away(idle.clock),
        listener=idle.listener,
        metrics=idle.services.metrics,
    )
    services = dataclasses.replace(idle.services, hooks=hooks)
    there = dataclasses.replace(idle, services=services, app=make_app(services))

    for name in ("ses", "mailgun"):
        answer = await post(there, {"key": "a"}, name)

        assert (answer.status_code, answer.json()["code"]) == (429, "hook_not_now")
        assert "Retry-After" in answer.headers


async def test_a_provider_may_look_whether_the_address_is_there(idle: Stack) -> None:
    """Mandrill does, before it lets it be registered."""
    async with idle.client(None) as client:
        there, not_there = await client.head("/hooks/ses"), await client.head("/hooks/nobody")
        shown = await client.get("/hooks/ses")

    assert (there.status_code, not_there.status_code) == (200, 404)
    assert shown.json() == {"takes_events": True}


_HEADERS = (
    "authorization", "signature", "mailtrap-signature", "x-mandrill-signature",
    "x-postal-signature-256", "x-postal-signature", "svix-id", "svix-timestamp", "svix-signature",
    "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp",
)  # fmt: skip


@pytest.mark.parametrize("provider", sorted(webhooks()))
async def test_whatever_is_posted_no_webhook_answers_with_a_fault(
    tmp_path: Path, provider: str
) -> None:
    """Nobody but the provider is believed, and nobody breaks anything. See also its reader's."""
    async with running(tmp_path, claims=False, webhooks=webhooks()) as stack:

        async def answered(body: bytes, headers: dict[str, str]) -> int:
            async with stack.client(None) as client:
                found = await client.post(f"/hooks/{provider}", content=body, headers=headers)
            return found.status_code

        bodies = [
            b"",
            b"{}",
            b"[]",
            b"\xff\x00",
            b"mandrill_events=%ff",
            b"[" * 5000,
            b'{"Type":5}',
        ]
        for body in bodies:
            assert await answered(body, {}) in {400, 401}
            assert await answered(body, dict.fromkeys(_HEADERS, "x")) in {400, 401}


@pytest.mark.parametrize("provider", sorted(webhooks()))
async def test_a_genuine_call_of_each_provider_is_kept_and_read(
    tmp_path: Path, provider: str
) -> None:
    """From the port to the timeline; that of a stranger's mail is counted, and no more."""
    file = Path(__file__).parent.parent / "recorded" / provider / "events.json"
    cases = json.loads(file.read_text(encoding="utf-8"))["cases"]
    says = next(case["says"] for case in cases if case["name"] == "delivered")
    call = genuine(provider, says["event-data"] if provider == "mailgun" else says)
    async with running(tmp_path, claims=False, webhooks=webhooks()) as stack:
        async with stack.client(None) as client:
            first, again = [
                await client.post(
                    f"/hooks/{provider}", content=call.body, headers=dict(call.headers)
                )
                for _ in range(2)
            ]
        assert (first.status_code, again.status_code) == (200, 200)
        assert await stack.listener.read_waiting() == 1
        labels = {"provider": provider, "fact": "delivered", "fate": "strange"}
        found = stack.services.metrics.registry.get_sample_value(
            "mail_sender_provider_events_total", labels
        )
        assert found == 1


async def test_what_was_told_shows_in_the_message_and_its_timeline(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """Within moments, and with the recipient's own status."""
    id_ = (await api.post("/v1/messages", json=mail(mode="sync"))).json()["id"]
    webhook = stack.services.hooks._webhooks["ses"]
    assert isinstance(webhook, ScriptedWebhook)
    webhook.feedback = [
        told(Fact.DELIVERED, "1", id_), told(Fact.COMPLAINED, "2", id_, detail="abuse"),
    ]  # fmt: skip

    assert (await post(stack, {"key": "a"})).status_code == 200
    await stack.listener.read_waiting()

    message = (await api.get(f"/v1/messages/{id_}")).json()
    assert (message["status"], message["recipients"][0]["status"]) == ("sent", "complained")
    events = (await api.get(f"/v1/messages/{id_}/events")).json()["data"]
    assert [e["type"] for e in events][-2:] == ["message.delivered", "message.complained"]
    assert events[-1]["data"] == {
        "provider": "ses", "recipient": ANN, "detail": "abuse", "provider_event_id": "2",
    }  # fmt: skip
    suppression = (await api.get(f"/v1/suppressions/{ANN}")).json()
    assert (suppression["reason"], suppression["origin"]) == ("complaint", "provider:ses")
    listed = (await api.get("/v1/messages?status=sent")).json()["data"]
    assert [each["id"] for each in listed] == [id_]
    value = stack.services.metrics.registry.get_sample_value(
        "mail_sender_provider_events_total",
        {"provider": "ses", "fact": "complained", "fate": "attached"},
    )
    assert value == 1


async def test_an_unknown_message_is_settled_by_its_event(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """Nobody knew; the provider tells; whoever waits for the message hears it."""
    stack.ses.script.append(SILENCE)
    id_ = (await api.post("/v1/messages", json=mail(mode="sync"))).json()["id"]
    assert await stack.state(id_) == "unknown"
    webhook = stack.services.hooks._webhooks["ses"]
    assert isinstance(webhook, ScriptedWebhook)
    webhook.feedback = [told(Fact.ACCEPTED, "1", id_)]

    await post(stack, {"key": "a"})
    await stack.listener.read_waiting()

    message = (await api.get(f"/v1/messages/{id_}")).json()
    assert (message["status"], message["provider"]) == ("sent", "ses")
    events = (await api.get(f"/v1/messages/{id_}/events")).json()["data"]
    assert events[-1]["type"] == "message.sent"
    assert events[-1]["data"]["evidence"] == "ses told that it was accepted"


async def test_calls_that_were_kept_are_read_at_the_next_start(tmp_path: Path) -> None:
    """Killed between the answer and the reading: nothing is lost."""
    webhooks = {"ses": ScriptedWebhook()}
    async with running(tmp_path, claims=False, webhooks=webhooks, clock=FakeClock()) as stack:
        await post(stack, {"key": "a"})
        assert len(await stack.store.waiting_hooks(10)) == 1
        stack.listener.start()
        for _ in range(100):
            if not await stack.store.waiting_hooks(10):
                break
            await asyncio.sleep(0.01)
        assert await stack.store.waiting_hooks(10) == []


async def test_a_call_that_nobody_understands_is_set_aside(idle: Stack) -> None:
    """One bad call stops no other."""
    webhook = idle.services.hooks._webhooks["ses"]
    assert isinstance(webhook, ScriptedWebhook)
    webhook.unreadable = True
    await post(idle, {"key": "a"})
    await idle.listener.read_waiting()

    assert await idle.store.waiting_hooks(10) == []
    assert counted(idle, "ses", "unreadable") == 1


async def test_a_batch_of_a_thousand_events_is_learnt_whole(idle: Stack) -> None:
    """SendGrid sends what happened within half a minute at once."""
    async with idle.client() as api:
        id_ = (await api.post("/v1/messages", json=mail())).json()["id"]
    webhook = idle.services.hooks._webhooks["ses"]
    assert isinstance(webhook, ScriptedWebhook)
    webhook.feedback = [told(Fact.OPENED, str(n), id_) for n in range(1000)]
    await post(idle, {"key": "a"})

    assert await idle.listener.read_waiting() == 1

    value = idle.services.metrics.registry.get_sample_value(
        "mail_sender_provider_events_total",
        {"provider": "ses", "fact": "opened", "fate": "attached"},
    )
    assert value == 1000
    assert await idle.store.waiting_hooks(10) == []


async def test_the_age_of_what_waits_is_shown(idle: Stack) -> None:
    """For an alert when events come faster than they are read."""
    await post(idle, {"key": "a"})
    assert isinstance(idle.clock, FakeClock)
    idle.clock.advance(timedelta(seconds=30))

    await idle.listener.read_waiting()

    registry = idle.services.metrics.registry
    assert registry.get_sample_value("mail_sender_hook_lag_seconds") == 30
    await idle.listener.read_waiting()
    assert registry.get_sample_value("mail_sender_hook_lag_seconds") == 0
