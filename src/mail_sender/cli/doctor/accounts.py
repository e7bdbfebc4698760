"""What each provider says when it is asked without sending, and how far its clock is from ours."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Container
from datetime import timedelta

from ... import app
from ...clock import SystemClock
from ...domain.address import parse_mailbox
from ...domain.message import Address
from ...http.client import PooledHttpClient
from ...providers.port import (
    Check,
    CheckResult,
    Provider,
    Verification,
    VerificationStatus,
    VerifiesAddresses,
)
from ...providers.registry import webhook_needs
from .finding import Finding, Level

PATIENCE = timedelta(seconds=45)  #: for everything that one provider is asked
NOTICEABLE = timedelta(seconds=5)  #: clocks this far apart: signatures still hold
WRONG = timedelta(seconds=60)  #: SigV4 fails from 15 minutes on, and a clock this far off drifts


async def findings_of_accounts(settings: app.Settings) -> list[Finding]:
    """Ask every provider, at the same time."""
    http = PooledHttpClient()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(http.close)
        tools = app.make_tools(settings, SystemClock(), http=http)
        providers = app.make_providers(settings, tools)
        for provider in providers.values():
            stack.push_async_callback(provider.close)
        sender = default_sender(settings)
        each = await asyncio.gather(
            *(_asked(p, sender, is_demo=settings.is_demo) for p in providers.values())
        )
        checks = [check for check, _ in each if check is not None]
        return [
            *(finding for _, found in each for finding in found),
            *event_findings(settings, app.make_webhooks(settings, tools)),
            clock_finding(checks),
        ]


def event_findings(settings: app.Settings, takes: Container[str]) -> list[Finding]:
    """Return which providers can tell what became of a mail; `takes` has those that may."""
    found = []
    for name, provider in settings.providers.items():
        needed = webhook_needs(provider.kind)
        if needed is None:
            continue
        about = f"events of {name}"
        if name in takes:
            found.append(Finding(about, Level.OK, f"taken at /hooks/{name}"))
            continue
        text = f"not taken: {needed} is not set, so none could be trusted"
        advice = (
            "Without them nobody learns what was delivered or bounced, and complaints are not "
            f"suppressed. Set providers.{name}.{needed} (docs/events.md)."
        )
        found.append(Finding(about, Level.WARNING, text, advice))
    return found


def default_sender(settings: app.Settings) -> Address | None:
    """Return the address of `sender.default_from`."""
    text = settings.config.sender.default_from
    return parse_mailbox(text).address if text else None


async def _asked(
    provider: Provider, sender: Address | None, *, is_demo: bool
) -> tuple[Check | None, list[Finding]]:
    about = f"provider {provider.name}"
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            check = await provider.check()
            found = [account_finding(about, check, is_demo=is_demo)]
            sender = provider.sender or sender
            if check.result is CheckResult.WORKS and isinstance(provider, VerifiesAddresses):
                found.append(await _sender_finding(about, provider, sender))
    except TimeoutError:
        text = f"no answer within {PATIENCE.seconds} s"
        return None, [Finding(about, Level.PROBLEM, text, "Look at the way to it: DNS, firewall.")]
    return check, found


def account_finding(about: str, check: Check, *, is_demo: bool = False) -> Finding:
    """Return what a provider's answer means for the mail that goes through it."""
    match check.result:
        case CheckResult.UNREACHABLE if is_demo:
            text = "imitated; it answers while `mail-sender serve` runs"
            return Finding(about, Level.SKIPPED, text)
        case CheckResult.REFUSED:
            advice = "Mail goes through the other providers of the route until this is settled."
            return Finding(about, Level.PROBLEM, check.detail, advice)
        case CheckResult.UNREACHABLE:
            advice = "Look at its address in the configuration, at DNS and at the firewall."
            return Finding(about, Level.PROBLEM, check.detail, advice)
        case CheckResult.WORKS if check.quota_left is not None and check.quota_left <= 0:
            text = f"{check.detail}; its quota is used up"
            return Finding(about, Level.PROBLEM, text, "Wait for the next window, or ask for more.")
        case CheckResult.WORKS:
            left = "" if check.quota_left is None else f"; {check.quota_left} recipients left"
            return Finding(about, Level.OK, f"{check.detail}{left}")


async def _sender_finding(
    about: str, provider: VerifiesAddresses, sender: Address | None
) -> Finding:
    if sender is None:
        return Finding(
            about, Level.SKIPPED, "no sender.default_from, so no sender to look for",
            "mail-sender verify ADDRESS --check asks for any address.",
        )  # fmt: skip
    return sender_finding(about, sender, await provider.verification(sender))


def sender_finding(about: str, sender: Address, known: Verification) -> Finding:
    """Return whether the provider lets us send as `sender`."""
    if known.status is VerificationStatus.VERIFIED:
        return Finding(about, Level.OK, f"{sender} is verified")
    if known.status is VerificationStatus.UNAVAILABLE:
        return Finding(about, Level.SKIPPED, f"whether {sender} is verified: {known.detail}")
    words = known.status.replace("_", " ")
    return Finding(
        about, Level.PROBLEM, f"{sender} is not verified ({words}): {known.detail}",
        f"mail-sender verify {sender}, or verify the domain at the provider.",
    )  # fmt: skip


def clock_finding(checks: list[Check]) -> Finding:
    """Return how far our clock is from those of the providers, by the closest of them.

    One provider's clock may be wrong; all of them being wrong by the same is unlikely.
    """
    offsets = [check.clock_offset for check in checks if check.clock_offset is not None]
    if not offsets:
        return Finding("clock", Level.SKIPPED, "no provider told its time")
    offset = min(offsets, key=abs)
    text = f"{abs(offset).total_seconds():.0f} s off the providers' clocks"
    advice = "Set the clock by NTP: signatures (SES) are refused beyond 15 minutes."
    if abs(offset) > WRONG:
        return Finding("clock", Level.PROBLEM, text, advice)
    if abs(offset) > NOTICEABLE:
        return Finding("clock", Level.WARNING, text, advice)
    return Finding("clock", Level.OK, text)
