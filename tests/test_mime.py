"""A rendered mail, read by the standard library's parser and by the rules of the RFCs."""

from __future__ import annotations

import importlib.util
import re
from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header
from email.utils import getaddresses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mail_sender.domain.message import Address, Attachment, Content, Disposition, Mailbox
from mail_sender.mime import (
    ascii_address,
    least_bytes,
    needs_smtputf8,
    render,
    smtputf8_address,
)

from .make import NOW, mailboxes, make_content, make_message
from .parsed_mail import content_of, leaves, mailboxes_of, parse, read_back
from .requirements import need

MESSAGE_ID = "<msg_1@example.com>"
LOGO = Attachment(
    filename="logo.png",
    content_type="image/png",
    content=b"\x89PNG\r\n\x1a\n\0",
    content_id="logo@shop",
    disposition=Disposition.INLINE,
)
BILL = Attachment(filename="bill.pdf", content_type="application/pdf", content=b"%PDF-1.7\n")


def rendered(content: Content | None = None, **fields: Any) -> bytes:  # noqa: ANN401
    """Return the mail, after checking what must hold for every mail whatsoever."""
    message = make_message("msg_1", content=content or make_content(**fields))
    mail = render(message, date=NOW, message_id=MESSAGE_ID)
    assert mail.endswith(b"\r\n")
    assert b"\n" not in mail.replace(b"\r\n", b"")
    assert b"\r" not in mail.replace(b"\r\n", b"")
    assert max(map(len, mail.split(b"\r\n"))) <= 998
    assert mail.isascii()
    assert b"\0" not in mail
    return mail


def fields_of(mail: bytes) -> list[str]:
    """Return the header fields, unfolded, `Name: value` each."""
    head = mail.partition(b"\r\n\r\n")[0].decode()
    return re.sub(r"\r\n(?=[ \t])", "", head).split("\r\n")


def value_of(mail: bytes, name: str) -> str:
    """Return the value of the only field of that name, undecoded."""
    (value,) = (f.partition(": ")[2] for f in fields_of(mail) if f.startswith(f"{name}: "))
    return value


def structure(mail: bytes) -> object:
    """Return the tree of content types."""

    def tree(part: object) -> object:
        kind = part.get_content_type()  # type: ignore[attr-defined]
        if not kind.startswith("multipart/"):
            return kind
        return {kind: [tree(inner) for inner in part.iter_parts()]}  # type: ignore[attr-defined]

    return tree(parse(mail))


# --- structure ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "text/plain"),
        ({"text": None, "html": "<p>Hi"}, "text/html"),
        ({"text": None}, "text/plain"),
        ({"html": "<p>Hi"}, {"multipart/alternative": ["text/plain", "text/html"]}),
        (
            {"html": "<img src='cid:logo@shop'>", "attachments": (LOGO,)},
            {
                "multipart/alternative": [
                    "text/plain",
                    {"multipart/related": ["text/html", "image/png"]},
                ]
            },
        ),
        (
            {"text": None, "html": "<img>", "attachments": (LOGO, BILL)},
            {
                "multipart/mixed": [
                    {"multipart/related": ["text/html", "image/png"]},
                    "application/pdf",
                ]
            },
        ),
        (
            {"html": "<img>", "attachments": (BILL, LOGO)},
            {
                "multipart/mixed": [
                    {
                        "multipart/alternative": [
                            "text/plain",
                            {"multipart/related": ["text/html", "image/png"]},
                        ]
                    },
                    "application/pdf",
                ]
            },
        ),
        ({"attachments": (LOGO,)}, {"multipart/mixed": ["text/plain", "image/png"]}),
    ],
)
def test_each_content_has_the_structure_that_mail_clients_expect(
    fields: dict[str, Any], expected: object
) -> None:
    """An image at the wrong level is shown as a file, and a text outside is never shown."""
    assert structure(rendered(**fields)) == expected


def test_an_inline_image_can_be_found_by_the_html_that_names_it() -> None:
    """RFC 2392: `cid:logo@shop` is the Content-ID without its brackets."""
    mail = rendered(html="<img src='cid:logo@shop'>", attachments=(LOGO,))

    assert b"\r\nContent-ID: <logo@shop>\r\n" in mail
    assert b"\r\nContent-Disposition: inline;\r\n" in mail
    assert b'multipart/related; type="text/html";' in mail


def test_bcc_stands_in_no_header() -> None:
    """A blind copy that others can read is the worst thing that a mail program can do."""
    mail = rendered(bcc=mailboxes(["secret@example.org"]), headers=(("Bcc", "other@example.org"),))

    assert b"secret" not in mail
    assert b"other" not in mail
    assert b"bcc" not in mail.lower()


def test_a_mail_to_nobody_but_bcc_says_so() -> None:
    """A mail without any destination field looks like spam to many filters."""
    mail = rendered(to=(), bcc=mailboxes(["ann@example.net"]))

    assert value_of(mail, "To") == "undisclosed-recipients:;"


def test_the_fields_of_the_mail_are_the_clients_and_ours() -> None:
    """Our id must be there for webhooks to name the message; the client's fields stay."""
    message = make_message(
        cc=mailboxes(["bob@example.net"]),
        reply_to=mailboxes(["help@example.com"]),
        headers=(("X-Campaign", "spring"), ("x-ms-id", "forged"), ("Date", "never")),
    )
    mail = render(
        message,
        date=datetime(2026, 11, 26, 12, 1, 5, tzinfo=UTC),
        message_id=MESSAGE_ID,
        extra_headers=(("X-MS-ID", message.id),),
    )

    assert fields_of(mail) == [
        "Date: Thu, 26 Nov 2026 12:01:05 +0000",
        "From: Shop <shop@example.com>",
        "To: ann@example.net",
        "Cc: bob@example.net",
        "Reply-To: help@example.com",
        "Subject: Order 7",
        "Message-ID: <msg_1@example.com>",
        "X-Campaign: spring",
        f"X-MS-ID: {message.id}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=us-ascii",
        "Content-Transfer-Encoding: 7bit",
    ]


def test_a_field_that_may_stand_once_stands_once() -> None:
    """RFC 5322 section 3.6: two Subject fields make a mail that filters throw away."""
    headers = (("Reply-To", "a@example.com"), ("Subject", "Two"))
    both = rendered(reply_to=mailboxes(["b@example.com"]), headers=headers)
    only_as_headers = rendered(subject="", headers=headers)

    assert value_of(both, "Reply-To") == "b@example.com"
    assert value_of(both, "Subject") == "Order 7"
    assert value_of(only_as_headers, "Reply-To") == "a@example.com"
    assert value_of(only_as_headers, "Subject") == "Two"


def test_a_retry_renders_the_same_octets() -> None:
    """Some receivers drop a second copy, if it is a copy: same Message-ID, same octets."""
    fields: dict[str, Any] = {"html": "<p>ä", "attachments": (LOGO, BILL)}

    assert rendered(**fields) == rendered(**fields)


# --- headers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Ann", "Ann <ann@example.net>"),
        ("Ann B. Smith", '"Ann B. Smith" <ann@example.net>'),
        ("Smith, Ann", '"Smith, Ann" <ann@example.net>'),
        ('Ann "the" \\', '"Ann \\"the\\" \\\\" <ann@example.net>'),
        ("Ann Özil-Meier", "=?utf-8?q?Ann_=C3=96zil-Meier?= <ann@example.net>"),
        ("アン", "=?utf-8?b?44Ki44Oz?= <ann@example.net>"),
        ("=?utf-8?q?x?=", "=?utf-8?b?PT91dGYtOD9xP3g/PQ==?= <ann@example.net>"),
        ("Ann\r\nBcc: eve@example.org", '"Ann  Bcc: eve@example.org" <ann@example.net>'),
        (" \t", "ann@example.net"),
    ],
)
def test_a_display_name_is_quoted_or_encoded_as_it_needs(name: str, written: str) -> None:
    """A comma in a bare name makes two recipients of one."""
    mail = rendered(make_content_to(Mailbox(Address("ann@example.net"), name)))

    assert value_of(mail, "To") == written


def make_content_to(*boxes: Mailbox) -> Content:
    """Return a small mail to mailboxes with names."""
    return Content(sender=Mailbox(Address("shop@example.com")), to=boxes, text="Hi")


def test_a_thousand_recipients_are_folded_between_addresses() -> None:
    """A header line of 30 KB is cut by the first relay that it meets."""
    boxes = [Mailbox(Address(f"r{n}@example.net"), f"R. {n} Ümit") for n in range(1000)]
    mail = rendered(make_content_to(*boxes))
    head = mail.partition(b"\r\n\r\n")[0]

    assert max(map(len, head.split(b"\r\n"))) <= 78
    assert mailboxes_of(parse(mail), "to") == [(box.name, box.address) for box in boxes]


def test_a_long_subject_is_split_between_characters() -> None:
    """RFC 2047 section 5 (3): half a character in each of two words shows as two boxes."""
    subject = "Größenänderung 😀 " * 40
    value = value_of(rendered(subject=subject), "Subject")
    words = value.split(" ")

    assert max(map(len, words)) <= 75
    for word in words:
        str(make_header(decode_header(word)))  # each is whole by itself
    assert str(make_header(decode_header(value))) == subject.strip()


def test_a_long_ascii_value_is_folded_at_white_space_and_unfolds_to_itself() -> None:
    """List-Unsubscribe is structured: an encoded word in it would be a broken link."""
    urls = ", ".join(f"<https://shop.example.com/u/{n}/{'x' * 60}>" for n in range(5))
    mail = rendered(headers=(("List-Unsubscribe", urls),))

    assert value_of(mail, "List-Unsubscribe") == urls
    assert b">,\r\n <https://" in mail


def test_only_the_words_that_need_it_are_encoded_in_a_field_of_the_client() -> None:
    """`Errors-To: Ämter <a@b>` keeps its address readable to machines."""
    mail = rendered(headers=(("Errors-To", "Das Ämter Büro <a@example.com>"),))

    assert value_of(mail, "Errors-To") == ("Das =?utf-8?b?w4RtdGVyIELDvHJv?= <a@example.com>")


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\0", "\x0b"])
def test_no_value_can_begin_a_header_of_its_own(break_: str) -> None:
    """Header injection: whoever controls a name or a file name would control the mail."""
    evil = f"a{break_}X-Evil: yes{break_}{break_}body"
    mail = render(
        make_message(
            content=Content(
                sender=Mailbox(Address("shop@example.com"), evil),
                to=(Mailbox(Address("ann@example.net"), evil),),
                subject=evil,
                text="Hi",
                html="<p>",
                headers=(("X-Campaign", evil),),
                attachments=(
                    Attachment(filename=evil, content_type=evil, content=b"", content_id=evil),
                ),
            )
        ),
        date=NOW,
        message_id=MESSAGE_ID,
        extra_headers=(("X-Tag", evil),),
    )

    assert not re.search(rb"(?im)^x-evil", mail)
    assert len(parse(mail).defects) == 0
    assert [part.get_content_type() for part in leaves(parse(mail))] == [
        "text/plain",
        "text/html",
        "application/octet-stream",
    ]


@pytest.mark.parametrize(
    "address",
    [
        "a@b.example>\r\nBcc: <eve@example.org",
        "a b@example.org",
        "a@example.org, eve@example.org",
        "<a@example.org>",
        "a",
        "a@",
        "@example.org",
        "a@exa mple.org",
        "a@" + "x" * 400 + ".org",
        "a@-.☃-",
        "a\x85@example.org",
    ],
)
def test_what_is_not_one_address_is_never_written(address: str) -> None:
    """No repair of an address means the same person."""
    with pytest.raises(ValueError, match=r"address|ASCII form"):
        rendered(make_content_to(Mailbox(Address(address))))


@pytest.mark.parametrize("name", ["X:Y", "X Y", "", "X\r\nY", "Ä", "X" * 77])
def test_what_is_not_a_field_name_is_never_written(name: str) -> None:
    """A line end in a name is an injection; so is a colon."""
    with pytest.raises(ValueError, match="name of a header field"):
        rendered(headers=((name, "value"),))


@pytest.mark.parametrize("message_id", ["m@example.com", "<m@x>\r\nA: b", "<a b@x>", "<<a>>"])
def test_what_is_not_a_message_id_is_never_written(message_id: str) -> None:
    """It is made by us, so a bad one is our bug and must not be hidden."""
    with pytest.raises(ValueError, match="Message-ID"):
        render(make_message(), date=NOW, message_id=message_id)


# --- addresses ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("ann@example.net", "ann@example.net"),
        ("ann@Bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@faß.example", "ann@xn--fa-hia.example"),
        ("ann@例え。テスト", "ann@xn--r8jz45g.xn--zckzah"),
        ('"ann smith"@example.net', '"ann smith"@example.net'),
        ("root@localhost", "root@localhost"),
        ("ann@[127.0.0.1]", "ann@[127.0.0.1]"),
        ("änn@example.net", None),
    ],
)
def test_a_domain_has_an_ascii_form_and_a_local_part_has_none(
    address: str, written: str | None
) -> None:
    """RFC 6531: the domain travels as A-labels everywhere, the local part needs SMTPUTF8."""
    assert ascii_address(address) == written


def test_an_address_without_an_ascii_form_is_written_in_utf_8_only_when_asked_for() -> None:
    """A relay without SMTPUTF8 must never see it."""
    content = make_content_to(Mailbox(Address("änn@bücher.example"), "Änn"))
    message = make_message(content=content)

    assert needs_smtputf8(content)
    with pytest.raises(ValueError, match="ASCII"):
        render(message, date=NOW, message_id=MESSAGE_ID)
    mail = render(message, date=NOW, message_id=MESSAGE_ID, utf8_headers=True)
    assert "\r\nTo: =?utf-8?b?w4Rubg==?= <änn@xn--bcher-kva.example>\r\n".encode() in mail
    assert smtputf8_address("änn@bücher.example") == "änn@xn--bcher-kva.example"


def test_bcc_alone_needs_no_utf_8_headers() -> None:
    """It stands in no header."""
    assert not needs_smtputf8(make_content(bcc=mailboxes(["änn@example.net"])))


# --- bodies ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Hello\nworld", "7bit"),
        ("x" * 78, "7bit"),
        ("x" * 79, "quoted-printable"),
        ("Schöne Grüße aus dem Norden von Deutschland", "quoted-printable"),
        ("こんにちは世界", "base64"),
        ("Hi\nFrom here on", "quoted-printable"),
        ("From the start", "quoted-printable"),
        ("bell \a", "quoted-printable"),
        ("nul \0 within a text", "quoted-printable"),
        ("Is =_m6f5 a boundary?", "7bit"),
        ("", "7bit"),
    ],
)
def test_a_text_has_the_smallest_encoding_that_survives_relays(text: str, encoding: str) -> None:
    """Readable when it can be, and never changed on the way."""
    mail = rendered(text=text)

    assert value_of(mail, "Content-Transfer-Encoding") == encoding
    assert read_back(mail).text == (text if encoding == "base64" else text + "\n")


def test_no_line_begins_with_from_and_a_space() -> None:
    """Old mailboxes put a `>` before it, which breaks signatures."""
    text = "From here\n" + "x" * 75 + "From there and From\nFrom \nFrom"
    mail = rendered(text=text, html="<p>" + text)

    assert b"\nFrom " not in mail.partition(b"\r\n\r\n")[2]
    assert read_back(mail).text == text


def test_a_space_at_the_end_of_a_full_line_does_not_make_the_line_too_long() -> None:
    """RFC 2045 section 6.7 (5): 76 characters, the soft line break included."""
    for length in range(70, 80):
        for space in " \t":
            text = f"{'x' * length}{space}\nä\n"
            mail = rendered(text=text)
            assert max(map(len, mail.split(b"\r\n"))) <= 76
            assert read_back(mail).text == text


@pytest.mark.parametrize("break_", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_becomes_crlf(break_: str) -> None:
    """A bare LF on the wire is an error of its own to many servers (SMTP smuggling)."""
    assert read_back(rendered(text=f"a{break_}{break_}b")).text == "a\n\nb\n"


def test_a_text_that_holds_the_boundary_cannot_end_its_part() -> None:
    """Who knows a Message-ID can compute the boundary; content must not become structure."""
    mail = rendered(html="<p>")
    found = re.search(rb'boundary="(.+?)"', mail)
    assert found
    boundary = found[1].decode()
    text = f"--{boundary}--\n--{boundary}\nContent-Type: text/html\n\n<p>evil\n"
    eml = f"Subject: x\r\n\r\n{text}".replace("\n", "\r\n").replace("\r\r", "\r").encode()
    again = rendered(
        text=text,
        html="<p>",
        attachments=(Attachment(filename="a", content_type="message/rfc822", content=eml),),
    )

    assert read_back(again).text == text
    assert read_back(again).html == "<p>"
    assert read_back(again).attachments[0].content == eml


# --- attachments -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filename", "written"),
    [
        ("bill 7.pdf", ['filename="bill 7.pdf"']),
        ("Ärger.pdf", ["filename*=utf-8''%C3%84rger.pdf", 'filename="Arger.pdf"']),
        ("請求書.pdf", ["filename*=utf-8''%E8%AB%8B%E6%B1%82%E6%9B%B8.pdf", 'filename="___.pdf"']),
        ('a"b\\c', ["filename*=utf-8''a%22b%5Cc", 'filename="a_b_c"']),
        ("=?x?=", ["filename*=utf-8''%3D%3Fx%3F%3D", 'filename="__x?="']),
    ],
)
def test_a_file_name_is_written_for_every_reader(filename: str, written: list[str]) -> None:
    """RFC 2231 for those who know it, a likeness for Outlook of old."""
    mail = rendered(attachments=(Attachment(filename=filename, content_type="a/b", content=b""),))

    assert ("Content-Disposition: attachment;\r\n " + ";\r\n ".join(written)).encode() in mail
    assert read_back(mail).attachments[0].filename == filename


def test_an_attachment_without_a_name_has_no_file_name_parameter() -> None:
    """An empty name is a file that some clients cannot save."""
    mail = rendered(attachments=(Attachment(filename="", content_type="a/b", content=b"x"),))

    assert b"filename" not in mail
    assert b"Content-Disposition: attachment\r\n" in mail


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("text/csv; charset=utf-8", "text/csv; charset=utf-8"),
        ('text/calendar; method=REQUEST; name="a b"', 'text/calendar; method=REQUEST; name="a b"'),
        ("image/svg+xml", "image/svg+xml"),
        ("pdf", "application/octet-stream"),
        ("a/b; c", "application/octet-stream"),
        ("a/b\r\nX: y", "application/octet-stream"),
        ("ä/b", "application/octet-stream"),
        ("multipart/mixed; boundary=x", "application/octet-stream"),
        ("a/" + "b" * 300, "application/octet-stream"),
    ],
)
def test_a_media_type_that_cannot_be_written_is_octets(given: str, written: str) -> None:
    """The file arrives, whatever a client's MIME table says of it."""
    mail = rendered(attachments=(Attachment(filename="f", content_type=given, content=b"\xff"),))

    assert f"\r\nContent-Type: {written}\r\nContent-Disposition".encode() in mail
    assert read_back(mail).attachments[0].content == b"\xff"


def test_a_mail_within_the_mail_is_not_encoded() -> None:
    """RFC 2046 section 5.2.1: base64 is forbidden there, and readers do not decode it."""
    eml = b"From: a@example.org\r\nSubject: Inner\r\n\r\nHello\r\n"
    mail = rendered(
        attachments=(Attachment(filename="m.eml", content_type="message/rfc822", content=eml),)
    )

    assert b"Content-Type: message/rfc822\r\n" in mail
    assert b"Content-Transfer-Encoding: 7bit\r\n\r\n" + eml in mail
    assert read_back(mail).attachments[0].content == eml


@pytest.mark.parametrize("content", [b"S: x\r\n\r\n\xe4", b"x" * 999, b"a\0b"])
def test_a_mail_within_that_does_not_fit_travels_as_a_file(content: bytes) -> None:
    """It cannot be a part as it is, and must not be changed."""
    mail = rendered(
        attachments=(Attachment(filename="m.eml", content_type="message/rfc822", content=content),)
    )

    (attachment,) = read_back(mail).attachments
    assert attachment.content_type == "application/octet-stream"
    assert attachment.content == content
    assert attachment.filename == "m.eml"


def test_an_attachment_of_25_megabytes_arrives_whole() -> None:
    """The largest that the default configuration takes."""
    content = bytes(range(256)) * (25 << 12)
    mail = rendered(
        attachments=(Attachment(filename="x", content_type="application/zip", content=content),)
    )

    assert read_back(mail).attachments[0].content == content


# --- anything at all ---------------------------------------------------------------------

_LINES = st.lists(st.text(max_size=120), max_size=8).map("\n".join)
_ASCII_LINES = st.lists(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=90), max_size=8
).map("\n".join)
_TEXTS = st.none() | st.text() | _LINES | _ASCII_LINES
_DOMAINS = st.sampled_from(["example.net", "bücher.example", "a-b.example.co.uk"])
_LOCALS = st.text(st.sampled_from("abcdefg.!#'+/=_{|}~-09"), min_size=1, max_size=64)
_MAILBOXES = st.builds(
    lambda local, domain, name: Mailbox(Address(f"{local.strip('.') or 'x'}@{domain}"), name),
    _LOCALS.map(lambda text: re.sub(r"\.+", ".", text)),
    _DOMAINS,
    st.text(max_size=150),
)
_ATTACHMENTS = st.builds(
    Attachment,
    filename=st.text(max_size=150),
    content_type=st.sampled_from(["text/plain", "text/html", "image/png", "x"]),
    content=st.binary(max_size=300),
    content_id=st.none() | st.text(st.sampled_from("abc019.@_-"), min_size=1, max_size=20),
    disposition=st.sampled_from(Disposition),
)
_CONTENTS = st.builds(
    Content,
    sender=_MAILBOXES,
    to=st.lists(_MAILBOXES, max_size=4).map(tuple),
    cc=st.lists(_MAILBOXES, max_size=4).map(tuple),
    reply_to=st.lists(_MAILBOXES, max_size=2).map(tuple),
    subject=st.text(max_size=200),
    text=_TEXTS,
    html=_TEXTS,
    attachments=st.lists(_ATTACHMENTS, max_size=3).map(tuple),
    headers=st.lists(
        st.tuples(st.sampled_from(["X-A", "X-B"]), st.text(max_size=200)), max_size=2
    ).map(tuple),
)


def cleaned(value: str) -> str:
    """Return a header value as this project promises to write it."""
    return re.sub(r"[\x00-\x1f\x7f]", " ", value).strip(" ")


def with_lf(text: str | None) -> str | None:
    """Return a text with LF line ends."""
    return None if text is None else text.replace("\r\n", "\n").replace("\r", "\n")


@given(_CONTENTS)
def test_whatever_was_accepted_comes_back_from_a_parser(content: Content) -> None:
    """The writer has no opinion on content: it carries all of it, unchanged."""
    mail = rendered(content)
    parsed = read_back(mail)

    written = (with_lf(content.text), with_lf(content.html))
    assert as_written(parsed.text, parsed.html) == as_written(*written)

    inline = [a for a in content.attachments if content.html is not None and is_inline(a)]
    others = [a for a in content.attachments if content.html is None or not is_inline(a)]
    assert [a.content for a in parsed.attachments] == [a.content for a in (*inline, *others)]
    assert [a.filename.strip() for a in parsed.attachments] == [
        cleaned(a.filename).strip()  # the parser strips every white space of Unicode
        for a in (*inline, *others)
    ]
    assert [a.content_id for a in parsed.attachments] == [a.content_id for a in (*inline, *others)]


def as_written(text: str | None, html: str | None) -> tuple[str | None, str | None]:
    """Return both, without what a mail cannot tell.

    That is no content from an empty one, and whether the last line of a single part had an end.
    """
    if html is None:
        return (text or "").removesuffix("\n"), None
    return text, html.removesuffix("\n") if text is None else html


def is_inline(attachment: Attachment) -> bool:
    """Return whether it belongs into multipart/related."""
    return attachment.disposition is Disposition.INLINE and attachment.content_id is not None


@given(_CONTENTS)
def test_every_name_address_and_subject_comes_back_from_a_parser(content: Content) -> None:
    """What a person typed is what a person reads."""
    mail = rendered(content)
    message = parse(mail)

    assert decoded(value_of(mail, "Subject")) == cleaned(content.subject)
    for field, boxes in (
        ("from", (content.sender,)),
        ("to", content.to),
        ("cc", content.cc),
        ("reply-to", content.reply_to),
    ):
        if boxes:
            assert [a for _, a in mailboxes_of(message, field)] == [
                ascii_address(box.address) for box in boxes
            ]
            assert names_in(value_of(mail, field.title())) == [cleaned(box.name) for box in boxes]
            # The newer parser loses and makes white space between the words of a name.
            assert ["".join(name.split()) for name, _ in mailboxes_of(message, field)] == [
                "".join(cleaned(box.name).split()) for box in boxes
            ]


def names_in(value: str) -> list[str]:
    """Return the display names in an address list, read by the older parser."""
    return [decoded(name) for name, _ in getaddresses([value])]


def decoded(value: str) -> str:
    """Return an unfolded, unstructured value with its encoded words decoded."""
    return str(make_header(decode_header(value)))


@given(st.text(max_size=1200))
@example("x" * 990)
@example(" " * 400 + "x" + " " * 990 + "y")
@example("ä " + "x" * 950 + " " * 990 + "=?")
@example("a" + "  " * 40 + "é b")
def test_any_subject_comes_back(subject: str) -> None:
    """998 characters are allowed, of any script, with any white space between."""
    assert decoded(value_of(rendered(subject=subject), "Subject")) == cleaned(subject)


@given(_CONTENTS)
def test_the_least_size_is_never_too_large(content: Content) -> None:
    """It decides before a provider is asked; too large would keep a good mail from it."""
    assert least_bytes(content) <= len(rendered(content))


def test_the_date_keeps_its_time_zone() -> None:
    """`send_at` and `created_at` are UTC, but nothing here depends on it."""
    zone = datetime.fromisoformat("2026-11-26T12:01:05+05:30")
    mail = render(make_message(), date=zone, message_id=MESSAGE_ID)

    assert parse(mail)["date"].datetime == zone
    assert parse(mail)["date"].datetime.utcoffset() == timedelta(hours=5, minutes=30)


# --- other people's mails ----------------------------------------------------------------


def corpus() -> list[Path]:
    """Return the mails that CPython tests its own parser with; none when it came without."""
    if importlib.util.find_spec("test") is None:
        return []
    found = importlib.util.find_spec("test.test_email")
    places = (found and found.submodule_search_locations) or []
    return sorted(mail for place in places for mail in Path(place, "data").glob("msg_*.txt"))


def test_cpythons_own_collection_of_odd_mails_survives() -> None:
    """Fifty mails that broke somebody's program once: read, written by us, read again."""
    mails = corpus()
    need(mails, "CPython's test package (Debian: libpython3-testsuite)")
    for path in mails:
        content = content_of(path.read_bytes())
        before, after = content_of(path.read_bytes()), read_back(rendered(content))

        assert after.subject == cleaned(before.subject), path.name
        assert (after.text or "").rstrip("\n") == (before.text or "").rstrip("\n"), path.name
        assert (after.html or "").rstrip("\n") == (before.html or "").rstrip("\n"), path.name
        assert len(after.attachments) == len(before.attachments), path.name
        for got, given_ in zip(after.attachments, before.attachments, strict=True):
            assert got.content.split() == given_.content.split(), path.name
            assert got.filename == cleaned(given_.filename), path.name
    assert len(mails) > 40
