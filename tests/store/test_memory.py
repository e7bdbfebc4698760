"""The memory store keeps the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mail_sender.clock import FakeClock
from mail_sender.store.memory import MemoryStore
from mail_sender.store.port import Store

from ..contracts.store import StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    async def store(self, clock: FakeClock) -> AsyncIterator[Store]:
        store = MemoryStore(clock)
        await store.open()
        yield store
        await store.close()
