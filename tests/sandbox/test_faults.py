"""Whose turn a fault is, and when it is over."""

from __future__ import annotations

import asyncio
from typing import get_args

import msgspec
import pytest

from mail_sender.sandbox.faults import (
    Auth,
    BadGateway,
    CallKind,
    CutBeforeBody,
    Down,
    ErrorAfter,
    ErrorBefore,
    EventsLag,
    Fault,
    Faults,
    ImpossibleFault,
    Kind,
    Lie,
    NoSuchAccount,
    RateLimited,
    RefuseRecipient,
    Slow,
    Suspended,
    TakenThenCut,
    Unverified,
    name_of,
)

SEND, LOOK_UP, LOGIN, OTHER = CallKind.SEND, CallKind.LOOK_UP, CallKind.LOGIN, CallKind.OTHER


@pytest.fixture
def faults() -> Faults:
    return Faults({"ses": Kind.SES, "mailgun": Kind.MAILGUN, "relay": Kind.SMTP})


def drawn(faults: Faults, count: int, call: CallKind = SEND) -> list[str | None]:
    found = (faults.draw("ses", call) for _ in range(count))
    return [name_of(fault) if fault else None for fault in found]


def test_a_fault_lasts_until_it_is_healed(faults: Faults) -> None:
    """An outage does not end because somebody looked."""
    faults.put("ses", [ErrorBefore()])
    assert drawn(faults, 3) == ["error_before"] * 3

    faults.put("ses", [])

    assert drawn(faults, 1) == [None]


def test_a_fault_passes_after_its_hits_and_the_next_follows(faults: Faults) -> None:
    """A list is a script, and shows what is left of it."""
    faults.put("ses", [RateLimited(times=2), TakenThenCut(times=1)])
    assert drawn(faults, 1) == ["rate_limited"]
    assert faults.of("ses") == (RateLimited(times=1), TakenThenCut(times=1))

    assert drawn(faults, 3) == ["rate_limited", "taken_then_cut", None]


def test_chance_is_the_same_every_time(faults: Faults) -> None:
    """A chaos test that fails must fail again when it is repeated."""
    runs = []
    for seed in (1, 1, 2):
        faults.put("ses", [ErrorBefore(probability=0.3, seed=seed)])
        runs.append(drawn(faults, 1000))

    assert runs[0] == runs[1] != runs[2]
    assert 250 < sum(fault is not None for fault in runs[0]) < 350


def test_a_missed_chance_leaves_the_turn_to_the_next(faults: Faults) -> None:
    """30 % of this, the rest of that."""
    faults.put("ses", [ErrorBefore(probability=0.3), Auth()])

    assert set(drawn(faults, 100)) == {"error_before", "auth"}


@pytest.mark.parametrize(
    ("fault", "calls"),
    [
        (ErrorBefore(), {SEND, LOOK_UP, OTHER}),
        (CutBeforeBody(), {SEND, LOOK_UP, OTHER}),
        (Auth(), {SEND, LOOK_UP, OTHER, LOGIN}),
        (Suspended(), {SEND, LOOK_UP, OTHER, LOGIN}),
        (Slow(), {SEND}),
        (TakenThenCut(), {SEND}),
        (Lie(), {SEND}),
        (Down(), set()),
        (RefuseRecipient(), set()),
    ],
)
def test_a_fault_meets_the_calls_it_is_about(
    faults: Faults, fault: Fault, calls: set[CallKind]
) -> None:
    """A question about the account must not use up the hit that a mail was to meet."""
    faults.put("ses", [fault])

    assert {call for call in CallKind if faults.draw("ses", call) is not None} == calls


@pytest.mark.parametrize(
    ("pattern", "refused"),
    [
        ("bounce", {"bounce@a.example", "BOUNCE@b.example"}),
        ("*@a.example", {"bounce@a.example", "ann@a.example"}),
        ("ann@a.example", {"ann@a.example"}),
        ("b*", {"bounce@a.example", "BOUNCE@b.example"}),
    ],
)
def test_recipients_are_refused_by_pattern(faults: Faults, pattern: str, refused: set[str]) -> None:
    """An address, or a local part at any domain."""
    everybody = ["bounce@a.example", "BOUNCE@b.example", "ann@a.example", "ann@b.example"]
    faults.put("ses", [RefuseRecipient(recipient=pattern)])

    assert {one for one in everybody if faults.refuses("ses", one)} == refused


def test_only_refusals_count_as_hits(faults: Faults) -> None:
    """The first bounce is refused, however many others are asked for before."""
    faults.put("ses", [RefuseRecipient(times=1)])

    asked = ["ann@a.example", "bounce@a.example", "bounce@a.example"]
    assert [faults.refuses("ses", one) for one in asked] == [False, True, False]


def test_states_stand_beside_accidents(faults: Faults) -> None:
    """A lost answer, and events that lag behind it."""
    faults.put("mailgun", [EventsLag(seconds=5), TakenThenCut(times=1)])

    assert faults.draw("mailgun", SEND) == TakenThenCut(times=1)
    assert faults.standing("mailgun", EventsLag) == EventsLag(seconds=5)
    assert faults.standing("mailgun", Down) is None


@pytest.mark.parametrize(
    ("account", "fault"),
    [
        ("relay", BadGateway()),
        ("relay", Lie()),
        ("relay", ErrorAfter()),
        ("relay", EventsLag()),
        ("ses", EventsLag()),
        ("mailgun", Unverified()),
    ],
)
def test_what_a_protocol_cannot_do_is_refused_at_once(
    faults: Faults, account: str, fault: Fault
) -> None:
    """A fault that never comes would make a test pass for nothing."""
    faults.put(account, [Auth()])

    with pytest.raises(ImpossibleFault):
        faults.put(account, [fault])

    assert faults.of(account) == (Auth(),)


def test_an_unknown_account_is_refused(faults: Faults) -> None:
    """A typing error must not look like a healthy provider."""
    with pytest.raises(NoSuchAccount, match="ses, mailgun, relay"):
        faults.put("sess", [Down()])


async def test_healing_tells_everybody_who_hangs(faults: Faults) -> None:
    """Setting another fault ends the hanging, too."""
    waiting = [faults.healed("ses"), faults.healed("ses"), faults.healed("mailgun")]

    faults.put("ses", [])

    assert [future.done() for future in waiting] == [True, True, False]
    assert not faults.healed("ses").done()
    await asyncio.sleep(0)


@pytest.mark.parametrize("kind", [*get_args(Fault)])
def test_every_fault_has_a_name_and_defaults(kind: type[Fault]) -> None:
    """`{"fault": "slow"}` is enough to begin with."""
    written = msgspec.json.encode({"fault": name_of(kind())})

    assert msgspec.json.decode(written, type=Fault) == kind()


@pytest.mark.parametrize(
    "written",
    [
        b'{"fault": "slow", "seconds": -1}',
        b'{"fault": "slow", "minutes": 1}',
        b'{"fault": "auth", "times": 0}',
        b'{"fault": "auth", "probability": 0}',
        b'{"fault": "down", "times": 1}',
    ],
)
def test_an_option_that_means_nothing_is_refused(written: bytes) -> None:
    """Refused connections cannot be counted, so `down` cannot pass by itself."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(written, type=Fault)
