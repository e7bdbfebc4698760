"""The built-in provider, where mail of test keys ends."""

from __future__ import annotations

import pytest

from mail_sender.clock import FakeClock
from mail_sender.domain.message import Address
from mail_sender.domain.outcome import Accepted, Blame, Refused
from mail_sender.providers.port import CheckResult, Provider
from mail_sender.providers.sandbox import Settings, make
from mail_sender.providers.settings import Tools
from mail_sender.sandbox.inbox import Inbox
from tests.make import ANN, BOB, make_message

BOUNCE = Address("bounce@example.net")


@pytest.fixture
def inbox(clock: FakeClock) -> Inbox:
    return Inbox(clock)


class NoHttp:
    """Fails the test that makes it call anybody."""

    async def call(self, request: object, timeouts: object) -> None:
        raise AssertionError("the built-in provider needs no network")

    async def close(self) -> None:
        raise AssertionError("not its to close")


@pytest.fixture
def provider(inbox: Inbox, clock: FakeClock) -> Provider:
    tools = Tools(http=NoHttp(), clock=clock, hostname="gw.example.com", inbox=inbox.deliver)  # type: ignore[arg-type]
    return make("sandbox", Settings(kind="sandbox"), tools)


async def test_a_mail_goes_into_the_inbox_for_the_recipients_asked_for(
    provider: Provider, inbox: Inbox
) -> None:
    """Others may have been served before."""
    message = make_message(to=(ANN, BOB), is_test=True)

    outcomes = await provider.send(message, to=frozenset({BOB}))

    (mail,) = inbox
    assert outcomes == {BOB: Accepted(provider_message_id=mail.id)}
    assert (mail.provider, mail.recipients, mail.ms_id) == ("sandbox", (BOB,), message.id)


async def test_bounce_is_refused_and_the_others_are_served(
    provider: Provider, inbox: Inbox
) -> None:
    """A client can see a refusal with nothing but a test key."""
    message = make_message(to=(ANN, BOUNCE))

    outcomes = await provider.send(message, to=frozenset({ANN, BOUNCE}))

    refused = outcomes[BOUNCE]
    assert isinstance(refused, Refused)
    assert (refused.blame, refused.diagnostic.enhanced_code) == (Blame.RECIPIENT, "5.1.1")
    assert isinstance(outcomes[ANN], Accepted)
    assert [mail.recipients for mail in inbox] == [(ANN,)]


async def test_bounce_alone_puts_nothing_into_the_inbox(provider: Provider, inbox: Inbox) -> None:
    """A mail to nobody would be a riddle."""
    await provider.send(make_message(to=(BOUNCE,)), to=frozenset({BOUNCE}))

    assert len(inbox) == 0


async def test_it_always_works_and_expresses_everything(provider: Provider) -> None:
    """`doctor` and the router ask it like any other."""
    assert (await provider.check()).result is CheckResult.WORKS
    assert provider.cannot_express(make_message()) is None
    assert (provider.name, provider.kind, provider.sender) == ("sandbox", "sandbox", None)
    await provider.close()
