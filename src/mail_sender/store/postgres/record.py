"""What workers write: the intent before a call, and what came of it.

Every write names the message, its owner and its fence; what matches nothing is lost. Requests
of many workers share the statements. Neighbour: `store.moves` says what a record means.
"""

# ruff: noqa: S608 - statements are put together from constants only

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ...domain.message import Address
from ...domain.status import RecipientStatus, State
from ..micros import optional_micros
from ..moves import TAKEN, learnt
from ..port import Change, Lease
from ..rows import Columns, attempt_columns, event_columns, json_text
from . import attempts, events
from .hosts import Connection
from .sql import NOW, columns, optional_text, text, unnest

_STATE = "(m.state || '')"  #: so that nobody looks through all that are in it: the id names one

# ---------------------------------------------------------------- begin


class Begin(msgspec.Struct, frozen=True):
    """A lease, and the call that its holder is about to make."""

    id: str
    owner: str
    fence: int
    provider: str
    recipients: str  #: JSON


def begin_of(lease: Lease, provider: str, recipients: Sequence[Address]) -> Begin:
    """Return the row of a begin."""
    return Begin(lease.message.id, lease.owner, lease.fence, provider, json_text(recipients))


BEGIN = f"""
    UPDATE messages AS m
    SET state = 'sending', begun_provider = v.provider, begun_recipients = v.recipients,
        begun_at = {NOW}, updated_at = {NOW}
    FROM {unnest("t t i t t", "id, owner, fence, provider, recipients")}
    WHERE m.id = v.id AND m.owner = v.owner AND m.fence = v.fence
        AND {_STATE} IN ('leased', 'sending')
    RETURNING m.id, m.owner, m.fence
"""


async def begin(connection: Connection, requests: Sequence[Begin]) -> list[bool]:
    """LEASED, SENDING -> SENDING for those who still hold the message."""
    held = [(it.id, it.owner, it.fence) for it in requests]
    rows = {(it.id, it.owner, it.fence): (it.provider, it.recipients) for it in requests}
    arrays = columns([(*holder, *call) for holder, call in sorted(rows.items())], 5)
    begun = {tuple(row) for row in await connection.fetch(BEGIN, *arrays)}
    return [holder in begun for holder in held]


# ---------------------------------------------------------------- record


class Outcome(msgspec.Struct, frozen=True):
    """The rows of a record, less the message's number."""

    id: str
    owner: str
    fence: int
    message: Columns
    attempts: Sequence[Columns]
    recipients: Sequence[Columns]
    events: Sequence[Columns]


def outcome_of(lease: Lease, change: Change, begun: Begin | None) -> Outcome:
    """Return the rows of a record; with `begun` the next call begins. Runs in the caller's task."""
    state = change.state if begun is None else State.SENDING
    return Outcome(
        id=lease.message.id,
        owner=lease.owner,
        fence=lease.fence,
        message=(
            state.value,
            state.is_final,
            state in {State.SENDING, State.UNKNOWN},
            optional_micros(change.due_at),
            change.provider,
            optional_text(change.provider_message_id),
            len(change.attempts),
            int(change.counts_as_retry and state is not State.SENDING),
            begun and begun.provider,
            begun and begun.recipients,
        ),
        attempts=[attempt_columns(attempt) for attempt in change.attempts],
        recipients=[
            (
                address,
                news.status.value,
                news.provider,
                news.code,
                optional_text(news.enhanced_code),
                text(news.detail),
                (news.provider or change.provider) if news.status in TAKEN else None,
            )
            for address, news in change.recipients.items()
        ],
        events=[event_columns(event) for event in change.events],
    )


# `moves.learnt` in SQL: whoever a provider took stays taken, and only more may be proven.
_TAKEN = ", ".join(f"'{status}'" for status in sorted(TAKEN))
_PROVE_MORE = ", ".join(
    f"('{known}', '{news}')"
    for known in RecipientStatus
    for news in RecipientStatus
    if known in TAKEN and learnt(known, news) is news
)

HELD = f"""
    SELECT m.seq, v.place
    FROM {unnest("t t i i", "id, owner, fence, place")} JOIN messages AS m ON m.id = v.id
    WHERE m.owner = v.owner AND m.fence = v.fence
        AND {_STATE} IN ('leased', 'sending', 'unknown')
    ORDER BY m.id
    FOR UPDATE OF m
"""
_NEWS = (
    "seq, state, is_final, keeps_owner, due_at, provider, provider_message_id, attempts, retries, "
    "begun_provider, begun_recipients"
)
_RECORD = f"""
    UPDATE messages AS m
    SET state = v.state, updated_at = {NOW}, finished_at = CASE WHEN v.is_final THEN {NOW} END,
        due_at = CASE v.state WHEN 'queued' THEN coalesce(v.due_at, {NOW})
            WHEN 'unknown' THEN v.due_at END,
        owner = CASE WHEN v.keeps_owner THEN m.owner END,
        provider = coalesce(v.provider, m.provider),
        provider_message_id = coalesce(v.provider_message_id, m.provider_message_id),
        attempts_made = m.attempts_made + v.attempts, retries_made = m.retries_made + v.retries,
        begun_provider = CASE WHEN v.state = 'sending'
            THEN coalesce(v.begun_provider, m.begun_provider) END,
        begun_recipients = CASE WHEN v.state = 'sending'
            THEN coalesce(v.begun_recipients, m.begun_recipients) END,
        begun_at = CASE WHEN v.state <> 'sending' THEN NULL
            WHEN v.begun_provider IS NOT NULL THEN {NOW} ELSE m.begun_at END
    FROM {unnest("b t f f b t t i i t t", _NEWS)}
    WHERE m.seq = v.seq
"""
_OF_RECIPIENT = "seq, address, status, provider, code, enhanced_code, detail, taken_by"
_RECORD_RECIPIENTS = f"""
    UPDATE recipients AS r
    SET status = v.status, provider = v.provider, code = v.code,
        enhanced_code = v.enhanced_code, detail = v.detail, updated_at = {NOW},
        taken_by = coalesce(r.taken_by, v.taken_by),
        taken_at = coalesce(r.taken_at, CASE WHEN v.taken_by IS NOT NULL THEN {NOW} END)
    FROM {unnest("b t t t i t t t", _OF_RECIPIENT)}
    WHERE r.seq = v.seq AND r.address = v.address
        AND (r.status NOT IN ({_TAKEN}) OR (r.status, v.status) IN ({_PROVE_MORE}))
"""


# The provider's event came before the end of the call, and told that it has it: see
# `moves.settled_before`.
_SETTLED_BEFORE = f"""
    UPDATE messages AS m SET state = 'sent', due_at = NULL, finished_at = {NOW}, owner = NULL
    WHERE m.seq = ANY($1::bigint[]) AND NOT EXISTS (
        SELECT 1 FROM recipients AS r WHERE r.seq = m.seq AND r.status = 'unknown')
"""


async def record(connection: Connection, requests: Sequence[Outcome]) -> list[bool]:
    """Write the outcomes of those who still hold their message."""
    answers = [False] * len(requests)
    rounds: list[list[int]] = []
    met: dict[str, int] = {}
    for index, outcome in enumerate(requests):  # the later of two for one message comes after it
        turn = met[outcome.id] = met.get(outcome.id, -1) + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(index)
    told: list[tuple[int | None, Columns]] = []
    async with connection.transaction():
        for indexes in rounds:
            for index in await _record(connection, requests, indexes, told):
                answers[index] = True
        await events.insert(connection, told)
    return answers


async def _record(
    connection: Connection,
    requests: Sequence[Outcome],
    indexes: Sequence[int],
    told: list[tuple[int | None, Columns]],
) -> list[int]:
    """Record outcomes of different messages; return the indexes of those that were held."""
    asked = [(requests[i].id, requests[i].owner, requests[i].fence, i) for i in indexes]
    held = [
        (index, seq, requests[index])
        for seq, index in await connection.fetch(HELD, *columns(asked, 4))
    ]
    if not held:
        return []
    await connection.execute(_RECORD, *columns([(seq, *it.message) for _, seq, it in held], 11))
    if recipients := [(seq, *r) for _, seq, it in held for r in it.recipients]:
        await connection.execute(_RECORD_RECIPIENTS, *columns(recipients, 8))
    in_doubt = [seq for _, seq, it in held if it.message[0] == State.UNKNOWN]
    if in_doubt:
        await connection.execute(_SETTLED_BEFORE, in_doubt)
    await attempts.insert(connection, [(seq, *a) for _, seq, it in held for a in it.attempts])
    told += [(seq, event) for _, seq, it in held for event in it.events]
    return [index for index, _, _ in held]
