"""Resend: every promise that all providers make, and what only Resend does."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import resend
from resend.exceptions import ResendError

from mail_sender.domain.message import Message
from mail_sender.domain.outcome import Accepted, Unknown
from mail_sender.providers.http import Phase
from mail_sender.providers.port import LooksUp, NoEvidence, Taken
from mail_sender.sandbox.faults import Kind
from tests.contracts.api_provider import ApiProviderContract, with_content
from tests.contracts.provider import a_mail
from tests.make import ANN, BOB, CID, NOW, mailboxes, make_message
from tests.providers.api_far_side import ApiFarSide
from tests.providers.scripted_http import silent
from tests.providers.sdk import PDF, PNG, judge

MINUTE = timedelta(minutes=1)


class TestResend(ApiProviderContract):
    """Every promise, with Resend's words."""

    kind = "resend"

    async def test_the_same_call_again_tells_what_became_of_the_first(
        self, far: ApiFarSide
    ) -> None:
        """The line broke after the mail: repeating under the key sends nothing twice."""
        provider, mail = self.make(far.http), a_mail()
        assert isinstance(provider, LooksUp)
        far.falls_silent()
        lost = await provider.send(mail, to=frozenset({ANN, BOB, CID}))
        far.accepts()
        await provider.send(mail, to=frozenset({ANN, BOB, CID}))  # what Resend got back then

        evidence = await provider.look_up(
            mail, to=[CID, BOB, ANN], attempted_at=NOW, now=NOW + MINUTE
        )

        assert {type(outcome) for outcome in lost.values()} == {Unknown}
        assert isinstance(evidence, Taken)
        assert len(far.taken) == 1
        bodies = {request.body for request in far.http.requests}
        keys = {request.headers["Idempotency-Key"] for request in far.http.requests}
        assert (len(bodies), keys) == (1, {mail.id})

    async def test_a_mail_that_never_arrived_is_sent_by_the_repetition(
        self, far: ApiFarSide
    ) -> None:
        """Either way it is taken once, and nobody has to guess."""
        provider, mail = self.make(far.http), a_mail()
        assert isinstance(provider, LooksUp)

        evidence = await provider.look_up(
            mail, to=[ANN, BOB, CID], attempted_at=NOW, now=NOW + MINUTE
        )

        assert isinstance(evidence, Taken)
        assert [taken.ms_id for taken in far.taken] == [mail.id]

    @pytest.mark.parametrize(
        ("to", "age", "give_up"),
        [
            pytest.param([ANN], MINUTE, timedelta(hours=30), id="some of them"),
            pytest.param([ANN, BOB, CID], timedelta(hours=23), timedelta(hours=30), id="too old"),
            pytest.param([ANN, BOB, CID], timedelta(hours=2), timedelta(hours=2), id="too late"),
        ],
    )
    async def test_what_may_not_be_the_same_call_is_not_repeated(
        self, far: ApiFarSide, to: list[Any], age: timedelta, give_up: timedelta
    ) -> None:
        """Another body, or a key that is forgotten, would be a second mail."""
        provider = self.make(far.http)
        assert isinstance(provider, LooksUp)
        mail = replace(a_mail(), give_up_at=NOW + give_up)

        evidence = await provider.look_up(mail, to=to, attempted_at=NOW, now=NOW + age)

        assert isinstance(evidence, NoEvidence)
        assert evidence.ask_again is None
        assert far.calls == 0

    async def test_a_repetition_that_finds_nobody_is_tried_again(self, far: ApiFarSide) -> None:
        """The key stays good for hours."""
        provider = self.make(far.http)
        assert isinstance(provider, LooksUp)
        far.http.script = silent(Phase.CONNECT)

        evidence = await provider.look_up(
            make_message(), to=[ANN], attempted_at=NOW, now=NOW + MINUTE
        )

        assert isinstance(evidence, NoEvidence)
        assert evidence.ask_again == MINUTE

    async def test_a_call_for_the_rest_has_a_key_of_its_own(self, far: ApiFarSide) -> None:
        """Under the first call's key Resend would call it a repetition, and send nothing."""
        provider, mail = self.make(far.http), a_mail()

        for to in ({ANN, BOB, CID}, {BOB}, {CID}, {BOB}):
            outcomes = await provider.send(mail, to=frozenset(to))
            assert {type(outcome) for outcome in outcomes.values()} == {Accepted}

        assert [set(taken.recipients) for taken in far.taken] == [{ANN, BOB, CID}, {BOB}, {CID}]

    async def test_the_same_key_with_another_mail_means_that_the_first_was_taken(
        self, far: ApiFarSide
    ) -> None:
        """After an upgrade the same mail may be written differently: still once."""
        provider, mail = self.make(far.http), a_mail()
        await provider.send(mail, to=frozenset({ANN, BOB, CID}))
        changed: Message = with_content(mail, subject="Order 8")

        outcomes = await provider.send(changed, to=frozenset({ANN, BOB, CID}))

        assert {type(outcome) for outcome in outcomes.values()} == {Accepted}
        assert len(far.taken) == 1

    async def test_metadata_that_is_no_tag_travels_in_a_header(self, far: ApiFarSide) -> None:
        """Tags take a few characters only, and come back in events; the header does as well."""
        pairs = (("order", "7"), ("ms_id", "forged"), ("note", "Grüße"), ("tag1", "x"))
        mail = make_message(tags=("a", "b"), metadata=pairs)

        await self.make(far.http).send(mail, to=frozenset({ANN}))

        [taken] = far.taken
        contents = taken.read()
        assert taken.ms_id == mail.id
        assert contents.tags == ("a", "b")
        assert contents.metadata["order"] == "7"
        left = {h.name: h.value for h in contents.headers}["X-Metadata"]
        assert json.loads(left) == {"ms_id": "forged", "note": "Grüße", "tag1": "x"}

    async def test_no_text_is_made_from_the_html(self, far: ApiFarSide) -> None:
        """Resend would write one by itself, which nobody asked for."""
        mail = make_message(text=None, html="<p>Thanks</p>", cc=mailboxes([BOB]))

        await self.make(far.http).send(mail, to=frozenset({ANN, BOB}))

        assert json.loads(far.http.last.body)["text"] == ""


def _send(url: str) -> Any:  # noqa: ANN401
    resend.api_key, resend.api_url = "re_k", url
    return resend.Emails.send(
        {
            "from": "Shop <shop@example.com>",
            "to": [ANN],
            "cc": ["Bob <bob@example.net>"],
            "bcc": ["cid@example.org"],
            "reply_to": ["help@example.com"],
            "subject": "Über 日本",
            "text": "Grüße ☃ and thanks",
            "html": '<p>Thanks</p><img src="cid:logo1">',
            "headers": {"X-App": "shop"},
            "tags": [
                {"name": "ms_id", "value": "msg_01J8ZK3Q"},
                {"name": "tag1", "value": "orders"},
                {"name": "order", "value": "7"},
            ],
            "attachments": [
                {"filename": "inv.pdf", "content": list(PDF), "content_type": "application/pdf"},
                {
                    "filename": "logo.png",
                    "content": list(PNG),
                    "content_type": "image/png",
                    "content_id": "logo1",
                },
            ],
        }
    )


async def test_the_request_is_the_one_that_the_vendors_sdk_sends() -> None:
    """The SDK reads the imitation's answers too. It writes files as numbers, we as base64."""
    judged = await judge(Kind.RESEND, _send)

    ours, theirs = (mail.pop("attachments") for mail in (judged.ours, judged.theirs))
    assert judged.ours == judged.theirs
    assert [file.keys() for file in ours] == [file.keys() for file in theirs]
    assert judged.said["id"] == judged.id
    assert isinstance(judged.complaint, ResendError)
