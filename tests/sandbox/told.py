"""Stories of every vendor with a JSON API, told by a sandbox; and the webhooks that take them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from mail_sender.clock import Clock
from mail_sender.domain.bounce import Bounce
from mail_sender.domain.feedback import Fact
from mail_sender.providers.registry import make_webhook
from mail_sender.providers.webhook import Webhook
from mail_sender.sandbox import event_signing as signing
from mail_sender.sandbox.faults import Kind
from mail_sender.sandbox.happenings import Happening
from mail_sender.sandbox.inbox import Mail
from mail_sender.sandbox.server import Sandbox, SandboxSettings
from tests.providers.scripted_http import ScriptedHttp
from tests.providers.tables import settings_from
from tests.providers.tools import make_tools

OUR_ID = "msg_01J8ZK3Q000000000000000000"

#: What each vendor must be configured with to believe a sandbox.
SETTINGS: dict[Kind, dict[str, str]] = {
    Kind.POSTMARK: {"webhook_password": signing.SECRET},
    Kind.SENDGRID: {"webhook_public_key": signing.sendgrid_public_key()},
    Kind.RESEND: {"webhook_secret": signing.RESEND_SECRET},
    Kind.BREVO: {"webhook_password": signing.SECRET},
    Kind.MAILJET: {"webhook_password": signing.SECRET},
    Kind.SPARKPOST: {"webhook_password": signing.SECRET},
    Kind.MAILTRAP: {"webhook_secret": signing.SECRET},
    Kind.MAILERSEND: {"webhook_secret": signing.SECRET},
    Kind.POSTAL: {"webhook_public_key": signing.postal_public_key()},
    Kind.MANDRILL: {"webhook_key": signing.SECRET},
}

#: What a vendor tells nobody.
SILENT: dict[Kind, set[Happening]] = {
    Kind.POSTMARK: {Happening.ACCEPTED},
    Kind.RESEND: {Happening.UNSUBSCRIBED},
    Kind.MAILJET: {Happening.ACCEPTED},
    Kind.MAILTRAP: {Happening.ACCEPTED},
    Kind.MAILERSEND: {Happening.REJECTED},
    Kind.POSTAL: {Happening.COMPLAINED, Happening.UNSUBSCRIBED},
}


def told_by(kind: Kind) -> list[Happening]:
    """Return what a vendor tells."""
    return [it for it in Happening if it not in SILENT.get(kind, set())]


def webhook_of(kind: Kind, clock: Clock, gateway_url: str) -> Webhook:
    """Return what takes a sandbox's events, configured as its users would."""
    more = dict(SETTINGS[kind])
    if kind is Kind.MANDRILL:
        more["webhook_url"] = f"{gateway_url}/hooks/mandrill"
    settings = settings_from(kind.value, **more)
    webhook = make_webhook(kind.value, settings, replace(make_tools(ScriptedHttp()), clock=clock))
    assert webhook is not None
    return webhook


@asynccontextmanager
async def sandbox_with_mail(kind: Kind, clock: Clock) -> AsyncIterator[tuple[Sandbox, Mail]]:
    """Run a sandbox of one account that has taken a mail of ours."""
    async with Sandbox(SandboxSettings(accounts={kind.value: kind}), clock) as sandbox:
        mail = sandbox.inbox.put(
            provider=kind.value,
            mail_from="shop@example.com",
            recipients=("ann@example.net",),
            subject="Order 7",
            read=lambda: None,  # type: ignore[arg-type, return-value]
            ms_id=OUR_ID,
            provider_message_id="37171",
        )
        yield sandbox, mail


def means(happening: Happening) -> Fact:
    """Return what a happening is to a gateway."""
    return Fact.BOUNCED if happening is Happening.SOFT_BOUNCED else Fact(happening.value)


def is_dead(bounce: Bounce | None) -> bool:
    """Return whether an address is to blame."""
    return bounce is not None and bounce.is_dead_address
