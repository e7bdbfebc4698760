"""multipart/form-data: what is written is what other people's parsers read."""

from __future__ import annotations

from email import message_from_bytes, policy

from hypothesis import given
from hypothesis import strategies as st

from mail_sender.providers.multipart import FormFile, content_type_of_form, write_form
from tests.providers.forms import ReadFile, ReadForm, read_form

BOUNDARY = "3f6e2c1d5f0b1a2c8d3e4f709b612a7c"

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_names = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='"\\%'))
_fields = st.lists(st.tuples(_names.filter(bool), _text), max_size=6)
_files = st.lists(
    st.builds(
        FormFile,
        st.just("attachment"),
        st.text(
            st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\%'), min_size=1
        ),
        st.just("application/pdf"),
        st.binary(max_size=60)
        | st.sampled_from([b"\r\n", b"--", b"\r\n--" + BOUNDARY[:-1].encode()]),
    ),
    max_size=4,
)


@given(fields=_fields, files=_files)
def test_another_parser_reads_what_was_written(
    fields: list[tuple[str, str]], files: list[FormFile]
) -> None:
    """A mail is in there: every octet of every value counts, line ends too."""
    body = write_form(fields, files, boundary=BOUNDARY)

    read = read_form({"Content-Type": content_type_of_form(BOUNDARY)}, body)

    assert _by_name(read) == _by_name(
        ReadForm(fields, [ReadFile(f.field, f.filename, f.content_type, f.content) for f in files])
    )


def _by_name(form: ReadForm) -> tuple[dict[str, list[str]], list[ReadFile]]:
    """Return the form as parsers group it: the order among different names is not kept."""
    return {name: form.all(name) for name in form.names}, form.files


def test_the_standard_library_reads_it_too() -> None:
    """Two parsers that agree are better than one."""
    file = FormFile("attachment", "a.pdf", "application/pdf", b"\x00\xff\r\n--x")
    body = write_form([("to", "ann@example.net"), ("to", "ü")], [file], boundary=BOUNDARY)
    head = f"Content-Type: {content_type_of_form(BOUNDARY)}\r\n\r\n".encode()

    parts = list(message_from_bytes(head + body, policy=policy.HTTP).iter_parts())

    assert [p.get_param("name", header="content-disposition") for p in parts] == [
        "to",
        "to",
        "attachment",
    ]
    assert parts[1].get_payload(decode=True) == "ü".encode()
    assert parts[2].get_filename() == "a.pdf"
    assert parts[2].get_payload(decode=True) == b"\x00\xff\r\n--x"


def test_no_name_can_add_a_part_or_a_header() -> None:
    """A client's metadata key stands in a name; with a line end in it, it would be a field."""
    nasty = 'a"; filename="x"\r\n\r\nb\r\n--' + BOUNDARY
    file = FormFile("attachment", nasty, "text/plain", b"c")

    body = write_form([(nasty, "v")], [file], boundary=BOUNDARY)

    read = read_form({"Content-Type": content_type_of_form(BOUNDARY)}, body)
    assert len(read.fields) == 1
    assert len(read.files) == 1
    assert "\r\n" not in read.fields[0][0]


def test_an_empty_form_is_a_form() -> None:
    """Posted to find out whether a key is good."""
    body = write_form([], boundary=BOUNDARY)

    assert body == f"--{BOUNDARY}--\r\n".encode()
