"""Every library while the first provider dies: it notices nothing, and each mail arrives once."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from .clients import CLIENTS
from .meant import MEANT
from .node import ask_node
from .running import Gateway, running_gateway

MAILS = 12


@pytest.mark.parametrize("fault", ["down", "error_before"])
def test_no_mail_is_lost_or_doubled_while_a_provider_dies(tmp_path: Path, fault: str) -> None:
    """The reason for the gateway, seen by programs that know nothing of it."""
    with running_gateway(tmp_path) as gateway:
        for library, send in CLIENTS.items():
            _run(gateway, library, send, fault)


def test_libraries_for_node_notice_nothing_either(tmp_path: Path) -> None:
    """The same, each library in a process of its own that sends one mail after the other."""
    with running_gateway(tmp_path) as gateway:
        for library in ("ses", "sendgrid", "mailgun", "postmark", "resend"):
            subject = f"Dying node {library}"
            answer = ask_node(
                library,
                "sendMany",
                gateway.url,
                gateway.ses_key_pair if library == "ses" else gateway.key,
                mail={**MEANT, "subject": subject},
                count=MAILS,
                rest_after=MAILS // 3,
                at_rest=partial(_take_down, gateway, subject),
            )
            assert answer == {"value": None}
            _judge(gateway, f"node {library}", subject)


def _run(gateway: Gateway, library: str, send: Callable[..., Any], fault: str) -> None:
    subject = f"Dying {library} {fault}"
    with ThreadPoolExecutor(4) as threads:
        sent: list[Future[Any]] = []
        for number in range(MAILS):
            if number == MAILS // 3 and fault == "down":
                wait(sent)
                _take_down(gateway, subject)
            elif number == MAILS // 3:
                gateway.break_("mailgun", fault=fault)
            sent.append(threads.submit(send, gateway, f"{subject} {number}"))
        for each in sent:
            each.result()
    _judge(gateway, library, subject)


def _take_down(gateway: Gateway, subject: str) -> None:
    """Cut the provider off between two calls.

    A call that is cut off in its middle may have been taken, so its message becomes `unknown`:
    rightly, but then `sent` could not be demanded of every mail.
    """
    ids = _ids(gateway, subject, MAILS // 3)
    assert [it["status"] for it in gateway.settled(*ids)] == ["sent"] * (MAILS // 3)
    gateway.break_("mailgun", fault="down")


def _judge(gateway: Gateway, library: str, subject: str) -> None:
    """All mails with this subject were sent, once each, some by another provider."""
    ids = _ids(gateway, subject, MAILS)
    messages = gateway.settled(*ids)
    gateway.heal("mailgun")

    assert len(ids) == MAILS
    assert {it["status"] for it in messages} == {"sent"}, library
    copies = gateway.copies(subject)
    assert (len(copies), set(copies.values())) == (MAILS, {1}), library
    assert "ses" in {it["provider"] for it in messages}, library


def _ids(gateway: Gateway, subject: str, count: int) -> list[str]:
    until = time.monotonic() + 10
    while True:
        ids = gateway.newest(100, subject=subject)
        if len(ids) >= count or time.monotonic() > until:
            return ids
        time.sleep(0.02)
