"""Numbered migrations, applied by one process at a time while others go on working.

A file is named `0007_words.pre.sql` or `0007_words.post.sql`. What is `pre` leaves everything in
place that the version before needs (new tables, columns with a default, indexes), so it is
applied by the first new process that starts, while old ones still run. What is `post` takes away
what the version before needs, and waits until `mail-sender migrate --post` says that none is left.

So a database may be ahead of a program, by `pre` migrations of the next version, and that program
goes on. It refuses a database from which a migration that it does not know took something away.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources

import asyncpg

from ...domain.errors import ConfigError
from .hosts import Connection

_LOCK = 0x6D61696C  #: of the advisory lock: "mail"
_NAME = re.compile(r"([0-9]{4})_[a-z0-9_]+\.(pre|post)\.sql")


class Phase(StrEnum):
    """When a migration may be applied."""

    PRE = "pre"  #: while the version before still runs
    POST = "post"  #: when no process of the version before is left


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of `schema/`."""

    number: int
    phase: Phase
    script: str


def known() -> list[Migration]:
    """Return every migration, in order. Numbers go on from 1 without a gap."""
    files = resources.files(__package__).joinpath("schema").iterdir()
    named = sorted((it.name, it) for it in files)
    return [
        Migration(int(found[1]), Phase(found[2]), it.read_text(encoding="utf-8"))
        for name, it in named
        if (found := _NAME.fullmatch(name))
    ]


async def migrate(
    connection: Connection, migrations: Sequence[Migration], *, post: bool = False
) -> list[int]:
    """Apply what is missing, each in a transaction of its own; return the numbers.

    Without `post` it stops before the first `post` migration that is missing.

    Raises:
        ConfigError: The database cannot be used by this version.
    """
    await _refuse_other_encodings(connection)
    # A start asks for nothing when there is nothing to do: it may be one that cannot create.
    if not (missing := await _missing(connection, migrations, post=post)):
        return []
    # Held by the session: each migration commits by itself.
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    try:
        missing = await _missing(connection, migrations, post=post)
        for migration in missing:
            async with connection.transaction():
                await connection.execute("SET LOCAL statement_timeout = 0")
                await connection.execute(_CREATE)
                await connection.execute(migration.script)
                await connection.execute(_NOTE, migration.number, migration.phase.value)
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)
    return [migration.number for migration in missing]


_CREATE = """
    CREATE TABLE IF NOT EXISTS migrations (
        number     integer     PRIMARY KEY,
        phase      text        NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT pg_catalog.now()
    )
"""
_NOTE = "INSERT INTO migrations (number, phase) VALUES ($1, $2)"


async def _refuse_other_encodings(connection: Connection) -> None:
    encoding = await connection.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        raise ConfigError(f"the database has the encoding {encoding}: create one with UTF8")


async def _missing(
    connection: Connection, migrations: Sequence[Migration], *, post: bool
) -> list[Migration]:
    try:
        rows = await connection.fetch("SELECT number, phase FROM migrations")
    except asyncpg.UndefinedTableError:
        rows = []
        tables = await connection.fetchval(_FOREIGN_TABLES)
        if tables:
            raise ConfigError(
                f"the database holds tables of another program ({tables}): name an empty one"
            ) from None
    applied = {number: Phase(phase) for number, phase in rows}
    numbers = {migration.number for migration in migrations}
    for number, phase in sorted(applied.items()):
        if number not in numbers and phase is Phase.POST:
            raise ConfigError(
                f"the database has migration {number}, after which this version cannot use it: "
                "it was used by a newer version; install that one again"
            )
    missing = [migration for migration in migrations if migration.number not in applied]
    if not post:
        upto = [migration.phase for migration in missing]
        missing = missing[: upto.index(Phase.POST)] if Phase.POST in upto else missing
    return missing


_FOREIGN_TABLES = """
    SELECT string_agg(relname, ', ' ORDER BY relname) FROM (
        SELECT c.relname FROM pg_class AS c
        WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace LIMIT 3
    ) AS first_ones
"""
