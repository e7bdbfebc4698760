"""The sandbox's own API, over HTTP, as the frontend and shell scripts use it."""

from __future__ import annotations

import json
from base64 import b64decode
from urllib.parse import urlsplit

import pytest

from mail_sender.sandbox.faults import Down, RateLimited, Slow
from mail_sender.sandbox.server import Sandbox

from .clients import Heard, ask, http, mailgun_send, send, ses_send, ses_simple


async def call(sandbox: Sandbox, method: str, path: str, body: object = None) -> Heard:
    written = b"" if body is None else json.dumps(body).encode()
    port = urlsplit(sandbox.http_url).port
    assert port is not None
    return await ask(port, http(method, path, written))


async def test_the_list_shows_the_newest_and_can_be_narrowed(sandbox: Sandbox) -> None:
    """What the frontend shows first."""
    await send(sandbox, "ses")
    await send(sandbox, "mailgun")

    listed = (await call(sandbox, "GET", "/inbox")).json
    narrowed = (await call(sandbox, "GET", "/inbox?provider=ses&ms_id=msg_1&limit=1")).json

    assert [mail["provider"] for mail in listed["mails"]] == ["mailgun", "ses"]
    assert listed["kept"] == 2
    (mail,) = narrowed["mails"]
    assert mail["provider_message_id"].startswith("0100")
    del mail["provider_message_id"]
    assert mail == {
        "id": "mail-1",
        "provider": "ses",
        "received_at": "2030-01-01T00:00:00Z",
        "mail_from": "shop@example.com",
        "recipients": ["ann@example.net"],
        "subject": "Order 7",
        "ms_id": "msg_1",
        "size": len(json.dumps(ses_simple())),
        "answered": True,
        "fault": None,
    }


async def test_one_mail_is_shown_whole(sandbox: Sandbox) -> None:
    """With its attachments as base64, and the bytes that came on request."""
    file = {"FileName": "a.bin", "RawContent": "AP8=", "ContentType": "x/y"}
    simple = {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}, "Attachments": [file]}
    request = ses_send(Content={"Simple": simple})
    await ask(sandbox.port_of("ses"), request)

    mail = (await call(sandbox, "GET", "/inbox/mail-1")).json
    raw = (await call(sandbox, "GET", "/inbox/mail-1/raw")).json

    assert (mail["subject"], mail["contents"]["text"]) == ("s", "t")
    assert mail["contents"]["from"] == [{"address": "shop@example.com", "name": "Shop"}]
    assert mail["contents"]["attachments"] == [
        {
            "filename": "a.bin",
            "content_type": "x/y",
            "size": 2,
            "content": "AP8=",
            "disposition": "attachment",
            "content_id": None,
        }
    ]
    assert b64decode(raw["raw"]) == request.partition(b"\r\n\r\n")[2]


async def test_counts_and_duplicates(sandbox: Sandbox) -> None:
    """The last lines of every chaos test."""
    for _ in range(2):
        await send(sandbox, "ses")
    await ask(sandbox.port_of("mailgun"), mailgun_send(without="v:ms_id"))

    assert (await call(sandbox, "GET", "/inbox/count")).json == {
        "received": 3,
        "recipients": 3,
        "by_provider": {"ses": 2, "mailgun": 1},
        "distinct": 1,
        "forgotten": 0,
    }
    assert (await call(sandbox, "GET", "/inbox/count?ms_id=msg_1")).json == {
        "ms_id": "msg_1",
        "received": 2,
        "recipients": {"ann@example.net": 2},
    }
    assert (await call(sandbox, "GET", "/inbox/count?ms_id=none")).json["received"] == 0
    assert (await call(sandbox, "GET", "/inbox/duplicates")).json == {
        "duplicates": [{"ms_id": "msg_1", "recipient": "ann@example.net", "times": 2}],
        "forgotten": 0,
    }


async def test_the_inbox_is_emptied(sandbox: Sandbox) -> None:
    """A fresh start for the next try."""
    await send(sandbox, "ses")

    assert (await call(sandbox, "DELETE", "/inbox")).status == 200
    assert (await call(sandbox, "GET", "/inbox")).json == {"mails": [], "kept": 0}


async def test_a_fault_is_set_shown_and_healed(sandbox: Sandbox) -> None:
    """The failover of the first two minutes, from a shell."""
    put = await call(sandbox, "PUT", "/faults/ses", {"fault": "rate_limited", "retry_after": 9})
    assert put.json["faults"] == [
        {"fault": "rate_limited", "times": None, "probability": 1.0, "seed": 0, "retry_after": 9}
    ]
    assert (await send(sandbox, "ses")).status == 429

    healed = await call(sandbox, "DELETE", "/faults/ses")

    assert (healed.status, healed.json["faults"]) == (200, [])
    assert (await send(sandbox, "ses")).status == 200


async def test_down_is_in_force_when_the_answer_comes(sandbox: Sandbox) -> None:
    """A script that goes on at once must find the port closed, and then open."""
    await call(sandbox, "PUT", "/faults/ses", {"fault": "down"})
    with pytest.raises(ConnectionRefusedError):
        await send(sandbox, "ses")

    await call(sandbox, "DELETE", "/faults/ses")

    assert (await send(sandbox, "ses")).status == 200


async def test_a_list_of_faults_is_set_at_once(sandbox: Sandbox) -> None:
    """A script of faults is one call."""
    script = [{"fault": "rate_limited", "times": 2}, {"fault": "slow", "seconds": 1}]
    await call(sandbox, "PUT", "/faults/ses", script)

    assert sandbox.faults.of("ses") == (RateLimited(times=2), Slow(seconds=1))


async def test_accounts_say_where_they_are(sandbox: Sandbox) -> None:
    """A configuration is written from this."""
    await sandbox.put_faults("relay", Down())

    accounts = (await call(sandbox, "GET", "/faults")).json["accounts"]

    assert [(a["name"], a["kind"], a["faults"]) for a in accounts] == [
        ("ses", "ses", []),
        ("mailgun", "mailgun", []),
        ("relay", "smtp", [{"fault": "down"}]),
    ]
    assert {a["name"]: a["url"] for a in accounts} == sandbox.urls


async def test_an_identity_is_listed_and_verified(sandbox: Sandbox) -> None:
    """The click on the link in the verification mail."""
    sandbox.identities.add("ses", "Ann@example.net", sandbox.inbox._clock.now())
    identity = {
        "account": "ses",
        "name": "ann@example.net",
        "asked_at": "2030-01-01T00:00:00Z",
        "verified": False,
    }
    assert (await call(sandbox, "GET", "/identities")).json == {"identities": [identity]}

    verified = await call(sandbox, "POST", "/identities/ann%40example.net/verify")

    assert verified.json == {"identities": [{**identity, "verified": True}]}


@pytest.mark.parametrize(
    ("asked", "body", "status", "words"),
    [
        ("GET /", None, 404, "GET /"),
        ("POST /inbox", None, 404, "POST /inbox"),
        ("GET /inbox/mail-9", None, 404, "no mail mail-9"),
        ("GET /inbox?limit=0", None, 400, "1 to 1000"),
        ("GET /inbox?limit=x", None, 400, "1 to 1000"),
        ("GET /inbox?limit=99999999999999999999", None, 400, "1 to 1000"),
        ("PUT /faults/sess", {"fault": "down"}, 404, "no account sess"),
        ("DELETE /faults/sess", None, 404, "no account sess"),
        ("PUT /faults/ses", None, 400, "no fault"),
        ("PUT /faults/ses", {"fault": "dawn"}, 400, "dawn"),
        ("PUT /faults/ses", {"fault": "slow", "x": 1}, 400, "unknown field"),
        ("PUT /faults/relay", {"fault": "lie"}, 422, "no lie in SMTP"),
        ("POST /identities/ann@example.net/verify", None, 404, "ann@example.net"),
    ],
)
async def test_what_cannot_be_done_is_a_problem(
    sandbox: Sandbox, asked: str, body: object, status: int, words: str
) -> None:
    """In the form of RFC 9457, with words that help."""
    method, _, path = asked.partition(" ")

    heard = await call(sandbox, method, path, body)

    assert (heard.status, heard.headers["content-type"]) == (status, "application/problem+json")
    assert heard.json["status"] == status
    assert words in heard.json["detail"]


async def test_the_same_call_works_without_a_connection(sandbox: Sandbox) -> None:
    """The gateway passes the frontend's questions on within the process."""
    put = await sandbox.call("PUT", "/faults/ses", b'{"fault": "down"}')
    asked = await sandbox.call("GET", "/inbox?limit=20")
    wrong = await sandbox.call("PUT", "/faults/ses", b"\xff")

    assert (put[0], asked, wrong[0]) == (200, (200, b'{"mails":[],"kept":0}'), 400)


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1:8026", None, 200),
        ("localhost", None, 200),
        ("[::1]:8026", None, 200),
        ("127.0.0.1:8026", "http://127.0.0.1:8026", 200),
        ("evil.example:8026", None, 403),
        ("", None, 403),
        ("127.0.0.1:8026", "https://evil.example", 403),
        ("127.0.0.1:8026", "null", 403),
    ],
)
async def test_a_browser_that_was_lured_here_is_turned_away(
    sandbox: Sandbox, host: str, origin: str | None, status: int
) -> None:
    """There is no login: any page on the web could else read the inbox by DNS rebinding."""
    request = http("GET", "/inbox", Origin=origin) if origin else http("GET", "/inbox")
    port = urlsplit(sandbox.http_url).port
    assert port is not None

    heard = await ask(port, request.replace(b"Host: 127.0.0.1", f"Host: {host}".encode()))

    assert heard.status == status


async def test_a_body_that_is_too_large_is_refused(sandbox: Sandbox) -> None:
    """Nothing that can be said here is so long."""
    heard = await call(sandbox, "PUT", "/faults/ses", "x" * 1024 * 1024)

    assert heard.status == 413
