"""The imitation of Mailgun, judged by the vendor's own SDK and held to its documentation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from mailgun.client import Client

from mail_sender.clock import FakeClock
from mail_sender.sandbox.server import Sandbox

from .clients import LOGIN, Heard, ask, http, mailgun_send, ses_send

T = TypeVar("T")
DOMAIN = "mg.example.com"


async def with_sdk(sandbox: Sandbox, use: Callable[[Any], T]) -> T:
    """Run `use` with the SDK's client in a thread, as it waits for its answers."""

    def run() -> T:
        with Client(auth=("api", "key"), api_url=sandbox.urls["mailgun"]) as client:
            return use(client)

    return await asyncio.to_thread(run)


MAIL = {
    "from": "Shöp <shop@mg.example.com>",
    "to": ["Ann <ann@example.net>", "bob@example.net, Cid <cid@example.org>"],
    "cc": "dan@example.org",
    "subject": "Grüße",
    "text": "Thänks",
    "html": "<p>Thänks",
    "h:Reply-To": "help@example.com",
    "h:X-App": "shop",
    "o:tag": ["orders", "mail"],
    "v:ms_id": "msg_7",
    "v:order": "7",
}


async def test_the_sdk_sends_fields_and_all_of_them_are_in_the_inbox(sandbox: Sandbox) -> None:
    """Without files the SDK posts urlencoded."""
    answer = await with_sdk(
        sandbox, lambda mailgun: mailgun.messages.create(data=MAIL, domain=DOMAIN)
    )

    (mail,) = sandbox.inbox
    said = mail.read()
    assert answer.json() == {"id": mail.provider_message_id, "message": "Queued. Thank you."}
    assert mail.provider_message_id.startswith("<20300101000000.1.")
    assert (mail.mail_from, mail.ms_id, mail.subject) == ("shop@mg.example.com", "msg_7", "Grüße")
    assert mail.recipients == (
        "ann@example.net",
        "bob@example.net",
        "cid@example.org",
        "dan@example.org",
    )
    assert [(m.name, m.address) for m in (*said.sender, *said.to[2:], *said.cc)] == [
        ("Shöp", "shop@mg.example.com"),
        ("Cid", "cid@example.org"),
        ("", "dan@example.org"),
    ]
    assert (said.text, said.html, said.tags) == ("Thänks", "<p>Thänks", ("orders", "mail"))
    assert said.metadata == {"ms_id": "msg_7", "order": "7"}
    assert {h.name: h.value for h in said.headers}["X-App"] == "shop"
    assert [m.address for m in said.reply_to] == ["help@example.com"]


async def test_the_sdk_sends_files(sandbox: Sandbox) -> None:
    """With files the SDK posts multipart; an inline image is named by its Content-ID."""
    files = [("attachment", ("ä.txt", b"a\r\n--b")), ("inline", ("logo.png", b"\x89PNG\x00"))]
    await with_sdk(
        sandbox, lambda mailgun: mailgun.messages.create(data=MAIL, files=files, domain=DOMAIN)
    )

    (mail,) = sandbox.inbox
    got = [(f.filename, f.content, f.disposition, f.content_id) for f in mail.read().attachments]
    assert got == [
        ("ä.txt", b"a\r\n--b", "attachment", None),
        ("logo.png", b"\x89PNG\x00", "inline", "logo.png"),
    ]


MIME = (
    b"From: Shop <shop@mg.example.com>\r\nTo: Ann <ann@example.net>\r\nSubject: Order 7\r\n"
    b"Message-ID: <seven@mg.example.com>\r\nX-MS-ID: msg_7\r\n\r\nThanks\r\n"
)


async def test_the_sdk_sends_a_whole_mail(sandbox: Sandbox) -> None:
    """The envelope stands beside it, and its own Message-ID is kept."""
    answer = await with_sdk(
        sandbox,
        lambda mailgun: mailgun.mimemessage.create(
            data={"to": "bob@example.net", "o:tag": "orders"},
            files={"message": ("mail.eml", MIME)},
            domain=DOMAIN,
        ),
    )

    (mail,) = sandbox.inbox
    assert answer.json()["id"] == "<seven@mg.example.com>"
    assert (mail.recipients, mail.ms_id, mail.raw) == (("bob@example.net",), "msg_7", MIME)
    assert (mail.read().text, mail.read().tags) == ("Thanks\r\n", ("orders",))


async def test_a_whole_mail_may_be_a_plain_field(sandbox: Sandbox) -> None:
    """So the vendor's SDK for Node sends it."""
    body = (
        b'--B\r\nContent-Disposition: form-data; name="to"\r\n\r\nbob@example.net\r\n'
        b'--B\r\nContent-Disposition: form-data; name="message"\r\n\r\n' + MIME + b"\r\n--B--\r\n"
    )
    request = http(
        "POST",
        f"/v3/{DOMAIN}/messages.mime",
        body,
        Authorization=LOGIN,
        Content_Type="multipart/form-data; boundary=B",
    )

    assert (await ask(sandbox.port_of("mailgun"), request)).status == 200
    assert [mail.raw for mail in sandbox.inbox] == [MIME]


async def look_up(sandbox: Sandbox, query: str) -> Heard:
    path = f"/v3/{DOMAIN}/events?{query}"
    return await ask(sandbox.port_of("mailgun"), http("GET", path, Authorization=LOGIN))


async def test_a_mail_can_be_looked_up_by_its_message_id(sandbox: Sandbox) -> None:
    """What settles an unknown outcome at Mailgun: one event for each recipient."""
    own_id = ("h:Message-Id", "<one@mg.example.com>")
    await ask(sandbox.port_of("mailgun"), mailgun_send(own_id, ("to", "bob@example.net")))
    await ask(sandbox.port_of("mailgun"), mailgun_send())

    found = (await look_up(sandbox, "message-id=one%40mg.example.com")).json["items"]
    other = (await look_up(sandbox, "message-id=two%40mg.example.com")).json["items"]

    assert [item["recipient"] for item in found] == ["ann@example.net", "bob@example.net"]
    assert {item["message"]["headers"]["message-id"] for item in found} == {"one@mg.example.com"}
    assert {item["user-variables"]["ms_id"] for item in found} == {"msg_1"}
    assert (len({item["id"] for item in found}), other) == (2, [])


async def test_events_are_filtered_and_paged_to_an_end(sandbox: Sandbox, clock: FakeClock) -> None:
    """A client that follows `next` until a page is empty must come to an end."""
    port = sandbox.port_of("mailgun")
    begin = clock.now().timestamp()
    for tag in ("a", "b"):
        await ask(port, mailgun_send(("o:tag", tag)))
        clock.advance(timedelta(minutes=1))

    async def tags(query: str) -> list[str]:
        items = (await look_up(sandbox, query)).json["items"]
        return [item["tags"][0] for item in items]

    assert await tags("") == ["b", "a"]
    assert await tags("ascending=yes") == ["a", "b"]
    assert await tags("limit=1") == ["b"]
    assert await tags("tags=a") == ["a"]
    assert await tags(f"begin={begin + 30}") == ["b"]
    assert await tags(f"end={begin + 30}") == ["a"]
    assert await tags("event=delivered") == []
    assert await tags("recipient=bob@example.net") == []
    following = (await look_up(sandbox, "")).json["paging"]["next"]
    page = await ask(port, http("GET", following.partition("127.0.0.1")[2], Authorization=LOGIN))
    assert page.json["items"] == []
    assert (await look_up(sandbox, "begin=yesterday")).status == 400


async def test_events_belong_to_a_domain(sandbox: Sandbox) -> None:
    """One account, several domains: each answers for itself."""
    await ask(sandbox.port_of("mailgun"), mailgun_send(domain="other.example"))

    assert (await look_up(sandbox, "")).json["items"] == []


async def test_the_sdk_reads_a_domain(sandbox: Sandbox) -> None:
    """How a key is checked without sending."""
    answer = await with_sdk(sandbox, lambda mailgun: mailgun.domains.get(domain_name=DOMAIN))

    assert (answer.status_code, answer.json()["domain"]["state"]) == (200, "active")


@pytest.mark.parametrize("login", ["", "Bearer x", "Basic eDp5", "Basic YXBpOg==", "Basic ?"])
async def test_a_wrong_login_is_forbidden_in_plain_text(sandbox: Sandbox, login: str) -> None:
    """Mailgun's 401 is not JSON, which has broken clients. The user is always `api`."""
    heard = await ask(
        sandbox.port_of("mailgun"), mailgun_send().replace(LOGIN.encode(), login.encode())
    )

    assert (heard.status, heard.body) == (401, b"Forbidden")
    assert len(sandbox.inbox) == 0


async def test_a_path_that_leads_nowhere_answers_200(sandbox: Sandbox) -> None:
    """The trap of a wrong base URL: a 200 that took nothing."""
    heard = await ask(sandbox.port_of("mailgun"), http("POST", "/messages", b"to=a"))

    assert (heard.status, heard.body) == (200, b"Mailgun Magnificent API")
    assert (await ask(sandbox.port_of("mailgun"), ses_send())).body == b"Mailgun Magnificent API"


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (mailgun_send(without="from"), "'from' parameter is missing"),
        (mailgun_send(without="to"), "'to' parameter is missing"),
        (mailgun_send(without="text"), "at least one"),
        (mailgun_send(("to", "ann")), "to parameter is not a valid address"),
        (mailgun_send(("v:big", "x" * 16_385)), "limited to 16KB"),
        (mailgun_send(*[("to", f"a{n}@x.example") for n in range(1001)]), "too many recipients"),
        (mailgun_send().replace(b"application/x-www-form-urlencoded", b"multipart/form-data"), ""),
    ],
)
async def test_what_the_documentation_forbids_is_refused(
    sandbox: Sandbox, request_: bytes, words: str
) -> None:
    """A sandbox that takes anything would let our adapter send what Mailgun refuses."""
    heard = await ask(sandbox.port_of("mailgun"), request_)

    assert heard.status == 400
    assert words in heard.json["message"]
    assert len(sandbox.inbox) == 0
