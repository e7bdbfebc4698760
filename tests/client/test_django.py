"""Django's mail through the gateway: what Django's own classes say is what the gateway is asked."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from email.mime.image import MIMEImage
from email.mime.text import MIMEText
from pathlib import Path
from typing import Any

import django
import pytest
from django.conf import settings
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.test.utils import override_settings
from django.utils.functional import lazystr

from mail_sender.client import InvalidRequest, NoAnswer, TryLater
from mail_sender.client.django import EmailBackend, shared_client

from .listeners import HOSTS, Listener, listening, says

if not settings.configured:
    settings.configure(
        EMAIL_BACKEND="mail_sender.client.django.EmailBackend",
        DEFAULT_FROM_EMAIL="Shop <shop@example.com>",
    )
    django.setup()

ACCEPTED = says(202, b'{"id":"msg_1","status":"queued"}')


@pytest.fixture
def gateway() -> Iterator[Listener]:
    """Return a gateway to which Django's settings lead."""
    listener = Listener(script=[ACCEPTED])
    with listening(listener), override_settings(MAIL_SENDER=where(listener)):
        yield listener
        for backend in (EmailBackend(), EmailBackend(mode="sync", timeout=7)):
            shared_client(backend._settings).close()


def where(listener: Listener, **more: object) -> dict[str, object]:
    return {"URL": listener.url, "KEY": "k", "ADDRESSES": HOSTS[:1], "DEADLINE": 2, **more}


def body(listener: Listener, number: int = 0) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(listener.asked[number].body)
    return document


# ---------------------------------------------------------------- messages


def test_send_mail_is_sent(gateway: Listener) -> None:
    """The function that most of Django's code calls, with lazy translations in it."""
    sent = mail.send_mail(
        lazystr("Order 7"), lazystr("Thank you"), None, ["ann@example.net"], html_message="<p>T</p>"
    )

    assert sent == 1
    assert body(gateway) == {
        "from": "Shop <shop@example.com>", "to": ["ann@example.net"], "subject": "Order 7",
        "text": "Thank you", "html": "<p>T</p>",
    }  # fmt: skip
    assert gateway.asked[0].headers["authorization"] == "Bearer k"
    assert gateway.asked[0].headers["idempotency-key"]


def test_everything_that_a_message_may_say_is_said(gateway: Listener, tmp_path: Path) -> None:
    """All attributes of Django's class, each form of attachment, and our own fields."""
    (tmp_path / "bill.pdf").write_bytes(b"%PDF")
    message = EmailMultiAlternatives(
        "Order 7", "Text", "Shop <shop@example.com>", ["Ann <ann@example.net>"],
        bcc=["d@example.net"], cc=["c@example.net"], reply_to=["help@example.com"],
        headers={"X-Campaign": "spring", "X-MS-Tag": "orders, paid", "X-MS-Route": "codes",
                 "X-MS-Metadata": '{"order": "7"}', "X-MS-Priority": "low",
                 "X-MS-Give-Up-After": "600", "X-MS-Send-At": "2031-01-01T00:00:00+00:00",
                 "X-MS-On-Unknown": "wait"},
    )  # fmt: skip
    message.attach_alternative("<p>HTML</p>", "text/html")
    message.attach("notes.txt", "Grüße", "text/plain")
    message.attach("data.bin", b"\x00\xff", None)
    message.attach_file(str(tmp_path / "bill.pdf"))
    image = MIMEImage(b"\x89PNG", "png")
    image.add_header("Content-ID", "<logo>")
    message.attach(image)
    message.attach(MIMEText("part", "csv", "utf-8"))
    message.attach("inner.eml", EmailMessage("Inner", "x", "a@example.com", ["b@example.com"]),
                   "message/rfc822")  # fmt: skip
    message.priority = "high"  # an attribute counts more
    message.idempotency_key = "order-7"

    assert message.send() == 1
    asked = body(gateway)
    files = {file["filename"]: file for file in asked.pop("attachments")}
    assert asked == {
        "from": "Shop <shop@example.com>", "to": ["Ann <ann@example.net>"],
        "cc": ["c@example.net"], "bcc": ["d@example.net"], "reply_to": ["help@example.com"],
        "subject": "Order 7", "text": "Text", "html": "<p>HTML</p>",
        "headers": {"X-Campaign": "spring"}, "tags": ["orders", "paid"], "route": "codes",
        "metadata": {"order": "7"}, "priority": "high", "give_up_after": 600,
        "send_at": "2031-01-01T00:00:00Z", "on_unknown": "wait",
    }  # fmt: skip
    assert gateway.asked[0].headers["idempotency-key"] == "order-7"
    contents = {name: base64.b64decode(file["content"]) for name, file in files.items()}
    assert {name: file["content_type"] for name, file in files.items()} == {
        "notes.txt": "text/plain; charset=utf-8", "data.bin": "application/octet-stream",
        "bill.pdf": "application/pdf", "attachment.png": "image/png",
        "attachment.csv": "text/csv; charset=utf-8", "inner.eml": "message/rfc822",
    }  # fmt: skip
    assert contents["notes.txt"] == "Grüße".encode()
    assert contents["data.bin"] == b"\x00\xff"
    assert contents["attachment.csv"] == b"part"
    assert b"Subject: Inner" in contents["inner.eml"]
    assert files["attachment.png"]["content_id"] == "logo"
    assert files["attachment.png"]["disposition"] == "inline"


def test_html_alone_stays_html(gateway: Listener) -> None:
    """`content_subtype` is how Django says it."""
    message = EmailMessage("S", "<p>x</p>", None, ["ann@example.net"])
    message.content_subtype = "html"
    message.send()

    assert body(gateway)["html"] == "<p>x</p>"
    assert "text" not in body(gateway)


def test_from_and_reply_to_of_the_headers_count_more(gateway: Listener) -> None:
    """As in the message that Django itself would write."""
    EmailMessage(
        "S", "x", "bounces@example.com", ["ann@example.net"],
        headers={"From": "Shop <shop@example.com>", "Reply-To": "A <a@example.com>, b@example.com"},
    ).send()  # fmt: skip

    assert body(gateway)["from"] == "Shop <shop@example.com>"
    assert body(gateway)["reply_to"] == ["A <a@example.com>", "b@example.com"]


def test_what_cannot_be_said_is_refused_before_anything_is_sent(gateway: Listener) -> None:
    """An invitation that silently lost its calendar would be worse."""
    message = EmailMultiAlternatives("S", "x", None, ["ann@example.net"])
    message.attach_alternative("BEGIN:VCALENDAR", "text/calendar")
    bad = EmailMessage("S", "x", None, ["ann@example.net"], headers={"X-MS-Metadata": "{"})

    with pytest.raises(ValueError, match="text/calendar"):
        message.send(fail_silently=True)
    with pytest.raises(ValueError, match="x-ms-metadata"):
        bad.send()
    assert gateway.asked == []


def test_a_message_for_nobody_is_not_sent(gateway: Listener) -> None:
    """Django's backends count it as none."""
    assert EmailMessage("S", "x", None, []).send() == 0
    assert gateway.asked == []


def test_the_message_knows_its_id_afterwards(gateway: Listener) -> None:
    """To ask what became of it."""
    message = EmailMessage("S", "x", None, ["ann@example.net"])
    message.send()

    assert message.mail_sender.id == "msg_1"


# ---------------------------------------------------------------- many


def results(*statuses: int) -> bytes:
    data = [
        {"status": 202, "message": {"id": f"msg_{n}", "status": "queued"}}
        if status == 202
        else {"status": status, "problem": {"code": "invalid_message", "detail": "No."}}
        for n, status in enumerate(statuses)
    ]
    return says(202, json.dumps({"data": data}).encode())


def test_several_messages_are_one_request(gateway: Listener) -> None:
    """`send_mass_mail` of a newsletter."""
    gateway.script = [results(202, 202)]
    sent = mail.send_mass_mail([("A", "x", None, ["a@example.net"]), ("B", "x", None, ["b@e.net"])])

    assert sent == 2
    assert gateway.asked[0].path == "/v1/messages/batch"
    assert len({each["idempotency_key"] for each in body(gateway)["messages"]}) == 2


def test_one_bad_message_does_not_spoil_the_others(gateway: Listener) -> None:
    """They were accepted; the error tells of the one that was not."""
    gateway.script = [results(202, 422, 202)]
    messages = [EmailMessage("S", "x", None, ["a@example.net"]) for _ in range(3)]

    with pytest.raises(InvalidRequest, match=r"No\."):
        mail.get_connection().send_messages(messages)
    assert [m.mail_sender is not None for m in messages] == [True, False, True]
    gateway.script = [results(202, 422, 202)]
    assert mail.get_connection(fail_silently=True).send_messages(messages) == 2


def test_in_sync_mode_each_message_waits_for_its_provider(gateway: Listener) -> None:
    """`MODE` for codes that are worth nothing when they are late."""
    with override_settings(MAIL_SENDER=where(gateway, MODE="sync", TIMEOUT=7)):
        connection = mail.get_connection()
        messages = [EmailMessage("S", "x", None, ["a@example.net"]) for _ in range(2)]
        assert connection.send_messages(messages) == 2

    assert [body(gateway, n)["mode"] for n in range(2)] == ["sync", "sync"]
    assert body(gateway)["timeout"] == 7


# ---------------------------------------------------------------- failures


def test_a_refusal_is_raised_or_silent(gateway: Listener) -> None:
    """`fail_silently` as with Django's own backends."""
    gateway.script = [says(503, b'{"code":"queue_full"}', Retry_After="60")]
    with pytest.raises(TryLater, match="queue_full"):
        EmailMessage("S", "x", None, ["ann@example.net"]).send()
    assert EmailMessage("S", "x", None, ["ann@example.net"]).send(fail_silently=True) == 0


def test_a_gateway_that_is_away_is_raised_or_silent() -> None:
    """After the deadline, which a web worker has to wait for."""
    away = {"URL": "http://127.0.3.9:9", "KEY": "k", "DEADLINE": 0.3}
    with override_settings(MAIL_SENDER=away):
        with pytest.raises(NoAnswer):
            EmailMessage("S", "x", None, ["ann@example.net"]).send()
        assert EmailMessage("S", "x", None, ["ann@example.net"]).send(fail_silently=True) == 0


def test_connections_outlive_the_backend(gateway: Listener) -> None:
    """Django makes a new one for each mail, which would find each dead address anew."""
    for _ in range(3):
        mail.send_mail("S", "x", None, ["ann@example.net"])

    assert (gateway.lines, len(gateway.asked)) == (1, 3)


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "needs URL"),
        ({"URL": "http://x"}, "KEY or KEY_FILE"),
        ({"URL": "http://x", "KEY": "k", "TIMOUT": 3}, "TIMOUT"),
        ({"URL": "http://x", "KEY": "k", "MODE": "quick"}, "MODE|quick"),
        ({"URL": "http://x", "KEY_FILE": "/no/such/file"}, "No such file"),
    ],
)
def test_settings_that_make_no_sense_are_named(given: dict[str, object], words: str) -> None:
    """A mistyped one that is ignored would be found by its absence, much later."""
    with override_settings(MAIL_SENDER=given), pytest.raises(ImproperlyConfigured, match=words):
        EmailBackend()


def test_the_key_may_come_from_a_file_or_from_the_call(gateway: Listener, tmp_path: Path) -> None:
    """Secrets do not belong into settings.py; `auth_password` is Django's way for one mail."""
    (tmp_path / "key").write_text("from-file\n")
    given = {**where(gateway), "KEY": "", "KEY_FILE": str(tmp_path / "key")}
    with override_settings(MAIL_SENDER=given):
        mail.send_mail("S", "x", None, ["ann@example.net"])
        shared_client(EmailBackend()._settings).close()
        mail.send_mail("S", "x", None, ["ann@example.net"], auth_user="u", auth_password="other")
        shared_client(EmailBackend(password="other")._settings).close()

    keys = [asked.headers["authorization"] for asked in gateway.asked]
    assert keys == ["Bearer from-file", "Bearer other"]
