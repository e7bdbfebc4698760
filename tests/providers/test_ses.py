"""Amazon SES: what it is told. `test_ses_judges` has other people's opinion of the same."""

from __future__ import annotations

import json
import random
from base64 import b64decode
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import botocore.session
import pytest

from mail_sender.domain.errors import ConfigError
from mail_sender.domain.message import Address, Attachment, Disposition, Mailbox
from mail_sender.domain.outcome import Blame, Refused
from mail_sender.domain.secret import Secret
from mail_sender.providers.port import Provider
from tests.contracts.http_provider import HttpProviderContract
from tests.make import ANN, BOB, CID, mailboxes, make_content, make_message
from tests.providers.make_ses import SHOP, TAKEN, TOKEN, SesFarSide, mail_in, sent, ses
from tests.providers.scripted_http import ScriptedHttp, always


class TestSes(HttpProviderContract):
    """Every promise that all providers make."""

    @pytest.fixture
    def far(self) -> SesFarSide:
        return SesFarSide()

    @pytest.fixture
    def provider(self, far: SesFarSide) -> Provider:
        return ses(far.http, session_token=Secret(TOKEN))

    def make(self, http: ScriptedHttp) -> Provider:
        return ses(http)


async def test_a_plain_mail_is_sent_as_simple() -> None:
    """The form that SES documents first: its parts by name, nothing encoded by us."""
    message = make_message(
        "msg_01J8ZK3Q",
        sender=SHOP,
        to=[ANN],
        cc=mailboxes([BOB]),
        bcc=mailboxes([CID]),
        reply_to=mailboxes(["help@example.com"]),
        subject="Order 7",
        text="Thanks",
        html="<p>Thanks</p>",
        headers=(("X-App", "shop"),),
        tags=("orders",),
        metadata=(("order", "7"),),
    )

    assert await sent(message, configuration_set="mail-sender") == {
        "FromEmailAddress": "Shop <shop@example.com>",
        "Destination": {
            "ToAddresses": [ANN],
            "CcAddresses": [BOB],
            "BccAddresses": [CID],
        },
        "ReplyToAddresses": ["help@example.com"],
        "Content": {
            "Simple": {
                "Subject": {"Data": "Order 7", "Charset": "UTF-8"},
                "Body": {
                    "Text": {"Data": "Thanks", "Charset": "UTF-8"},
                    "Html": {"Data": "<p>Thanks</p>", "Charset": "UTF-8"},
                },
                "Headers": [
                    {"Name": "X-App", "Value": "shop"},
                    {"Name": "X-MS-ID", "Value": "msg_01J8ZK3Q"},
                ],
            }
        },
        "EmailTags": [
            {"Name": "ms_id", "Value": "msg_01J8ZK3Q"},
            {"Name": "tag1", "Value": "orders"},
            {"Name": "order", "Value": "7"},
        ],
        "ConfigurationSetName": "mail-sender",
    }


async def test_the_call_is_a_signed_post_to_the_region() -> None:
    """Another host would be another region, with other identities."""
    http = ScriptedHttp(always(TAKEN))

    await ses(http).send(make_message(), to=frozenset({ANN}))

    request = http.last
    assert request.method == "POST"
    assert request.url == "https://email.eu-west-1.amazonaws.com/v2/email/outbound-emails"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20300101/eu-west-1/ses/aws4_request, "
    )


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", "email.us-east-1.amazonaws.com"),
        ("us-gov-west-1", "email.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "email.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "email.eusc-de-east-1.amazonaws.eu"),
    ],
)
async def test_the_endpoint_is_the_one_that_aws_resolves(region: str, host: str) -> None:
    """AWS's own rules, from its endpoint rule set, are the judge."""
    http = ScriptedHttp(always(TAKEN))
    await ses(http, region=region).send(make_message(), to=frozenset({ANN}))
    assert http.last.url.startswith(f"https://{host}/")

    client = botocore.session.get_session().create_client("sesv2", region_name=region)
    assert client.meta.endpoint_url == f"https://{host}"
    client.close()


async def test_names_and_domains_beyond_ascii_are_encoded() -> None:
    """SES takes only ASCII in addresses; the name must still be read as it was written."""
    message = make_message(
        sender=Mailbox(Address("shop@bücher.example"), "Jürgens Bücher"),
        cc=(Mailbox(Address("c@example.net"), 'Ann "Quick", Dr.'),),
        bcc=(),
        subject="Über 日本",
        text="Grüße ☃",
    )

    body = await sent(message)

    assert body["FromEmailAddress"].isascii()
    [(name, address)] = addresses_in(body["FromEmailAddress"])
    assert (name, address) == ("Jürgens Bücher", "shop@xn--bcher-kva.example")
    assert addresses_in(body["Destination"]["CcAddresses"][0]) == [
        ('Ann "Quick", Dr.', "c@example.net")
    ]
    simple = body["Content"]["Simple"]
    assert simple["Subject"] == {"Data": "Über 日本", "Charset": "UTF-8"}
    assert simple["Body"]["Text"] == {"Data": "Grüße ☃", "Charset": "UTF-8"}


def addresses_in(value: str) -> list[tuple[str, str]]:
    """Return (name, address) as the standard library's strict parser reads them."""
    mail = EmailMessage(policy=policy.default)
    mail["To"] = value
    return [(a.display_name, a.addr_spec) for a in mail["To"].addresses]


async def test_a_header_beyond_ascii_is_encoded() -> None:
    """The model allows printable ASCII only; unencoded, the whole mail would be refused."""
    body = await sent(make_message(headers=(("X-Place", "Zürich, Straße 7"),)))

    [value] = [h["Value"] for h in body["Content"]["Simple"]["Headers"] if h["Name"] == "X-Place"]
    assert value.isascii()
    mail = message_from_bytes(f"X-Place: {value}\n\n".encode(), policy=policy.default)
    assert mail["X-Place"] == "Zürich, Straße 7"


async def test_attachments_keep_name_type_id_and_octets() -> None:
    """Left out, SES would take the encoding for 7-bit and the type from the file's ending."""
    message = make_message(
        html='<img src="cid:logo1">',
        attachments=(
            Attachment(filename="inv.pdf", content_type="application/pdf", content=b"%PDF-\xff"),
            Attachment(
                filename="logo.png",
                content_type="image/png",
                content=b"\x89PNG",
                content_id="logo1",
                disposition=Disposition.INLINE,
            ),
        ),
    )

    body = await sent(message)

    assert body["Content"]["Simple"]["Attachments"] == [
        {
            "RawContent": "JVBERi3/",
            "FileName": "inv.pdf",
            "ContentType": "application/pdf",
            "ContentDisposition": "ATTACHMENT",
            "ContentTransferEncoding": "BASE64",
        },
        {
            "RawContent": "iVBORw==",
            "FileName": "logo.png",
            "ContentType": "image/png",
            "ContentDisposition": "INLINE",
            "ContentTransferEncoding": "BASE64",
            "ContentId": "logo1",
        },
    ]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"headers": tuple((f"X-{n}", "v") for n in range(15))}, id="16 headers"),
        pytest.param({"headers": (("X-A", "1"), ("x-a", "2"))}, id="a header twice"),
        pytest.param({"headers": (("X-A", "v" * 996),)}, id="a long header"),
        pytest.param({"headers": (("X-A", ""),)}, id="an empty header"),
        pytest.param({"subject": ""}, id="no subject"),
        pytest.param({"text": ""}, id="an empty text"),
        pytest.param({"cc": mailboxes([ANN])}, id="an address twice"),
        pytest.param(
            {"attachments": (Attachment(filename="ü.pdf", content_type="a/b", content=b""),)},
            id="a file name beyond ASCII",
        ),
        pytest.param(
            {
                "attachments": (
                    Attachment(
                        filename="a.eml", content_type="message/rfc822", content=b"A: b\n\n"
                    ),
                )
            },
            id="a mail in the mail",
        ),
        pytest.param(
            {
                "attachments": (
                    Attachment(
                        filename="a.ics", content_type="text/calendar; method=REQUEST", content=b"x"
                    ),
                )
            },
            id="a type with parameters",
        ),
        pytest.param(
            {"metadata": tuple((f"k{n}", "long value " * 18) for n in range(20))},
            id="metadata that no header of Simple holds",
        ),
    ],
)
async def test_what_simple_cannot_say_goes_as_a_whole_mail(fields: dict[str, Any]) -> None:
    """Left to Simple it would be refused, or silently lose something."""
    message = make_message(**{"to": [ANN], **fields})

    body = await sent(message)

    assert body["Content"].keys() == {"Raw"}
    assert "FromEmailAddress" not in body
    assert "ReplyToAddresses" not in body
    assert body["Destination"] == {"ToAddresses": [ANN]}
    mail = mail_in(body)
    assert mail["X-MS-ID"] == message.id
    assert mail["From"] == "Shop <shop@example.com>"
    assert mail["Message-ID"] == f"<{message.id}@mail.example.com>"


async def test_a_whole_mail_goes_to_punycode_and_shows_what_was_written() -> None:
    """The rest of a mail whose first half was sent elsewhere, to a domain beyond ASCII."""
    there = Address("dora@bücher.example")
    message = make_message(to=[ANN, there], subject="Grüße")

    body = await sent(message, {there})

    assert body["Destination"] == {"ToAddresses": ["dora@xn--bcher-kva.example"]}
    mail = mail_in(body)
    assert mail["Subject"] == "Grüße"
    assert mail["To"] == "ann@example.net, dora@xn--bcher-kva.example"


async def test_tags_and_metadata_travel_where_ses_lets_them() -> None:
    """EmailTags come back in every event and no reader sees them; a header is the last resort."""
    message = make_message(
        "msg_1",
        tags=("orders", "von Hand"),
        metadata=(
            ("order", "7"),
            ("customer", "Jürgen"),
            ("tag1", "a client's own"),
            ("tag2", "mine"),
            ("ms_id", "forged"),
        ),
    )

    body = await sent(message)

    assert [(tag["Name"], tag["Value"]) for tag in body["EmailTags"]] == [
        ("ms_id", "msg_1"),
        ("tag1", "orders"),
        ("tag2", "von_Hand"),
        ("order", "7"),
    ]
    headers = {h["Name"]: h["Value"] for h in body["Content"]["Simple"]["Headers"]}
    assert json.loads(headers["X-Metadata"]) == {
        "customer": "Jürgen",
        "tag1": "a client's own",
        "tag2": "mine",
        "ms_id": "forged",
    }


@pytest.mark.parametrize("name", ["setup.EXE", "a.tar.js", ".vbs"])
def test_a_file_that_ses_refuses_is_told_before(name: str) -> None:
    """SES would refuse the whole mail; another provider may take it."""
    file = Attachment(filename=name, content_type="application/octet-stream", content=b"")
    assert name in (ses().cannot_express(make_message(attachments=(file,))) or "")


@pytest.mark.parametrize("name", ["exe.txt", "report.pdf", "a.executive", "exe"])
def test_a_name_that_only_resembles_a_refused_one_is_taken(name: str) -> None:
    """A file called "exe" has no ending at all."""
    file = Attachment(filename=name, content_type="application/octet-stream", content=b"")
    assert ses().cannot_express(make_message(attachments=(file,))) is None


async def test_a_mail_that_cannot_be_written_is_refused_and_nothing_is_called() -> None:
    """A header name that no line has room for: found late, it must not look like a crash."""
    http = ScriptedHttp(always(TAKEN))
    message = make_message(headers=(("X-" + "a" * 100, "v" * 990),))

    [found] = (await ses(http).send(message, to=frozenset({ANN}))).values()

    assert isinstance(found, Refused)
    assert found.blame is Blame.MESSAGE
    assert not http.requests


@pytest.mark.parametrize("size", [0, 1, 2, 3, (3 << 16) - 1, 3 << 16, (3 << 16) + 1, 25 << 20])
async def test_every_octet_of_a_file_arrives(size: int) -> None:
    """Base64 is made in steps; a step that is no multiple of three would tear the file."""
    content = random.Random(size).randbytes(size)  # noqa: S311 - octets, not secrets
    file = Attachment(filename="a.bin", content_type="application/zip", content=content)

    body = await sent(make_message(attachments=(file,)))

    [read] = body["Content"]["Simple"]["Attachments"]
    assert b64decode(read["RawContent"], validate=True) == content


def test_a_mail_beyond_40_mb_is_told_before() -> None:
    """Base64 makes four octets of three: 31 MB are too much, 25 MB are not."""
    file = Attachment(filename="a.bin", content_type="application/zip", content=bytes(31 << 20))
    assert "40 MB" in (ses().cannot_express(make_message(attachments=(file,))) or "")

    file = replace(file, content=bytes(25 << 20))
    assert ses().cannot_express(make_message(attachments=(file,))) is None


def test_a_token_that_no_header_can_carry_stops_the_start() -> None:
    """Found at the first mail, it would look like a fault of ours."""
    with pytest.raises(ConfigError, match="session_token"):
        ses(session_token=Secret("two\nlines"))


async def test_a_whole_mail_is_sent_raw_as_its_client_wrote_it() -> None:
    """A signature, or a structure that no field has a name for, survives only so."""
    raw = b"From: shop@example.com\r\nTo: ann@example.net\r\nX-Odd: kept\r\n\r\nHello\r\n"
    content = make_content(raw=raw, text=None, bcc=mailboxes([BOB]))
    body = await sent(make_message(content=content))
    assert b64decode(body["Content"]["Raw"]["Data"]).endswith(raw.partition(b"\r\n\r\n")[2])
    assert mail_in(body)["X-Odd"] == "kept"
    assert mail_in(body)["Bcc"] is None
    assert body["Destination"]["ToAddresses"] == [ANN, BOB]
