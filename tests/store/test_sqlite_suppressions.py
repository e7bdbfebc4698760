"""The suppression list in the file, beyond what every store promises."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from mail_sender.clock import FakeClock

from ..make import ANN, BOB, NOW, make_suppression
from .sqlite_files import opened, rows_in


async def test_what_does_not_count_any_more_is_deleted(tmp_path: Path) -> None:
    """Addresses of people are kept no longer than they are good for."""
    path, clock = tmp_path / "mail.db", FakeClock()
    async with opened(path, clock) as store:
        brief = make_suppression(ANN, expires_at=NOW + timedelta(hours=1))
        await store.add_suppressions([brief, make_suppression(BOB)])
        clock.advance(timedelta(hours=1))

        await store.purge(finished_before=NOW, limit=1)

    assert rows_in(path, "SELECT address FROM suppressions") == [(BOB,)]
