"""What every provider that is reached over HTTP promises on top of `provider.ProviderContract`.

Above all: what no HTTP answer whatsoever may do.
"""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mail_sender.domain.message import Attachment
from mail_sender.domain.outcome import Unknown
from mail_sender.providers.http import Answer, Phase
from mail_sender.providers.port import CheckResult, LooksUp, Provider, VerifiesAddresses
from tests.contracts.provider import FarSide, ProviderContract, a_mail, outcomes_for_two, plain_mail
from tests.make import ANN, CID, NOW
from tests.providers.scripted_http import ScriptedHttp, silent


class HttpProviderContract(ProviderContract):
    """Subclass it for a provider that is reached over HTTP, with `make` as well."""

    def make(self, http: ScriptedHttp) -> Provider:
        """Return the provider, to be given any answer at all."""
        raise NotImplementedError

    def test_no_answer_makes_it_raise_or_forget_anybody(self) -> None:
        """The far side may be a proxy, a captive portal or broken; the worker must live on."""

        @settings(deadline=None, max_examples=200)
        @given(data=st.data())
        def check(data: st.DataObject) -> None:
            provider = self.make(ScriptedHttp(lambda _request: data.draw(any_answer())))
            asyncio.run(_use_all_of(provider))

        check()

    @pytest.mark.parametrize("script", ["falls_silent", "talks_nonsense"])
    async def test_a_check_that_brought_no_answer_says_so(
        self, provider: Provider, far: FarSide, script: str
    ) -> None:
        """A proxy's page is no sign that the account works, nor that it does not."""
        getattr(far, script)()

        check = await provider.check()

        assert check.result is CheckResult.UNREACHABLE
        assert check.detail

    @pytest.mark.parametrize("filename", ["plain.pdf", "Übersicht.pdf"])
    async def test_the_largest_mail_lets_the_event_loop_go_on(self, filename: str) -> None:
        """Thousands of other mails wait for the same loop while 25 MB are encoded."""
        provider = self.make(ScriptedHttp(silent(Phase.CONNECT)))
        most = (provider.capabilities.max_message_bytes or 40 << 20) * 57 // 78 - 4096
        if most < 4 << 20:
            return  # written in no time
        content = bytes(min(25 << 20, most))
        file = Attachment(filename=filename, content_type="application/pdf", content=content)
        mail = plain_mail(attachments=(file,))
        assert provider.cannot_express(mail) is None
        turns = 0
        sending = asyncio.ensure_future(provider.send(mail, to=frozenset({ANN})))

        while not sending.done():
            await asyncio.sleep(0)
            turns += 1

        assert (await sending).keys() == {ANN}
        assert turns > 10  # a handful when the mail is encoded on the loop

    @pytest.mark.parametrize("status", [500, 502, 504, 520])
    async def test_a_crash_on_their_side_is_unknown(self, status: int) -> None:
        """It may have crashed after it queued the mail."""
        page = Answer(status=status, headers={"content-type": "text/html"}, body=b"<h1>Oops</h1>")
        provider = self.make(ScriptedHttp(lambda _request: page))

        for outcome in await outcomes_for_two(provider):
            assert isinstance(outcome, Unknown)
            assert outcome.diagnostic.code == status

    @pytest.mark.parametrize("phase", [Phase.WRITE, Phase.ANSWER])
    async def test_only_silence_before_the_first_byte_means_that_nothing_was_sent(
        self, phase: Phase
    ) -> None:
        """This line is the whole promise of "never twice behind the caller's back"."""
        provider = self.make(ScriptedHttp(silent(phase)))

        for outcome in await outcomes_for_two(provider):
            assert isinstance(outcome, Unknown)


async def _use_all_of(provider: Provider) -> None:
    outcomes = await provider.send(a_mail(), to=frozenset({ANN, CID}))
    assert outcomes.keys() == {ANN, CID}
    await provider.check()
    if isinstance(provider, LooksUp):
        await provider.look_up(a_mail(), to=[ANN], attempted_at=NOW, now=NOW)
    if isinstance(provider, VerifiesAddresses):
        await provider.verification(ANN)
        await provider.ask_verification(ANN)


_WORDS = st.sampled_from(
    ["MessageRejected", "InternalFailure", "Throttling", "not verified", "again after 9999999"]
) | st.text(max_size=20)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("MessageId", "id", "message", "Message", "__type", "code", "Error"),
                    *("SendQuota", "Max24HourSend", "SentLast24Hours", "VerificationStatus"),
                    *("items", "recipient", "headers", "message-id", "domain", "state"),
                    *("retry-seconds", "VerifiedForSendingStatus", "MessageID", "ErrorCode"),
                    *("Messages", "Recipients", "Metadata", "errors", "results", "data", "name"),
                    *("emails", "status", "success", "message_ids", "email", "_id", "To", "Data"),
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


def any_answer() -> st.SearchStrategy[Answer]:
    """Return answers of any status, some in the form of a provider, some in none."""
    from_json = _JSON.map(lambda value: json.dumps(value).encode())
    return st.builds(
        Answer,
        status=st.sampled_from([200, 201, 204, 301, 400, 401, 403, 404, 413, 429, 500, 503])
        | st.integers(200, 599),
        headers=st.dictionaries(
            st.sampled_from(["date", "retry-after", "x-amzn-errortype", "content-type"]),
            _WORDS | st.sampled_from(["text/html", "Mon, 99 Jan 99999 00:00:00 +9999999999"]),
            max_size=4,
        ),
        body=st.binary(max_size=60) | from_json,
    )
