"""Every library while the first provider dies: it notices nothing, and each mail arrives once."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from .clients import CLIENTS
from .running import Gateway, running_gateway

MAILS = 12


@pytest.mark.parametrize("fault", ["down", "error_before"])
def test_no_mail_is_lost_or_doubled_while_a_provider_dies(tmp_path: Path, fault: str) -> None:
    """The reason for the gateway, seen by programs that know nothing of it."""
    with running_gateway(tmp_path) as gateway:
        for library, send in CLIENTS.items():
            _run(gateway, library, send, fault)


def _run(gateway: Gateway, library: str, send: Callable[..., Any], fault: str) -> None:
    subject = f"Dying {library} {fault}"
    with ThreadPoolExecutor(4) as threads:
        sent = []
        for number in range(MAILS):
            if number == MAILS // 3:
                gateway.break_("mailgun", fault=fault)
            sent.append(threads.submit(send, gateway, f"{subject} {number}"))
        for each in sent:
            each.result()
    ids = _ids(gateway, subject)
    messages = gateway.settled(*ids)
    gateway.heal("mailgun")

    assert len(ids) == MAILS
    assert {it["status"] for it in messages} == {"sent"}, library
    copies = gateway.copies(subject)
    assert (len(copies), set(copies.values())) == (MAILS, {1}), library
    assert "ses" in {it["provider"] for it in messages}, library


def _ids(gateway: Gateway, subject: str) -> list[str]:
    until = time.monotonic() + 10
    while True:
        ids = gateway.newest(100, subject=subject)
        if len(ids) >= MAILS or time.monotonic() > until:
            return ids
        time.sleep(0.1)
