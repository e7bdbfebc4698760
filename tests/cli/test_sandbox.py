"""`mail-sender sandbox`: the fault switches and the inbox, against a sandbox that runs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import smtplib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mail_sender.clock import SystemClock
from mail_sender.sandbox.contents import Contents
from mail_sender.sandbox.server import Sandbox, SandboxSettings

from .conftest import Ended, Run


class Running:
    """A sandbox on a loop of its own, so that commands can be run beside it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.sandbox = Sandbox(SandboxSettings(), SystemClock())
        asyncio.run_coroutine_threadsafe(self.sandbox.start(), self._loop).result(10)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.sandbox.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture
def running(place: Path) -> Iterator[Sandbox]:
    """Return a sandbox that the commands of this directory find."""
    beside = Running()
    (place / "var").mkdir()
    (place / "var" / "local.json").write_text(json.dumps({"sandbox": beside.sandbox.http_url}))
    yield beside.sandbox
    beside.stop()


def hand_in(sandbox: Sandbox, subject: str) -> None:
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port) as client:
        mail = (
            f"From: shop@example.com\r\nTo: ann@example.net\r\nSubject: {subject}\r\n\r\nHello.\r\n"
        )
        client.sendmail("shop@example.com", ["ann@example.net"], mail)


def faults_of(ended: Ended) -> list[dict[str, object]]:
    found: list[dict[str, object]] = ended.document["faults"]
    return found


def test_a_provider_is_taken_down_and_healed(run: Run, running: Sandbox) -> None:
    """The failover demo of the README."""
    failed = run("sandbox", "fail", "ses", "down", "--json")
    assert faults_of(failed) == [{"fault": "down"}]
    assert "down" in run("sandbox", "faults").out

    healed = run("sandbox", "heal", "ses", "--json")
    assert faults_of(healed) == []


def test_the_flags_of_a_fault_reach_it(run: Run, running: Sandbox) -> None:
    """Each fault has its own measures."""
    slow = run("sandbox", "fail", "mailgun", "slow", "--seconds", "1.5", "--times", "2", "--json")
    limited = run(
        "sandbox", "fail", "ses", "rate_limited", "--retry-after", "9", "--probability", "0.5",
        "--seed", "7", "--json",
    )  # fmt: skip
    picky = run("sandbox", "fail", "relay", "refuse_recipient", "--address", "b@x.org", "--json")
    cut = run("sandbox", "fail", "relay", "taken-then-cut", "--reset", "--json")

    assert (faults_of(slow)[0]["seconds"], faults_of(slow)[0]["times"]) == (1.5, 2)
    assert faults_of(limited)[0]["retry_after"] == 9
    assert faults_of(limited)[0]["probability"] == 0.5
    assert faults_of(limited)[0]["seed"] == 7
    assert faults_of(picky)[0]["recipient"] == "b@x.org"
    assert faults_of(cut)[0] == {
        "fault": "taken_then_cut", "reset": True, "times": None, "probability": 1.0, "seed": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (("nobody", "down"), "nobody"),
        (("ses", "tired"), "tired"),
        (("ses", "down", "--seconds", "3"), "seconds"),
        (("relay", "bad_gateway"), "bad_gateway"),
    ],
)
def test_a_fault_that_cannot_be_is_told(
    run: Run, running: Sandbox, tokens: tuple[str, ...], said: str
) -> None:
    """A demo that silently does nothing is worse than none."""
    ended = run("sandbox", "fail", *tokens)

    assert ended.status != 0
    assert said in ended.err


def test_every_fault_that_can_be_set_is_listed(run: Run, running: Sandbox) -> None:
    """Nobody should have to read the source to break a provider."""
    known = run("sandbox", "faults", "--json").document["known"]

    assert known["down"].startswith("Connections are refused")
    assert "taken_then_cut" in run("sandbox", "faults").out
    for fault in known:
        ended = run("sandbox", "fail", "ses" if fault != "events_lag" else "mailgun", fault)
        assert ended.status == 0, ended.err


def test_the_inbox_lists_and_shows_mail(run: Run, running: Sandbox) -> None:
    """What arrived, as a person reads it."""
    hand_in(running, "Order 7")
    hand_in(running, "Order 8")

    listed = run("sandbox", "inbox", "--json").document["mails"]
    assert [mail["subject"] for mail in listed] == ["Order 8", "Order 7"]
    assert "Order 7" in run("sandbox", "inbox").out
    shown = run("sandbox", "inbox", listed[0]["id"]).out
    assert "subject:  Order 8" in shown
    assert shown.endswith("Hello.\n\n")


def test_a_mail_that_is_not_there_is_told(run: Run, running: Sandbox) -> None:
    """Status 1, in words."""
    ended = run("sandbox", "inbox", "mail-77")

    assert ended.status == 1
    assert "mail-77" in ended.err


def test_an_address_is_verified_as_by_its_owner(run: Run, running: Sandbox) -> None:
    """The other half of `mail-sender verify`, which nobody can click here."""
    assert run("sandbox", "verify", "ann@example.net").status == 1

    running.identities.add("ses", "ann@example.net", SystemClock().now())

    ended = run("sandbox", "verify", "ann@example.net")
    assert (ended.status, ended.out) == (0, "verified  ann@example.net at ses\n")


def test_without_a_sandbox_the_command_says_so(run: Run) -> None:
    """Status 1, and how to have one."""
    ended = run("sandbox", "faults", "--control", "http://127.0.0.1:1")

    assert ended.status == 1
    assert "http://127.0.0.1:1 cannot be reached" in ended.err


def test_a_sandbox_runs_alone_until_it_is_stopped(place: Path) -> None:
    """For tests of other programs, which want imitated providers and no gateway."""
    (place / "mail-sender.toml").write_text(
        "[sandbox]\ncontrol_port = 0\nses_port = 0\nmailgun_port = 0\nsmtp_port = 0\n"
        'further = ["postmark", "resend:0"]\n'
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "mail_sender", "sandbox", "--json"],
        stdout=subprocess.PIPE, text=True, cwd=place, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    with process.stdout as lines:
        text = "".join(iter(lines.readline, "}\n"))
        document = json.loads(text + "}")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0

    assert set(document["urls"]) == {"ses", "mailgun", "relay", "postmark", "resend"}
    assert document["control"].startswith("http://127.0.0.1:")


def test_an_event_is_told_to_a_gateway(run: Run, running: Sandbox) -> None:
    """What it answered is shown, and a no is a failure."""
    running.inbox.put(
        provider="mailgun",
        mail_from="shop@example.com",
        recipients=("ann@example.net",),
        subject="Order 7",
        read=Contents,
    )

    nobody = run("sandbox", "event", "mail-1", "delivered", "--to", "http://127.0.0.1:1")
    refused = run("sandbox", "event", "mail-1", "delivered", "--to", running.http_url)
    missing = run("sandbox", "event", "mail-9", "delivered", "--to", running.http_url)
    wrong = run("sandbox", "event", "mail-1", "exploded", "--to", running.http_url)

    assert (nobody.status, "connection refused" in nobody.out) == (1, True)
    assert (refused.status, "404" in refused.out) == (1, True)
    assert (missing.status, wrong.status) == (1, 2)
