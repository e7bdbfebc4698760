"""Postal: every promise that all providers make, and what only Postal does."""

from __future__ import annotations

import json
from base64 import b64decode
from email import message_from_bytes, policy

from mail_sender.domain.outcome import Accepted
from tests.contracts.api_provider import ApiProviderContract
from tests.contracts.provider import a_mail
from tests.make import ANN, BOB, CID, make_message
from tests.providers.api_far_side import ApiFarSide


class TestPostal(ApiProviderContract):
    """Every promise, with Postal's words. It has no SDK that could judge."""

    kind = "postal"

    async def test_a_whole_mail_has_our_message_id_and_tag(self, far: ApiFarSide) -> None:
        """Postal's events repeat both, and nothing else that is ours."""
        mail = make_message("msg_1", tags=("orders", "spring"))

        await self.make(far.http).send(mail, to=frozenset({ANN}))

        posted = json.loads(far.http.last.body)
        read = message_from_bytes(b64decode(posted["data"]), policy=policy.default)
        assert read["Message-ID"] == "<msg_1@mail.example.com>"
        assert read["X-Postal-Tag"] == "orders"
        assert (posted["mail_from"], posted["rcpt_to"]) == ("shop@example.com", [ANN])

    async def test_each_recipient_has_a_number_of_its_own(self, far: ApiFarSide) -> None:
        """Its events and its look-ups go by that number."""
        outcomes = await self.make(far.http).send(a_mail(), to=frozenset({ANN, BOB, CID}))

        ids = {o.provider_message_id for o in outcomes.values() if isinstance(o, Accepted)}
        assert len(ids) == 3
        assert all(id_.isdecimal() for id_ in ids)
