"""One click to unsubscribe (RFC 8058): from the request over the mail to the suppression list."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from mail_sender.domain.secret import Secret
from mail_sender.domain.suppression import SuppressionReason
from mail_sender.domain.unsubscribe import UnsubscribeLinks

from ..make import ANN
from .stack import Stack, mail, pointers, running

LINKS = UnsubscribeLinks("https://mail.example.com", Secret("a secret"))
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
async def linked(tmp_path: Path) -> AsyncIterator[Stack]:
    async with running(tmp_path, links=LINKS) as stack:
        yield stack


async def headers_sent(stack: Stack, id_: str) -> dict[str, str]:
    async with stack.client() as client:
        found = (await client.get(f"/v1/messages/{id_}/content")).json()["headers"]
    return dict(found)


async def link_of(stack: Stack, **fields: object) -> tuple[str, str]:
    """Send a mail that asks for a link; return its id and the path that the link leads to."""
    async with stack.client() as client:
        answer = await client.post("/v1/messages", json=mail(unsubscribe=True, **fields))
        assert answer.status_code in {200, 202}, answer.text
        id_ = answer.json()["id"]
    headers = await headers_sent(stack, id_)
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    found = re.fullmatch(
        r"<https://mail\.example\.com(/unsubscribe/[\w-]+)>", headers["List-Unsubscribe"]
    )
    assert found is not None
    return id_, found[1]


async def call(stack: Stack, method: str, path: str) -> httpx2.Response:
    """Call it as a mail program does: without any key."""
    async with stack.client(None) as client:
        data = ONE_CLICK if method == "POST" else None
        return await client.request(method, path, data=data)


async def test_one_click_ends_mail_to_an_address(linked: Stack) -> None:
    """And stands in the message's timeline, so that clients learn of it."""
    id_, path = await link_of(linked, mode="sync")

    answer = await call(linked, "POST", path)
    await linked.listener.read_waiting()

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "Set-Cookie" not in answer.headers
    entry = await linked.store.suppression(ANN)
    assert entry is not None
    assert (entry.reason, entry.expires_at) == (SuppressionReason.UNSUBSCRIBE, None)
    async with linked.client() as client:
        events = (await client.get(f"/v1/messages/{id_}/events")).json()["data"]
        again = await client.post("/v1/messages", json=mail(mode="sync"))
    (told,) = [it for it in events if it["type"] == "message.unsubscribed"]
    assert told["data"]["recipient"] == ANN
    assert again.status_code == 422


async def test_clicking_twice_is_clicking_once(linked: Stack) -> None:
    """Mail programs repeat what they heard no answer to."""
    id_, path = await link_of(linked, mode="sync")

    for _ in range(3):
        assert (await call(linked, "POST", path)).status_code == 200
    await linked.listener.read_waiting()

    async with linked.client() as client:
        events = (await client.get(f"/v1/messages/{id_}/events")).json()["data"]
    assert [it["type"] for it in events].count("message.unsubscribed") == 1


async def test_looking_at_the_link_changes_nothing(linked: Stack) -> None:
    """Scanners follow every link in a mail; people get a page with a button."""
    _, path = await link_of(linked)

    answer = await call(linked, "GET", path)
    await linked.listener.read_waiting()

    assert answer.status_code == 200
    assert '<form method="post">' in answer.text
    assert ANN in answer.text
    assert "form-action 'self'" in answer.headers["Content-Security-Policy"]
    assert await linked.store.suppression(ANN) is None


async def test_the_page_writes_an_address_as_text(linked: Stack) -> None:
    """A quoted local part may hold any character."""
    _, path = await link_of(linked, to=['"<script>"@example.net'])

    assert "<script>" not in (await call(linked, "GET", path)).text
    assert "<script>" not in (await call(linked, "POST", path)).text


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_link_that_we_did_not_make_leads_nowhere(
    linked: Stack, idle: Stack, method: str
) -> None:
    """Nobody can end the mail of others; and a gateway without links has none at all."""
    _, path = await link_of(linked)

    assert (await call(linked, method, path[:-9] + "A" * 9)).status_code == 404
    assert (await call(linked, method, "/unsubscribe/x")).status_code == 404
    assert (await call(idle, method, path)).status_code == 404


async def test_a_repeated_request_is_the_same_although_each_link_is_new(linked: Stack) -> None:
    """An idempotency key is compared by what the client said, not by what we added."""
    body, headers = mail(unsubscribe=True), {"Idempotency-Key": "k"}
    async with linked.client() as client:
        first = await client.post("/v1/messages", json=body, headers=headers)
        again = await client.post("/v1/messages", json=body, headers=headers)
        other = await client.post("/v1/messages", json=mail(), headers=headers)

    assert first.json()["id"] == again.json()["id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert other.status_code == 422


async def test_mail_that_does_not_ask_has_no_link(linked: Stack) -> None:
    """Nobody unsubscribes from a password."""
    async with linked.client() as client:
        id_ = (await client.post("/v1/messages", json=mail())).json()["id"]

    assert not {"List-Unsubscribe", "List-Unsubscribe-Post"} & set(await headers_sent(linked, id_))


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"to": ["ann@example.net", "bob@example.net"]}, ["/unsubscribe"]),
        ({"bcc": ["bob@example.net"]}, ["/unsubscribe"]),
        (
            {"headers": {"list-unsubscribe": "<mailto:x@example.com>"}},
            ["/headers/list-unsubscribe"],
        ),
    ],
)
async def test_what_cannot_have_a_link_is_refused(
    linked: Stack, fields: dict[str, object], where: list[str]
) -> None:
    """A link is personal, and all copies of a mail are alike."""
    async with linked.client() as client:
        answer = await client.post("/v1/messages", json=mail(unsubscribe=True, **fields))

    assert (answer.status_code, pointers(answer)) == (422, where)


async def test_a_gateway_without_an_address_for_links_says_so(idle: Stack) -> None:
    """Mail without the link that was asked for would be a silent loss."""
    async with idle.client() as client:
        answer = await client.post("/v1/messages", json=mail(unsubscribe=True))

    assert (answer.status_code, pointers(answer)) == (422, ["/unsubscribe"])
