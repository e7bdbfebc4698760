"""Forms as HTTP clients send them: multipart/form-data (RFC 7578) or urlencoded.

Neighbours: Mailgun's API takes nothing else, so that the door for its clients and the sandbox's
imitation of it read them here. The standard library has no parser for multipart bodies that is
fast enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

_MAX_FIELDS = 10_000
_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))', re.IGNORECASE)
_PLAIN_HEAD = re.compile(
    rb'\r\ncontent-disposition: form-data; name="([ !#$&-\[\]-~]+)"', re.IGNORECASE
)
_PARAMETER = re.compile(r';\s*(name|filename\*?)=("(?:[^"\\]|\\.)*"|[^;\s]+)', re.IGNORECASE)


class BadForm(Exception):
    """The body is no form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field. `filename` None: not a file."""

    name: str
    value: bytes
    filename: str | None = None
    content_type: str | None = None

    @property
    def text(self) -> str:
        """The value as text, undecodable bytes replaced."""
        return self.value.decode("utf-8", "replace")


class Form:
    """The fields of a form, in their order and by name. Names have no case."""

    def __init__(self, fields: Iterable[Field]) -> None:
        self.fields = tuple(fields)
        self._by_name: dict[str, list[Field]] = {}
        for field in self.fields:
            self._by_name.setdefault(field.name.lower(), []).append(field)

    def all(self, name: str) -> Sequence[Field]:
        """Return the fields of this name (in lower case)."""
        return self._by_name.get(name, ())

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the texts of the fields of this name, empty ones left out."""
        return tuple(field.text for field in self.all(name) if field.value)

    def text(self, name: str) -> str | None:
        """Return the first text that is not empty; None if there is none."""
        return next(iter(self.texts(name)), None)


def read_form(content_type: str, body: bytes) -> Form:
    """Read a form.

    Args:
        content_type: The header's value; what is not multipart counts as urlencoded.
        body: Whole.

    Raises:
        BadForm: It cannot be read, or has more than 10,000 fields.
    """
    if content_type.lower().startswith("multipart/form-data"):
        found = _BOUNDARY.search(content_type)
        if found is None:
            raise BadForm("multipart/form-data without a boundary")
        return Form(_parts((found[1] or found[2]).encode("latin-1"), body))
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="replace"
        )
    except ValueError:
        raise BadForm("the body is not urlencoded") from None
    return Form(Field(name=name, value=value.encode()) for name, value in pairs)


def _parts(boundary: bytes, body: bytes) -> Iterator[Field]:
    # The first delimiter has no line end before it, all others have; see RFC 2046 section 5.1.1.
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary, _MAX_FIELDS)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise BadForm("a multipart body without its closing delimiter")
    for piece in pieces[1:-1]:
        head, blank, value = piece.partition(b"\r\n\r\n")
        if not blank:
            raise BadForm("a part without a blank line behind its head")
        plain = _PLAIN_HEAD.fullmatch(head)
        if plain is not None:
            yield Field(name=plain[1].decode(), value=value)
        else:
            yield _field(head.decode("utf-8", "replace"), value)


def _field(head: str, value: bytes) -> Field:
    headers: dict[str, str] = {}
    for line in head.split("\r\n"):
        name, _, content = line.partition(":")
        headers[name.strip().lower()] = content.strip()
    parameters = {
        name.lower(): _unquoted(text)
        for name, text in _PARAMETER.findall(headers.get("content-disposition", ""))
    }
    if "name" not in parameters:
        raise BadForm("a part without a name")
    filename = parameters.get("filename")
    if "filename*" in parameters:
        # RFC 7578 forbids this form, and clients send it all the same: charset'language'text.
        filename = unquote(parameters["filename*"].rpartition("'")[2])
    return Field(
        name=parameters["name"],
        value=value,
        filename=filename,
        content_type=headers.get("content-type"),
    )


def _unquoted(text: str) -> str:
    if text.startswith('"'):
        text = re.sub(r"\\(.)", r"\1", text[1:-1])
    # The HTML standard escapes exactly these three in names.
    return text.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
