"""The OpenAPI document: complete, valid, and true.

Schemathesis makes requests from the document and compares each answer with it. It calls a real
server on a free port, so that the HTTP parser and header limits take part too.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import requests
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, settings
from openapi_spec_validator import validate
from schemathesis.checks import load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mail_sender.api.openapi import BODIES, openapi_document
from mail_sender.api.problems import KINDS
from mail_sender.api.resources import api_routes
from mail_sender.domain.message import Address, MessageId
from mail_sender.domain.secret import Secret
from mail_sender.domain.unsubscribe import UnsubscribeLinks, Unsubscription
from tests.requirements import need

from .stack import Json, mail, running
from .test_sandbox import Recorder

Case = schemathesis.Case[Any]

load_all_checks()
_DOCUMENT = openapi_document()
_OPERATIONS = [
    (method.upper(), path) for path, methods in _DOCUMENT["paths"].items() for method in methods
]


def test_the_document_is_valid_openapi() -> None:
    """Code generators are strict."""
    assert _DOCUMENT["openapi"].startswith("3.1")
    validate(_DOCUMENT)


def test_every_route_is_documented_and_every_reference_leads_somewhere() -> None:
    """A body model that `BODIES` forgets would leave a hole."""
    routes = {(m, r.path_format) for r in api_routes() for m in r.methods or ()}
    assert routes == set(_OPERATIONS)

    def references(part: object) -> Iterator[str]:
        if isinstance(part, dict):
            if isinstance(part.get("$ref"), str):
                yield part["$ref"]
            for value in part.values():
                yield from references(value)
        elif isinstance(part, list):
            for value in part:
                yield from references(value)

    for reference in references(_DOCUMENT):
        found: Any = _DOCUMENT
        for token in reference.removeprefix("#/").split("/"):
            found = found[token]
    assert {model.__name__ for model in BODIES} <= _DOCUMENT["components"]["schemas"].keys()


def test_every_operation_says_what_it_needs_and_what_it_may_answer() -> None:
    """Summary, description, tag, scopes, and the problems that can happen anywhere."""
    tags = {tag["name"] for tag in _DOCUMENT["tags"]}
    for method, path in _OPERATIONS:
        operation = _DOCUMENT["paths"][path][method.lower()]
        assert operation["summary"]
        assert operation["description"]
        assert set(operation["tags"]) <= tags
        assert "500" in operation["responses"]
        if path.startswith("/v1/"):
            assert list(operation["security"][0]) == ["ApiKey"]
            assert {"401", "403", "429", "503"} <= operation["responses"].keys()
        if "requestBody" in operation:
            assert {"413", "415"} <= operation["responses"].keys()
            read = not path.startswith("/unsubscribe/")  # what a mail program posts says nothing
            assert "400" in operation["responses"] or not read
            assert "422" in operation["responses"] or not read or path.startswith("/hooks/")
        for response in operation["responses"].values():
            assert "X-Request-Id" in response["headers"]
            assert not any(key.startswith("x-") for key in response)


def test_every_problem_is_documented_somewhere() -> None:
    """A code that the document does not know is one that no client handles."""
    assert {kind.code for kind in KINDS.values()} <= _DOCUMENT["components"]["examples"].keys()


def test_examples_are_what_they_are_examples_of() -> None:
    """People copy them."""
    schemas = _DOCUMENT["components"]["schemas"]
    checked = 0
    for name, schema in schemas.items():
        for example in schema.get("examples", ()):
            whole = {"components": {"schemas": schemas}, "$ref": f"#/components/schemas/{name}"}
            assert jsonschema_rs.is_valid(whole, example), (name, example)
            checked += 1
    for example in _DOCUMENT["components"]["examples"].values():
        whole = {"components": {"schemas": schemas}, "$ref": "#/components/schemas/Problem"}
        assert jsonschema_rs.is_valid(whole, example["value"])
    assert checked >= 4


# ---------------------------------------------------------------- against a server


@dataclass(frozen=True)
class Server:
    """Where it listens, and a session with a good key."""

    url: str
    session: requests.Session

    def make(self, path: str, body: Json) -> str:
        """Create something and return its id."""
        return str(self.post(path, body)["id"])

    def webhook(self) -> str:
        """Return the id of a webhook that nobody has deleted yet: there is an end to them."""
        known = self.session.get(f"{self.url}/v1/webhooks", timeout=30).json()["data"]
        if known:
            return str(known[0]["id"])
        return self.make("/v1/webhooks", {"url": "http://127.0.0.1:1/hook"})

    def post(self, path: str, body: Json) -> Json:
        """Post something and return the answer."""
        return dict(self.session.post(self.url + path, json=body, timeout=30).json())


class _CutStreams:
    """Ends endless answers after their first bytes: the client of this test reads to the end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") != "/v1/events/stream":
            await self._app(scope, receive, send)
            return
        begun = asyncio.Event()

        async def hang_up() -> Message:
            await begun.wait()
            return {"type": "http.disconnect"}

        async def cut(message: Message) -> None:
            if begun.is_set():
                return
            if message["type"] == "http.response.body":
                begun.set()
                message = {**message, "more_body": False}
            await send(message)

        await self._app(scope, hang_up, cut)


async def _serve(
    bound: socket.socket, journal: Path, found: list[Server], ready: threading.Event,
    stop: list[uvicorn.Server],
) -> None:  # fmt: skip
    sandbox = Recorder()
    sandbox.body = {
        "mails": [], "kept": 0, "accounts": [], "identities": [],
        "name": "ses", "kind": "ses", "url": "http://127.0.0.1:1", "faults": [],
        "id": "1", "provider": "ses", "received_at": "2030-01-01T00:00:00Z",
        "mail_from": "a@example.com", "recipients": [], "subject": "", "ms_id": None,
        "provider_message_id": "1", "size": 1, "answered": True, "fault": None, "contents": {},
        "told": [],
    }  # fmt: skip
    async with running(journal, sandbox=sandbox, links=_LINKS) as stack:
        config = uvicorn.Config(
            _CutStreams(stack.app), lifespan="off", log_config=None, http="httptools", loop="none"
        )
        server = uvicorn.Server(config)
        stop.append(server)
        url = "http://{}:{}".format(*bound.getsockname())
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {stack.secret}"
        found.append(Server(url, session))
        ready.set()
        await server.serve(sockets=[bound])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A gateway behind uvicorn in a thread, on a free port."""
    # With its protocol named: asyncio turns Nagle's delay (40 ms an answer) off only then.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.bind(("127.0.0.1", 0))
    found: list[Server] = []
    stop: list[uvicorn.Server] = []
    ready = threading.Event()
    journal = tmp_path_factory.mktemp("openapi")
    thread = threading.Thread(
        target=lambda: asyncio.run(_serve(bound, journal, found, ready, stop)), daemon=True
    )
    thread.start()
    assert ready.wait(20)
    with found[0].session:
        yield found[0]
    stop[0].should_exit = True
    thread.join(20)
    assert not thread.is_alive()


_CONFIG = SchemathesisConfig.from_dict({
    "phases": {"coverage": {"unexpected-methods": []}},  # 405 is not an operation's answer
})  # fmt: skip
_LINKS = UnsubscribeLinks("https://mail.example.com", Secret("a secret"))
schema = schemathesis.openapi.from_dict(_DOCUMENT, config=_CONFIG)
_reached: dict[tuple[str, str], set[int]] = defaultdict(set)
_CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]


# The server's thread draws jitter for its retries while Hypothesis looks for such calls in ours.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@schema.parametrize()
@settings(
    max_examples=15,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_the_document_promises(case: Case, server: Server) -> None:
    """Status, media type, schema and header fields; and never a 500, whatever comes in.

    A 503 or 504 of a sync message is a documented answer, so these are not failures.
    """
    _aim(case, server)
    _aim_body(case)
    answer = case.call(base_url=server.url, session=server.session, timeout=30)

    _reached[case.method.upper(), case.path].add(answer.status_code)
    assert answer.status_code != 500
    case.validate_response(answer, checks=_CHECKS)


def _aim(case: Case, server: Server) -> None:
    """Name things that exist, since nobody guesses an id."""
    named = case.path_parameters
    if "/keys/" in case.path and named.get("id"):
        named["id"] = server.make("/v1/keys", {"name": "spare", "scopes": ["read"]})
    elif "/messages/" in case.path and named.get("id"):
        later = datetime.now(UTC) + timedelta(days=1)
        named["id"] = server.make("/v1/messages", mail(send_at=later.isoformat()))
    elif "/webhooks/" in case.path and named.get("id"):
        named["id"] = server.webhook()
        if "delivery" in named:
            named["delivery"] = server.make(f"/v1/webhooks/{named['id']}/test", {})
    elif "/suppressions/" in case.path and named.get("address"):
        named["address"] = "ann@example.net"
        server.post("/v1/suppressions", {"address": "ann@example.net"})
    elif "/providers/" in case.path and named.get("name"):
        named["name"] = "ses"
    elif case.path.startswith("/hooks/") and named.get("provider"):
        named["provider"] = "ses"
    elif case.path.startswith("/unsubscribe/") and named.get("token"):
        who = Unsubscription(MessageId("msg_01J8ZK3Q000000000000000000"), Address("x@example.net"))
        named["token"] = _LINKS.token_for(who)


def _aim_body(case: Case) -> None:
    """Say what nobody guesses, and do not wait for a far `send_at`."""
    if "wait" in str(case.headers.get("Prefer")):
        case.headers["Prefer"] = "wait=0"
    body = case.body
    if not isinstance(body, dict):
        return
    if case.method == "PATCH" and "send_at" in body:
        body["send_at"] = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    if "/webhooks" in case.path and "url" in body:
        body["url"] = "https://shop.example.com/hook"
    if case.path.startswith("/hooks/"):
        body["key"] = "a call"


def test_every_operation_was_reached_and_most_answered_well() -> None:
    """A generator that only ever hears 422 proves little."""
    need(_reached, "the answers of the test above: run the whole file")
    well = {op for op, statuses in _reached.items() if any(status < 300 for status in statuses)}

    assert _reached.keys() == set(_OPERATIONS)
    assert set(_OPERATIONS) - well == {("POST", "/v1/messages/{id}/release")}  # nothing is held


def test_the_document_can_be_written_down() -> None:
    """It is generated into the documentation, and must not change from run to run."""
    assert json.dumps(openapi_document()) == json.dumps(openapi_document())
