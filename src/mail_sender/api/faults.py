"""Pydantic's findings as faults in our words, each with an RFC 6901 pointer into the request.

Pydantic's own texts name Python types, regular expressions and its web site; none of that
belongs into an answer. A text that is not in the table comes out as "is not valid here".
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ..domain.errors import Fault
from .problems import MOST_FAULTS

_NOT_VALID = "is not valid here"
_WORDS: Mapping[str, str] = {
    "missing": "is required",
    "json_invalid": "is not JSON",
    "string_type": "expected a string",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "int_parsing_size": "is too large",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "finite_number": "expected a finite number",
    "list_type": "expected a list",
    "dict_type": "expected an object",
    "model_type": "expected an object",
    "model_attributes_type": "expected an object",
    "enum": "expected one of: {expected}",
    "literal_error": "expected one of: {expected}",
    "greater_than_equal": "at least {ge:g}",
    "less_than_equal": "at most {le:g}",
    "greater_than": "more than {gt:g}",
    "too_long": "at most {max_length} entries",
    "too_short": "at least {min_length}",
    "string_too_long": "at most {max_length} characters",
    "string_too_short": "at least {min_length} characters",
    "string_unicode": "expected valid Unicode",
    "value_error": "{error}",
}


def faults_of(error: ValidationError, known: Iterable[str] = ()) -> list[Fault]:
    """Return every fault of a JSON body.

    Args:
        error: Of a model's validation.
        known: Names of fields, to say what a mistyped one may have meant.
    """
    found = error.errors(include_url=False, include_input=False)[:MOST_FAULTS]
    return [_fault(each, _pointer, known) for each in found]


def faults_of_parameters(error: RequestValidationError) -> list[Fault]:
    """Return every fault of path, query and header parameters, as pointers like `#/query/limit`.

    These are URI fragments (RFC 6901 section 6) into the request as a whole, so that they cannot
    be taken for pointers into its body.
    """
    return [_fault(each, _parameter, ()) for each in error.errors()[:MOST_FAULTS]]


def is_not_json(error: ValidationError) -> bool:
    """Return whether the body could not be parsed at all."""
    return any(each["type"] == "json_invalid" for each in error.errors(include_url=False))


def parameter(name: str, place: str = "query") -> str:
    """Return the pointer of a parameter."""
    return f"#/{place}/{name}"


def _fault(
    found: ErrorDetails | Mapping[str, Any],
    pointer: Callable[[tuple[int | str, ...]], str],
    known: Iterable[str],
) -> Fault:
    loc = tuple(found["loc"])
    if found["type"] == "extra_forbidden":
        return Fault(pointer(loc), _unknown(str(loc[-1]), known))
    words = _WORDS.get(found["type"], _NOT_VALID)
    try:
        text = words.format(**found.get("ctx", {}))
    except (KeyError, ValueError):
        text = _NOT_VALID
    return Fault(pointer(loc), text)


def _unknown(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name[:100], list(known), n=1)
    return f"unknown field; did you mean {close[0]}?" if close else "unknown field"


def _pointer(loc: tuple[int | str, ...]) -> str:
    return "".join(f"/{token(part)}" for part in loc if part != "[key]")


def _parameter(loc: tuple[int | str, ...]) -> str:
    return "#" + _pointer(loc)


def token(part: int | str) -> str:
    """RFC 6901 section 3."""
    return str(part).replace("~", "~0").replace("/", "~1")
