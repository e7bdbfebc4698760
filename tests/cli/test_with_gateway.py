"""The commands against a gateway that runs: what a person does in the first ten minutes."""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.demo import Demo, running_demo
from tests.requirements import need

from .conftest import Ended, Run

MAIL = ("--from", "shop@example.com", "--to", "ann@example.net", "--subject", "Order 7")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Return a gateway that all tests of this file share, since starting takes a while."""
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture
def here(demo: Demo, run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return the command, called in the gateway's directory, with every provider healthy."""
    monkeypatch.chdir(demo.directory)
    for name in ("ses", "mailgun", "relay"):
        run("sandbox", "heal", name)
        run("providers", "resume", name)
    return run


def send(run: Run, *flags: str) -> Ended:
    return run("send", *MAIL, "--text", "Thank you", *flags)


def test_the_line_to_paste_works(demo: Demo) -> None:
    """The third line of `make run`: the first thing that anybody tries."""
    need(subprocess.call(["which", "curl"], stdout=subprocess.DEVNULL) == 0, "curl")
    line = demo.announced[2].removeprefix("try: ")

    ended = subprocess.run(
        ["bash", "-c", line], check=True, capture_output=True, text=True, timeout=60
    )

    assert json.loads(ended.stdout)["status"] in {"queued", "sending", "sent"}


def test_the_key_of_the_demo_is_readable_by_its_user_only(demo: Demo) -> None:
    """It may do everything."""
    local = demo.directory / "var" / "local.json"

    assert stat.S_IMODE(local.stat().st_mode) == 0o600


def test_a_mail_fails_over_and_its_attempts_say_why(here: Run) -> None:
    """The demo of the README."""
    here("sandbox", "fail", "ses", "down")

    sent = send(here, "--sync", "--json")

    assert sent.status == 0, sent.err
    assert sent.document["provider"] == "mailgun"
    shown = here("status", sent.document["id"])
    assert "sent through mailgun" in shown.out
    assert "connection refused" in shown.out
    inbox = here("sandbox", "inbox", "--json").document["mails"]
    assert inbox[0]["ms_id"] == sent.document["id"]


def test_a_mail_that_nobody_takes_is_not_sent(here: Run) -> None:
    """Every provider down: status 1, and the promise that nothing goes out later."""
    for name in ("ses", "mailgun", "relay"):
        here("sandbox", "fail", name, "down")

    ended = send(here, "--sync")

    assert ended.status == 1
    assert ended.out.startswith("not sent  msg_")
    assert ended.out.count("connection refused") == 3
    assert "nothing will be sent later" in ended.err


def test_a_mail_of_which_nobody_knows_says_so(here: Run) -> None:
    """The relay took it and the line broke: asking again would be the caller's decision."""
    for name in ("ses", "mailgun"):
        here("providers", "pause", name, "--reason", "to leave the relay alone")
    here("sandbox", "fail", "relay", "taken_then_cut", "--times", "1")

    ended = send(here, "--sync", "--timeout", "1")

    assert ended.status == 1
    assert ended.out.startswith("outcome unknown  msg_")
    assert "mail-sender status msg_" in ended.err
    waiting = here("queue", "show", "--status", "unknown", "--json").document
    assert waiting["queue"]["unknown"] >= 1


def test_the_same_idempotency_key_sends_once(here: Run) -> None:
    """A script that is started twice with the same key."""
    first = send(here, "--sync", "--json", "--idempotency-key", "order-7")
    second = send(here, "--sync", "--json", "--idempotency-key", "order-7")

    assert first.document["id"] == second.document["id"]
    mails = here("sandbox", "inbox", "--json").document["mails"]
    assert [m["ms_id"] for m in mails].count(first.document["id"]) == 1


def test_every_part_of_a_mail_arrives(here: Run, demo: Demo) -> None:
    """From the flags to the far side."""
    (demo.directory / "bill.pdf").write_bytes(b"%PDF-1.7")
    sent = here(
        "send", "--from", "Shop <shop@example.com>", "--to", "Änn <ann@example.net>",
        "--cc", "carl@example.net", "--bcc", "eve@example.net", "--reply-to", "help@example.com",
        "--subject", "Grüße", "--text", "Hallo", "--html", "<p>Hallo</p>", "--attach", "bill.pdf",
        "--header", "X-Campaign: spring", "--tag", "orders", "--metadata", "order=7",
        "--priority", "high", "--wait", "20", "--json",
    )  # fmt: skip

    assert sent.document["status"] == "sent", sent
    (mail, *_) = here("sandbox", "inbox", "--json").document["mails"]
    contents = here("sandbox", "inbox", mail["id"], "--json").document["contents"]
    assert set(mail["recipients"]) == {"ann@example.net", "carl@example.net", "eve@example.net"}
    assert contents["subject"] == "Grüße"
    assert (contents["text"].strip(), contents["html"].strip()) == ("Hallo", "<p>Hallo</p>")
    assert [f["filename"] for f in contents["attachments"]] == ["bill.pdf"]
    assert contents["reply_to"][0]["address"] == "help@example.com"
    assert {"name": "X-Campaign", "value": "spring"} in contents["headers"]


def test_a_scheduled_mail_waits_and_is_cancelled(here: Run) -> None:
    """Seen in the queue, withdrawn, and then too late for a second time."""
    at = datetime.now(UTC) + timedelta(days=10)
    sent = send(here, "--send-at", at.isoformat(), "--json").document
    assert sent["status"] == "scheduled"

    listed = here("queue", "show", "--status", "scheduled", "--json").document["data"]
    assert sent["id"] in [message["id"] for message in listed]
    assert here("queue", "cancel", sent["id"]).status == 0
    again = here("queue", "cancel", sent["id"])
    assert again.status == 1
    assert "it was cancelled" in again.out


def test_a_key_made_on_the_machine_works_at_once(here: Run, demo: Demo) -> None:
    """Made beside the server that runs, on the same store; then cut off."""
    made = here("keys", "create", "--name", "reader", "--scopes", "read", "--json").document
    flags = ("--url", demo.url, "--key", made["secret"])

    assert here("providers", "list", *flags).status == 0
    refused = here("send", *MAIL, "--text", "x", *flags)
    assert refused.status == 1
    assert "scope send" in refused.err

    assert here("keys", "revoke", made["id"]).status == 0


def test_keys_over_http_are_the_same_keys(here: Run, demo: Demo) -> None:
    """Both ways end in one store."""
    flags = ("--url", demo.url, "--key", demo.key)
    secret = here("keys", "create", "--name", "remote", "--test", *flags).out.strip()

    assert secret.startswith("ms_test_")
    local = here("keys", "list", "--json").document["data"]
    over_http = here("keys", "list", "--json", *flags).document["data"]
    assert {key["id"] for key in local} == {key["id"] for key in over_http}
    remote = next(key for key in over_http if key["name"] == "remote")
    assert here("keys", "revoke", remote["id"], *flags).status == 0


def test_both_ways_show_a_key_with_the_same_fields(here: Run, demo: Demo) -> None:
    """A script need not know how it asked."""
    (local, *_) = here("keys", "list", "--json").document["data"]
    flags = ("--url", demo.url, "--key", demo.key)
    (over_http, *_) = here("keys", "list", "--json", *flags).document["data"]

    assert set(local) == set(over_http)


def test_a_provider_is_tested_paused_and_resumed(here: Run) -> None:
    """The three things that an operator does with a provider at night."""
    assert here("providers", "test", "mailgun").status == 0
    here("sandbox", "fail", "mailgun", "auth")
    broken = here("providers", "test", "mailgun", "--json")
    assert (broken.status, broken.document["result"]) == (1, "refused")

    assert "paused" in here("providers", "pause", "ses", "--reason", "maintenance").out
    sent = send(here, "--sync", "--json")
    assert sent.document["provider"] == "relay"
    assert "maintenance" in here("status", sent.document["id"]).out
    assert "up" in here("providers", "resume", "ses").out


def test_an_address_is_verified(here: Run) -> None:
    """Asked for, confirmed by its owner, known as verified."""
    asked = here("verify", "bea@example.net")
    assert "pending" in asked.out
    assert here("verify", "bea@example.net", "--check").status == 1

    here("sandbox", "verify", "bea@example.net")

    assert here("verify", "bea@example.net", "--check").status == 0


def test_failed_mail_is_retried_by_filter(here: Run) -> None:
    """After the outage: everything that failed, in one command."""
    for name in ("ses", "mailgun", "relay"):
        here("sandbox", "fail", name, "down")
    failed = send(here, "--sync", "--json", "--tag", "outage")
    assert failed.document["code"] == "not_sent"
    for name in ("ses", "mailgun", "relay"):
        here("sandbox", "heal", name)
        here("providers", "resume", name)

    would = here("queue", "retry", "--tag", "outage", "--dry-run", "--json").document
    assert would["retried"] == [failed.document["id"]]
    done = here("queue", "retry", "--tag", "outage", "--json").document
    assert done["retried"] == [failed.document["id"]]


def test_the_doctor_looks_at_a_gateway_that_runs(here: Run) -> None:
    """Beside the server, on its store, without disturbing it."""
    ended = here("doctor", "--json")

    levels = {f["about"]: f["level"] for f in ended.document["findings"]}
    assert levels["store"] == "ok"


def test_a_second_gateway_on_the_same_store_does_not_start(here: Run) -> None:
    """Two of them would not know of each other's mail in memory."""
    ended = here("serve")

    assert ended.status != 0
    assert Path("var/mail-sender.db").exists()


def test_who_is_on_the_suppression_list_gets_no_mail(here: Run, demo: Demo) -> None:
    """The whole way, over a real store: by hand, by a file, and back again."""
    here("suppressions", "add", "Cid@example.net", "--reason", "complaint")

    alone = here(
        "send", "--from", "shop@example.com", "--to", "cid@example.net", "--subject", "Order 8",
        "--text", "Thank you", "--sync",
    )  # fmt: skip
    both = send(here, "--to", "cid@example.net", "--sync", "--json")
    exported = here("suppressions", "export", "--address", "cid@")
    removed = here("suppressions", "remove", "cid@example.net")
    imported = here("suppressions", "import", stdin=exported.out.encode())
    listed = here("suppressions", "list", "--json").document["data"]
    here("suppressions", "remove", "cid@example.net")

    assert alone.status == 1
    assert "on the suppression list: complaint" in alone.out
    assert "outcome" not in alone.out, "there is no table of attempts that were not made"
    assert both.status == 0
    assert [r["status"] for r in both.document["recipients"]] == ["sent", "suppressed"]
    assert "complaint,key:" in exported.out
    assert (removed.status, imported.status) == (0, 0)
    assert imported.out == "1 added, 0 changed, 0 known, 0 bad\n"
    assert [(e["address"], e["reason"]) for e in listed] == [("Cid@example.net", "complaint")]
