"""The client for TypeScript: its own tests, with a gateway that runs."""

from __future__ import annotations

from pathlib import Path

from tests.client.listeners import black_hole
from tests.client.test_typescript import npm
from tests.demo import running_demo


def test_its_own_tests_pass_against_the_real_gateway(tmp_path: Path) -> None:
    """Dead addresses, lost answers, refusals, events; then a gateway that runs."""
    host = "127.0.5.8"
    with running_demo(tmp_path) as demo, black_hole(host) as port:
        ended = npm("test", MAIL_SENDER_URL=demo.url, MAIL_SENDER_KEY=demo.key,
                    BLACK_HOLE=host, BLACK_HOLE_PORT=str(port))  # fmt: skip

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "skipped 0" in ended.stdout
