"""A running sandbox for every test, once on asyncio's own loop and once on uvloop.

Where a connection is cut, the two loops could differ; the sandbox must not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from mail_sender.clock import FakeClock
from mail_sender.sandbox.server import Sandbox, SandboxSettings


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def sandbox(clock: FakeClock) -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxSettings(), clock) as running:
        yield running
