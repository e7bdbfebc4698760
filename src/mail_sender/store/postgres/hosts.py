"""The servers of a cluster: who they are, and which of them can write now.

`store.url` names all of them. Nobody tells us of a failover: all are asked at once, and whoever
is not in recovery is the primary. That is known within two seconds, since a host that does not
answer by then is left out. When two say that they can write (an old primary that was cut off
does not know that it was replaced), the one on the later timeline is right.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from ...domain.errors import ConfigError

Connection: TypeAlias = asyncpg.Connection

FIND_LIMIT = 2.0  #: seconds; longer than a healthy server on the other continent takes
_OTHERS_LIMIT = 0.2  #: seconds that another one has to say that it is on a later timeline
_STATEMENTS = 400  #: prepared ones kept on a connection

_SCHEMES = ("postgresql", "postgres")
_OWN_PARAMETERS = frozenset({"target_session_attrs"})  #: libpq's way to say what we do anyway


@dataclass(frozen=True, slots=True)
class Host:
    """One server.

    Attributes:
        name: `host:port`, for logs.
        dsn: How to connect to it alone.
        password: Where the dsn has none.
    """

    name: str
    dsn: str = field(repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Reached:
    """A connection that stands, and what its server said.

    Attributes:
        timeline: Of a primary: it grows with each failover.
    """

    host: Host
    connection: Connection
    is_primary: bool
    timeline: int


# ---------------------------------------------------------------- the URL


def is_postgres(url: str) -> bool:
    """Whether the URL names a PostgreSQL database."""
    return url.partition("://")[0] in _SCHEMES


def hosts_of(url: str, password: str | None = None) -> tuple[Host, ...]:
    """Read `postgresql://user@a1,a2:5433,b1/mail?sslmode=verify-full`.

    Raises:
        ConfigError: It has no host or no database.
    """
    parts = urlsplit(url)
    user, _, places = parts.netloc.rpartition("@")
    if not parts.path.strip("/"):
        raise ConfigError("the name of the database is missing: postgresql://host/NAME")
    query = "&".join(
        part for part in parts.query.split("&") if part.partition("=")[0] not in _OWN_PARAMETERS
    )
    return tuple(
        Host(name, urlunsplit((parts.scheme, f"{user}@{name}" if user else name, parts.path,
                               query, "")), password)
        for name in _names(places)
    )  # fmt: skip


def _names(places: str) -> Iterator[str]:
    for place in places.split(","):
        named = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\[\]:/]+)(?::([0-9]{1,5}))?", place)
        if named is None or int(named[2] or 0) > 65535:
            raise ConfigError(f"expected host or host:port, got {place!r}")
        yield f"{named[1]}:{named[2] or 5432}"


def shown_url(url: str) -> str:
    """Return the URL without its password."""
    return re.sub(r"^([a-z]+://[^:@/]*):[^@/]*@", r"\1:***@", url)


# ---------------------------------------------------------------- connecting

_SESSION = {
    "application_name": "mail-sender",
    "timezone": "UTC",
    "statement_timeout": "60s",
    "lock_timeout": "10s",
    # An open transaction that nobody goes on with keeps dead rows alive, and claims slow down.
    "idle_in_transaction_session_timeout": "10s",
    # Plans that are good when there are millions of rows, also while the tables are still empty
    # and the planner knows nothing yet: by index, row by row, and never thought over again.
    "jit": "off",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_material": "off",
    "enable_bitmapscan": "off",
    "plan_cache_mode": "force_generic_plan",
}
_SETTLED = """
    SELECT pg_is_in_recovery(),
        CASE WHEN pg_is_in_recovery() THEN 0
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::integer END,
        set_config('synchronous_commit',
            CASE WHEN current_setting('synchronous_commit') = 'remote_apply'
                THEN 'remote_apply' ELSE 'on' END, false)
"""


async def connect(host: Host) -> Reached:
    """Connect to a server, with sessions that wait for the standbys at each commit.

    Raises:
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: It cannot be reached, or does not
            want us. `TimeoutError` after two seconds.
    """
    connection: Connection | None = None
    try:
        async with asyncio.timeout(FIND_LIMIT):
            connection = await asyncpg.connect(
                host.dsn, password=host.password, statement_cache_size=_STATEMENTS,
                server_settings=_SESSION,
            )  # fmt: skip
            in_recovery, timeline, _ = await connection.fetchrow(_SETTLED) or (True, 0, "")
    except BaseException:
        if connection is not None:
            connection.terminate()
        raise
    return Reached(host, connection, not in_recovery, timeline)


@dataclass(frozen=True, slots=True)
class Found:
    """Who answered. `primary` is None where nobody can write; the others are standbys."""

    primary: Reached | None
    standbys: Sequence[Reached]
    failures: Sequence[str]


async def find(hosts: Sequence[Host]) -> Found:
    """Ask all servers at once; return within `FIND_LIMIT` and a little.

    Connections that are returned belong to the caller.
    """
    asked = {asyncio.create_task(connect(host)): host for host in hosts}
    waiting = set(asked)
    primaries: list[Reached] = []
    standbys: list[Reached] = []
    failures: list[str] = []
    while waiting:
        limit = _OTHERS_LIMIT if primaries else None
        done, waiting = await asyncio.wait(
            waiting, timeout=limit, return_when=asyncio.FIRST_COMPLETED
        )
        if not done:
            break
        for task in done:
            if (error := task.exception()) is not None:
                failures.append(f"{asked[task].name}: {error or type(error).__name__}")
                continue
            reached = task.result()
            (primaries if reached.is_primary else standbys).append(reached)
    for task in waiting:
        task.cancel()
        task.add_done_callback(_let_go)
    primary = max(primaries, key=lambda it: it.timeline, default=None)
    for cut_off in primaries:
        if cut_off is not primary:
            cut_off.connection.terminate()
    return Found(primary, standbys, failures)


def _let_go(late: asyncio.Task[Reached]) -> None:
    """End a connection that came too late."""
    if not late.cancelled() and late.exception() is None:
        with suppress(asyncpg.InterfaceError, OSError):
            late.result().connection.terminate()
