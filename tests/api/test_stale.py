"""What a client sees of a message while no server of the cluster can write."""

from __future__ import annotations

from datetime import timedelta

from msgspec import structs

from mail_sender.api.schemas_message import message_of
from mail_sender.clock import FakeClock
from mail_sender.store.memory import MemoryStore

from ..make import NOW, make_new


async def test_a_status_read_from_a_copy_says_until_when_it_is_true() -> None:
    """Nobody takes `queued` for the last word when the mail may have left since."""
    store = MemoryStore(FakeClock())
    new = make_new()
    await store.accept(new)
    record = await store.get(new.message.id)
    assert record is not None
    as_of = NOW - timedelta(seconds=7)

    told = message_of(structs.replace(record, as_of=as_of), NOW)

    assert (told["stale"], told["as_of"]) == (True, as_of)
    assert "stale" not in message_of(record, NOW)
