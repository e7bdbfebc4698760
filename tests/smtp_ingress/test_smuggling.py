"""SMTP smuggling: only CRLF.CRLF ends a mail, so that nobody hides a second one in the first.

The ends are those that some servers took in 2023 (Longin, "SMTP Smuggling").
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .talk import envelope, logged_in

SMUGGLED = b"MAIL FROM:<admin@example.com>\r\nRCPT TO:<victim@example.net>\r\nDATA\r\n"
ENDS = [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r.\n", b"\n.\r", b"\r.\r\n"]


@pytest.mark.parametrize("end", ENDS)
def test_an_end_that_only_others_take_ends_the_connection_and_nothing_is_sent(end: bytes) -> None:
    """Neither the first mail nor the hidden one: two servers would see two different things."""
    talk = logged_in()
    envelope(talk)
    talk.say(b"DATA\r\n")
    replies = talk.say(b"From: a@example.com\r\n\r\nHi" + end + SMUGGLED + b"x\r\n.\r\n")
    assert [reply[:9] for reply in replies] == ["550 5.6.0"]
    assert talk.is_over
    assert talk.mails == []


@pytest.mark.parametrize("end", ENDS)
def test_it_makes_no_difference_in_which_pieces_it_comes(end: bytes) -> None:
    """The border between two packets is where such checks fail."""
    body = b"Hi" + end + SMUGGLED + b"x\r\n.\r\n"
    for cut in range(1, len(body)):
        talk = logged_in()
        envelope(talk)
        talk.say(b"DATA\r\n")
        talk.say(body[:cut])
        talk.say(body[cut:])
        assert talk.mails == [], cut


@pytest.mark.parametrize("line", [b"a\nb", b"a\rb", b"\n", b"\r\r\n", b"x\r"])
def test_a_lone_line_end_in_a_mail_is_refused(line: bytes) -> None:
    """It is no line (RFC 5321 section 2.3.8), and what becomes of it depends on who reads it."""
    talk = logged_in()
    envelope(talk)
    talk.say(b"DATA\r\n")
    assert talk.one(line + b"\r\n.\r\n").startswith("550 5.6.0")
    assert talk.one(b"NOOP\r\n").startswith("250")
    assert talk.mails == []


def test_a_mail_sent_without_waiting_for_a_refused_data_is_not_run_as_commands() -> None:
    """Its lines are words of a mail, whatever they look like."""
    talk = logged_in()
    talk.say(b"DATA\r\nMAIL FROM:<admin@example.com>\r\nRCPT TO:<b@example.net>\r\n")
    assert talk.is_over
    assert talk.mails == []


@given(
    pieces=st.lists(
        st.sampled_from([b"\r\n", b"\n", b"\r", b".", b"..", b"a", b"QUIT", b"\r\n.\r\n", b"\0"]),
        max_size=12,
    ),
    data=st.data(),
)
def test_what_is_taken_has_whole_lines_and_ends_at_the_first_end(
    pieces: list[bytes], data: st.DataObject
) -> None:
    """The reference is the sentence of the RFC: everything before the first CRLF.CRLF."""
    sent = b"".join(pieces) + b"\r\n.\r\n"
    whole = (b"\r\n" + sent).partition(b"\r\n.\r\n")[0] + b"\r\n"
    talk = logged_in()
    envelope(talk)
    talk.say(b"DATA\r\n")
    at = data.draw(st.integers(0, len(sent)))
    talk.say(sent[:at])
    talk.say(sent[at:])
    is_clean = whole.count(b"\r\n") == whole.count(b"\n") == whole.count(b"\r")
    if is_clean:
        assert talk.mails[0].mail == whole.replace(b"\r\n.", b"\r\n")[2:]
    else:
        assert talk.mails == []
