"""Mailtrap: every promise that all providers make, and what only Mailtrap does."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import mailtrap
import pytest

from mail_sender.domain.outcome import Accepted
from mail_sender.providers.http import Request
from mail_sender.providers.registry import make_provider
from tests.contracts.api_provider import ApiProviderContract
from tests.contracts.provider import a_mail
from tests.make import ANN, BOB, CID, mailboxes, make_message
from tests.providers.api_far_side import ApiFarSide
from tests.providers.scripted_http import ScriptedHttp, always, answer
from tests.providers.sdk import PDF, PNG, judged_mail, meaningful
from tests.providers.tables import settings_from
from tests.providers.tools import make_tools


class TestMailtrap(ApiProviderContract):
    """Every promise, with Mailtrap's words."""

    kind = "mailtrap"

    @pytest.mark.parametrize(
        ("fields", "word"),
        [
            ({"subject": ""}, "subject"),
            ({"text": ""}, "text"),
            ({"headers": (("X-A", "1"), ("x-a", "2"))}, "x-a"),
        ],
    )
    def test_what_its_api_has_no_place_for_is_told_before(
        self, far: ApiFarSide, fields: dict[str, Any], word: str
    ) -> None:
        """Mailtrap would answer 400, and the mail would be called a bad one."""
        assert word in (self.make(far.http).cannot_express(make_message(**fields)) or "")

    async def test_each_recipient_has_the_id_that_its_place_has(self, far: ApiFarSide) -> None:
        """The ids come in the order To, Cc, Bcc, without an address beside them."""
        outcomes = await self.make(far.http).send(a_mail(), to=frozenset({CID, ANN, BOB}))

        ids = {a: o.provider_message_id for a, o in outcomes.items() if isinstance(o, Accepted)}
        query = f"filters[to][operator]=ci_equal&filters[to][value]={BOB}"
        log = Request(
            method="GET",
            url=f"https://mailtrap.io/api/email_logs?{query}",
            headers={"Api-Token": "t"},
        )
        listed = json.loads(far.imitate(log).body)["messages"]
        assert [row["message_id"] for row in listed] == [ids[BOB]]
        assert len(set(ids.values())) == 3

    async def test_metadata_beyond_its_limit_travels_in_a_header(self, far: ApiFarSide) -> None:
        """A thousand bytes are all that it carries; our id must be among them."""
        pairs = tuple((f"k{n}", "ü" * 150) for n in range(6))
        mail = make_message(metadata=pairs, tags=("a", "b"))

        await self.make(far.http).send(mail, to=frozenset({ANN}))

        [taken] = far.taken
        contents = taken.read()
        assert (taken.ms_id, contents.tags) == (mail.id, ("a",))
        left = json.loads({h.name: h.value for h in contents.headers}["X-Metadata"])
        carried = {key: contents.metadata[key] for key in contents.metadata if key[0] == "k"}
        assert carried | left == dict(pairs)
        assert carried
        assert left

    async def test_several_reply_to_addresses_stand_in_a_header(self, far: ApiFarSide) -> None:
        """The field of this name takes one only."""
        mail = make_message(reply_to=mailboxes([ANN, BOB]))

        await self.make(far.http).send(mail, to=frozenset({ANN}))

        assert [box.address for box in far.taken[0].read().reply_to] == [ANN, BOB]

    async def test_a_sandbox_of_mailtraps_own_is_a_path(self) -> None:
        """A team that tests with it must not send real mail by a wrong path."""
        taken = answer(200, {"success": True, "message_ids": ["1"]})
        http = ScriptedHttp(always(taken))
        settings = settings_from("mailtrap", sandbox_id=7, base_url="https://sandbox.example")

        provider = make_provider("mailtrap", settings, make_tools(http))
        await provider.send(make_message(), to=frozenset({ANN}))

        assert http.last.url == "https://sandbox.example/api/send/7"


async def test_the_request_is_the_one_that_the_vendors_sdk_writes(far: ApiFarSide) -> None:
    """The SDK calls https only, so it is asked what it would post."""
    theirs = mailtrap.Mail(
        sender=mailtrap.Address(email="shop@example.com", name="Shop"),
        to=[mailtrap.Address(email=ANN)],
        cc=[mailtrap.Address(email=BOB, name="Bob")],
        bcc=[mailtrap.Address(email=CID)],
        reply_to=mailtrap.Address(email="help@example.com"),
        subject="Über 日本",
        text="Grüße ☃ and thanks",
        html='<p>Thanks</p><img src="cid:logo1">',
        headers={"X-App": "shop"},
        category="orders",
        custom_variables={"ms_id": "msg_01J8ZK3Q", "order": "7"},
        attachments=[
            mailtrap.Attachment(
                content=b64encode(PDF), filename="inv.pdf", mimetype="application/pdf"
            ),
            mailtrap.Attachment(
                content=b64encode(PNG),
                filename="logo.png",
                mimetype="image/png",
                disposition=mailtrap.Disposition.INLINE,
                content_id="logo1",
            ),
        ],
    )
    mail = judged_mail()

    await TestMailtrap().make(far.http).send(mail, to=frozenset(mail.content.recipients))

    ours = meaningful(json.loads(far.http.last.body))
    assert ours["attachments"][0].pop("disposition") == "attachment"  # the default, said
    assert ours == meaningful(theirs.api_data)


@pytest.fixture
def far() -> ApiFarSide:
    return ApiFarSide("mailtrap", ("mailtrap-token",))
