"""Forms as HTTP clients really write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_sender.mime.form import BadForm, Field, read_form


def part(head: str, value: bytes = b"v") -> bytes:
    return b"--B\r\n" + head.encode() + b"\r\n\r\n" + value + b"\r\n"


def read(*parts: bytes) -> tuple[Field, ...]:
    return read_form("multipart/form-data; boundary=B", b"".join(parts) + b"--B--\r\n").fields


@pytest.mark.parametrize(
    ("head", "name", "filename"),
    [
        ('Content-Disposition: form-data; name="a"', "a", None),
        ("content-disposition: form-data; name=a", "a", None),
        ('Content-Disposition: form-data; name="a"; filename="f.txt"', "a", "f.txt"),
        ('Content-Disposition: form-data; filename="f.txt"; name="a"', "a", "f.txt"),
        ('Content-Disposition: form-data; name="a"; filename="ä.txt"', "a", "ä.txt"),
        ("Content-Disposition: form-data; name=a; filename*=utf-8''%C3%A4.txt", "a", "ä.txt"),
        (
            'Content-Disposition: form-data; name="a"; filename="a;b \\"c%22.txt"',
            "a",
            'a;b "c".txt',
        ),
    ],
)
def test_names_come_in_many_ways(head: str, name: str, filename: str | None) -> None:
    """curl, browsers, requests, Java: each quotes by its own rules."""
    (field,) = read(part(head))

    assert (field.name, field.filename, field.value) == (name, filename, b"v")


def test_values_are_bytes_as_they_were() -> None:
    """A file may hold line ends, dashes, and almost the boundary."""
    value = b"\r\n--A\r\n\x00--B\r\n\r\n"
    fields = read(
        part('Content-Disposition: form-data; name="a"', value),
        part('Content-Disposition: form-data; name="b"\r\nContent-Type: image/png', b""),
    )

    assert [(f.name, f.value, f.content_type) for f in fields] == [
        ("a", value, None),
        ("b", b"", "image/png"),
    ]


def test_a_boundary_may_be_quoted() -> None:
    """RFC 2046 section 5.1.1 allows characters that need it."""
    body = part('Content-Disposition: form-data; name="a"').replace(b"--B", b"--b:c")
    fields = read_form('multipart/form-data; boundary="b:c"', body + b"--b:c--\r\n").fields

    assert [f.name for f in fields] == ["a"]


def test_urlencoded_fields_repeat() -> None:
    """Lists are repeated keys."""
    fields = read_form(
        "application/x-www-form-urlencoded", b"to=a%40x&to=b+c&empty=&v=%C3%A4"
    ).fields

    assert [(f.name, f.text) for f in fields] == [
        ("to", "a@x"),
        ("to", "b c"),
        ("empty", ""),
        ("v", "ä"),
    ]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--B--"),
        ("multipart/form-data; boundary=B", b""),
        (
            "multipart/form-data; boundary=B",
            b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n',
        ),
        ("multipart/form-data; boundary=B", b"--B\r\nno blank line\r\n--B--"),
        ("multipart/form-data; boundary=B", b"--B\r\nX: y\r\n\r\nv\r\n--B--"),
        ("application/x-www-form-urlencoded", b"\xff=\xff"),
        ("application/x-www-form-urlencoded", b"a=&" * 10_001),
        ("multipart/form-data; boundary=B", part("X: y") * 10_001 + b"--B--"),
    ],
)
def test_what_is_no_form_is_refused(content_type: str, body: bytes) -> None:
    """A cut body must not pass for a shorter mail."""
    with pytest.raises(BadForm):
        read_form(content_type, body)


@given(
    st.lists(
        st.sampled_from([b"--B", b"\r\n", b"--", b"name=", b'"', b";"]) | st.binary(max_size=9)
    )
)
def test_no_bytes_can_break_the_reader(pieces: list[bytes]) -> None:
    """Fields or BadForm, nothing else."""
    for content_type in ("multipart/form-data; boundary=B", ""):
        try:
            read_form(content_type, b"".join(pieces))
        except BadForm:
            continue


def test_fields_are_found_by_name_in_any_case() -> None:
    """`h:Reply-To` and `h:reply-to` are one header; an empty field is none."""
    form = read_form("", b"H:Reply-To=a&h:reply-to=b&text=")

    assert (form.texts("h:reply-to"), form.text("text")) == (("a", "b"), None)
