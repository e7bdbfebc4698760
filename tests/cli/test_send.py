"""`mail-sender send`: what goes over the wire, what is said, and the exit status."""

from __future__ import annotations

import base64
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from .conftest import Run
from .scripted import Cuts, Says, ScriptedGateway

ID = "msg_01JZX3M8Q0V5W6Y7Z8A9B0C1D2"
MAIL = ("send", "--to", "ann@example.net", "--subject", "Order 7", "--text", "Thank you")
ATTEMPT = {
    "number": 1, "provider": "ses", "started_at": "2030-01-01T12:00:00Z", "duration_ms": 81.0,
    "outcome": "deferred", "blame": "provider", "code": 503, "enhanced_code": None,
    "detail": "Service Unavailable",
}  # fmt: skip


def message(status: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"id": ID, "status": status, "provider": None, "attempts": [], **fields}


def problem(status: int, code: str, **members: Any) -> Says:  # noqa: ANN401
    document = {"type": "about:blank", "title": code, "status": status, "code": code, **members}
    return Says(status, document, {"Content-Type": "application/problem+json"})


def flags(gateway: ScriptedGateway) -> tuple[str, ...]:
    return ("--url", gateway.url, "--key", "ms_live_k")


# ---------------------------------------------------------------- the request


def test_every_flag_becomes_its_field(run: Run, place: Path) -> None:
    """Scripts rely on the names of the flags as programs do on those of the fields."""
    (place / "bill.pdf").write_bytes(b"%PDF")
    with ScriptedGateway(Says(202, message("scheduled"))) as gateway:
        ended = run(
            "send", "--to", "a@example.net", "--to", "Bea <b@example.net>", "--cc", "c@example.net",
            "--bcc", "d@example.net", "--from", "Shop <shop@example.com>",
            "--reply-to", "help@example.com", "--subject", "Order 7", "--text", "Thanks",
            "--html", "<p>Thanks</p>", "--attach", "bill.pdf", "--header", "X-Campaign: spring: 1",
            "--tag", "orders", "--metadata", "order=7=seven", "--send-at", "2031-01-01T00:00:00Z",
            "--give-up-after", "600", "--priority", "high", "--route", "codes",
            "--on-unknown", "risk_duplicate", "--idempotency-key", "order-7",
            "--unsubscribe", *flags(gateway),
        )  # fmt: skip

    (asked,) = gateway.asked
    assert ended.status == 0, ended.err
    assert (asked.method, asked.path) == ("POST", "/v1/messages")
    assert asked.headers["authorization"] == "Bearer ms_live_k"
    assert asked.headers["idempotency-key"] == "order-7"
    assert asked.body == {
        "from": "Shop <shop@example.com>",
        "to": ["a@example.net", "Bea <b@example.net>"],
        "cc": ["c@example.net"],
        "bcc": ["d@example.net"],
        "reply_to": ["help@example.com"],
        "subject": "Order 7",
        "text": "Thanks",
        "html": "<p>Thanks</p>",
        "attachments": [
            {
                "filename": "bill.pdf",
                "content_type": "application/pdf",
                "content": base64.b64encode(b"%PDF").decode(),
            }
        ],
        "headers": {"X-Campaign": "spring: 1"},
        "tags": ["orders"],
        "metadata": {"order": "7=seven"},
        "send_at": "2031-01-01T00:00:00Z",
        "give_up_after": 600,
        "priority": "high",
        "route": "codes",
        "on_unknown": "risk_duplicate",
        "unsubscribe": True,
    }


def test_what_was_not_given_is_not_sent(run: Run) -> None:
    """The gateway's defaults stand: a null would be another request, and unknown to old servers."""
    with ScriptedGateway(Says(202, message("queued"))) as gateway:
        run(*MAIL, *flags(gateway))

    assert gateway.asked[0].body == {
        "to": ["ann@example.net"],
        "subject": "Order 7",
        "text": "Thank you",
    }


def test_the_text_is_read_from_standard_input(run: Run) -> None:
    """`report | mail-sender send --text -` as with mail(1)."""
    with ScriptedGateway(Says(202, message("queued"))) as gateway:
        run("send", "--to", "a@example.net", "--text", "-", *flags(gateway), stdin="Grüße".encode())

    assert gateway.asked[0].body["text"] == "Grüße"


def test_a_text_may_begin_with_a_hyphen(run: Run) -> None:
    """A list of items, or -50 %, is a text and no flag."""
    with ScriptedGateway(Says(202, message("queued"))) as gateway:
        run(*MAIL[:-4], "--subject", "-50 % today", "--text", "- one\n- two", *flags(gateway))

    assert gateway.asked[0].body["subject"] == "-50 % today"
    assert gateway.asked[0].body["text"] == "- one\n- two"


def test_two_sends_have_two_idempotency_keys(run: Run) -> None:
    """A key that is made up must never make the second mail a repetition of the first."""
    with ScriptedGateway(Says(202, message("queued"))) as gateway:
        run(*MAIL, *flags(gateway))
        run(*MAIL, *flags(gateway))

    first, second = (asked.headers["idempotency-key"] for asked in gateway.asked)
    assert first != second


def test_a_compressed_file_is_attached_as_bytes(run: Run, place: Path) -> None:
    """`backup.tar.gz` is not a tar file, whatever the guess about its inside."""
    (place / "backup.tar.gz").write_bytes(b"\x1f\x8b")
    with ScriptedGateway(Says(202, message("queued"))) as gateway:
        run(*MAIL, "--attach", "backup.tar.gz", *flags(gateway))

    assert gateway.asked[0].body["attachments"][0]["content_type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (("--text", "x"), "no recipient"),
        (("--to", "a@example.net"), "the mail has no text"),
        (("--to", "a@example.net", "--text", "-", "--html", "-"), "only one of"),
        (("--to", "a@example.net", "--text", "x", "--attach", "none.pdf"), "cannot read none.pdf"),
        (("--to", "a@example.net", "--text", "x", "--header", "X-A"), "expected Name: value"),
        (("--to", "a@example.net", "--text", "x", "--metadata", "a"), "expected key=value"),
        (("--to", "a@example.net", "--text", "x", "--sync", "--wait", "3"), "--sync"),
        (("--to", "a@example.net", "--text", "x", "--timeout", "3"), "--timeout belongs to --sync"),
        (("--to", "a@example.net", "--text", "x", "--priority", "urgent"), "urgent"),
    ],
)
def test_a_command_line_that_makes_no_sense_asks_nobody(
    run: Run, tokens: tuple[str, ...], said: str
) -> None:
    """Wrong usage is exit status 2, in words, before anything leaves the machine."""
    with ScriptedGateway(Says(202, message("queued"))) as gateway:
        ended = run("send", *tokens, *flags(gateway))

    assert ended.status == 2
    assert said in ended.err
    assert gateway.asked == []


# ---------------------------------------------------------------- asynchronous answers


def test_an_accepted_mail_says_how_to_ask_for_it(run: Run) -> None:
    """The id is the token; whoever sends asynchronously has to learn what to do with it."""
    with ScriptedGateway(Says(202, message("queued"))) as gateway:
        ended = run(*MAIL, *flags(gateway))

    assert ended.status == 0
    assert ended.out == f"queued  {ID}\n"
    assert f"mail-sender status {ID}" in ended.err


def test_waiting_asks_the_gateway_to_wait(run: Run) -> None:
    """RFC 7240: the gateway holds the answer, so nobody polls."""
    with ScriptedGateway(Says(200, message("sent", provider="ses"))) as gateway:
        ended = run(*MAIL, "--wait", "5", *flags(gateway))

    assert gateway.asked[0].headers["prefer"] == "wait=5"
    assert ended.status == 0
    assert ended.out == f"sent through ses  {ID}\n"


def test_a_mail_that_failed_while_waiting_is_status_1(run: Run) -> None:
    """A script must notice, and the person reads who refused it."""
    failed = message("failed", attempts=[{**ATTEMPT, "outcome": "refused", "detail": "No such"}])
    with ScriptedGateway(Says(200, failed)) as gateway:
        ended = run(*MAIL, "--wait", "5", *flags(gateway))

    assert ended.status == 1
    assert "No such" in ended.out


# ---------------------------------------------------------------- synchronous answers


def test_a_sync_mail_that_was_sent_names_the_provider(run: Run) -> None:
    """Status 0 may be relied on: a provider took it."""
    with ScriptedGateway(Says(200, message("sent", provider="ses"))) as gateway:
        ended = run(*MAIL, "--sync", "--timeout", "9", *flags(gateway))

    assert gateway.asked[0].body["mode"] == "sync"
    assert gateway.asked[0].body["timeout"] == 9
    assert ended.status == 0
    assert ended.out == f"sent through ses  {ID}\n"


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (422, "message_refused", "no provider takes this message"),
        (503, "not_sent", "nothing will be sent later"),
        (504, "outcome_unknown", f"the gateway goes on finding out: mail-sender status {ID}"),
    ],
)  # fmt: skip
def test_a_sync_mail_that_was_not_sent_is_status_1_and_says_what_it_means(
    run: Run, status: int, code: str, words: str
) -> None:
    """The three ways of not being sent ask for three different next steps."""
    answer = problem(status, code, id=ID, attempts=[ATTEMPT])
    with ScriptedGateway(answer) as gateway:
        ended = run(*MAIL, "--sync", *flags(gateway))

    assert ended.status == 1
    assert len(gateway.asked) == 1, "a sync answer is final and must not be repeated"
    assert ID in ended.out
    assert "Service Unavailable" in ended.out
    assert words in ended.err


def test_json_is_the_gateways_document_and_nothing_else(run: Run) -> None:
    """Programs read standard output; the exit status still tells."""
    answer = problem(503, "not_sent", id=ID, attempts=[ATTEMPT])
    with ScriptedGateway(answer) as gateway:
        ended = run(*MAIL, "--sync", "--json", *flags(gateway))

    assert ended.status == 1
    assert ended.document == answer.document


# ---------------------------------------------------------------- refusals


def test_faults_of_the_mail_are_listed_with_their_places(run: Run) -> None:
    """All at once, so that the command is corrected once."""
    errors = [
        {"pointer": "/to/0", "detail": "the domain is missing"},
        {"pointer": "/tags/1", "detail": "a tag is 1 to 64 of A-Z a-z 0-9 _ -"},
    ]
    answer = problem(422, "invalid_message", detail="The message is not valid.", errors=errors)
    with ScriptedGateway(answer) as gateway:
        ended = run(*MAIL, *flags(gateway))

    assert ended.status == 2
    assert "/to/0: the domain is missing" in ended.err
    assert "/tags/1: a tag is" in ended.err


@pytest.mark.parametrize(
    ("answer", "status", "advice"),
    [
        (problem(401, "unauthorized", detail="No such key."), 2, "mail-sender keys create"),
        (problem(403, "scope_missing", detail="This API key lacks the scope send."), 1, "scope"),
        (Says(429, {"code": "rate_limited", "detail": "Slow down."}, {"Retry-After": "7"}), 1,
         "Try again in 7 seconds"),
        (Says(503, {"code": "queue_full", "detail": "Full."}, {"Retry-After": "30"}), 1,
         "Try again in 30 seconds"),
        (Says(502, b"<html>Bad Gateway</html>"), 1, "proxy"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_to_do(run: Run, answer: Says, status: int, advice: str) -> None:
    """Each refusal has its own way out."""
    with ScriptedGateway(answer) as gateway:
        ended = run(*MAIL, "--deadline", "1", *flags(gateway))

    assert ended.status == status
    assert advice in ended.err
    assert ended.out == ""


def test_a_failure_with_json_is_one_document_too(run: Run) -> None:
    """A program that reads --json need not read standard error."""
    answer = problem(403, "scope_missing", detail="This API key lacks the scope send.")
    with ScriptedGateway(answer) as gateway:
        ended = run(*MAIL, "--json", *flags(gateway))

    assert ended.document["error"]["code"] == "scope_missing"
    assert ended.document["error"]["answer"] == answer.document


def test_the_key_stands_in_no_message(run: Run) -> None:
    """A key with a line end, as from a file, is refused without being shown."""
    with ScriptedGateway(Says(202, message("queued"))) as gateway:
        ended = run(*MAIL, "--url", gateway.url, "--key", "ms_live_\nsecret")

    assert ended.status == 2
    assert "secret" not in ended.err + ended.out
    assert gateway.asked == []


def test_words_from_afar_cannot_steer_the_terminal(run: Run) -> None:
    """A provider's answer with escape sequences is shown, not obeyed."""
    evil = {**ATTEMPT, "detail": "\x1b]0;owned\x07 [red]no markup"}
    with ScriptedGateway(problem(503, "not_sent", id=ID, attempts=[evil])) as gateway:
        ended = run(*MAIL, "--sync", *flags(gateway))

    assert "\x1b" not in ended.out
    assert "\\x1b]0;owned\\x07 [red]no markup" in ended.out


# ---------------------------------------------------------------- broken lines


def test_a_broken_line_is_repeated_with_the_same_key(run: Run) -> None:
    """The first request may have been accepted: only the same key makes repeating safe."""
    with ScriptedGateway(Cuts(), Cuts(), Says(202, message("queued"))) as gateway:
        ended = run(*MAIL, *flags(gateway))

    assert ended.out == f"queued  {ID}\n"
    assert len(gateway.asked) == 3
    assert len({asked.headers["idempotency-key"] for asked in gateway.asked}) == 1
    assert gateway.asked[0].body == gateway.asked[2].body, "another one would be a mismatch"


def test_a_gateway_that_is_not_there_is_asked_again_and_then_given_up(run: Run) -> None:
    """A restart of the gateway takes a moment; a person does not wait for longer."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        begun = time.monotonic()
        ended = run(*MAIL, "--url", url, "--key", "k", "--deadline", "0.6")

    assert 0.3 < time.monotonic() - begun < 3
    assert ended.status == 1
    assert "cannot be reached: connection refused" in ended.err
    assert "mail-sender serve" in ended.err


def test_after_the_last_broken_line_the_key_is_told(run: Run) -> None:
    """The gateway may have the mail; with the key the caller can find out safely."""
    with ScriptedGateway(Cuts()) as gateway:
        ended = run(*MAIL, "--idempotency-key", "cli-1", "--deadline", "0.6", *flags(gateway))

    assert ended.status == 1
    assert "did not answer" in ended.err
    assert "--idempotency-key cli-1" in ended.err
    assert len(gateway.asked) > 1


def test_a_first_request_that_still_runs_is_waited_for(run: Run) -> None:
    """After a cut the first one may be under way: 409 answers nothing yet."""
    running = problem(409, "idempotency_in_progress")
    with ScriptedGateway(Cuts(), running, Says(200, message("sent"))) as gateway:
        ended = run(*MAIL, "--sync", *flags(gateway))

    assert ended.out == f"sent  {ID}\n"


def test_a_gateway_that_stops_is_asked_again_when_it_says_so(run: Run) -> None:
    """`Retry-After` of a restart is a second or two: a script need not notice."""
    stopping = problem(503, "draining")
    stopping = Says(503, stopping.document, {**stopping.headers, "Retry-After": "1"})
    with ScriptedGateway(stopping, Says(202, message("queued"))) as gateway:
        ended = run(*MAIL, *flags(gateway))

    assert ended.status == 0
    assert len(gateway.asked) == 2


def test_a_deadline_that_makes_no_sense_is_wrong_usage(run: Run) -> None:
    """As any other flag."""
    assert run(*MAIL, "--url", "http://127.0.0.1:1", "--key", "k", "--deadline", "-1").status == 2
