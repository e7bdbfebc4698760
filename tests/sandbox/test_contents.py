"""Reading mail for the inbox: what people write, and what no parser should have to see."""

from __future__ import annotations

from email.message import EmailMessage

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mail_sender.sandbox.contents import (
    Contents,
    addresses_in,
    contents_of_mime,
    decoded,
    header_in,
    mailboxes_in,
    written_in,
)


def test_a_mail_with_everything_is_read() -> None:
    """Both bodies, an inline image, a file, encoded words, several addresses."""
    mail = EmailMessage()
    mail["From"] = "Shöp <shop@example.com>"
    mail["To"] = '"Ann, A." <ann@example.net>, bob@example.net'
    mail["Cc"] = "cid@example.org"
    mail["Reply-To"] = "help@example.com"
    mail["Subject"] = "Grüße " + "und so weiter " * 10
    mail.set_content("Thänks\n")
    mail.add_alternative('<img src="cid:logo1">', subtype="html")
    mail.get_payload()[1].add_related(b"\x89PNG", "image", "png", cid="<logo1>")  # type: ignore[index, union-attr]
    mail.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="ä.pdf")

    said = contents_of_mime(mail.as_bytes(), tags=("t",), metadata={"k": "v"})

    assert [(m.name, m.address) for m in (*said.sender, *said.to)] == [
        ("Shöp", "shop@example.com"),
        ("Ann, A.", "ann@example.net"),
        ("", "bob@example.net"),
    ]
    assert [m.address for m in (*said.cc, *said.reply_to)] == [
        "cid@example.org",
        "help@example.com",
    ]
    assert said.subject == ("Grüße " + "und so weiter " * 10).strip()
    assert (said.text, said.html) == ("Thänks\n", '<img src="cid:logo1">\n')
    image, file = said.attachments
    assert (image.content_type, image.content_id, image.disposition) == (
        "image/png",
        "logo1",
        "inline",
    )
    assert (file.filename, file.content, file.disposition) == ("ä.pdf", b"%PDF-", "attachment")
    assert (said.tags, said.metadata) == (("t",), {"k": "v"})


def test_a_text_file_is_not_the_text() -> None:
    """The body is the first text that is no file."""
    mail = EmailMessage()
    mail.set_content("body")
    mail.add_attachment("file", filename="a.txt")
    mail.add_attachment("second", disposition="inline")

    said = contents_of_mime(mail.as_bytes())

    assert (said.text, [f.content for f in said.attachments]) == (
        "body\n",
        [b"file\n", b"second\n"],
    )


@pytest.mark.parametrize(
    "parameters",
    [
        "filename=\"a.txt\"; filename*=utf-8''%C3%A4.txt",
        "filename*=utf-8''%C3%A4.txt; filename=a.txt",
        "filename*0*=utf-8''%C3%A4; filename*1=.txt",
        'filename="=?utf-8?q?=C3=A4.txt?="',
    ],
)
def test_the_whole_name_of_a_file_wins_over_its_ascii_form(parameters: str) -> None:
    """Mail programs show the RFC 2231 form; so a test sees what a recipient would see."""
    raw = f"Content-Disposition: attachment; {parameters}\r\n\r\nx".encode()

    assert [f.filename for f in contents_of_mime(raw).attachments] == ["ä.txt"]


def test_an_attached_mail_is_one_file() -> None:
    """Its own attachments are not ours."""
    inner, outer = EmailMessage(), EmailMessage()
    inner["Subject"] = "inner"
    inner.set_content("inside")
    outer.set_content("outside")
    outer.add_attachment(inner)

    said = contents_of_mime(outer.as_bytes())

    (file,) = said.attachments
    assert (said.text, file.content_type) == ("outside\n", "message/rfc822")
    assert b"inside" in file.content


def test_headers_may_be_utf_8() -> None:
    """RFC 6532, as SMTPUTF8 brings it."""
    said = contents_of_mime("Subject: Grüße\r\nFrom: Änn <änn@example.net>\r\n\r\n".encode())

    assert said.subject == "Grüße"
    assert [(m.name, m.address) for m in said.sender] == [("Änn", "änn@example.net")]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b"no header at all",
        b"Subject: =?utf-8?b?!?=\r\n\r\n",
        b"Subject: =?nonsense?q?a?=\r\n\r\n",
        b"Content-Type: text/plain; charset=nonsense\r\n\r\n\xff",
        b"Content-Type: text/plain; charset=\xff\r\n\r\n\xff",
        b"Content-Transfer-Encoding: base64\r\n\r\n!",
        b"Content-Type: multipart/mixed\r\n\r\n--\r\n",
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n--a\r\n",
        b"Content-Type: message/rfc822\r\n\r\n\r\n",
        b"Content-Disposition: attachment; filename*=x'y'%ff%fe\r\n\r\n",
        b"To: <<<>>>,,;:@@\r\nFrom: \xff\xfe\r\n\r\n",
        b"To: " + b"(" * 5000 + b"\r\n\r\n",
        b"".join(
            b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n)
            for n in range(3000)
        ),
    ],
)
def test_malformed_mail_is_shown_somehow(raw: bytes) -> None:
    """The inbox must open, whatever a client under development managed to send."""
    assert msgspec.json.encode(contents_of_mime(raw))


_PIECES = st.sampled_from(
    [
        b"Subject: ",
        b"From: a <a@b>",
        b"Content-Type: multipart/mixed; boundary=x",
        b"Content-Type: text/html; charset=utf-16",
        b"Content-Transfer-Encoding: quoted-printable",
        b"Content-Disposition: attachment; filename=",
        b"--x",
        b"--x--",
        b"\r\n",
        b"\r\n\r\n",
        b"=?utf-8?q?=C3?=",
        b"=?",
        b"\x00",
        b"\xed\xa0\x80",
    ]
)


@given(st.lists(_PIECES | st.binary(max_size=20), max_size=40).map(b"".join))
@settings(deadline=None)
def test_no_bytes_can_break_the_reader(raw: bytes) -> None:
    """Found before somebody's client finds it."""
    assert msgspec.json.encode(contents_of_mime(raw))
    header_in(raw, "Subject")


@given(st.text(max_size=60))
def test_no_text_can_break_the_readers_of_fields(text: str) -> None:
    """Header values come from JSON and forms, too, so with any Unicode."""
    assert msgspec.json.encode([decoded(text), mailboxes_in(text), addresses_in([text])])


def test_a_mail_of_many_parts_is_cut() -> None:
    """A million empty parts would be a million files in one JSON answer."""
    raw = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\n\r\n" * 3000

    assert len(contents_of_mime(raw).attachments) < 1000


@pytest.mark.parametrize(
    ("raw", "subject"),
    [
        (b"Subject: a\r\n\r\nSubject: b", "a"),
        (b"X-Subject: a\r\nsubject:b\r\n c\r\n\r\n", "b c"),
        (b"X: 1\nSubject: =?utf-8?q?=C3=BC?=\n\nbody", "ü"),
        (b"From: a\r\n\r\nSubject: in the body", None),
        (b"\r\nSubject: in the body", None),
    ],
)
def test_one_header_is_found_without_parsing_the_mail(raw: bytes, subject: str | None) -> None:
    """Every mail pays for this on arrival; the rest waits until somebody looks."""
    assert header_in(raw, "Subject") == subject


@pytest.mark.parametrize(
    ("values", "addresses"),
    [
        (["ann@example.net"], ("ann@example.net",)),
        (["Ann <ann@example.net>", "ann@example.net"], ("ann@example.net",)),
        (["a@x.example, B <b@x.example>"], ("a@x.example", "b@x.example")),
        (['"A, B" <a@x.example>'], ("a@x.example",)),
        (['"a@b" <c@x.example>'], ("c@x.example",)),
        ([""], ()),
    ],
)
def test_addresses_are_found_in_lists(values: list[str], addresses: tuple[str, ...]) -> None:
    """The envelope of an API call, which has no other."""
    assert addresses_in(values) == addresses


def test_the_wire_name_of_the_sender_is_from() -> None:
    """`from` is no name in Python, and the only one in the API."""
    assert b'"from":[]' in msgspec.json.encode(Contents())


def test_a_comma_in_an_encoded_name_separates_nothing() -> None:
    """Lists are split before their encoded words are read (RFC 2047 section 5)."""
    raw = b"From: =?utf-8?q?Shop=2C_Ltd=2E?= <shop@example.com>\r\n\r\nHi"

    assert written_in(raw, "From") == "=?utf-8?q?Shop=2C_Ltd=2E?= <shop@example.com>"
    assert addresses_in([written_in(raw, "From") or ""]) == ("shop@example.com",)
    assert header_in(raw, "From") == "Shop, Ltd. <shop@example.com>"
