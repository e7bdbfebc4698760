"""The command as a whole: what there is, how it is asked, and how it ends."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from mail_sender import __version__
from mail_sender.cli.program import program

from .conftest import Run

COMMANDS = [
    "serve", "worker", "send", "status", "verify", "keys create", "keys list", "keys revoke",
    "providers list", "providers test", "providers pause", "providers resume", "queue show",
    "queue retry", "queue cancel", "suppressions list", "suppressions add", "suppressions remove",
    "suppressions import", "suppressions export", "webhooks list", "webhooks create",
    "webhooks test", "webhooks deliveries", "webhooks replay", "webhooks pause", "webhooks resume",
    "webhooks rotate", "webhooks delete", "config check", "config show", "doctor",
    "migrate", "sandbox", "sandbox fail", "sandbox heal", "sandbox inbox", "sandbox faults",
    "sandbox verify", "bench",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(run: Run, command: str) -> None:
    """Scripts and people rely on these names; each says what it does and takes --json."""
    ended = run(*command.split(), "--help")

    assert ended.status == 0
    assert f"Usage: mail-sender {command}" in ended.out
    assert ("--json" in ended.out) is (command not in {"serve", "worker"})


def test_the_list_of_commands_is_whole() -> None:
    """A new command has to be named here, and so in the docs and in the interface."""
    known = {command.split()[0] for command in COMMANDS}
    assert known == {name for name in program if not name.startswith("-")}


def test_the_list_says_what_each_command_does(place: Path) -> None:
    """In a fresh process, in which no command was imported yet."""
    for tokens in ((), ("queue", "-h")):
        ended = subprocess.run(
            [sys.executable, "-m", "mail_sender", *tokens],
            check=False, capture_output=True, text=True, timeout=60, cwd=place,
        )  # fmt: skip
        assert ended.returncode == 0
        for line in re.findall(r"│ [a-z].*│", ended.stdout):
            assert re.fullmatch(r"│ \w+ +\S.*│", line), line


def test_the_version_is_told(run: Run) -> None:
    """The first question of every bug report."""
    ended = run("--version")

    assert (ended.status, ended.out) == (0, f"mail-sender {__version__}\n")


@pytest.mark.parametrize(
    "tokens",
    [
        ("nosuch",),
        ("status",),
        ("status", "a", "b"),
        ("status", "a", "--nosuch"),
        ("send", "--to"),
        ("send", "--to", "a@example.net", "--text", "x", "--wait", "soon"),
        ("serve", "--role", "king"),
        ("keys",  "create"),
        ("keys", "create", "--name", "n", "--scopes", "fly"),
        ("keys", "create", "--name", "n", "--expires", "tomorrow"),
        ("queue", "retry"),
        ("queue", "retry", "msg_1", "--status", "failed"),
        ("queue", "cancel"),
        ("suppressions", "add"),
        ("suppressions", "remove"),
        ("suppressions", "import", "nosuch.csv", "--url", "http://127.0.0.1:1", "--key", "k"),
    ],
)  # fmt: skip
def test_wrong_usage_is_exit_status_2_and_says_where_to_read(
    run: Run, tokens: tuple[str, ...]
) -> None:
    """A script tells a mistake of its own from a mail that was not sent."""
    ended = run(*tokens)

    assert ended.status == 2, ended
    assert ended.err.startswith("mail-sender: ")
    assert ended.out == ""


def test_wrong_usage_with_json_is_a_document(run: Run) -> None:
    """A program that asked for JSON gets JSON, also for its own mistakes."""
    ended = run("status", "--json")

    assert ended.status == 2
    assert ended.document["error"]["code"] == "usage"


def test_a_configuration_that_cannot_be_used_is_exit_status_2(run: Run, place: Path) -> None:
    """Whichever command reads it."""
    (place / "mail-sender.toml").write_text("[serer]\n")

    for command in (("serve",), ("migrate",), ("keys", "list"), ("config", "check"), ("sandbox",)):
        ended = run(*command)
        assert ended.status == 2, command
        assert "serer: no such section" in ended.err


def test_python_dash_m_is_the_same_command(place: Path) -> None:
    """For environments whose scripts are not on the PATH."""
    ended = subprocess.run(
        [sys.executable, "-m", "mail_sender", "nosuch"],
        check=False, capture_output=True, text=True, timeout=60, cwd=place,
    )  # fmt: skip

    assert ended.returncode == 2
    assert "nosuch" in ended.stderr


def test_output_into_a_pipe_has_no_colours_and_whole_lines(run: Run) -> None:
    """`mail-sender … | grep` sees the text, not what paints it."""
    ended = run("status", "x", "--url", "http://127.0.0.1:1", "--key", "k")

    assert "\x1b" not in ended.err + ended.out


def test_a_reader_that_goes_away_is_no_traceback(place: Path) -> None:
    """`mail-sender config show | head -1` ends quietly."""
    ended = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -m mail_sender config show | head -1"],
        check=False, capture_output=True, text=True, timeout=60, cwd=place,
    )  # fmt: skip

    assert ended.stdout == "[server]\n"
    assert "Traceback" not in ended.stderr
