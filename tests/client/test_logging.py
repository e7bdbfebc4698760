"""Log records by mail, and a program that never notices it."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from mail_sender.client.logging import MAX_RECORDS, Allowance, MailHandler

from .listeners import Asked, Listener, listening, says, until

ACCEPTED = says(202, b'{"id":"msg_1","status":"queued"}')


@pytest.fixture
def gateway() -> Iterator[Listener]:
    """Return a gateway that takes everything."""
    listener = Listener(host="127.0.0.1", script=[ACCEPTED])
    with listening(listener):
        yield listener


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """Return a logger of its own, whose handlers are closed at the end."""
    made = logging.Logger("shop")  # noqa: LOG001 - not in the tree of all loggers
    yield made
    for handler in made.handlers:
        handler.close()


def handler(gateway: Listener, **given: Any) -> MailHandler:  # noqa: ANN401
    settings = {"sender": "shop@example.com", "to": "ops@example.com", "gather": 0.1, **given}
    return MailHandler(f"http://127.0.0.1:{gateway.port}", "k", **settings)


def mails(gateway: Listener) -> list[dict[str, Any]]:
    return [json.loads(asked.body) for asked in gateway.asked]


def test_an_error_comes_with_its_traceback(gateway: Listener, logger: logging.Logger) -> None:
    """All that a person needs to begin."""
    logger.addHandler(handler(gateway, subject="shop"))
    try:
        raise KeyError("order 7")  # noqa: TRY301
    except KeyError:
        logger.exception("paying %s failed\nmore", "order 7")
    logger.handlers[0].flush()

    (mail,) = mails(gateway)
    assert mail["from"] == "shop@example.com"
    assert mail["to"] == ["ops@example.com"]
    assert mail["subject"] == "shop: ERROR paying order 7 failed"
    assert "KeyError: 'order 7'" in mail["text"]
    assert gateway.asked[0].headers["authorization"] == "Bearer k"


def test_what_is_less_than_the_level_stays_here(gateway: Listener, logger: logging.Logger) -> None:
    """By default only errors are worth a mail."""
    logger.addHandler(handler(gateway))
    logger.warning("w")
    logger.error("e")
    logger.handlers[0].flush()

    assert [mail["text"] for mail in mails(gateway)] == ["e"]


def test_records_of_one_moment_are_one_mail(gateway: Listener, logger: logging.Logger) -> None:
    """One fault is often ten lines."""
    logger.addHandler(handler(gateway, subject="shop", gather=0.3))
    for n in range(10):
        logger.error("line %d", n)
    until(lambda: len(gateway.asked) == 1)

    (mail,) = mails(gateway)
    assert mail["subject"] == "shop: ERROR line 0 (and 9 more)"
    assert mail["text"].split("\n\n") == [f"line {n}" for n in range(10)]


def test_a_flood_is_a_few_mails_that_count_the_rest(
    gateway: Listener, logger: logging.Logger
) -> None:
    """A loop that fails a thousand times a second must not fill a mailbox, nor be hidden."""
    logger.addHandler(handler(gateway, mails_an_hour=2, max_waiting=100_000, gather=0.01))
    for n in range(MAX_RECORDS * 5):
        logger.error("line %d", n)
    logger.handlers[0].flush()
    assert len(mails(gateway)) == 2
    said = sum(len(mail["text"].split("\n\n")) for mail in mails(gateway))
    assert said <= 2 * MAX_RECORDS

    mailer = logger.handlers[0]
    assert isinstance(mailer, MailHandler)
    mailer._allowance = Allowance(10, time.monotonic())  # an hour later
    logger.error("the last")
    mailer.flush()
    text = mails(gateway)[-1]["text"]
    assert text.endswith(f"the last\n\n{MAX_RECORDS * 5 - said} more suppressed")


def test_the_count_is_told_even_when_nothing_more_happens(
    gateway: Listener, logger: logging.Logger
) -> None:
    """Otherwise the flood's end would never be known."""
    logger.addHandler(handler(gateway, mails_an_hour=36_000, max_waiting=3, gather=0.05))
    gateway.answer = None
    block, go = threading.Event(), threading.Event()

    def slow(_: Asked) -> bytes:
        block.set()
        go.wait(5)
        return ACCEPTED

    gateway.answer = slow
    logger.error("first")
    assert block.wait(5)
    for n in range(10):
        logger.error("line %d", n)
    go.set()
    until(lambda: "7 more suppressed" in " ".join(mail["text"] for mail in mails(gateway)))


def test_a_log_call_never_waits_for_the_gateway(logger: logging.Logger) -> None:
    """A gateway that hangs must not hang the program."""
    silent = Listener(host="127.0.0.1", answer=lambda _: time.sleep(1.5) or ACCEPTED)  # type: ignore[func-returns-value]
    with listening(silent):
        mailer = handler(silent, max_waiting=50, flush_within=0.2)
        logger.addHandler(mailer)
        begun = time.monotonic()
        for n in range(5000):
            logger.error("line %d", n)
        assert time.monotonic() - begun < 2
        begun = time.monotonic()
        mailer.flush()
        assert time.monotonic() - begun < 0.5


def test_nothing_is_raised_into_the_program(
    gateway: Listener, logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not by a refusal, not by a record that cannot be formatted; and the next one goes again."""
    gateway.script = [says(422, b'{"code":"invalid_message"}'), ACCEPTED]
    mailer = handler(gateway)
    logger.addHandler(mailer)
    logger.error("refused")
    mailer.flush()
    logger.error("%d", "not a number")
    logger.error("next")
    mailer.flush()

    assert mails(gateway)[1]["text"] == "next\n\n1 more suppressed"
    assert "not a number" in capsys.readouterr().err, "as logging tells of such mistakes"


def test_words_that_no_mail_may_have_are_made_harmless(
    gateway: Listener, logger: logging.Logger
) -> None:
    """Logs hold what attackers send; a subject has one line and no controls."""
    logger.addHandler(handler(gateway, subject="s\n\u2028hop"))
    logger.error("a\x1b[31m\0\tb %s", "x" * 500)
    logger.handlers[0].flush()

    (mail,) = mails(gateway)
    assert mail["subject"].startswith("s hop: ERROR a[31m b x")
    assert len(mail["subject"]) <= 150
    assert "\0" not in mail["text"]


_PROGRAM = """
import logging, sys
from mail_sender.client.logging import MailHandler
logging.getLogger().addHandler(
    MailHandler(sys.argv[1], "k", to="ops@example.com", subject="", gather=60)
)
logging.error("the last words")
"""


def test_the_last_words_of_a_program_are_sent(gateway: Listener) -> None:
    """It ends right after its error; the mail goes all the same."""
    url = f"http://127.0.0.1:{gateway.port}"
    subprocess.run([sys.executable, "-c", _PROGRAM, url], check=True, timeout=30)

    assert [mail["text"] for mail in mails(gateway)] == ["the last words"]
    assert "from" not in mails(gateway)[0]


def test_after_a_fork_each_process_sends_its_own(gateway: Listener) -> None:
    """Workers of web servers; the parent's record must not come twice."""
    logger = logging.Logger("forks")  # noqa: LOG001
    mailer = handler(gateway, gather=0.5)
    logger.addHandler(mailer)
    logger.error("of the parent")
    child = os.fork()
    if child == 0:
        logger.error("of the child")
        mailer.flush()
        os._exit(0)
    os.waitpid(child, 0)
    mailer.close()

    assert sorted(mail["text"] for mail in mails(gateway)) == ["of the child", "of the parent"]


def test_an_allowance_grows_back() -> None:
    """So many an hour, and as many at once."""
    allowance = Allowance(2, now=0.0)

    assert [allowance.take(0.0) for _ in range(3)] == [True, True, False]
    assert allowance.wait(0.0) == 1800
    assert not allowance.take(1799)
    assert allowance.take(1800)
    assert [allowance.take(1e6) for _ in range(3)] == [True, True, False]
