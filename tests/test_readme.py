"""The README's commands, run as a newcomer pastes them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mail_sender.app import load_settings
from mail_sender.cli import main
from mail_sender.config import Source
from tests.demo import Demo, running_demo
from tests.requirements import need

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def block_with(words: str, language: str = "sh") -> str:
    (found,) = [block for block in blocks(language) if words in block]
    return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Return the gateway that `make run` starts."""
    with running_demo(tmp_path_factory.mktemp("readme")) as running:
        yield running


def paste(block: str, demo: Demo) -> subprocess.CompletedProcess[str]:
    """Run a block in the demo's directory, at the demo's address, and stop at the first failure."""
    need(shutil.which("curl"), "curl")
    text = block.replace("http://127.0.0.1:8025", demo.url).replace("$PWD/.venv/bin", _bin())
    environ = {name: v for name, v in os.environ.items() if not name.startswith("MAIL_SENDER_")}
    return subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", text],
        check=False, capture_output=True, text=True, timeout=120, cwd=demo.directory,
        env={**environ, "KEY": demo.key, "PATH": f"{_bin()}:{environ['PATH']}"},
    )  # fmt: skip


def _bin() -> str:
    return str(Path(sys.executable).parent)


def test_the_mail_by_curl_is_accepted(demo: Demo) -> None:
    """The first thing that anybody tries."""
    ended = paste(block_with("curl -s"), demo)

    assert ended.returncode == 0, ended.stderr
    assert '"id":"msg_' in ended.stdout.replace(" ", "")


def test_the_failover_demo_shows_what_the_text_promises(demo: Demo) -> None:
    """The second mail went through mailgun."""
    ended = paste(block_with("sandbox fail ses down"), demo)

    assert ended.returncode == 0, ended.stderr
    assert "sent through mailgun" in ended.stdout
    assert "Order 8" in ended.stdout


def test_the_configuration_can_be_used(tmp_path: Path) -> None:
    """Copied, with secrets beside it, it passes the check that the README names next."""
    text = block_with("[routes.default]", "toml")
    (tmp_path / "mail-sender.toml").write_text(text)
    (tmp_path / "secrets").mkdir()
    for name in re.findall(r'"secrets/([\w-]+)"', text):
        (tmp_path / "secrets" / name).write_text("a secret\n")

    settings = load_settings(Source(file=tmp_path / "mail-sender.toml"))

    assert list(settings.providers) == ["ses", "mailgun", "relay"]


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"mail-sender ((?:[a-z]+ ?){1,2})", "\n".join(blocks("sh")))))
)
def test_every_command_of_the_readme_exists(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also those that are not run here."""
    words = command.split()

    assert main([*words, "--help"]) == 0
    assert f"Usage: mail-sender {words[0]}" in capsys.readouterr().out
