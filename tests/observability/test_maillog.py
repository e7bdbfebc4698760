"""One line for each mail event, for machines and without secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import structlog

from mail_sender.domain.attempt import OutcomeKind
from mail_sender.observability import maillog
from tests.make import make_attempt, make_content, make_message


@pytest.fixture(autouse=True)
def plain_log() -> Iterator[None]:
    """Leave the log as it was."""
    yield
    structlog.reset_defaults()
    maillog.configure(format_="json", level="info", mask_addresses=False)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """Return what was logged."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_has_ids_and_no_content(capsys: pytest.CaptureFixture[str]) -> None:
    """Logs go to places where mail must not go."""
    maillog.configure(format_="json", level="info", mask_addresses=True)
    message = make_message(content=make_content(subject="secret plan", text="very private"))
    maillog.accepted(message)
    maillog.attempt(message, make_attempt(detail="250 ok"))
    first, second = lines(capsys)
    assert first["event"] == "accepted"
    assert first["message_id"] == second["message_id"] == message.id
    assert first["sender"] == "s***@example.com"
    assert "secret plan" not in str(first)
    assert "private" not in str(first)
    assert second["duration_ms"] == 80.0


def test_a_hidden_fault_is_one_warning_that_names_both_providers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whoever greps for `failover` learns which account to look at, and why."""
    maillog.configure(format_="json", level="warning", mask_addresses=True)
    fault = make_attempt(provider="ses", outcome=OutcomeKind.DEFERRED, code=503, detail="down")
    maillog.failover(make_message(), fault, make_attempt(provider="mailgun"))
    (line,) = lines(capsys)
    assert (line["event"], line["provider"], line["taken_by"]) == ("failover", "ses", "mailgun")
    assert (line["code"], line["detail"]) == (503, "down")


def test_a_bug_is_logged_with_its_trace_and_stops_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The trace belongs into the log, and only there."""
    maillog.configure(format_="json", level="info", mask_addresses=False)
    maillog.bug("worker", RuntimeError("broken"), message_id="msg_1")
    (line,) = lines(capsys)
    assert line["level"] == "error"
    assert "RuntimeError: broken" in str(line["exception"])


def test_a_level_silences_what_lies_below(capsys: pytest.CaptureFixture[str]) -> None:
    """At a thousand mails a second an operator may want warnings only."""
    maillog.configure(format_="json", level="warning", mask_addresses=False)
    maillog.accepted(make_message())
    maillog.provider_state("ses", "open", "connection refused")
    assert [line["event"] for line in lines(capsys)] == ["provider"]
