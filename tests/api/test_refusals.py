"""What is not a valid request: every mistake at once, with pointers, in our words."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx2
import pytest

from .stack import MAX_BYTES, Stack, mail, pointers


async def test_every_mistake_is_told_at_once(idle_api: httpx2.AsyncClient) -> None:
    """A client should not have to send ten times to learn of ten mistakes."""
    sent = mail(
        to=["ann@example.net", "nobody", {"address": "x@", "name": 3}],
        subject="Hi\r\nBcc: all@example.org",
        reply_tos="typo@example.com",
        tags=["has space"],
        timeout=5,
        attachments=[{"filename": "a", "content_type": "text/plain", "content": "??"}],
        headers={"From": "x", "X-Ok": "fine"},
        send_at="tomorrow",
    )

    answer = await idle_api.post("/v1/messages", json=sent)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["code"], problem["status"]) == ("invalid_message", 422)
    assert set(pointers(answer)) == {
        "/to/1",
        "/to/2/name",
        "/subject",
        "/reply_tos",
        "/tags/0",
        "/timeout",
        "/attachments/0/content",
        "/headers/From",
        "/send_at",
    }
    words = {fault["pointer"]: fault["detail"] for fault in problem["errors"]}
    assert words["/reply_tos"] == "unknown field; did you mean reply_to?"
    assert "the domain is missing" in words["/to/1"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"sender": ...}, ["/from"]),
        ({"sender": None}, ["/from"]),
        ({"sender": "Shop"}, ["/from"]),
        ({"sender": {"name": "Shop"}}, ["/from/address"]),
        ({"sender": {"address": "a@example.com", "mail": "x"}}, ["/from/mail"]),
        ({"sender": 7}, ["/from"]),
        ({"sender": ["a@example.com"]}, ["/from"]),
        ({"to": ...}, ["/to"]),
        ({"to": []}, ["/to"]),
        ({"to": "nobody"}, ["/to"]),
        ({"to": {"address": 1}}, ["/to/address"]),
        ({"to": [None]}, ["/to/0"]),
        ({"to": ["a@b.example"] * 1001}, ["/to"]),
        ({"to": ["a@b.example"] * 600, "cc": ["a@b.example"] * 600}, ["/to"]),
        ({"cc": [7]}, ["/cc/0"]),
        ({"bcc": "a@"}, ["/bcc"]),
        ({"reply_to": ["@b"]}, ["/reply_to/0"]),
        ({"to": ["Ann\r\nBcc: x@example.org <ann@example.net>"]}, ["/to/0"]),
        ({"to": ["ann@example.net\r\nBcc: x@example.org"]}, ["/to/0"]),
        ({"subject": "a\nb"}, ["/subject"]),
        ({"subject": "a\x00b"}, ["/subject"]),
        ({"subject": "x" * 999}, ["/subject"]),
        ({"subject": ["x"]}, ["/subject"]),
        ({"text": ...}, ["/text"]),
        ({"text": 7}, ["/text"]),
        ({"html": {}}, ["/html"]),
        ({"text": "a\x00b"}, ["/text"]),
        ({"headers": {"X-A": "b\r\nC: d"}}, ["/headers/X-A"]),
        ({"headers": {"A:B": "c"}}, ["/headers/A:B"]),
        ({"headers": {"a/b~c": "ok", "Date": "x"}}, ["/headers/Date"]),
        ({"headers": {"DKIM-Signature": "x"}}, ["/headers/DKIM-Signature"]),
        ({"headers": {"X": 7}}, ["/headers/X"]),
        ({"headers": ["X"]}, ["/headers"]),
        ({"tags": ["a"] * 11}, ["/tags"]),
        ({"tags": "a"}, ["/tags"]),
        ({"tags": [""]}, ["/tags/0"]),
        ({"metadata": {"a": 1}}, ["/metadata/a"]),
        ({"metadata": {str(n): "x" for n in range(21)}}, ["/metadata"]),
        ({"metadata": {"a/b": "\x00"}}, ["/metadata/a~1b"]),
        ({"template": {"id": "welcome"}}, ["/template"]),
        ({"send_at": "2030-01-01T10:00:00"}, ["/send_at"]),
        ({"send_at": "2030-01-01"}, ["/send_at"]),
        ({"send_at": 1893456000}, ["/send_at"]),
        ({"send_at": "1893456000"}, ["/send_at"]),
        ({"send_at": "2030-02-30T10:00:00Z"}, ["/send_at"]),
        ({"send_at": "0001-01-01T00:00:00+14:00"}, ["/send_at"]),
        ({"send_at": "2030-03-01T10:00:00Z"}, ["/send_at"]),
        ({"give_up_after": 0}, ["/give_up_after"]),
        ({"give_up_after": 1e300}, ["/give_up_after"]),
        ({"give_up_after": "60"}, ["/give_up_after"]),
        ({"give_up_after": True}, ["/give_up_after"]),
        ({"priority": "urgent"}, ["/priority"]),
        ({"on_unknown": "panic"}, ["/on_unknown"]),
        ({"mode": "later"}, ["/mode"]),
        ({"mode": "sync", "timeout": 121}, ["/timeout"]),
        ({"mode": "sync", "timeout": 0.5}, ["/timeout"]),
        ({"mode": "sync", "send_at": "2030-01-01T10:00:00Z"}, ["/send_at"]),
        ({"route": "nowhere"}, ["/route"]),
        ({"route": "test"}, ["/route"]),
        ({"From": "x"}, ["/From"]),
        ({"idempotency_key": "x"}, ["/idempotency_key"]),
    ],
)  # fmt: skip
async def test_each_mistake_has_its_pointer(
    idle_api: httpx2.AsyncClient, fields: dict[str, Any], expected: list[str]
) -> None:
    """Programs map pointers to their form's fields; people read the words."""
    answer = await idle_api.post("/v1/messages", json=mail(**fields))

    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_message"
    assert sorted(pointers(answer)) == sorted(expected)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"content": ...}, "content"),
        ({"content": 7}, "content"),
        ({"content": "YQ"}, "content"),
        ({"content": "YWFh\nYWFh"}, "content"),
        ({"content": "YQ==YQ=="}, "content"),
        ({"content": "é==="}, "content"),
        ({"content": "_-8="}, "content"),
        ({"content_type": ...}, "content_type"),
        ({"content_type": "pdf"}, "content_type"),
        ({"content_type": "a/b\r\nX: y"}, "content_type"),
        ({"filename": "../a"}, "filename"),
        ({"filename": "a\nb"}, "filename"),
        ({"filename": ""}, "filename"),
        ({"disposition": "hidden"}, "disposition"),
        ({"content_id": "<a>"}, "content_id"),
        ({"path": "/etc/passwd"}, "path"),
    ],
)
async def test_each_mistake_in_an_attachment_has_its_pointer(
    idle_api: httpx2.AsyncClient, fields: dict[str, Any], expected: str
) -> None:
    """Also for the second file, and never with the content in the answer."""
    good = {"filename": "a.txt", "content_type": "text/plain", "content": "aGVsbG8="}
    bad = {name: value for name, value in (good | fields).items() if value is not ...}

    answer = await idle_api.post("/v1/messages", json=mail(attachments=[good, bad]))

    assert answer.status_code == 422
    assert pointers(answer) == [f"/attachments/1/{expected}"]


async def test_no_answer_shows_how_we_look(idle_api: httpx2.AsyncClient) -> None:
    """Regular expressions, type names and links of our libraries are nobody's business."""
    sent = mail(to=["a b@c", 7], sender="<", priority="x", tags=7, send_at="x", headers=7, cc=[{}])

    answer = await idle_api.post("/v1/messages", json=sent)

    text = answer.text
    for leak in ("pydantic", "http", "Value error", "[A-Za", "\\u0080", "Input should", "model",
                 "Traceback", "site-packages", "/src/"):  # fmt: skip
        assert leak not in text


async def test_a_flood_of_mistakes_gets_a_short_answer(idle_api: httpx2.AsyncClient) -> None:
    """Ten thousand faults help nobody, and would make our answer larger than the request."""
    answer = await idle_api.post("/v1/messages", json=mail(**{f"x{n}": 1 for n in range(5_000)}))

    assert answer.status_code == 422
    assert len(pointers(answer)) <= 200


# ---------------------------------------------------------------- not even JSON

_LIST = "[" * 100_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{}{}",
        b"from=a&to=b",
        b'{"text": "\xff\xfe"}',
        b'{"text": "\\ud800"}',
        b'{"text": ' + _LIST.encode() + b"}",
        _LIST.encode(),
        b"\xef\xbb\xbf\xef\xbb\xbf{}",
        '{"text": "x"}'.encode("utf-16"),
        b"{'text': 'x'}",
    ],
    ids=lambda body: repr(body[:16]),
)
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/batch", "/v1/keys"])
async def test_what_is_not_json_is_400(
    idle_api: httpx2.AsyncClient, path: str, body: bytes
) -> None:
    """And never a 500, however deep it is nested or however broken its encoding."""
    answer = await idle_api.post(path, content=body, headers={"Content-Type": "application/json"})

    if path == "/v1/keys" and not body:
        assert answer.status_code == 422  # no body at all is read as no options
        return
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_json"


async def test_one_byte_order_mark_is_forgiven(idle_api: httpx2.AsyncClient) -> None:
    """Windows programs write one; RFC 8259 lets a parser ignore it."""
    answer = await idle_api.post(
        "/v1/messages",
        content=b"\xef\xbb\xbf" + json.dumps(mail()).encode(),
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code == 202


@pytest.mark.parametrize("body", [b"null", b"[]", b'"x"', b"7"])
async def test_json_that_is_no_object_is_422(idle_api: httpx2.AsyncClient, body: bytes) -> None:
    """It is JSON, but not a message; the pointer is the whole document."""
    headers = {"Content-Type": "application/json"}
    for path in ("/v1/messages", "/v1/messages/batch", "/v1/keys"):
        answer = await idle_api.post(path, content=body, headers=headers)

        assert answer.status_code == 422
        assert pointers(answer)[0] == ""


async def test_a_number_that_is_not_finite_is_refused(idle_api: httpx2.AsyncClient) -> None:
    """NaN compares false with every limit."""
    body = json.dumps(mail(mode="sync", timeout=float("nan"))).encode()

    answer = await idle_api.post(
        "/v1/messages", content=body, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code in {400, 422}


# ---------------------------------------------------------------- media type and size


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 202),
        ("application/json; charset=utf-8", 202),
        ('Application/JSON;charset="UTF-8"', 202),
        ("application/json; charset=latin-1", 415),
        ("text/json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("", 415),
        (None, 415),
    ],
)
async def test_only_json_is_taken(
    idle_api: httpx2.AsyncClient, content_type: str | None, status: int
) -> None:
    """A form post of a browser (CSRF) or a body in another encoding is not guessed at."""
    headers = {} if content_type is None else {"Content-Type": content_type}

    answer = await idle_api.post(
        "/v1/messages", content=json.dumps(mail()).encode(), headers=headers
    )

    assert answer.status_code == status
    if status == 415:
        assert answer.json()["code"] == "unsupported_media_type"


async def test_a_compressed_body_is_refused(idle_api: httpx2.AsyncClient) -> None:
    """A few KB of gzip can be gigabytes of mail."""
    answer = await idle_api.post("/v1/messages", json=mail(), headers={"Content-Encoding": "gzip"})

    assert answer.status_code == 415


async def test_an_announced_giant_is_refused_unread(idle: Stack) -> None:
    """With Content-Length nothing of it needs to be read; the connection is closed instead."""
    read = 0

    async def body() -> Any:  # noqa: ANN401
        nonlocal read
        while True:
            read += 1
            yield b"x" * 65536

    async with idle.client() as api:
        answer = await api.post(
            "/v1/messages",
            content=body(),
            headers={"Content-Type": "application/json", "Content-Length": str(MAX_BYTES + 1)},
        )

    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"
    assert answer.headers["connection"] == "close"
    assert read <= 1


async def test_an_endless_body_is_cut_at_the_limit(idle: Stack) -> None:
    """A chunked body announces nothing; reading stops at the limit and not at the end of memory."""
    read = 0

    async def body() -> Any:  # noqa: ANN401
        nonlocal read
        while True:
            read += 65536
            yield b" " * 65536

    async with idle.client() as api:
        for path in ("/v1/messages", "/v1/messages/batch", "/v1/keys"):
            read = 0
            answer = await api.post(
                path, content=body(), headers={"Content-Type": "application/json"}
            )

            assert answer.status_code == 413
            assert read <= MAX_BYTES + 3 * 65536


async def test_a_large_mail_is_taken_whole(idle: Stack, idle_api: httpx2.AsyncClient) -> None:
    """Bodies beyond 256 KB take another way (a thread), which must come to the same."""
    file = bytes(range(256)) * 4096
    attachment = {
        "filename": "b.bin",
        "content_type": "application/octet-stream",
        "content": base64.b64encode(file).decode(),
    }

    taken = await idle_api.post("/v1/messages", json=mail(attachments=[attachment]))
    broken = await idle_api.post(
        "/v1/messages", json=mail(to="x", attachments=[attachment | {"filename": ""}])
    )
    read = await idle_api.get(f"/v1/messages/{taken.json()['id']}/content")

    assert taken.status_code == 202
    assert base64.b64decode(read.json()["attachments"][0]["content"]) == file
    assert read.json()["attachments"][0]["size"] == len(file)
    assert sorted(pointers(broken)) == ["/attachments/0/filename", "/to"]
