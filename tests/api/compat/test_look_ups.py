"""What vendors' clients ask besides sending: what is not there, and what cannot be asked."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote

import httpx2
import pytest

from mail_sender.store.port import Scope
from tests.api.stack import Stack

from .speaking import SPEAKING, key_pair, signed

_NOBODY = "018f0000-0000-7000-8000-000000000000"
_SES_NOBODY = f"0100{0:012x}-{_NOBODY}-000000"


async def _ask(
    stack: Stack, vendor: str, path: str, *, secret: str = "", method: str = "GET"
) -> httpx2.Response:
    target = f"/compat/{vendor}{path}"
    secret = secret or stack.secret
    if vendor == "ses":
        headers = signed(stack, method, target, b"", {}, pair=await key_pair(stack, secret))
    elif vendor == "mailgun":
        headers = {"Authorization": "Basic " + b64encode(f"api:{secret}".encode()).decode()}
    else:
        headers = SPEAKING[vendor].shown(secret)
    async with stack.client(None) as client:
        return await client.request(method, target, headers=headers)


@pytest.mark.parametrize(
    ("vendor", "path"),
    [
        ("resend", f"/emails/{_NOBODY}"),
        ("resend", "/emails/nonsense"),
        ("postmark", f"/messages/outbound/{_NOBODY}/details"),
        ("postmark", "/messages/outbound/nonsense/details"),
        ("postmark", "/bounces/7000"),
        ("postmark", "/bounces/nonsense"),
        ("postmark", "/bounces/99999999999999999999999"),
        ("sendgrid", "/v3/messages/AY8AAAAAcACAAAAAAAAAAA"),
        ("sendgrid", "/v3/messages/nonsense"),
        ("ses", f"/v2/email/insights/{_SES_NOBODY}"),
        ("ses", "/v2/email/insights/nonsense"),
        ("ses", "/v2/email/suppression/addresses/ann%40example.net"),
    ],
)
async def test_what_is_not_there_is_told_in_the_vendors_form(
    idle: Stack, vendor: str, path: str
) -> None:
    """A client asks for what it sent elsewhere, or long ago."""
    answer = await _ask(idle, vendor, path)

    assert answer.status_code == (422 if vendor == "postmark" else 404), answer.text
    assert "There is no such" in SPEAKING[vendor].words(answer) or "is not on the" in (
        SPEAKING[vendor].words(answer)
    )


@pytest.mark.parametrize(
    ("vendor", "path", "words"),
    [
        ("resend", "/emails?limit=0", "limit: 1 to 100"),
        ("resend", "/emails?after=x", "after: this gateway cannot ask for that"),
        ("postmark", "/messages/outbound", "count: expected a whole number"),
        ("postmark", "/messages/outbound?count=501&offset=0", "count: 1 to 500"),
        ("postmark", "/messages/outbound?count=1&offset=0&fromdate=x", "fromdate: expected a date"),
        (
            "postmark",
            "/messages/outbound?count=1&offset=0&metadata_a=b",
            "metadata_a: this gateway",
        ),
        ("postmark", "/bounces?count=1", "offset: expected a whole number"),
        ("sendgrid", "/v3/messages?limit=0", "limit: 1 to 1000"),
        ("sendgrid", "/v3/messages?query=status%3D%22x%22", "query: expected msg_id"),
        ("mailgun", "/v3/a.example/events?limit=301", "limit: 1 to 300"),
        ("mailgun", "/v3/a.example/events?begin=x", "begin: expected seconds"),
        ("ses", "/v2/email/identities/nonsense", "EmailIdentity: expected an address"),
    ],
)
async def test_what_cannot_be_asked_is_told_so(
    idle: Stack, vendor: str, path: str, words: str
) -> None:
    """A filter that is left out silently shows the wrong mails."""
    answer = await _ask(idle, vendor, path)

    assert answer.status_code in {400, 422}
    assert words in SPEAKING[vendor].words(answer)


_LISTS = {
    "resend": "/emails",
    "postmark": "/messages/outbound?count=10&offset=0&recipient=ann%40example.net",
    "sendgrid": "/v3/messages?query=" + quote('to_email="ann@example.net" AND subject="Order"'),
    "mailgun": "/v3/a.example/events?recipient=ann%40example.net&event=accepted",
}


@pytest.mark.parametrize("vendor", _LISTS)
async def test_lists_show_what_any_door_took(idle: Stack, vendor: str) -> None:
    """A mail that came by another door is found by this one; a key without `read` sees none."""
    sent = await SPEAKING["ses"].send(idle)

    answer = await _ask(idle, vendor, _LISTS[vendor])
    assert answer.status_code == 200, answer.text
    document = answer.json()
    rows = next(value for value in document.values() if isinstance(value, list))
    assert len(rows) == 1
    assert "Order 7" in str(rows[0])
    assert sent.status_code == 200

    no = await _ask(idle, vendor, _LISTS[vendor], secret=await idle.issue(Scope.SEND))
    assert no.status_code in {401, 403}
    assert "lacks the scope read" in SPEAKING[vendor].words(no)


async def test_bodies_are_for_those_who_may_read_them(idle: Stack) -> None:
    """Resend and Postmark give bodies back; a key without `content` gets the rest."""
    secret = await idle.issue(Scope.READ)
    await SPEAKING["resend"].send(idle)
    async with idle.client() as client:
        [message] = (await client.get("/v1/messages")).json()["data"]

    for path, vendor, field in (
        (f"/emails/{message['id']}", "resend", "text"),
        (f"/messages/outbound/{message['id']}/details", "postmark", "TextBody"),
    ):
        assert (await _ask(idle, vendor, path)).json()[field] == "Hi"
        assert (await _ask(idle, vendor, path, secret=secret)).json()[field] is None


async def test_postmark_counts_from_the_newest(idle: Stack) -> None:
    """Count and offset; the total says whether there is more."""
    for number in range(5):
        await SPEAKING["postmark"].send(idle, subject=f"Mail {number}")

    path = "/messages/outbound?count=2&offset={}&subject=Mail"
    first, last = [(await _ask(idle, "postmark", path.format(at))).json() for at in (0, 4)]
    assert [it["Subject"] for it in first["Messages"]] == ["Mail 4", "Mail 3"]
    assert first["TotalCount"] == 3
    assert [it["Subject"] for it in last["Messages"]] == ["Mail 0"]
    assert last["TotalCount"] == 5
