"""Templates that come with a call of Amazon SES: words in place of `{{name}}`. Pure.

Neighbour: `ses_mail` has the documents. SES fills templates with Handlebars; what is more than a
name (blocks, helpers, partials) is refused here, and so is a name without words, with which SES
takes the call and sends nothing. As at SES, nothing is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from .reading import Reader

_PLACE = re.compile(r"\{\{\{\s*([^{}]*?)\s*\}\}\}|\{\{\s*([^{}]*?)\s*\}\}")
_NAME = re.compile(r"[\w-]+(?:\.[\w-]+)*")


@dataclass(frozen=True, slots=True)
class Words:
    """What may be put into a template, by name."""

    words: Mapping[str, object]

    def fill(self, reader: Reader, pointer: str, text: str) -> str:
        """Return the text with its words; what has none is a fault at `pointer`."""

        def word(found: re.Match[str]) -> str:
            name = found[1] or found[2] or ""
            if not _NAME.fullmatch(name):
                reader.fault(pointer, f"{found[0]}: this gateway fills in names only")
                return ""
            value = self._find(name)
            if value is None:
                reader.fault(pointer, f"{found[0]}: the template data have no such name")
            return "" if value is None else value

        return _PLACE.sub(word, text)

    def _find(self, name: str) -> str | None:
        value: object = self.words
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, str):
            return value
        if isinstance(value, bool | int | float):
            return msgspec.json.encode(value).decode()
        return None


def read_words(reader: Reader, pointer: str, *texts: str | None) -> Words:
    """Return template data (JSON objects); of a name that stands in several, the last one's."""
    words: dict[str, object] = {}
    for text in texts:
        try:
            words |= msgspec.json.decode(text or "{}", type=dict[str, object])
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            reader.fault(pointer, "expected a JSON object in a string")
    return Words(words)
