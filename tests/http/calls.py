"""What the tests of the HTTP client have in common: a call, its limits and its result."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest
import uvloop

from mail_sender.http.call import Answer, Request, Silence, Timeouts

#: Generous: for calls that are not meant to run into a limit.
PATIENT = Timeouts(
    connect=timedelta(seconds=5), write=timedelta(seconds=5), answer=timedelta(seconds=5)
)
#: For calls that are.
HASTY = Timeouts(
    connect=timedelta(seconds=0.05), write=timedelta(seconds=0.05), answer=timedelta(seconds=0.05)
)
every_loop = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
Run = Callable[[Coroutine[Any, Any, None]], None]


def post(url: str, body: bytes = b"{}", **headers: str) -> Request:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method="POST", url=url + "/send", headers=fields, body=body)


async def bounded(scenario: Coroutine[Any, Any, None]) -> None:
    """Let nothing hang: a broken client makes a test red, not endless."""
    async with asyncio.timeout(10):
        await scenario


async def result_of(call: Awaitable[Answer]) -> Answer | Silence:
    try:
        return await call
    except Silence as silence:
        return silence
