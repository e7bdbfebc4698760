"""Between the domain and rows: what is written into columns, and read back from them.

Pure; no statement is run here, and both engines share it: times are whole microseconds and lists
are JSON text in each. Neighbours: `sqlite_…` and the modules of `postgres` write and read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from ..domain.attempt import Attempt, OutcomeKind, RecipientOutcome
from ..domain.event import Event, EventType
from ..domain.message import (
    Address,
    Content,
    KeyId,
    Message,
    OnUnknown,
    Priority,
    RecipientKind,
)
from ..domain.outcome import Blame
from ..domain.status import RecipientStatus, State
from ..domain.suppression import Origin, OriginKind, Suppression, SuppressionReason
from .micros import instant, micros, micros_of, optional_instant, optional_micros
from .moves import Begun, Standing
from .paging import event_id
from .port import ApiKey, Pause, Recipient, Record, Scope

Columns = tuple[Any, ...]

LANE = {priority: lane for lane, priority in enumerate(Priority)}

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def json_text(value: object) -> str:
    """Return JSON. Half characters (an SMTP server may answer anything) become `?`."""
    try:
        return _encode(value).decode()
    except UnicodeEncodeError:
        return storable(json.dumps(value, ensure_ascii=False))


def storable(text: str) -> str:
    """Return text that UTF-8 can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


# ---------------------------------------------------------------- events

INSERT_EVENTS = "INSERT INTO events (seq, type, at, data)"


def event_columns(event: Event) -> Columns:
    """Return what `INSERT_EVENTS` takes behind `seq`."""
    return (event.type.value, micros(event.at), json_text(event.data))


def event_of(row: Columns) -> Event:
    """Read (n, message id, type, at, data)."""
    n, message_id, type_, at, data = row
    return Event(
        id=event_id(n),
        message_id=message_id,
        type=EventType(type_),
        at=instant(at),
        data=_decode(data),
    )


# ---------------------------------------------------------------- attempts

INSERT_ATTEMPTS = (
    "INSERT INTO attempts (seq, number, provider, started_at, duration, outcome, blame, code, "
    "enhanced_code, detail, provider_message_id, recipients)"
)


ATTEMPT = (
    "a.number, a.provider, a.started_at, a.duration, a.outcome, a.blame, a.code, a.enhanced_code, "
    "a.detail, a.provider_message_id, a.recipients"
)


def attempt_columns(attempt: Attempt) -> Columns:
    """Return what `INSERT_ATTEMPTS` takes behind `seq`."""
    return (
        attempt.number,
        attempt.provider,
        micros(attempt.started_at),
        micros_of(attempt.duration),
        attempt.outcome.value,
        attempt.blame and attempt.blame.value,
        attempt.code,
        attempt.enhanced_code,
        storable(attempt.detail),
        attempt.provider_message_id,
        json_text([_outcome_fields(r) for r in attempt.recipients]) if attempt.recipients else None,
    )


def attempt_of(row: Sequence[Any]) -> Attempt:
    """Read what `attempt_columns` wrote."""
    (number, provider, started_at, duration, outcome, blame) = row[:6]
    (code, enhanced_code, detail, provider_message_id, recipients) = row[6:]
    return Attempt(
        number=number,
        provider=provider,
        started_at=instant(started_at),
        duration=timedelta(microseconds=duration),
        outcome=OutcomeKind(outcome),
        blame=Blame(blame) if blame else None,
        code=code,
        enhanced_code=enhanced_code,
        detail=detail,
        provider_message_id=provider_message_id,
        recipients=tuple(_outcome_of(r) for r in _decode(recipients)) if recipients else (),
    )


def _outcome_fields(it: RecipientOutcome) -> list[object]:
    return [it.address, it.outcome, it.blame, it.code, it.enhanced_code, it.detail]


def _outcome_of(fields: Sequence[Any]) -> RecipientOutcome:
    address, outcome, blame, code, enhanced_code, detail = fields
    return RecipientOutcome(
        address=address,
        outcome=OutcomeKind(outcome),
        blame=Blame(blame) if blame else None,
        code=code,
        enhanced_code=enhanced_code,
        detail=detail,
    )


# ---------------------------------------------------------------- messages

MESSAGE = "m.id, m.created_at, m.give_up_at, m.route, m.on_unknown, m.key_id, m.is_test"


def message_of(columns: Sequence[Any], content: Content) -> Message:
    """Read the columns of `MESSAGE`."""
    id_, created_at, give_up_at, route, on_unknown, key_id, is_test = columns
    return Message(
        id=id_,
        content=content,
        created_at=instant(created_at),
        give_up_at=instant(give_up_at),
        route=route,
        on_unknown=OnUnknown(on_unknown),
        key_id=key_id,
        is_test=bool(is_test),
    )


STANDING = (
    "m.seq, m.id, m.state, m.held, m.due_at, m.give_up_at, m.span, m.on_unknown, "
    "m.attempts_made, m.begun_provider, m.begun_recipients, m.begun_at"
)


def standing_of(row: Columns, recipients: Mapping[Address, RecipientStatus]) -> Standing:
    """Read the columns of `STANDING`."""
    (_, id_, state, held, due_at, give_up_at, span, on_unknown, attempts_made) = row[:9]
    provider, called, begun_at = row[9:]
    begun = None
    if provider is not None:
        begun = Begun(provider=provider, recipients=tuple(_decode(called)), at=instant(begun_at))
    return Standing(
        id=id_,
        state=State(state),
        held=bool(held),
        due_at=optional_instant(due_at),
        give_up_at=instant(give_up_at),
        span=timedelta(microseconds=span),
        on_unknown=OnUnknown(on_unknown),
        attempts_made=attempts_made,
        recipients=recipients,
        begun=begun,
    )


RECIPIENT = (
    "r.address, r.kind, r.status, r.updated_at, r.provider, r.code, r.enhanced_code, r.detail"
)


def recipient_of(row: Sequence[Any]) -> Recipient:
    """Read the columns of `RECIPIENT`."""
    address, kind, status, updated_at, provider, code, enhanced_code, detail = row
    return Recipient(
        address=address,
        kind=RecipientKind(kind),
        status=RecipientStatus(status),
        updated_at=instant(updated_at),
        provider=provider,
        code=code,
        enhanced_code=enhanced_code,
        detail=detail,
    )


RECORD = f"{MESSAGE}, m.state, m.held, m.due_at, m.updated_at, m.provider, m.provider_message_id"


def record_of(
    row: Sequence[Any],
    content: Content,
    recipients: Iterable[Recipient],
    attempts: Iterable[Attempt],
) -> Record:
    """Read the columns of `RECORD`."""
    state, held, due_at, updated_at, provider, provider_message_id = row[7:]
    return Record(
        message=message_of(row[:7], content),
        state=State(state),
        held=bool(held),
        due_at=optional_instant(due_at),
        updated_at=instant(updated_at),
        recipients=tuple(recipients),
        attempts=tuple(attempts),
        provider=provider,
        provider_message_id=provider_message_id,
    )


# ---------------------------------------------------------------- keys and pauses

API_KEY = (
    "id, name, is_test, scopes, sender_domains, networks, created_at, expires_at, revoked_at, "
    "last_used_at"
)


def key_columns(key: ApiKey) -> Columns:
    """Return the columns of `API_KEY`."""
    return (
        key.id,
        key.name,
        key.is_test,
        json_text(sorted(key.scopes)),
        json_text(key.sender_domains),
        json_text(key.networks),
        micros(key.created_at),
        optional_micros(key.expires_at),
        optional_micros(key.revoked_at),
        optional_micros(key.last_used_at),
    )


def key_of(row: Columns) -> ApiKey:
    """Read the columns of `API_KEY`."""
    id_, name, is_test, scopes, domains, networks, created_at, expires_at, revoked_at, used = row
    return ApiKey(
        id=KeyId(id_),
        name=name,
        is_test=bool(is_test),
        scopes=frozenset(map(Scope, _decode(scopes))),
        sender_domains=tuple(_decode(domains)),
        networks=tuple(_decode(networks)),
        created_at=instant(created_at),
        expires_at=optional_instant(expires_at),
        revoked_at=optional_instant(revoked_at),
        last_used_at=optional_instant(used),
    )


def pause_of(row: Columns) -> Pause:
    """Read (provider, reason, by, at)."""
    provider, reason, by, at = row
    return Pause(provider=provider, reason=reason, by=by, at=instant(at))


# ---------------------------------------------------------------- suppressions

SUPPRESSION = "address, reason, origin, origin_id, created_at, expires_at, note"


def suppression_of(row: Sequence[Any]) -> Suppression:
    """Read what `SUPPRESSION` selects."""
    address, reason, origin, origin_id, created_at, expires_at, note = row
    return Suppression(
        address=Address(address),
        reason=SuppressionReason(reason),
        origin=Origin(OriginKind(origin), origin_id),
        created_at=instant(created_at),
        expires_at=optional_instant(expires_at),
        note=note,
    )
