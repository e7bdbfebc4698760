"""Mailgun: what it is told, with the vendor's own SDK as the judge of the form."""

from __future__ import annotations

import asyncio
import json
import random
from base64 import b64encode
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from mailgun.builders import MailgunMessageBuilder
from mailgun.client import Client

from mail_sender.domain.message import Address, Attachment, Disposition, Mailbox
from mail_sender.domain.outcome import Blame, Refused
from mail_sender.domain.secret import Secret
from mail_sender.providers.port import NoEvidence, Provider
from tests.contracts.http_provider import HttpProviderContract
from tests.http import far_side
from tests.make import ANN, BOB, CID, mailboxes, make_content, make_message
from tests.providers.forms import read_form
from tests.providers.make_mailgun import (
    HOOK_KEY,
    KEY,
    MESSAGES,
    SHOP,
    TAKEN,
    MailgunFarSide,
    mail_in,
    mailgun,
    sent,
)
from tests.providers.scripted_http import ScriptedHttp, always


class TestMailgun(HttpProviderContract):
    """Every promise that all providers make."""

    @pytest.fixture
    def far(self) -> MailgunFarSide:
        return MailgunFarSide()

    @pytest.fixture
    def provider(self, far: MailgunFarSide) -> Provider:
        return mailgun(far.http, webhook_signing_key=Secret(HOOK_KEY))

    def make(self, http: ScriptedHttp) -> Provider:
        return mailgun(http)


async def test_a_plain_mail_is_sent_by_its_parts() -> None:
    """The documented form; everything that comes back in events is in it."""
    message = make_message(
        "msg_01J8ZK3Q",
        sender=SHOP,
        to=[ANN],
        cc=mailboxes([BOB]),
        bcc=mailboxes([CID]),
        reply_to=mailboxes(["help@example.com", "desk@example.com"]),
        subject="Order 7",
        text="Thanks\n",
        html="<p>Thanks</p>",
        headers=(("X-App", "shop"),),
        tags=("orders",),
        metadata=(("order", "7"),),
    )

    url, form = await sent(message)

    assert url == MESSAGES
    assert form.files == []
    assert sorted(form.fields) == sorted(
        [
            ("from", "Shop <shop@example.com>"),
            ("to", ANN),
            ("cc", BOB),
            ("bcc", CID),
            ("subject", "Order 7"),
            ("text", "Thanks\n"),
            ("html", "<p>Thanks</p>"),
            ("h:X-App", "shop"),
            ("h:Reply-To", "help@example.com, desk@example.com"),
            ("h:Message-Id", "<msg_01J8ZK3Q@mg.example.com>"),
            ("o:tag", "orders"),
            ("o:suppress-headers", "X-Mailgun-Variables"),
            ("v:ms_id", "msg_01J8ZK3Q"),
            ("v:meta_order", "7"),
        ]
    )


async def test_the_key_goes_into_basic_authentication() -> None:
    """And nowhere else: a URL is logged by every proxy."""
    http = ScriptedHttp(always(TAKEN))

    await mailgun(http).send(make_message(), to=frozenset({ANN}))

    assert (
        http.last.headers["Authorization"] == "Basic " + b64encode(f"api:{KEY}".encode()).decode()
    )
    assert KEY not in http.last.url
    assert KEY.encode() not in http.last.body


@pytest.mark.parametrize(
    "base_url",
    [
        "https://api.eu.mailgun.net",
        "https://api.eu.mailgun.net/",
        "https://api.eu.mailgun.net/v3",
        "https://api.eu.mailgun.net/v3/",
    ],
)
async def test_the_version_in_the_base_url_is_not_doubled(base_url: str) -> None:
    """Mailgun's own examples have it both ways, and a wrong path may answer 200."""
    http = ScriptedHttp(always(TAKEN))

    await mailgun(http, base_url=base_url).send(make_message(), to=frozenset({ANN}))

    assert http.last.url == "https://api.eu.mailgun.net/v3/mg.example.com/messages"


async def test_the_form_is_the_one_that_the_vendors_sdk_sends(tmp_path: Path) -> None:
    """The SDK is what Mailgun tests its API with: names of fields and files are judged by it."""
    (tmp_path / "inv.pdf").write_bytes(b"%PDF-\xff")
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\r\n")
    message = make_message(
        "msg_1",
        sender=SHOP,
        to=[ANN],
        cc=mailboxes([BOB]),
        subject="Über 日本",
        text="Grüße ☃\n",
        html='<img src="cid:logo1">',
        headers=(("X-App", "shop"),),
        tags=("orders",),
        attachments=(
            Attachment(filename="inv.pdf", content_type="application/pdf", content=b"%PDF-\xff"),
            Attachment(
                filename="logo.png",
                content_type="image/png",
                content=b"\x89PNG\r\n",
                content_id="logo1",
                disposition=Disposition.INLINE,
            ),
        ),
    )
    builder = (
        MailgunMessageBuilder("Shop <shop@example.com>")
        .add_recipient(ANN)
        .add_recipient(BOB, "cc")
        .set_subject("Über 日本")
        .set_text("Grüße ☃\n")
        .set_html('<img src="cid:logo1">')
        .add_custom_header("X-App", "shop")
        .add_custom_header("Message-Id", "<msg_1@mg.example.com>")
        .add_custom_variable("ms_id", "msg_1")
        .add_option("tag", value="orders")
        .add_option("suppress-headers", value="X-Mailgun-Variables")
        .attach_file(tmp_path / "inv.pdf")
        .attach_inline(tmp_path / "logo.png", cid="logo1")
        .set_idempotency_safe(safe=False)
    )
    data, files = builder.build()

    def send(url: str) -> None:
        client = Client(auth=("api", KEY), api_url=url)
        client.messages.create(data=data, files=files, domain="mg.example.com")

    reply = far_side.answer(200, TAKEN.body)
    async with far_side.FarSide(far_side.answering(reply)) as far:
        await asyncio.to_thread(send, far.url)
    [theirs] = far.requests
    http = ScriptedHttp(always(TAKEN))
    await mailgun(http).send(message, to=frozenset({ANN, BOB}))
    ours = http.last

    assert theirs.method == ours.method
    assert ours.url.endswith(theirs.target)
    assert theirs.headers["authorization"] == ours.headers["Authorization"]
    their_form = read_form(theirs.headers, theirs.body)
    our_form = read_form(ours.headers, ours.body)
    assert sorted(our_form.fields) == sorted(their_form.fields)
    assert our_form.files == their_form.files


async def test_names_and_domains_beyond_ascii_arrive() -> None:
    """Mailgun reads the form as UTF-8; domains are given as the DNS has them."""
    message = make_message(
        sender=Mailbox(Address("shop@bücher.example"), "Jürgens Bücher"),
        subject="Über 日本",
        text="Grüße ☃",
        headers=(("X-Place", "Zürich"),),
    )

    _, form = await sent(message)

    assert form.one("from") == "Jürgens Bücher <shop@xn--bcher-kva.example>"
    assert form.one("subject") == "Über 日本"
    assert form.one("text") == "Grüße ☃"
    value = form.one("h:X-Place")
    assert value.isascii()
    mail = message_from_bytes(f"X-Place: {value}\n\n".encode(), policy=policy.default)
    assert mail["X-Place"] == "Zürich"


@pytest.mark.parametrize(
    ("attachment", "field", "filename"),
    [
        ({"filename": "inv.pdf"}, "attachment", "inv.pdf"),
        ({"filename": "logo.png", "disposition": Disposition.INLINE}, "inline", "logo.png"),
        (
            {"filename": "logo.png", "content_id": "logo1", "disposition": Disposition.INLINE},
            "inline",
            "logo1",
        ),
    ],
)
async def test_the_content_id_of_an_inline_file_is_its_name(
    attachment: dict[str, Any], field: str, filename: str
) -> None:
    """Mailgun has no other field for it: `cid:logo1` in the html finds the part called logo1."""
    file = Attachment(**{"content_type": "image/png", "content": b"\x00\r\n\xff", **attachment})

    url, form = await sent(make_message(html="<p>x</p>", attachments=(file,)))

    assert url == MESSAGES
    [read] = form.files
    assert (read.field, read.filename) == (field, filename)
    assert (read.content_type, read.content) == ("image/png", b"\x00\r\n\xff")


async def test_tags_and_metadata_beyond_mailguns_own_travel_in_variables() -> None:
    """Mailgun keeps three tags and drops the rest; its variables come back in every event."""
    message = make_message(
        "msg_1",
        tags=("a", "b", "c", "d", "e"),
        metadata=(("order", "7"), ("ms_id", "forged"), ('odd "key"', "ü"), ("tags", "mine")),
    )

    _, form = await sent(message)

    assert form.all("o:tag") == ["a", "b", "c"]
    assert form.one("v:tags") == "d,e"
    assert form.one("v:ms_id") == "msg_1"
    assert form.one("v:meta_order") == "7"
    assert form.one("v:meta_ms_id") == "forged"
    assert form.one("v:meta_tags") == "mine"
    assert json.loads(form.one("v:meta")) == {'odd "key"': "ü"}
    assert form.one("o:suppress-headers") == "X-Mailgun-Variables"


def _file(**fields: Any) -> Attachment:  # noqa: ANN401
    return Attachment(**{"filename": "a.pdf", "content_type": "a/b", "content": b"x", **fields})


INLINE = Disposition.INLINE


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"headers": (("X-A", "1"), ("x-a", "2"))}, id="a header twice"),
        pytest.param({"headers": (("X-A", "v " * 500),)}, id="a long header"),
        pytest.param({"headers": (("X-A", ""),)}, id="an empty header"),
        pytest.param(
            {"headers": tuple((f"X-{n}", "v" * 800) for n in range(21))}, id="16 KB of headers"
        ),
        pytest.param({"subject": ""}, id="no subject"),
        pytest.param({"text": ""}, id="an empty text"),
        pytest.param({"sender": Mailbox(SHOP.address, "Jürgen (Shop)")}, id="a misquoted name"),
        pytest.param({"attachments": (_file(filename="ü.pdf"),)}, id="a name beyond ASCII"),
        pytest.param({"attachments": (_file(filename='a"b'),)}, id="a name with quotes"),
        pytest.param(
            {"attachments": (_file(content_id="x"),)}, id="both a visible name and a Content-ID"
        ),
        pytest.param(
            {"attachments": (_file(content_id="x", disposition=INLINE),) * 2},
            id="a Content-ID twice",
        ),
        pytest.param(
            {"attachments": (_file(content_type="text/plain", content="ü".encode()),)},
            id="text beyond ASCII",
        ),
        pytest.param(
            {"attachments": (_file(content_type="text/calendar; method=REQUEST"),)},
            id="a type with parameters",
        ),
        pytest.param(
            {"attachments": (_file(content_type="message/rfc822", content=b"A: b\n\nc"),)},
            id="a mail in the mail",
        ),
    ],
)
async def test_what_the_parts_cannot_say_goes_as_a_whole_mail(fields: dict[str, Any]) -> None:
    """Left to the fields it would be refused, or silently lose something."""
    message = make_message(**{"sender": SHOP, "to": [ANN], **fields})

    url, form = await sent(message)

    assert url == MESSAGES + ".mime"
    assert form.names == {"to", "o:suppress-headers", "v:ms_id"}
    assert form.all("to") == [ANN]
    mail = mail_in(form)
    assert mail["Message-ID"] == f"<{message.id}@mg.example.com>"
    assert mail["From"].addresses[0].display_name == message.content.sender.name
    assert len(list(mail.iter_attachments())) == len(message.content.attachments)


async def test_a_whole_mail_keeps_tags_and_variables() -> None:
    """Events of such a mail must be told apart like any other's."""
    message = make_message("msg_1", to=[ANN, BOB], tags=("orders",), metadata=(("order", "7"),))

    url, form = await sent(message, {BOB})

    assert url == MESSAGES + ".mime"
    assert form.all("to") == [BOB]
    assert form.one("o:tag") == "orders"
    assert form.one("v:ms_id") == "msg_1"
    assert form.one("v:meta_order") == "7"
    assert mail_in(form)["To"] == f"{ANN}, {BOB}"


async def test_placeholders_in_a_text_are_left_alone() -> None:
    """`%recipient.x%` is Mailgun's code only beside recipient-variables, which are never sent."""
    _, form = await sent(make_message(text="100 %recipient.name% {{x}}"))

    assert form.one("text") == "100 %recipient.name% {{x}}"
    assert "recipient-variables" not in form.names


def test_more_metadata_than_mailgun_takes_is_told_before() -> None:
    """16 KB in all is its limit; beyond, it answers 400."""
    message = make_message(metadata=tuple((f"k{n}", "v" * 1000) for n in range(17)))

    assert "16 KB" in (mailgun().cannot_express(message) or "")


async def test_a_mail_that_cannot_be_written_is_refused_and_nothing_is_called() -> None:
    """A header name that no line has room for: found late, it must not look like a crash."""
    http = ScriptedHttp(always(TAKEN))
    message = make_message(headers=(("X-" + "a" * 100, "v" * 990),))

    [found] = (await mailgun(http).send(message, to=frozenset({ANN}))).values()

    assert isinstance(found, Refused)
    assert found.blame is Blame.MESSAGE
    assert not http.requests


async def test_no_two_forms_have_the_same_boundary() -> None:
    """One that can be guessed could be put into a mail, and would end its part there."""
    http = ScriptedHttp(always(TAKEN))
    provider = mailgun(http)

    await provider.send(make_message("msg_1"), to=frozenset({ANN}))
    await provider.send(make_message("msg_1"), to=frozenset({ANN}))

    first, second = (request.headers["Content-Type"] for request in http.requests)
    assert first != second


def test_a_mail_beyond_25_mb_is_told_before() -> None:
    """Base64 makes four octets of three: 25 MB of files are too much, 18 MB are not."""
    file = Attachment(filename="a.bin", content_type="application/zip", content=bytes(25 << 20))
    assert "25 MB" in (mailgun().cannot_express(make_message(attachments=(file,))) or "")

    file = replace(file, content=bytes(18 << 20))
    assert mailgun().cannot_express(make_message(attachments=(file,))) is None


async def test_every_octet_of_a_large_file_arrives() -> None:
    """In a form nothing is encoded: the file must stand there as it is."""
    content = random.Random(7).randbytes(18 << 20)  # noqa: S311 - octets, not secrets
    file = Attachment(filename="a.bin", content_type="application/zip", content=content)

    _, form = await sent(make_message(attachments=(file,)))

    [read] = form.files
    assert read.content == content


async def test_a_whole_mail_goes_as_mime_and_its_own_message_id_proves_nothing() -> None:
    """A list gives each copy of a mail the same Message-ID: events of one are not the other's."""
    raw = b"From: shop@example.com\r\nTo: ann@example.net\r\nMessage-ID: <7@shop>\r\n\r\nHi\r\n"
    message = make_message(content=make_content(raw=raw, text=None))
    url, form = await sent(message)
    assert url.endswith("/messages.mime")
    assert mail_in(form)["Message-ID"] == "<7@shop>"
    found = await mailgun().look_up(
        message, to=[ANN], attempted_at=message.created_at, now=message.created_at
    )
    assert found == NoEvidence("the mail has a Message-ID of its author's", None)
