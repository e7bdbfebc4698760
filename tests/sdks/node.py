"""Runs a vendor's library for Node.js: `tests/sdk_node/run.mjs` knows each of them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.requirements import need

_HERE = Path(__file__).parent.parent / "sdk_node"


def ask_node(library: str, do: str, url: str, key: str | tuple[str, str], **more: Any) -> Any:  # noqa: ANN401
    """Let a library do something; return what it said.

    That is `{"value": …}`, or `{"error": {"name", "status", "message"}}` where it threw.
    """
    need(shutil.which("node"), "node: needs Node.js 20")
    need((_HERE / "node_modules").exists(), "libraries for Node.js: run npm ci in tests/sdk_node")
    done = subprocess.run(
        ["node", str(_HERE / "run.mjs")],
        input=json.dumps({"library": library, "do": do, "url": url, "key": key, **more}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
