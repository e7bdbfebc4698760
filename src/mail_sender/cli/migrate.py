"""`migrate`: bring the store to this version's schema, before or without serving."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ..store.port import Store
from ..store.postgres import PostgresStore, shown_url
from . import terminal
from .flags import ANY_CONFIG, TABLES, Configured, Format
from .local_store import with_store
from .serve import settings


def migrate(
    *,
    post: Annotated[
        bool,
        Parameter(
            negative="",
            help="PostgreSQL: also take away what only older versions need. When none runs any "
            "more.",
        ),
    ] = False,
    configured: Configured = ANY_CONFIG,
    shown: Format = TABLES,
) -> int:
    """Bring the store to this version's schema.

    Opening a store does it, so that `serve` needs no separate step; this is for those who want to
    see it happen before.
    """
    found = settings(configured)

    async def migrated(store: Store) -> None:
        if isinstance(store, PostgresStore):
            await store.migrate(post=post)
        await store.check()

    with_store(found, migrated)
    url = shown_url(found.config.store.url)
    if shown.json:
        terminal.show_document({"store": url, "current": True})
    else:
        terminal.show(f"{url} has the schema of this version.")
    return 0
