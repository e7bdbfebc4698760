"""API keys, paused providers, and the readiness check: small and seldom."""

# ruff: noqa: S608 - statements are put together from constants only

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from ...domain.message import KeyId
from ..micros import micros
from ..port import ApiKey, Pause
from ..rows import API_KEY, key_columns, key_of, pause_of
from .hosts import Connection
from .sql import NOW, text

_CHECK = f"""
    INSERT INTO checks (owner, at) VALUES ($1, {NOW}) ON CONFLICT (owner) DO UPDATE SET at = {NOW}
"""


async def check(connection: Connection, owner: str) -> None:
    """Write something, which waits for the standbys like a mail."""
    await connection.execute(_CHECK, owner)


# ---------------------------------------------------------------- keys

_ADD = (
    f"INSERT INTO api_keys (secret_hash, {API_KEY}) "
    f"VALUES ({', '.join(f'${n}' for n in range(1, 12))})"
)
_REVOKE = f"""
    UPDATE api_keys SET revoked_at = coalesce(revoked_at, {NOW}) WHERE id = $1 RETURNING {API_KEY}
"""


async def add(connection: Connection, key: ApiKey, secret_hash: bytes) -> None:
    """Keep a key. Raises `ValueError` when its id or hash is in use."""
    try:
        await connection.execute(_ADD, secret_hash, *key_columns(key))
    except asyncpg.UniqueViolationError:
        raise ValueError(f"a key with the id {key.id} or the same secret exists") from None


async def by_hash(connection: Connection, secret_hash: bytes) -> ApiKey | None:
    """Return the key with this secret."""
    row = await connection.fetchrow(
        f"SELECT {API_KEY} FROM api_keys WHERE secret_hash = $1", secret_hash
    )
    return key_of(tuple(row)) if row else None


async def newest_first(connection: Connection) -> Sequence[ApiKey]:
    """Return all keys."""
    query = f"SELECT {API_KEY} FROM api_keys ORDER BY created_at DESC, n DESC"
    return [key_of(tuple(row)) for row in await connection.fetch(query)]


async def revoke(connection: Connection, id_: KeyId) -> ApiKey | None:
    """Revoke a key, if it is not revoked."""
    row = await connection.fetchrow(_REVOKE, id_)
    return key_of(tuple(row)) if row else None


async def touch(connection: Connection, id_: KeyId) -> None:
    """Note that a key was used."""
    await connection.execute(f"UPDATE api_keys SET last_used_at = {NOW} WHERE id = $1", id_)


# ---------------------------------------------------------------- paused providers

_PAUSE = """
    INSERT INTO pauses (provider, reason, by, at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (provider) DO UPDATE SET
        reason = excluded.reason, by = excluded.by, at = excluded.at
"""


async def pause(connection: Connection, pause: Pause) -> None:
    """Keep a pause; the newest of a provider counts."""
    await connection.execute(_PAUSE, pause.provider, text(pause.reason), pause.by, micros(pause.at))


async def resume(connection: Connection, provider: str) -> None:
    """Forget a pause."""
    await connection.execute("DELETE FROM pauses WHERE provider = $1", provider)


async def pauses(connection: Connection) -> dict[str, Pause]:
    """Return the paused providers by name."""
    rows = await connection.fetch("SELECT provider, reason, by, at FROM pauses ORDER BY provider")
    return {row[0]: pause_of(tuple(row)) for row in rows}


TAKEN = """
    SELECT count(*) FROM recipients
    WHERE taken_at IS NOT NULL AND taken_by = $1 AND taken_at >= $2::bigint
"""


async def accepted_recipients(connection: Connection, provider: str, since: int) -> int:
    """Return how many recipients a provider took since then."""
    return int(await connection.fetchval(TAKEN, provider, since))
