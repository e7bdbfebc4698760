"""A mail that a client wrote itself: read, kept, sent as it came, or told by its parts."""

from __future__ import annotations

from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_sender.domain.errors import InvalidMessage
from mail_sender.domain.message import Address, Content, Disposition, Mailbox, RecipientKind
from mail_sender.mime import (
    content_of_mail,
    least_bytes,
    losses,
    message_id_of,
    render,
    spelled_out,
    why_not_spelled_out,
)
from mail_sender.mime.kept import goes_as_it_is

from .make import ANN, BOB, CID, NOW, mailboxes, make_message
from .parsed_mail import parse, read_back

PLAIN = (
    b"From: Shop <shop@example.com>\r\n"
    b"To: Ann <ann@example.net>\r\n"
    b"Subject: Order 7\r\n"
    b"Message-ID: <order-7@example.com>\r\n"
    b"Date: Tue, 01 Jan 2030 00:00:00 +0000\r\n"
    b"\r\n"
    b"Thank you!\r\n"
)


def kept(raw: bytes, to: Sequence[str] = (ANN,), mail_from: str | None = None) -> Content:
    """Return the message of a whole mail."""
    return content_of_mail(
        raw,
        recipients=mailboxes(to),
        mail_from=None if mail_from is None else Address(mail_from),
    )


def on_the_wire(content: Content, *ours: tuple[str, str]) -> bytes:
    """Return the mail as a provider that takes whole mails gets it."""
    message = make_message("msg_1", content=content)
    return render(message, date=NOW, message_id="<msg_1@example.com>", extra_headers=ours)


def test_a_whole_mail_goes_on_octet_for_octet_behind_our_own_fields() -> None:
    """Signatures, threads and odd structures survive only where nothing is written anew."""
    content = kept(PLAIN)
    assert content.raw == PLAIN
    mail = on_the_wire(content, ("X-MS-ID", "msg_1"))
    assert mail.endswith(PLAIN)
    ours = mail.removesuffix(PLAIN)
    assert ours == (
        b"Received: by mail-sender id msg_1; Tue, 01 Jan 2030 00:00:00 +0000\r\nX-MS-ID: msg_1\r\n"
    )
    assert message_id_of(PLAIN) == "<order-7@example.com>"
    assert least_bytes(content) == len(PLAIN)


def test_what_the_header_says_is_known_without_reading_the_body() -> None:
    """Lists, searches and rules see a mail that came by SMTP like any other."""
    raw = PLAIN.replace(b"Subject: Order 7", b"Subject: =?utf-8?q?B=C3=BCcher?=\r\n  und mehr")
    content = kept(raw.replace(b"To: Ann", b'Cc: "Bob, Dr." <bob@example.net>\r\nTo: Ann'),
                   to=(BOB, ANN, CID))  # fmt: skip
    assert content.sender == Mailbox(Address("shop@example.com"), "Shop")
    assert content.subject == "Bücher  und mehr"
    assert content.to == (Mailbox(ANN, "Ann"),)
    assert content.cc == (Mailbox(BOB, "Bob, Dr."),)
    assert content.bcc == (Mailbox(CID),)
    assert content.kinds[CID] is RecipientKind.BCC


def test_who_is_blind_is_in_no_header_and_the_path_back_is_not_ours_to_keep() -> None:
    """One Bcc line that leaks tells every recipient about a person who was to stay unseen."""
    raw = b"Return-Path: <x@example.com>\r\nBcc: bob@example.net,\r\n cid@example.org\r\n" + PLAIN
    content = kept(raw, to=(ANN, BOB, CID))
    assert [box.address for box in content.bcc] == [BOB, CID]
    assert content.raw == PLAIN
    assert b"bob@" not in on_the_wire(content)
    assert b"cid@" not in on_the_wire(content)


def test_the_envelope_decides_whom_a_mail_goes_to() -> None:
    """A list's mail names the list in To and goes to each member alone."""
    content = kept(PLAIN, to=(BOB,))
    assert content.recipients == (BOB,)
    assert content.to == ()
    assert losses(content) == (
        "its Message-ID, in whose place the provider sets its own",
        "names in To and Cc to whom this mail does not go",
    )


def test_a_missing_date_message_id_or_sender_is_added() -> None:
    """Legacy applications leave them to the server (RFC 6409 section 8)."""
    content = kept(b"Subject: Hi\r\n\r\nHello\r\n", mail_from="app@example.com")
    assert content.sender == Mailbox(Address("app@example.com"))
    mail = parse(on_the_wire(content))
    assert mail["From"] == "app@example.com"
    assert mail["Date"] == "Tue, 01 Jan 2030 00:00:00 +0000"
    assert mail["Message-ID"] == "<msg_1@example.com>"
    assert mail["To"] == "undisclosed-recipients:;"


def test_a_body_that_begins_without_an_empty_line_is_still_a_body() -> None:
    """As in every MTA, the first line that is no field ends the header."""
    content = kept(b"From: shop@example.com\r\nhello there\r\nagain\r\n")
    assert content.raw == b"From: shop@example.com\r\n\r\nhello there\r\nagain\r\n"
    assert spelled_out(content).text == "hello there\nagain\n"


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (PLAIN.replace(b"To:", b"From: <boss@example.org>\r\nTo:"), "/headers/From"),
        (PLAIN.replace(b"shop@example.com", b"nobody"), "/headers/From"),
        (b"Received: by a; now\r\n" * 51 + PLAIN, "/headers/Received"),
        (PLAIN.replace(b"From: Shop <shop@example.com>\r\n", b""), "/headers/From"),
    ],
)
def test_what_hides_its_sender_or_goes_in_a_loop_is_refused(raw: bytes, pointer: str) -> None:
    """Two From fields are how a filter sees one sender and a reader another."""
    with pytest.raises(InvalidMessage) as caught:
        kept(raw)
    assert [fault.pointer for fault in caught.value.faults] == [pointer]


def test_octets_beyond_ascii_in_a_header_become_encoded_words() -> None:
    """They are legal only with SMTPUTF8, and old applications write them all the same."""
    raw = PLAIN.replace(b"Order 7", "Bücher für Ann".encode())
    raw = raw.replace(b"To: Ann", "To: Jürgen".encode()).replace(b"Shop", "Läden".encode("latin-1"))
    mail = on_the_wire(kept(raw))
    assert mail.isascii()
    read = parse(mail)
    assert read["Subject"] == "Bücher für Ann"
    assert read["To"] == "Jürgen <ann@example.net>"
    assert read["From"] == "Läden <shop@example.com>"


def test_a_line_that_no_server_need_take_has_the_mail_written_anew() -> None:
    """RFC 5321 section 4.5.3.1.6: 998 octets; breaking the line would break the text."""
    long = b"<p>" + b"x" * 5000 + b"\r\n"
    raw = PLAIN.replace(b"Date:", b"Content-Type: text/html\r\nList-Id: <shop>\r\nDate:")
    content = kept(raw.replace(b"Thank you!\r\n", long))
    mail = on_the_wire(content)
    assert max(map(len, mail.split(b"\r\n"))) <= 998
    assert read_back(mail).html == long.decode().replace("\r\n", "\n")
    assert parse(mail)["Message-ID"] == "<order-7@example.com>"
    assert parse(mail)["List-Id"] == "<shop>"


def _rich() -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = "shop@example.com", ANN, "Rich"
    mail["X-Campaign"] = "summer"
    mail.set_content("Text ä\n")
    mail.add_alternative('<img src="cid:logo@shop">\n', subtype="html")
    html = mail.get_payload()[1]  # type: ignore[index]
    html.add_related(b"PNG", "image", "png", cid="<logo@shop>")  # type: ignore[union-attr]
    mail.add_attachment(b"%PDF", "application", "pdf", filename="Rechnung für Ann.pdf")
    inner = EmailMessage(policy=SMTP)
    inner["Subject"] = "Inner"
    inner.set_content("within\n")
    mail.add_attachment(inner)
    return mail


def test_told_by_its_parts_a_mail_says_the_same() -> None:
    """Failover to a provider that takes no MIME must not change what is read."""
    content = spelled_out(kept(_rich().as_bytes()))
    assert content.raw is None
    assert (content.text, content.html) == ("Text ä\n", '<img src="cid:logo@shop">\n')
    assert content.headers == (("X-Campaign", "summer"),)
    logo, bill, inner = content.attachments
    assert (logo.content_id, logo.disposition) == ("logo@shop", Disposition.INLINE)
    assert logo.content == b"PNG"
    assert (bill.filename, bill.content) == ("Rechnung für Ann.pdf", b"%PDF")
    assert (inner.filename, inner.content_type) == ("message.eml", "message/rfc822")
    assert b"Subject: Inner" in inner.content
    assert losses(kept(_rich().as_bytes())) == ()


def test_a_form_without_a_field_of_its_own_is_named_as_a_loss() -> None:
    """An invitation as a file is not an invitation; the sender should know before it happens."""
    mail = _rich()
    mail.get_payload()[0].add_alternative(  # type: ignore[index,union-attr]
        "BEGIN:VCALENDAR", subtype="calendar"
    )
    mail["Sender"] = "desk@example.com"
    assert losses(kept(mail.as_bytes())) == (
        "its header field Sender",
        "its form as text/calendar travels as a file",
    )


def test_a_signed_mail_is_not_taken_apart() -> None:
    """Put together again it would arrive with a broken signature, which looks like a forgery."""
    raw = PLAIN.replace(b"Date:", b'Content-Type: multipart/signed; boundary="b"\r\nDate:')
    reason = why_not_spelled_out(kept(raw))
    assert reason is not None
    assert "signed" in reason
    assert losses(kept(raw))[-1] == reason


def test_bottomless_nesting_is_not_followed() -> None:
    """A mail of 60 KB that keeps a reader busy for minutes is an old attack."""
    body = b"end"
    for level in range(2000):
        mark = b"b%d" % level
        body = (
            b'Content-Type: multipart/mixed; boundary="' + mark + b'"\r\n\r\n'
            b"--" + mark + b"\r\n" + body + b"\r\n--" + mark + b"--\r\n"
        )
    reason = why_not_spelled_out(kept(b"From: shop@example.com\r\n" + body))
    assert reason is not None
    assert "parts" in reason


_LINES = st.lists(
    st.sampled_from(
        [
            b"From: a@example.com", b"To: <>", b"Subject: =?utf-8?b?////?=", b" folded", b"\tx",
            b"Content-Type: multipart/mixed; boundary=b", b"Content-Type: text/plain; charset=x-no",
            b'Content-Type: a/b; name*0*=utf-8\'\'%ff; name*1="', b"Content-Type: ;;=",
            b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: quoted-printable",
            b"Content-Disposition: attachment; filename*=x'y'z%zz", b"Content-ID: <", b"--b",
            b"--b--", b"", b"", b"=FF=", b"QUJD", b"\xff\xfe", b"Message-ID: <a b>", b": x",
            b"Content-Type: message/rfc822", b'From: "(((" <', b"To: a@example.net, =?x?q?",
            b"Bcc: x", b"no field",
        ]
    ),
    max_size=25,
).map(b"\r\n".join)  # fmt: skip


@given(raw=st.one_of(_LINES, st.binary(max_size=200)))
def test_whatever_is_sent_is_read_without_an_exception(raw: bytes) -> None:
    """A mail that cannot be read must not stop the worker that holds it."""
    try:
        content = kept(raw, mail_from="app@example.com")
    except InvalidMessage:
        return
    told = spelled_out(content)
    assert told.raw is None
    losses(content)
    why_not_spelled_out(content)
    assert b"\r\n\r\n" in on_the_wire(content)


@pytest.mark.parametrize(("octets", "goes"), [(998, True), (999, False)])
@pytest.mark.parametrize("place", ["first", "last"])
def test_a_line_of_998_octets_goes_as_it_is(octets: int, *, goes: bool, place: str) -> None:
    """The limit is that of RFC 5322 section 2.1.1, without the line end; one more is too many."""
    line = b"X: ".ljust(octets, b"x") + b"\r\n"
    raw = line + PLAIN if place == "first" else PLAIN + line
    assert goes_as_it_is(raw) is goes
