"""Filters as the store asks for them: `q` taken apart, statuses turned into states. Pure.

A status is a word for a state and two circumstances (held, due later), and the store can ask for
one combination of these at a time; the few sets of words that would need two are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import ValidationError

from ..domain.errors import Fault
from ..domain.message import KeyId, MessageId
from ..domain.status import State
from ..store.port import Query
from .errors import InvalidRequest
from .faults import faults_of
from .schemas_message import MessageStatus
from .schemas_search import FILTERS, Chosen, Filter

_WORD = re.compile(r'(?:(\w+):)?(?:"([^"]*)"|(\S+))')
_WAITING = frozenset({MessageStatus.QUEUED, MessageStatus.SCHEDULED, MessageStatus.HELD})


def query_of(filter_: Filter, *, below: str, limit: int = 50, cursor: str | None = None) -> Query:
    """Return the store's query.

    Args:
        filter_: What the client asked for.
        below: What pointers begin with: `#/query/` or `/`.
        limit: Of the page.
        cursor: Of the page.

    Raises:
        InvalidRequest: It contradicts itself, or cannot be asked for.
    """
    asked = _with_q(filter_, f"{below}q") if filter_.q else filter_
    states, held, scheduled = _standing(frozenset(asked.status or ()), f"{below}status")
    return Query(
        states=states,
        held=held,
        scheduled=scheduled,
        recipient=asked.to,
        sender=asked.sender,
        subject=asked.subject,
        tag=asked.tag,
        provider=asked.provider,
        key_id=KeyId(asked.key) if asked.key is not None else None,
        since=asked.since,
        until=asked.until,
        limit=limit,
        cursor=cursor,
    )


def query_of_chosen(asked: Chosen) -> Query:
    """Return the store's query for a bulk action.

    Raises:
        InvalidRequest: It names neither ids nor a filter (every message would be meant), or
            both, or what `query_of` refuses.
    """
    has_filter = any(getattr(asked, name) not in {None, ""} for name in Filter.model_fields)
    if asked.ids is not None:
        if has_filter:
            raise InvalidRequest([Fault("/ids", "not together with filters")])
        return Query(ids=frozenset(map(MessageId, asked.ids)))
    if not has_filter:
        raise InvalidRequest([Fault("", "name ids, or at least one filter, such as status")])
    return query_of(asked, below="/")


def _with_q(filter_: Filter, pointer: str) -> Filter:
    """Return the filter with what its `q` says."""
    words: dict[str, str] = {}
    faults: list[str] = []
    for name, value in _words_of(filter_.q or ""):
        if name not in FILTERS:
            known = ", ".join(f"{each}:" for each in FILTERS)
            faults.append(f'there is no {name}: but {known}; put other words in "…"')
        if name in words:
            faults.append(f"{name} is given twice")
        words[name] = value
    if faults:
        raise InvalidRequest([Fault(pointer, fault) for fault in faults])
    try:
        line = Filter.model_validate(words)
    except ValidationError as error:
        found = [Fault(pointer, f"{f.pointer[1:]}: {f.detail}") for f in faults_of(error)]
        raise InvalidRequest(found) from None
    for name in line.model_fields_set:
        if getattr(filter_, name) is not None:
            raise InvalidRequest([Fault(pointer, "repeats a filter that stands outside of it")])
    return filter_.model_copy(update={name: getattr(line, name) for name in line.model_fields_set})


def _words_of(line: str) -> Iterator[tuple[str, str]]:
    subject: list[str] = []
    for found in _WORD.finditer(line):
        name, quoted, bare = found.groups()
        value = quoted if quoted is not None else bare
        if name is None:
            subject.append(value)
        else:
            yield name, value
    if subject:
        yield "subject", " ".join(subject)


def _standing(
    words: frozenset[MessageStatus], pointer: str
) -> tuple[frozenset[State], bool | None, bool | None]:
    """Return (states, held, scheduled) as `Query` has them."""
    waiting = words & _WAITING
    states = frozenset(State(word) for word in words - _WAITING)
    if MessageStatus.QUEUED in waiting:
        states |= {State.LEASED}
    if waiting:
        states |= {State.QUEUED}
    if not waiting or waiting == _WAITING:
        return states, None, None
    if waiting == {MessageStatus.QUEUED}:
        return states, False, False
    if waiting == {MessageStatus.QUEUED, MessageStatus.SCHEDULED}:
        return states, False, None
    if words == {MessageStatus.HELD}:
        return states, True, None
    if words == {MessageStatus.SCHEDULED}:
        return states, False, True
    raise InvalidRequest(
        [
            Fault(
                pointer,
                "held and scheduled can be asked for alone, or both together with queued",
            )
        ]
    )
