"""Which gateway and key a client command uses, and that a key goes nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mail_sender import app
from mail_sender.cli import target
from mail_sender.cli.failure import CommandFailed
from mail_sender.cli.flags import ANY_GATEWAY, Ask

from .conftest import Run
from .scripted import Says, ScriptedGateway

MESSAGE = {"id": "msg_1", "status": "sent", "recipients": [], "attempts": []}


def leave_local_file(place: Path, **values: str) -> None:
    (place / "var").mkdir()
    (place / "var" / "local.json").write_text(json.dumps(values))


def test_the_file_of_a_demo_stands_where_serve_writes_it() -> None:
    """The command does not import the gateway to know it, so the two are compared here."""
    assert target.LOCAL_FILE == app.LOCAL_FILE


def test_commands_in_the_directory_of_a_demo_need_no_flags(run: Run, place: Path) -> None:
    """The second command of the README works without copying a key."""
    with ScriptedGateway(Says(200, MESSAGE)) as gateway:
        leave_local_file(place, url=gateway.url, key="ms_live_demo", sandbox="http://127.0.0.1:1")
        ended = run("status", "msg_1")

    assert ended.status == 0
    assert gateway.asked[0].headers["authorization"] == "Bearer ms_live_demo"


def test_flags_win_over_variables_and_variables_over_the_demo(
    run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The more explicit one."""
    leave_local_file(place, url="http://127.0.0.1:1", key="demo")
    with ScriptedGateway(Says(200, MESSAGE)) as gateway:
        monkeypatch.setenv("MAIL_SENDER_URL", gateway.url)
        monkeypatch.setenv("MAIL_SENDER_KEY", "of the variable")
        run("status", "msg_1")
        run("status", "msg_1", "--key", "of the flag")

    keys = [asked.headers["authorization"] for asked in gateway.asked]
    assert keys == ["Bearer of the variable", "Bearer of the flag"]


def test_the_key_of_the_demo_goes_to_the_demo_only(run: Run, place: Path) -> None:
    """--url names another machine: it must not learn this one's key."""
    leave_local_file(place, url="http://127.0.0.1:1", key="ms_live_demo")
    with ScriptedGateway(Says(200, MESSAGE)) as gateway:
        ended = run("status", "msg_1", "--url", gateway.url)

    assert ended.status == 2
    assert gateway.asked == []


def test_without_a_key_the_way_to_one_is_told(run: Run) -> None:
    """The first thing that a newcomer meets."""
    ended = run("status", "msg_1")

    assert ended.status == 2
    assert "no API key for http://127.0.0.1:8025" in ended.err
    assert "mail-sender keys create --name me --scopes send,read" in ended.err


@pytest.mark.parametrize("text", ["", "[]", "not json", '{"url": 5, "key": null}'])
def test_a_file_of_a_demo_that_is_broken_counts_as_none(place: Path, text: str) -> None:
    """A half-written or foreign file must not crash every command of the directory."""
    (place / "var").mkdir()
    (place / "var" / "local.json").write_text(text)

    assert target.local_file(place) == target.Local()


@pytest.mark.parametrize("url", ["ftp://x", "http://", "file:///etc/passwd"])
def test_what_is_no_address_of_a_gateway_is_wrong_usage(run: Run, url: str) -> None:
    """A mistyped URL is told apart from a gateway that is down."""
    ended = run("status", "msg_1", "--url", url, "--key", "k")

    assert ended.status == 2
    assert "is not the address of a gateway" in ended.err


def test_an_address_may_have_a_path(run: Run) -> None:
    """Behind a reverse proxy the API may lie below a prefix."""
    with ScriptedGateway(Says(200, MESSAGE)) as gateway:
        run("status", "msg_1", "--url", f"{gateway.url}/mail/", "--key", "k")

    assert gateway.asked[0].path == "/mail/v1/messages/msg_1"


def test_an_id_cannot_reach_another_path(run: Run) -> None:
    """Whatever a script passes as an id stays one segment of the path."""
    with ScriptedGateway(Says(200, MESSAGE)) as gateway:
        run("status", "../keys?x=1", "--url", gateway.url, "--key", "k")

    assert gateway.asked[0].path == "/v1/messages/..%2Fkeys%3Fx%3D1"


def test_a_refused_connection_asks_whether_the_gateway_runs(run: Run) -> None:
    """The most frequent mistake of the first day."""
    ended = run("status", "msg_1", "--url", "http://127.0.0.1:1", "--key", "k")

    assert ended.status == 1
    assert "cannot be reached: connection refused" in ended.err
    assert "mail-sender serve" in ended.err


# ---------------------------------------------------------------- here or over HTTP

BOTH = {"MAIL_SENDER_URL": "http://a", "MAIL_SENDER_KEY": "k"}


@pytest.mark.parametrize(
    ("ask", "config", "environ", "over_http"),
    [
        (ANY_GATEWAY, None, {}, False),
        (Ask(url="http://a"), None, {}, True),
        (Ask(key="k"), None, {}, True),
        (ANY_GATEWAY, None, BOTH, True),
        (ANY_GATEWAY, None, {"MAIL_SENDER_URL": "http://a"}, False),
        (ANY_GATEWAY, None, {"MAIL_SENDER_KEY": "k"}, False),
        (ANY_GATEWAY, Path("a.toml"), BOTH, False),
        (ANY_GATEWAY, None, {**BOTH, "MAIL_SENDER_CONFIG": "a.toml"}, False),
    ],
)
def test_keys_are_made_over_http_when_that_is_what_was_said(
    ask: Ask, config: Path | None, environ: dict[str, str], *, over_http: bool
) -> None:
    """The first key can only be made on the machine: a URL without a key means the store here."""
    assert target.is_asked_for(ask, config, environ) is over_http


def test_a_store_and_a_gateway_at_once_is_wrong_usage() -> None:
    """Guessing would make the key in the wrong place."""
    with pytest.raises(CommandFailed, match="--config means the store"):
        target.is_asked_for(Ask(url="http://a"), Path("a.toml"), {})
