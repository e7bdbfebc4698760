"""Every imitated JSON API over a real line, with the gateway's own provider as its client.

The contract suites ask the same imitations without a line; here are the faults in it, and
whether the mail was taken.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from mail_sender.clock import FakeClock
from mail_sender.domain.outcome import Accepted
from mail_sender.http.client import PooledHttpClient
from mail_sender.providers.port import LooksUp, NoEvidence, Provider, Settling, Taken
from mail_sender.providers.registry import make_provider
from mail_sender.sandbox.accounts import API_ACCOUNTS
from mail_sender.sandbox.faults import (
    Auth,
    BadGateway,
    CutAfterBody,
    CutInAnswer,
    Down,
    ErrorAfter,
    ErrorBefore,
    EventsLag,
    Fault,
    Kind,
    Lie,
    Malformed,
    RateLimited,
    RefuseRecipient,
    Suspended,
    TakenThenCut,
    why_impossible,
)
from mail_sender.sandbox.server import Sandbox, SandboxSettings
from tests.contracts.provider import a_mail
from tests.make import ANN, BOB, CID, NOW, make_message
from tests.providers.api_far_side import meaning
from tests.providers.tables import settings_at
from tests.providers.tools import make_tools

every_account = pytest.mark.parametrize("kind", sorted(API_ACCOUNTS))


@asynccontextmanager
async def account(kind: Kind) -> AsyncIterator[tuple[Sandbox, Provider, FakeClock]]:
    """Run an imitation, and the provider that calls it."""
    clock, http = FakeClock(), PooledHttpClient()
    async with Sandbox(SandboxSettings(accounts={kind: kind}), clock) as sandbox:
        settings = settings_at(kind, sandbox.urls[kind])
        yield sandbox, make_provider(kind, settings, make_tools(http, clock)), clock
    await http.close()


@every_account
async def test_a_mail_is_taken_and_answered(kind: Kind) -> None:
    """The healthy case, against which all others are read."""
    async with account(kind) as (sandbox, provider, _):
        mail = a_mail()

        outcomes = await provider.send(mail, to=frozenset({ANN, BOB, CID}))

        [taken] = sandbox.inbox.newest(limit=10)
        assert {type(outcome) for outcome in outcomes.values()} == {Accepted}
        assert set(taken.recipients) == {ANN, BOB, CID}
        assert (taken.ms_id, taken.answered, taken.provider) == (mail.id, True, kind)


FAULTS: list[tuple[Fault, set[str], int]] = [
    (Down(), {"deferred: provider, call"}, 0),
    (RateLimited(), {"deferred: provider, call"}, 0),
    (ErrorBefore(), {"deferred: provider, call"}, 0),
    (Auth(), {"refused: provider, account"}, 0),
    (Suspended(), {"refused: provider, account", "deferred: provider, account"}, 0),
    (RefuseRecipient(recipient="*"), {"refused: recipient", "refused: message"}, 0),
    (BadGateway(), {"unknown"}, 0),
    (CutAfterBody(), {"unknown"}, 0),
    (Lie(), {"unknown"}, 0),
    (TakenThenCut(), {"unknown"}, 1),
    (CutInAnswer(), {"unknown"}, 1),
    (ErrorAfter(), {"unknown"}, 1),
]


@every_account
@pytest.mark.parametrize(("fault", "expected", "count"), FAULTS, ids=lambda f: type(f).__name__)
async def test_each_fault_means_what_it_should(
    kind: Kind, fault: Fault, expected: set[str], count: int
) -> None:
    """Whether the mail was taken is what decides between "send it elsewhere" and "unknown"."""
    async with account(kind) as (sandbox, provider, _):
        await sandbox.put_faults(kind, fault)

        outcomes = await provider.send(a_mail(), to=frozenset({ANN, BOB, CID}))

        assert {meaning(outcome) for outcome in outcomes.values()} <= expected
        assert len(sandbox.inbox) == count


@every_account
async def test_a_broken_answer_is_never_a_no(kind: Kind) -> None:
    """The mail was taken: whatever is said of it, nobody else may be asked."""
    async with account(kind) as (sandbox, provider, _):
        await sandbox.put_faults(kind, Malformed())

        outcomes = await provider.send(a_mail(), to=frozenset({ANN}))

        assert {meaning(outcome) for outcome in outcomes.values()} <= {"unknown", "accepted"}


@every_account
def test_only_what_can_be_asked_has_a_list_that_lags(kind: Kind) -> None:
    """A fault that cannot happen must be refused, not ignored."""
    can_be_asked = API_ACCOUNTS[kind].list_path is not None

    assert (why_impossible(EventsLag(), kind) is None) is can_be_asked


@every_account
async def test_a_list_that_lags_is_asked_again(kind: Kind) -> None:
    """A mail that is not listed yet was taken all the same."""
    if why_impossible(EventsLag(), kind) is not None:
        return
    async with account(kind) as (sandbox, provider, clock):
        assert isinstance(provider, LooksUp)
        if provider.capabilities.settles_by[0] is Settling.IDEMPOTENCY_KEY:
            return  # it needs no list
        await sandbox.put_faults(kind, TakenThenCut(times=1), EventsLag(seconds=60))
        mail = make_message(to=[ANN])
        await provider.send(mail, to=frozenset({ANN}))

        early = await provider.look_up(mail, to=[ANN], attempted_at=NOW, now=clock.now())
        clock.advance(timedelta(seconds=61))
        late = await provider.look_up(mail, to=[ANN], attempted_at=NOW, now=clock.now())

        assert isinstance(early, NoEvidence)
        assert early.ask_again is not None
        assert isinstance(late, Taken)
