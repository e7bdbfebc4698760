"""`/v1/webhooks`: what a client may do with its endpoints, and what it is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from standardwebhooks.webhooks import Webhook as Judge

from mail_sender.domain.webhook import MAX_ANSWER_BYTES, DeliveryState, WebhookAttempt
from mail_sender.events.endpoints import MOST_WEBHOOKS
from mail_sender.store.port import Scope
from mail_sender.store.webhooks import DeliveryChange

from ..http.far_side import FarSide, answer, answering, nobody_listening
from .stack import Json, Stack, mail, pointers

URL = "http://127.0.0.1:9/hook"
OK = answer(200, b"thanks")


async def made(api: httpx2.AsyncClient, url: str = URL, **fields: Any) -> Json:  # noqa: ANN401
    answer = await api.post("/v1/webhooks", json={"url": url, **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_webhook_is_made_and_its_secret_shown_once(api: httpx2.AsyncClient) -> None:
    """Whoever reads the list later must not be able to sign."""
    webhook = await made(
        api, description="the shop", event_types=["message.*"], tags=["orders"], key_ids=["key_1"]
    )
    secret = webhook.pop("secret")

    assert secret.startswith("whsec_")
    assert webhook == {
        "id": webhook["id"], "url": URL, "description": "the shop",
        "event_types": ["message.*"], "tags": ["orders"], "key_ids": ["key_1"],
        "status": "active", "pause": None, "failing_since": None,
        "previous_secret_until": None, "created_at": webhook["created_at"],
    }  # fmt: skip
    one = await api.get(f"/v1/webhooks/{webhook['id']}")
    every = await api.get("/v1/webhooks")
    assert one.json() == webhook
    assert every.json() == {"data": [webhook], "next_cursor": None}
    assert secret not in one.text + every.text


@pytest.mark.parametrize(
    ("body", "pointer", "words"),
    [
        ({}, "/url", "required"),
        ({"url": "ftp://shop.example.com"}, "/url", "expected a URL"),
        ({"url": "https://10.0.0.1/"}, "/url", "not public"),
        ({"url": "https://a:b@shop.example.com"}, "/url", "credentials"),
        ({"url": URL, "event_types": ["message.send"]}, "/event_types/0", "no such type"),
        ({"url": URL, "event_type": []}, "/event_type", "unknown field"),
        ({"url": URL, "description": "a\nb"}, "/description", "one line"),
        ({"url": URL, "tags": ["x" * 65]}, "/tags/0", "at most 64"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_its_place(
    api: httpx2.AsyncClient, body: Json, pointer: str, words: str
) -> None:
    """A mistyped type would be a webhook that is never called."""
    answer = await api.post("/v1/webhooks", json=body)

    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_request"
    assert pointers(answer) == [pointer]
    assert words in answer.json()["errors"][0]["detail"]


async def test_changing_needs_manage_and_looking_needs_read(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """Whoever sends mail must not be able to have everybody's events sent to himself."""
    id_ = (await made(api))["id"]
    reads, sends = await stack.issue(Scope.READ), await stack.issue(Scope.SEND)

    async with stack.client(reads) as reader, stack.client(sends) as sender:
        seen = [await reader.get(path) for path in (
            "/v1/webhooks", f"/v1/webhooks/{id_}", f"/v1/webhooks/{id_}/deliveries",
        )]  # fmt: skip
        refused = [
            await sender.get("/v1/webhooks"),
            await reader.post("/v1/webhooks", json={"url": URL}),
            await reader.patch(f"/v1/webhooks/{id_}", json={"paused": True}),
            await reader.delete(f"/v1/webhooks/{id_}"),
            await reader.post(f"/v1/webhooks/{id_}/rotate"),
            await reader.post(f"/v1/webhooks/{id_}/test"),
            await reader.post(f"/v1/webhooks/{id_}/replay", json={"since": "2030-01-01"}),
            await reader.post(f"/v1/webhooks/{id_}/deliveries/dlv_1/replay"),
        ]

    assert [it.status_code for it in seen] == [200] * 3
    assert {(it.status_code, it.json()["code"]) for it in refused} == {(403, "scope_missing")}


async def test_what_is_not_named_stays(api: httpx2.AsyncClient) -> None:
    """A PATCH of the filters must not forget the description."""
    webhook = await made(api, description="shop", tags=["a"], event_types=["message.sent"])
    path = f"/v1/webhooks/{webhook['id']}"

    changed = (await api.patch(path, json={"event_types": [], "url": URL + "2"})).json()
    same = (await api.patch(path, json={})).json()

    assert changed == same
    assert (changed["event_types"], changed["url"]) == ([], URL + "2")
    assert (changed["description"], changed["tags"]) == ("shop", ["a"])
    assert (await api.patch(path, json={"url": "https://10.0.0.1"})).status_code == 422


async def test_a_webhook_is_paused_with_a_reason_and_resumed(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """Who did it and why is shown to everybody who wonders."""
    path = f"/v1/webhooks/{(await made(api))['id']}"

    paused = (await api.patch(path, json={"paused": True, "reason": "we move"})).json()
    conflict = await api.post(f"{path}/replay", json={"since": "2030-01-01T00:00:00Z"})
    resumed = (await api.patch(path, json={"paused": False})).json()
    events = (await api.get("/v1/events")).json()["data"]

    assert paused["status"] == "paused"
    assert (paused["pause"]["reason"], paused["pause"]["by"]) == ("we move", stack.key.id)
    assert (conflict.status_code, conflict.json()["code"]) == (409, "state_conflict")
    assert (resumed["status"], resumed["pause"]) == ("active", None)
    assert [event["type"] for event in events] == ["webhook.paused"]


async def test_a_secret_is_rotated_with_an_overlap(api: httpx2.AsyncClient) -> None:
    """The receiver is changed in between."""
    async with FarSide(answering(OK)) as far:
        webhook = await made(api, far.url)
        path = f"/v1/webhooks/{webhook['id']}"
        rotated = (await api.post(f"{path}/rotate", json={"overlap": 60})).json()
        await api.post(f"{path}/test")
        at_once = (await api.post(f"{path}/rotate", json={"overlap": 0})).json()
        by_default = (await api.post(f"{path}/rotate")).json()

    secrets = [it["secret"] for it in (webhook, rotated, at_once)]
    assert len(set(secrets)) == 3
    for secret in secrets[:2]:
        Judge(secret).verify(far.requests[0].body, dict(far.requests[0].headers))
    assert rotated["previous_secret_until"] is not None
    assert at_once["previous_secret_until"] is None
    assert by_default["previous_secret_until"] is not None
    assert (await api.post(f"{path}/rotate", json={"overlap": 604_801})).status_code == 422


async def test_a_test_says_what_the_receiver_answered(api: httpx2.AsyncClient) -> None:
    """Before anything depends on it; also while it is paused."""
    long = b"x" * (MAX_ANSWER_BYTES + 1)
    async with FarSide(answering(OK, answer(500, long))) as far:
        webhook = await made(api, far.url)
        path = f"/v1/webhooks/{webhook['id']}"
        good = (await api.post(f"{path}/test")).json()
        await api.patch(path, json={"paused": True})
        bad = (await api.post(f"{path}/test")).json()
        listed = (await api.get(f"{path}/deliveries")).json()["data"]

    (attempt,) = good["attempts"]
    assert good["state"] == "delivered"
    assert (attempt["status"], attempt["answer"], attempt["error"]) == (200, "thanks", "")
    assert attempt["duration_ms"] > 0
    body = Judge(webhook["secret"]).verify(far.requests[0].body, dict(far.requests[0].headers))
    assert body["type"] == "webhook.test"
    assert body["data"] == {"webhook_id": webhook["id"]}
    assert (bad["state"], bad["attempts"][0]["answer"]) == ("failed", "x" * MAX_ANSWER_BYTES)
    assert listed == [bad, good]
    assert good["body"].encode() == far.requests[0].body


async def test_a_test_of_what_does_not_answer_says_so(api: httpx2.AsyncClient) -> None:
    """In the words that an operator can act on."""
    with nobody_listening() as port:
        webhook = await made(api, f"http://127.0.0.1:{port}")
        tried = await api.post(f"/v1/webhooks/{webhook['id']}/test")

    (attempt,) = tried.json()["attempts"]
    assert tried.status_code == 200
    assert (attempt["status"], attempt["error"]) == (None, "connection refused")


async def test_deliveries_are_filtered_and_asked_for_one_by_one(api: httpx2.AsyncClient) -> None:
    """What failed, of which kind."""
    async with FarSide(answering(OK, answer(500))) as far:
        path = f"/v1/webhooks/{(await made(api, far.url))['id']}"
        good, bad = [(await api.post(f"{path}/test")).json() for _ in range(2)]

    async def listed(**query: object) -> list[str]:
        page = await api.get(f"{path}/deliveries", params=query)  # type: ignore[arg-type]
        return [it["id"] for it in page.json()["data"]]

    first = (await api.get(f"{path}/deliveries", params={"limit": 1})).json()
    assert await listed(state="failed") == [bad["id"]]
    assert await listed(event_type="message.sent") == []
    assert await listed(cursor=first["next_cursor"]) == [good["id"]]
    assert (await api.get(f"{path}/deliveries/{good['id']}")).json() == good
    assert (await api.get(f"{path}/deliveries/dlv_x")).status_code == 404
    assert (await api.get(f"{path}/deliveries", params={"cursor": "x"})).status_code == 422


async def test_a_delivery_is_sent_again_on_demand(api: httpx2.AsyncClient) -> None:
    """With its id, so that nothing happens twice at a receiver that had it."""
    with nobody_listening() as port:
        path = f"/v1/webhooks/{(await made(api, f'http://127.0.0.1:{port}'))['id']}"
        tried = (await api.post(f"{path}/test")).json()

    again = (await api.post(f"{path}/deliveries/{tried['id']}/replay")).json()

    assert (again["id"], again["state"]) == (tried["id"], "pending")
    assert again["next_attempt_at"] is not None
    assert again["attempts"] == tried["attempts"]
    assert (await api.post(f"{path}/deliveries/dlv_x/replay")).status_code == 404


async def test_a_period_is_counted_first_and_then_sent_again(idle_api: httpx2.AsyncClient) -> None:
    """A receiver that lost its database, or a webhook that was made too late."""
    for tag in ("orders", "news", "orders"):
        await idle_api.post("/v1/messages", json=mail(tags=[tag]))
    path = f"/v1/webhooks/{(await made(idle_api, tags=['orders']))['id']}"

    async def replay(**body: object) -> Json:
        answer = await idle_api.post(
            f"{path}/replay", json={"since": "2029-12-31T00:00:00Z", **body}
        )
        return dict(answer.json())

    none = {"dry_run": True, "count": 0, "next_cursor": None}
    ahead = {"since": "2030-01-02T00:00:00Z", "until": "2030-01-03T00:00:00Z"}
    later = {"until": "2030-01-03T00:00:00Z"}
    assert await replay(dry_run=True, **ahead) == none
    assert await replay(dry_run=True, **later, event_types=["provider.*"]) == none
    assert await replay(dry_run=True, **later) == {**none, "count": 2}
    assert (await idle_api.get(f"{path}/deliveries")).json()["data"] == []

    assert await replay(**later) == {"dry_run": False, "count": 2, "next_cursor": None}

    deliveries = (await idle_api.get(f"{path}/deliveries")).json()["data"]
    assert [(it["event_type"], it["state"]) for it in deliveries] == [
        ("message.queued", "pending")
    ] * 2
    assert (await replay(**later))["count"] == 0, "they are on their way"
    assert (await replay(cursor="x"))["errors"][0]["pointer"] == "/cursor"


async def test_what_was_delivered_is_replayed_only_on_demand(
    idle: Stack, idle_api: httpx2.AsyncClient
) -> None:
    """Nobody wants all of last month again for one lost hour."""
    await idle_api.post("/v1/messages", json=mail())
    path = f"/v1/webhooks/{(await made(idle_api))['id']}"
    whole = {"since": "2029-12-31T00:00:00Z", "until": "2030-01-03T00:00:00Z"}
    await idle_api.post(f"{path}/replay", json=whole)
    await _deliver_all(idle)

    counts = [
        (await idle_api.post(f"{path}/replay", json={**whole, "dry_run": True, **more})).json()
        for more in ({}, {"delivered": True})
    ]

    assert [it["count"] for it in counts] == [0, 1]


async def _deliver_all(stack: Stack) -> None:
    webhooks = stack.store.webhooks
    for webhook in await webhooks.all():
        for delivery in await webhooks.due({webhook.id: 100}):
            attempt = WebhookAttempt(at=stack.clock.now(), duration=timedelta(0), status=204)
            change = DeliveryChange(attempt=attempt, state=DeliveryState.DELIVERED)
            await webhooks.record(delivery.id, change)


async def test_a_deleted_webhook_is_gone_with_its_deliveries(api: httpx2.AsyncClient) -> None:
    """And every call about it says so."""
    path = f"/v1/webhooks/{(await made(api))['id']}"

    gone = await api.delete(path)
    answers = [
        await api.get(path), await api.delete(path), await api.post(f"{path}/test"),
        await api.patch(path, json={"paused": True}), await api.post(f"{path}/rotate"),
        await api.get(f"{path}/deliveries"),
        await api.post(f"{path}/replay", json={"since": "2030-01-01T00:00:00Z"}),
    ]  # fmt: skip

    assert gone.status_code == 200
    assert {it.status_code for it in answers} == {404}


async def test_there_is_an_end_to_the_number_of_webhooks(api: httpx2.AsyncClient) -> None:
    """Each is looked after every second."""
    for _ in range(MOST_WEBHOOKS):
        await made(api)

    refused = await api.post("/v1/webhooks", json={"url": URL})

    assert (refused.status_code, refused.json()["code"]) == (409, "state_conflict")
