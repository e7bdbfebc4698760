"""The SQLite store keeps the contract. What only it promises is in `test_sqlite_*.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mail_sender.clock import FakeClock
from mail_sender.store.port import Store
from mail_sender.store.sqlite import SqliteStore

from ..contracts.store import StoreContract


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    async def store(self, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Store]:
        store = SqliteStore(tmp_path / "mail.db", clock)
        await store.open()
        yield store
        await store.close()
