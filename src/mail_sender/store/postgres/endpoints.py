"""Webhooks in PostgreSQL: the endpoints themselves, their cursors, and who publishes.

Neighbours: `webhooks` calls; `deliveries` has what is on its way to them.
"""

# ruff: noqa: S608 - statements are put together from constants only

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from ...domain.event import Event
from ...domain.secret import Secret
from ...domain.webhook import Webhook, WebhookId, WebhookPause, WebhookSettings
from ..micros import micros
from ..paging import event_id
from ..rows import event_columns
from ..webhook_rows import WEBHOOK, settings_columns, webhook_columns, webhook_of
from . import events
from .hosts import Connection
from .sql import NOW, text

_NEWEST = "(SELECT coalesce(max(n), 0) FROM events)"
_ADD = (
    f"INSERT INTO webhooks ({WEBHOOK}) "
    f"VALUES ({', '.join(f'${n}' for n in range(1, 15))}, {_NEWEST}) RETURNING cursor"
)


async def add(connection: Connection, webhook: Webhook) -> Webhook:
    """Keep a webhook, with its cursor at the newest event."""
    newest = await connection.fetchval(_ADD, *webhook_columns(webhook))
    return replace(webhook, cursor=event_id(newest) if newest else "")


async def every(connection: Connection) -> list[Webhook]:
    """Return all, newest first."""
    rows = await connection.fetch(f"SELECT {WEBHOOK} FROM webhooks ORDER BY n DESC")
    return [webhook_of(tuple(row)) for row in rows]


async def get(connection: Connection, id_: WebhookId) -> Webhook | None:
    """Return one."""
    row = await connection.fetchrow(f"SELECT {WEBHOOK} FROM webhooks WHERE id = $1", id_)
    return webhook_of(tuple(row)) if row else None


_CHANGE = f"""
    UPDATE webhooks SET failing_since = CASE WHEN url = $2 THEN failing_since END,
        url = $2, description = $3, event_types = $4, tags = $5, key_ids = $6
    WHERE id = $1 RETURNING {WEBHOOK}
"""


async def change(
    connection: Connection, id_: WebhookId, settings: WebhookSettings
) -> Webhook | None:
    """Replace what the client chose."""
    url, description, *lists = settings_columns(settings)
    row = await connection.fetchrow(_CHANGE, id_, url, text(description), *lists)
    return webhook_of(tuple(row)) if row else None


_ROTATE = """
    UPDATE webhooks SET previous_secret = secret, previous_until = $2, secret = $3
    WHERE id = $1 RETURNING id
"""


async def rotate(
    connection: Connection, id_: WebhookId, secret: Secret, previous_until: datetime
) -> bool:
    """Replace the secret."""
    until = micros(previous_until)
    return await connection.fetchval(_ROTATE, id_, until, secret.reveal()) is not None


_PAUSE = """
    UPDATE webhooks SET pause_reason = $2, paused_by = $3, paused_at = $4
    WHERE id = $1 AND paused_at IS NULL RETURNING id
"""


async def pause(
    connection: Connection, id_: WebhookId, pause: WebhookPause, told: Sequence[Event]
) -> Webhook | None:
    """Pause it, unless it is paused."""
    async with connection.transaction():
        await pause_within(connection, id_, pause, told)
        return await get(connection, id_)


async def pause_within(
    connection: Connection, id_: WebhookId, pause: WebhookPause, told: Sequence[Event]
) -> bool:
    """Pause it in the caller's transaction; return whether it was not paused before."""
    paused = await connection.fetchval(_PAUSE, id_, text(pause.reason), pause.by, micros(pause.at))
    if paused is None:
        return False
    await events.insert(connection, [(None, event_columns(event)) for event in told])
    return True


_RESUME = f"""
    UPDATE webhooks SET pause_reason = NULL, paused_by = NULL, paused_at = NULL,
        failing_since = NULL, cursor = CASE WHEN $2 THEN {_NEWEST} ELSE cursor END
    WHERE id = $1 AND paused_at IS NOT NULL RETURNING id
"""
_SKIP = f"""
    UPDATE webhook_deliveries SET state = 'skipped', next_attempt_at = NULL, updated_at = {NOW}
    WHERE webhook_id = $1 AND state = 'pending'
"""


async def resume(connection: Connection, id_: WebhookId, *, skip: bool) -> Webhook | None:
    """Call it again, if it is paused."""
    async with connection.transaction():
        if await connection.fetchval(_RESUME, id_, skip) is not None and skip:
            await connection.execute(_SKIP, id_)
        return await get(connection, id_)


_REMOVE = (
    """DELETE FROM webhook_attempts WHERE delivery IN (
        SELECT n FROM webhook_deliveries WHERE webhook_id = $1)""",
    "DELETE FROM webhook_deliveries WHERE webhook_id = $1",
    "DELETE FROM webhooks WHERE id = $1",
)


async def remove(connection: Connection, id_: WebhookId) -> Webhook | None:
    """Forget it and its deliveries."""
    async with connection.transaction():
        found = await get(connection, id_)
        for statement in _REMOVE:
            await connection.execute(statement, id_)
    return found


# ---------------------------------------------------------------- who publishes

_LEAD = f"""
    INSERT INTO leaders AS l (role, owner) VALUES ('webhooks', $1)
    ON CONFLICT (role) DO UPDATE SET owner = $1 WHERE NOT EXISTS
        (SELECT 1 FROM owners AS o WHERE o.owner = l.owner AND o.lease_until > {NOW})
"""


async def leader(connection: Connection) -> str | None:
    """Return who publishes, dead or alive."""
    owner = await connection.fetchval("SELECT owner FROM leaders WHERE role = 'webhooks'")
    return None if owner is None else str(owner)


async def lead(connection: Connection, owner: str) -> bool:
    """Take the role over from whoever is dead."""
    await connection.execute(_LEAD, owner)
    return await leader(connection) == owner
