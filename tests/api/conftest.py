"""Fixtures of the API's tests: a running gateway, and a client with a key that may do all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from mail_sender.clock import FakeClock

from .stack import Stack, running


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """A gateway whose worker sends."""
    async with running(tmp_path / "journal") as started:
        yield started


@pytest.fixture
async def idle(tmp_path: Path) -> AsyncIterator[Stack]:
    """A gateway at a standstill: nothing leaves the queue, and time stands still."""
    async with running(tmp_path / "journal", claims=False, clock=FakeClock()) as started:
        yield started


@pytest.fixture
async def api(stack: Stack) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of `stack`."""
    async with stack.client() as client:
        yield client


@pytest.fixture
async def idle_api(idle: Stack) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of `idle`."""
    async with idle.client() as client:
        yield client
