"""MailerSend: every promise that all providers make, and what only MailerSend does."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest
from mailersend import EmailBuilder, MailerSendClient
from mailersend.exceptions import AuthenticationError
from mailersend.models.email import EmailAttachment

from mail_sender.domain.message import Address, Mailbox
from mail_sender.domain.outcome import Accepted, Refused
from mail_sender.providers.registry import make_provider
from mail_sender.sandbox.faults import Kind, RefuseRecipient
from tests.contracts.api_provider import ApiProviderContract, no_evidence_of
from tests.contracts.provider import a_mail
from tests.make import ANN, BOB, CID, mailboxes, make_message
from tests.providers.api_far_side import ApiFarSide
from tests.providers.sdk import PDF, PNG, judge
from tests.providers.tables import settings_from
from tests.providers.tools import make_tools

ELEVEN = mailboxes([f"r{n}@example.net" for n in range(11)])


class TestMailerSend(ApiProviderContract):
    """Every promise, with MailerSend's words."""

    kind = "mailersend"
    keeps_types = False

    @pytest.mark.parametrize(
        ("fields", "word"),
        [
            ({"to": (), "cc": mailboxes([ANN])}, "To"),
            ({"cc": ELEVEN}, "Cc"),
            ({"bcc": ELEVEN}, "Bcc"),
            ({"subject": ""}, "subject"),
            ({"text": ""}, "text"),
            ({"text": "Hello {{name}}"}, "{{"),
            ({"reply_to": mailboxes([ANN, BOB])}, "Reply-To"),
            ({"headers": (("X_App", "1"),)}, "X_App"),
            ({"headers": (("X-A", "1"), ("x-a", "2"))}, "x-a"),
        ],
    )
    def test_what_its_api_has_no_place_for_is_told_before(
        self, far: ApiFarSide, fields: dict[str, Any], word: str
    ) -> None:
        """MailerSend would answer 422, or change the mail."""
        assert word in (self.make(far.http).cannot_express(make_message(**fields)) or "")

    async def test_a_suppressed_recipient_is_its_own_fault(self, far: ApiFarSide) -> None:
        """The words of a 202 say who got nothing; no other provider may serve them instead."""
        far.faults.put("mailersend", [RefuseRecipient(recipient="bob")])

        outcomes = await self.make(far.http).send(a_mail(), to=frozenset({ANN, BOB}))

        assert isinstance(outcomes[ANN], Accepted)
        assert isinstance(outcomes[BOB], Refused)

    async def test_threads_are_kept_on_every_plan(self, far: ApiFarSide) -> None:
        """Other headers need an expensive plan; these two have fields of their own."""
        mail = make_message(headers=(("In-Reply-To", "<a@b>"), ("References", "<a@b> <c@d>")))

        await self.make(far.http).send(mail, to=frozenset({ANN}))

        sent = json.loads(far.http.last.body)
        assert (sent["in_reply_to"], sent["references"]) == ("<a@b>", ["<a@b>", "<c@d>"])
        assert "headers" not in sent

    async def test_a_name_loses_what_it_refuses(self, far: ApiFarSide) -> None:
        """A comma in a name is worth less than the mail."""
        mail = make_message(sender=Mailbox(Address("shop@example.com"), "Shop, Inc."))

        await self.make(far.http).send(mail, to=frozenset({ANN}))

        assert far.taken[0].read().sender[0].name == "Shop Inc."

    async def test_without_the_domains_id_it_is_not_asked(self, far: ApiFarSide) -> None:
        """Its list wants the id, and a question that must fail costs a rate limit."""
        settings = settings_from("mailersend", domain_id=None)
        provider = make_provider("mailersend", settings, make_tools(far.http))

        evidence = await no_evidence_of(provider, make_message(), timedelta(minutes=1))

        assert evidence.ask_again is None
        assert far.calls == 0


def _send(url: str) -> Any:  # noqa: ANN401
    mail = (
        EmailBuilder()
        .from_email("shop@example.com", "Shop")
        .to(ANN)
        .cc(BOB, "Bob")
        .bcc(CID)
        .reply_to("help@example.com")
        .subject("Über 日本")
        .text("Grüße ☃ and thanks")
        .html('<p>Thanks</p><img src="cid:logo1">')
        .tag("orders")
        .tag("msg_01J8ZK3Q")
        .header("X-App", "shop")
        .build()
    )
    mail.attachments = [
        EmailAttachment(
            content=b64encode(content).decode(), disposition=disposition, filename=name, id=id_
        )
        for content, disposition, name, id_ in (
            (PDF, "attachment", "inv.pdf", None),
            (PNG, "inline", "logo.png", "logo1"),
        )
    ]
    with MailerSendClient("mlsn.k", base_url=f"{url}/v1/", max_retries=0) as client:
        return client.emails.send(mail)


async def test_the_request_is_the_one_that_the_vendors_sdk_sends() -> None:
    """The SDK reads the imitation's answers too."""
    judged = await judge(Kind.MAILERSEND, _send)

    assert judged.ours == judged.theirs
    assert judged.said.status_code == 202
    assert judged.said.headers["x-message-id"] == judged.id
    assert isinstance(judged.complaint, AuthenticationError)
