"""The client for TypeScript: its types are those of the API; `tests/acceptance` runs its tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.requirements import need

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "clients" / "typescript"


def npm(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a script of the package, with the system's Node.js or the one in .venv."""
    path = f"{os.environ['PATH']}:{ROOT / '.venv' / 'bin'}"
    installed = (PACKAGE / "node_modules" / ".installed").exists()
    need(shutil.which("npm", path=path) and installed, "Node.js 20 with npm, and `make setup`")
    return subprocess.run(
        ["npm", "--prefix", PACKAGE, "--loglevel=error", "run", "--silent", *words],
        check=False, capture_output=True, text=True, timeout=240,
        env={**os.environ, "PATH": path, **environ},
    )  # fmt: skip


def test_its_types_are_fresh_and_fit() -> None:
    """They are made from the API document each time; what the client reads must be in them."""
    ended = npm("check")

    assert ended.returncode == 0, ended.stdout + ended.stderr
