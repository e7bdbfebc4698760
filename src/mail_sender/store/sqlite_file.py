"""Opening the SQLite file: settings, migrations, and refusing a file that cannot be used.

Neighbours: `schema/` has the numbered migrations, `sqlite_writer` and `sqlite_reader` use the
connections. Everything that is wrong with a file is found here, at the start, and said as a
`ConfigError` that tells what to do.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import resources
from pathlib import Path

from ..domain.errors import ConfigError

APPLICATION_ID = 0x4D535331  #: "MSS1" in the file's header: it is ours
BUSY_TIMEOUT_MS = 5000  #: for the command line tools, which write to the same file
_OLDEST = (3, 38, 0)  #: STRICT tables, RETURNING, UPDATE FROM, built-in JSON
_CHECKED_WHOLE = 64 * 1024 * 1024  #: octets; some 0.3 s of a start


def writer_connection(path: Path) -> sqlite3.Connection:
    """Return a connection whose commits survive a power loss.

    Checkpoints are left to another connection (`sqlite_checkpoint`): inside a commit they cost
    up to 100 ms (p99 accept 13 ms at every 500 pages, 96 ms at every 16,000).
    """
    connection = _connect(path, "rwc")
    try:
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":  # said by an answer only: a file system without shared memory
            raise sqlite3.OperationalError("a write-ahead log is not possible on this file system")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone leaves it in the drive
        connection.execute("PRAGMA checkpoint_fullfsync = ON")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        connection.execute("PRAGMA cache_size = -65536")
        connection.execute("PRAGMA temp_store = MEMORY")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def reader_connection(path: Path) -> sqlite3.Connection:
    """Return a connection that cannot write. The writer must have opened the file before."""
    connection = _connect(path, "ro")
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=512,
        timeout=BUSY_TIMEOUT_MS / 1000,
    )
    # Python's own handle on time-outs is the same pragma; said again since tests read it.
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    return connection


def prepare(path: Path) -> None:
    """Create the file or bring it up to date, and make sure that it can be written to.

    Raises:
        ConfigError: It cannot be used; the text says why and what to do.
    """
    if sqlite3.sqlite_version_info < _OLDEST:
        needed = ".".join(map(str, _OLDEST))
        raise ConfigError(f"SQLite {needed} or newer is needed, found {sqlite3.sqlite_version}")
    if path.is_dir():
        raise ConfigError(f"{path} is a directory: store.url must name a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot create the directory {path.parent}: {error.strerror}; create it, or let "
            "store.url name a file elsewhere"
        ) from None
    try:
        _prepare(path)
    except sqlite3.Error as error:
        raise ConfigError(f"cannot use {path}: {error}; {_advice(error)}") from error


def _prepare(path: Path) -> None:
    _create_for_owner_only(path)
    connection = writer_connection(path)
    try:
        _refuse_foreign(connection, path)
        _refuse_damaged(connection, path)
        migrate(connection, path, migrations())
    finally:
        connection.close()


def _create_for_owner_only(path: Path) -> None:
    """Mail and hashes of keys are nobody else's business; SQLite's own files take this over."""
    with suppress(OSError):  # it exists, or SQLite says better why it cannot be made
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    (id_,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and id_ != APPLICATION_ID:
        raise ConfigError(f"{path} is another program's database: store.url must name our own")


def _refuse_damaged(connection: sqlite3.Connection, path: Path) -> None:
    """Look for damage, but not for longer than a start may take (1.5 GB would take 8 s).

    That its end is missing SQLite sees in a larger file as well; `PRAGMA integrity_check` in a
    maintenance window finds the rest.
    """
    if path.stat().st_size > _CHECKED_WHOLE:
        return
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise ConfigError(f"{path} is damaged ({found}); {_RESTORE}")


_RESTORE = (
    "restore it from a backup, or save what can be read with `sqlite3 FILE .recover` into a "
    "new file"
)


def _advice(error: sqlite3.Error) -> str:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_NOTADB:
            return "it is not an SQLite database: let store.url name another file"
        case sqlite3.SQLITE_CORRUPT:
            return f"it is damaged: {_RESTORE}"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return "its directory and its files must be writable for this user"
        case sqlite3.SQLITE_FULL:
            return "the disk is full: free some space"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "another program holds it: stop that one first"
        case _:
            return "check the disk and the permissions of its directory"


# ---------------------------------------------------------------- migrations


def migrations() -> list[tuple[int, str]]:
    """Return every migration as (number, SQL), in order. Numbers go on from 1 without a gap."""
    files = resources.files(__package__).joinpath("schema").iterdir()
    named = sorted((f.name, f) for f in files if f.name.endswith(".sql"))
    return [(int(name.partition("_")[0]), f.read_text(encoding="utf-8")) for name, f in named]


def migrate(connection: sqlite3.Connection, path: Path, known: Sequence[tuple[int, str]]) -> None:
    """Apply what is missing, each migration in a transaction of its own.

    Raises:
        ConfigError: A newer version of the program has changed the file.
    """
    while True:
        # The version is read inside the transaction: two processes may start at once.
        connection.execute("BEGIN IMMEDIATE")
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            _refuse_newer(version, len(known), path)
            for number, script in known[version : version + 1]:
                _apply(connection, number, script)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if version >= len(known):
            return


def _refuse_newer(version: int, known: int, path: Path) -> None:
    if version > known:
        raise ConfigError(
            f"{path} has schema version {version}, and this program knows {known}: it was used by "
            "a newer version; install that one again"
        )


def _apply(connection: sqlite3.Connection, number: int, script: str) -> None:
    for statement in _statements(script):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {number}")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _statements(script: str) -> Iterator[str]:
    """Split a script (`executescript` would commit after the first statement)."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
