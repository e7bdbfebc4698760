"""The outcome journal: what providers answered, on a local disk, before the store knows it.

An outcome is entered before it is recorded in the store, and both make it durable at the same
time: the journal by a local sync (group commit), the store by its own commit, which may take
longer or fail. What the store has within 10 ms is not written here at all: its sync would be on
the same way to the same disk. If the process dies in between, or the store is away, the next
start replays it; without it, mail that was surely taken would end as `unknown`.

One directory, files `<owner>.<number>.jsonl` of JSON lines. A file is deleted once everything in
it is in the store. A torn last line (power loss while writing) is ignored: its outcome was not
yet relied upon.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ..domain.errors import ConfigError
from ..domain.message import MessageId
from ..observability import maillog
from ..store.port import Change

_FULL = 8 * 1024 * 1024
_PATIENCE = 0.01  #: seconds that the store gets before an outcome is written here too


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One outcome: the change to record, should nothing newer be there.

    `number` is that of the newest attempt in it: a record that has this attempt has it all.
    """

    id: MessageId
    owner: str
    fence: int
    number: int
    change: Change


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Entry)


class _File:
    """One journal file and how many of its entries are not in the store yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.size = 0
        self.open_entries = 0
        _sync_directory(path.parent)

    def write(self, lines: bytes) -> None:
        written = 0
        try:
            while written < len(lines):
                written += os.write(self.fd, lines[written:])
            os.fdatasync(self.fd)
        except OSError:
            os.ftruncate(self.fd, self.size)  # no half line before the next one
            raise
        self.size += written

    def remove(self) -> None:
        os.close(self.fd)
        self.path.unlink(missing_ok=True)


class Note:
    """One outcome in the journal, or on its way there."""

    __slots__ = ("entry", "file", "is_settled", "written")

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.file: _File | None = None
        self.is_settled = False
        self.written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()


class Journal:
    """See the module. Used by one process, named `owner`."""

    def __init__(self, directory: Path, owner: str) -> None:
        self._directory = directory
        self._owner = owner
        self._number = 0
        self._file: _File | None = None
        self._waiting: list[Note] = []
        self._flushing: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Be ready to write.

        Raises:
            ConfigError: The directory cannot be made or written to.
        """
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            probe = self._directory / f"{self._owner}.probe"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise ConfigError(
                f"worker.journal: cannot write to {self._directory}: {error.strerror}"
            ) from None

    def left_behind(self) -> Iterator[tuple[Path, list[Entry]]]:
        """Return the files of processes that ended, each with its entries in order.

        Only to be called while no other process uses the directory.
        """
        for path in sorted(self._directory.glob("*.jsonl")):
            if path.name.startswith(f"{self._owner}."):
                continue
            entries = []
            for line in path.read_bytes().splitlines():
                try:
                    entries.append(_decoder.decode(line))
                except msgspec.DecodeError:
                    continue
            yield path, entries

    def enter(self, entry: Entry) -> Note:
        """Begin to make an outcome survive a crash; many share one sync. Returns at once.

        `await kept(note)` tells when it does. A note that is settled before its turn to be
        written comes is left out: then the store was quicker.
        """
        note = Note(entry)
        self._waiting.append(note)
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush_soon())
        return note

    async def kept(self, note: Note) -> bool:
        """Return whether the outcome survives a crash, as soon as that is known.

        False: the disk is full or broken, and the outcome is only in memory.
        """
        return await asyncio.shield(note.written)

    def settle(self, note: Note) -> None:
        """The store has it (or will never take it): the note is no longer needed."""
        if note.is_settled:
            return
        note.is_settled = True
        if note.file is not None:
            self._let_go(note.file)

    async def close(self) -> None:
        """Write what was entered, then let go; a file with nothing open in it is deleted."""
        if self._flushing is not None:
            await self._flushing
        if self._file is None:
            return
        if self._file.open_entries == 0:
            self._file.remove()
        else:
            os.close(self._file.fd)
        self._file = None

    async def _flush_soon(self) -> None:
        """Give the store a moment: what it has by then need not be written twice."""
        await asyncio.sleep(_PATIENCE)
        await self._flush()
        self._flushing = None

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            notes = [note for note in waiting if not note.is_settled]
            try:
                if notes:
                    file = self._current()
                    lines = b"".join([_encoder.encode(note.entry) + b"\n" for note in notes])
                    file.open_entries += len(notes)
                    await loop.run_in_executor(None, file.write, lines)
            except OSError as error:
                maillog.trouble("journal", error.strerror or str(error), outcomes=len(notes))
                if self._file is not None:
                    self._file.open_entries -= len(notes)
                self._answer(waiting, written=False)
                continue
            for note in notes:
                note.file = file
                if note.is_settled:
                    self._let_go(file)
            self._answer(waiting, written=True)

    @staticmethod
    def _answer(notes: list[Note], *, written: bool) -> None:
        for note in notes:
            if not note.written.done():
                note.written.set_result(written or note.is_settled)

    def _let_go(self, file: _File) -> None:
        file.open_entries -= 1
        if file.open_entries == 0 and file is not self._file:
            file.remove()

    def _current(self) -> _File:
        if self._file is not None and self._file.size > _FULL:
            full, self._file = self._file, None
            if full.open_entries == 0:
                full.remove()
        if self._file is None:
            self._number += 1
            self._file = _File(self._directory / f"{self._owner}.{self._number:06}.jsonl")
        return self._file


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
