"""JSON answers, encoded by msgspec: some microseconds instead of some tens."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

encode = msgspec.json.Encoder().encode


class Answer(Response):
    """An answer whose content is one of the types in `schemas*`; times come out as RFC 3339."""

    media_type = "application/json"

    def __init__(
        self,
        content: object,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
    ) -> None:
        super().__init__(encode(content), status_code, headers, media_type)

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """See `Response`, which looks for a length and a type that no caller gives."""
        self.raw_headers = [
            (b"content-length", b"%d" % len(self.body)),
            (b"content-type", self.media_type.encode()),
        ]
        for name, value in (headers or {}).items():
            self.raw_headers.append((name.lower().encode("latin-1"), value.encode("latin-1")))
