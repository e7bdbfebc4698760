"""`POST /v1/messages/batch`: many messages, each on its own."""

from __future__ import annotations

import httpx2
import pytest

from mail_sender.store.port import Scope

from .stack import Stack, mail, pointers


async def test_each_message_is_answered_at_its_place(
    idle: Stack, idle_api: httpx2.AsyncClient
) -> None:
    """One bad address among 500 must not lose the other 499, nor their order."""
    good, other = mail(subject="one"), mail(subject="three")
    bad = mail(to=["nobody"], subjekt="x")

    answer = await idle_api.post("/v1/messages/batch", json={"messages": [good, bad, other]})

    assert answer.status_code == 202
    first, second, third = answer.json()["data"]
    assert (first["status"], first["message"]["subject"]) == (202, "one")
    assert (third["status"], third["message"]["subject"]) == (202, "three")
    assert second["status"] == second["problem"]["status"] == 422
    assert second["problem"]["code"] == "invalid_message"
    assert {fault["pointer"] for fault in second["problem"]["errors"]} == {
        "/messages/1/to/0",
        "/messages/1/subjekt",
    }
    assert (await idle.store.depth()).open == 2


async def test_each_message_has_its_own_idempotency_key(
    idle: Stack, idle_api: httpx2.AsyncClient
) -> None:
    """A batch of which only half was taken can be sent again as it is."""
    once = mail(idempotency_key="7")
    await idle_api.post("/v1/messages/batch", json={"messages": [once]})

    answer = await idle_api.post(
        "/v1/messages/batch",
        json={"messages": [once, mail(idempotency_key="8"), once | {"subject": "other"}]},
    )

    again, new, mismatch = answer.json()["data"]
    assert (again["status"], again["replayed"]) == (202, True)
    assert (new["status"], new["replayed"]) == (202, False)
    assert (mismatch["status"], mismatch["problem"]["code"]) == (422, "idempotency_mismatch")
    assert (await idle.store.depth()).open == 2


async def test_a_batch_is_async(idle_api: httpx2.AsyncClient) -> None:
    """Its one answer cannot wait for 500 providers' calls."""
    answer = await idle_api.post("/v1/messages/batch", json={"messages": [mail(mode="sync")]})

    problem = answer.json()["data"][0]["problem"]
    assert problem["errors"][0]["pointer"] == "/messages/0/mode"


async def test_the_sender_of_each_message_is_checked(idle: Stack) -> None:
    """A limit that a batch could go around would be none."""
    async with idle.client(await idle.issue(Scope.SEND, sender_domains=["example.com"])) as api:
        answer = await api.post(
            "/v1/messages/batch", json={"messages": [mail(), mail(sender="a@example.org")]}
        )

    assert [each["status"] for each in answer.json()["data"]] == [202, 403]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, ["/messages"]),
        ({"messages": []}, ["/messages"]),
        ({"messages": {}}, ["/messages"]),
        ({"messages": [mail()], "mesages": []}, ["/mesages"]),
        ({"a/b": 1}, ["/a~1b", "/messages"]),
        ({"messages": [{}] * 501}, ["/messages"]),
    ],
)
async def test_a_batch_that_is_none_is_refused_whole(
    idle: Stack, idle_api: httpx2.AsyncClient, body: object, expected: list[str]
) -> None:
    """What concerns no single message is an error of the request, and nothing is taken."""
    answer = await idle_api.post("/v1/messages/batch", json=body)

    assert answer.status_code == 422
    assert pointers(answer) == expected
    assert (await idle.store.depth()).open == 0


async def test_five_hundred_messages_are_taken_at_once(
    idle: Stack, idle_api: httpx2.AsyncClient
) -> None:
    """The limit is inclusive, and a body of a megabyte takes the other way (a thread)."""
    messages = [mail(subject=f"Order {n}", text="x" * 1000) for n in range(500)]

    answer = await idle_api.post("/v1/messages/batch", json={"messages": messages})

    assert [each["message"]["subject"] for each in answer.json()["data"]] == [
        f"Order {n}" for n in range(500)
    ]
    assert (await idle.store.depth()).open == 500


async def test_a_batch_is_sent(stack: Stack, api: httpx2.AsyncClient) -> None:
    """Taken is not enough: the worker must be woken."""
    answer = await api.post("/v1/messages/batch", json={"messages": [mail(), mail()]})
    for each in answer.json()["data"]:
        path = f"/v1/messages/{each['message']['id']}"
        for _ in range(200):
            if (await api.get(path)).json()["status"] == "sent":
                break

    assert len(stack.ses.asked) == 2
