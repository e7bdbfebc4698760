"""The vendors' own SDKs as judges: what they send, what they make of our imitation's answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mail_sender.clock import FakeClock
from mail_sender.domain.message import Attachment, Disposition, Mailbox, Message
from mail_sender.domain.outcome import Accepted
from mail_sender.http.client import PooledHttpClient
from mail_sender.providers.registry import make_provider
from mail_sender.sandbox.faults import Auth, Kind
from mail_sender.sandbox.server import Sandbox, SandboxSettings
from tests.make import ANN, BOB, CID, mailboxes, make_message
from tests.providers.make_mailgun import SHOP
from tests.providers.tables import settings_from
from tests.providers.tools import make_tools

PDF = b"%PDF-\xff"
PNG = b"\x89PNG\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What was posted, without what says nothing, and how the SDK ended.

    Attributes:
        said: What the SDK returned for the mail that was taken.
        complaint: What it raised when the key was refused.
    """

    ours: dict[str, Any]
    theirs: dict[str, Any]
    said: Any
    complaint: Exception | None
    id: str


def judged_mail(**fields: Any) -> Message:  # noqa: ANN401
    """Return the mail that every judge is given; `fields` instead of its own."""
    return make_message(
        "msg_01J8ZK3Q",
        **{
            "sender": SHOP,
            "to": [ANN],
            "cc": (Mailbox(BOB, "Bob"),),
            "bcc": mailboxes([CID]),
            "reply_to": mailboxes(["help@example.com"]),
            "subject": "Über 日本",
            "text": "Grüße ☃ and thanks",
            "html": '<p>Thanks</p><img src="cid:logo1">',
            "headers": (("X-App", "shop"),),
            "tags": ("orders",),
            "metadata": (("order", "7"),),
            "attachments": (
                Attachment(filename="inv.pdf", content_type="application/pdf", content=PDF),
                Attachment(
                    filename="logo.png",
                    content_type="image/png",
                    content=PNG,
                    content_id="logo1",
                    disposition=Disposition.INLINE,
                ),
            ),
            **fields,
        },
    )


async def judge(
    kind: Kind,
    send: Callable[[str], Any],
    message: Message | None = None,
    **table: Any,  # noqa: ANN401
) -> Judged:
    """Let an SDK and our provider send the same mail to the imitation.

    Args:
        kind: Of the account.
        send: Sends `judged_mail` with the SDK to the account at this URL.
        message: Another one.
        table: Settings of our provider.
    """
    mail = message or judged_mail()
    http = PooledHttpClient()
    async with Sandbox(SandboxSettings(accounts={kind: kind}), FakeClock()) as sandbox:
        url = sandbox.urls[kind]
        said = await asyncio.to_thread(send, url)
        provider = make_provider(
            kind, settings_from(kind, **{"base_url": url, **table}), make_tools(http)
        )
        outcomes = await provider.send(mail, to=frozenset(mail.content.recipients))
        assert {type(outcome) for outcome in outcomes.values()} == {Accepted}
        ours, theirs = sandbox.inbox.newest(limit=10)
        await sandbox.put_faults(kind, Auth())
        complaint: Exception | None = None
        try:
            await asyncio.to_thread(send, url)
        except Exception as error:  # noqa: BLE001 - whatever the SDK raises
            complaint = error
    await http.close()
    return Judged(
        ours=meaningful(json.loads(ours.raw)),
        theirs=meaningful(json.loads(theirs.raw)),
        said=said,
        complaint=complaint,
        id=theirs.provider_message_id,
    )


def meaningful(value: Any) -> Any:  # noqa: ANN401
    """Return JSON without fields that say nothing, at any depth."""
    if isinstance(value, dict):
        found = {key: meaningful(inner) for key, inner in value.items()}
        return {key: inner for key, inner in found.items() if inner not in (None, "", [], {})}
    if isinstance(value, list):
        return [meaningful(inner) for inner in value]
    return value
