"""Runs a vendor's library for Node.js: `tests/sdk_node/run.mjs` knows each of them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from threading import Timer
from typing import Any

from tests.requirements import need

_HERE = Path(__file__).parent.parent / "sdk_node"


def ask_node(
    library: str,
    do: str,
    url: str,
    key: str | tuple[str, str],
    *,
    at_rest: Callable[[], None] | None = None,
    **more: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """Let a library do something; return what it said.

    That is `{"value": …}`, or `{"error": {"name", "status", "message"}}` where it threw.
    `at_rest` is called while the library rests, when what is asked has a `rest_after`.
    """
    need(shutil.which("node"), "node: needs Node.js 20")
    need((_HERE / "node_modules").exists(), "libraries for Node.js: run npm ci in tests/sdk_node")
    pipe = subprocess.PIPE
    asked = json.dumps({"library": library, "do": do, "url": url, "key": key, **more}) + "\n"
    with subprocess.Popen(
        ["node", str(_HERE / "run.mjs")], stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        too_long = Timer(60, process.kill)
        too_long.start()
        try:
            if at_rest is not None:
                _rest(process, asked, at_rest)
                asked = "go on\n"
            said, complaint = process.communicate(asked)
        finally:
            process.kill()
            too_long.cancel()
    assert process.returncode == 0, complaint
    return json.loads(said.splitlines()[-1])


def _rest(process: subprocess.Popen[str], asked: str, at_rest: Callable[[], None]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(asked)
    process.stdin.flush()
    line = process.stdout.readline()
    assert line == "resting\n", line
    at_rest()
