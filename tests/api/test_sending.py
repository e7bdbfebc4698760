"""`POST /v1/messages`: what a client may rely on when it hands over a mail."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from mail_sender.domain.address import parse_mailbox
from mail_sender.domain.message import Address, OnUnknown

from .scripted import BUSY, NO_SUCH_MAILBOX, SILENCE
from .stack import Json, Stack, mail, running


async def test_async_is_answered_with_the_token_before_anything_is_sent(
    idle: Stack, idle_api: httpx2.AsyncClient
) -> None:
    """The promise of the asynchronous design: 202, durable, and an id to ask with."""
    answer = await idle_api.post("/v1/messages", json=mail())

    assert answer.status_code == 202
    message = answer.json()
    assert re.fullmatch(r"msg_[0-9A-HJKMNP-TV-Z]{26}", message["id"])
    assert answer.headers["location"] == f"/v1/messages/{message['id']}"
    assert message["status"] == "queued"
    assert await idle.state(message["id"]) == "queued"
    assert idle.ses.asked == []


async def test_the_message_object_has_every_promised_field(
    idle_api: httpx2.AsyncClient,
) -> None:
    """Client programs are written against these names."""
    sent = mail(
        cc="Bob <bob@example.net>",
        bcc=[{"address": "cid@example.org", "name": "Cid"}],
        tags=["orders"],
        metadata={"order": "7"},
        priority="high",
    )

    message = (await idle_api.post("/v1/messages", json=sent)).json()

    assert message == {
        "id": message["id"],
        "mode": "async",
        "status": "queued",
        "priority": "high",
        "route": "default",
        "from": "Shop <shop@example.com>",
        "subject": "Order 7",
        "to": ["ann@example.net"],
        "cc": ["Bob <bob@example.net>"],
        "bcc": ["Cid <cid@example.org>"],
        "tags": ["orders"],
        "metadata": {"order": "7"},
        "created_at": "2030-01-01T00:00:00Z",
        "updated_at": "2030-01-01T00:00:00Z",
        "send_at": None,
        "give_up_at": "2030-01-01T20:00:00Z",
        "next_attempt_at": "2030-01-01T00:00:00Z",
        "provider": None,
        "provider_message_id": None,
        "recipients": [
            _waiting("ann@example.net", "to"),
            _waiting("bob@example.net", "cc"),
            _waiting("cid@example.org", "bcc"),
        ],
        "attempts": [],
    }


def _waiting(address: str, kind: str) -> Json:
    return {
        "address": address,
        "kind": kind,
        "status": "queued",
        "provider": None,
        "bounce": None,
        "code": None,
        "enhanced_code": None,
        "detail": "",
        "updated_at": "2030-01-01T00:00:00Z",
    }


async def test_a_null_field_counts_as_left_out(idle_api: httpx2.AsyncClient) -> None:
    """Many clients serialise what they do not have as null."""
    left_out = dict.fromkeys(
        ("cc", "bcc", "reply_to", "html", "attachments", "headers", "tags", "metadata", "template",
         "send_at", "give_up_after", "priority", "route", "on_unknown", "mode", "timeout")
    )  # fmt: skip

    answer = await idle_api.post("/v1/messages", json=mail(**left_out))

    assert answer.status_code == 202


async def test_unicode_survives_the_whole_path(stack: Stack, api: httpx2.AsyncClient) -> None:
    """Names and subjects are not ASCII for most people on earth."""
    sent = mail(
        sender={"address": "shop@example.com", "name": "Café 北京 🛒"},
        to=["Jürgen Groß <juergen@example.net>"],
        subject="Grüße aus 北京 🎉",
        text="ÄÖÜ\n\t❤️",
        metadata={"städte": "Zürich"},
        tags=["x"],
    )

    answer = await api.post("/v1/messages", json=sent, headers={"Prefer": "wait=10"})
    read = await api.get(f"/v1/messages/{answer.json()['id']}/content")

    assert answer.json()["subject"] == "Grüße aus 北京 🎉"
    assert answer.json()["metadata"] == {"städte": "Zürich"}
    assert read.json()["text"] == "ÄÖÜ\n\t❤️"
    assert read.json()["to"] == ["Jürgen Groß <juergen@example.net>"]
    given = stack.ses.asked[0][0].content
    assert given.sender.name == "Café 北京 🛒"
    assert given.subject == "Grüße aus 北京 🎉"


async def test_a_message_for_later_is_scheduled(idle_api: httpx2.AsyncClient) -> None:
    """`scheduled` tells a person why it is not sent yet; the offset is respected."""
    answer = await idle_api.post("/v1/messages", json=mail(send_at="2030-01-02T10:00:00+02:00"))

    message = answer.json()
    assert answer.status_code == 202
    assert message["status"] == "scheduled"
    assert message["send_at"] == message["next_attempt_at"] == "2030-01-02T08:00:00Z"


async def test_a_one_time_password_gives_up_early(idle_api: httpx2.AsyncClient) -> None:
    """`give_up_after` counts from acceptance, in seconds."""
    answer = await idle_api.post("/v1/messages", json=mail(give_up_after=600))

    assert answer.json()["give_up_at"] == "2030-01-01T00:10:00Z"


async def test_the_configured_sender_stands_in(idle: Stack) -> None:
    """A gateway with one sender should not ask for it in every request."""
    door = idle.behind(default_from=parse_mailbox("News <news@example.com>"))
    async with door.client() as api:
        answer = await api.post("/v1/messages", json=mail(sender=...))

    assert answer.json()["from"] == "News <news@example.com>"


async def test_the_choices_of_the_sender_reach_the_worker(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """A route and `on_unknown` that are read and then dropped would be worse than none."""
    sent = mail(
        route="otp",
        on_unknown="wait",
        headers={"X-Campaign": "spring"},
        reply_to="help@example.com",
        html="<p>Hi</p>",
        attachments=[
            {
                "filename": "a.txt",
                "content_type": "text/plain",
                "content": "aGVsbG8=",
                "content_id": "a",
                "disposition": "inline",
            }
        ],
    )

    answer = await api.post("/v1/messages", json=sent, headers={"Prefer": "wait=10"})

    assert answer.json()["provider"] == "mailgun"
    message = stack.mailgun.asked[0][0]
    assert message.on_unknown is OnUnknown.WAIT
    assert message.content.headers == (("X-Campaign", "spring"),)
    assert message.content.reply_to[0].address == "help@example.com"
    assert message.content.attachments[0].content == b"hello"
    assert message.content.attachments[0].content_id == "a"


# ---------------------------------------------------------------- Prefer: wait


async def test_a_waiting_caller_learns_of_the_hand_over(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """`Prefer: wait` saves a client the polling."""
    stack.ses.script.append(BUSY)

    answer = await api.post("/v1/messages", json=mail(), headers={"Prefer": "wait=10"})

    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=10"
    message = answer.json()
    assert message["status"] == "sent"
    assert message["provider"] == "mailgun"
    assert [(a["provider"], a["outcome"], a["code"]) for a in message["attempts"]] == [
        ("ses", "deferred", 503),
        ("mailgun", "accepted", 200),
    ]


async def test_a_message_that_failed_while_its_caller_waited_is_200_and_says_so(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """200 means that the result is final; which one stands in the message."""
    stack.ses.otherwise = NO_SUCH_MAILBOX

    answer = await api.post("/v1/messages", json=mail(), headers={"Prefer": "wait=10"})

    assert answer.status_code == 200
    assert answer.json()["status"] == "failed"
    recipient = answer.json()["recipients"][0]
    assert (recipient["code"], recipient["enhanced_code"]) == (550, "5.1.1")
    assert recipient["detail"] == "no such user"


async def test_a_caller_that_waited_in_vain_gets_the_202(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """The wait ends, the message goes on."""
    stack.ses.hangs = asyncio.Event()

    answer = await api.post("/v1/messages", json=mail(), headers={"Prefer": "wait=1"})
    stack.ses.hangs.set()

    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "wait=1"
    assert answer.json()["status"] == "sending"


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ("respond-async, wait=0", "wait=0"),
        ('wait="0"; foo="bar"', "wait=0"),
        ("WAIT=0, wait=100", "wait=0"),
        ("wait=soon", None),
        ("wait=-5", None),
        ("wait", None),
        ("return=minimal", None),
    ],
)
async def test_preferences_are_read_as_rfc_7240_says(
    idle_api: httpx2.AsyncClient, prefer: str, applied: str | None
) -> None:
    """The first of several counts, and what makes no sense is ignored, not refused."""
    answer = await idle_api.post("/v1/messages", json=mail(), headers={"Prefer": prefer})

    assert answer.status_code == 202
    assert answer.headers.get("preference-applied") == applied


async def test_nobody_waits_longer_than_two_minutes(stack: Stack, api: httpx2.AsyncClient) -> None:
    """Proxies would cut the connection; the header says what was granted."""
    answer = await api.post("/v1/messages", json=mail(), headers={"Prefer": "wait=3600"})

    assert answer.headers["preference-applied"] == "wait=120"


# ---------------------------------------------------------------- sync


async def test_sync_says_who_took_it(stack: Stack, api: httpx2.AsyncClient) -> None:
    """The first of the four answers: sent, by whom, after which attempts."""
    stack.ses.script.append(BUSY)

    answer = await api.post("/v1/messages", json=mail(mode="sync"))

    assert answer.status_code == 200
    message = answer.json()
    assert message["status"] == "sent"
    assert message["mode"] == "sync"
    assert message["provider"] == "mailgun"
    assert message["provider_message_id"] == "p-1"
    assert [a["outcome"] for a in message["attempts"]] == ["deferred", "accepted"]


async def test_sync_says_that_nobody_will_take_it(stack: Stack, api: httpx2.AsyncClient) -> None:
    """422: the message or its recipient is at fault, so asking others is no use."""
    stack.ses.otherwise = NO_SUCH_MAILBOX

    answer = await api.post("/v1/messages", json=mail(mode="sync"))

    problem = answer.json()
    _is_sync_problem(answer, 422, "message_refused")
    assert problem["message"]["status"] == "failed"
    assert problem["attempts"][0]["blame"] == "recipient"
    assert problem["attempts"][0]["detail"] == "no such user"
    assert stack.mailgun.asked == []


async def test_sync_promises_that_nothing_will_be_sent_later(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """503: every provider failed, and the caller may send it some other way without a double."""
    stack.ses.otherwise = stack.mailgun.otherwise = BUSY

    answer = await api.post("/v1/messages", json=mail(mode="sync"))

    problem = answer.json()
    _is_sync_problem(answer, 503, "not_sent")
    assert [a["provider"] for a in problem["attempts"]] == ["ses", "mailgun"]
    assert problem["message"]["status"] == "failed"
    assert problem["message"]["next_attempt_at"] is None
    assert "retry-after" not in answer.headers
    assert await stack.state(problem["id"]) == "failed"


async def test_sync_admits_that_nobody_knows(stack: Stack, api: httpx2.AsyncClient) -> None:
    """504: a provider may have it; calling that "not sent" would make the caller send twice."""
    stack.ses.otherwise = SILENCE

    answer = await api.post("/v1/messages", json=mail(mode="sync"))

    _is_sync_problem(answer, 504, "outcome_unknown")
    assert answer.json()["message"]["status"] == "unknown"
    assert stack.mailgun.asked == []


async def test_sync_does_not_wait_longer_than_its_timeout(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """A provider that hangs costs the caller its timeout, not its patience."""
    stack.ses.hangs = asyncio.Event()

    answer = await api.post("/v1/messages", json=mail(mode="sync", timeout=1))
    stack.ses.hangs.set()

    _is_sync_problem(answer, 504, "outcome_unknown")
    assert answer.json()["message"]["status"] == "sending"


def _is_sync_problem(answer: httpx2.Response, status: int, code: str) -> None:
    problem = answer.json()
    assert answer.status_code == problem["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["code"] == code
    assert problem["id"] == problem["message"]["id"]
    assert problem["attempts"] == problem["message"]["attempts"]
    assert answer.headers["location"] == f"/v1/messages/{problem['id']}"


async def test_recipients_that_differ_are_told_apart(stack: Stack, api: httpx2.AsyncClient) -> None:
    """One bad address among good ones must not hide, nor spoil the others."""
    stack.ses.each[Address("bob@example.net")] = NO_SUCH_MAILBOX

    answer = await api.post(
        "/v1/messages", json=mail(mode="sync", to=["ann@example.net", "bob@example.net"])
    )

    assert answer.status_code == 200
    said = {r["address"]: r for r in answer.json()["recipients"]}
    assert said["ann@example.net"]["status"] == "sent"
    assert said["bob@example.net"]["status"] == "failed"
    each = answer.json()["attempts"][0]["recipients"]
    assert {r["address"]: r["outcome"] for r in each} == {
        "ann@example.net": "accepted",
        "bob@example.net": "refused",
    }


# ---------------------------------------------------------------- idempotency


async def test_a_repeated_request_gets_the_first_message_again(
    idle: Stack, idle_api: httpx2.AsyncClient
) -> None:
    """A client that lost the answer may repeat its request without a second mail."""
    headers = {"Idempotency-Key": "order-7"}

    first = await idle_api.post("/v1/messages", json=mail(), headers=headers)
    again = await idle_api.post("/v1/messages", json=mail(), headers=headers)

    assert again.status_code == first.status_code == 202
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert "idempotency-replayed" not in first.headers
    assert (await idle.store.depth()).open == 1


async def test_a_repeated_sync_request_gets_the_same_result(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """Whatever it was: a refusal is not tried again behind the client's back.

    `updated_at` may differ: the first answer may leave before the store has said when it wrote.
    """
    stack.ses.script.append(NO_SUCH_MAILBOX)
    headers = {"Idempotency-Key": "order-7"}

    first = await api.post("/v1/messages", json=mail(mode="sync"), headers=headers)
    again = await api.post("/v1/messages", json=mail(mode="sync"), headers=headers)

    assert again.status_code == first.status_code == 422
    assert _untimed(again.json()) == _untimed(first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert len(stack.ses.asked) == 1


def _untimed(part: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return the JSON without any `updated_at`."""
    if isinstance(part, dict):
        return {name: _untimed(value) for name, value in part.items() if name != "updated_at"}
    return [_untimed(each) for each in part] if isinstance(part, list) else part


async def test_the_same_key_for_another_mail_is_a_mistake(idle_api: httpx2.AsyncClient) -> None:
    """Answering with the first mail would hide that the second was never sent."""
    headers = {"Idempotency-Key": "order-7"}
    await idle_api.post("/v1/messages", json=mail(), headers=headers)

    answer = await idle_api.post("/v1/messages", json=mail(subject="Order 8"), headers=headers)

    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency_mismatch"


async def test_a_repetition_that_overtakes_the_first_is_told_to_wait(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """The first request has not ended, so there is no answer yet to repeat."""
    stack.ses.hangs = asyncio.Event()
    headers = {"Idempotency-Key": "order-7"}
    first = asyncio.create_task(api.post("/v1/messages", json=mail(mode="sync"), headers=headers))
    await stack.ses.called.wait()

    answer = await api.post("/v1/messages", json=mail(mode="sync"), headers=headers)

    assert answer.status_code == 409
    assert answer.json()["code"] == "idempotency_in_progress"
    assert answer.headers["retry-after"] == "1"
    stack.ses.hangs.set()
    assert (await first).status_code == 200


async def test_idempotency_keys_belong_to_an_api_key(idle: Stack) -> None:
    """Two programs that both count from 1 must not get each other's messages."""
    headers = {"Idempotency-Key": "1"}
    async with idle.client() as one, idle.client(await idle.issue()) as other:
        first = await one.post("/v1/messages", json=mail(), headers=headers)
        second = await other.post("/v1/messages", json=mail(), headers=headers)

    assert first.json()["id"] != second.json()["id"]


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "caf\xe9"])
async def test_a_bad_idempotency_key_is_refused(idle_api: httpx2.AsyncClient, key: str) -> None:
    """A key that was cut or mangled somewhere would protect from nothing."""
    answer = await idle_api.post(
        "/v1/messages", json=mail(), headers={b"Idempotency-Key": key.encode("latin-1")}
    )

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == ""
    assert "Idempotency-Key" in answer.json()["errors"][0]["detail"]


# ---------------------------------------------------------------- keys and limits


async def test_mail_of_a_test_key_never_reaches_a_real_provider(stack: Stack) -> None:
    """Somebody will run their test suite against the live gateway."""
    async with stack.client(await stack.issue(is_test=True)) as api:
        answer = await api.post("/v1/messages", json=mail(mode="sync", route="otp"))

    assert answer.status_code == 200
    assert answer.json()["route"] == "test"
    assert answer.json()["provider"] == "built_in"
    assert stack.ses.asked == stack.mailgun.asked == []


async def test_a_key_may_be_limited_to_sender_domains(idle: Stack) -> None:
    """A leaked key of the shop must not send as the bank."""
    async with idle.client(await idle.issue(sender_domains=["example.com"])) as api:
        mine = await api.post("/v1/messages", json=mail())
        other = await api.post("/v1/messages", json=mail(sender="boss@example.org"))

    assert mine.status_code == 202
    assert other.status_code == 403
    assert other.json()["code"] == "sender_not_allowed"


async def test_a_full_queue_is_503_and_says_when_to_come_back(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Taking mail that will wait for ever is worse than saying so."""
    journal = tmp_path_factory.mktemp("full")
    async with running(journal, claims=False, max_queued=1) as full, full.client() as api:
        await api.post("/v1/messages", json=mail())
        for _ in range(300):  # the worker looks at the depth once a second
            answer = await api.post("/v1/messages", json=mail())
            if answer.status_code != 202:
                break
            await asyncio.sleep(0.01)

    assert answer.status_code == 503
    assert answer.json()["code"] == "queue_full"
    assert answer.headers["retry-after"] == "30"


async def test_a_stopping_gateway_takes_nothing_new(
    idle: Stack, idle_api: httpx2.AsyncClient
) -> None:
    """The load balancer needs a moment to notice; until then clients are sent elsewhere."""
    idle.services.intake.drain()

    answer = await idle_api.post("/v1/messages", json=mail())

    assert answer.status_code == 503
    assert answer.json()["code"] == "draining"
    assert answer.headers["retry-after"] == "2"


async def test_what_was_refused_is_counted(idle: Stack, idle_api: httpx2.AsyncClient) -> None:
    """A client that floods us with nonsense should be visible in the metrics."""
    await idle_api.post("/v1/messages", json=mail(to=["nobody"]))
    await idle_api.post("/v1/messages", content=b"{")

    text = (await idle_api.get("/metrics")).text
    assert 'mail_sender_requests_refused_total{code="invalid_message"} 1.0' in text
    assert 'mail_sender_requests_refused_total{code="unsupported_media_type"} 1.0' in text


async def test_times_have_microseconds_at_most(idle_api: httpx2.AsyncClient) -> None:
    """Go and Java clients write nanoseconds, which Python does not have."""
    answer = await idle_api.post(
        "/v1/messages", json=mail(send_at="2030-01-01T00:00:10.123456789Z")
    )

    assert answer.json()["send_at"] == "2030-01-01T00:00:10.123456Z"
    assert datetime.fromisoformat(answer.json()["send_at"]) - datetime(
        2030, 1, 1, tzinfo=UTC
    ) < timedelta(seconds=11)
