"""The store of this machine, for commands that need no server (and work beside one).

Neighbours: `keys` and `migrate`. The store allows one serving process and any number of these.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from .. import app
from ..store.port import Store
from ..store.postgres import shown_url
from .failure import CommandFailed, wrong_usage

Found = TypeVar("Found")


def with_store(settings: app.Settings, use: Callable[[Store], Awaitable[Found]]) -> Found:
    """Open the configured store, use it and close it.

    Raises:
        CommandFailed: The store is one that ends with its process.
        ConfigError: It cannot be used.
        StoreUnavailable: It cannot be written to now.
    """
    if settings.config.store.url == "memory:":
        raise wrong_usage(
            "store.url is `memory:`, which only the serving process can see",
            "Ask that process with --url and --key.",
        )

    async def opened() -> Found:
        store = app.open_store(settings)
        await store.open()
        try:
            return await use(store)
        finally:
            await store.close()

    try:
        return asyncio.run(opened())
    except PermissionError as error:
        raise CommandFailed(
            f"{shown_url(settings.config.store.url)}: {error.strerror or error}",
            advice="Run this as the user that the gateway runs as.",
        ) from None
