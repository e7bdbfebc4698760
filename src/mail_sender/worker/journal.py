"""The outcome journal: what providers answered, on a local disk, before the store knows it.

An outcome is appended and synced (group commit) before it is recorded in the store. If the
process dies in between, or the store is away, the next start replays it; without it, mail that
was surely taken would end as `unknown`.

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
from ..store.port import Change

_FULL = 8 * 1024 * 1024


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


class Receipt:
    """Stands for one entry until the store has it."""

    __slots__ = ("_file",)

    def __init__(self, file: _File) -> None:
        self._file: _File | None = file

    def take(self) -> _File | None:
        """Return the file, once."""
        file, self._file = self._file, None
        return file


class Journal:
    """See the module. Used by one process, named `owner`."""

    def __init__(self, directory: Path, owner: str) -> None:
        self._directory = directory
        self._owner = owner
        self._number = 0
        self._file: _File | None = None
        self._waiting: list[tuple[bytes, asyncio.Future[Receipt]]] = []
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

    async def append(self, entry: Entry) -> Receipt:
        """Make an outcome survive a crash; many callers share one sync.

        Raises:
            OSError: The disk is full or broken. The outcome is only in memory.
        """
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._waiting.append((_encoder.encode(entry) + b"\n", future))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        return await future

    def confirm(self, receipt: Receipt) -> None:
        """The store has it (or will never take it): the entry is no longer needed."""
        file = receipt.take()
        if file is None:
            return
        file.open_entries -= 1
        if file.open_entries == 0 and file is not self._file:
            file.remove()

    def close(self) -> None:
        """Let go of the file; one with nothing open in it is deleted."""
        if self._file is not None:
            if self._file.open_entries == 0:
                self._file.remove()
            else:
                os.close(self._file.fd)
            self._file = None

    async def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                file = self._current()
                file.open_entries += len(batch)
                await asyncio.to_thread(file.write, b"".join(line for line, _ in batch))
            except OSError as error:
                if self._file is not None:
                    self._file.open_entries -= len(batch)
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            for _, future in batch:
                if future.done():
                    self.confirm(Receipt(file))
                else:
                    future.set_result(Receipt(file))
        self._flushing = None

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
