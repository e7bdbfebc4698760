"""From an event to a client's program and back, over a real connection."""

from __future__ import annotations

import asyncio
import json
import socket
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Judge

from mail_sender.clock import FakeClock, SystemClock
from mail_sender.domain.errors import StoreUnavailable
from mail_sender.domain.event import EventType
from mail_sender.domain.message import KeyId
from mail_sender.domain.webhook import DeliveryId, DeliveryState
from mail_sender.events.schedule import WAITS
from mail_sender.store.memory import MemoryStore
from mail_sender.store.webhooks import DeliveryChange, WebhookStore

from ..contracts.store_steps import accepted
from ..http.far_side import (
    FarSide,
    Line,
    Script,
    answer,
    answering,
    closes_at_once,
    hangs_up_after_the_request,
    never_answers,
    nobody_listening,
    says_then_waits,
)
from ..make import make_webhook
from .running import SOON, publishing, until

OK = answer(200, b"thanks")
BROKEN = answer(500, b"broken")
DAY = timedelta(days=1)
CLOSE = {"Connection": "close"}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


# ---------------------------------------------------------------- what arrives


async def test_an_event_arrives_signed_in_the_form_of_the_specification() -> None:
    """The receiver's library accepts it, and finds whose event it is."""
    clock = SystemClock()
    async with FarSide(answering(OK)) as far, publishing(clock) as it:
        webhook = await it.webhook(f"{far.url}/hooks?from=mail")
        message = await accepted(it.store, clock, tags=("orders",), metadata=(("order", "7"),))
        await far.until_seen(1)
        delivery = await it.tried(webhook)

    (seen,) = far.requests
    body = Judge(webhook.secret.reveal()).verify(seen.body, dict(seen.headers))
    event = (await it.store.events()).rows[0]
    assert (seen.method, seen.target) == ("POST", "/hooks?from=mail")
    assert seen.headers["content-type"] == "application/json"
    assert body == {
        "type": "message.queued",
        "timestamp": event.at.isoformat().replace("+00:00", "Z"),
        "data": {
            "event_id": event.id,
            "message_id": message.id,
            "tags": ["orders"],
            "metadata": {"order": "7"},
        },
    }
    assert seen.headers["webhook-id"] == delivery.id
    assert (delivery.state, delivery.event_id) == (DeliveryState.DELIVERED, event.id)
    assert delivery.body == seen.body
    assert [(a.status, a.answer, a.error) for a in delivery.attempts] == [(200, "thanks", "")]


async def test_each_webhook_hears_of_what_it_wants(clock: FakeClock) -> None:
    """The shop hears of its orders, the operator's page of providers."""
    async with FarSide(answering(OK)) as far, publishing(clock) as it:
        wanted = {
            "orders": await it.webhook(f"{far.url}/orders", tags=("orders",)),
            "key": await it.webhook(f"{far.url}/key", key_ids=(KeyId("key_9"),)),
            "providers": await it.webhook(f"{far.url}/providers", event_types=("provider.*",)),
        }
        await accepted(it.store, clock, tags=("orders",), key_id=KeyId("key_9"))
        await accepted(it.store, clock, tags=("news",))
        await it.happens(EventType.RECOVERED)
        await far.until_seen(3)
        for webhook in wanted.values():
            await it.all_delivered(webhook, 1)

    assert sorted(seen.target for seen in far.requests) == ["/key", "/orders", "/providers"]


async def test_while_secrets_are_changed_both_are_good() -> None:
    """A rotation costs no event."""
    async with FarSide(answering(OK)) as far, publishing(SystemClock()) as it:
        before = await it.webhook(far.url)
        after = await it.endpoints.rotate(before.id, timedelta(hours=1), by="key_1")
        await it.happens()
        await far.until_seen(1)
        at_once = await it.endpoints.rotate(before.id, timedelta(0), by="key_1")
        await it.happens()
        await far.until_seen(2)

    both, one = far.requests
    for secret in (before.secret, after.secret):
        Judge(secret.reveal()).verify(both.body, dict(both.headers))
    Judge(at_once.secret.reveal()).verify(one.body, dict(one.headers))
    assert " " not in one.headers["webhook-signature"]


# ---------------------------------------------------------------- when it does not


@pytest.mark.parametrize(
    ("script", "status", "said"),
    [
        pytest.param(answering(answer(500, b"broken", headers=CLOSE)), 500, "broken", id="500"),
        pytest.param(answering(answer(404, b"<p>", headers=CLOSE)), 404, "<p>", id="404"),
        pytest.param(hangs_up_after_the_request, None, "closed before the answer", id="cut"),
        pytest.param(closes_at_once, None, "closed", id="closed"),
        pytest.param(never_answers, None, "no answer within 0.05 s", id="silent"),
        pytest.param(
            says_then_waits(OK[:-3]), None, "answer not complete within 0.05 s", id="slow"
        ),
        pytest.param(answering(b"SSH-2.0-x\r\n\r\n"), None, "answer is not HTTP", id="not HTTP"),
    ],
)
async def test_what_went_wrong_is_on_record_and_it_comes_again(
    clock: FakeClock, script: Script, status: int | None, said: str
) -> None:
    """With the same id and the same bytes, so that the receiver can tell a repetition."""
    async with (
        FarSide(script, answering(OK)) as far,
        publishing(clock, answer_within=timedelta(seconds=0.05)) as it,
    ):
        webhook = await it.webhook(far.url)
        await it.happens(reason="grüße")
        failed = await it.tried(webhook)
        clock.advance(WAITS[0])
        again = await it.tried(webhook, 2)

    (attempt,) = failed.attempts
    assert attempt.status == status
    assert said in attempt.answer + attempt.error
    assert (failed.state, failed.tries) == (DeliveryState.PENDING, 1)
    assert failed.next_attempt_at == attempt.at + WAITS[0]
    assert again.state is DeliveryState.DELIVERED
    assert {seen.headers["webhook-id"] for seen in far.requests} == {failed.id}
    assert {seen.body for seen in far.requests} == {failed.body}
    last = far.requests[-1].headers["webhook-timestamp"]
    assert int(last) == int(again.attempts[1].at.timestamp())


async def test_nobody_listening_is_a_failure_like_any_other(clock: FakeClock) -> None:
    """A receiver that is being deployed."""
    with nobody_listening() as port:
        async with publishing(clock) as it:
            webhook = await it.webhook(f"http://127.0.0.1:{port}")
            await it.happens()
            delivery = await it.tried(webhook)

    assert delivery.attempts[0].error == "connection refused"


async def test_a_huge_answer_is_cut_and_its_status_counts(clock: FakeClock) -> None:
    """A receiver behind a framework answers 200 with a page; nobody reads 100 MB of it."""
    length = 100_000_000
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode()

    async def huge(line: Line) -> None:
        await line.request()
        await line.say(head)
        for _ in range(length // 65536):
            await line.say(b"x" * 65536)
        raise AssertionError("somebody read all of it")

    async with FarSide(huge) as far, publishing(clock) as it:
        webhook = await it.webhook(far.url)
        await it.happens()
        delivery = await it.tried(webhook)

    assert delivery.state is DeliveryState.DELIVERED
    assert delivery.attempts[0].answer == "x" * 4096


async def test_a_redirect_is_not_followed(clock: FakeClock) -> None:
    """Nobody checked where it leads, and the body is not for everybody."""
    async with FarSide(answering(OK)) as elsewhere:
        moved = answer(307, headers={"Location": elsewhere.url})
        async with FarSide(answering(moved)) as far, publishing(clock) as it:
            webhook = await it.webhook(far.url)
            await it.happens()
            delivery = await it.tried(webhook)

    assert delivery.attempts[0].status == 307
    assert delivery.state is DeliveryState.PENDING
    assert elsewhere.requests == []


async def test_retry_after_is_obeyed(clock: FakeClock) -> None:
    """Whoever is overloaded says when."""
    busy = answer(429, headers={"Retry-After": "3600"})
    async with FarSide(answering(busy, OK)) as far, publishing(clock) as it:
        webhook = await it.webhook(far.url)
        await it.happens()
        delivery = await it.tried(webhook)

    assert delivery.next_attempt_at == delivery.attempts[0].at + timedelta(hours=1)


async def test_after_the_last_attempt_it_has_failed_and_can_be_replayed(clock: FakeClock) -> None:
    """Over a day later, by a person who has repaired the receiver."""
    count = len(WAITS) + 1
    async with FarSide(answering(*[BROKEN] * count, OK)) as far, publishing(clock) as it:
        webhook = await it.webhook(far.url)
        await it.happens()
        for attempt, wait in enumerate((*WAITS, DAY), 1):
            failed = await it.tried(webhook, attempt)
            clock.advance(wait * 1.2)
        await it.endpoints.replay_one(webhook.id, failed.id)
        again = await it.tried(webhook, count + 1)

    assert (failed.state, failed.next_attempt_at) == (DeliveryState.FAILED, None)
    assert (again.state, again.tries) == (DeliveryState.DELIVERED, 1)
    assert {seen.headers["webhook-id"] for seen in far.requests} == {failed.id}


# ---------------------------------------------------------------- pauses


async def test_410_pauses_at_once_and_others_are_told(clock: FakeClock) -> None:
    """The receiver says that it is gone for good: nothing more is sent until a person says so."""
    gone, good = answering(answer(410), OK), answering(OK)
    async with FarSide(gone) as far, FarSide(good) as page, publishing(clock) as it:
        webhook = await it.webhook(far.url, event_types=("provider.*",))
        await it.webhook(page.url, event_types=("webhook.paused",))
        await it.happens()
        await page.until_seen(1)
        for _ in range(3):
            await it.happens()
        clock.advance(DAY)
        await asyncio.sleep(20 * SOON.total_seconds())
        paused = await it.endpoints.get(webhook.id)
        calls = len(far.requests)
        await it.endpoints.resume(webhook.id, skip=False, by="key_1")
        await it.all_delivered(webhook, 4)

    assert calls == 1
    assert paused.pause is not None
    assert (paused.pause.by, paused.pause.reason) == ("gateway", "The receiver answered 410 Gone.")
    notice = json.loads(page.requests[0].body)
    assert notice["type"] == "webhook.paused"
    assert notice["data"] == {
        "event_id": notice["data"]["event_id"],
        "webhook_id": webhook.id,
        "url": far.url,
        "reason": "The receiver answered 410 Gone.",
        "by": "gateway",
    }


async def test_days_of_nothing_but_failures_pause(clock: FakeClock) -> None:
    """A receiver that nobody looks after is not called for ever."""
    async with FarSide(answering(BROKEN)) as far, publishing(clock, pause_after=DAY) as it:
        webhook = await it.webhook(far.url)
        await it.happens()
        for attempt in range(1, 4):
            await it.tried(webhook, attempt)
            clock.advance(timedelta(hours=13))

        async def is_paused() -> bool:
            return (await it.endpoints.get(webhook.id)).pause is not None

        await until(is_paused)
        paused = await it.endpoints.get(webhook.id)

    assert paused.pause is not None
    assert paused.pause.reason == "Every attempt since 2030-01-01 00:00 UTC has failed."
    types = [event.type for event in (await it.store.events()).rows]
    assert types == [EventType.DEGRADED, EventType.WEBHOOK_PAUSED]


# ---------------------------------------------------------------- one another


async def test_a_dead_receiver_delays_no_other(clock: FakeClock) -> None:
    """Each webhook has calls of its own; the events of one do not queue behind another's."""
    async with (
        FarSide(never_answers) as dead,
        FarSide(answering(OK)) as far,
        publishing(clock, in_flight=4) as it,
    ):
        await it.webhook(dead.url)
        good = await it.webhook(far.url)
        for number in range(60):
            await it.happens(number=number)
        await it.all_delivered(good, 60)

        assert len(dead.requests) == 4, "and it has no more calls than its own"

    numbers = {json.loads(seen.body)["data"]["number"] for seen in far.requests}
    assert numbers == set(range(60))
    assert len(far.requests) == 60


async def test_a_receiver_that_fails_is_asked_one_at_a_time(clock: FakeClock) -> None:
    """Eight calls at a time against something that is down help nobody."""
    at_once, most = 0, 0

    async def counting(line: Line) -> None:
        nonlocal at_once, most
        while True:
            await line.request()
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0.01)
            at_once -= 1
            await line.say(BROKEN)

    async with FarSide(counting) as far, publishing(clock, in_flight=8) as it:
        webhook = await it.webhook(far.url)
        await it.happens()
        await it.tried(webhook)
        for number in range(6):
            await it.happens(number=number)
        await far.until_seen(7)

    assert most == 1


async def test_only_one_of_two_nodes_calls(clock: FakeClock) -> None:
    """And when it dies, the other goes on."""
    store, lease = MemoryStore(clock), timedelta(seconds=60)
    for owner in "ab":
        await store.heartbeat(owner, lease)
    async with FarSide(answering(OK)) as far, publishing(clock, store=store) as first:
        webhook = await first.webhook(far.url)
        await first.happens()
        await first.all_delivered(webhook, 1)
        async with publishing(clock, store=store, owner="b") as second:
            await first.happens()
            await first.all_delivered(webhook, 2)
            await first.publisher.stop(timedelta(0))
            await first.happens()
            await asyncio.sleep(20 * SOON.total_seconds())
            assert len(far.requests) == 2
            clock.advance(lease)
            await second.all_delivered(webhook, 3)

    assert len({seen.headers["webhook-id"] for seen in far.requests}) == 3


async def test_a_call_that_was_cut_by_a_stop_is_made_again_with_the_same_id(
    clock: FakeClock,
) -> None:
    """At least once: the receiver may have taken it, and can tell."""
    store = MemoryStore(clock)
    async with FarSide(never_answers, answering(OK)) as far:
        async with publishing(clock, store=store) as it:
            webhook = await it.webhook(far.url)
            await it.happens()
            await far.until_seen(1)
        async with publishing(clock, store=store) as it:
            await it.all_delivered(webhook, 1)

    first, second = far.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


async def test_a_store_that_is_away_makes_no_second_call(clock: FakeClock) -> None:
    """A full disk must not turn into a call a second to every client."""
    store = MemoryStore(clock)
    away = Away(store.webhooks)
    async with (
        FarSide(answering(OK)) as far,
        publishing(clock, store=store, webhooks=away) as it,
    ):
        webhook = await it.webhook(far.url)
        away.left = 5
        await it.happens()
        await it.all_delivered(webhook, 1)

    assert away.left == 0
    assert len(far.requests) == 1


class Away:
    """A store whose next `left` records fail."""

    def __init__(self, store: WebhookStore) -> None:
        self._store = store
        self.left = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever it is
        return getattr(self._store, name)

    async def record(self, id_: DeliveryId, change: DeliveryChange) -> bool:
        if self.left:
            self.left -= 1
            raise StoreUnavailable("the disk is full")
        return await self._store.record(id_, change)


# ---------------------------------------------------------------- where it leads


async def test_a_name_that_leads_elsewhere_later_is_refused_then(clock: FakeClock) -> None:
    """DNS rebinding: what counts is the address at the moment of the connection."""
    leads_to = ["127.0.0.1"]
    asked = 0

    async def lookup(host: str, port: int) -> list[tuple[Any, ...]]:
        nonlocal asked
        asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (it, port)) for it in leads_to]

    closing = answer(200, headers=CLOSE)
    async with FarSide(answering(closing)) as far, publishing(clock, lookup=lookup) as it:
        webhook = await it.webhook(f"http://shop.test:{far.port}")
        await it.happens()
        await it.all_delivered(webhook, 1)
        leads_to[0] = "127.0.0.2"
        await it.happens()
        await until(lambda: asked == 2)

        async def refused() -> bool:
            return bool((await it.deliveries(webhook.id))[1].attempts)

        await until(refused)
        second = (await it.deliveries(webhook.id))[1]

    assert asked == 2, "one look-up a connection: there is no moment for another answer"
    assert far.requests[0].headers["host"] == f"shop.test:{far.port}"
    assert len(far.requests) == 1
    assert second.attempts[0].error == "leads to an address that is not public"
    assert second.state is DeliveryState.PENDING


# ---------------------------------------------------------------- housekeeping


async def test_old_deliveries_go_and_the_gauges_say_how_it_stands(clock: FakeClock) -> None:
    """Bodies with addresses are not kept for ever; an operator sees what waits."""
    store = MemoryStore(clock)
    async with FarSide(answering(BROKEN)) as far:
        async with publishing(clock, store=store) as it:
            webhook = await it.webhook(far.url)
            await it.happens()
            await it.tried(webhook)
        async with publishing(clock, store=store) as it:
            await until(lambda: f'pending{{webhook="{webhook.id}"}} 1.0' in rendered(it.metrics))
        await it.endpoints.pause(webhook.id, "", by="key_1")
        clock.advance(40 * DAY)
        async with publishing(clock, store=store) as it:
            await until(lambda: f'paused{{webhook="{webhook.id}"}} 1.0' in rendered(it.metrics))

            async def gone() -> bool:
                return await it.deliveries(webhook.id) == []

            await until(gone)


def rendered(metrics: Any) -> str:  # noqa: ANN401
    return str(metrics.render().decode())


async def test_a_url_that_is_not_allowed_any_more_is_not_called(clock: FakeClock) -> None:
    """An operator who forbids plain HTTP forbids it for the webhooks that are there too."""
    store = MemoryStore(clock)
    await store.webhooks.add(make_webhook(url="ftp://127.0.0.1/hook"))
    async with publishing(clock, store=store) as it:
        await it.happens()
        delivery = await it.tried(make_webhook())

    assert delivery.attempts[0].error.startswith("URL: expected a URL such as")
