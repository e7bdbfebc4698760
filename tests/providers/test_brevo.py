"""Brevo: every promise that all providers make, and what only Brevo does."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from brevo import (
    Brevo,
    SendTransacEmailRequestAttachmentItem,
    SendTransacEmailRequestBccItem,
    SendTransacEmailRequestCcItem,
    SendTransacEmailRequestReplyTo,
    SendTransacEmailRequestSender,
    SendTransacEmailRequestToItem,
)
from brevo.core.api_error import ApiError

from mail_sender.domain.message import Address, Attachment, Disposition, Mailbox
from mail_sender.providers.port import LooksUp, NoEvidence, Taken
from mail_sender.sandbox.faults import Kind
from tests.contracts.api_provider import ApiProviderContract
from tests.contracts.provider import a_mail
from tests.make import ANN, BOB, CID, NOW, mailboxes, make_message
from tests.providers.api_far_side import ApiFarSide
from tests.providers.sdk import PDF, judge, judged_mail

LETTER = Attachment(filename="a.pdf", content_type="application/pdf", content=b"x")


class TestBrevo(ApiProviderContract):
    """Every promise, with Brevo's words."""

    kind = "brevo"
    keeps_types = False

    @pytest.mark.parametrize(
        ("fields", "word"),
        [
            ({"to": (), "bcc": mailboxes([ANN, BOB])}, "To"),
            ({"subject": ""}, "subject"),
            ({"text": ""}, "text"),
            ({"reply_to": mailboxes([ANN, BOB])}, "Reply-To"),
            ({"headers": (("X-Mailin-Custom", "1"),)}, "X-Mailin-Custom"),
            (
                {"attachments": (Attachment(filename="a.exe", content_type="a/b", content=b""),)},
                "a.exe",
            ),
            (
                {"attachments": (Attachment(filename="pdf", content_type="a/b", content=b""),)},
                "pdf",
            ),
            (
                {
                    "attachments": (
                        Attachment(
                            filename="a.png",
                            content_type="image/png",
                            content=b"",
                            disposition=Disposition.INLINE,
                        ),
                    )
                },
                "inline",
            ),
        ],
    )
    def test_what_its_api_has_no_place_for_is_told_before(
        self, far: ApiFarSide, fields: dict[str, Any], word: str
    ) -> None:
        """Brevo would refuse it, or lose it in silence."""
        assert word in (self.make(far.http).cannot_express(make_message(**fields)) or "")

    async def test_a_text_alone_is_sent_as_html_too(self, far: ApiFarSide) -> None:
        """Brevo refuses a mail without HTML, and most system mails have none."""
        mail = make_message(text="a < b\n  & c", html=None)

        await self.make(far.http).send(mail, to=frozenset({ANN}))

        [taken] = far.taken
        contents = taken.read()
        assert contents.text == "a < b\n  & c"
        assert contents.html == '<div style="white-space: pre-wrap">a &lt; b\n  &amp; c</div>'

    async def test_a_name_that_brevo_would_lose_is_encoded(self, far: ApiFarSide) -> None:
        """Letters beyond ASCII together with a comma get lost there."""
        mail = make_message(sender=Mailbox(Address("shop@example.com"), "Jürgen, Shop"))

        await self.make(far.http).send(mail, to=frozenset({ANN}))

        assert json.loads(far.http.last.body)["sender"]["name"].startswith("=?utf-8?")
        assert far.taken[0].read().sender[0].name == "Jürgen, Shop"

    async def test_the_key_is_a_uuid_and_good_for_one_mail(self, far: ApiFarSide) -> None:
        """Another form of key would be ignored, and a repetition would be a second mail."""
        provider, mail = self.make(far.http), a_mail()

        for _ in range(2):
            await provider.send(mail, to=frozenset({ANN, BOB, CID}))

        keys = {json.loads(r.body)["headers"]["idempotencyKey"] for r in far.http.requests}
        assert [UUID(key).version for key in keys] == [4]
        assert len(far.taken) == 1

    @pytest.mark.parametrize("minutes", [1, 11])
    async def test_an_unknown_mail_is_repeated_while_the_key_is_good_and_asked_for_later(
        self, far: ApiFarSide, minutes: int
    ) -> None:
        """A key that is forgotten must not be used: it would send a second mail."""
        provider, mail = self.make(far.http), a_mail()
        assert isinstance(provider, LooksUp)
        await provider.send(mail, to=frozenset({ANN, BOB, CID}))

        evidence = await provider.look_up(
            mail, to=[ANN, BOB, CID], attempted_at=NOW, now=NOW + timedelta(minutes=minutes)
        )

        assert isinstance(evidence, Taken)
        assert far.http.last.method == ("POST" if minutes == 1 else "GET")
        assert len(far.taken) == 1

    async def test_what_is_not_listed_is_not_sent_again(self, far: ApiFarSide) -> None:
        """Brevo does not say how late its events are."""
        provider = self.make(far.http)
        assert isinstance(provider, LooksUp)

        evidence = await provider.look_up(
            a_mail(), to=[ANN, BOB, CID], attempted_at=NOW, now=NOW + timedelta(minutes=11)
        )

        assert isinstance(evidence, NoEvidence)
        assert not far.taken


def _send(url: str) -> Any:  # noqa: ANN401
    with httpx.Client() as line:
        return _send_on(line, f"{url}/v3")


def _send_on(line: httpx.Client, base_url: str) -> Any:  # noqa: ANN401
    client = Brevo(api_key="k", base_url=base_url, max_retries=0, httpx_client=line)
    return client.transactional_emails.send_transac_email(
        sender=SendTransacEmailRequestSender(email="shop@example.com", name="Shop"),
        to=[SendTransacEmailRequestToItem(email=ANN)],
        cc=[SendTransacEmailRequestCcItem(email=BOB, name="Bob")],
        bcc=[SendTransacEmailRequestBccItem(email=CID)],
        reply_to=SendTransacEmailRequestReplyTo(email="help@example.com"),
        subject="Über 日本",
        text_content="Grüße ☃ and thanks",
        html_content="<p>Thanks</p>",
        headers={"X-App": "shop", "X-Mailin-custom": '{"ms_id":"msg_01J8ZK3Q","order":"7"}'},
        tags=["orders", "msg_01J8ZK3Q"],
        attachment=[
            SendTransacEmailRequestAttachmentItem(name="inv.pdf", content=b64encode(PDF).decode())
        ],
    )


async def test_the_request_is_the_one_that_the_vendors_sdk_sends() -> None:
    """The SDK reads the imitation's answers too."""
    pdf = Attachment(filename="inv.pdf", content_type="application/pdf", content=PDF)
    mail = judged_mail(html="<p>Thanks</p>", attachments=(pdf,))

    judged = await judge(Kind.BREVO, _send, mail)

    assert judged.ours["headers"].pop("idempotencyKey")
    assert judged.ours == judged.theirs
    assert judged.said.message_id == judged.id
    assert isinstance(judged.complaint, ApiError)
    assert judged.complaint.status_code == 401
