"""What the sandbox tells, read by django-anymail: the imitations have a judge that is not ours.

Anymail has a parser for most vendors, written by others from the same vendors' pages and from
what their users saw. It must believe the signature, and find the same event about the same mail.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import django
import pytest
from anymail import signals
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView
from anymail.webhooks.brevo import BrevoTrackingWebhookView
from anymail.webhooks.mailersend import MailerSendTrackingWebhookView
from anymail.webhooks.mailgun import MailgunTrackingWebhookView
from anymail.webhooks.mailjet import MailjetTrackingWebhookView
from anymail.webhooks.mailtrap import MailtrapTrackingWebhookView
from anymail.webhooks.mandrill import MandrillCombinedWebhookView
from anymail.webhooks.postal import PostalTrackingWebhookView
from anymail.webhooks.postmark import PostmarkTrackingWebhookView
from anymail.webhooks.resend import ResendTrackingWebhookView
from anymail.webhooks.sendgrid import SendGridTrackingWebhookView
from anymail.webhooks.sparkpost import SparkPostTrackingWebhookView
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.test import RequestFactory
from django.test.utils import override_settings

from mail_sender.clock import SystemClock
from mail_sender.sandbox import event_signing as signing
from mail_sender.sandbox.faults import Kind
from mail_sender.sandbox.happenings import Happening, Telling
from mail_sender.sandbox.inbox import Inbox, Mail
from mail_sender.sandbox.provider_events import MAILGUN_SIGNING_KEY, SigningKey, tell
from tests.sandbox.told import OUR_ID, told_by

#: Anymail does not look after SendGrid any more; its parser works all the same.
pytestmark = pytest.mark.filterwarnings("ignore::anymail.exceptions.AnymailNotSupportedWarning")

if not settings.configured:
    settings.configure(INSTALLED_APPS=["anymail"], USE_TZ=True)
    django.setup()

URL = "https://testserver/hook"
_LOGIN = f"{signing.USER}:{signing.SECRET}"

#: How a Django project would configure each.
VIEWS: dict[Kind, tuple[Any, dict[str, str]]] = {
    Kind.SES: (AmazonSESTrackingWebhookView, {}),
    Kind.MAILGUN: (MailgunTrackingWebhookView, {"webhook_signing_key": MAILGUN_SIGNING_KEY}),
    Kind.POSTMARK: (PostmarkTrackingWebhookView, {}),
    Kind.SENDGRID: (
        SendGridTrackingWebhookView,
        {"tracking_webhook_verification_key": signing.sendgrid_public_key()},
    ),
    Kind.RESEND: (ResendTrackingWebhookView, {"signing_secret": signing.RESEND_SECRET}),
    Kind.BREVO: (BrevoTrackingWebhookView, {}),
    Kind.MAILJET: (MailjetTrackingWebhookView, {}),
    Kind.SPARKPOST: (SparkPostTrackingWebhookView, {}),
    Kind.MAILTRAP: (MailtrapTrackingWebhookView, {"tracking_secret": signing.SECRET}),
    Kind.MAILERSEND: (MailerSendTrackingWebhookView, {"signing_secret": signing.SECRET}),
    Kind.POSTAL: (PostalTrackingWebhookView, {"webhook_key": signing.postal_public_key()}),
    Kind.MANDRILL: (
        MandrillCombinedWebhookView,
        {"webhook_key": signing.SECRET, "webhook_url": URL},
    ),
}

#: What Anymail calls it.
WORDS = {
    Happening.ACCEPTED: "queued",
    Happening.DELIVERED: "delivered",
    Happening.DEFERRED: "deferred",
    Happening.BOUNCED: "bounced",
    Happening.SOFT_BOUNCED: "bounced",
    Happening.REJECTED: "rejected",
    Happening.COMPLAINED: "complained",
    Happening.OPENED: "opened",
    Happening.CLICKED: "clicked",
    Happening.UNSUBSCRIBED: "unsubscribed",
}
#: Where it draws its lines elsewhere, or knows an event not yet.
OTHERWISE: dict[tuple[Kind, Happening], str] = {
    (Kind.SES, Happening.ACCEPTED): "sent",
    (Kind.SES, Happening.DEFERRED): "unknown",
    (Kind.SES, Happening.REJECTED): "bounced",
    (Kind.SES, Happening.UNSUBSCRIBED): "unknown",
    (Kind.MAILGUN, Happening.REJECTED): "bounced",
    (Kind.RESEND, Happening.ACCEPTED): "sent",
    (Kind.RESEND, Happening.REJECTED): "unknown",
    (Kind.MAILERSEND, Happening.ACCEPTED): "sent",
    (Kind.MAILERSEND, Happening.DEFERRED): "unknown",
    (Kind.POSTAL, Happening.BOUNCED): "failed",
    (Kind.POSTAL, Happening.SOFT_BOUNCED): "failed",
    (Kind.POSTAL, Happening.REJECTED): "queued",
    (Kind.POSTAL, Happening.OPENED): "unknown",
    (Kind.MANDRILL, Happening.ACCEPTED): "sent",
    (Kind.MANDRILL, Happening.DELIVERED): "unknown",
}


def told(kind: Kind, happening: Happening) -> tuple[Mail, Telling]:
    """Return a mail that a sandbox took, and what it tells of it now."""
    clock = SystemClock()
    mail = Inbox(clock).put(
        provider=kind.value,
        mail_from="shop@example.com",
        recipients=("ann@example.net",),
        subject="Order 7",
        read=lambda: None,  # type: ignore[arg-type, return-value]
        ms_id=OUR_ID,
        provider_message_id="37171",
    )
    now = clock.now()
    key = SigningKey(now)
    telling = tell(
        kind, mail, happening, mail.recipients,
        now=now, key=key, key_url="https://x.test/key.pem", url=URL,
    )  # fmt: skip
    return mail, telling


@contextmanager
def heard() -> Iterator[list[Any]]:
    """Collect what Anymail tells the project."""
    events: list[Any] = []

    def take(event: Any, **_: object) -> None:  # noqa: ANN401
        events.append(event)

    signals.tracking.connect(take, weak=False)
    try:
        yield events
    finally:
        signals.tracking.disconnect(take)


def post(kind: Kind, telling: Telling) -> int:
    """Call the view as the vendor would; return its status."""
    view, config = VIEWS[kind]
    headers = dict(telling.headers)
    content_type = headers.pop("Content-Type")
    if kind is Kind.SES:
        headers["Authorization"] = signing.authorization()  # in the URL of an SNS subscription
    request = RequestFactory().post(
        URL, data=telling.body, content_type=content_type, headers=headers, secure=True
    )
    with override_settings(ANYMAIL={} if config else {"WEBHOOK_SECRET": _LOGIN}):
        return int(view.as_view(**config)(request).status_code)


CASES = [
    (kind, happening)
    for kind in VIEWS
    for happening in (told_by(kind) if kind is not Kind.SES else Happening)
]


@pytest.mark.parametrize(("kind", "happening"), CASES)
def test_anymail_reads_what_the_sandbox_tells(kind: Kind, happening: Happening) -> None:
    """Whoever wrote both sides of a talk has only proved that he understands himself."""
    mail, telling = told(kind, happening)

    with heard() as events:
        assert post(kind, telling) == 200

    [event] = events
    assert event.event_type == OTHERWISE.get((kind, happening), WORDS[happening])
    assert mail.provider_message_id in str(event.message_id)  # some are shown in brackets
    assert event.recipient == "ann@example.net"
    assert event.timestamp is not None


@pytest.mark.parametrize("kind", [kind for kind in VIEWS if kind is not Kind.SES])
def test_anymail_believes_the_sandbox_by_its_signature(kind: Kind) -> None:
    """Or the test above would say nothing of signatures. Those of SNS Anymail does not check."""
    _, telling = told(kind, Happening.DELIVERED)
    forged = {name: value for name, value in telling.headers.items() if name == "Content-Type"}
    body = telling.body.replace(b'"signature":"', b'"signature":"0')

    with heard() as events, pytest.raises(SuspiciousOperation):
        post(kind, Telling(forged, body))

    assert events == []
