"""Wire names: what all resources share.

`schemas*.py` are the only files that know how things are called in JSON. Requests are pydantic
models (strict, unknown fields refused); answers are typed dictionaries, which cost nothing to
build, are checked by mypy and documented by pydantic. Next to each answer stands the function
that makes it from the domain's words.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema
from typing_extensions import TypedDict

_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_PAST_MICROSECONDS = re.compile(r"(\.\d{6})\d+")
EXAMPLE_TIME = "2030-01-01T09:30:00Z"


class Request(BaseModel):
    """Of all request bodies: strict types, and a mistyped field name is an error."""

    model_config = ConfigDict(strict=True, extra="forbid")


# ---------------------------------------------------------------- times


def read_time(value: object) -> datetime:
    """Return an RFC 3339 date-time in UTC. Raises `ValueError` in words for the client."""
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError(f"expected an RFC 3339 time such as {EXAMPLE_TIME}")
    try:
        time = datetime.fromisoformat(_PAST_MICROSECONDS.sub(r"\1", value).upper())
    except ValueError:
        raise ValueError("there is no such time") from None
    if time.tzinfo is None:
        raise ValueError(f"the offset from UTC is missing; expected a time such as {EXAMPLE_TIME}")
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("there is no such time") from None


def read_time_or_day(value: object) -> datetime:
    """Return an RFC 3339 time; a bare date is its midnight in UTC."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        value += "T00:00:00Z"
    return read_time(value)


Time = Annotated[
    datetime,
    PlainValidator(read_time),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": [EXAMPLE_TIME]}),
]
"""A point in time in a request, with its offset: a naive one would be a guess."""

TimeOrDay = Annotated[
    datetime,
    PlainValidator(read_time_or_day),
    WithJsonSchema(
        {
            "type": "string",
            "anyOf": [{"format": "date-time"}, {"format": "date"}],
            "examples": [EXAMPLE_TIME, "2030-01-01"],
        }
    ),
]
"""A bound of a period: an RFC 3339 time, or a date, which is its midnight in UTC."""


def one_or_many(value: object) -> list[object]:
    """Let a filter be given once, several times, or as a list with commas."""
    values: list[object] = value if isinstance(value, list) else [value]
    return [
        part.strip() if isinstance(part, str) else part
        for each in values
        for part in (each.split(",") if isinstance(each, str) else [each])
    ]


# ---------------------------------------------------------------- pages

Limit = Annotated[int, Field(ge=1, le=200, description="Entries in the answer.")]
Cursor = Annotated[
    str | None, Field(max_length=200, description="`next_cursor` of the page before.")
]
NextCursor = Annotated[
    str | None,
    Field(description="Pass it as `cursor` to go on; null at the end. Do not look inside."),
]


class Order(StrEnum):
    """Where a list of events begins."""

    NEWEST_FIRST = "newest_first"
    OLDEST_FIRST = "oldest_first"


# ---------------------------------------------------------------- problems


class FaultOut(TypedDict):
    """One thing that is wrong with a request."""

    pointer: Annotated[
        str,
        Field(
            description="RFC 6901 pointer into the body, such as `/to/0`; of a parameter, "
            "`#/query/status`, `#/path/address` or `#/header/Last-Event-ID`.",
            examples=["/to/0"],
        ),
    ]
    detail: Annotated[str, Field(examples=["the domain is not valid"])]


class _ProblemBasis(TypedDict):
    type: Annotated[str, Field(examples=["urn:mail-sender:problem:invalid_message"])]
    title: Annotated[str, Field(examples=["The message is not valid"])]
    status: Annotated[int, Field(description="The HTTP status.", examples=[422])]
    detail: str
    code: Annotated[
        str,
        Field(description="Stable; what programs should look at.", examples=["invalid_message"]),
    ]


class Problem(_ProblemBasis, total=False):
    """Why a request failed (RFC 9457). Never holds exception texts, paths or secrets."""

    errors: Annotated[list[FaultOut], Field(description="For validation: everything at once.")]


def words(values: Any) -> str:  # noqa: ANN401 - any enumeration
    """Return the words of an enumeration for a description."""
    return ", ".join(f"`{value}`" for value in values)
