"""Writing multipart/form-data (RFC 7578), as browsers write it.

Neighbours: provider files whose API takes a form. The whole body is made in memory: a request
must be complete before its first byte leaves, or "nothing was sent" could not be told apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FormFile:
    """A part with a file name. `content_type` must be free of CR and LF."""

    field: str
    filename: str
    content_type: str
    content: bytes


def content_type_of_form(boundary: str) -> str:
    """Return the Content-Type header for a form written with `boundary`."""
    return f"multipart/form-data; boundary={boundary}"


def write_form(
    fields: Iterable[tuple[str, str]], files: Iterable[FormFile] = (), *, boundary: str
) -> bytes:
    """Return the body: fields first, then files, each in the order given; names may repeat.

    Values go out as they are, in UTF-8: no line ending is changed. In names, CR, LF and the
    double quote are percent-encoded (WHATWG HTML, "multipart/form-data encoding algorithm"),
    so that no value can add a part or a header.

    Args:
        fields: (name, value).
        files: After the fields.
        boundary: 1 to 70 letters and digits that nobody can have put into a value: random.
    """
    dash = f"--{boundary}\r\nContent-Disposition: form-data; name="
    text = "".join(
        [f'{dash}"{_quotable(name)}"\r\n\r\n{value}\r\n' for name, value in fields]
    ).encode()
    pieces = [text]
    for file in files:
        head = (
            f'{dash}"{_quotable(file.field)}"; filename="{_quotable(file.filename)}"\r\n'
            f"Content-Type: {file.content_type}\r\n\r\n"
        )
        pieces += (head.encode(), file.content, b"\r\n")
    pieces.append(f"--{boundary}--\r\n".encode())
    return b"".join(pieces)


_ESCAPES = str.maketrans({"\r": "%0D", "\n": "%0A", '"': "%22"})


def _quotable(name: str) -> str:
    return name.translate(_ESCAPES)
