"""`mail-sender doctor`: what would keep mail from being sent, and what to do about it."""

from __future__ import annotations

import asyncio
import os
import socket
from datetime import timedelta
from pathlib import Path

import pytest

from mail_sender import app
from mail_sender.cli.doctor.accounts import (
    account_finding,
    clock_finding,
    event_findings,
    sender_finding,
)
from mail_sender.cli.doctor.command import sender_domains
from mail_sender.cli.doctor.finding import Finding, Level
from mail_sender.cli.doctor.machine import (
    LITTLE_SPACE,
    NO_SPACE,
    broker_finding,
    findings_of_machine,
    hostname_finding,
    look_at_broker,
    port_finding,
    space_finding,
)
from mail_sender.config import Source
from mail_sender.domain.message import Address
from mail_sender.providers.port import Check, CheckResult, Verification, VerificationStatus
from mail_sender.queue.jetstream import Broker, Found, servers_of
from tests.nats_server import NatsServer

from .conftest import Run
from .scripted import Says, ScriptedGateway

ANN = Address("ann@example.net")

CONFIGURED = """
[server]
listen = "127.0.0.1:0"

[sender]
hostname = "mail.example.com"
default_from = "Shop <shop@mail.example.com>"

[providers.first]
kind = "smtp"
host = "127.0.0.1"
port = {port}
tls = "none"
sender = "noreply@other.example.com"

[providers.second]
kind = "ses"
region = "eu-west-1"
access_key_id = "AKIAEXAMPLE"
secret_access_key = "hunter2"
endpoint_url = "http://127.0.0.1:{port}"

[routes.default]
providers = ["first", "second"]
"""


def check(result: CheckResult = CheckResult.WORKS, **fields: object) -> Check:
    return Check(
        **{"result": result, "detail": "it said so", "took": timedelta(seconds=1), **fields}  # type: ignore[arg-type]
    )


# ---------------------------------------------------------------- accounts


@pytest.mark.parametrize(
    ("found", "level"),
    [
        (check(), Level.OK),
        (check(quota_left=12), Level.OK),
        (check(quota_left=0), Level.PROBLEM),
        (check(CheckResult.REFUSED), Level.PROBLEM),
        (check(CheckResult.UNREACHABLE), Level.PROBLEM),
    ],
)
def test_an_account_is_judged_by_what_it_means_for_mail(found: Check, level: Level) -> None:
    """A used-up quota sends as little as a wrong key; every problem says what to do."""
    finding = account_finding("provider ses", found)

    assert finding.level is level
    assert "it said so" in finding.text
    assert bool(finding.advice) is (level is Level.PROBLEM)


def test_imitated_providers_may_be_off_while_no_gateway_runs() -> None:
    """Otherwise the newcomer's first doctor would report three broken providers."""
    finding = account_finding("provider ses", check(CheckResult.UNREACHABLE), is_demo=True)

    assert finding.level is Level.SKIPPED


@pytest.mark.parametrize(
    ("status", "level"),
    [
        (VerificationStatus.VERIFIED, Level.OK),
        (VerificationStatus.PENDING, Level.PROBLEM),
        (VerificationStatus.NOT_ASKED, Level.PROBLEM),
        (VerificationStatus.FAILED, Level.PROBLEM),
        (VerificationStatus.UNAVAILABLE, Level.SKIPPED),
    ],
)
def test_a_sender_that_is_not_verified_is_a_problem(
    status: VerificationStatus, level: Level
) -> None:
    """Every mail would be refused; not being able to ask proves nothing."""
    finding = sender_finding("provider ses", ANN, Verification(status, "says SES"))

    assert finding.level is level
    if level is Level.PROBLEM:
        assert f"mail-sender verify {ANN}" in finding.advice


@pytest.mark.parametrize(
    ("seconds", "level"),
    [
        ([], Level.SKIPPED),
        ([1], Level.OK),
        ([-20], Level.WARNING),
        ([61], Level.PROBLEM),
        ([-900], Level.PROBLEM),
        ([900, 2], Level.OK),
    ],
)
def test_the_clock_is_compared_with_the_closest_provider(seconds: list[int], level: Level) -> None:
    """SES refuses signatures 15 minutes off; a provider with a wrong clock is not our fault."""
    checks = [check(), *(check(clock_offset=timedelta(seconds=s)) for s in seconds)]

    assert clock_finding(checks).level is level


# ---------------------------------------------------------------- this machine


@pytest.mark.parametrize(
    ("free", "level"),
    [
        (NO_SPACE - 1, Level.PROBLEM),
        (LITTLE_SPACE - 1, Level.WARNING),
        (LITTLE_SPACE, Level.OK),
    ],
)
def test_little_room_for_the_store_is_told_early(free: int, level: Level) -> None:
    """On a full disk no mail is accepted."""
    assert space_finding(free, Path("/srv")).level is level


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("mail.example.com", Level.OK),
        ("localhost", Level.WARNING),
        ("box", Level.WARNING),
        ("box.local", Level.WARNING),
        ("localhost.localdomain", Level.WARNING),
    ],
)
def test_a_name_that_relays_may_refuse_is_a_warning(name: str, level: Level) -> None:
    """Many relays refuse an EHLO without a real name, and say it only at the first mail."""
    assert hostname_finding(name).level is level


def test_a_free_port_is_good() -> None:
    """Nothing has to be done."""
    assert port_finding("127.0.0.1:0").level is Level.OK


def test_a_port_that_another_program_has_is_a_problem() -> None:
    """`serve` would not start."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0)
        finding = port_finding(f"127.0.0.1:{other.getsockname()[1]}")

    assert finding.level is Level.PROBLEM
    assert "server.listen" in finding.advice


def test_a_port_that_our_own_gateway_has_is_good() -> None:
    """The doctor is called most often while the gateway runs."""
    with ScriptedGateway(Says(200, {"paths": {"/v1/messages": {}}})) as gateway:
        finding = port_finding(gateway.url.removeprefix("http://"))

    assert finding.level is Level.OK
    assert "serves" in finding.text


def test_a_web_server_on_our_port_is_no_gateway() -> None:
    """Something that answers HTTP is not yet ours."""
    with ScriptedGateway(Says(200, {"hello": "world"})) as gateway:
        finding = port_finding(gateway.url.removeprefix("http://"))

    assert finding.level is Level.PROBLEM


def about(findings: list[Finding], what: str) -> Finding:
    return next(finding for finding in findings if finding.about == what)


def machine(text: str) -> list[Finding]:
    Path("mail-sender.toml").write_text(text)
    return findings_of_machine(app.load_settings(Source(file=Path("mail-sender.toml"))))


def test_a_store_that_is_not_there_yet_is_not_made(place: Path) -> None:
    """Looking must change nothing: the doctor may be run by another user than the gateway."""
    finding = about(machine(CONFIGURED.format(port=1)), "store")

    assert finding.level is Level.OK
    assert "the first start makes it" in finding.text
    assert not (place / "var").exists()


def test_a_store_that_is_broken_is_a_problem(place: Path) -> None:
    """A damaged file is found before the restart that would need it."""
    (place / "var").mkdir()
    (place / "var" / "mail-sender.db").write_bytes(b"no database, but sixteen bytes and more" * 99)

    assert about(machine(CONFIGURED.format(port=1)), "store").level is Level.PROBLEM


def test_a_store_that_works_is_written_to(run: Run, place: Path) -> None:
    """Opening is not enough: a read-only disk opens."""
    run("migrate")

    finding = about(machine(CONFIGURED.format(port=1)), "store")
    assert finding.level is Level.OK
    assert "a durable write works" in finding.text


def test_a_store_in_memory_is_a_warning(place: Path) -> None:
    """It is for tests; in production every restart would lose mail."""
    text = CONFIGURED.format(port=1) + '[store]\nurl = "memory:"\n'

    assert about(machine(text), "store").level is Level.WARNING


def test_a_route_with_one_provider_is_a_warning(place: Path) -> None:
    """Failover was the reason to install this."""
    text = CONFIGURED.format(port=1) + '[routes.alone]\nproviders = ["first"]\n'

    finding = about(machine(text), "routes")
    assert finding.level is Level.WARNING
    assert "alone" in finding.text


# ---------------------------------------------------------------- the command


def test_every_sender_domain_is_looked_up(place: Path) -> None:
    """The default sender's, and that of each account with a sender of its own."""
    Path("mail-sender.toml").write_text(CONFIGURED.format(port=1))
    settings = app.load_settings(Source(file=Path("mail-sender.toml")))

    assert sender_domains(settings) == ["mail.example.com", "other.example.com"]


def test_a_provider_whose_events_cannot_be_believed_is_named(place: Path) -> None:
    """Without its key nobody learns of bounces and complaints, and nothing seems wrong."""
    (place / "mail-sender.toml").write_text(CONFIGURED.format(port=25))
    settings = app.load_settings(Source(file=place / "mail-sender.toml"))

    without = event_findings(settings, {})
    with_it = event_findings(settings, {"second"})

    assert [(f.about, f.level) for f in without] == [("events of second", Level.WARNING)]
    assert "providers.second.topic_arns" in (without[0].advice or "")
    assert [(f.level, f.text) for f in with_it] == [(Level.OK, "taken at /hooks/second")]


def test_an_unreachable_provider_is_a_problem_and_status_1(run: Run, place: Path) -> None:
    """Each provider is named; a script notices by the status."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        port = taken.getsockname()[1]
        (place / "mail-sender.toml").write_text(CONFIGURED.format(port=port))
        ended = run("doctor", "--json")

    levels = {finding["about"]: finding["level"] for finding in ended.document["findings"]}
    assert ended.status == 1
    assert ended.document["healthy"] is False
    assert levels["configuration"] == "ok"
    assert levels["provider first"] == levels["provider second"] == "problem"
    assert levels["dns mail.example.com"] == "not_checked", "a reserved domain has no DNS"


def test_a_configuration_that_cannot_be_used_is_the_only_finding(run: Run, place: Path) -> None:
    """Status 2, as for every command; nothing else can be looked at."""
    (place / "mail-sender.toml").write_text("[server]\nlisten = 5\n")

    ended = run("doctor", "--json")

    assert ended.status == 2
    (finding,) = ended.document["findings"]
    assert finding["level"] == "problem"
    assert "server.listen" in finding["text"]


def test_a_demo_that_does_not_run_has_no_problem(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Right after the clone, the doctor says what is missing and does not shout."""
    monkeypatch.setenv("MAIL_SENDER_SERVER_LISTEN", "127.0.0.1:0")

    ended = run("doctor")

    assert ended.status == 0, ended.out
    assert "no provider is configured" in ended.out
    assert not os.path.lexists("var")


def test_a_broker_that_is_away_is_a_warning_since_mail_goes_on_without_it(tmp_path: Path) -> None:
    """The gateway is healthy, only slower: a problem would stop a deployment for nothing."""
    server = NatsServer(tmp_path)
    server.start()
    broker = Broker(servers=servers_of(server.url), stream="MAIL_DOCTOR", replicas=3)
    try:
        there = asyncio.run(look_at_broker(broker))
    finally:
        server.kill()
    away = asyncio.run(look_at_broker(broker))
    assert (there.level, "MAIL_DOCTOR" in there.text) == (Level.OK, True)
    assert (away.level, "polling" in (away.advice or "")) == (Level.WARNING, True)


def test_an_old_broker_and_a_stream_with_other_copies_are_told() -> None:
    """What was made once stays as it is: nobody else would notice one copy instead of three."""
    broker = Broker(servers=(), stream="MAIL_DOCTOR", replicas=3)
    assert "2.15" in (broker_finding(broker, Found((2, 9), 3)).advice or "")
    assert "1 replicas" in broker_finding(broker, Found((2, 15), 1)).text
    assert broker_finding(broker, Found((2, 15), 3)).level is Level.OK
