"""`/v1/suppressions`, and what it does to mail: nobody who is on the list is asked for."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from mail_sender.clock import FakeClock
from mail_sender.domain.message import Address, MessageId
from mail_sender.domain.suppression import SuppressionReason

from ..make import ANN, BOB, make_suppression
from .scripted import BUSY, NO_SUCH_MAILBOX
from .stack import Stack, mail, pointers

CSV = {"Content-Type": "text/csv"}


async def _add(api: httpx2.AsyncClient, address: str, **fields: object) -> dict[str, Any]:
    answer = await api.post("/v1/suppressions", json={"address": address, **fields})
    assert answer.status_code == 201
    return dict(answer.json())


async def _listed(api: httpx2.AsyncClient, **query: str) -> list[str]:
    answer = await api.get("/v1/suppressions", params=query)
    return [entry["address"] for entry in answer.json()["data"]]


async def _ended(api: httpx2.AsyncClient, id_: str) -> dict[str, Any]:
    """Wait for an async message to end."""
    for _ in range(500):
        message = dict((await api.get(f"/v1/messages/{id_}")).json())
        if message["status"] not in {"queued", "sending"}:
            break
        await asyncio.sleep(0.01)
    return message


# ---------------------------------------------------------------- the list


async def test_an_address_is_added_and_asked_for(idle: Stack, idle_api: httpx2.AsyncClient) -> None:
    """Who, why, who said so, since when, until when."""
    added = await _add(
        idle_api,
        "Ann@Example.NET",
        reason="unsubscribe",
        expires_at="2030-02-01T00:00:00Z",
        note="by phone",
    )

    assert added == {
        "address": "Ann@example.net",
        "reason": "unsubscribe",
        "origin": f"key:{idle.key.id}",
        "created_at": "2030-01-01T00:00:00Z",
        "expires_at": "2030-02-01T00:00:00Z",
        "note": "by phone",
    }
    assert (await idle_api.get("/v1/suppressions/ann@example.net")).json() == added
    assert (await idle_api.get("/v1/suppressions/bob@example.net")).status_code == 404
    assert (await idle_api.get("/v1/suppressions/a%2Fb@example.net")).status_code == 404


async def test_adding_twice_does_no_harm(idle_api: httpx2.AsyncClient) -> None:
    """A program that repeats its request, and one that knows less than another."""
    first = await _add(idle_api, "ann@example.net", reason="complaint")
    again = await _add(idle_api, "ann@example.net", expires_at="2030-02-01T00:00:00Z")

    assert again == first


async def test_many_are_added_at_once_and_a_bad_one_spoils_no_other(
    idle_api: httpx2.AsyncClient,
) -> None:
    """A list from elsewhere always has a mistake in it."""
    await _add(idle_api, "bob@example.net", reason="complaint")
    items = [
        {"address": "ann@example.net"},
        {"address": "nobody"},
        {"address": "bob@example.net"},
        {"address": "cid@example.net", "expires_at": "2000-01-01T00:00:00Z"},
        7,
        {"address": "dan@example.net", "reasn": "manual"},
    ]

    answer = await idle_api.post("/v1/suppressions", json={"suppressions": items})

    results = answer.json()["data"]
    assert answer.status_code == 200
    assert [each["status"] for each in results] == [201, 422, 201, 422, 422, 422]
    assert [each.get("result") for each in results[:3]] == ["added", None, "known"]
    assert results[2]["suppression"]["reason"] == "complaint"
    wrong = [each["problem"]["errors"][0]["pointer"] for each in results if "problem" in each]
    assert wrong == [
        "/suppressions/1/address",
        "/suppressions/3/expires_at",
        "/suppressions/4",
        "/suppressions/5/reasn",
    ]
    assert sorted(await _listed(idle_api)) == ["ann@example.net", "bob@example.net"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, ["/address"]),
        ([], [""]),
        ({"address": 7}, ["/address"]),
        ({"address": "ann@example.net", "reason": "spite"}, ["/reason"]),
        ({"address": "ann@example.net", "expires_at": "2029-01-01T00:00:00Z"}, ["/expires_at"]),
        ({"address": "ann@example.net", "note": "x" * 501}, ["/note"]),
        ({"address": "ann@example.net", "note": "a\x00b"}, ["/note"]),
        ({"suppressions": []}, ["/suppressions"]),
        ({"suppressions": [{}] * 1001}, ["/suppressions"]),
        ({"suppressions": {}, "note": "x"}, ["/note", "/suppressions"]),
    ],
)
async def test_what_cannot_be_added_is_refused(
    idle_api: httpx2.AsyncClient, body: object, expected: list[str]
) -> None:
    """With a pointer to what is wrong."""
    answer = await idle_api.post("/v1/suppressions", json=body)

    assert answer.status_code == 422
    assert pointers(answer) == expected


async def test_a_body_that_is_not_json_is_told_apart(idle_api: httpx2.AsyncClient) -> None:
    """400 is a bug of the client's program, 422 one of its data."""
    answer = await idle_api.post(
        "/v1/suppressions", content=b"{", headers={"Content-Type": "application/json"}
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")


async def test_the_list_is_filtered_and_paged(idle: Stack, idle_api: httpx2.AsyncClient) -> None:
    """People look for an address, or for what a provider reported."""
    await idle.store.add_suppressions(
        [
            make_suppression(ANN, SuppressionReason.COMPLAINT, "provider:ses"),
            make_suppression(BOB, SuppressionReason.HARD_BOUNCE, "provider:mailgun"),
        ]
    )

    page = (await idle_api.get("/v1/suppressions", params={"limit": 1})).json()
    rest = await _listed(idle_api, cursor=page["next_cursor"])

    assert [page["data"][0]["address"], *rest] == [BOB, ANN]
    assert await _listed(idle_api, q="ANN@") == [ANN]
    assert await _listed(idle_api, reason="hard_bounce") == [BOB]
    assert await _listed(idle_api, origin="provider") == [BOB, ANN]
    assert await _listed(idle_api, origin="provider:ses") == [ANN]
    assert await _listed(idle_api, origin="key") == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("reson=manual", "#/query/reson"),
        ("reason=spite", "#/query/reason"),
        ("origin=mars", "#/query/origin"),
        ("origin=provider:", "#/query/origin"),
        ("cursor=x", "#/query/cursor"),
    ],
)
async def test_a_strange_filter_is_refused(
    idle_api: httpx2.AsyncClient, query: str, pointer: str
) -> None:
    """A mistyped one that is silently dropped would show too much."""
    answer = await idle_api.get(f"/v1/suppressions?{query}")

    assert answer.status_code == 422
    assert pointers(answer) == [pointer]


async def test_a_removed_address_gets_mail_again(stack: Stack, api: httpx2.AsyncClient) -> None:
    """The answer shows what stood there, so that a mistake can be undone."""
    added = await _add(api, "ann@example.net")
    suppressed = (await api.post("/v1/messages", json=mail(mode="sync"))).json()

    removed = await api.delete("/v1/suppressions/ANN@example.net")
    again = await api.delete("/v1/suppressions/ann@example.net")
    await api.post(f"/v1/messages/{suppressed['id']}/retry")

    assert (removed.status_code, removed.json()) == (200, added)
    assert again.status_code == 404
    assert pointers(await api.delete("/v1/suppressions/x")) == ["#/path/address"]
    assert (await _ended(api, suppressed["id"]))["status"] == "sent"


# ---------------------------------------------------------------- the path of a message


async def test_a_suppressed_recipient_is_left_out_and_the_others_get_it(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """Before any provider is called; the message itself says who was left out and why."""
    await _add(api, "Ann@example.net", reason="complaint")
    body = mail(to=["ann@example.net", "bob@example.net"])

    message = await _ended(api, (await api.post("/v1/messages", json=body)).json()["id"])

    assert message["status"] == "sent"
    assert [asked for _, asked in stack.ses.asked] == [{BOB}]
    ann, bob = message["recipients"]
    assert (ann["status"], bob["status"]) == ("suppressed", "sent")
    assert ann["detail"] == "on the suppression list: complaint"
    assert ann["provider"] is None
    events = (await api.get(f"/v1/messages/{message['id']}/events")).json()["data"]
    assert [event["type"] for event in events] == [
        "message.queued", "message.suppressed", "message.sent",
    ]  # fmt: skip
    assert events[1]["data"] == {
        "recipients": [{"address": "ann@example.net", "reason": "complaint"}]
    }


async def test_a_message_for_suppressed_recipients_only_calls_nobody(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """It ends at once, and is not counted against any provider."""
    await _add(api, "ann@example.net", reason="hard_bounce")

    message = await _ended(api, (await api.post("/v1/messages", json=mail())).json()["id"])
    events = (await api.get(f"/v1/messages/{message['id']}/events")).json()["data"]
    metrics = (await api.get("/metrics")).text

    assert message["status"] == "suppressed"
    assert message["attempts"] == []
    assert stack.ses.asked == []
    assert [event["type"] for event in events] == ["message.queued", "message.suppressed"]
    assert 'recipients_suppressed_total{reason="hard_bounce"} 1.0' in metrics


async def test_a_sync_caller_hears_who_is_suppressed_and_why(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """422, since no provider can do better; and nothing is sent later."""
    await _add(api, "ann@example.net", reason="unsubscribe")
    body = mail(mode="sync", cc=["ANN@example.net"])
    headers = {"Idempotency-Key": "k"}

    answer = await api.post("/v1/messages", json=body, headers=headers)
    again = await api.post("/v1/messages", json=body, headers=headers)

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "message_refused")
    assert "ann@example.net is on the suppression list: unsubscribe." in problem["detail"]
    assert "ANN@example.net is on the suppression list: unsubscribe." in problem["detail"]
    assert problem["message"]["status"] == "suppressed"
    assert await stack.state(problem["id"]) == "suppressed"
    assert (again.status_code, again.json()["detail"]) == (422, problem["detail"])
    assert stack.ses.asked == []


async def test_a_sync_message_is_sent_to_those_who_are_not_suppressed(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """One address on the list does not keep the others from their mail."""
    await _add(api, "ann@example.net")
    body = mail(mode="sync", to=["ann@example.net", "bob@example.net"])

    answer = await api.post("/v1/messages", json=body)

    assert (answer.status_code, answer.json()["status"]) == (200, "sent")
    assert [each["status"] for each in answer.json()["recipients"]] == ["suppressed", "sent"]
    record = await stack.store.get(MessageId(answer.json()["id"]))
    assert record is not None
    assert [recipient.status for recipient in record.recipients] == ["suppressed", "sent"]
    assert [asked for _, asked in stack.ses.asked] == [{BOB}]


async def test_a_sync_refusal_tells_the_suppressed_ones_too(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """Otherwise the caller looks for them among the providers' answers."""
    await _add(api, "ann@example.net")
    stack.ses.script.append(NO_SUCH_MAILBOX)
    many = [f"u{n}@example.net" for n in range(12)]
    await api.post("/v1/suppressions", json={"suppressions": [{"address": it} for it in many]})

    answer = await api.post("/v1/messages", json=mail(mode="sync", to=[*many, "bob@example.net"]))

    assert answer.json()["code"] == "message_refused"
    assert "u9@example.net is on" in answer.json()["detail"]
    assert "2 more are on the suppression list." in answer.json()["detail"]


async def test_a_complaint_between_two_attempts_holds(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    """Each retry is a new claim, which looks at the list again."""
    stack.ses.otherwise = stack.mailgun.otherwise = BUSY
    id_ = (await api.post("/v1/messages", json=mail())).json()["id"]
    for _ in range(500):
        message = (await api.get(f"/v1/messages/{id_}")).json()
        if len(message["attempts"]) == 2 and message["status"] == "queued":
            break
        await asyncio.sleep(0.01)
    calls = len(stack.ses.asked)

    await _add(api, "ann@example.net", reason="complaint")
    await api.post(f"/v1/messages/{id_}/retry")

    assert (await _ended(api, id_))["status"] == "suppressed"
    assert len(stack.ses.asked) == calls == 1


async def test_an_expired_suppression_keeps_nothing_away(
    idle: Stack, idle_api: httpx2.AsyncClient
) -> None:
    """A pause ends by itself."""
    await _add(idle_api, "ann@example.net", expires_at="2030-01-01T01:00:00Z")
    assert isinstance(idle.clock, FakeClock)
    idle.clock.advance(timedelta(hours=1))

    answer = await idle_api.post("/v1/messages", json=mail(mode="sync"))

    assert answer.json()["status"] == "sent"
    assert await _listed(idle_api) == []


async def test_explain_says_which_recipients_are_suppressed(idle_api: httpx2.AsyncClient) -> None:
    """A dry run that promises what the real one does not do would be worse than none."""
    await _add(idle_api, "ann@example.net", reason="unsubscribe")

    both = await idle_api.post("/v1/explain", json=mail(to=["ann@example.net", "bob@example.net"]))
    ann = await idle_api.post("/v1/explain", json=mail())

    suppressed = [{"address": "ann@example.net", "reason": "unsubscribe"}]
    assert both.json()["suppressed"] == ann.json()["suppressed"] == suppressed
    assert both.json()["would_be_sent"] is True
    assert ann.json()["would_be_sent"] is False


# ---------------------------------------------------------------- files


async def test_an_import_tells_what_became_of_each_line(
    idle: Stack, idle_api: httpx2.AsyncClient
) -> None:
    """Whoever moves a list over wants to know that all of it arrived, and what did not."""
    await _add(idle_api, "bob@example.net", reason="complaint")
    file = "email,reason\nann@example.net,bounce\nnobody,bounce\nBOB@example.net,manual\n"

    answer = await idle_api.post("/v1/suppressions/import", content=file, headers=CSV)
    entry = (await idle_api.get("/v1/suppressions/ann@example.net")).json()

    assert answer.json() == {
        "added": 1,
        "changed": 0,
        "known": 1,
        "bad": 1,
        "bad_lines": [
            {
                "line": 3,
                "detail": "expected an address such as ann@example.net: the domain is missing",
            }
        ],
    }
    assert (entry["reason"], entry["origin"]) == ("hard_bounce", f"import:{idle.key.id}")


async def test_a_large_import_tells_its_first_bad_lines_and_counts_the_rest(
    idle_api: httpx2.AsyncClient,
) -> None:
    """A file of nonsense must not be answered by as much nonsense."""
    lines = [f"u{n}@example.net" if n % 2 else f"bad{n}" for n in range(3000)]

    answer = await idle_api.post(
        "/v1/suppressions/import", content="\n".join(["address", *lines]), headers=CSV
    )

    assert (answer.json()["added"], answer.json()["bad"]) == (1500, 1500)
    assert [each["line"] for each in answer.json()["bad_lines"]] == list(range(2, 202, 2))


async def test_an_import_of_something_else_is_refused(idle_api: httpx2.AsyncClient) -> None:
    """With words that say what is expected."""

    async def code(content: bytes, type_: str) -> tuple[int, str, str]:
        answer = await idle_api.post(
            "/v1/suppressions/import", content=content, headers={"Content-Type": type_}
        )
        return answer.status_code, answer.json()["code"], answer.json()["detail"]

    status, word, detail = await code(b"{}", "application/json")
    assert (status, word) == (415, "unsupported_media_type")
    assert "text/csv" in detail
    assert (await code(b"a@b.de\xff", "text/csv"))[:2] == (400, "invalid_csv")
    assert (await code(b"name,age\nann,7\n", "text/csv; charset=utf-8"))[:2] == (400, "invalid_csv")
    assert (await code(b"x" * 4_000_001, "text/csv"))[0] == 413


async def test_an_export_can_be_imported_again(idle: Stack, idle_api: httpx2.AsyncClient) -> None:
    """For backups, and to move from one gateway to another; who said it stays known."""
    many = [
        make_suppression(
            Address(f"u{n}@example.net"), SuppressionReason.HARD_BOUNCE, "provider:ses"
        )
        for n in range(1500)
    ]
    await idle.store.add_suppressions(many)
    await _add(
        idle_api, "ann@example.net", expires_at="2030-02-01T00:00:00Z", note='says "no, thanks"'
    )
    entry = (await idle_api.get("/v1/suppressions/ann@example.net")).json()

    file = await idle_api.get("/v1/suppressions/export")
    one = await idle_api.get("/v1/suppressions/export", params={"q": "u7@"})
    for each in [*many, make_suppression(ANN)]:
        await idle.store.remove_suppression(each.address)
    done = await idle_api.post("/v1/suppressions/import", content=file.content, headers=CSV)

    assert file.headers["content-type"].startswith("text/csv; charset=utf-8")
    assert "suppressions.csv" in file.headers["content-disposition"]
    assert one.text.splitlines() == [
        "address,reason,origin,created_at,expires_at,note",
        "u7@example.net,hard_bounce,provider:ses,2030-01-01T00:00:00+00:00,,",
    ]
    assert (done.json()["added"], done.json()["bad"]) == (1501, 0)
    assert (await idle_api.get("/v1/suppressions/ann@example.net")).json() == entry
