"""What the benchmark says about a run: ratios inside a round, medians over rounds."""

from __future__ import annotations

from bench.bars import OURS, results
from bench.contestants import Measured, everybody
from bench.loads import count_of_sink
from bench.report import Found


def a_measured(*, cpu: float, accepted: float = 1000, delivered: float = 1000) -> Measured:
    return Measured(
        accepted_per_s=accepted,
        delivered_per_s=delivered,
        cpu_s_per_1000=cpu,
        memory_mib=80,
        mails=1000,
        missing=0,
    )


def test_a_ratio_is_taken_inside_its_round() -> None:
    """A noisy neighbour slows a whole round; ratios of medians would mix rounds."""
    rounds = [
        {OURS: a_measured(cpu=0.2), "Postfix relay": a_measured(cpu=2.0)},
        {OURS: a_measured(cpu=0.4), "Postfix relay": a_measured(cpu=1.2)},
        {OURS: a_measured(cpu=0.3), "Postfix relay": a_measured(cpu=1.8)},
    ]
    [cpu] = [each for each in results(rounds) if each.bar.figure == "CPU of Postfix / ours"]
    assert round(cpu.median, 6) == 6
    assert (round(cpu.least, 6), round(cpu.most, 6)) == (3, 10)
    assert cpu.met


def test_a_missed_bar_is_called_missed() -> None:
    """A miss that reads as met would be worse than no benchmark."""
    rounds = [{OURS: a_measured(cpu=1.0), "Postfix relay": a_measured(cpu=1.0)}]
    assert not any(each.met for each in results(rounds))
    assert "missed" in Found(rounds=list(rounds)).markdown(everybody())


def test_a_peer_that_was_not_there_gives_no_ratio() -> None:
    """No figure is invented."""
    found = Found(rounds=[{OURS: a_measured(cpu=1.0)}], absent={"Haraka relay": "needs Node.js"})
    assert results(found.rounds) == []
    assert "Not measured: Haraka relay: needs Node.js." in found.markdown(everybody())


def test_the_last_count_of_the_sink_counts() -> None:
    """smtp-sink writes its counter over itself, with carriage returns."""
    assert count_of_sink(b"1\r17\r1234\r") == 1234
    assert count_of_sink(b"") == 0
