"""The watcher beside HAProxy: when it gives an address away, and when it takes it back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.programs.entry_watch import Judgement, can_serve, write_track_file


def verdicts(answers: str) -> list[bool]:
    """Hear a row of answers (`+` good, `-` bad); return the judgement after each."""
    judgement = Judgement()
    found = []
    for answer in answers:
        judgement.hear(good=answer == "+")
        found.append(judgement.serves)
    return found


@pytest.mark.parametrize(
    ("answers", "serves"),
    [
        ("++", False),  # one more to come
        ("+++", True),
        ("+++-", True),  # one lost answer moves no address
        ("+++--", False),
        ("+++-+-+-", True),
        ("+++--++-+", False),  # it has to be steady to come back
        ("+++--+++", True),
    ],
)
def test_an_address_moves_after_a_row_of_like_answers(answers: str, serves: bool) -> None:
    """Each move breaks every connection: a single slow answer is no reason."""
    assert verdicts(answers)[-1] is serves


def test_a_haproxy_that_is_not_there_cannot_serve() -> None:
    """The commonest case of all."""
    assert can_serve("127.0.0.1", 1) is False


def test_keepalived_is_told_in_place(tmp_path: Path) -> None:
    """It watches the file's inode: a new file under the old name would never be read."""
    path = tmp_path / "cannot-serve"
    states: list[tuple[int, str]] = []
    for serves in _flips():
        write_track_file(path, serves=serves)
        states.append((path.stat().st_ino, path.read_text(encoding="ascii")))

    assert len({inode for inode, _ in states}) == 1
    assert [text for _, text in states] == ["1", "0", "1"]


def _flips() -> Iterator[bool]:
    yield from (False, True, False)
