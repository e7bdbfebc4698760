"""API keys, paused providers, provider events and the readiness check: small and seldom."""

# ruff: noqa: S608 - statements are put together from constants only

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from ..domain.event import Event
from ..domain.message import KeyId
from .micros import micros
from .port import ApiKey, Pause
from .rows import API_KEY, INSERT_EVENTS, event_columns, key_columns, key_of, pause_of
from .sqlite_values import insert_rows


def check(connection: sqlite3.Connection, now: int) -> None:
    """Write something."""
    connection.execute("INSERT OR REPLACE INTO checks (id, at) VALUES (1, ?)", (now,))


def append_event(connection: sqlite3.Connection, event: Event) -> None:
    """Append an event; about a provider when it names no message."""
    found = connection.execute("SELECT seq FROM messages WHERE id = ?", (event.message_id,))
    (seq,) = found.fetchone() or (None,)
    insert_rows(connection, INSERT_EVENTS, [(seq, *event_columns(event))])


# ---------------------------------------------------------------- keys


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key with the hash of its secret."""

    key: ApiKey
    secret_hash: bytes


@dataclass(frozen=True, slots=True)
class KeyAt:
    """A key, and when something is done with it, in microseconds."""

    id: KeyId
    now: int


def add_key(connection: sqlite3.Connection, new: NewKey) -> None:
    """Keep a key. Raises `ValueError` when its id or hash is in use."""
    known = connection.execute(
        "SELECT 1 FROM api_keys WHERE id = ? OR secret_hash = ?", (new.key.id, new.secret_hash)
    )
    if known.fetchone() is not None:
        raise ValueError(f"a key with the id {new.key.id} or the same secret exists")
    insert_rows(
        connection,
        f"INSERT INTO api_keys (secret_hash, {API_KEY})",
        [(new.secret_hash, *key_columns(new.key))],
    )


def key_by_hash(connection: sqlite3.Connection, secret_hash: bytes) -> ApiKey | None:
    """Return the key with this secret."""
    row = connection.execute(
        f"SELECT {API_KEY} FROM api_keys WHERE secret_hash = ?",
        (secret_hash,),
    ).fetchone()
    return key_of(row) if row else None


def keys(connection: sqlite3.Connection) -> Sequence[ApiKey]:
    """Return all keys, newest first."""
    query = f"SELECT {API_KEY} FROM api_keys ORDER BY created_at DESC, n DESC"
    return [key_of(row) for row in connection.execute(query)]


def revoke_key(connection: sqlite3.Connection, at: KeyAt) -> ApiKey | None:
    """Revoke a key, if it is not revoked."""
    connection.execute(
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?", (at.now, at.id)
    )
    row = connection.execute(
        f"SELECT {API_KEY} FROM api_keys WHERE id = ?",
        (at.id,),
    ).fetchone()
    return key_of(row) if row else None


def touch_key(connection: sqlite3.Connection, at: KeyAt) -> None:
    """Note that a key was used."""
    connection.execute("UPDATE api_keys SET last_used_at = ? WHERE id = ?", (at.now, at.id))


# ---------------------------------------------------------------- paused providers


def pause(connection: sqlite3.Connection, pause: Pause) -> None:
    """Keep a pause; the newest of a provider counts."""
    connection.execute(
        'INSERT OR REPLACE INTO pauses (provider, reason, "by", at) VALUES (?, ?, ?, ?)',
        (pause.provider, pause.reason, pause.by, micros(pause.at)),
    )


def resume(connection: sqlite3.Connection, provider: str) -> None:
    """Forget a pause."""
    connection.execute("DELETE FROM pauses WHERE provider = ?", (provider,))


def pauses(connection: sqlite3.Connection) -> dict[str, Pause]:
    """Return the paused providers by name."""
    rows = connection.execute('SELECT provider, reason, "by", at FROM pauses ORDER BY provider')
    return {row[0]: pause_of(row) for row in rows}


TAKEN = """
    SELECT count(*) FROM recipients INDEXED BY recipients_taken
    WHERE taken_at IS NOT NULL AND taken_by = ? AND taken_at >= ?
"""


def accepted_recipients(connection: sqlite3.Connection, provider: str, since: int) -> int:
    """Return how many recipients a provider took since then."""
    (count,) = connection.execute(TAKEN, (provider, since)).fetchone()
    return int(count)
