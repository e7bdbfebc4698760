"""`mail-sender keys`: made on the store of this machine, or over the API."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from mail_sender import app
from mail_sender.config import Source
from mail_sender.intake.keys import hash_secret
from mail_sender.store.port import ApiKey, Scope

from .conftest import Run
from .scripted import Says, ScriptedGateway

KEY = {
    "id": "key_1", "name": "shop", "mode": "live", "scopes": ["send"], "sender_domains": [],
    "networks": [], "created_at": "2030-01-01T12:00:00Z", "expires_at": None, "revoked_at": None,
    "last_used_at": None,
}  # fmt: skip


def stored_key(secret: str) -> ApiKey | None:
    """Return the key as a gateway that runs here would find it."""

    async def find() -> ApiKey | None:
        store = app.open_store(app.load_settings(Source()))
        await store.open()
        try:
            return await store.key_by_hash(hash_secret(secret))
        finally:
            await store.close()

    return asyncio.run(find())


# ---------------------------------------------------------------- on this machine


def test_only_the_secret_is_printed(run: Run) -> None:
    """KEY=$(mail-sender keys create --name me) is how everybody begins."""
    ended = run("keys", "create", "--name", "me", "--scopes", "send,read")

    assert ended.status == 0
    assert re.fullmatch(r"ms_live_[A-Za-z0-9]{32}\n", ended.out)
    key = stored_key(ended.out.strip())
    assert key is not None
    assert key.name == "me"
    assert key.scopes == {Scope.SEND, Scope.READ}
    assert key.id in ended.err


def test_every_limit_of_a_key_is_kept(run: Run) -> None:
    """A limit that is lost on the way is a hole."""
    ended = run(
        "keys", "create", "--name", "shop", "--scopes", "send", "--test", "--sender-domain",
        "Example.com", "--network", "10.0.0.0/8", "--network", "fd00::/8", "--expires",
        "2090-01-01T00:00:00Z",
    )  # fmt: skip

    key = stored_key(ended.out.strip())
    assert key is not None
    assert ended.out.startswith("ms_test_")
    assert key.is_test
    assert key.sender_domains == ("example.com",)
    assert key.networks == ("10.0.0.0/8", "fd00::/8")
    assert key.expires_at is not None
    assert key.expires_at.year == 2090


def test_a_span_is_counted_from_now(run: Run) -> None:
    """Most keys should end in a month or so, without arithmetic."""
    ended = run("keys", "create", "--name", "a", "--expires", "30d", "--json")

    key = stored_key(ended.document["secret"])
    assert key is not None
    assert key.expires_at is not None
    assert (key.expires_at - key.created_at).days in {29, 30}


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (("--name", ""), "/name: 1 to 100 printable characters"),
        (("--name", "a", "--network", "10.0.0"), "/networks/0"),
        (("--name", "a", "--expires", "2001-01-01T00:00:00Z"), "/expires_at: lies in the past"),
        (("--name", "a", "--expires", "2031-01-01"), "--expires"),
        (("--name", "a", "--scopes", "send,fly"), "send, read, content, manage"),
        (("--name", "a", "--scopes", ","), "/scopes"),
    ],
)
def test_a_key_that_makes_no_sense_is_wrong_usage(
    run: Run, tokens: tuple[str, ...], said: str
) -> None:
    """Said before anything is kept."""
    ended = run("keys", "create", *tokens)

    assert ended.status == 2
    assert said in ended.err
    assert run("keys", "list", "--json").document["data"] == []


def test_keys_are_listed_and_revoked(run: Run) -> None:
    """A leaked key is cut off without a server that runs, and it can be seen that it is."""
    made = run("keys", "create", "--name", "leaked", "--json").document
    run("keys", "create", "--name", "other")

    assert run("keys", "revoke", made["id"]).status == 0

    listed = {key["name"]: key for key in run("keys", "list", "--json").document["data"]}
    assert listed["leaked"]["revoked_at"] is not None
    assert listed["other"]["revoked_at"] is None
    assert "secret" not in listed["leaked"]
    table = run("keys", "list").out
    assert re.search(r"leaked .*revoked", table)
    assert made["id"] in table


def test_revoking_what_is_not_there_is_told(run: Run) -> None:
    """A mistyped id must not look like a key that was cut off."""
    ended = run("keys", "revoke", "key_none")

    assert ended.status == 1
    assert "there is no key key_none" in ended.err


def test_a_store_in_memory_cannot_be_reached_from_here(run: Run, place: Path) -> None:
    """A key in a store of its own would open nothing."""
    (place / "mail-sender.toml").write_text('[store]\nurl = "memory:"\n')

    ended = run("keys", "create", "--name", "a")

    assert ended.status == 2
    assert "--url" in ended.err
    assert ended.out == ""


def test_the_store_of_the_named_configuration_is_used(run: Run, place: Path) -> None:
    """--config, as for serve."""
    (place / "other.toml").write_text('[store]\nurl = "sqlite:///elsewhere/mail.db"\n')

    run("keys", "create", "--name", "a", "--config", "other.toml")

    assert (place / "elsewhere" / "mail.db").exists()
    assert not (place / "var").exists()


# ---------------------------------------------------------------- over the API


def test_a_key_is_made_over_http_when_a_gateway_is_named(run: Run, place: Path) -> None:
    """From the laptop of somebody whose key may manage."""
    answer = Says(201, {**KEY, "secret": "ms_live_fresh"})
    with ScriptedGateway(answer) as gateway:
        ended = run(
            "keys", "create", "--name", "shop", "--scopes", "send", "--test",
            "--url", gateway.url, "--key", "k",
        )  # fmt: skip

    assert ended.out == "ms_live_fresh\n"
    assert (gateway.asked[0].method, gateway.asked[0].path) == ("POST", "/v1/keys")
    assert gateway.asked[0].body == {"name": "shop", "scopes": ["send"], "mode": "test"}
    assert not (place / "var").exists()


def test_keys_are_listed_and_revoked_over_http(run: Run) -> None:
    """The same tables and words, wherever the keys are."""
    with ScriptedGateway(
        Says(200, {"data": [KEY], "next_cursor": None}), Says(200, KEY)
    ) as gateway:
        flags = ("--url", gateway.url, "--key", "k")
        listed = run("keys", "list", *flags)
        revoked = run("keys", "revoke", "key_1", *flags)

    assert "key_1" in listed.out
    assert "never" in listed.out
    assert revoked.out == "revoked  key_1\n"
    assert (gateway.asked[1].method, gateway.asked[1].path) == ("DELETE", "/v1/keys/key_1")


# ---------------------------------------------------------------- migrate


def test_migrate_makes_the_store_ready(run: Run, place: Path) -> None:
    """Deployments run it before the new version starts; twice does no harm."""
    first, second = run("migrate"), run("migrate", "--json")

    assert first.status == second.status == 0
    assert (place / "var" / "mail-sender.db").exists()
    assert second.document == {"store": "sqlite:///var/mail-sender.db", "current": True}
