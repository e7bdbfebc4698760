"""`/v1/messages`: looking for messages, and what may still be done with them."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx2
import pytest
from msgspec.structs import replace

from mail_sender.api.schemas_message import message_of
from mail_sender.clock import FakeClock
from mail_sender.domain.event import Event, EventType
from mail_sender.domain.message import MessageId
from mail_sender.domain.status import State
from mail_sender.intake.intake import fresh_record
from mail_sender.store.port import Scope
from tests.make import NOW, make_new

from .scripted import BUSY, NO_SUCH_MAILBOX, SILENCE
from .stack import Stack, mail, pointers

NOBODY = "msg_00000000000000000000000000"


async def _send(api: httpx2.AsyncClient, **fields: object) -> str:
    answer = await api.post("/v1/messages", json=mail(**fields))
    return str(answer.json()["id"])


def _clock(stack: Stack) -> FakeClock:
    assert isinstance(stack.clock, FakeClock)
    return stack.clock


async def _subjects(api: httpx2.AsyncClient, **query: object) -> list[str]:
    answer = await api.get("/v1/messages", params=query)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return [message["subject"] for message in answer.json()["data"]]


async def test_the_list_is_paged_newest_first(idle: Stack, idle_api: httpx2.AsyncClient) -> None:
    """A cursor must neither repeat nor leave out a message, also when new ones arrive meanwhile."""
    for n in range(5):
        await _send(idle_api, subject=f"m{n}")
        _clock(idle).advance(timedelta(seconds=1))

    first = (await idle_api.get("/v1/messages", params={"limit": 2})).json()
    await _send(idle_api, subject="late")
    second = (
        await idle_api.get("/v1/messages", params={"limit": 2, "cursor": first["next_cursor"]})
    ).json()
    third = (
        await idle_api.get("/v1/messages", params={"limit": 2, "cursor": second["next_cursor"]})
    ).json()

    pages = [[m["subject"] for m in page["data"]] for page in (first, second, third)]
    assert pages == [["m4", "m3"], ["m2", "m1"], ["m0"]]
    assert third["next_cursor"] is None


async def test_filters_find_what_they_say(idle: Stack, idle_api: httpx2.AsyncClient) -> None:
    """Each filter of the contract, alone and in `q`; all that are given must hold."""
    secret = await idle.issue(Scope.SEND, name="other")
    other_id = next(k.id for k in await idle.store.keys() if k.name == "other")
    await _send(idle_api, subject="Order 7", to=["ann@example.net"], tags=["orders"])
    _clock(idle).advance(timedelta(days=1))
    async with idle.client(secret) as other:
        await _send(other, subject="Invoice 9", to=["x@b.example"], cc=["bob@b.example"],
                    sender="bills@example.org", tags=["bills"])  # fmt: skip
    _clock(idle).advance(timedelta(days=1))
    await _send(idle_api, subject="News", bcc=["cid@c.example"], send_at="2030-01-04T00:00:00Z")

    expected = {
        ("to", "BOB@"): ["Invoice 9"],
        ("to", "cid@c.example"): ["News"],
        ("from", "example.org"): ["Invoice 9"],
        ("subject", "order"): ["Order 7"],
        ("tag", "bills"): ["Invoice 9"],
        ("key", other_id): ["Invoice 9"],
        ("status", "scheduled"): ["News"],
        ("status", "queued"): ["Invoice 9", "Order 7"],
        ("status", "queued,scheduled"): ["News", "Invoice 9", "Order 7"],
        ("status", "queued,scheduled,held"): ["News", "Invoice 9", "Order 7"],
        ("status", "sent"): [],
        ("provider", "ses"): [],
        ("since", "2030-01-02"): ["News", "Invoice 9"],
        ("until", "2030-01-02T00:00:00Z"): ["Order 7"],
    }
    for (name, value), subjects in expected.items():
        assert await _subjects(idle_api, **{name: value}) == subjects, (name, value)
        assert await _subjects(idle_api, q=f"{name}:{value}") == subjects, (name, value)
    assert await _subjects(idle_api, status=["queued", "scheduled"], tag="orders") == ["Order 7"]
    assert await _subjects(idle_api, q='"order 7"') == ["Order 7"]
    assert await _subjects(idle_api, q="status:queued Order 7") == ["Order 7"]
    assert await _subjects(idle_api, q='subject:"Order 7" tag:bills') == []
    assert await _subjects(idle_api, q="tag:orders", to="ann") == ["Order 7"]
    assert await _subjects(idle_api, q="") == ["News", "Invoice 9", "Order 7"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit=0", ["#/query/limit"]),
        ("limit=201", ["#/query/limit"]),
        ("limit=x", ["#/query/limit"]),
        ("stauts=failed", ["#/query/stauts"]),
        ("status=delivered", ["#/query/status"]),
        ("status=held,sent", ["#/query/status"]),
        ("status=scheduled&status=held", ["#/query/status"]),
        ("since=yesterday", ["#/query/since"]),
        ("since=2030-01-01T00:00:00", ["#/query/since"]),
        ("until=9999-12-31T23:59:59-14:00", ["#/query/until"]),
        ("cursor=nonsense", ["#/query/cursor"]),
        ("q=stauts:failed", ["#/query/q"]),
        ("q=status:nothing", ["#/query/q"]),
        ("q=since:tomorrow", ["#/query/q"]),
        ("q=to:a+to:b", ["#/query/q"]),
        ("q=to:a&to=b", ["#/query/q"]),
        ("limit=0&since=x", ["#/query/limit", "#/query/since"]),
    ],
)
async def test_a_bad_filter_is_refused(
    idle_api: httpx2.AsyncClient, query: str, expected: list[str]
) -> None:
    """A mistyped filter that is ignored shows too much, and a person believes it."""
    answer = await idle_api.get(f"/v1/messages?{query}")

    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_request"
    assert sorted(pointers(answer)) == expected


async def test_the_list_shows_no_bodies(idle_api: httpx2.AsyncClient) -> None:
    """The scope `read` is for status; what a mail says needs `content`."""
    await _send(idle_api, text="the secret text", html="<b>secret</b>", headers={"X-S": "secret"})

    answer = await idle_api.get("/v1/messages")

    assert "secret" not in answer.text


async def test_content_needs_its_scope(idle: Stack, idle_api: httpx2.AsyncClient) -> None:
    """Support staff may see that a mail was sent without reading it."""
    id_ = await _send(idle_api, text="private")

    async with idle.client(await idle.issue(Scope.READ, Scope.SEND, Scope.MANAGE)) as reader:
        refused = await reader.get(f"/v1/messages/{id_}/content")
    async with idle.client(await idle.issue(Scope.CONTENT)) as allowed:
        read = await allowed.get(f"/v1/messages/{id_}/content")

    assert refused.status_code == 403
    assert refused.json()["code"] == "scope_missing"
    assert read.json()["text"] == "private"


async def test_the_timeline_tells_the_story_in_order(stack: Stack, api: httpx2.AsyncClient) -> None:
    """What happened when is the first question of every support case."""
    answer = await api.post("/v1/messages", json=mail(), headers={"Prefer": "wait=10"})

    events = (await api.get(f"/v1/messages/{answer.json()['id']}/events")).json()["data"]

    assert [event["type"] for event in events] == ["message.queued", "message.sent"]
    assert events[1]["data"]["provider"] == "ses"
    assert events[0]["message_id"] == answer.json()["id"]


@pytest.mark.parametrize("id_", [NOBODY, "msg_1", "batch", "%00", "msg_" + "%F0%9F%92%8C" * 7])
async def test_an_unknown_message_is_404(idle_api: httpx2.AsyncClient, id_: str) -> None:
    """Whatever stands in its place."""
    for path in ("", "/content", "/events"):
        answer = await idle_api.get(f"/v1/messages/{id_}{path}")
        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"
    for action in ("cancel", "retry", "release"):
        answer = await idle_api.post(f"/v1/messages/{id_}/{action}")
        assert answer.status_code == 404
    change = {"send_at": "2030-01-02T00:00:00Z"}
    assert (await idle_api.patch(f"/v1/messages/{id_}", json=change)).status_code == 404


# ---------------------------------------------------------------- actions


async def test_a_waiting_message_can_be_cancelled_once(idle_api: httpx2.AsyncClient) -> None:
    """Cancelling is a promise that nothing will be sent; the second time is a conflict."""
    id_ = await _send(idle_api)

    cancelled = await idle_api.post(f"/v1/messages/{id_}/cancel")
    again = await idle_api.post(f"/v1/messages/{id_}/cancel")

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert again.status_code == 409
    assert again.json()["code"] == "state_conflict"
    assert "cancelled" in again.json()["detail"]


async def test_a_message_that_is_being_taken_cannot_be_cancelled(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """Saying "cancelled" while a provider takes it would be a lie."""
    stack.ses.hangs = asyncio.Event()
    id_ = await _send(api)
    await stack.ses.called.wait()

    answer = await api.post(f"/v1/messages/{id_}/cancel")
    stack.ses.hangs.set()

    assert answer.status_code == 409
    assert "may be taking it" in answer.json()["detail"]


async def test_a_scheduled_message_can_be_moved(idle_api: httpx2.AsyncClient) -> None:
    """`send_at` is the only thing that may change, and the answer shows the new one."""
    id_ = await _send(idle_api, send_at="2030-01-02T00:00:00Z")
    path = f"/v1/messages/{id_}"

    moved = await idle_api.patch(path, json={"send_at": "2030-01-03T00:00:00Z"})
    too_far = await idle_api.patch(path, json={"send_at": "2031-01-01T00:00:00Z"})
    other = await idle_api.patch(path, json={"subject": "x"})
    naive = await idle_api.patch(path, json={"send_at": "2030-01-03T00:00:00"})
    now = await idle_api.patch(path, json={"send_at": "2029-01-01T00:00:00Z"})

    assert moved.json()["send_at"] == moved.json()["next_attempt_at"] == "2030-01-03T00:00:00Z"
    assert moved.json()["status"] == "scheduled"
    assert (too_far.status_code, pointers(too_far)) == (422, ["/send_at"])
    assert sorted(pointers(other)) == ["/send_at", "/subject"]
    assert pointers(naive) == ["/send_at"]
    assert now.json()["status"] == "queued"


async def test_a_held_message_can_be_released(idle: Stack, idle_api: httpx2.AsyncClient) -> None:
    """Somebody looked at it and lets it go; what is not held cannot be released."""
    id_ = await _send(idle_api)
    event = Event(type=EventType.SCHEDULED, at=idle.clock.now())
    await idle.store.hold(MessageId(id_), event)

    held = (await idle_api.get(f"/v1/messages/{id_}")).json()
    found = await _subjects(idle_api, status="held")
    released = await idle_api.post(f"/v1/messages/{id_}/release")
    again = await idle_api.post(f"/v1/messages/{id_}/release")

    assert held["status"] == "held"
    assert found == ["Order 7"]
    assert released.json()["status"] == "queued"
    assert again.status_code == 409


async def test_a_held_message_is_held_whenever_it_is_due(
    idle: Stack, idle_api: httpx2.AsyncClient
) -> None:
    """One word for one message, in the object as in the filter."""
    id_ = await _send(idle_api, send_at="2030-01-02T00:00:00Z")
    await idle.store.hold(MessageId(id_), Event(type=EventType.SCHEDULED, at=idle.clock.now()))

    assert (await idle_api.get(f"/v1/messages/{id_}")).json()["status"] == "held"
    assert await _subjects(idle_api, status="held") == ["Order 7"]
    assert await _subjects(idle_api, status="scheduled") == []
    assert await _subjects(idle_api, status="queued") == []


async def test_a_message_that_waits_for_a_retry_is_queued_not_scheduled(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """`scheduled` is what the client asked for; a provider's failure is something else."""
    stack.ses.otherwise = stack.mailgun.otherwise = BUSY
    id_ = await _send(api)
    for _ in range(500):
        message = (await api.get(f"/v1/messages/{id_}")).json()
        if len(message["attempts"]) == 2 and message["status"] != "sending":
            break

    assert message["status"] == "queued"
    assert message["send_at"] is None
    assert message["next_attempt_at"] > message["created_at"]


def test_a_message_under_way_has_no_next_attempt() -> None:
    """What the store keeps as `due_at` of a claimed message is not a promise to try again."""
    waiting = fresh_record(make_new())

    for state in State:
        shown = message_of(replace(waiting, state=state), NOW)
        promises = state in {State.QUEUED, State.UNKNOWN}
        assert (shown["next_attempt_at"] is not None) is promises


async def test_a_failed_message_can_be_tried_again(stack: Stack, api: httpx2.AsyncClient) -> None:
    """The mailbox exists by now; the body is optional."""
    stack.ses.script.append(NO_SUCH_MAILBOX)
    failed = (await api.post("/v1/messages", json=mail(mode="sync"))).json()

    answer = await api.post(f"/v1/messages/{failed['id']}/retry")

    assert answer.status_code == 200
    assert answer.json()["status"] == "queued"


async def test_an_unknown_message_is_only_tried_again_at_the_callers_risk(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """Otherwise we would send twice behind the caller's back."""
    stack.ses.script.append(SILENCE)
    unknown = (await api.post("/v1/messages", json=mail(mode="sync"))).json()
    path = f"/v1/messages/{unknown['id']}/retry"

    refused = await api.post(path)
    mistyped = await api.post(path, json={"risk_duplicates": True})
    taken = await api.post(path, json={"risk_duplicate": True})

    assert refused.status_code == 409
    assert "risk_duplicate" in refused.json()["detail"]
    assert pointers(mistyped) == ["/risk_duplicates"]
    assert taken.status_code == 200


async def test_many_messages_can_be_tried_again(stack: Stack, api: httpx2.AsyncClient) -> None:
    """After an outage; a dry run first shows what would happen, and sent mail is never resent."""
    stack.ses.otherwise = stack.mailgun.otherwise = BUSY
    for _ in range(2):
        await api.post("/v1/messages", json=mail(mode="sync", tags=["orders"]))
    stack.ses.otherwise = stack.mailgun.otherwise = SILENCE
    await api.post("/v1/messages", json=mail(mode="sync", tags=["orders"]))
    stack.ses.otherwise = stack.mailgun.otherwise = stack.built_in.otherwise
    await api.post("/v1/messages", json=mail(mode="sync", tags=["orders"]))
    body = {"tag": "orders"}

    dry = (await api.post("/v1/messages/retry", json=body | {"dry_run": True})).json()
    done = (await api.post("/v1/messages/retry", json=body)).json()

    assert dry["dry_run"] is True
    assert len(dry["retried"]) == 2
    assert dry["left_out"] == {"unknown": 1, "sent": 1}
    assert dry["more"] is False
    assert done == dry | {"dry_run": False}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [""]),
        ({"dry_run": True}, [""]),
        ({"stauts": "failed"}, ["/stauts"]),
        ({"status": "nothing"}, ["/status"]),
        ({"status": ["failed"], "dry_run": "yes"}, ["/dry_run"]),
        ({"q": "since:x"}, ["/q"]),
    ],
)
async def test_a_bulk_retry_without_a_good_filter_is_refused(
    idle_api: httpx2.AsyncClient, body: object, expected: list[str]
) -> None:
    """A mistyped filter here would send the whole history again."""
    answer = await idle_api.post("/v1/messages/retry", json=body)

    assert answer.status_code == 422
    assert pointers(answer) == expected


async def test_many_messages_can_be_cancelled(idle: Stack, idle_api: httpx2.AsyncClient) -> None:
    """A campaign with a mistake: what has not gone out is withdrawn, scheduled ones too."""
    now = await _send(idle_api, tags=["campaign"])
    later = await _send(idle_api, tags=["campaign"], send_at="2030-01-02T00:00:00Z")
    other = await _send(idle_api)
    sent = await idle_api.post("/v1/messages", json=mail(mode="sync", tags=["campaign"]))
    body = {"tag": "campaign"}

    dry = (await idle_api.post("/v1/messages/cancel", json=body | {"dry_run": True})).json()
    untouched = await idle.state(now)
    done = (await idle_api.post("/v1/messages/cancel", json=body)).json()
    again = (await idle_api.post("/v1/messages/cancel", json=body)).json()

    assert sent.json()["status"] == "sent"
    assert untouched == "queued"
    assert dry == {
        "dry_run": True, "cancelled": [later, now], "left_out": {"sent": 1}, "more": False,
    }  # fmt: skip
    assert done == dry | {"dry_run": False}
    assert again["cancelled"] == []
    assert again["left_out"] == {"sent": 1, "cancelled": 2}
    assert [await idle.state(id_) for id_ in (now, later, other)] == [
        "cancelled", "cancelled", "queued",
    ]  # fmt: skip


@pytest.mark.parametrize(("action", "done"), [("retry", "retried"), ("cancel", "cancelled")])
async def test_ticked_messages_can_be_named_by_their_ids(
    idle: Stack, idle_api: httpx2.AsyncClient, action: str, done: str
) -> None:
    """A person ticks rows of a list; a row that is gone by now does not spoil the others."""
    first, second, third = [await _send(idle_api) for _ in range(3)]
    await idle_api.post(f"/v1/messages/{second}/cancel")
    ids = [first, second, "msg_gone", first]

    answer = (await idle_api.post(f"/v1/messages/{action}", json={"ids": ids})).json()

    assert answer == {
        "dry_run": False,
        done: [first],
        "left_out": {"cancelled": 1, "not_found": 1},
        "more": False,
    }
    assert await idle.state(third) == "queued"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [""]),
        ({"ids": []}, ["/ids"]),
        ({"ids": ["msg_x"] * 501}, ["/ids"]),
        ({"ids": ["msg_x"], "tag": "a"}, ["/ids"]),
        ({"risk_duplicate": True, "tag": "a"}, ["/risk_duplicate"]),
    ],
)
async def test_a_bulk_cancel_says_which_messages(
    idle_api: httpx2.AsyncClient, body: object, expected: list[str]
) -> None:
    """Nothing named must not mean everything."""
    answer = await idle_api.post("/v1/messages/cancel", json=body)

    assert answer.status_code == 422
    assert pointers(answer) == expected


async def test_actions_need_the_scope_manage(idle: Stack, idle_api: httpx2.AsyncClient) -> None:
    """A key that only sends must not stop other mail."""
    id_ = await _send(idle_api)
    async with idle.client(await idle.issue(Scope.SEND, Scope.READ, Scope.CONTENT)) as api:
        answers = [
            await api.post(f"/v1/messages/{id_}/cancel"),
            await api.post(f"/v1/messages/{id_}/retry"),
            await api.post(f"/v1/messages/{id_}/release"),
            await api.patch(f"/v1/messages/{id_}", json={"send_at": "2030-01-02T00:00:00Z"}),
            await api.post("/v1/messages/retry", json={"tag": "x"}),
            await api.post("/v1/messages/cancel", json={"tag": "x"}),
        ]

    assert [answer.status_code for answer in answers] == [403] * 6
    assert await idle.state(id_) == "queued"


# ---------------------------------------------------------------- explain


async def test_explain_says_who_would_be_asked_and_why_not_the_others(
    idle: Stack, idle_api: httpx2.AsyncClient
) -> None:
    """A person can see before an outage whether the backup would do."""
    idle.ses.obstacle = "no attachments of this type"
    await idle_api.post("/v1/providers/mailgun/pause", json={"reason": "maintenance"})

    answer = await idle_api.post("/v1/explain", json=mail())

    explained = answer.json()
    assert answer.status_code == 200
    assert (explained["would_be_sent"], explained["has_backup"]) == (False, False)
    assert explained["providers"] == [
        {
            "position": 1,
            "provider": "ses",
            "kind": "ses",
            "would_be_asked": False,
            "cannot_express": "no attachments of this type",
            "blocked": None,
            "losses": [],
        },
        {
            "position": 2,
            "provider": "mailgun",
            "kind": "mailgun",
            "would_be_asked": False,
            "cannot_express": None,
            "blocked": "paused: maintenance",
            "losses": [],
        },
    ]
    assert (await idle.store.depth()).open == 0


async def test_explain_refuses_what_sending_refuses(idle_api: httpx2.AsyncClient) -> None:
    """A dry run that says yes where the real one says no would be worse than none."""
    answer = await idle_api.post("/v1/explain", json=mail(to=[], route="x"))

    assert answer.status_code == 422
    assert pointers(answer) == ["/to"]
