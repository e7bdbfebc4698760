"""Wire names: the suppression list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema
from typing_extensions import TypedDict

from ..domain import suppression as domain
from ..domain.address import parse_address
from ..domain.errors import Fault
from ..domain.message import Address
from ..domain.suppression import (
    MAX_NOTE,
    Origin,
    OriginKind,
    SuppressionReason,
    parse_note,
    parse_origin,
)
from ..store.port import Added, AddedSuppression, Page, SuppressionQuery
from .errors import InvalidRequest
from .schemas import Cursor, Limit, NextCursor, Problem, Request, Time, words
from .suppression_csv import Line

MOST_AT_ONCE = 1000
MOST_BAD_LINES = 100  #: of an import that are told one by one

# ---------------------------------------------------------------- requests


def read_address(value: object) -> Address:
    """Return an address. Raises `ValueError` in words for the client."""
    if not isinstance(value, str):
        raise ValueError("expected a string")  # noqa: TRY004 - pydantic's contract
    return parse_address(value)


AddressIn = Annotated[
    Address,
    PlainValidator(read_address),
    WithJsonSchema({"type": "string", "examples": ["ann@example.net"]}),
]


class NewSuppression(Request):
    """An address that shall get no more mail."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"address": "ann@example.net", "reason": "unsubscribe"}]}
    )

    address: AddressIn
    reason: SuppressionReason = SuppressionReason.MANUAL
    expires_at: Annotated[Time | None, Field(description="From then on it does not count.")] = None
    note: Annotated[
        str,
        AfterValidator(parse_note),
        Field(description=f"For people: one line, at most {MAX_NOTE} characters."),
    ] = ""

    def suppression(self, origin: Origin, now: datetime) -> domain.Suppression:
        """Return it in the domain's words. Raises `InvalidRequest` when its end has passed."""
        if self.expires_at is not None and self.expires_at <= now:
            raise InvalidRequest([Fault("/expires_at", "lies in the past")])
        return domain.Suppression(
            address=self.address,
            reason=self.reason,
            origin=origin,
            created_at=now,
            expires_at=self.expires_at,
            note=self.note,
        )


class NewSuppressions(Request):
    """Many addresses at once; each stands or falls alone."""

    suppressions: Annotated[list[NewSuppression], Field(min_length=1, max_length=MOST_AT_ONCE)]


def read_origin(value: object) -> str:
    """Return a kind of origin, or a whole origin. Raises `ValueError`."""
    text = str(value)
    if text not in set(OriginKind):
        parse_origin(text)
    return text


class SuppressionFilter(BaseModel):
    """Which entries are meant; all that is given must hold."""

    model_config = ConfigDict(extra="forbid")

    q: Annotated[str | None, Field(max_length=320, description="Part of the address.")] = None
    reason: SuppressionReason | None = None
    origin: Annotated[
        str | None,
        PlainValidator(read_origin),
        WithJsonSchema({"type": "string"}),
        Field(
            description=f"A kind of origin ({words(OriginKind)}), or one of them: `provider:ses`."
        ),
    ] = None

    def query(self, *, limit: int, cursor: str | None = None) -> SuppressionQuery:
        """Return the store's query."""
        kind, _, id_ = (self.origin or "").partition(":")
        return SuppressionQuery(
            address=self.q,
            reason=self.reason,
            origin=OriginKind(kind) if kind else None,
            origin_id=id_ or None,
            limit=limit,
            cursor=cursor,
        )


class SuppressionListQuery(SuppressionFilter):
    """The query string of `GET /v1/suppressions`."""

    limit: Limit = 50
    cursor: Cursor = None


# ---------------------------------------------------------------- answers


class Suppression(TypedDict):
    """An address that gets no mail, whichever provider would take it."""

    address: Annotated[
        str,
        Field(
            description="As it was said; upper and lower case do not matter.",
            examples=["ann@example.net"],
        ),
    ]
    reason: SuppressionReason
    origin: Annotated[
        str,
        Field(
            description="Who said it: `provider:` and its name, `message:` or `key:` and an id, "
            "`import:` and the id of the key that the file came with.",
            examples=["provider:ses"],
        ),
    ]
    created_at: datetime
    expires_at: Annotated[datetime | None, Field(description="Null: for good.")]
    note: str


class SuppressionPage(TypedDict):
    """Entries that count now, newest first."""

    data: list[Suppression]
    next_cursor: NextCursor


class _AddedStatus(TypedDict):
    status: Annotated[
        int, Field(description="What it alone would have been answered.", examples=[201])
    ]


class AddedResult(_AddedStatus, total=False):
    """What became of one address: `suppression` and `result` with status 201, else `problem`."""

    result: Added
    suppression: Annotated[Suppression, Field(description="The entry as it stands now.")]
    problem: Annotated[Problem, Field(description="Its pointers point into the whole request.")]


class AddedResults(TypedDict):
    """One result for each address, in their order."""

    data: list[AddedResult]


class BadLine(TypedDict):
    """A line of the file that was left out."""

    line: Annotated[int, Field(description="Counts from 1, the header included.")]
    detail: str


class Imported(TypedDict):
    """What an import did, by lines of the file."""

    added: int
    changed: Annotated[
        int, Field(description="Were there; a weightier reason or a later end counts now.")
    ]
    known: Annotated[int, Field(description="Were there already.")]
    bad: int
    bad_lines: Annotated[list[BadLine], Field(description=f"The first {MOST_BAD_LINES}.")]


def suppression_of(it: domain.Suppression) -> Suppression:
    """Return an entry."""
    return {
        "address": it.address,
        "reason": it.reason,
        "origin": str(it.origin),
        "created_at": it.created_at,
        "expires_at": it.expires_at,
        "note": it.note,
    }


def suppression_page(page: Page[domain.Suppression]) -> SuppressionPage:
    """Return a page of the list."""
    return {"data": [suppression_of(it) for it in page.rows], "next_cursor": page.next_cursor}


def added_result(it: AddedSuppression) -> AddedResult:
    """Return what became of a good address."""
    return {"status": 201, "result": it.added, "suppression": suppression_of(it.suppression)}


def imported_of(results: Counter[Added], bad: int, bad_lines: Sequence[Line]) -> Imported:
    """Return what an import did; `bad_lines` are the first of them."""
    return {
        "added": results[Added.ADDED],
        "changed": results[Added.CHANGED],
        "known": results[Added.KNOWN],
        "bad": bad,
        "bad_lines": [{"line": line.number, "detail": str(line.found)} for line in bad_lines],
    }
