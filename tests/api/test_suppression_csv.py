"""Files of suppressions: ours, and what providers' exports look like."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_sender.api.errors import InvalidCsv
from mail_sender.api.suppression_csv import Line, Otherwise, read_csv, write_csv
from mail_sender.domain.suppression import Suppression, SuppressionReason, parse_origin

from ..make import ANN, BOB, NOW, make_suppression

IMPORT = parse_origin("import:key_1")


def lines(text: str, reason: SuppressionReason | None = None) -> list[Line]:
    return list(read_csv(text, Otherwise(reason=reason, origin=IMPORT, now=NOW)))


def entries(text: str, reason: SuppressionReason | None = None) -> list[Suppression]:
    found = [line.found for line in lines(text, reason)]
    return [it for it in found if isinstance(it, Suppression)]


def test_ses_has_no_header_and_large_words() -> None:
    """The layout of its bulk files: an address and BOUNCE or COMPLAINT."""
    found = entries("ann@example.net,BOUNCE\r\nbob@example.net,COMPLAINT\r\n")

    assert [(it.address, it.reason) for it in found] == [
        (ANN, SuppressionReason.HARD_BOUNCE),
        (BOB, SuppressionReason.COMPLAINT),
    ]


def test_mailgun_has_a_time_and_the_servers_answer() -> None:
    """The reason stands nowhere in it: the request names it for the whole file."""
    text = (
        "address,code,error,created_at\n"
        'ann@example.net,550,"No such mailbox, sorry","Fri, 21 Oct 2011 11:02:55 UTC"\n'
    )

    (found,) = entries(text, SuppressionReason.HARD_BOUNCE)

    assert found == make_suppression(
        ANN,
        SuppressionReason.HARD_BOUNCE,
        "import:key_1",
        created_at=datetime(2011, 10, 21, 11, 2, 55, tzinfo=UTC),
        note="No such mailbox, sorry",
    )


def test_sendgrid_has_the_servers_answer_as_its_reason() -> None:
    """It becomes the note, and seconds since 1970 the time."""
    text = "status,reason,email,created\n5.1.1,550 no such user,ann@example.net,1443651141\n"

    (found,) = entries(text, SuppressionReason.HARD_BOUNCE)

    assert found.note == "550 no such user"
    assert found.created_at == datetime(2015, 9, 30, 22, 12, 21, tzinfo=UTC)


def test_an_answer_of_several_lines_becomes_a_note_of_one() -> None:
    """It is shown in tables, and lines of the log."""
    (found,) = entries('address,error\nann@example.net,"550-no\r\n550 such\x00 user"\n')

    assert found.note == "550-no 550 such user"


def test_a_reason_that_nobody_knows_is_a_bad_line_unless_the_file_has_one() -> None:
    """Guessing `manual` for a mistyped complaint would weaken it."""
    text = "Email Address,Reason\nann@example.net,complant\nbob@example.net,\n"

    bad, good = lines(text)

    assert isinstance(bad.found, str)
    assert bad.found.startswith("reason: expected one of manual")
    assert isinstance(good.found, Suppression)
    assert good.found.reason is SuppressionReason.MANUAL


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        ("nobody,,,,", "expected an address"),
        (",manual,,,", "the address is empty"),
        ("ann@example.net,,mars:7,,", "origin: "),
        ("ann@example.net,,,yesterday,", "created_at: "),
        ("ann@example.net,,,99999999999999999999,", "created_at: "),
        ("ann@example.net,,,,2029-01-01", "expires_at: lies in the past"),
    ],
)
def test_a_line_that_cannot_be_read_is_told_with_its_number(cells: str, fault: str) -> None:
    """Line numbers are those of an editor: the header counts, and so do empty lines."""
    text = f"address,reason,origin,created_at,expires_at\n\n{cells}\nbob@example.net,,,,\n"

    bad, good = lines(text)

    assert (bad.number, good.number) == (3, 4)
    assert isinstance(bad.found, str)
    assert bad.found.startswith(fault)
    assert isinstance(good.found, Suppression)


def test_a_time_to_come_is_no_begin() -> None:
    """A clock that goes wrong elsewhere must not lead a list by date."""
    (found,) = entries(f"address,created\nann@example.net,{NOW + timedelta(days=1)}\n")

    assert found.created_at == NOW


def test_a_quote_left_open_spoils_no_more_than_it_must() -> None:
    """The rest of a large file is read, and somebody is told where to look."""
    text = 'address\nann@example.net\n"' + "x" * 200_000 + "\nbob@example.net\n"

    found = lines(text)

    assert isinstance(found[0].found, Suppression)
    assert found[1].found == "this is not CSV: is a quote left open?"


def test_a_file_without_addresses_is_refused() -> None:
    """Better than telling of every line that it is bad."""
    with pytest.raises(InvalidCsv, match="first line"):
        lines("name,age\nann,7\n")

    assert lines("") == []


_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=60).map(
    lambda text: " ".join(text.split())
)
_TIMES = st.datetimes(datetime(1971, 1, 1), datetime(2029, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(
    st.builds(
        make_suppression,
        st.sampled_from([ANN, BOB]),
        st.sampled_from(SuppressionReason),
        st.sampled_from(["provider:ses", "message:msg_1", "key:k", "import:k"]),
        created_at=_TIMES,
        expires_at=st.none() | st.just(NOW + timedelta(days=7)),
        note=_TEXT,
    )
)
def test_what_was_written_is_read_back(entry: Suppression) -> None:
    """An export is a backup only if it says everything."""
    text = write_csv([entry], header=True).decode()

    assert entries(text) == [entry]


@given(st.text(max_size=200))
def test_no_file_makes_it_stumble(text: str) -> None:
    """It is read as entries and bad lines, or refused as a whole."""
    try:
        found = lines(text)
    except InvalidCsv:
        return
    assert all(line.number >= 1 for line in found)
