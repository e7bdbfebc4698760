"""What vendors' APIs have no field for: `X-MS-…`, as header of the request or of the mail.

Neighbours: `submitting` reads them. A library that cannot add a header to its request can nearly
always add one to the mail; such a one is taken out before the mail is accepted. The request's own
wins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from ...domain.errors import Fault
from ...domain.message import Mode, OnUnknown, Priority
from .refusal import Reason, Refusal

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a client wants besides the vendor's fields; None: it does not say."""

    mode: Mode | None = None
    timeout: timedelta | None = None
    route: str | None = None
    priority: Priority | None = None
    on_unknown: OnUnknown | None = None
    give_up_after: timedelta | None = None
    idempotency_key: str | None = None


def _seconds(text: str) -> timedelta:
    if not text.isdecimal() or len(text) > 7:
        raise ValueError("expected whole seconds")
    return timedelta(seconds=int(text))


def _one_of(words: type[StrEnum]) -> Callable[[str], StrEnum]:
    def read(text: str) -> StrEnum:
        try:
            return words(text.lower())
        except ValueError:
            raise ValueError(f"expected one of: {', '.join(words)}") from None

    return read


#: header, in lower case: the wish, and how it is read
WISHES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "x-ms-mode": ("mode", _one_of(Mode)),
    "x-ms-timeout": ("timeout", _seconds),
    "x-ms-route": ("route", str),
    "x-ms-priority": ("priority", _one_of(Priority)),
    "x-ms-on-unknown": ("on_unknown", _one_of(OnUnknown)),
    "x-ms-give-up-after": ("give_up_after", _seconds),
    "x-ms-idempotency-key": ("idempotency_key", str),
}


def wishes_of(request: Mapping[str, str], mail: Headers) -> tuple[Wishes, Headers]:
    """Return what is wished for, and the mail's headers without it.

    Args:
        request: The request's header fields, whose look-up ignores case.
        mail: The mail's.

    Raises:
        Refusal: A wish makes no sense.
    """
    given = {name.lower(): value for name, value in mail if name.lower() in WISHES}
    given |= {name: request[name] for name in WISHES if name in request}
    wishes: dict[str, Any] = {}
    faults = []
    for header, value in given.items():
        name, read = WISHES[header]
        try:
            wishes[name] = read(value.strip())
        except ValueError as error:
            faults.append(Fault(f"/headers/{header}", str(error)))
    if faults:
        raise Refusal(Reason.INVALID, faults=faults)
    left = tuple((name, value) for name, value in mail if name.lower() not in WISHES)
    return Wishes(**wishes), left
