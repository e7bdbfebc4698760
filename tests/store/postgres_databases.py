"""Databases for tests of the PostgreSQL store, and a database clock that a test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import asyncpg

from mail_sender.clock import FakeClock
from mail_sender.store.postgres import PostgresStore, hosts_of

from ..postgres import Server, new_database, shared_server

_PRETEND = """
    CREATE SCHEMA pretended;
    CREATE TABLE pretended.clock (at timestamptz NOT NULL);
    INSERT INTO pretended.clock VALUES (pg_catalog.now());
    CREATE FUNCTION pretended.now() RETURNS timestamptz LANGUAGE sql STABLE
        AS 'SELECT at FROM pretended.clock';
"""
_FORGET = """
    SELECT 'TRUNCATE ' || string_agg(quote_ident(relname), ', ') FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'migrations'
"""
_databases: dict[str, str] = {}


async def pretending_database() -> str:
    """Return the URL of an empty database of the shared server whose `now()` a test moves.

    The store's statements know nothing of it: they say `now()`, and the search path of this
    database finds another one before PostgreSQL's own. It is one for the whole run.
    """
    server = shared_server()
    if "pretending" not in _databases:
        name = await new_database(server)
        await server.execute(_PRETEND, database=name)
        await server.execute(
            f"ALTER DATABASE {name} SET search_path = public, pretended, pg_catalog"
        )
        await opened_once(server, name)
        _databases["pretending"] = name
    name = _databases["pretending"]
    connection = await asyncpg.connect(server.url(name))
    try:
        await connection.execute(await connection.fetchval(_FORGET))
    finally:
        await connection.close()
    return server.url(name)


async def opened_once(server: Server, name: str) -> None:
    """Bring a database's schema up to date."""
    store = PostgresStore(hosts_of(server.url(name)))
    await store.open()
    await store.close()


class Timely:
    """A store whose database's clock says what a `FakeClock` says, at each call."""

    def __init__(self, store: PostgresStore, clock: FakeClock, url: str) -> None:
        self._store = store
        self._clock = clock
        self._url = url
        self._told: datetime | None = None
        self._telling = asyncio.Lock()

    async def _tell(self) -> None:
        async with self._telling:
            now = self._clock.now()
            self._store.clock.hear(now)
            if now != self._told:
                connection = await asyncpg.connect(self._url)
                await connection.execute("UPDATE pretended.clock SET at = $1", now)
                await connection.close()
                self._told = now

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method, or a part with methods
        found = getattr(self._store, name)
        return _Part(found, self._tell) if name == "webhooks" else _timely(found, self._tell)


class _Part:
    """A part of the store, as timely as the whole."""

    def __init__(self, part: object, tell: Callable[[], Awaitable[None]]) -> None:
        self._part = part
        self._tell = tell

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        return _timely(getattr(self._part, name), self._tell)


def _timely(
    method: Callable[..., Awaitable[Any]], tell: Callable[[], Awaitable[None]]
) -> Callable[..., Awaitable[Any]]:
    async def timely(*args: object, **kwargs: object) -> Any:  # noqa: ANN401 - any method
        await tell()
        return await method(*args, **kwargs)

    return timely
