"""An `HttpClient` without a network: it says what the script says and keeps what it was given.

For everything about an HTTP provider but the wire itself; `far_side` is for that.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from mail_sender.providers.http import Answer, Phase, Request, Silence, Timeouts

Script = Callable[[Request], Answer]


class ScriptedHttp:
    """See `http.HttpClient`. One script answers every call."""

    def __init__(self, script: Script | None = None) -> None:
        self.script: Script = script or silent(Phase.CONNECT, "nothing listens here")
        self.requests: list[Request] = []
        self.called = asyncio.Event()
        self.hangs = False

    async def call(self, request: Request, timeouts: Timeouts) -> Answer:
        self.requests.append(request)
        self.called.set()
        if self.hangs:
            await asyncio.Event().wait()
        return self.script(request)

    async def close(self) -> None:
        pass

    @property
    def last(self) -> Request:
        """The newest request."""
        return self.requests[-1]


def answer(status: int, body: object = b"", **headers: str) -> Answer:
    """Return an answer; a body that is no bytes or str becomes JSON.

    Args:
        status: Of the answer.
        body: Bytes, text, or what is to be encoded.
        headers: By name, `_` for `-`.
    """
    if isinstance(body, str):
        body = body.encode()
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return Answer(
        status=status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=body,
    )


def recorded(name: str) -> Answer:
    """Return an answer from tests/recorded, where its date and source stand beside it."""
    file = Path(__file__).parent.parent / "recorded" / f"{name}.json"
    known = json.loads(file.read_text(encoding="utf-8"))
    assert known["recorded"]
    assert known["source"]
    reply = answer(known["status"], known["body"])
    return replace(reply, headers=known["headers"])


def always(reply: Answer) -> Script:
    """Return a script that gives one answer to whatever is asked."""
    return lambda _request: reply


def in_turn(*replies: Answer) -> Script:
    """Return a script that gives the answers one after the other, and fails after the last."""
    left = iter(replies)
    return lambda _request: next(left)


def silent(phase: Phase, reason: str = "it fell silent") -> Script:
    """Return a script for a call that brings no answer."""

    def script(_request: Request) -> Answer:
        raise Silence(phase, reason)

    return script
