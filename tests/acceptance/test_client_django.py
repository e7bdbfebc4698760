"""Django and the real gateway: what arrives is what Django itself would have sent."""

from __future__ import annotations

import asyncio
import email
import email.message
import email.policy
from email.mime.image import MIMEImage
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from mail_sender.client.django import EmailBackend, shared_client
from mail_sender.clock import SystemClock
from mail_sender.sandbox.server import Sandbox, SandboxSettings
from tests.acceptance.gateway import Gateway, provider_tables

if not settings.configured:
    settings.configure(
        EMAIL_BACKEND="mail_sender.client.django.EmailBackend",
        DEFAULT_FROM_EMAIL="Shop <shop@example.com>",
    )
    django.setup()


def order() -> EmailMultiAlternatives:
    """Return a message with everything in it."""
    message = EmailMultiAlternatives(
        "Bestellung 7: Grüße", "Vielen Dank für alles.\nZeile 2\n", "Jörg <shop@example.com>",
        ["Ann <ann@example.net>", "bea@example.net"], bcc=["dot@example.net"],
        cc=["Cid <cid@example.net>"], reply_to=["Hilfe <help@example.com>"],
        headers={"X-Campaign": "spring"},
    )  # fmt: skip
    message.attach_alternative('<p>Danke! <img src="cid:logo"></p>', "text/html")
    message.attach("Rechnung ü.pdf", b"%PDF-1.7\n\x00\xff", "application/pdf")
    message.attach("notes.txt", "Grüße", "text/plain")
    image = MIMEImage(b"\x89PNG\r\n\x1a\n", "png")
    image.add_header("Content-ID", "<logo>")
    image.add_header("Content-Disposition", "inline", filename="logo.png")
    message.attach(image)
    return message


def meaning(raw: bytes) -> dict[str, Any]:
    """Return what a reader sees of a mail, whatever its form."""
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    parts: dict[str, Any] = {}
    for part in parsed.walk():
        if part.is_multipart():
            continue
        content = part.get_content()
        name = part.get_filename() or part.get_content_type()
        parts[name] = content.replace("\r\n", "\n") if isinstance(content, str) else content
    names = ("subject", "from", "to", "cc", "bcc", "reply-to", "x-campaign")
    return {"parts": parts, **{name: str(parsed[name] or "") for name in names}}


async def test_what_arrives_is_what_django_means(tmp_path: Path) -> None:
    """Through a relay, compared with the message as Django writes it for its own SMTP backend."""
    async with Sandbox(SandboxSettings(), SystemClock()) as sandbox:
        gateway = Gateway(tmp_path, {"relay": provider_tables(sandbox)["relay"]})
        async with gateway.running():
            backend = EmailBackend(url=gateway.url, key=gateway.key, mode="sync")
            messages = [order(), order()]
            assert await asyncio.to_thread(backend.send_messages, messages) == 2
            mass = EmailBackend(url=gateway.url, key=gateway.key)
            assert await asyncio.to_thread(mass.send_messages, [order(), order()]) == 2
            for each in (backend, mass):
                shared_client(each._settings).close()
            await gateway.settled([message.mail_sender.id for message in messages])
            async with asyncio.timeout(20):
                while sandbox.inbox.totals.mails < 4:
                    await sandbox.inbox.changed()

    expected = meaning(order().message().as_bytes())
    for got in sandbox.inbox:
        assert meaning(got.raw) == expected
        assert set(got.recipients) == {
            "ann@example.net", "bea@example.net", "cid@example.net", "dot@example.net",
        }  # fmt: skip
