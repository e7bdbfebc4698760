"""Postmark: every promise that all providers make, and what only Postmark does."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest
from postmarker.core import PostmarkClient
from postmarker.exceptions import ClientError

from mail_sender.domain.message import Address
from mail_sender.domain.outcome import Accepted, Refused
from mail_sender.sandbox.faults import Kind
from tests.contracts.api_provider import ApiProviderContract, no_evidence_of
from tests.make import ANN, BOB, make_message
from tests.providers.api_far_side import ApiFarSide
from tests.providers.scripted_http import always, answer
from tests.providers.sdk import PDF, PNG, judge


class TestPostmark(ApiProviderContract):
    """Every promise, with Postmark's words."""

    kind = "postmark"

    async def test_metadata_beyond_its_limits_travels_in_a_header(self, far: ApiFarSide) -> None:
        """Ten small pairs are all that it carries; our id must be one of them."""
        pairs = tuple((f"k{n}", "v" * (81 if n == 1 else 5)) for n in range(12))
        mail = make_message(metadata=(("MS_ID", "forged"), *pairs), tags=("a", "b", "c"))

        await self.make(far.http).send(mail, to=frozenset({ANN}))

        [taken] = far.taken
        contents = taken.read()
        assert taken.ms_id == mail.id
        assert contents.tags == ("a",)
        assert contents.metadata["tags"] == "b,c"
        left = {h.name: h.value for h in contents.headers}["X-Metadata"]
        carried = {k: v for k, v in contents.metadata.items() if k not in {"ms_id", "tags"}}
        assert carried | json.loads(left) == dict(mail.content.metadata)

    @pytest.mark.parametrize("domain", ["bücher.example", "xn--bcher-kva.example"])
    async def test_a_refused_address_beyond_ascii_is_refused(
        self, far: ApiFarSide, domain: str
    ) -> None:
        """Counted as taken, its owner waits for a mail that Postmark never tried to deliver."""
        dead = Address("Ann@bücher.example")
        words = f"Message OK, but will not deliver to these inactive addresses: Ann@{domain}. Inact"
        far.http.script = always(answer(200, {"ErrorCode": 0, "Message": words, "MessageID": "p1"}))

        outcomes = await self.make(far.http).send(
            make_message(to=(BOB, dead)), to=frozenset({BOB, dead})
        )

        assert isinstance(outcomes[BOB], Accepted)
        assert isinstance(outcomes[dead], Refused)

    async def test_what_is_not_listed_is_asked_for_again_for_a_day(self, far: ApiFarSide) -> None:
        """Postmark does not say how late its list is: sending again on a guess could double it."""
        provider = self.make(far.http)

        young = await no_evidence_of(provider, make_message(), timedelta(minutes=5))
        old = await no_evidence_of(provider, make_message(), timedelta(days=1))

        assert young.ask_again == timedelta(minutes=5)
        assert old.ask_again is None


def _send(url: str) -> Any:  # noqa: ANN401
    client = PostmarkClient(server_token="t", root_api_url=url + "/")
    return client.emails.send(
        From="Shop <shop@example.com>",
        To=[ANN],
        Cc=["Bob <bob@example.net>"],
        Bcc="cid@example.org",
        ReplyTo="help@example.com",
        Subject="Über 日本",
        TextBody="Grüße ☃ and thanks",
        HtmlBody='<p>Thanks</p><img src="cid:logo1">',
        Headers={"X-App": "shop"},
        Tag="orders",
        Metadata={"ms_id": "msg_01J8ZK3Q", "order": "7"},
        MessageStream="outbound",
        Attachments=[
            ("inv.pdf", b64encode(PDF).decode(), "application/pdf"),
            ("logo.png", b64encode(PNG).decode(), "image/png", "cid:logo1"),
        ],
    )


async def test_the_request_is_the_one_that_a_client_by_others_sends() -> None:
    """Postmarker is what many programs call Postmark with; it reads the imitation's answers too."""
    judged = await judge(Kind.POSTMARK, _send)

    assert judged.theirs.pop("TrackLinks") == "None"  # ours leaves tracking to the account
    assert judged.ours == judged.theirs
    assert judged.said["MessageID"] == judged.id
    assert isinstance(judged.complaint, ClientError)
    assert str(judged.complaint).startswith("[10]")
