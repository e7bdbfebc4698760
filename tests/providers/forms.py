"""Reading multipart/form-data back, with a parser by other people (Werkzeug, which moto brings)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file part as a server reads it."""

    field: str
    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ReadForm:
    """Fields in order, and files in order."""

    fields: list[tuple[str, str]]
    files: list[ReadFile]

    def all(self, name: str) -> list[str]:
        """Return the values of a field, in order."""
        return [value for field, value in self.fields if field == name]

    def one(self, name: str) -> str:
        """Return the value of a field; fails when there is not exactly one."""
        [value] = self.all(name)
        return value

    @property
    def names(self) -> set[str]:
        """The names of all fields that are no files."""
        return {name for name, _ in self.fields}


def _in_memory(
    total_content_length: int | None = None,
    content_type: str | None = None,
    filename: str | None = None,
    content_length: int | None = None,
) -> IO[bytes]:
    return io.BytesIO()


def read_form(headers: Mapping[str, str], body: bytes) -> ReadForm:
    """Return what a server makes of a form."""
    known = {name.lower(): value for name, value in headers.items()}
    mimetype, options = parse_options_header(known["content-type"])
    parser = FormDataParser(
        stream_factory=_in_memory,
        max_form_memory_size=None,
        max_form_parts=None,
        silent=False,
    )
    _, fields, files = parser.parse(io.BytesIO(body), mimetype, len(body), options)
    return ReadForm(
        list(fields.items(multi=True)),
        [
            ReadFile(name, file.filename or "", file.content_type or "", file.read())
            for name, file in files.items(multi=True)
        ],
    )
