"""Who signed: botocore's signatures are read, and nothing else is let in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mail_sender.api.compat.refusal import Reason, Refusal
from mail_sender.api.compat.ses_signature import Signed, key_pair_of, signer_of
from mail_sender.clock import FakeClock
from mail_sender.domain.message import KeyId
from mail_sender.domain.secret import Secret
from tests.api.stack import SES_SECRET, Stack

from .speaking import SPEAKING, key_pair, signed

SES = SPEAKING["ses"]
SECRET = Secret("operator")
ID = KeyId("key_01JZX3M8Q0V5W6Y7Z8A9B0C1D2")
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def test_a_key_pair_stands_for_one_key_under_one_secret() -> None:
    """Stable, so that it can be asked for again; and unguessable from any other pair."""
    pair = key_pair_of(ID, SECRET)

    assert pair == key_pair_of(ID, SECRET)
    assert len(pair.secret_access_key) == 40
    assert pair.access_key_id == ID
    others = {
        key_pair_of(KeyId("key_01JZX3M8Q0V5W6Y7Z8A9B0C1D3"), SECRET).secret_access_key,
        key_pair_of(ID, Secret("another")).secret_access_key,
    }
    assert pair.secret_access_key not in others


async def test_the_owner_of_a_key_is_told_its_pair(idle: Stack) -> None:
    """As often as it asks; where the operator has set no secret it is told why not."""
    async with idle.client() as client:
        answer = await client.get("/v1/whoami/ses")
        assert answer.status_code == 200
        assert (answer.json()["access_key_id"], answer.json()["secret_access_key"]) == (
            await key_pair(idle)
        )
        assert (await client.get("/v1/whoami/ses")).json() == answer.json()
    without = idle.behind(compat=type(idle.services.policy.compat)())
    async with without.client() as client:
        answer = await client.get("/v1/whoami/ses")
    assert (answer.status_code, answer.json()["code"]) == (409, "state_conflict")
    answer = await SES.send(without)
    assert answer.status_code == 403
    assert "compat.ses_secret" in SES.words(answer)


async def _headers(stack: Stack, **changed: str | None) -> dict[str, str]:
    content, named = SES.encoded(SES.small("Hi"), SES.path)
    made = signed(stack, "POST", _TARGET, content, named, pair=await key_pair(stack))
    for name, value in changed.items():
        if value is None:
            made.pop(name.replace("_", "-"), None)
        else:
            made[name.replace("_", "-")] = value
    return made


_TARGET = f"/compat/ses{SES.path}"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"Authorization": None}, Reason.NO_KEY),
        ({"Authorization": "Bearer ms_live_x"}, Reason.BAD_KEY),
        ({"Authorization": "AWS4-HMAC-SHA256 Credential=x"}, Reason.BAD_KEY),
        ({"X_Amz_Date": "20300101T000001Z"}, Reason.BAD_KEY),
        ({"X_Amz_Date": "20300101T9999999Z"}, Reason.BAD_KEY),
        ({"X_Amz_Date": None}, Reason.BAD_KEY),
        ({"Content_Type": "text/plain"}, Reason.BAD_KEY),
    ],
)
async def test_a_changed_request_is_not_its_signers(
    idle: Stack, changed: dict[str, str | None], reason: Reason
) -> None:
    """Whoever changes a header, the time or the scheme is nobody."""
    content, _ = SES.encoded(SES.small("Hi"), SES.path)
    headers = await _headers(idle, **changed)

    with pytest.raises(Refusal) as caught:
        signer_of(_as_it_came(headers, content), SES_SECRET, idle.clock.now())

    assert caught.value.reason is reason


def _as_it_came(made: dict[str, str], content: bytes, **more: Any) -> Signed:  # noqa: ANN401
    lower = {name.lower(): value for name, value in made.items()}
    return Signed(**{
        "method": "POST", "target": _TARGET, "headers": {"host": "gateway.test", **lower},
        "body": content, **more,
    })  # fmt: skip


async def test_botocores_signature_is_read_whatever_is_signed(idle: Stack) -> None:
    """The same request, and the same with one byte, one path or one host changed."""
    content, _ = SES.encoded(SES.small("Hi"), SES.path)
    headers = await _headers(idle)
    now = idle.clock.now()

    assert signer_of(_as_it_came(headers, content), SES_SECRET, now) == idle.key.id
    for changed in (
        {"body": content + b" "},
        {"target": "/compat/ses/v2/email/account"},
        {"target": _TARGET + "?a=b"},
        {"method": "PUT"},
        {"headers": {**{k.lower(): v for k, v in headers.items()}, "host": "elsewhere.test"}},
    ):
        with pytest.raises(Refusal):
            signer_of(_as_it_came(headers, content, **changed), SES_SECRET, now)


async def test_a_signature_lives_for_a_quarter_of_an_hour(idle: Stack) -> None:
    """AWS's own limit: a client's clock may be wrong, and an old request is worth nothing."""
    assert isinstance(idle.clock, FakeClock)
    content, _ = SES.encoded(SES.small("Hi"), SES.path)
    headers = await _headers(idle)

    async def answer() -> int:
        async with idle.client(None) as client:
            return (await client.post(_TARGET, content=content, headers=headers)).status_code

    assert await answer() == 200
    idle.clock.advance(timedelta(minutes=16))
    assert await answer() == 403


async def test_a_revoked_or_expired_key_signs_nothing(idle: Stack) -> None:
    """A key pair ends with its API key."""
    assert isinstance(idle.clock, FakeClock)
    secret = await idle.issue(expires_at=idle.clock.now() + timedelta(hours=1))
    assert (await SES.send(idle, secret=secret)).status_code == 200
    idle.clock.advance(timedelta(hours=2))
    expired = await SES.send(idle, secret=secret)
    assert (expired.status_code, SES.words(expired)) == (403, "This API key has expired.")

    assert (await SES.send(idle)).status_code == 200
    await idle.store.revoke_key(idle.key.id)
    idle.clock.advance(timedelta(seconds=2))
    revoked = await SES.send(idle)
    assert (revoked.status_code, SES.words(revoked)) == (403, "This API key was revoked.")


async def test_a_call_of_the_sdk_is_known_by_its_name(idle: Stack) -> None:
    """The SDK repeats a call under one invocation id; the next call has another."""
    named = {"Content-Type": "application/json", "amz-sdk-invocation-id": "one"}
    first = await SES.send(idle, headers=named)
    again = await SES.send(idle, headers=named)
    other = await SES.send(idle, headers={**named, "amz-sdk-invocation-id": "two"})

    ids = [it.headers["x-ms-message-id"] for it in (first, again, other)]
    assert ids[0] == ids[1] != ids[2]
