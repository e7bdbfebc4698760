"""Starting and stopping the sandbox."""

from __future__ import annotations

import pytest

from mail_sender.clock import FakeClock
from mail_sender.sandbox.faults import Down, Kind
from mail_sender.sandbox.inbox import Inbox
from mail_sender.sandbox.server import Sandbox, SandboxSettings

from .clients import send


async def test_each_account_has_its_own_port(sandbox: Sandbox) -> None:
    """Or one could not be down alone."""
    ports = {sandbox.port_of(name) for name in ("ses", "mailgun", "relay")}

    assert len(ports) == 3
    assert sandbox.smtp_port == sandbox.port_of("relay")
    assert sandbox.urls == {
        "ses": f"http://127.0.0.1:{sandbox.port_of('ses')}",
        "mailgun": f"http://127.0.0.1:{sandbox.port_of('mailgun')}",
        "relay": f"smtp://127.0.0.1:{sandbox.smtp_port}",
    }


async def test_several_accounts_of_one_kind(clock: FakeClock) -> None:
    """A failover between two accounts at the same provider."""
    settings = SandboxSettings(accounts={"ses": Kind.SES, "ses2": Kind.SES})
    async with Sandbox(settings, clock) as sandbox:
        await sandbox.put_faults("ses", Down())
        with pytest.raises(ConnectionRefusedError):
            await send(sandbox, "ses")

        sandbox.identities.add("ses2", "example.com", clock.now())

        assert sandbox.identities.get("ses", "example.com") is None
        assert sandbox.urls["ses"] != sandbox.urls["ses2"]


async def test_a_port_in_use_is_an_error_and_opens_nothing(
    sandbox: Sandbox, clock: FakeClock
) -> None:
    """Two sandboxes on one port would share its connections by chance."""
    ports = {"relay": sandbox.port_of("ses")}
    second = Sandbox(SandboxSettings(ports=ports), clock)

    with pytest.raises(OSError, match="in use"):
        await second.start()

    assert second.urls == {}
    assert (await send(sandbox, "ses")).status == 200


async def test_a_port_is_chosen_and_can_be_had_again(clock: FakeClock) -> None:
    """`make run` uses the same ports each time, also right after it was stopped."""
    async with Sandbox(SandboxSettings(), clock) as first:
        port = first.port_of("ses")
        await send(first, "ses")

    async with Sandbox(SandboxSettings(ports={"ses": port}), clock) as second:
        assert second.port_of("ses") == port
        assert (await send(second, "ses")).status == 200


async def test_an_inbox_can_be_shared_and_stays(clock: FakeClock) -> None:
    """The gateway's built-in provider and the imitations fill the same one."""
    inbox = Inbox(clock)
    async with Sandbox(SandboxSettings(), clock, inbox=inbox) as sandbox:
        await send(sandbox, "ses")

    assert len(inbox) == 1


async def test_faults_can_be_set_before_the_start(clock: FakeClock) -> None:
    """What is set is not lost, though nothing listens yet."""
    sandbox = Sandbox(SandboxSettings(), clock)
    await sandbox.put_faults("ses", Down())
    async with sandbox:
        with pytest.raises(ConnectionRefusedError):
            await send(sandbox, "ses")
        assert (await send(sandbox, "mailgun")).status == 200


async def test_a_sandbox_that_is_not_started_has_no_address(clock: FakeClock) -> None:
    """A clear error instead of a URL that leads nowhere."""
    with pytest.raises(RuntimeError, match="not started"):
        _ = Sandbox(SandboxSettings(), clock).http_url
