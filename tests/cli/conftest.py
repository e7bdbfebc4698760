"""Runs the command in the process, in a directory and an environment of its own."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from mail_sender.cli import main
from mail_sender.observability import maillog


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command left: exit status, standard output, standard error."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:  # noqa: ANN401 - JSON is anything
        """The JSON document on standard output, and nothing else may be there."""
        return json.loads(self.out)


Run = Callable[..., Ended]


@pytest.fixture(autouse=True)
def plain_log() -> Iterator[None]:
    """Leave the log as it was: `serve` turns it to a standard error that ends with its test."""
    yield
    structlog.reset_defaults()
    maillog.configure(format_="json", level="info", mask_addresses=False)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory of the command, with no MAIL_SENDER_ variable set."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("MAIL_SENDER_") or name in {"FORCE_COLOR", "NO_COLOR"}:
            monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def run(place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return the command `mail-sender`."""

    def call(*tokens: str, stdin: bytes = b"") -> Ended:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        status = main(tokens)
        said = capsys.readouterr()
        return Ended(status, said.out, said.err)

    return call
