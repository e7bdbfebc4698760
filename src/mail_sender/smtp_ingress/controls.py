"""Header fields in which a client says to us what JSON clients say in fields of their own.

Neighbours: `submission` reads them and takes them out of the mail, so that no recipient sees
them. Only the names below are ours: other programs have fields that begin with X-MS-, too
(Exchange's do), and those stay in the mail.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

import msgspec

from ..domain.errors import Fault, InvalidMessage
from ..domain.message import Content, Mode, OnUnknown, Priority
from ..mime.head import Field

_Value = TypeVar("_Value")
_Word = TypeVar("_Word", bound=StrEnum)

_TAG = "x-ms-tag"
_METADATA = "x-ms-metadata"
_IDEMPOTENCY_KEY = "x-ms-idempotency-key"
_PRIORITY = "x-ms-priority"
_ROUTE = "x-ms-route"
_MODE = "x-ms-mode"
_TIMEOUT = "x-ms-timeout"
_SEND_AT = "x-ms-send-at"
_GIVE_UP_AFTER = "x-ms-give-up-after"
_ON_UNKNOWN = "x-ms-on-unknown"
_NAMES = frozenset({
    _TAG, _METADATA, _IDEMPOTENCY_KEY, _PRIORITY, _ROUTE, _MODE, _TIMEOUT, _SEND_AT,
    _GIVE_UP_AFTER, _ON_UNKNOWN,
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """What the fields said; the names are those of `Content`."""

    tags: tuple[str, ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()
    idempotency_key: str | None = None
    priority: Priority = Priority.NORMAL
    route: str | None = None
    mode: Mode = Mode.ASYNC
    timeout: timedelta | None = None
    send_at: datetime | None = None
    give_up_after: timedelta | None = None
    on_unknown: OnUnknown | None = None

    def added_to(self, content: Content) -> Content:
        """Return the message with them."""
        return dataclasses.replace(
            content,
            tags=self.tags,
            metadata=self.metadata,
            priority=self.priority,
            route=self.route,
            mode=self.mode,
            timeout=self.timeout,
            send_at=self.send_at,
            give_up_after=self.give_up_after,
            on_unknown=self.on_unknown,
        )


def is_control(field_: Field) -> bool:
    """Return whether a field is for the gateway and for nobody else."""
    return field_.name in _NAMES


@dataclass(slots=True)
class _Reading:
    """The fields by name, and the faults that were found."""

    fields: Mapping[str, Sequence[Field]]
    faults: list[Fault] = field(default_factory=list)

    def one(self, name: str, read: Callable[[str], _Value]) -> _Value | None:
        found = self.fields.get(name, ())
        if len(found) > 1:
            self.faults.append(Fault(_pointer(name), "stands there more than once"))
        if not found:
            return None
        try:
            return read(found[0].text)
        except ValueError as error:
            self.faults.append(Fault(_pointer(name), str(error)))
            return None


def read_controls(fields: Sequence[Field]) -> Controls:
    """Read what is there.

    Raises:
        InvalidMessage: With a pointer such as `/headers/X-MS-Priority` for each fault.
    """
    by_name: dict[str, list[Field]] = {}
    for field_ in fields:
        if field_.name in _NAMES:
            by_name.setdefault(field_.name, []).append(field_)
    if not by_name:
        return Controls()
    reading = _Reading(by_name)
    controls = Controls(
        tags=_tags(by_name.get(_TAG, ())),
        metadata=reading.one(_METADATA, _metadata) or (),
        idempotency_key=reading.one(_IDEMPOTENCY_KEY, _text),
        priority=reading.one(_PRIORITY, _word_of(Priority)) or Priority.NORMAL,
        route=reading.one(_ROUTE, _text),
        mode=reading.one(_MODE, _word_of(Mode)) or Mode.ASYNC,
        timeout=reading.one(_TIMEOUT, _seconds),
        send_at=reading.one(_SEND_AT, _moment),
        give_up_after=reading.one(_GIVE_UP_AFTER, _seconds),
        on_unknown=reading.one(_ON_UNKNOWN, _word_of(OnUnknown)),
    )
    if reading.faults:
        raise InvalidMessage(reading.faults)
    return controls


def _tags(fields: Sequence[Field]) -> tuple[str, ...]:
    words = [word.strip() for field_ in fields for word in field_.text.split(",")]
    return tuple(dict.fromkeys(word for word in words if word))


def _metadata(text: str) -> tuple[tuple[str, str], ...]:
    try:
        return tuple(msgspec.json.decode(text, type=dict[str, str]).items())
    except (msgspec.DecodeError, UnicodeError):
        raise ValueError('expected JSON such as {"order": "7"}') from None


def _text(text: str) -> str:
    if not text:
        raise ValueError("is empty")
    return text


def _word_of(words: type[_Word]) -> Callable[[str], _Word]:
    def read(text: str) -> _Word:
        try:
            return words(text.lower())
        except ValueError:
            raise ValueError(f"expected one of {', '.join(words)}") from None

    return read


def _seconds(text: str) -> timedelta:
    if not re.fullmatch(r"[0-9]{1,8}", text):
        raise ValueError("expected a number of seconds")
    return timedelta(seconds=int(text))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("expected a time such as 2030-01-31T09:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError("expected a time with its zone, such as 2030-01-31T09:00:00Z")
    return moment


def _pointer(name: str) -> str:
    return "/headers/X-MS-" + name.removeprefix("x-ms-").title()
