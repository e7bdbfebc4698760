"""The gateway with its embedded defaults, as `make run` starts it, in a directory of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from mail_sender.client import Client

PORTS = ("CONTROL_PORT", "SES_PORT", "MAILGUN_PORT", "SMTP_PORT")
PATIENCE = 60.0  #: seconds; a busy machine takes its time to start Python


@dataclass(frozen=True, slots=True)
class Demo:
    """A gateway that runs.

    Attributes:
        announced: The lines that it printed.
    """

    directory: Path
    url: str
    key: str
    announced: list[str]


@contextmanager
def running_demo(
    directory: Path, *, more: Mapping[str, str] = MappingProxyType({}), lines_said: int = 3
) -> Iterator[Demo]:
    """Start it on free ports, wait until it takes mail, and stop it in the end.

    Args:
        directory: Of its own.
        more: Variables besides.
        lines_said: That it prints, with these.
    """
    environ = {name: v for name, v in os.environ.items() if not name.startswith("MAIL_SENDER_")}
    environ["MAIL_SENDER_SERVER_LISTEN"] = "127.0.0.1:0"
    for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True):
        environ[f"MAIL_SENDER_SANDBOX_{name}"] = str(port)
    environ.update(more)
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mail_sender", "serve"],
            stdout=subprocess.PIPE, stderr=log, text=True, cwd=directory, env=environ,
        )  # fmt: skip
    assert process.stdout is not None
    try:
        lines = [process.stdout.readline() for _ in range(lines_said)]
        said = dict(line.rstrip("\n").split(": ", 1) for line in lines if line)
        assert {"url", "key", "try"} <= set(said), (lines, (directory / "log").read_text())
        _wait_until_ready(said["url"])
        yield Demo(directory, said["url"], said["key"], lines)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        process.stdout.close()


def _wait_until_ready(url: str) -> None:
    with Client(url, None) as client:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if client.request("GET", "/health/ready", deadline=PATIENCE).is_success:
                return
            time.sleep(0.05)
    raise AssertionError("not ready in time")


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on at this moment."""
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in taken]
