"""Amazon SES, judged by others: AWS's service model, the moto server and aws-ses-v2-local.

Each knows something that the other two do not: the model every limit, moto which senders are
verified, aws-ses-v2-local attachments and headers.
"""

from __future__ import annotations

import asyncio
import json
import re
import urllib.request
from base64 import b64decode
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any, cast

import botocore.session
import pytest
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from mail_sender.clock import SystemClock
from mail_sender.domain.message import Address, Attachment, Disposition, Mailbox, Message
from mail_sender.domain.outcome import Accepted, Blame, Outcome, Reach, Refused
from mail_sender.domain.secret import Secret
from mail_sender.http.client import PooledHttpClient
from mail_sender.providers.port import CheckResult, VerificationStatus
from mail_sender.providers.ses import Ses, Settings, make
from tests.make import ANN, BOB, CID, mailboxes, make_message
from tests.providers.make_ses import SHOP, ses
from tests.providers.moto_server import Moto, running_moto
from tests.providers.running import running
from tests.providers.scripted_http import ScriptedHttp, always, recorded
from tests.providers.tools import make_tools
from tests.requirements import need

SES_LOCAL = Path(__file__).parent.parent / "node" / "node_modules" / ".bin" / "aws-ses-v2-local"

# ---------------------------------------------------------------- AWS's service model

MODEL = botocore.session.get_session().get_service_model("sesv2")
SEND_EMAIL = MODEL.operation_model("SendEmail")

_words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)
_addresses = st.sampled_from(
    ["ann@example.net", "bob@bücher.example", '"a b"@example.org', "o'neil+x@example.com"]
).map(Address)
_boxes = st.builds(Mailbox, _addresses, _words)
_files = st.builds(
    Attachment,
    filename=st.sampled_from(["a.pdf", "ü.txt", 'a"b.txt', "a" * 255, "x y.png"]),
    content_type=st.sampled_from(
        ["application/pdf", "text/plain; charset=utf-8", "message/rfc822", "a/" + "b" * 90]
    ),
    content=st.binary(max_size=100),
    content_id=st.none() | st.sampled_from(["logo1", "a@b", "c" * 100]),
    disposition=st.sampled_from(Disposition),
)
_header_names = st.sampled_from(["X-App", "List-Unsubscribe", "x-app", "X-" + "n" * 70])
_header_values = _words | st.sampled_from(["", "v" * 990, "ü" * 300])
_messages = st.builds(
    make_message,
    sender=_boxes,
    to=st.lists(_addresses, max_size=3, unique=True),
    cc=st.lists(_boxes, max_size=2).map(tuple),
    bcc=st.lists(_boxes, min_size=1, max_size=2).map(tuple),
    reply_to=st.lists(_boxes, max_size=2).map(tuple),
    subject=_words,
    text=st.none() | _words,
    html=st.none() | _words,
    attachments=st.lists(_files, max_size=2).map(tuple),
    headers=st.lists(st.tuples(_header_names, _header_values), max_size=17).map(tuple),
    tags=st.lists(_words, max_size=10).map(tuple),
    metadata=st.dictionaries(_words | st.just("order"), _words | st.just("7")).map(
        lambda pairs: tuple(pairs.items())
    ),
)


@settings(deadline=None, max_examples=300)
@given(message=_messages, configuration_set=st.none() | st.just("mail-sender"))
def test_every_body_is_one_that_the_model_allows(
    message: Message, configuration_set: str | None
) -> None:
    """Beyond the model is a BadRequestException, which would cost the mail its life."""
    http = ScriptedHttp(always(recorded("ses/send-email")))
    provider = ses(http, configuration_set=configuration_set)
    assert provider.cannot_express(message) is None

    asyncio.run(provider.send(message, to=frozenset(message.content.recipients)))

    body = json.loads(http.last.body)
    given_to_sdk = _with_blobs(body)
    report = ParamValidator().validate(given_to_sdk, SEND_EMAIL.input_shape)
    assert not report.has_errors(), report.generate_report()
    _assert_within_limits(body, SEND_EMAIL.input_shape)
    for tag in body["EmailTags"]:
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,256}", tag["Name"])
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,256}", tag["Value"])
    assert len({tag["Name"] for tag in body["EmailTags"]}) == len(body["EmailTags"])

    theirs = create_serializer("rest-json").serialize_to_request(given_to_sdk, SEND_EMAIL)
    assert json.loads(theirs["body"]) == body
    assert http.last.url.endswith(theirs["url_path"])
    assert http.last.method == theirs["method"]


def _with_blobs(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body as an SDK is given it: blobs as bytes."""
    copy = cast("dict[str, Any]", json.loads(json.dumps(body)))
    content = copy["Content"]
    if "Raw" in content:
        content["Raw"]["Data"] = b64decode(content["Raw"]["Data"], validate=True)
    for file in content.get("Simple", {}).get("Attachments", []):
        file["RawContent"] = b64decode(file["RawContent"], validate=True)
    return copy


def _assert_within_limits(value: Any, shape: Any) -> None:  # noqa: ANN401
    """Check `max` and `pattern`, which botocore's validator leaves to the server."""
    limits = shape.metadata
    if isinstance(value, str | list):
        assert len(value) <= limits.get("max", len(value)), (shape.name, value)
        assert len(value) >= limits.get("min", 0), (shape.name, value)
    if isinstance(value, str) and "pattern" in limits:
        assert re.fullmatch(limits["pattern"], value), (shape.name, value)
    if isinstance(value, dict):
        for name, part in value.items():
            _assert_within_limits(part, shape.members[name])
    if isinstance(value, list):
        for part in value:
            _assert_within_limits(part, shape.member)


# ---------------------------------------------------------------- moto


@pytest.fixture(scope="module")
def moto() -> Iterator[Moto]:
    with running_moto() as server:
        yield server


async def ask(url: str, message: Message, to: set[Address] | None = None) -> dict[Address, Outcome]:
    """Send through a server on loopback, over the real HTTP client."""
    provider, http = _provider_at(url)
    try:
        outcomes = await provider.send(message, to=frozenset(to or message.content.recipients))
    finally:
        await http.close()
    return dict(outcomes)


def _provider_at(url: str) -> tuple[Ses, PooledHttpClient]:
    http = PooledHttpClient()
    table = Settings(
        kind="ses",
        region="eu-west-1",
        access_key_id="AKIDEXAMPLE",
        secret_access_key=Secret("secret"),
        endpoint_url=url,
    )
    return make("ses", table, make_tools(http, SystemClock())), http


async def test_moto_refuses_a_sender_until_it_is_verified(moto: Moto) -> None:
    """The life of a new account: refused, asked for, verified, sent."""
    moto.reset()
    message = make_message(sender=SHOP, to=[ANN], cc=mailboxes([BOB]), bcc=mailboxes([CID]))

    refused = (await ask(moto.url, message))[ANN]
    assert isinstance(refused, Refused)
    assert (refused.blame, refused.reach) == (Blame.PROVIDER, Reach.SENDER)

    provider, http = _provider_at(moto.url)
    assert (await provider.verification(SHOP.address)).status is VerificationStatus.NOT_ASKED
    await provider.ask_verification(SHOP.address)
    found = await provider.verification(SHOP.address)
    await http.close()
    assert found.status is VerificationStatus.VERIFIED

    accepted = await ask(moto.url, message)
    assert {type(outcome) for outcome in accepted.values()} == {Accepted}
    [taken] = moto.taken()["Message"]
    assert accepted[ANN] == Accepted(provider_message_id=taken["id"])
    assert taken["destinations"] == {
        "ToAddresses": [ANN],
        "CcAddresses": [BOB],
        "BccAddresses": [CID],
    }
    assert taken["subject"] == "Order 7"
    assert taken["body"] == "Thank you for your order.\n"


async def test_moto_takes_a_whole_mail(moto: Moto) -> None:
    """A real MIME parser and the envelope beside it: what Raw is for."""
    moto.reset()
    moto.verify("example.com")
    message = make_message(sender=SHOP, to=[ANN, BOB], subject="Grüße")

    outcomes = await ask(moto.url, message, {BOB})

    assert isinstance(outcomes[BOB], Accepted)
    [taken] = moto.taken()["RawMessage"]
    assert taken["destinations"][0] == BOB
    mail = message_from_bytes(taken["raw_data"].encode(), policy=policy.default)
    assert mail["To"] == f"{ANN}, {BOB}"
    assert mail["Subject"] == "Grüße"
    assert mail["X-MS-ID"] == message.id


async def test_a_server_that_knows_no_quota_is_no_working_account(moto: Moto) -> None:
    """Moto has no GetAccount; a 404 of a server that is not SES must not look like a pass."""
    provider, http = _provider_at(moto.url)
    check = await provider.check()
    await http.close()

    assert check.result is not CheckResult.WORKS
    assert check.clock_offset is not None
    assert abs(check.clock_offset) < timedelta(seconds=5)


# ---------------------------------------------------------------- aws-ses-v2-local


@pytest.fixture(scope="module")
def ses_local() -> Iterator[str]:
    need(SES_LOCAL.exists(), "aws-ses-v2-local: run npm ci in tests/node")
    with running([str(SES_LOCAL), "--host", "127.0.0.1", "--port", "0"]) as url:
        yield url


def _newest(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/store", timeout=10) as reply:  # noqa: S310
        return cast("dict[str, Any]", json.load(reply)["emails"][-1])


async def test_a_third_party_reads_back_everything_simple_says(ses_local: str) -> None:
    """Attachments, inline pictures and headers, through a server that we did not write."""
    png = bytes(range(256))
    message = make_message(
        sender=Mailbox(SHOP.address, "Jürgens Bücher"),
        to=[ANN],
        cc=mailboxes([BOB]),
        bcc=mailboxes([CID]),
        reply_to=mailboxes(["help@example.com"]),
        subject="Über 日本",
        text="Grüße ☃",
        html='<img src="cid:logo1"> ☃',
        headers=(("X-App", "shop"),),
        attachments=(
            Attachment(filename="inv.pdf", content_type="application/pdf", content=b"%PDF-\xff"),
            Attachment(
                filename="logo.png",
                content_type="image/png",
                content=png,
                content_id="logo1",
                disposition=Disposition.INLINE,
            ),
        ),
    )

    assert isinstance((await ask(ses_local, message))[ANN], Accepted)

    taken = _newest(ses_local)
    assert taken["subject"] == "Über 日本"
    assert taken["body"]["text"] == "Grüße ☃"
    assert taken["body"]["html"] == '<img src="cid:logo1"> ☃'
    assert taken["destination"] == {"to": [ANN], "cc": [BOB], "bcc": [CID]}
    assert taken["replyTo"] == ["help@example.com"]
    assert {(header["name"], header["value"]) for header in taken["headers"]} == {
        ("X-App", "shop"),
        ("X-MS-ID", message.id),
    }
    pdf, logo = taken["attachments"]
    assert (pdf["filename"], pdf["contentDisposition"]) == ("inv.pdf", "ATTACHMENT")
    assert b64decode(pdf["content"]) == b"%PDF-\xff"
    assert (logo["contentId"], logo["contentDisposition"]) == ("logo1", "INLINE")
    assert b64decode(logo["content"]) == png


async def test_a_third_party_reads_back_a_whole_mail(ses_local: str) -> None:
    """The same through Raw: our MIME, their parser."""
    message = make_message(
        sender=SHOP,
        to=[ANN, BOB],
        subject="Grüße",
        text="Grüße ☃",
        html="<p>☃</p>",
        attachments=(
            Attachment(filename="Übersicht.pdf", content_type="application/pdf", content=b"%\xff"),
        ),
    )

    assert isinstance((await ask(ses_local, message, {BOB}))[BOB], Accepted)

    taken = _newest(ses_local)
    assert taken["subject"] == "Grüße"
    assert taken["body"] == {"text": "Grüße ☃", "html": "<p>☃</p>"}
    [file] = taken["attachments"]
    assert file["filename"] == "Übersicht.pdf"
    assert b64decode(file["content"]) == b"%\xff"
