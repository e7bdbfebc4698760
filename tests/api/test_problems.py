"""Every error has its problem type, and the table has no holes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from mail_sender.api import errors as of_the_door
from mail_sender.api.problems import KINDS, answer_of, kind_of, problem_of
from mail_sender.domain.errors import (
    ConfigError,
    Draining,
    Fault,
    InvalidMessage,
    MailSenderError,
    StoreUnavailable,
)


def _every(cls: type[MailSenderError]) -> Iterator[type[MailSenderError]]:
    yield cls
    for child in cls.__subclasses__():
        if child.__module__.startswith("mail_sender."):
            yield from _every(child)


@pytest.mark.parametrize("cls", set(_every(MailSenderError)), ids=lambda cls: cls.__name__)
def test_every_error_class_has_a_problem_type(cls: type[MailSenderError]) -> None:
    """A new error without an entry would come out as a 500."""
    assert cls in KINDS


def test_codes_mean_one_thing() -> None:
    """Programs tell problems apart by their code."""
    kinds = set(KINDS.values())

    assert len({kind.code for kind in kinds}) == len(kinds)
    assert all(kind.code.replace("_", "").isalpha() and kind.code.islower() for kind in kinds)


def test_only_the_public_text_goes_out() -> None:
    """The exception's own text is for operators: it may name files, hosts and keys."""
    for error in (StoreUnavailable("/var/x: I/O error"), ConfigError("secrets/ses: not readable"),
                  Draining("pid 7 got SIGTERM"), MailSenderError("what")):  # fmt: skip
        text = str(problem_of(error))

        assert str(error) not in text


def test_a_class_below_a_known_one_is_answered_like_it() -> None:
    """Somebody will add one and forget the table; the test above says so, the client sees this."""

    class Special(StoreUnavailable):
        pass

    assert kind_of(Special("x")) is KINDS[StoreUnavailable]


@pytest.mark.parametrize(
    ("wait", "header"), [(timedelta(milliseconds=1), "1"), (timedelta(seconds=1.5), "2")]
)
def test_retry_after_is_never_zero(wait: timedelta, header: str) -> None:
    """0 would ask every client to come back at once."""
    assert answer_of(StoreUnavailable("x", wait)).headers["retry-after"] == header
    assert answer_of(of_the_door.RateLimited(wait)).headers["retry-after"] == header


def test_pointers_of_a_part_point_into_the_whole() -> None:
    """In a batch."""
    error = InvalidMessage([Fault("/to/0", "no")])

    assert problem_of(error, below="/messages/3")["errors"] == [
        {"pointer": "/messages/3/to/0", "detail": "no"}
    ]
