"""How SQLite finds what it is asked for: by an index, whatever stands in the table.

With a million rows the difference between a search and a scan is that between a claim of
0.2 ms and one of a second, for which every accept has to wait.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from mail_sender.domain.message import MessageId
from mail_sender.domain.status import State
from mail_sender.domain.webhook import DeliveryState, WebhookId
from mail_sender.store import (
    sqlite_deliveries,
    sqlite_find,
    sqlite_hooks,
    sqlite_keys,
    sqlite_moves,
    sqlite_read,
    sqlite_record,
    sqlite_stats,
    sqlite_suppressions,
    sqlite_work,
)
from mail_sender.store.paging import EventQuery
from mail_sender.store.port import Query, SuppressionQuery
from mail_sender.store.sqlite_file import prepare, writer_connection
from mail_sender.store.webhooks import DeliveryQuery, OccurrenceQuery

from ..make import NOW


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    path = tmp_path / "mail.db"
    prepare(path)
    with closing(writer_connection(path)) as connection:
        yield connection


def plan(
    connection: sqlite3.Connection, statement: str, values: Sequence[object] = ()
) -> list[str]:
    """Return the steps of a statement; its values do not matter to SQLite's planner here."""
    numbered = {int(n) for n in re.findall(r"\?(\d)", statement)}
    count = max(numbered) if numbered else statement.count("?")
    named = dict.fromkeys(re.findall(r":(\w+)", statement), 1)
    given = named or values or [1] * count
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", given)]


_ATTEMPTS_IN_TIME = (
    "COVERING INDEX attempts_by_outcome "
    "(provider=? AND outcome=? AND started_at>? AND started_at<?)"
)


@pytest.mark.parametrize(
    ("statement", "step"),
    [
        (sqlite_work.CLAIMABLE, "INDEX messages_due (lane=? AND due_at<?)"),
        (sqlite_work.CLAIMABLE_UNKNOWN, "INDEX messages_unknown (due_at<?)"),
        (sqlite_moves.ABANDONED_LEASED, "INDEX messages_by_state (state=?)"),
        (sqlite_moves.TOO_OLD, "INDEX messages_give_up (give_up_at<?)"),
        (sqlite_moves.OVER, "COVERING INDEX messages_finished"),
        (sqlite_read.DUE, "COVERING INDEX messages_due (lane=? AND due_at<?)"),
        (sqlite_read.LONGEST, "COVERING INDEX messages_due (lane=?)"),
        (sqlite_read.LATER, "COVERING INDEX messages_due (lane=? AND due_at>?)"),
        (sqlite_read.HELD, "COVERING INDEX messages_held"),
        (sqlite_read.IN_STATE, "COVERING INDEX messages_by_state (state=?)"),
        (
            sqlite_deliveries.DUE,
            "INDEX webhook_deliveries_due (webhook_id=? AND next_attempt_at<?)",
        ),
        (sqlite_deliveries.PENDING, "COVERING INDEX webhook_deliveries_due"),
        (sqlite_deliveries.OVER, "INDEX webhook_deliveries_by_age (updated_at<?)"),
        (sqlite_keys.TAKEN, "COVERING INDEX recipients_taken (taken_by=? AND taken_at>?)"),
        (
            sqlite_stats.MESSAGES,
            "COVERING INDEX messages_by_state (state=? AND created_at>? AND created_at<?)",
        ),
        (sqlite_stats.ATTEMPTS, _ATTEMPTS_IN_TIME),
        (sqlite_stats.DURATIONS, _ATTEMPTS_IN_TIME),
        (sqlite_stats.HAND_OVERS, "messages_by_state (state=? AND created_at>? AND created_at<?)"),
        (sqlite_stats.MESSAGES_OF_TAG, "SEARCH m USING INTEGER PRIMARY KEY (rowid=?)"),
        (sqlite_stats.HAND_OVERS_OF_TAG, "SEARCH m USING INTEGER PRIMARY KEY (rowid=?)"),
        (sqlite_stats.ATTEMPTS_OF_TAG, "SEARCH a USING INDEX attempts_by_message (seq=?)"),
        (sqlite_stats.DURATIONS_OF_TAG, "SEARCH a USING INDEX attempts_by_message (seq=?)"),
        (sqlite_hooks.WAITING, "INDEX hooks_stored"),
        (sqlite_hooks.DUE, "INDEX unattached_due (due_at<?)"),
        (sqlite_stats.NEXT_PROVIDER, "COVERING INDEX attempts_by_outcome (provider>?)"),
    ],
)
def test_a_statement_uses_its_index(
    connection: sqlite3.Connection, statement: str, step: str
) -> None:
    """Claims, sweeps and counts look at what they are about and at nothing else."""
    steps = plan(connection, statement)

    assert any(step in taken for taken in steps), steps
    assert not any("ORDER BY" in taken for taken in steps), steps


@pytest.mark.parametrize(
    ("statement", "columns", "step"),
    [
        (sqlite_record.BEGIN, 6, "sqlite_autoindex_messages_1 (id=?)"),
        (sqlite_record.HELD, 4, "sqlite_autoindex_messages_1 (id=?)"),
        (sqlite_record.RECORD_MESSAGES, 13, "messages USING INTEGER PRIMARY KEY"),
        (sqlite_record.RECORD_RECIPIENTS, 11, "recipients USING PRIMARY KEY (seq=?)"),
        (sqlite_record.SETTLED_BEFORE, 1, "messages USING INTEGER PRIMARY KEY"),
        (sqlite_hooks.BY_OUR_ID, 1, "sqlite_autoindex_messages_1 (id=?)"),
        (sqlite_hooks.BY_PROVIDERS_ID, 1, "attempts_by_provider_id (provider_message_id=?)"),
    ],
)
def test_a_batch_looks_up_each_of_its_rows(
    connection: sqlite3.Connection, statement: str, columns: int, step: str
) -> None:
    """The rows lead, and each finds its message; the other way round would read every message."""
    row = f"({', '.join('?' * columns)})"
    text = statement.replace("{v}", f"(VALUES {row}, {row})")

    steps = plan(connection, text)

    assert any(step in taken for taken in steps), steps
    assert not any(taken.startswith(("SCAN messages", "SCAN m ")) for taken in steps), steps


@pytest.mark.parametrize(
    "query",
    [
        Query(),
        Query(states=frozenset({State.FAILED})),
        Query(states=frozenset({State.SENT, State.FAILED}), since=NOW, until=NOW),
        Query(cursor="1-1"),
        Query(since=NOW, cursor="1-1"),
    ],
    ids=["all", "state", "states and time", "next page", "time, next page"],
)
def test_a_list_walks_the_index_of_each_state(connection: sqlite3.Connection, query: Query) -> None:
    """A page costs a page, however long the list is."""
    steps = plan(connection, *sqlite_find.statement(connection, query, NOW))

    walks = [step for step in steps if "messages_by_state" in step]
    assert len(walks) == len(query.states or State)
    assert all("state=?" in walk for walk in walks)
    if query.since or query.cursor:
        assert all("created_at" in walk for walk in walks)
    # Only what the walks found is sorted: one page a state.
    for step, following in pairwise(steps):
        if "messages_by_state" in step:
            assert following.startswith("SCAN (subquery")


@pytest.mark.parametrize(
    "query", [Query(recipient="ann@"), Query(subject="x", sender="y"), Query(tag="t")]
)
def test_what_is_rare_is_looked_up_first(connection: sqlite3.Connection, query: Query) -> None:
    """Whoever asks for one address does not wait for a walk over a million messages."""
    steps = plan(connection, *sqlite_find.statement(connection, query, NOW))

    assert "SEARCH m USING INTEGER PRIMARY KEY (rowid=?)" in steps


def test_a_part_of_an_address_is_searched_newest_first(connection: sqlite3.Connection) -> None:
    """The search table is read from its end, and without sorting."""
    statement = sqlite_find.BY_WORDS.format(words="instr(s.recipients, ?) > 0")

    assert plan(connection, statement) == ["SCAN s"]


def test_a_claim_looks_up_each_recipient_that_waits(connection: sqlite3.Connection) -> None:
    """A list of a million addresses must not be read for a hundred messages."""
    by_mailbox = "SEARCH s USING INDEX sqlite_autoindex_suppressions_1 (mailbox=?)"

    assert by_mailbox in plan(connection, sqlite_work.TAKEN)
    among = sqlite_suppressions.AMONG.replace("{v}", "(VALUES (?, ?, ?))")
    assert plan(connection, among)[-1] == by_mailbox
    (found,) = [
        step for step in plan(connection, sqlite_suppressions.BY_MAILBOX) if "SEARCH" in step
    ]
    assert "(mailbox=?)" in found


def test_the_suppression_list_is_walked_in_its_order(connection: sqlite3.Connection) -> None:
    """A page is broken off after a page, and nothing is sorted."""
    statement = sqlite_suppressions.statement(SuppressionQuery(address="x"), 1)
    assert plan(connection, *statement) == ["SCAN suppressions USING INDEX suppressions_by_time"]

    later = sqlite_suppressions.statement(SuppressionQuery(cursor="1-1"), 1)
    (step,) = plan(connection, *later)
    assert step == "SEARCH suppressions USING INDEX suppressions_by_time (created_at<?)"


def test_a_publisher_reads_on_from_its_cursor(connection: sqlite3.Connection) -> None:
    """Once a second for as long as the gateway runs, whatever was published before."""
    query = OccurrenceQuery(after="evt_0000000000000007")

    steps = plan(connection, *sqlite_deliveries.occurrences_statement(query))

    assert steps[0] == "SEARCH e USING INTEGER PRIMARY KEY (rowid>?)"
    assert not any("SCAN" in step or "ORDER BY" in step for step in steps), steps


def test_deliveries_are_walked_newest_first(connection: sqlite3.Connection) -> None:
    """A page is broken off after a page, and nothing is sorted."""
    query = DeliveryQuery(webhook_id=WebhookId("w"), state=DeliveryState.FAILED, cursor="1-1")

    (step,) = plan(connection, *sqlite_deliveries.statement(query))

    assert "INDEX webhook_deliveries_by_webhook (webhook_id=? AND n<?)" in step


def test_events_of_a_message_are_found_by_it(connection: sqlite3.Connection) -> None:
    """A timeline is read without reading everybody's."""
    query = EventQuery(
        message_id=MessageId("m"), key_id=None, after=None, limit=5, newest_first=True
    )

    steps = plan(connection, *sqlite_read.events_statement(query))

    assert any("events_by_message (seq=?" in step for step in steps), steps
    assert not any("ORDER BY" in step for step in steps), steps
