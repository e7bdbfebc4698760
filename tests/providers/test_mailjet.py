"""Mailjet: every promise that all providers make, and what only Mailjet does."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from mailjet_rest import Client

from mail_sender.domain.message import Attachment
from mail_sender.domain.outcome import Accepted
from mail_sender.sandbox.faults import Kind
from tests.contracts.api_provider import ApiProviderContract
from tests.contracts.provider import a_mail
from tests.make import ANN, BOB, CID, mailboxes, make_message
from tests.providers.api_far_side import ApiFarSide
from tests.providers.sdk import PDF, PNG, judge

LARGE = Attachment(filename="a.pdf", content_type="application/pdf", content=bytes((15 << 20) + 1))


class TestMailjet(ApiProviderContract):
    """Every promise, with Mailjet's words."""

    kind = "mailjet"

    @pytest.mark.parametrize(
        ("fields", "word"),
        [
            ({"to": (), "cc": mailboxes([ANN])}, "To"),
            ({"text": ""}, "text"),
            ({"reply_to": mailboxes([ANN, BOB])}, "Reply-To"),
            ({"subject": "a" * 256}, "255"),
            ({"headers": (("X-Mailer", "1"),)}, "X-Mailer"),
            ({"headers": (("X-MJ-Deduplicate", "1"),)}, "X-MJ-Deduplicate"),
            ({"headers": (("X-A", "1"), ("x-a", "2"))}, "x-a"),
            ({"attachments": (LARGE,)}, "20 MB"),
        ],
    )
    def test_what_its_api_has_no_place_for_is_told_before(
        self, far: ApiFarSide, fields: dict[str, Any], word: str
    ) -> None:
        """Mailjet would answer 400, and the mail would be called a bad one."""
        assert word in (self.make(far.http).cannot_express(make_message(**fields)) or "")

    async def test_each_recipient_has_an_id_of_its_own(self, far: ApiFarSide) -> None:
        """Its events name that id, and the id is a number that JavaScript would round."""
        outcomes = await self.make(far.http).send(a_mail(), to=frozenset({ANN, BOB, CID}))

        ids = [o.provider_message_id for o in outcomes.values() if isinstance(o, Accepted)]
        assert len(set(ids)) == 3
        assert all(int(id_) > 2**53 for id_ in ids)

    async def test_further_tags_travel_with_the_metadata(self, far: ApiFarSide) -> None:
        """Mailjet has one campaign; the rest comes back in its events."""
        mail = make_message(tags=("a", "b", "c"), metadata=(("tags", "mine"),))

        await self.make(far.http).send(mail, to=frozenset({ANN}))

        [sent] = json.loads(far.http.last.body)["Messages"]
        assert sent["CustomCampaign"] == "a"
        expected = {"metadata": {"tags": "mine"}, "tags": ["b", "c"]}
        assert json.loads(sent["EventPayload"]) == expected


def _send(url: str) -> Any:  # noqa: ANN401
    files = [
        {
            "ContentType": "application/pdf",
            "Filename": "inv.pdf",
            "Base64Content": b64encode(PDF).decode(),
        },
        {
            "ContentType": "image/png",
            "Filename": "logo.png",
            "ContentID": "logo1",
            "Base64Content": b64encode(PNG).decode(),
        },
    ]
    mail = {
        "From": {"Email": "shop@example.com", "Name": "Shop"},
        "To": [{"Email": ANN}],
        "Cc": [{"Email": BOB, "Name": "Bob"}],
        "Bcc": [{"Email": CID}],
        "ReplyTo": {"Email": "help@example.com"},
        "Subject": "Über 日本",
        "TextPart": "Grüße ☃ and thanks",
        "HTMLPart": '<p>Thanks</p><img src="cid:logo1">',
        "Attachments": files[:1],
        "InlinedAttachments": files[1:],
        "Headers": {"X-App": "shop"},
        "CustomID": "msg_01J8ZK3Q",
        "EventPayload": '{"metadata":{"order":"7"},"tags":[]}',
        "CustomCampaign": "orders",
    }
    with Client(auth=("k", "s"), version="v3.1", api_url=url + "/") as client:
        return client.send.create(data={"Messages": [mail]})


async def test_the_request_is_the_one_that_the_vendors_sdk_sends() -> None:
    """Path, login and envelope are the SDK's; it reads the imitation's answers too."""
    judged = await judge(Kind.MAILJET, _send)

    assert judged.ours == judged.theirs
    assert judged.said.status_code == 200
    assert judged.said.json()["Messages"][0]["Status"] == "success"
