"""What a test needs from the machine: absent, it is skipped with its reason, or fails in CI.

`REQUIRE_ALL=1` (set in CI) turns each such skip into a failure, so that a skipped test never
reads as green where everything should be there.
"""

from __future__ import annotations

import os

import pytest


def need(present: object, reason: str) -> None:
    """Go on when `present` is true, else skip, or fail under REQUIRE_ALL=1.

    Args:
        present: Whether the thing is there.
        reason: What is missing and how to get it, such as "npm: needs Node.js 20".
    """
    if present:
        return
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(f"REQUIRE_ALL=1, and this machine lacks: {reason}")
    pytest.skip(reason)
