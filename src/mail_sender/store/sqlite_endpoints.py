"""Webhooks in SQLite: the endpoints themselves, their cursors, and who publishes.

Neighbours: `sqlite_webhooks` calls; `sqlite_deliveries` has what is on its way to them.
"""

# ruff: noqa: S608 - statements are put together from constants only

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ..domain.event import Event
from ..domain.secret import Secret
from ..domain.webhook import Webhook, WebhookId, WebhookPause, WebhookSettings
from .micros import micros
from .paging import event_id
from .rows import storable
from .sqlite_keys import append_event
from .sqlite_values import insert_rows
from .webhook_rows import WEBHOOK, settings_columns, webhook_columns, webhook_of

_NEWEST = "(SELECT coalesce(max(n), 0) FROM events)"


def add(connection: sqlite3.Connection, webhook: Webhook) -> Webhook:
    """Keep a webhook, with its cursor at the newest event."""
    (newest,) = connection.execute(f"SELECT {_NEWEST}").fetchone()
    insert_rows(
        connection, f"INSERT INTO webhooks ({WEBHOOK})", [(*webhook_columns(webhook), newest)]
    )
    return replace(webhook, cursor=event_id(newest) if newest else "")


def every(connection: sqlite3.Connection) -> list[Webhook]:
    """Return all, newest first."""
    rows = connection.execute(f"SELECT {WEBHOOK} FROM webhooks ORDER BY n DESC")
    return [webhook_of(row) for row in rows]


def get(connection: sqlite3.Connection, id_: WebhookId) -> Webhook | None:
    """Return one."""
    row = connection.execute(f"SELECT {WEBHOOK} FROM webhooks WHERE id = ?", (id_,)).fetchone()
    return webhook_of(row) if row else None


@dataclass(frozen=True, slots=True)
class Settings:
    """What a client chose anew."""

    id: WebhookId
    settings: WebhookSettings


def change(connection: sqlite3.Connection, it: Settings) -> Webhook | None:
    """Replace what the client chose."""
    connection.execute(
        "UPDATE webhooks SET failing_since = CASE WHEN url = ?1 THEN failing_since END, "
        "url = ?1, description = ?2, event_types = ?3, tags = ?4, key_ids = ?5 WHERE id = ?6",
        (*settings_columns(it.settings), it.id),
    )
    return get(connection, it.id)


@dataclass(frozen=True, slots=True)
class Rotation:
    """A new secret, and until when the one before is good."""

    id: WebhookId
    secret: Secret
    previous_until: datetime


def rotate(connection: sqlite3.Connection, it: Rotation) -> bool:
    """Replace the secret."""
    changed = connection.execute(
        "UPDATE webhooks SET previous_secret = secret, previous_until = ?, secret = ? WHERE id = ?",
        (micros(it.previous_until), it.secret.reveal(), it.id),
    )
    return changed.rowcount > 0


@dataclass(frozen=True, slots=True)
class Pausing:
    """A pause, and what is appended if it is one."""

    id: WebhookId
    pause: WebhookPause
    events: Sequence[Event]


def pause(connection: sqlite3.Connection, it: Pausing) -> Webhook | None:
    """Pause it, unless it is paused."""
    pause_now(connection, it)
    return get(connection, it.id)


def pause_now(connection: sqlite3.Connection, it: Pausing) -> bool:
    """Pause it; return whether it was not paused before."""
    changed = connection.execute(
        "UPDATE webhooks SET pause_reason = ?, paused_by = ?, paused_at = ? "
        "WHERE id = ? AND paused_at IS NULL",
        (storable(it.pause.reason), it.pause.by, micros(it.pause.at), it.id),
    )
    if not changed.rowcount:
        return False
    for event in it.events:
        append_event(connection, event)
    return True


@dataclass(frozen=True, slots=True)
class Resuming:
    """Which is called again, and whether what happened meanwhile is left out."""

    id: WebhookId
    skip: bool
    now: int


def resume(connection: sqlite3.Connection, it: Resuming) -> Webhook | None:
    """Call it again, if it is paused."""
    changed = connection.execute(
        "UPDATE webhooks SET pause_reason = NULL, paused_by = NULL, paused_at = NULL, "
        f"failing_since = NULL, cursor = CASE WHEN ? THEN {_NEWEST} ELSE cursor END "
        "WHERE id = ? AND paused_at IS NOT NULL",
        (int(it.skip), it.id),
    )
    if changed.rowcount and it.skip:
        connection.execute(
            "UPDATE webhook_deliveries SET state = 'skipped', next_attempt_at = NULL, "
            "updated_at = ? WHERE webhook_id = ? AND state = 'pending'",
            (it.now, it.id),
        )
    return get(connection, it.id)


_REMOVE = (
    """DELETE FROM webhook_attempts WHERE delivery IN (
        SELECT n FROM webhook_deliveries WHERE webhook_id = ?)""",
    "DELETE FROM webhook_deliveries WHERE webhook_id = ?",
    "DELETE FROM webhooks WHERE id = ?",
)


def remove(connection: sqlite3.Connection, id_: WebhookId) -> Webhook | None:
    """Forget it and its deliveries."""
    found = get(connection, id_)
    for statement in _REMOVE:
        connection.execute(statement, (id_,))
    return found


# ---------------------------------------------------------------- who publishes


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who wants to publish, and when that is, in microseconds."""

    owner: str
    now: int


def leader(connection: sqlite3.Connection) -> str | None:
    """Return who publishes, dead or alive."""
    row = connection.execute("SELECT owner FROM leaders WHERE role = 'webhooks'").fetchone()
    return row[0] if row else None


def lead(connection: sqlite3.Connection, it: Candidate) -> bool:
    """Take the role over from whoever is dead."""
    connection.execute(
        "INSERT INTO leaders (role, owner) VALUES ('webhooks', ?1) "
        "ON CONFLICT DO UPDATE SET owner = ?1 WHERE NOT EXISTS "
        "(SELECT 1 FROM owners AS o WHERE o.owner = leaders.owner AND o.lease_until > ?2)",
        (it.owner, it.now),
    )
    return leader(connection) == it.owner
