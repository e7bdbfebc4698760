"""Wire names: which messages are meant, and what to do with them."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema
from typing_extensions import TypedDict

from ..intake.actions import Bulk
from .schemas import Cursor, Limit, Request, Time, TimeOrDay, one_or_many, words
from .schemas_message import MessageStatus, word_of

_TEXT = {"max_length": 1000}


def read_statuses(value: object) -> frozenset[MessageStatus]:
    """Return the statuses of `sent`, `sent,failed` or a list of them. Raises `ValueError`."""
    found = one_or_many(value)
    try:
        return frozenset(MessageStatus(str(each)) for each in found if each != "")
    except ValueError:
        raise ValueError(f"expected one or more of: {', '.join(MessageStatus)}") from None


Statuses = Annotated[
    list[MessageStatus],
    PlainValidator(read_statuses),
    WithJsonSchema({"type": "array", "items": {"enum": [*MessageStatus]}}),
]


class Filter(BaseModel):
    """Which messages are meant; all that is given must hold.

    `status` is a set, although its type says list: FastAPI needs that to collect repetitions.
    """

    model_config = ConfigDict(extra="forbid")

    status: Annotated[
        Statuses | None,
        Field(description=f"One or several of {words(MessageStatus)}; with commas, or repeated."),
    ] = None
    to: Annotated[
        str | None, Field(**_TEXT, description="Part of a recipient's address, of any kind.")
    ] = None
    sender: Annotated[
        str | None, Field(**_TEXT, alias="from", description="Part of the sender's address.")
    ] = None
    subject: Annotated[str | None, Field(**_TEXT, description="Part of the subject.")] = None
    tag: Annotated[str | None, Field(**_TEXT, description="A whole tag.")] = None
    provider: Annotated[
        str | None, Field(**_TEXT, description="The provider that took it last.")
    ] = None
    key: Annotated[str | None, Field(**_TEXT, description="Id of the API key that sent it.")] = None
    since: Annotated[TimeOrDay | None, Field(description="Accepted at or after.")] = None
    until: Annotated[TimeOrDay | None, Field(description="Accepted before.")] = None
    q: Annotated[
        str | None,
        Field(
            **_TEXT,
            description="The same filters in one line: `to:`, `from:`, `status:`, `tag:`, "
            '`provider:`, `key:`, `subject:`, `since:`, `until:`, values with spaces in `"…"`; '
            "other words are looked for in the subject.",
            examples=['status:failed to:example.net "order 7"'],
        ),
    ] = None


class ListQuery(Filter):
    """The query string of `GET /v1/messages`."""

    limit: Limit = 50
    cursor: Cursor = None


FILTERS = tuple(field.alias or name for name, field in Filter.model_fields.items() if name != "q")


class Chosen(Filter):
    """Messages by their ids, or by at least one filter."""

    ids: Annotated[
        list[str] | None,
        Field(
            min_length=1,
            max_length=500,
            description="These messages, instead of filters.",
            examples=[["msg_01JZX3M8Q0V5W6Y7Z8A9B0C1D2"]],
        ),
    ] = None
    dry_run: Annotated[bool, Field(description="Only say what would be done.")] = False


class RetryMany(Request, Chosen):
    """Which messages to try again: `ids`, or at least one filter."""

    risk_duplicate: Annotated[
        bool,
        Field(description="Also those that a provider may have taken: they may arrive twice."),
    ] = False


class CancelMany(Request, Chosen):
    """Which messages to withdraw: `ids`, or at least one filter."""


class RetryOne(Request):
    """How to try again."""

    risk_duplicate: Annotated[
        bool,
        Field(description="Although a provider may have taken it: it may arrive twice."),
    ] = False


class _DoneToMany(TypedDict):
    dry_run: bool
    left_out: Annotated[
        dict[str, int],
        Field(
            description="How many matched and were left out, by the status that forbids it; "
            "`not_found`: how many of the `ids` do not exist."
        ),
    ]
    more: Annotated[bool, Field(description="Whether further messages match: call again.")]


class RetriedMany(_DoneToMany):
    """What was done, or (dry run) would be."""

    retried: Annotated[list[str], Field(description="Ids of messages.")]


class CancelledMany(_DoneToMany):
    """What was done, or (dry run) would be."""

    cancelled: Annotated[list[str], Field(description="Ids of messages.")]


def retried_of(bulk: Bulk, *, dry_run: bool) -> RetriedMany:
    """Return the result of a bulk retry."""
    return {**_done_to_many(bulk, dry_run=dry_run), "retried": list(bulk.done)}


def cancelled_of(bulk: Bulk, *, dry_run: bool) -> CancelledMany:
    """Return the result of a bulk cancel."""
    return {**_done_to_many(bulk, dry_run=dry_run), "cancelled": list(bulk.done)}


def _done_to_many(bulk: Bulk, *, dry_run: bool) -> _DoneToMany:
    left_out: Counter[str] = Counter({"not_found": bulk.missing} if bulk.missing else {})
    for state, count in bulk.left_out.items():
        left_out[word_of(state)] += count
    return {"dry_run": dry_run, "left_out": dict(left_out), "more": bulk.more}


class Reschedule(Request):
    """What may be changed of a message that waits."""

    send_at: Annotated[Time, Field(description="At most 30 days ahead.")]
