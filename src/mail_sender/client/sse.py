"""Server-sent events as bytes (WHATWG HTML, section 9.2.6, "Interpreting an event stream").

Neighbours: the clients feed it what comes. Only what the gateway uses: `retry` is not read, since
the clients have pauses of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE_END = re.compile(rb"\r\n|\n|\r")
MAX_EVENT_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Frame:
    """One event: its id, and its data as it came."""

    id: str
    data: bytes


class FrameReader:
    """Reads frames from the pieces in which they come."""

    def __init__(self) -> None:
        self._buffer = b""
        self._id = ""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> list[Frame]:
        """Return the events that are whole now.

        Raises:
            ValueError: An event is larger than any that a gateway sends.
        """
        self._buffer += piece
        frames = []
        while (found := _LINE_END.search(self._buffer)) is not None:
            if found[0] == b"\r" and found.end() == len(self._buffer):
                break  # a line feed may follow
            line, self._buffer = self._buffer[: found.start()], self._buffer[found.end() :]
            if frame := self._take(line):
                frames.append(frame)
        if len(self._buffer) > MAX_EVENT_BYTES:
            raise ValueError("an event is too large")
        return frames

    def _take(self, line: bytes) -> Frame | None:
        if not line:
            data, self._data = b"\n".join(self._data), []
            return Frame(self._id, data) if data else None
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode("utf-8", "replace")
        return None
