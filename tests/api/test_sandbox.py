"""`/v1/sandbox`: passes calls on to the sandbox's own control API."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import jsonschema_rs
import pytest

from mail_sender.api.openapi import openapi_document
from mail_sender.clock import SystemClock
from mail_sender.sandbox.server import Sandbox, SandboxSettings
from tests.make import ANN, make_message

from .stack import Stack, pointers, running


class Recorder:
    """Stands for the sandbox: keeps what it was asked, answers what a test wrote down."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        self.status = 200
        self.body: object = {"mails": [], "kept": 0}

    async def call(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        self.asked.append((method, path, body))
        return self.status, json.dumps(self.body).encode()


@pytest.fixture
def sandbox() -> Recorder:
    """What stands behind the gateway."""
    return Recorder()


@pytest.fixture
async def api(tmp_path: Path, sandbox: Recorder) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a gateway with a sandbox."""
    async with running(tmp_path, claims=False, sandbox=sandbox) as gateway, gateway.client() as it:
        yield it


async def test_calls_go_to_the_sandbox_as_they_are(
    api: httpx2.AsyncClient, sandbox: Recorder
) -> None:
    """The frontend shows the inbox and breaks providers with the same key as everything else."""
    fault = b'[{"fault": "rate_limited", "times": 2}]'
    await api.get("/v1/sandbox/inbox", params={"limit": 7, "ms_id": "a&b"})
    await api.get("/v1/sandbox/inbox/7")
    await api.get("/v1/sandbox/faults")
    await api.put(
        "/v1/sandbox/faults/ses", content=fault, headers={"Content-Type": "application/json"}
    )
    await api.delete("/v1/sandbox/faults/ses")
    await api.get("/v1/sandbox/identities")
    await api.post("/v1/sandbox/identities/ann@example.net/verify")
    cleared = await api.delete("/v1/sandbox/inbox")

    assert sandbox.asked == [
        ("GET", "/inbox?limit=7&ms_id=a%26b", b""),
        ("GET", "/inbox/7", b""),
        ("GET", "/faults", b""),
        ("PUT", "/faults/ses", fault),
        ("DELETE", "/faults/ses", b""),
        ("GET", "/identities", b""),
        ("POST", "/identities/ann%40example.net/verify", b""),
        ("DELETE", "/inbox", b""),
    ]
    assert (cleared.status_code, cleared.content) == (204, b"")


async def test_its_answers_come_back(api: httpx2.AsyncClient, sandbox: Recorder) -> None:
    """Unchanged: the sandbox knows what its mails look like."""
    sandbox.body = {"mails": [{"id": "1"}], "kept": 1}

    answer = await api.get("/v1/sandbox/inbox")

    assert answer.json() == sandbox.body


@pytest.mark.parametrize(
    ("status", "expected", "code"),
    [(404, 404, "not_found"), (400, 422, "invalid_request"), (422, 422, "invalid_request")],
)
async def test_its_problems_come_back_as_ours(
    api: httpx2.AsyncClient, sandbox: Recorder, status: int, expected: int, code: str
) -> None:
    """With its words, in the form of every other problem of this API."""
    sandbox.status = status
    sandbox.body = {"type": "about:blank", "detail": "There is no account sess, only ses."}

    answer = await api.put("/v1/sandbox/faults/sess", json={"fault": "down"})

    assert answer.status_code == expected
    assert answer.json()["code"] == code
    assert "only ses" in answer.text


async def test_a_fault_that_is_not_json_is_refused_here(
    api: httpx2.AsyncClient, sandbox: Recorder
) -> None:
    """With 400, as everywhere."""
    answer = await api.put(
        "/v1/sandbox/faults/ses", content=b"{", headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 400
    assert sandbox.asked == []


async def test_a_gateway_without_a_sandbox_says_so(
    idle: Stack, idle_api: httpx2.AsyncClient
) -> None:
    """And how to get one."""
    answer = await idle_api.get("/v1/sandbox/inbox")
    limit = await idle_api.get("/v1/sandbox/inbox?limit=0")

    assert answer.status_code == 404
    assert answer.json()["code"] == "no_sandbox"
    assert "sandbox.enabled" in answer.json()["detail"]
    assert pointers(limit) == ["#/query/limit"]


async def test_the_document_is_true_of_the_real_sandbox(tmp_path: Path) -> None:
    """Its control API is written elsewhere: this is where the two meet."""
    schemas = {"schemas": openapi_document()["components"]["schemas"]}

    def is_a(name: str, answer: httpx2.Response) -> bool:
        whole = {"components": schemas, "$ref": f"#/components/schemas/{name}"}
        return answer.status_code == 200 and jsonschema_rs.is_valid(whole, answer.json())

    real = Sandbox(SandboxSettings(), SystemClock())
    await real.start()
    try:
        await real.inbox.deliver("built_in", make_message(), frozenset({ANN}))
        async with (
            running(tmp_path, claims=False, sandbox=real) as gateway,
            gateway.client() as api,
        ):
            inbox = await api.get("/v1/sandbox/inbox")
            mail = await api.get(f"/v1/sandbox/inbox/{inbox.json()['mails'][0]['id']}")
            faults = [{"fault": "rate_limited", "times": 2}]
            broken = await api.put("/v1/sandbox/faults/ses", json=faults)
            nobody = await api.put("/v1/sandbox/faults/nobody", json=faults)
            nonsense = await api.put("/v1/sandbox/faults/ses", json={"fault": "x"})
            accounts = await api.get("/v1/sandbox/faults")
            identities = await api.get("/v1/sandbox/identities")
    finally:
        await real.stop()

    assert is_a("SandboxInbox", inbox)
    assert is_a("SandboxMail", mail)
    assert is_a("SandboxAccount", broken)
    assert is_a("SandboxAccounts", accounts)
    assert is_a("SandboxIdentities", identities)
    assert (nobody.status_code, nonsense.status_code) == (404, 422)
