"""The far side of a benchmark: a sandbox in a process of its own. Prints its addresses as JSON."""

from __future__ import annotations

import asyncio
import json
import signal

import uvloop

from mail_sender.clock import SystemClock
from mail_sender.sandbox.inbox import InboxLimits
from mail_sender.sandbox.server import Sandbox, SandboxSettings


async def main() -> None:
    """Serve until SIGTERM."""
    settings = SandboxSettings(limits=InboxLimits(max_mails=100))
    async with Sandbox(settings, SystemClock()) as sandbox:
        print(json.dumps({**sandbox.urls, "control": sandbox.http_url}), flush=True)  # noqa: T201
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await stop.wait()


if __name__ == "__main__":
    uvloop.run(main())
