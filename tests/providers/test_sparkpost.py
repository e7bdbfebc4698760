"""SparkPost: every promise that all providers make, and what only SparkPost does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contracts.api_provider import ApiProviderContract
from tests.make import ANN, BOB, CID, mailboxes, make_message
from tests.providers.api_far_side import ApiFarSide


class TestSparkPost(ApiProviderContract):
    """Every promise, with SparkPost's words.

    Its SDK takes https only, so there is no judge here.
    """

    kind = "sparkpost"
    keeps_inline_names = False

    @pytest.mark.parametrize(
        ("fields", "word"),
        [
            ({"to": (), "cc": mailboxes([ANN])}, "To"),
            ({"subject": ""}, "subject"),
            ({"text": ""}, "text"),
            ({"subject": "Hello {{name}}"}, "{{"),
            ({"headers": (("X-A", "{{name}}"),)}, "{{"),
            ({"headers": (("List-Unsubscribe", "<mailto:a@b.example>"),)}, "List-Unsubscribe"),
            ({"headers": (("X-A", "1"), ("x-a", "2"))}, "x-a"),
        ],
    )
    def test_what_its_api_has_no_place_for_is_told_before(
        self, far: ApiFarSide, fields: dict[str, Any], word: str
    ) -> None:
        """SparkPost would refuse it, run it as code, or drop it in silence."""
        assert word in (self.make(far.http).cannot_express(make_message(**fields)) or "")

    async def test_braces_in_a_text_are_left_alone(self, far: ApiFarSide) -> None:
        """Unless told not to, SparkPost runs them as its template language."""
        mail = make_message(text="{{ not code }}")

        await self.make(far.http).send(mail, to=frozenset({ANN}))

        assert far.taken[0].read().text == "{{ not code }}"
        options = json.loads(far.http.last.body)["options"]
        assert options == {"transactional": True, "perform_substitutions": False}

    async def test_every_envelope_shows_the_same_to(self, far: ApiFarSide) -> None:
        """What it is told to show differs from whom it is told to serve."""
        mail = make_message(to=[ANN, BOB], bcc=mailboxes([CID]))

        await self.make(far.http).send(mail, to=frozenset({BOB, CID}))

        shown = json.loads(far.http.last.body)["recipients"]
        assert [entry["address"]["email"] for entry in shown] == [BOB, CID]
        assert {entry["address"]["header_to"] for entry in shown} == {f"{ANN}, {BOB}"}

    def test_it_is_waited_for_as_long_as_the_vendor_advises(self, far: ApiFarSide) -> None:
        """A short limit turns its slow successes into unknown outcomes."""
        timeouts = self.make(far.http)._timeouts  # type: ignore[attr-defined]

        assert timeouts.answer.total_seconds() == 300
