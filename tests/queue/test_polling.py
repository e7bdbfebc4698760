"""The store is the queue."""

from __future__ import annotations

import pytest

from mail_sender.queue.polling import PollingQueue
from tests.contracts.queue import QueueContract


class TestPolling(QueueContract):
    @pytest.fixture
    async def queue(self) -> PollingQueue:
        """Return the queue of one process."""
        return PollingQueue()
