"""Mandrill: every promise that all providers make, and what only Mandrill does."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from mailchimp_transactional import Client
from mailchimp_transactional.api_client import ApiClientError

from mail_sender.domain.message import Attachment, Disposition
from mail_sender.domain.outcome import Accepted, Refused
from mail_sender.sandbox.faults import Kind, RefuseRecipient
from tests.contracts.api_provider import ApiProviderContract
from tests.contracts.provider import a_mail
from tests.make import ANN, BOB, CID, mailboxes, make_message
from tests.providers.api_far_side import ApiFarSide
from tests.providers.sdk import PDF, PNG, judge


class TestMandrill(ApiProviderContract):
    """Every promise, with Mandrill's words."""

    kind = "mandrill"
    keeps_inline_names = False
    key_in_body = True

    @pytest.mark.parametrize(
        ("fields", "word"),
        [
            ({"to": (), "cc": mailboxes([ANN])}, "To"),
            ({"text": ""}, "text"),
            ({"headers": (("X-A", "1"), ("x-a", "2"))}, "x-a"),
        ],
    )
    def test_what_its_api_has_no_place_for_is_told_before(
        self, far: ApiFarSide, fields: dict[str, Any], word: str
    ) -> None:
        """Mandrill would refuse it, or lose a part of it."""
        assert word in (self.make(far.http).cannot_express(make_message(**fields)) or "")

    async def test_a_rejected_recipient_is_its_own_fault(self, far: ApiFarSide) -> None:
        """The others got their mail; and no other provider may mail a suppressed address."""
        far.faults.put("mandrill", [RefuseRecipient(recipient="bob")])

        outcomes = await self.make(far.http).send(a_mail(), to=frozenset({ANN, BOB, CID}))

        assert isinstance(outcomes[BOB], Refused)
        ids = {o.provider_message_id for o in outcomes.values() if isinstance(o, Accepted)}
        assert len(ids) == 2

    async def test_tags_lose_what_mandrill_refuses(self, far: ApiFarSide) -> None:
        """An underscore in front is its own mark, and fifty characters are all it takes."""
        mail = make_message(tags=("_own", "a" * 60, "_"))

        await self.make(far.http).send(mail, to=frozenset({ANN}))

        assert far.taken[0].read().tags == ("own", "a" * 50)

    async def test_what_is_inline_and_no_image_is_attached(self, far: ApiFarSide) -> None:
        """Its images take images only; a file that is lost would be worse than one attached."""
        video = Attachment(
            filename="a.mp4",
            content_type="video/mp4",
            content=b"x",
            content_id="v",
            disposition=Disposition.INLINE,
        )

        await self.make(far.http).send(make_message(attachments=(video,)), to=frozenset({ANN}))

        [file] = far.taken[0].read().attachments
        assert (file.filename, file.disposition) == ("a.mp4", "attachment")


def _send(url: str) -> Any:  # noqa: ANN401
    client = Client("md-mandrill-key")
    client.api_client.host = f"{url}/api/1.4"
    return client.messages.send(
        {
            "message": {
                "from_email": "shop@example.com",
                "from_name": "Shop",
                "to": [
                    {"email": ANN, "type": "to"},
                    {"email": BOB, "name": "Bob", "type": "cc"},
                    {"email": CID, "type": "bcc"},
                ],
                "subject": "Über 日本",
                "text": "Grüße ☃ and thanks",
                "html": '<p>Thanks</p><img src="cid:logo1">',
                "headers": {"X-App": "shop", "Reply-To": "help@example.com"},
                "attachments": [
                    {
                        "type": "application/pdf",
                        "name": "inv.pdf",
                        "content": b64encode(PDF).decode(),
                    }
                ],
                "images": [
                    {"type": "image/png", "name": "logo1", "content": b64encode(PNG).decode()}
                ],
                "tags": ["orders"],
                "metadata": {"order": "7", "ms_id": "msg_01J8ZK3Q"},
                "preserve_recipients": True,
                "merge": False,
            },
            "async": False,
        }
    )


async def test_the_request_is_the_one_that_the_vendors_sdk_sends() -> None:
    """Path and envelope are the SDK's; it reads the imitation's answers too."""
    judged = await judge(Kind.MANDRILL, _send)

    assert judged.ours == judged.theirs
    assert [row["status"] for row in judged.said] == ["sent", "sent", "sent"]
    assert isinstance(judged.complaint, ApiClientError)
    assert judged.complaint.text["name"] == "Invalid_Key"
