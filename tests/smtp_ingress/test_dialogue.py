"""The protocol of the SMTP door, said to the state machine itself."""

from __future__ import annotations

from base64 import b64encode

import pytest

from mail_sender.smtp_ingress.limits import Budget, Limits
from mail_sender.smtp_ingress.steps import Close, LogIn
from mail_sender.store.port import ApiKey

from .talk import GOOD, KEY, MAIL, Talk, envelope, logged_in, plain

# --- hello and login ----------------------------------------------------------------------


def test_before_tls_nothing_is_offered_that_would_show_a_key() -> None:
    """A key said in clear text belongs to everybody on the way."""
    talk = Talk()
    assert talk.greeting == ["220 mx.example.com ESMTP Mail Sender"]
    offers = talk.say(b"EHLO client\r\n")
    assert offers == [
        "250-mx.example.com greets you",
        "250-PIPELINING",
        f"250-SIZE {40 * 1024 * 1024}",
        "250-8BITMIME",
        "250-SMTPUTF8",
        "250-DSN",
        "250-CHUNKING",
        "250-ENHANCEDSTATUSCODES",
        "250 STARTTLS",
    ]
    assert talk.one(plain()) == "538 5.7.11 Encryption required for authentication"
    assert talk.one(b"MAIL FROM:<a@example.com>\r\n").startswith("530 5.7.0")


def test_what_was_sent_behind_starttls_is_not_heard() -> None:
    """A man in the middle appends commands in clear text, to be run as the victim (CVE-2011-0411).

    Hello, too, must be said anew: what was offered before TLS may have been forged.
    """
    talk = Talk()
    talk.say(b"EHLO client\r\n")
    replies = talk.say(b"STARTTLS\r\nEHLO evil\r\n" + plain() + b"MAIL FROM:<a@example.com>\r\n")
    assert replies == ["220 2.0.0 Ready to start TLS"]
    assert talk.one(b"MAIL FROM:<a@example.com>\r\n") == "503 5.5.1 Say EHLO first"
    offers = talk.say(b"EHLO client\r\n")
    assert "250 AUTH PLAIN LOGIN" in offers
    assert not any("STARTTLS" in offer for offer in offers)
    assert talk.one(b"STARTTLS\r\n").startswith("503")


@pytest.mark.parametrize(
    "lines",
    [
        [plain()],
        [b"AUTH PLAIN\r\n", b64encode(b"\0app\0" + GOOD.encode()) + b"\r\n"],
        [b"AUTH LOGIN\r\n", b"YXBw\r\n", b64encode(GOOD.encode()) + b"\r\n"],
        [b"auth login YXBw\r\n", b64encode(GOOD.encode()) + b"\r\n"],
    ],
)
def test_the_key_is_the_password_in_every_way_that_clients_log_in(lines: list[bytes]) -> None:
    """Libraries differ in mechanism and in whether they wait for the challenge."""
    talk = Talk(is_secure=True)
    talk.say(b"EHLO client\r\n")
    *_, last = [talk.one(line) for line in lines]
    assert last == "235 2.7.0 Authentication successful"
    assert talk.steps == [LogIn(GOOD)]


@pytest.mark.parametrize(
    ("lines", "reply"),
    [
        ([plain("ms_live_bad")], "535 5.7.8"),
        ([b"AUTH PLAIN =\r\n"], "535 5.7.8"),
        ([b"AUTH PLAIN \xc3\xa4\r\n"], "501 5.5.2"),
        ([b"AUTH PLAIN a\r\n"], "501 5.5.2"),
        ([b"AUTH LOGIN\r\n", b"*\r\n"], "501 5.7.0"),
        ([b"AUTH CRAM-MD5\r\n"], "504 5.5.4"),
        ([b"AUTH\r\n"], "504 5.5.4"),
    ],
)
def test_a_login_that_fails_says_why_and_leaves_nobody_logged_in(
    lines: list[bytes], reply: str
) -> None:
    """And the next command is a command again, not a password."""
    talk = Talk(is_secure=True)
    talk.say(b"EHLO client\r\n")
    *_, last = [talk.one(line) for line in lines]
    assert last.startswith(reply)
    assert talk.one(b"MAIL FROM:<a@example.com>\r\n").startswith("530 5.7.0 Authentication")


def test_keys_cannot_be_tried_out_one_after_the_other() -> None:
    """Three wrong keys end the connection; connections are counted."""
    talk = Talk(is_secure=True)
    talk.say(b"EHLO client\r\n")
    talk.one(plain("no"))
    talk.one(plain("no"))
    assert talk.say(plain("no")) == ["535 5.7.8 no", "421 4.7.0 Too many errors"]
    assert talk.is_over


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("clear", [False, True])
@pytest.mark.parametrize("key", [None, KEY])
def test_there_is_no_mail_without_a_key_whatever_the_terms(
    *, secure: bool, clear: bool, key: ApiKey | None
) -> None:
    """An open relay is found and abused within hours."""
    talk = Talk(is_secure=secure, login_in_clear=clear, key=key)
    group = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"
    talk.say(b"EHLO client\r\n" + group)
    talk.say(MAIL + b".\r\n")
    assert bool(talk.mails) == (key is not None)


# --- mails --------------------------------------------------------------------------------


def test_a_whole_session_in_one_write_is_answered_in_order() -> None:
    """PIPELINING (RFC 2920): fast clients send everything that they can at once."""
    talk = logged_in()
    replies = talk.say(
        b"MAIL FROM:<shop@example.com> SIZE=50 BODY=8BITMIME RET=HDRS ENVID=7+2B1\r\n"
        b"RCPT TO:<ann@example.net> NOTIFY=FAILURE,DELAY ORCPT=rfc822;ann@example.net\r\n"
        b"RCPT TO:<nobody>\r\nRCPT TO:<Bob@EXAMPLE.net>\r\nDATA\r\n"
    )
    assert [reply[:9] for reply in replies] == [
        "250 2.1.0", "250 2.1.5", "553 5.1.3", "250 2.1.5", "354 End d",
    ]  # fmt: skip
    assert talk.say(MAIL + b".\r\nQUIT\r\n") == ["250 2.0.0 Ok: queued as msg_1", "221 2.0.0 Bye"]
    (mail,) = talk.mails
    assert mail.mail == MAIL
    assert mail.envelope.mail_from == "shop@example.com"
    assert mail.envelope.recipients == ("ann@example.net", "Bob@example.net")
    assert talk.is_over


def test_dots_are_unstuffed() -> None:
    """RFC 5321 section 4.5.2: a client doubles a dot at the beginning of a line."""
    talk = logged_in()
    envelope(talk)
    talk.say(b"DATA\r\n")
    talk.say(b"..\r\n...two\r\nin.the.middle\r\n.x\r\n\r\n..\r\n.\r\n")
    assert talk.mails[0].mail == b".\r\n..two\r\nin.the.middle\r\nx\r\n\r\n.\r\n"


def test_an_empty_mail_ends_at_once() -> None:
    """The CRLF of the command is the first of the end's."""
    talk = logged_in()
    envelope(talk)
    talk.say(b"DATA\r\n")
    talk.say(b".\r\n")
    assert talk.mails[0].mail == b""


def test_a_mail_arrives_the_same_in_whatever_pieces() -> None:
    """TCP keeps no borders: every border may lie anywhere, within the end too."""
    body = b"a\r\n..b\r\n\r\n.\r\nRSET\r\n"
    for cut in range(1, len(body)):
        talk = logged_in()
        envelope(talk)
        talk.say(b"DATA\r\n")
        replies = talk.say(body[:cut]) + talk.say(body[cut:])
        assert [reply[:3] for reply in replies] == ["250", "250"], cut
        assert talk.mails[0].mail == b"a\r\n.b\r\n\r\n", cut


def test_chunks_carry_octets_as_they_are() -> None:
    """CHUNKING (RFC 3030): no dots, no end mark, only lengths."""
    talk = logged_in()
    envelope(talk)
    assert talk.one(b"BDAT 9\r\nFrom: a\r\n") == "250 2.0.0 9 octets received"
    assert talk.one(b"BDAT 7 LAST\r\n\r\n.\r\n.\r").startswith("250 2.0.0 Ok: queued")
    assert talk.mails[0].mail == b"From: a\r\n\r\n.\r\n.\r"
    envelope(talk)
    talk.say(b"BDAT 3\r\nabc")
    assert talk.one(b"BDAT 0 LAST\r\n").startswith("250 2.0.0 Ok: queued")


def test_a_chunk_is_read_over_even_when_it_is_refused() -> None:
    """Else the mail's own lines would be run as commands."""
    talk = logged_in()
    assert talk.one(b"BDAT 6 LAST\r\nQUIT\r\n").startswith("503")
    talk.say(b"MAIL FROM:<shop@example.com>\r\n")
    assert talk.one(b"BDAT 6 LAST\r\nQUIT\r\n").startswith("554 5.5.1")
    assert talk.one(b"NOOP\r\n") == "250 2.0.0 Ok"
    assert talk.mails == []


def test_a_second_mail_knows_nothing_of_the_first() -> None:
    """A recipient left over from the mail before would get somebody else's mail."""
    talk = logged_in()
    envelope(talk, "ann@example.net")
    talk.say(b"DATA\r\n")
    talk.say(MAIL + b".\r\n")
    assert talk.one(b"RCPT TO:<bob@example.net>\r\n").startswith("503")
    envelope(talk, "bob@example.net")
    talk.say(b"RSET\r\n")
    envelope(talk, "cid@example.org")
    talk.say(b"DATA\r\n")
    talk.say(MAIL + b".\r\n")
    assert [mail.envelope.recipients for mail in talk.mails] == [
        ("ann@example.net",),
        ("cid@example.org",),
    ]


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"MAIL FROM:shop@example.com", "553 5.1.7"),
        (b"MAIL TO:<shop@example.com>", "553 5.1.7"),
        (b"MAIL FROM:<shop>", "553 5.1.7"),
        (b"MAIL FROM:<a@example.com> SIZE=99999999999", "552 5.3.4"),
        (b"MAIL FROM:<a@example.com> SIZE=x", "501 5.5.4"),
        (b"MAIL FROM:<a@example.com> SIZE=1 SIZE=1", "501 5.5.4"),
        (b"MAIL FROM:<a@example.com> BODY=BINARYMIME", "501 5.5.4"),
        (b"MAIL FROM:<a@example.com> X=1", "555 5.5.4"),
        ("MAIL FROM:<ä@example.com>".encode(), "553 5.6.7"),
        (b"MAIL FROM:<>", "250"),
        (b"mail from:<a@example.com> smtputf8", "250"),
        (b"MAIL FROM: <a@example.com>", "250"),
        (b"MAIL FROM:<@relay,@other:a@example.com>", "250"),
        (b"MAIL FROM:<a@example.com> AUTH=<>", "250"),
        (b"RCPT TO:<a@example.com>", "503"),
        (b"DATA", "503"),
        (b"EHLO", "501"),
        (b"VRFY ann@example.net", "252"),
        (b"EXPN list", "502"),
        (b"HELP", "214"),
        (b"WHAT", "500 5.5.2"),
        (b"\xff\xfe", "500 5.5.2"),
        (b"", "500 5.5.2"),
    ],
)
def test_every_command_has_its_reply(line: bytes, reply: str) -> None:
    """Clients act on codes, so each must say the right thing (RFC 5321 section 4.3.2)."""
    assert logged_in().one(line + b"\r\n").startswith(reply)


# --- limits -------------------------------------------------------------------------------


def test_a_mail_that_is_too_large_is_refused_after_its_end_and_the_next_one_is_taken() -> None:
    """A reply in the middle of a mail would not be read by most clients."""
    talk = logged_in(limits=Limits(max_message_bytes=100))
    envelope(talk)
    talk.say(b"DATA\r\n")
    assert talk.say(b"x" * 500 + b"\r\n") == []
    assert talk.one(b".\r\n").startswith("552 5.3.4")
    envelope(talk)
    assert talk.one(b"BDAT 101 LAST\r\n" + b"x" * 101).startswith("552 5.3.4")
    envelope(talk)
    talk.say(b"DATA\r\n")
    assert talk.one(MAIL + b".\r\n").startswith("250")


def test_mails_that_are_coming_in_share_one_budget_of_memory() -> None:
    """Five hundred clients with a large mail each must not take the process down."""
    limits = Limits(max_message_bytes=1000)
    budget = Budget(1500)
    first, second = logged_in(limits=limits, budget=budget), logged_in(limits=limits, budget=budget)
    for talk in (first, second):
        envelope(talk)
        talk.say(b"DATA\r\n")
        talk.say(b"x" * 900 + b"\r\n")
    assert first.one(b".\r\n").startswith("250")
    assert second.one(b".\r\n").startswith("452 4.3.1")
    envelope(second)
    second.say(b"DATA\r\n")
    assert second.one(b"x" * 900 + b"\r\n.\r\n").startswith("250")
    assert budget.take(1500), "everything was given back"


def test_recipients_beyond_the_limit_are_left_for_another_mail() -> None:
    """RFC 5321 section 4.5.3.1.10: 452, upon which clients send to the rest separately."""
    talk = logged_in(limits=Limits(max_recipients=2))
    envelope(talk, "a@example.net", "b@example.net", "c@example.net")
    talk.say(b"DATA\r\n")
    talk.say(MAIL + b".\r\n")
    assert talk.mails[0].envelope.recipients == ("a@example.net", "b@example.net")


@pytest.mark.parametrize(
    ("octets", "reply"),
    [
        (b"NOOP " + b"x" * 3000, "500 5.5.2 Line too long"),
        (b"NOOP\n", "500 5.5.2 Lines end"),
        (b"NOOP\rNOOP\r\n", "500 5.5.2 Lines end"),
        (b"GET / HTTP/1.1\r\n", "421 4.7.0 This is an SMTP server"),
        (b"NOOP\r\n" * 200, "421 4.7.0 Too many commands"),
        (b"WHAT\r\n" * 50, "421 4.7.0 Too many errors"),
    ],
)
def test_who_talks_nonsense_is_not_listened_to(octets: bytes, reply: str) -> None:
    """Neither a browser that was tricked nor a flood gets further."""
    talk = logged_in()
    assert talk.say(octets)[-1].startswith(reply)
    assert talk.is_over
    assert isinstance(talk.steps[-1], Close)


def test_who_has_not_logged_in_gets_little_patience() -> None:
    """Strangers cost as little as possible."""
    talk = Talk()
    assert talk.say(b"NOOP\r\n" * 40)[-1].startswith("421 4.7.0 Too many commands")


def test_a_password_may_be_longer_than_a_command() -> None:
    """RFC 4954 section 4 asks for 12,288 octets; beyond them it is an attack."""
    talk = Talk(is_secure=True)
    talk.say(b"EHLO client\r\nAUTH LOGIN\r\n")
    assert talk.one(b64encode(b"x" * 4000) + b"\r\n").startswith("334")
    assert talk.one(b64encode(b"x" * 12000)).startswith("500 5.5.2 Line too long")


# --- draining -----------------------------------------------------------------------------


def test_while_draining_the_mail_under_way_ends_and_then_the_connection() -> None:
    """A deployment must not cut a mail in two, nor wait for a client that says nothing."""
    talk = logged_in()
    envelope(talk)
    talk.say(b"DATA\r\n")
    talk.dialogue.drain()
    assert talk.say(b"") == []
    assert talk.say(MAIL + b".\r\n") == [
        "250 2.0.0 Ok: queued as msg_1",
        "421 4.3.2 The service is shutting down, try again later",
    ]
    idle = logged_in()
    idle.dialogue.drain()
    assert idle.one(b"").startswith("421 4.3.2")
