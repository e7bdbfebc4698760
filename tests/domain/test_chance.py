"""Unguessable bytes in stock: the same quality, never the same bytes twice."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from mail_sender.domain.chance import Chance, chance_bytes


def test_no_bytes_are_given_out_twice_across_refills_and_threads() -> None:
    """A message id that two callers share would show one the other's mail."""
    stock = Chance()
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda _: stock.take(10), range(20_000)))
    assert {len(piece) for piece in taken} == {10}
    assert len(set(taken)) == 20_000


def test_a_forked_process_does_not_repeat_its_parent() -> None:
    """A child inherits memory, and must not inherit the stock."""
    chance_bytes(1)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, chance_bytes(32))
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reader, 32)
    os.close(reader)
    os.close(writer)
    assert theirs != chance_bytes(32)
