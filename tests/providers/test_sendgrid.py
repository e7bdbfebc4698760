"""SendGrid: every promise that all providers make, and what only SendGrid does."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from python_http_client.exceptions import UnauthorizedError
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import (
    Attachment,
    Bcc,
    Category,
    Cc,
    Content,
    CustomArg,
    Header,
    Mail,
    ReplyTo,
)

from mail_sender.sandbox.faults import Kind
from tests.contracts.api_provider import ApiProviderContract
from tests.make import ANN, BOB, mailboxes, make_message
from tests.providers.api_far_side import ApiFarSide
from tests.providers.sdk import PDF, PNG, judge


class TestSendGrid(ApiProviderContract):
    """Every promise, with SendGrid's words."""

    kind = "sendgrid"

    @pytest.mark.parametrize(
        ("fields", "word"),
        [
            ({"to": (), "cc": mailboxes([ANN])}, "To"),
            ({"subject": ""}, "subject"),
            ({"text": ""}, "text"),
            ({"headers": (("X-A", "1"), ("x-a", "2"))}, "x-a"),
            ({"headers": (("X-SG-EID", "1"),)}, "X-SG-EID"),
        ],
    )
    def test_what_its_api_has_no_place_for_is_told_before(
        self, far: ApiFarSide, fields: dict[str, Any], word: str
    ) -> None:
        """SendGrid would answer 400, and the mail would be called a bad one."""
        assert word in (self.make(far.http).cannot_express(make_message(**fields)) or "")

    async def test_metadata_cannot_take_our_id_nor_an_events_field(self, far: ApiFarSide) -> None:
        """SendGrid puts custom arguments beside the fields of an event, which win."""
        mail = make_message(metadata=(("ms_id", "forged"), ("email", "x")))

        await self.make(far.http).send(mail, to=frozenset({ANN}))

        [taken] = far.taken
        assert taken.ms_id == mail.id
        assert b'"m_email":"x"' in taken.raw
        assert b'"m_ms_id":"forged"' in taken.raw

    async def test_several_reply_to_addresses_are_a_list(self, far: ApiFarSide) -> None:
        """One field takes one, the other takes many, and both together are refused."""
        mail = make_message(reply_to=mailboxes([ANN, BOB]))

        await self.make(far.http).send(mail, to=frozenset({ANN}))

        [taken] = far.taken
        assert [box.address for box in taken.read().reply_to] == [ANN, BOB]


def _send(url: str) -> Any:  # noqa: ANN401
    mail = Mail(("shop@example.com", "Shop"), ANN, "Über 日本")
    mail.add_cc(Cc("bob@example.net", "Bob"))
    mail.add_bcc(Bcc("cid@example.org"))
    mail.reply_to = ReplyTo("help@example.com")
    mail.add_content(Content("text/plain", "Grüße ☃ and thanks"))
    mail.add_content(Content("text/html", '<p>Thanks</p><img src="cid:logo1">'))
    mail.add_header(Header("X-App", "shop"))
    mail.add_category(Category("orders"))
    person = mail.personalizations[0]
    person.add_custom_arg(CustomArg("ms_id", "msg_01J8ZK3Q"))
    person.add_custom_arg(CustomArg("m_order", "7"))
    for name, type_, content, disposition, content_id in (
        ("inv.pdf", "application/pdf", PDF, "attachment", None),
        ("logo.png", "image/png", PNG, "inline", "logo1"),
    ):
        mail.add_attachment(
            Attachment(b64encode(content).decode(), name, type_, disposition, content_id)
        )
    return SendGridAPIClient("SG.k", host=url).send(mail)


async def test_the_request_is_the_one_that_the_vendors_sdk_sends() -> None:
    """The SDK reads the imitation's answers too."""
    judged = await judge(Kind.SENDGRID, _send)

    for mail in (judged.ours, judged.theirs):
        mail["attachments"].sort(key=lambda file: file["filename"])
    assert judged.ours == judged.theirs
    assert (judged.said.status_code, judged.said.headers["X-Message-Id"]) == (202, judged.id)
    assert isinstance(judged.complaint, UnauthorizedError)
