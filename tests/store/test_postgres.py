"""The PostgreSQL store keeps the contract. What only it promises is in `test_postgres_*.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

import pytest

from mail_sender.clock import FakeClock
from mail_sender.store.port import Store
from mail_sender.store.postgres import PostgresStore, hosts_of

from ..contracts.store import StoreContract
from .postgres_databases import Timely, pretending_database


class TestPostgresStore(StoreContract):
    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    async def store(self, clock: FakeClock) -> AsyncIterator[Store]:
        url = await pretending_database()
        store = PostgresStore(hosts_of(url))
        await store.open()
        yield cast("Store", Timely(store, clock, url))
        await store.close()
