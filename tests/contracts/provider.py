"""What every provider promises (`providers/port.py`), as tests.

Subclass `ProviderContract`, give it a `provider` and a `far` fixture that belong together, add
nothing. `http_provider` says more of those that are reached over HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import pytest

from mail_sender.domain.message import Address, Mailbox, Message
from mail_sender.domain.outcome import Accepted, Blame, Deferred, Outcome, Reach, Refused, Unknown
from mail_sender.providers.port import (
    CheckResult,
    LooksUp,
    NoEvidence,
    Provider,
    Settling,
    VerificationStatus,
    VerifiesAddresses,
)
from tests.make import ANN, BOB, CID, NOW, mailboxes, make_message


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as the far side got it: who it goes to, and who its readers see it goes to."""

    envelope: frozenset[str]
    named: frozenset[str]


class FarSide(Protocol):
    """The scripted other end, in the provider's own protocol. A script holds until the next."""

    @property
    def secrets(self) -> Sequence[str]:
        """What the provider was configured with and must never show."""
        ...

    @property
    def calls(self) -> int:
        """How often it was called, in whichever way."""
        ...

    @property
    def mails(self) -> Sequence[Mail]:
        """Every mail whose whole text arrived, answered or not."""
        ...

    def accepts(self) -> None:
        """Take every mail, and say of the account that it works."""
        ...

    def refuses_our_key(self) -> None:
        """Refuse everything, in the provider's own words, which repeat what they were given."""
        ...

    def refuses_the_message(self) -> None:
        """Refuse each mail for what stands in it."""
        ...

    def asks_for_patience(self) -> None:
        """Say that it is too much for now."""
        ...

    def is_not_there(self) -> None:
        """Let nobody connect."""
        ...

    def falls_silent(self) -> None:
        """Take all that is said and break the line instead of answering."""
        ...

    def talks_nonsense(self) -> None:
        """Answer with what is no answer in the protocol."""
        ...

    def hangs(self) -> None:
        """Take all that is said and never answer."""
        ...

    async def was_called(self) -> None:
        """Return once a call has arrived."""
        ...


class ProviderContract:
    """Subclass it, give it a `provider` and a `far` fixture, add nothing."""

    async def test_taken_mail_is_accepted_for_everybody(
        self, provider: Provider, far: FarSide
    ) -> None:
        """The id is what an operator searches the provider's own log with."""
        far.accepts()

        outcomes = await provider.send(a_mail(), to=frozenset({ANN, BOB, CID}))

        assert outcomes.keys() == {ANN, BOB, CID}
        for outcome in outcomes.values():
            assert isinstance(outcome, Accepted)
            assert outcome.provider_message_id

    async def test_the_mail_goes_to_those_it_is_for_and_names_no_bcc(
        self, provider: Provider, far: FarSide
    ) -> None:
        """A blind copy that shows is a leak."""
        far.accepts()

        await provider.send(a_mail(), to=frozenset({ANN, BOB, CID}))

        assert list(far.mails) == [Mail(frozenset({ANN, BOB, CID}), frozenset({ANN, BOB}))]

    @pytest.mark.parametrize("to", [{ANN}, {BOB}, {CID}, {BOB, CID}], ids=str)
    async def test_a_mail_for_the_rest_still_names_everybody(
        self, provider: Provider, far: FarSide, to: set[Address]
    ) -> None:
        """Ann was served elsewhere: she gets no second copy, and Bob sees that she has one."""
        far.accepts()

        outcomes = await provider.send(a_mail(), to=frozenset(to))

        assert outcomes.keys() == to
        [mail] = far.mails
        assert mail.envelope == to
        if provider.capabilities.names_everybody:
            assert mail.named == {ANN, BOB}
        else:
            # A blind copy may stand in To only where nobody else reads it.
            assert mail.named >= {ANN, BOB} & to
            assert mail.named <= to
            assert CID not in mail.named or to == {CID}

    async def test_a_mail_with_blind_copies_only_can_be_sent(
        self, provider: Provider, far: FarSide
    ) -> None:
        """Announcements go out like this; the recipients must not see each other."""
        far.accepts()
        mail = plain_mail(to=(), bcc=mailboxes([ANN, BOB]))
        if not provider.capabilities.blind_alone:
            assert "To" in (provider.cannot_express(mail) or "")
            return

        outcomes = await provider.send(mail, to=frozenset({ANN, BOB}))

        assert all(isinstance(outcome, Accepted) for outcome in outcomes.values())
        assert list(far.mails) == [Mail(frozenset({ANN, BOB}), frozenset())]

    async def test_nobody_there_is_a_definite_no_that_may_pass(
        self, provider: Provider, far: FarSide
    ) -> None:
        """Nothing was sent, so the next provider may be asked at once."""
        far.is_not_there()

        for outcome in await outcomes_for_two(provider):
            assert isinstance(outcome, Deferred)
            assert outcome.blame is Blame.PROVIDER
            assert outcome.reach is Reach.CALL

    async def test_silence_after_the_mail_is_unknown(
        self, provider: Provider, far: FarSide
    ) -> None:
        """It may have been taken: asking another provider now could send it twice."""
        far.falls_silent()

        for outcome in await outcomes_for_two(provider):
            assert isinstance(outcome, Unknown)
            assert outcome.diagnostic.text

    async def test_an_answer_that_is_none_is_unknown(
        self, provider: Provider, far: FarSide
    ) -> None:
        """Something took the mail and answered in tongues: nobody knows what it did."""
        far.talks_nonsense()

        for outcome in await outcomes_for_two(provider):
            assert isinstance(outcome, Unknown)

    async def test_a_wrong_key_is_the_accounts_fault(
        self, provider: Provider, far: FarSide
    ) -> None:
        """Every further mail would meet the same: the breaker opens, the next one is asked."""
        far.refuses_our_key()

        for outcome in await outcomes_for_two(provider):
            assert isinstance(outcome, Refused)
            assert outcome.blame is Blame.PROVIDER
            assert outcome.reach is Reach.ACCOUNT

    async def test_a_refused_message_is_nobody_elses_fault(
        self, provider: Provider, far: FarSide
    ) -> None:
        """Another provider would refuse it too, and its reputation would suffer."""
        far.refuses_the_message()

        for outcome in await outcomes_for_two(provider):
            assert isinstance(outcome, Refused)
            assert outcome.blame is Blame.MESSAGE

    async def test_a_plea_for_patience_is_a_definite_no_that_may_pass(
        self, provider: Provider, far: FarSide
    ) -> None:
        """A rate limit is no reason to lose a mail, nor to call the provider dead."""
        far.asks_for_patience()

        for outcome in await outcomes_for_two(provider):
            assert isinstance(outcome, Deferred)
            assert outcome.blame is Blame.PROVIDER
            assert outcome.reach is Reach.CALL

    @pytest.mark.parametrize("script", ["falls_silent", "talks_nonsense", "asks_for_patience"])
    async def test_a_mail_is_tried_once(
        self, provider: Provider, far: FarSide, script: str
    ) -> None:
        """A provider that repeats by itself sends twice behind everybody's back."""
        getattr(far, script)()

        await outcomes_for_two(provider)

        assert far.calls == 1

    async def test_a_cancelled_send_ends_as_cancelled(
        self, provider: Provider, far: FarSide
    ) -> None:
        """A worker that stops must not hang on a provider, nor take the end for an answer."""
        far.hangs()
        sending = asyncio.ensure_future(provider.send(a_mail(), to=frozenset({ANN})))
        await far.was_called()

        sending.cancel()

        with pytest.raises(asyncio.CancelledError):
            await sending

    async def test_no_outcome_and_no_check_shows_a_secret(
        self, provider: Provider, far: FarSide
    ) -> None:
        """They stand in the timeline, in logs and on screens; a far side may repeat our key."""
        far.refuses_our_key()

        outcomes = await outcomes_for_two(provider)
        check = await provider.check()

        for secret in far.secrets:
            assert secret not in repr(outcomes)
            assert secret not in repr(check)
            assert secret not in repr(provider)

    async def test_a_plain_mail_can_be_expressed_and_asking_calls_nobody(
        self, provider: Provider, far: FarSide
    ) -> None:
        """`explain` asks this of every provider."""
        assert provider.cannot_express(a_mail()) is None
        assert far.calls == 0

    async def test_too_many_recipients_are_told_before_anything_is_sent(
        self, provider: Provider, far: FarSide
    ) -> None:
        """A refusal afterwards would cost the mail a detour, or its life."""
        most = provider.capabilities.max_recipients
        fits = plain_mail(to=[f"r{number}@example.net" for number in range(most)])
        over = plain_mail(to=[f"r{number}@example.net" for number in range(most + 1)])

        assert provider.cannot_express(fits) is None
        assert str(most) in (provider.cannot_express(over) or "")
        assert far.calls == 0

    async def test_too_large_a_mail_is_told_before_anything_is_sent(
        self, provider: Provider, far: FarSide
    ) -> None:
        """Megabytes on the wire, to be refused at their end, help nobody."""
        most = provider.capabilities.max_message_bytes
        if most is None:
            return
        assert provider.cannot_express(plain_mail(text="a" * (most + 1)))

    async def test_a_local_part_beyond_ascii_is_told_where_it_cannot_be_sent(
        self, provider: Provider, far: FarSide
    ) -> None:
        """Such an address has no other form: only a provider with SMTPUTF8 can serve it."""
        if provider.capabilities.smtputf8:
            return
        jurgen = Mailbox(Address("jürgen@example.net"))
        for mail in (
            plain_mail(to=[jurgen.address]),
            plain_mail(cc=(jurgen,)),
            plain_mail(bcc=(jurgen,)),
            plain_mail(sender=jurgen),
            plain_mail(reply_to=(jurgen,)),
        ):
            assert jurgen.address in (provider.cannot_express(mail) or "")

    async def test_a_check_tells_a_working_account_without_sending(
        self, provider: Provider, far: FarSide
    ) -> None:
        """`doctor` runs it on a live system."""
        far.accepts()

        check = await provider.check()

        assert check.result is CheckResult.WORKS
        assert check.detail
        assert check.took >= timedelta(0)
        assert not far.mails

    async def test_a_check_tells_a_wrong_key(self, provider: Provider, far: FarSide) -> None:
        """It is the most frequent fault of all, and the words must help to mend it."""
        far.refuses_our_key()

        check = await provider.check()

        assert check.result is CheckResult.REFUSED
        assert check.detail
        assert not far.mails

    async def test_a_check_tells_a_provider_that_nobody_reaches(
        self, provider: Provider, far: FarSide
    ) -> None:
        """A firewall is mended elsewhere than a key."""
        far.is_not_there()

        check = await provider.check()

        assert check.result is CheckResult.UNREACHABLE
        assert check.detail

    async def test_what_settles_is_what_it_has(self, provider: Provider) -> None:
        """`settle` asks only providers that say so; one that says so must have the method."""
        settles_by = provider.capabilities.settles_by
        assert settles_by
        asked = {Settling.LOOK_UP, Settling.IDEMPOTENCY_KEY}
        assert bool(asked.intersection(settles_by)) is isinstance(provider, LooksUp)
        assert (Settling.NOTHING in settles_by) is (settles_by == (Settling.NOTHING,))

    @pytest.mark.parametrize(
        "script", ["is_not_there", "falls_silent", "talks_nonsense", "refuses_our_key"]
    )
    async def test_a_question_that_failed_proves_nothing(
        self, provider: Provider, far: FarSide, script: str
    ) -> None:
        """NotTaken lets the mail go out again: it must never come from a broken line."""
        if not isinstance(provider, LooksUp):
            return
        getattr(far, script)()

        evidence = await provider.look_up(
            a_mail(), to=[ANN], attempted_at=NOW, now=NOW + timedelta(hours=1)
        )

        assert isinstance(evidence, NoEvidence)

    @pytest.mark.parametrize("script", ["is_not_there", "falls_silent", "talks_nonsense"])
    async def test_a_provider_that_cannot_be_asked_verifies_nobody(
        self, provider: Provider, far: FarSide, script: str
    ) -> None:
        """A person who reads "not asked" would ask again, and get a second mail."""
        if not isinstance(provider, VerifiesAddresses):
            return
        getattr(far, script)()

        for ask in (provider.verification, provider.ask_verification):
            found = await ask(ANN)
            assert found.status is VerificationStatus.UNAVAILABLE
            assert found.detail


def a_mail() -> Message:
    """Return a mail to Ann, with a copy to Bob and a blind one to Cid."""
    return plain_mail(to=[ANN], cc=mailboxes([BOB]), bcc=mailboxes([CID]))


def plain_mail(**fields: Any) -> Message:  # noqa: ANN401
    """Return a mail of text that every provider can express; some want ten letters of subject."""
    return make_message(**{"subject": "Your order 7", **fields})


async def outcomes_for_two(provider: Provider) -> list[Outcome]:
    """Send the mail to Ann and Cid and return both outcomes."""
    outcomes = await provider.send(a_mail(), to=frozenset({ANN, CID}))
    assert outcomes.keys() == {ANN, CID}
    return list(outcomes.values())
