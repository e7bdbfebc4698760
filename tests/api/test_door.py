"""What holds for every answer: ids, headers, methods, CORS, and silence about our bugs."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
import structlog
from structlog.testing import LogCapture

from mail_sender.api.asgi import make_app
from mail_sender.domain.errors import StoreUnavailable
from mail_sender.store.port import Record

from .stack import Stack, mail

_PATHS = ["/v1/messages", "/v1/nothing", "/health/live", "/docs", "/openapi.json", "/metrics", "/"]


@pytest.mark.parametrize("path", _PATHS)
async def test_every_answer_has_an_id_and_security_headers(idle: Stack, path: str) -> None:
    """Errors included: these are the ones that somebody will ask about."""
    async with idle.client(None) as api:
        answer = await api.get(path)

    assert re.fullmatch(r"req_[0-9a-f]{24}", answer.headers["x-request-id"])
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "cache-control" in answer.headers


@pytest.mark.parametrize(
    ("sent", "echoed"),
    [
        (b"order-7.A_b", True),
        (b"x" * 128, True),
        (b"x" * 129, False),
        (b"", False),
        (b"a b", False),
        (b"a\tb", False),
        (b"<script>", False),
        (b"\xff", False),
    ],
)
async def test_a_good_request_id_is_echoed(
    idle_api: httpx2.AsyncClient, sent: bytes, echoed: bool
) -> None:
    """So that a request can be followed through several systems; junk is not let into the log."""
    answer = await idle_api.get("/health/live", headers={b"X-Request-Id": sent})

    assert (answer.headers["x-request-id"] == sent.decode("latin-1")) is echoed


async def test_the_request_id_stands_in_the_log(idle_api: httpx2.AsyncClient) -> None:
    """From the answer to the line, with one grep."""
    lines = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, lines])
    try:
        await idle_api.post("/v1/messages", json=mail(), headers={"X-Request-Id": "abc"})
    finally:
        structlog.configure(**before)

    assert [line["request_id"] for line in lines.entries if line["event"] == "accepted"] == ["abc"]


@pytest.mark.parametrize(
    "path", ["/nothing", "/v1", "/v1/messages/", "/v2/messages", "/docs/../x", "/health"]
)
async def test_an_unknown_address_is_a_problem_too(idle_api: httpx2.AsyncClient, path: str) -> None:
    """A client that reads problems should not meet a page of HTML."""
    answer = await idle_api.get(path)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/messages", "GET, HEAD, OPTIONS, POST"),
        ("PUT", "/v1/messages/x", "GET, HEAD, OPTIONS, PATCH"),
        ("GET", "/v1/messages/x/cancel", "OPTIONS, POST"),
        ("POST", "/health/live", "GET, HEAD, OPTIONS"),
        ("TRACE", "/v1/keys", "GET, HEAD, OPTIONS, POST"),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(
    idle_api: httpx2.AsyncClient, method: str, path: str, allowed: str
) -> None:
    """RFC 9110 section 15.5.6: 405 comes with Allow, of all routes at this address."""
    answer = await idle_api.request(method, path)
    options = await idle_api.request("OPTIONS", path)

    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"
    assert answer.headers["allow"] == options.headers["allow"] == allowed
    assert (options.status_code, options.content) == (204, b"")


@pytest.mark.parametrize(
    "path", ["/v1/messages", "/health/live", "/health/ready", "/docs", "/v1/x"]
)
async def test_head_is_get_without_a_body(idle_api: httpx2.AsyncClient, path: str) -> None:
    """Monitoring tools ask with HEAD (RFC 9110 section 9.3.2)."""
    head = await idle_api.head(path)
    get = await idle_api.get(path)

    assert head.status_code == get.status_code
    assert head.content == b""
    assert head.headers["content-type"] == get.headers["content-type"]


# ---------------------------------------------------------------- our own faults


class _Broken:
    """A store that fails in a way nobody expected, with a telling text."""

    def __init__(self, stack: Stack) -> None:
        self._store = stack.store

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def get(self, _id: object) -> Record | None:
        raise RuntimeError("/srv/secret/path: password=hunter2")

    async def find(self, _query: object) -> object:
        raise StoreUnavailable("/var/lib/mail.db: disk I/O error")


async def test_a_bug_of_ours_says_nothing(idle: Stack) -> None:
    """The trace is for the log; an exception's text is for nobody outside."""
    app = make_app(replace(idle.services, store=_Broken(idle)))  # type: ignore[arg-type]
    lines = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[lines])
    try:
        async with replace(idle, app=app).client() as api:
            bug = await api.get("/v1/messages/msg_00000000000000000000000000")
            away = await api.get("/v1/messages")
    finally:
        structlog.configure(**before)

    assert bug.status_code == 500
    assert bug.json() == {
        "type": "urn:mail-sender:problem:internal_error",
        "title": "Internal error",
        "status": 500,
        "detail": "Internal error.",
        "code": "internal_error",
    }
    assert "x-request-id" in bug.headers
    assert any(line["event"] == "bug" and line["where"] == "api" for line in lines.entries)
    assert away.status_code == 503
    assert away.json()["code"] == "store_unavailable"
    assert away.headers["retry-after"] == "5"
    assert "disk I/O" not in away.text


# ---------------------------------------------------------------- CORS


async def test_a_page_from_elsewhere_may_call_where_it_is_allowed(idle: Stack) -> None:
    """A frontend on another origin needs the preflight, and to read our header fields."""
    origin = "https://ui.example.com"
    door = idle.behind(cors_origins=(origin,))
    async with door.client() as api:
        preflight = await api.options(
            "/v1/messages",
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,idempotency-key,prefer",
            },
        )
        answer = await api.post("/v1/messages", json=mail(), headers={"Origin": origin})
        refused = await api.post("/v1/messages", json={}, headers={"Origin": origin})
        foreign = await api.post(
            "/v1/messages", json=mail(), headers={"Origin": "https://evil.example"}
        )

    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == origin
    assert "x-request-id" in preflight.headers
    for each in (answer, refused):
        assert each.headers["access-control-allow-origin"] == origin
        exposed = each.headers["access-control-expose-headers"]
        for name in ("Location", "Retry-After", "Idempotency-Replayed", "RateLimit-Limit"):
            assert name in exposed
    assert "access-control-allow-origin" not in foreign.headers


async def test_without_origins_no_page_may_call(idle_api: httpx2.AsyncClient) -> None:
    """CORS is off unless somebody turns it on."""
    answer = await idle_api.get("/v1/messages", headers={"Origin": "https://evil.example"})

    assert "access-control-allow-origin" not in answer.headers


# ---------------------------------------------------------------- documentation, frontend


async def test_the_documentation_needs_nothing_from_elsewhere(idle: Stack) -> None:
    """It works in a closed network, and no script of a stranger runs next to an API key."""
    async with idle.client(None) as api:
        root = await api.get("/")
        page = await api.get("/docs")
        names = re.findall(r'(?:href|src)="(docs/[^"]+)"', page.text)
        files = [await api.get(f"/{name}") for name in names]
        missing = await api.get("/docs/asgi.py")
        slash = await api.get("/docs/")

    assert (root.status_code, root.headers["location"]) == (307, "/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert not re.search(r"(src|href)=\"https?:|<script>|onload=", page.text)
    assert len(names) == 5
    assert [file.status_code for file in files] == [200] * 5
    assert missing.status_code == 404
    assert slash.status_code == 307


async def test_a_built_frontend_is_served_at_the_root(idle: Stack, tmp_path: Path) -> None:
    """With its own addresses, which only its page knows; those of the API stay its own."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>Mail Sender</title>")
    (tmp_path / "assets" / "index-1a2b.js").write_text("1")
    (tmp_path / "assets" / "index-1a2b.js.gz").write_bytes(gzip.compress(b"1"))
    (tmp_path.parent / "secret.txt").write_text("no")
    door = idle.behind(frontend=tmp_path)
    async with door.client(None) as api:
        root = await api.get("/")
        deep = await api.get("/messages/msg_1?tab=events")
        asset = await api.get("/assets/index-1a2b.js")
        plain = await api.get("/assets/index-1a2b.js", headers={"Accept-Encoding": "identity"})
        absent = await api.get("/assets/gone.js")
        unknown = await api.get("/v1/nothing")
        outside = await api.get("/..%2fsecret.txt")
        docs = await api.get("/docs")
        posted = await api.post("/messages")

    assert root.text == deep.text == "<!doctype html><title>Mail Sender</title>"
    assert root.headers["cache-control"] == "no-cache"
    assert "script-src 'self'" in root.headers["content-security-policy"]
    assert "immutable" in asset.headers["cache-control"]
    assert asset.text == plain.text == "1"
    assert asset.headers["content-type"].startswith("text/javascript")
    assert asset.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert absent.status_code == unknown.status_code == outside.status_code == 404
    assert unknown.headers["content-type"] == "application/problem+json"
    assert "swagger" in docs.text
    assert posted.status_code == 405
