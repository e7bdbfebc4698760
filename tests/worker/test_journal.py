"""The outcome journal: what survives a kill between the provider's answer and the store."""

from __future__ import annotations

import errno
import os
from datetime import timedelta
from pathlib import Path

import pytest

from mail_sender.domain.errors import ConfigError
from mail_sender.domain.event import EventType
from mail_sender.domain.message import Address, MessageId
from mail_sender.domain.status import RecipientStatus, State
from mail_sender.store.port import Change, RecipientChange
from mail_sender.worker import journal as journal_module
from mail_sender.worker.journal import Entry, Journal, Note
from tests.make import ANN, NOW, make_attempt, make_event


def entry(number: int = 1, id_: str = "msg_1") -> Entry:
    """Return an outcome with every kind of value in it."""
    change = Change(
        state=State.SENT,
        due_at=NOW,
        attempts=(make_attempt(number=number, detail="zürich ☃"),),
        recipients={ANN: RecipientChange(status=RecipientStatus.SENT, provider="ses", code=250)},
        provider="ses",
        provider_message_id="1",
        events=(make_event(EventType.SENT, MessageId(id_), provider="ses"),),
    )
    return Entry(id=MessageId(id_), owner="dead", fence=3, number=number, change=change)


def opened(directory: Path, owner: str = "dead") -> Journal:
    """Return a journal ready to write."""
    journal = Journal(directory, owner)
    journal.open()
    return journal


def left(directory: Path) -> list[Entry]:
    """Return what another process finds."""
    return [e for _, entries in opened(directory, "next").left_behind() for e in entries]


async def written(journal: Journal, *entries: Entry) -> list[Note]:
    """Enter outcomes at once and wait until they survive a crash."""
    notes = [journal.enter(each) for each in entries]
    assert all([await journal.kept(note) for note in notes])
    return notes


async def test_what_was_entered_is_found_by_the_next_process(tmp_path: Path) -> None:
    """A kill -9 right after the answer of a provider loses nothing of it."""
    await written(opened(tmp_path), entry())
    assert left(tmp_path) == [entry()]


async def test_a_file_whose_outcomes_are_all_in_the_store_is_deleted(tmp_path: Path) -> None:
    """A clean stop leaves nothing to replay."""
    journal = opened(tmp_path)
    for note in await written(journal, *(entry(n) for n in range(1, 6))):
        journal.settle(note)
        journal.settle(note)  # a second time must not count
    await journal.close()
    assert list(tmp_path.iterdir()) == []


async def test_an_unconfirmed_outcome_keeps_its_file(tmp_path: Path) -> None:
    """One outcome that the store could not take must outlive a clean stop."""
    journal = opened(tmp_path)
    first, _second = await written(journal, entry(1), entry(2))
    journal.settle(first)
    await journal.close()
    assert [e.number for e in left(tmp_path)] == [1, 2]


async def test_a_torn_last_line_is_ignored(tmp_path: Path) -> None:
    """Power was lost while writing: that outcome was not yet relied upon."""
    journal = opened(tmp_path)
    await written(journal, entry(1))
    path = next(tmp_path.glob("*.jsonl"))
    path.write_bytes(path.read_bytes() + path.read_bytes()[:40])
    assert [e.number for e in left(tmp_path)] == [1]


async def test_an_outcome_that_the_store_has_already_is_not_written(tmp_path: Path) -> None:
    """While one sync is under way the store is often quicker; the disk is spared."""
    journal = opened(tmp_path)
    notes = [journal.enter(entry(n)) for n in range(1, 5)]
    journal.settle(notes[1])
    assert await journal.kept(notes[3])
    assert await journal.kept(notes[1]), "it survives, in the store"
    assert [e.number for e in left(tmp_path)] == [1, 3, 4]


async def test_many_outcomes_share_a_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sync for each of a thousand mails a second would be the limit of the gateway."""
    syncs: list[int] = []
    real = os.fdatasync

    def counted(fd: int) -> None:
        syncs.append(fd)
        real(fd)

    monkeypatch.setattr(os, "fdatasync", counted)
    journal = opened(tmp_path)
    await written(journal, *(entry(n) for n in range(1, 201)))
    assert len(left(tmp_path)) == 200
    assert 0 < len(syncs) < 20


async def test_files_are_changed_when_full_and_old_ones_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under load that never pauses the journal must not grow for ever."""
    monkeypatch.setattr(journal_module, "_FULL", 2000)
    journal = opened(tmp_path)
    for number in range(1, 51):
        (note,) = await written(journal, entry(number))
        journal.settle(note)
    assert len(list(tmp_path.glob("*.jsonl"))) == 1


async def test_a_full_disk_is_told_and_does_not_stop_later_outcomes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outcome is then only in memory; the caller must know, and the file stays readable."""
    journal = opened(tmp_path)
    await written(journal, entry(1))
    real = os.write

    def full(fd: int, data: bytes) -> int:
        real(fd, data[:30])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", full)
        assert not await journal.kept(journal.enter(entry(2)))
    await written(journal, entry(3))
    assert [e.number for e in left(tmp_path)] == [1, 3]


def test_a_directory_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    """Better no start than mail whose outcome cannot be remembered."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"worker\.journal"):
        Journal(tmp_path / "file" / "journal", "me").open()


async def test_its_own_files_are_not_left_behind(tmp_path: Path) -> None:
    """A process must not replay what it is writing."""
    journal = opened(tmp_path, "me")
    await written(journal, entry())
    assert list(journal.left_behind()) == []


def test_an_entry_survives_with_its_types() -> None:
    """Durations, times and enums come back as what they were."""
    decoded = journal_module._decoder.decode(journal_module._encoder.encode(entry()))
    assert decoded == entry()
    assert decoded.change.attempts[0].duration == timedelta(milliseconds=80)
    assert Address("ann@example.net") in decoded.change.recipients
