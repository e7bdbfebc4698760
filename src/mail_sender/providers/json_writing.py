"""What JSON providers write alike: files in base64, headers by name, no empty fields.

Neighbours: the JSON providers, and `ses_mail`. Pure.
"""

from __future__ import annotations

import json
from binascii import b2a_base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from ..domain.message import Attachment, Content, Disposition
from .ascii_headers import ascii_value
from .json_reading import Document

_BASE64_STEP = 3 << 16


def without_empty(document: Document) -> Document:
    """Return it without fields that say nothing: None, empty texts, lists and objects."""
    return {
        name: value for name, value in document.items() if value is not None and value not in _EMPTY
    }


_EMPTY: tuple[object, ...] = ("", [], {}, ())


def headers_of(content: Content) -> dict[str, str]:
    """Return the client's headers, values in ASCII; of repeated names the last."""
    return {name: ascii_value(value) for name, value in content.headers}


def base64_of(content: bytes) -> msgspec.Raw:
    """Return a JSON string. In steps: one call for 25 MB would keep the event loop waiting."""
    return msgspec.Raw(b"".join([b'"', *_base64_steps(content), b'"']))


def _base64_steps(content: bytes) -> Iterator[bytes]:
    view = memoryview(content)
    for start in range(0, len(view), _BASE64_STEP):
        yield b2a_base64(view[start : start + _BASE64_STEP], newline=False)


def is_inline(file: Attachment) -> bool:
    """Whether the file is shown in the text."""
    return file.disposition is Disposition.INLINE


def content_id_of(file: Attachment) -> str | None:
    """Return what the text names a file by: of an inline one without an id, its file name."""
    return file.content_id or (file.filename if is_inline(file) else None)


def further_tags(tags: Sequence[str]) -> list[tuple[str, str]]:
    """Return the tags after the first as one pair of metadata, where there is room for one tag.

    They come back in events all the same. Empty when there are no further ones.
    """
    return [("tags", ",".join(tags[1:]))] if tags[1:] else []


def compact(metadata: Mapping[str, object]) -> str:
    """Return pairs as JSON in ASCII, for a header or a field that takes text."""
    return json.dumps(metadata, separators=(",", ":"))


def split_metadata(
    metadata: Iterable[tuple[str, str]],
    *,
    ours: Iterable[tuple[str, str]],
    room: int,
    fits: Callable[[str, str], bool],
) -> tuple[dict[str, str], dict[str, str]]:
    """Return what a provider's own field carries, our pairs first, and what is left over.

    Args:
        metadata: The client's; none of it takes the name of one of ours, in whatever case.
        ours: Left over as well when they do not fit, all but the first, which is our id.
        room: How many pairs there may be.
        fits: Whether a key and its value may stand there.
    """
    carried: dict[str, str] = {}
    left_over: dict[str, str] = {}
    taken: set[str] = set()
    for number, (key, value) in enumerate([*ours, *metadata]):
        is_free = key.lower() not in taken and len(carried) < room
        if number == 0 or (is_free and fits(key, value)):
            carried[key] = value
            taken.add(key.lower())
        else:
            left_over[key] = value
    return carried, left_over
