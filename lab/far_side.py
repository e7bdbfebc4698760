"""The providers on the lab's internet: the sandbox, and a file that says who got how many mails."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from collections import Counter
from pathlib import Path

import uvloop

from mail_sender.clock import SystemClock
from mail_sender.sandbox.faults import Kind
from mail_sender.sandbox.server import Sandbox, SandboxSettings

PORTS = {"ses": 8027, "mailgun": 8028}


async def main(host: str, counts: Path) -> None:
    """Serve until SIGTERM."""
    settings = SandboxSettings(
        accounts={"ses": Kind.SES, "mailgun": Kind.MAILGUN}, host=host, ports=PORTS
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Sandbox(settings, SystemClock()) as sandbox:
        written = -1
        while not stop.is_set():
            if written != sandbox.inbox.totals.mails:
                written = sandbox.inbox.totals.mails
                got = Counter(who for mail in sandbox.inbox for who in mail.recipients)
                fresh = counts.with_suffix(".new")
                fresh.write_text(json.dumps(got), encoding="utf-8")
                fresh.replace(counts)
            await asyncio.sleep(0.2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--counts", type=Path, required=True)
    given = parser.parse_args()
    uvloop.run(main(given.host, given.counts))
