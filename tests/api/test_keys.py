"""API keys: who may do what, from where, how often; and how keys are made and ended."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from mail_sender.api.asgi import make_app
from mail_sender.clock import FakeClock
from mail_sender.domain.errors import ConfigError
from mail_sender.intake.keys import issue_key
from mail_sender.intake.rate_limit import RateLimit
from mail_sender.store.memory import MemoryStore
from mail_sender.store.port import ApiKey, Scope

from .stack import Stack, mail, pointers, running


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic dTpw", "ms_live_x", "Bearer ms_live_nobody", "Bearer é"],
)
async def test_without_a_good_key_nothing_is_answered(idle: Stack, header: str | None) -> None:
    """401 before anything else is looked at: not the body, not the parameters."""
    headers = {} if header is None else {b"Authorization": header.encode()}
    async with idle.client(None) as api:
        answers = [
            await api.post("/v1/messages", content=b"{", headers=headers),
            await api.post("/v1/messages/batch", headers=headers),
            await api.get("/v1/messages?limit=x", headers=headers),
            await api.post("/v1/keys", content=b"x" * 10, headers=headers),
            await api.get("/v1/events/stream", headers=headers),
        ]

    for answer in answers:
        assert answer.status_code == 401
        assert answer.json()["code"] == "unauthorized"
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        (Scope.SEND, "POST", "/v1/messages"),
        (Scope.SEND, "POST", "/v1/messages/batch"),
        (Scope.SEND, "POST", "/v1/explain"),
        (Scope.READ, "GET", "/v1/messages"),
        (Scope.READ, "GET", "/v1/messages/x"),
        (Scope.READ, "GET", "/v1/messages/x/events"),
        (Scope.CONTENT, "GET", "/v1/messages/x/content"),
        (Scope.READ, "GET", "/v1/events"),
        (Scope.READ, "GET", "/v1/stats"),
        (Scope.READ, "GET", "/v1/system"),
        (Scope.READ, "GET", "/v1/providers"),
        (Scope.READ, "GET", "/v1/routes"),
        (Scope.READ, "GET", "/v1/verifications/a@example.net"),
        (Scope.READ, "GET", "/v1/suppressions"),
        (Scope.READ, "GET", "/v1/suppressions/export"),
        (Scope.READ, "GET", "/v1/suppressions/a@example.net"),
        (Scope.MANAGE, "POST", "/v1/suppressions"),
        (Scope.MANAGE, "POST", "/v1/suppressions/import"),
        (Scope.MANAGE, "DELETE", "/v1/suppressions/a@example.net"),
        (Scope.MANAGE, "POST", "/v1/verifications/a@example.net"),
        (Scope.MANAGE, "POST", "/v1/providers/ses/pause"),
        (Scope.MANAGE, "POST", "/v1/providers/ses/resume"),
        (Scope.MANAGE, "POST", "/v1/providers/ses/test"),
        (Scope.MANAGE, "GET", "/v1/keys"),
        (Scope.MANAGE, "POST", "/v1/keys"),
        (Scope.MANAGE, "DELETE", "/v1/keys/x"),
        (Scope.MANAGE, "POST", "/v1/keys/x/rotate"),
        (Scope.READ, "GET", "/v1/sandbox/inbox"),
        (Scope.CONTENT, "GET", "/v1/sandbox/inbox/1"),
        (Scope.MANAGE, "DELETE", "/v1/sandbox/inbox"),
        (Scope.READ, "GET", "/v1/sandbox/faults"),
        (Scope.MANAGE, "PUT", "/v1/sandbox/faults/ses"),
        (Scope.MANAGE, "DELETE", "/v1/sandbox/faults/ses"),
        (Scope.READ, "GET", "/v1/sandbox/identities"),
        (Scope.MANAGE, "POST", "/v1/sandbox/identities/x/verify"),
    ],
)
async def test_each_call_needs_its_scope_and_no_other(
    idle: Stack, scope: Scope, method: str, path: str
) -> None:
    """Least privilege only works when every door asks for the right thing."""
    others = tuple(each for each in Scope if each is not scope)
    async with idle.client(await idle.issue(*others)) as api:
        refused = await api.request(method, path)
    async with idle.client(await idle.issue(scope)) as api:
        admitted = await api.request(method, path)

    assert refused.status_code == 403
    assert refused.json()["code"] == "scope_missing"
    assert scope in refused.json()["detail"]
    assert admitted.status_code not in {401, 403}


async def test_a_key_may_be_limited_to_networks(idle: Stack) -> None:
    """A key that leaked from the office is of no use elsewhere."""
    secret = await idle.issue(networks=["10.0.0.0/8", "2001:db8::/32"])

    statuses = {}
    for peer in ("10.1.2.3", "11.1.2.3", "2001:db8::7", "::ffff:10.9.9.9", "testclient"):
        async with idle.client(secret, peer=peer) as api:
            statuses[peer] = (await api.get("/v1/messages")).status_code

    assert statuses == {
        "10.1.2.3": 200,
        "11.1.2.3": 403,
        "2001:db8::7": 200,
        "::ffff:10.9.9.9": 200,
        "testclient": 403,
    }


@pytest.mark.parametrize(
    ("peer", "forwarded", "status"),
    [
        ("192.0.2.1", "10.1.1.1", 200),  # our proxy says so
        ("192.0.2.1", "6.6.6.6, 10.1.1.1", 200),  # what stands left of it does not matter
        ("192.0.2.1", "10.1.1.1, 6.6.6.6", 403),  # the client made up the first
        ("192.0.2.1", "10.1.1.1, 192.0.2.2", 200),  # two of our proxies
        ("192.0.2.1", "10.1.1.1, unknown", 403),  # nobody whom we trust knows
        ("192.0.2.1", None, 403),  # the proxy itself is not in the network
        ("6.6.6.6", "10.1.1.1", 403),  # not our proxy: not believed
    ],
)
async def test_x_forwarded_for_is_believed_as_far_as_trusted_hands_wrote_it(
    idle: Stack, peer: str, forwarded: str | None, status: int
) -> None:
    """Anybody can write the header; believing its left end would open every limited key."""
    door = idle.behind(trusted_proxies=("192.0.2.0/24",))
    secret = await idle.issue(networks=["10.0.0.0/8"])
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}

    async with door.client(secret, peer=peer) as api:
        answer = await api.get("/v1/messages", headers=headers)

    assert answer.status_code == status
    if status == 403:
        assert answer.json()["code"] == "network_not_allowed"


async def test_a_proxy_that_is_none_stops_the_start(idle: Stack) -> None:
    """A typing mistake here would silently trust nobody, or everybody."""
    with pytest.raises(ConfigError, match="trusted_proxies"):
        idle.behind(trusted_proxies=("proxy.example.com",))


async def test_a_key_expires(idle: Stack) -> None:
    """Also while its last use is still remembered."""
    assert isinstance(idle.clock, FakeClock)
    secret = await idle.issue(expires_at=idle.clock.now() + timedelta(milliseconds=500))
    async with idle.client(secret) as api:
        before = await api.get("/v1/messages")
        idle.clock.advance(timedelta(milliseconds=500))
        after = await api.get("/v1/messages")

    assert (before.status_code, after.status_code) == (200, 401)
    assert "expired" in after.json()["detail"]


async def test_a_busy_key_is_looked_up_once_for_all_who_come_with_it(tmp_path: Path) -> None:
    """A hundred connections must not mean a hundred look-ups at once, each second."""

    class Slow(MemoryStore):
        lookups = 0

        async def key_by_hash(self, secret_hash: bytes) -> ApiKey | None:
            self.lookups += 1
            await asyncio.sleep(0.05)
            return await super().key_by_hash(secret_hash)

    async with running(tmp_path, claims=False) as idle:
        slow = Slow(idle.clock)
        _, secret = await issue_key(slow, idle.clock, name="busy", scopes=[Scope.SEND])
        app = make_app(dataclasses.replace(idle.services, store=slow))
        async with dataclasses.replace(idle, app=app).client(secret) as api:
            answers = await asyncio.gather(
                *(api.post("/v1/messages", json=mail()) for _ in range(20))
            )

    assert {answer.status_code for answer in answers} == {202}
    assert slow.lookups == 1


async def test_a_revoked_key_is_refused_within_a_second(idle: Stack) -> None:
    """Keys are remembered for speed, but not for longer than that."""
    assert isinstance(idle.clock, FakeClock)
    secret = await idle.issue(name="leaked")
    id_ = next(k.id for k in await idle.store.keys() if k.name == "leaked")
    async with idle.client(secret) as leaked, idle.client() as admin:
        before = await leaked.get("/v1/messages")
        revoked = await admin.delete(f"/v1/keys/{id_}")
        idle.clock.advance(timedelta(seconds=1))
        after = await leaked.get("/v1/messages")
        again = await admin.delete(f"/v1/keys/{id_}")

    assert (before.status_code, after.status_code) == (200, 401)
    assert "revoked" in after.json()["detail"]
    assert revoked.json()["revoked_at"] == again.json()["revoked_at"] is not None


async def test_too_many_requests_are_told_when_to_come_back(tmp_path: Path) -> None:
    """One client in a loop must not take the gateway from all others."""
    clock = FakeClock()
    async with running(tmp_path, claims=False, clock=clock, requests_per_minute=2) as gateway:
        other_secret = await gateway.issue()
        async with gateway.client() as api, gateway.client(other_secret) as other:
            first = await api.get("/v1/messages")
            clock.advance(timedelta(seconds=20))
            await api.get("/v1/messages")
            third = await api.post("/v1/messages", json=mail())
            others = await other.get("/v1/messages")
            clock.advance(timedelta(seconds=40))
            later = await api.get("/v1/messages")

    assert (first.headers["ratelimit-limit"], first.headers["ratelimit-remaining"]) == ("2", "1")
    assert third.status_code == 429
    assert third.json()["code"] == "rate_limited"
    assert third.headers["retry-after"] == third.headers["ratelimit-reset"] == "40"
    assert third.headers["ratelimit-remaining"] == "0"
    assert (others.status_code, later.status_code) == (200, 200)


async def test_guessing_keys_is_limited_by_the_clients_address(tmp_path: Path) -> None:
    """A limit per key stops nobody who tries another key each time."""
    clock = FakeClock()
    async with running(
        tmp_path, claims=False, clock=clock, requests_per_minute_per_address=2,
        trusted_proxies=("192.0.2.1",),
    ) as gateway:  # fmt: skip
        wrong = gateway.client("ms_live_wrong", peer="192.0.2.1")
        right = gateway.client(peer="192.0.2.1")
        async with wrong, right:
            guesses = [
                await wrong.get("/v1/messages", headers={"X-Forwarded-For": address})
                for address in ("2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::3")
            ]
            neighbour = await right.get(
                "/v1/messages", headers={"X-Forwarded-For": "2001:db8:0:1::1"}
            )
            clock.advance(timedelta(minutes=1))
            later = await right.get("/v1/messages", headers={"X-Forwarded-For": "2001:db8::1"})

    assert [guess.status_code for guess in guesses] == [401, 401, 429]
    assert guesses[2].headers["retry-after"] == "60"
    assert (neighbour.status_code, later.status_code) == (200, 200)


def test_counted_addresses_cannot_fill_the_memory() -> None:
    """Whoever has a large network has more addresses than we have memory."""
    limit = RateLimit[int](per_minute=1)
    now = FakeClock().now()

    for number in range(100_002):
        limit.count(number, now)

    assert limit.count(100_001, now).remaining == -1
    assert limit.count(0, now).remaining == 0  # the oldest was forgotten


# ---------------------------------------------------------------- the life of a key


async def test_a_secret_is_shown_once_and_kept_nowhere(
    idle: Stack, idle_api: httpx2.AsyncClient
) -> None:
    """Whoever can list keys, or read the store, must not be able to use them."""
    body = {
        "name": "shop",
        "scopes": ["send"],
        "sender_domains": ["Example.COM"],
        "networks": ["127.0.0.0/8"],
        "expires_at": "2031-01-01T00:00:00+01:00",
    }
    made = await idle_api.post("/v1/keys", json=body)
    listed = await idle_api.get("/v1/keys")

    key = made.json()
    assert made.status_code == 201
    assert re.fullmatch(r"ms_live_[A-Za-z0-9]{32}", key["secret"])
    assert re.fullmatch(r"key_[0-9A-Z]{26}", key["id"])
    assert key["secret"] not in listed.text
    shown = {k: v for k, v in key.items() if k != "secret"}
    assert shown in listed.json()["data"]
    assert shown == {
        "id": key["id"],
        "name": "shop",
        "mode": "live",
        "scopes": ["send"],
        "sender_domains": ["example.com"],
        "networks": ["127.0.0.0/8"],
        "created_at": "2030-01-01T00:00:00Z",
        "expires_at": "2030-12-31T23:00:00Z",
        "revoked_at": None,
        "last_used_at": None,
    }
    async with idle.client(key["secret"]) as shop:
        assert (await shop.post("/v1/messages", json=mail())).status_code == 202
        assert (await shop.get("/v1/messages")).status_code == 403


async def test_a_test_key_is_told_by_its_secret(idle_api: httpx2.AsyncClient) -> None:
    """So that a person sees in a configuration which one it is."""
    body = {"name": "ci", "scopes": ["send"], "mode": "test"}

    key = (await idle_api.post("/v1/keys", json=body)).json()

    assert key["secret"].startswith("ms_test_")
    assert key["mode"] == "test"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, ["/name", "/scopes"]),
        ({"name": "", "scopes": ["send"]}, ["/name"]),
        ({"name": "a\nb", "scopes": ["send"]}, ["/name"]),
        ({"name": "x", "scopes": []}, ["/scopes"]),
        ({"name": "x", "scopes": ["sned"]}, ["/scopes/0"]),
        ({"name": "x", "scopes": "send"}, ["/scopes"]),
        ({"name": "x", "scopes": ["send"], "mode": "demo"}, ["/mode"]),
        ({"name": "x", "scopes": ["send"], "networks": ["10.0.0.0/33"]}, ["/networks/0"]),
        ({"name": "x", "scopes": ["send"], "sender_domains": ["a@b"]}, ["/sender_domains/0"]),
        ({"name": "x", "scopes": ["send"], "expires_at": "2029-01-01T00:00:00Z"}, ["/expires_at"]),
        ({"name": "x", "scopes": ["send"], "secret": "mine"}, ["/secret"]),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused(
    idle_api: httpx2.AsyncClient, body: object, expected: list[str]
) -> None:
    """A key with a mistyped limit would have none."""
    answer = await idle_api.post("/v1/keys", json=body)

    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_request"
    assert pointers(answer) == expected


async def test_a_rotated_key_is_the_same_with_another_secret(
    idle: Stack, idle_api: httpx2.AsyncClient
) -> None:
    """Rotation without an outage: both work until the old one is revoked."""
    assert isinstance(idle.clock, FakeClock)
    body = {"name": "shop", "scopes": ["read"], "sender_domains": ["example.com"]}
    first = (await idle_api.post("/v1/keys", json=body)).json()

    second = (
        await idle_api.post(f"/v1/keys/{first['id']}/rotate", json={"revoke_old": False})
    ).json()
    async with idle.client(first["secret"]) as old:
        while_both = (await old.get("/v1/messages")).status_code
    third = await idle_api.post(f"/v1/keys/{second['id']}/rotate")
    again = await idle_api.post(f"/v1/keys/{second['id']}/rotate")
    missing = await idle_api.post("/v1/keys/key_nobody/rotate")

    statuses = {}
    for name, key in (("first", first), ("second", second), ("third", third.json())):
        async with idle.client(key["secret"]) as api:
            statuses[name] = (await api.get("/v1/messages")).status_code
    assert while_both == 200
    assert third.status_code == 201
    assert statuses == {"first": 200, "second": 401, "third": 200}
    assert third.json()["sender_domains"] == ["example.com"]
    assert len({first["id"], second["id"], third.json()["id"]}) == 3
    assert (again.status_code, again.json()["code"]) == (409, "state_conflict")
    assert missing.status_code == 404


async def test_a_key_cannot_give_more_than_it_has(idle: Stack) -> None:
    """Otherwise one call with a limited key makes an unlimited one."""
    test_key = await idle.issue(Scope.MANAGE, is_test=True)
    of_domain = await idle.issue(Scope.MANAGE, sender_domains=["example.com"])
    of_network = await idle.issue(Scope.MANAGE, networks=["127.0.0.0/8"])
    body = {"name": "x", "scopes": ["send"]}
    live_id = idle.key.id

    answers = {}
    for name, secret, more in (
        ("live by test", test_key, {}),
        ("test by test", test_key, {"mode": "test"}),
        ("any domain", of_domain, {}),
        ("other domain", of_domain, {"sender_domains": ["example.org"]}),
        ("same domain", of_domain, {"sender_domains": ["EXAMPLE.com"]}),
        ("any network", of_network, {}),
        ("wider network", of_network, {"networks": ["127.0.0.0/7"]}),
        ("narrower network", of_network, {"networks": ["127.0.0.1"]}),
    ):
        async with idle.client(secret) as api:
            answers[name] = (await api.post("/v1/keys", json=body | more)).status_code
    for secret in (test_key, of_domain, of_network):
        async with idle.client(secret) as api:
            rotated = await api.post(f"/v1/keys/{live_id}/rotate", json={"revoke_old": False})
        assert rotated.json()["code"] == "key_not_allowed"

    assert answers == {
        "live by test": 403,
        "test by test": 201,
        "any domain": 403,
        "other domain": 403,
        "same domain": 201,
        "any network": 403,
        "wider network": 403,
        "narrower network": 201,
    }


async def test_the_last_use_of_a_key_is_seen(idle: Stack, idle_api: httpx2.AsyncClient) -> None:
    """A key that nobody uses any more should be revoked; somebody has to be able to tell."""
    assert isinstance(idle.clock, FakeClock)
    await idle_api.get("/v1/messages")
    await asyncio.sleep(0)
    first = (await idle_api.get("/v1/keys")).json()["data"][0]["last_used_at"]
    idle.clock.advance(timedelta(seconds=59))
    await idle_api.get("/v1/messages")
    await asyncio.sleep(0)
    within = (await idle_api.get("/v1/keys")).json()["data"][0]["last_used_at"]
    idle.clock.advance(timedelta(seconds=1))
    await idle_api.get("/v1/messages")
    await asyncio.sleep(0)
    later = (await idle_api.get("/v1/keys")).json()["data"][0]["last_used_at"]

    assert first == within == "2030-01-01T00:00:00Z"
    assert later == "2030-01-01T00:01:00Z"
