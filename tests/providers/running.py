"""Other people's servers, started as processes of their own and ended by their pid."""

from __future__ import annotations

import contextlib
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import TextIO

_START_SECONDS = 60


@contextlib.contextmanager
def running(command: Sequence[str]) -> Iterator[str]:
    """Start a server that chooses its port and says where it listens; yield `http://127.0.0.1:N`.

    It is ended, by its pid, when the block ends.
    """
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + _START_SECONDS
            while (port := _port_said_in(said := _text_of(log))) is None:
                assert process.poll() is None, f"{command[0]} ended: {said}"
                assert time.monotonic() < deadline, f"{command[0]} does not start: {said}"
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=10)


def _text_of(log: TextIO) -> str:
    log.seek(0)
    return log.read()


def _port_said_in(text: str) -> str | None:
    said = re.search(r"http://(?:127\.0\.0\.1|localhost):(\d+)", text)
    return said[1] if said else None
