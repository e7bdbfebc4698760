"""What each reply of a relay means: whose fault it is, and who else has to pay for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_sender.domain.outcome import Blame, Deferred, Outcome, Reach, Refused
from mail_sender.providers.smtp_outcomes import (
    outcome_of_content,
    outcome_of_data,
    outcome_of_recipient,
    outcome_of_sender,
    wants_next_transaction,
)
from mail_sender.providers.smtp_reply import (
    Garbage,
    Reply,
    extensions_in,
    line_of_reply,
)

ACCOUNT = (Refused, Blame.PROVIDER, Reach.ACCOUNT)
SENDER = (Refused, Blame.PROVIDER, Reach.SENDER)
MESSAGE_HERE = (Refused, Blame.PROVIDER, Reach.MESSAGE)
CALL = (Refused, Blame.PROVIDER, Reach.CALL)
RECIPIENT = (Refused, Blame.RECIPIENT, Reach.CALL)
MESSAGE = (Refused, Blame.MESSAGE, Reach.CALL)
LATER = (Deferred, Blame.PROVIDER, Reach.CALL)
LATER_FOR_IT = (Deferred, Blame.PROVIDER, Reach.MESSAGE)
QUOTA = (Deferred, Blame.PROVIDER, Reach.ACCOUNT)


def reply(line: str) -> Reply:
    """Return a reply of one line."""
    return Reply(int(line[:3]), (line[4:],))


def kind(outcome: Outcome) -> tuple[type[Outcome], Blame, Reach]:
    """Return what matters of an outcome."""
    assert isinstance(outcome, Deferred | Refused)
    return type(outcome), outcome.blame, outcome.reach


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("550 5.1.8 sender domain does not exist", SENDER),
        ("553 5.1.7 bad sender syntax", SENDER),
        ("550 5.7.1 you may not send as this address", SENDER),
        ("554 5.7.1 sender not allowed", SENDER),
        ("553 sorry, that domain isn't allowed", SENDER),
        ("550 5.7.26 unauthenticated mail is rejected by DMARC", SENDER),
        ("530 5.7.0 Must issue a STARTTLS command first", ACCOUNT),
        ("530 5.7.0 Authentication required", ACCOUNT),
        ("550 5.4.5 Daily user sending limit exceeded", ACCOUNT),
        ("554 5.7.1 Client host [192.0.2.1] blocked using a list", ACCOUNT),
        ("552 5.3.4 message size exceeds fixed limit", MESSAGE_HERE),
        ("552 too big", MESSAGE_HERE),
        ("553 5.6.7 SMTPUTF8 needed", MESSAGE_HERE),
        ("501 5.5.4 syntax", CALL),
        ("503 bad sequence", CALL),
        ("555 parameters not recognised", CALL),
        ("554 5.3.2 system not accepting", CALL),
        ("451 4.3.0 later", LATER),
        ("452 4.3.1 no space", LATER),
        ("450 4.7.1 slow down", LATER),
        ("454 4.7.0 Daily message quota exceeded", QUOTA),
    ],
)
def test_a_refused_sender_is_the_account_s_matter(line: str, expected: object) -> None:
    """Another provider may know the sender, so it is asked; only the domain is left out here."""
    assert kind(outcome_of_sender(reply(line))) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("550 5.1.1 user unknown", RECIPIENT),
        ("550 5.1.2 bad domain", RECIPIENT),
        ("550 5.1.3 bad syntax", RECIPIENT),
        ("550 5.1.6 has moved", RECIPIENT),
        ("550 5.1.10 does not accept mail", RECIPIENT),
        ("550 5.2.1 mailbox disabled", RECIPIENT),
        ("552 5.2.2 mailbox full", RECIPIENT),
        ("550 5.4.1 Recipient address rejected: Access denied", RECIPIENT),
        ("551 user not local", RECIPIENT),
        ("553 mailbox name not allowed", RECIPIENT),
        ("550 no such user here", RECIPIENT),
        ("501 syntax error in address", RECIPIENT),
        ("550 5.7.1 relaying denied", ACCOUNT),
        ("554 5.7.1 <a@b>: Relay access denied", ACCOUNT),
        ("550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain", ACCOUNT),
        ("550 relay not permitted", ACCOUNT),
        ("530 5.7.0 Authentication required", ACCOUNT),
        ("553 5.7.1 <s@b>: Sender address rejected: not owned by user ann", SENDER),
        ("550 5.1.8 <s@b>: Domain not found", SENDER),
        ("554 5.7.1 <a@b>: Recipient address rejected: Policy", MESSAGE_HERE),
        ("552 5.3.4 too big", MESSAGE_HERE),
        ("553 5.6.7 SMTPUTF8 needed", MESSAGE_HERE),
        ("503 bad sequence", CALL),
        ("550 5.5.1 confused", CALL),
        ("550 5.3.0 broken", CALL),
        ("450 4.2.0 greylisted", LATER_FOR_IT),
        ("450 mailbox busy", LATER_FOR_IT),
        ("452 4.2.2 mailbox full", LATER_FOR_IT),
        ("452 4.5.3 too many recipients", LATER_FOR_IT),
        ("552 too many recipients", LATER_FOR_IT),
        ("552 something is full", LATER_FOR_IT),
        ("451 4.3.0 later", LATER),
        ("452 4.3.1 no space", LATER),
        ("451 4.7.1 try again", LATER),
    ],
)
def test_a_refused_recipient_is_told_from_a_refused_account(line: str, expected: object) -> None:
    """No provider can reach a mailbox that does not exist; any may relay where one may not."""
    assert kind(outcome_of_recipient(reply(line))) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("451 4.3.0 later", LATER),
        ("421 4.3.2 closing", LATER),
        ("554 5.5.1 no valid recipients", CALL),
        ("503 5.5.1 out of order", CALL),
        ("550 5.7.1 not allowed", MESSAGE_HERE),
        ("554 5.7.1 Sender address rejected", SENDER),
        ("530 5.7.0 log in", ACCOUNT),
    ],
)
def test_a_refusal_before_the_content_cannot_be_about_the_content(
    line: str, expected: object
) -> None:
    """The server has not seen it."""
    assert kind(outcome_of_data(reply(line))) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("451 4.3.0 later", LATER),
        ("452 4.3.1 no space", LATER),
        ("454 Throttling failure: Maximum sending rate exceeded.", LATER),
        ("454 Throttling failure: Daily message quota exceeded.", QUOTA),
        ("550 5.6.0 syntax", MESSAGE),
        ("554 5.6.1 media not supported", MESSAGE),
        ("550 5.7.1 looks like spam", MESSAGE),
        ("554 virus found", MESSAGE),
        ("552 5.3.4 too big", MESSAGE_HERE),
        ("552 storage exceeded", MESSAGE_HERE),
        ("554 5.6.7 needs SMTPUTF8", MESSAGE_HERE),
        ("554 transaction failed", MESSAGE_HERE),
        ("550 5.7.26 DMARC", SENDER),
        ("554 Message rejected: Email address is not verified.", SENDER),
        ("550 5.1.8 sender", SENDER),
        ("530 5.7.0 log in", ACCOUNT),
        ("550 5.4.5 Daily user sending quota exceeded", ACCOUNT),
        ("550 5.1.1 user unknown", RECIPIENT),
        ("554 5.3.0 broken", CALL),
        ("500 5.5.1 confused", CALL),
        ("503 confused", CALL),
    ],
)
def test_a_refused_mail_is_told_from_a_refused_sender(line: str, expected: object) -> None:
    """Content that one provider calls spam is not offered to the next; a sender may be."""
    assert kind(outcome_of_content(reply(line), recipients=1)) == expected


def test_no_such_mailbox_after_the_dot_is_not_pinned_on_every_recipient() -> None:
    """One reply covers all of them (RFC 5321 section 4.1.1.4), and only one is meant."""
    outcome = outcome_of_content(reply("550 5.1.1 user unknown"), recipients=2)

    assert kind(outcome) == MESSAGE_HERE


@pytest.mark.parametrize(
    ("line", "some_accepted", "expected"),
    [
        ("452 4.5.3 full", False, True),
        ("452 4.5.3 full", True, True),
        ("450 Too many rcpts", False, True),
        ("450 4.7.1 Too many recipients an hour", True, False),
        ("451 Too many recipients", False, True),
        ("452 no more", False, False),
        ("452 no more", True, True),
        ("552 no more", True, True),
        ("452 4.3.1 no space", True, False),
        ("552 5.2.2 mailbox full", True, False),
        ("550 5.1.1 no", True, False),
    ],
)
def test_a_full_transaction_is_told_from_a_full_disk(
    line: str, *, some_accepted: bool, expected: bool
) -> None:
    """The one wants the rest again at once, the other later."""
    assert wants_next_transaction(reply(line), some_accepted=some_accepted) is expected


@given(st.integers(400, 599), st.text(max_size=80), st.integers(1, 2))
def test_no_reply_whatsoever_is_without_an_outcome(code: int, text: str, recipients: int) -> None:
    """A provider returns outcomes and raises nothing."""
    anything = Reply(code, (text,))
    outcomes = [
        outcome_of_sender(anything),
        outcome_of_recipient(anything),
        outcome_of_data(anything),
        outcome_of_content(anything, recipients=recipients),
    ]
    for outcome in outcomes:
        assert isinstance(outcome, Deferred | Refused)
        if code < 500:
            assert isinstance(outcome, Deferred)


def test_endless_words_do_not_stop_the_loop() -> None:
    """The far side chooses them, and patterns over a megabyte can take hours."""
    endless = Reply(550, ("daily not verified " * 50_000,))

    assert len(endless.text) == 1024
    assert kind(outcome_of_content(endless, recipients=1)) == MESSAGE_HERE


@given(st.binary(max_size=80))
def test_any_octets_are_a_line_of_a_reply_or_garbage(line: bytes) -> None:
    """Parsing raises one thing only, which the session knows how to end."""
    try:
        code, _, text = line_of_reply(line + b"\r\n")
    except Garbage:
        return
    assert 200 <= code <= 599
    assert isinstance(text, str)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=8))
def test_any_lines_are_some_extensions(lines: list[str]) -> None:
    """EHLO answers come from programs of forty years."""
    extensions = extensions_in(lines)

    assert extensions.max_bytes is None or extensions.max_bytes > 0
    assert isinstance(extensions.mechanisms, frozenset)


def test_old_and_new_ways_to_offer_a_login_are_read() -> None:
    """`AUTH=LOGIN` was written for a client of 1997 and is still sent."""
    lines = ("relay.test", "AUTH PLAIN login", "AUTH=CRAM-MD5", "size 100", "")
    extensions = extensions_in(lines)

    assert extensions.mechanisms == {"PLAIN", "LOGIN", "CRAM-MD5"}
    assert extensions.max_bytes == 100
    assert "SIZE" in extensions
    assert "PIPELINING" not in extensions
