"""Scaleway Transactional Email: every promise of all providers, and what only Scaleway does."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from scaleway import Client
from scaleway.tem.v1alpha1 import (
    CreateEmailRequestAddress,
    CreateEmailRequestAttachment,
    CreateEmailRequestHeader,
    TemV1Alpha1API,
)

from mail_sender.domain.message import Attachment, Disposition
from mail_sender.domain.outcome import Accepted
from mail_sender.sandbox.faults import Kind
from tests.contracts.api_provider import ApiProviderContract
from tests.contracts.provider import a_mail, plain_mail
from tests.make import ANN, BOB, CID, mailboxes
from tests.providers.api_far_side import ApiFarSide
from tests.providers.sdk import PDF, judge, judged_mail
from tests.providers.tables import TABLES

SMALL = Attachment(filename="a.pdf", content_type="application/pdf", content=b"x")
INLINE = Attachment(
    filename="a.png", content_type="image/png", content=b"x", disposition=Disposition.INLINE
)


class TestScaleway(ApiProviderContract):
    """Every promise, with Scaleway's words."""

    kind = "scaleway"

    @pytest.mark.parametrize(
        ("fields", "word"),
        [
            ({"to": (), "cc": mailboxes([ANN])}, "To"),
            ({"subject": "Order 7"}, "10 characters"),
            ({"subject": ""}, "10 characters"),
            ({"text": "Thanks"}, "10 characters"),
            ({"html": "<p>7</p>"}, "10 characters"),
            ({"text": ""}, "text"),
            ({"attachments": (INLINE,)}, "inline"),
            ({"attachments": (SMALL,) * 11}, "10 files"),
        ],
    )
    def test_what_its_api_has_no_place_for_is_told_before(
        self, far: ApiFarSide, fields: dict[str, Any], word: str
    ) -> None:
        """Scaleway would answer 400, and the mail would be called a bad one."""
        assert word in (self.make(far.http).cannot_express(plain_mail(**fields)) or "")

    async def test_each_recipient_has_an_id_of_its_own(self, far: ApiFarSide) -> None:
        """Its events name that id."""
        outcomes = await self.make(far.http).send(a_mail(), to=frozenset({ANN, BOB, CID}))

        ids = {o.provider_message_id for o in outcomes.values() if isinstance(o, Accepted)}
        assert len(ids) == 3

    async def test_tags_and_metadata_travel_in_headers(self, far: ApiFarSide) -> None:
        """It has no field for them, and repeats headers in its events."""
        mail = plain_mail(tags=("a", "b"), metadata=(("order", "7"), ("place", "Zürich")))

        await self.make(far.http).send(mail, to=frozenset({ANN}))

        contents = far.taken[0].read()
        assert contents.tags == ("a", "b")
        assert contents.metadata == {"order": "7", "place": "Zürich"}


def _send(url: str) -> Any:  # noqa: ANN401
    client = Client(
        access_key="SCWXXXXXXXXXXXXXXXXX",
        secret_key="66666666-7777-4888-8999-000000000000",
        api_url=url,
        default_region="fr-par",
        default_project_id=TABLES["scaleway"]["project_id"],
    )
    return TemV1Alpha1API(client).create_email(
        from_=CreateEmailRequestAddress(email="shop@example.com", name="Shop"),
        to=[CreateEmailRequestAddress(email=ANN)],
        cc=[CreateEmailRequestAddress(email=BOB, name="Bob")],
        bcc=[CreateEmailRequestAddress(email=CID)],
        subject="Über 日本, order 7",
        text="Grüße ☃ and thanks",
        html="<p>Thanks</p>",
        attachments=[
            CreateEmailRequestAttachment(
                name="inv.pdf", type_="application/pdf", content=b64encode(PDF).decode()
            )
        ],
        additional_headers=[
            CreateEmailRequestHeader(key="X-App", value="shop"),
            CreateEmailRequestHeader(key="Reply-To", value="help@example.com"),
            CreateEmailRequestHeader(key="X-MS-ID", value="msg_01J8ZK3Q"),
            CreateEmailRequestHeader(key="X-Tags", value="orders"),
            CreateEmailRequestHeader(key="X-Metadata", value='{"order":"7"}'),
        ],
    )


async def test_the_request_is_the_one_that_the_vendors_sdk_sends() -> None:
    """The SDK reads the imitation's answers too."""
    pdf = Attachment(filename="inv.pdf", content_type="application/pdf", content=PDF)
    mail = judged_mail(subject="Über 日本, order 7", html="<p>Thanks</p>", attachments=(pdf,))

    judged = await judge(Kind.SCALEWAY, _send, mail)

    assert judged.ours == judged.theirs
    assert {email.mail_rcpt for email in judged.said.emails} == {ANN, BOB, CID}
    assert {email.message_id for email in judged.said.emails} == {judged.id}
    assert judged.complaint is not None
