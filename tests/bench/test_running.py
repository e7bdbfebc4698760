"""The benchmark really runs: ourselves against a far side that counts, killed in the middle."""

from __future__ import annotations

import os
from pathlib import Path
from shutil import which

import pytest

from bench.contestants import MailSender
from bench.far_side import far_side
from bench.faults import fates
from bench.ourselves import overheads
from tests.requirements import need

_PATH = os.environ["PATH"] + ":/usr/sbin"


def test_killed_under_load_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    """The figure in the table must come from mails that were told apart."""
    found = fates([MailSender("ours", durable="yes")], tmp_path / "faults")["ours"]["crash"]
    assert found.accepted > 100
    assert (found.late, found.doubled) == (0, 0)


@pytest.mark.timeout(120)
def test_the_sync_overhead_is_measured_against_the_bare_far_side(tmp_path: Path) -> None:
    """Both with the same load generator, at the same number of requests at once."""
    need(which("nginx", path=_PATH), "nginx (on Debian: apt install nginx-light)")
    need(which("wrk"), "wrk (on Debian: apt install wrk)")
    with far_side(tmp_path / "far") as far:
        before = far.count()
        found = overheads(tmp_path / "own", far)
        assert far.count() - before > 100
    assert [each.at_once for each in found] == [1, 10, 32]
    assert all(each.p50_ms > 0 for each in found)
