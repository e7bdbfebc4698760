"""Both sites under traffic while something breaks: what it costs, on real programs and packets.

50 mails a second, sync and async, from a client that does as docs/two-sites.md says: none may fail,
be lost, or be handed over twice. Beside it a naive client asks the address that is hit, once; its
limits are the figures of the documentation with room for a busy machine. Short form: one fault of
each kind; `CHAOS=long` or `REQUIRE_ALL=1`: all.
"""

from __future__ import annotations

import os

import pytest

from deploy.inventory import Mover
from lab.faults import FAULTS, RESERVED, Fault
from lab.measuring import Outcome, measure
from lab.programs import wait_until
from lab.site import Lab

IS_LONG = os.environ.get("CHAOS") == "long" or os.environ.get("REQUIRE_ALL") == "1"
CHOSEN = [fault for fault in FAULTS if IS_LONG or fault.is_short]


@pytest.mark.parametrize("fault", CHOSEN, ids=[fault.name for fault in CHOSEN])
def test_a_client_that_tries_every_address_notices_nothing(lab: Lab, fault: Fault) -> None:
    """The promise of two sites. Once more if it fails: a busy machine may stall for a second."""
    if lab.mover is not fault.mover:
        lab.use(fault.mover)
    complaints = ["not run"]
    for _ in range(2):
        outcome = measure(lab, fault.strike, naive=[fault.naive], seconds=fault.seconds)
        complaints = list(complaints_about(outcome, fault, one_store=lab.one_store))
        print(outcome.naive, outcome.careful)  # noqa: T201 - shown when it fails
        if not complaints:
            break

    assert complaints == []


def complaints_about(outcome: Outcome, fault: Fault, *, one_store: bool) -> list[str]:
    """Return in what the outcome is worse than it may be."""
    careful, naive = outcome.careful, outcome.naive
    found = []
    if careful.failed:
        found.append(f"{careful.failed} of {careful.sent} failed: {careful.errors}")
    if outcome.lost:
        found.append(f"{outcome.lost} accepted mails were lost")
    # A store for each node does not know the keys of the others: what was under way when something
    # died, and was repeated by the client or by HAProxy, may be twice.
    if outcome.doubled > (0 if one_store else careful.retried + 5):
        found.append(f"{outcome.doubled} mails were handed over twice")
    if fault.gap_ms is not None and naive.gap_ms > fault.gap_ms:
        found.append(f"the address was away for {naive.gap_ms} ms, more than {fault.gap_ms}")
    if fault.naive_failed is not None and naive.failed > fault.naive_failed:
        found.append(f"{naive.failed} of the naive client's failed: {naive.errors}")
    return found


def test_after_a_split_the_address_is_where_the_master_is(lab: Lab) -> None:
    """Without the keeper it stayed at the wrong machine for ever."""
    lab.use(Mover.API)
    lab.split_vrrp()
    wait_until(lambda: lab.owner_of(RESERVED) == "c2" or len(lab.masters()) == 2, "a split", 15)
    lab.heal("vrrp")

    wait_until(lambda: lab.masters() == ["c1"] or lab.masters() == ["c2"], "one master", 15)
    wait_until(lambda: lab.api_owner() == lab.master, "the address at the master", 30)
    lab.mend()


def test_an_entry_that_cannot_serve_gives_its_address_away(lab: Lab) -> None:
    """Its HAProxy lives and answers: with 503, to everybody who comes."""
    lab.use(Mover.LAN)
    master = lab.master
    other = "c2" if master == "c1" else "c1"
    # This entry alone loses sight of every gateway, here and at the other site.
    lab.cut("blind", master, "tcp dport { 8025, 8444 }")

    wait_until(lambda: lab.masters() == [other], "the address at the other entry", 15)
    lab.mend()
