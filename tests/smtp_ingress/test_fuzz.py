"""Whatever a client says: no exception, no malformed reply, no mail without a key, no false 250."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mail_sender.smtp_ingress.limits import Budget, Limits

from .talk import GOOD, KEY, Talk, plain

_WORDS = [
    b"EHLO client\r\n", b"HELO client\r\n", b"EHLO\r\n", b"STARTTLS\r\n", b"AUTH PLAIN\r\n",
    b"AUTH LOGIN\r\n", b"AUTH PLAIN =\r\n", plain(), plain("bad"), b"YXBw\r\n", b"*\r\n",
    b"AGFwcABtc19saXZlX2dvb2Q=\r\n", b"bXNfbGl2ZV9nb29k\r\n", b"MAIL FROM:<a@example.com>\r\n",
    b"MAIL FROM:<>\r\n", b"MAIL FROM:<\xc3\xa4@example.com> SMTPUTF8\r\n", b"MAIL\r\n",
    b"MAIL FROM:<a> SIZE=9\r\n", b"RCPT TO:<b@example.net>\r\n", b"RCPT TO:<x>\r\n", b"RCPT\r\n",
    b"RCPT TO:<c@example.net> NOTIFY=NEVER\r\n", b"DATA\r\n", b"BDAT 5\r\n", b"BDAT 5 LAST\r\n",
    b"BDAT 0 LAST\r\n", b"BDAT -1\r\n", b"BDAT 99\r\n", b"From: a@example.com\r\n", b"\r\n",
    b"hello", b".\r\n", b"..\r\n", b"\r\n.\r\n", b"\n.\n", b"\r", b"\n", b"RSET\r\n", b"HELP\r\n",
    b"NOOP x\r\n", b"VRFY a@example.com\r\n", b"QUIT\r\n", b"\0", b"\xff\xfe\r\n", b"x" * 700,
    b"GET / HTTP/1.1\r\n",
]  # fmt: skip
_LOGGED_IN = b"EHLO client\r\n" + plain()
_ENVELOPE = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\n"
_BEGINNINGS = [b"", _LOGGED_IN, _LOGGED_IN + _ENVELOPE, _LOGGED_IN + _ENVELOPE + b"DATA\r\n"]
_REPLY = re.compile(r"[2-5][0-9][0-9][ -][ -~]*")
_ANSWERS = ["250 2.0.0 Ok: queued as msg_1", "451 4.3.0 no", "550 5.6.0 no", "421 4.3.2 closing"]


@given(
    beginning=st.sampled_from(_BEGINNINGS),
    words=st.lists(st.one_of(st.sampled_from(_WORDS), st.binary(max_size=40)), max_size=40),
    cuts=st.lists(st.integers(0, 2000), max_size=10),
    is_secure=st.booleans(),
    is_local=st.booleans(),
    answers=st.lists(st.sampled_from(_ANSWERS), max_size=5),
    drains_at=st.integers(0, 20),
)
def test_the_dialogue_keeps_its_promises_whatever_is_said(
    beginning: bytes,
    words: list[bytes],
    cuts: list[int],
    *,
    is_secure: bool,
    is_local: bool,
    answers: list[str],
    drains_at: int,
) -> None:
    """A client gone mad, or one that wants in, meets the same server as everybody."""
    given_answers = iter([*answers, *["250 2.0.0 Ok: queued as msg_1"] * 100])
    said: list[str] = []

    def answer(_: object) -> str:
        said.append(next(given_answers))
        return said[-1]

    limits = Limits(max_message_bytes=600, max_recipients=3, max_line_bytes=512)
    budget = Budget(800)
    talk = Talk(
        limits=limits, budget=budget, answer=answer, is_secure=is_secure,
        key=KEY if is_local else None,
    )  # fmt: skip
    sent = beginning + b"".join(words)
    borders = sorted({0, len(sent), *(cut for cut in cuts if cut < len(sent))})
    heard = list(talk.greeting)
    for number, (start, end) in enumerate(pairwise(borders)):
        if number == drains_at:
            talk.dialogue.drain()
        heard += talk.say(sent[start:end])

    assert all(_REPLY.fullmatch(line) for line in heard), heard
    assert [line for line in heard if "queued as" in line] == [a for a in said if "queued" in a]
    assert len(talk.mails) == len(said)
    for mail in talk.mails:
        assert mail.envelope.key is KEY
        assert 1 <= len(mail.envelope.recipients) <= 3
        assert len(mail.mail) <= 600
    if not is_local:
        logins = heard.count("235 2.7.0 Authentication successful")
        assert logins or not talk.mails
    assert GOOD not in "".join(heard)
    talk.dialogue.forget()
    assert budget.take(800), "nothing of the budget is lost"
