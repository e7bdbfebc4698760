"""What every provider with a JSON API promises on top of `http_provider.HttpProviderContract`.

Subclass `ApiProviderContract` with a `kind`; its table stands in `tests.providers.tables`, the
vendor's answers in tests/recorded. What a provider's API has no place for is said by its
capabilities and by the few marks below.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

import pytest

from mail_sender.domain.message import Address, Attachment, Disposition, Mailbox, Message
from mail_sender.domain.outcome import Accepted
from mail_sender.providers.port import LooksUp, NoEvidence, Provider, Taken
from mail_sender.providers.registry import make_provider
from mail_sender.sandbox.contents import Contents
from tests.contracts.http_provider import HttpProviderContract
from tests.contracts.provider import a_mail, plain_mail
from tests.make import ANN, BOB, CID, NOW, mailboxes
from tests.providers.api_far_side import ApiFarSide, meaning, recorded_answers
from tests.providers.scripted_http import ScriptedHttp, always, answer
from tests.providers.tables import SECRETS, settings_from
from tests.providers.tools import make_tools

PDF = Attachment(filename="inv.pdf", content_type="application/pdf", content=b"%PDF-\xff\x00")
LOGO = Attachment(
    filename="logo.png",
    content_type="image/png",
    content=bytes(range(256)),
    content_id="logo1",
    disposition=Disposition.INLINE,
)


class ApiProviderContract(HttpProviderContract):
    """Subclass it, say which kind, and what is lost on the way.

    Attributes:
        keeps_types: The content type of a file arrives, and is not guessed from its name.
        keeps_inline_names: So does the file name of an inline image.
        key_in_body: The key is part of what is posted, instead of a header.
    """

    kind: ClassVar[str]
    keeps_types: ClassVar[bool] = True
    keeps_inline_names: ClassVar[bool] = True
    key_in_body: ClassVar[bool] = False

    @pytest.fixture
    def far(self) -> ApiFarSide:
        return ApiFarSide(self.kind, SECRETS[self.kind])

    @pytest.fixture
    def provider(self, far: ApiFarSide) -> Provider:
        return self.make(far.http)

    def make(self, http: ScriptedHttp) -> Provider:
        return make_provider(self.kind, settings_from(self.kind), make_tools(http))

    async def test_each_recorded_answer_means_what_the_vendor_says(
        self, provider: Provider, far: ApiFarSide
    ) -> None:
        """Whose fault it is decides who is asked next: a wrong cell loses or doubles mail."""
        wrong = {}
        for name, recorded in recorded_answers(self.kind).items():
            far.says(name)
            outcomes = await provider.send(a_mail(), to=frozenset({ANN, BOB, CID}))
            found: dict[str, str] = {a: meaning(outcome) for a, outcome in outcomes.items()}
            expected = recorded.means
            if isinstance(expected, str):
                expected = dict.fromkeys((ANN, BOB, CID), expected)
            waits = {getattr(outcome, "retry_after", None) for outcome in outcomes.values()}
            if found != expected:
                wrong[name] = found
            elif recorded.retry_after is not None:
                assert waits == {timedelta(seconds=recorded.retry_after)}, name
        assert wrong == {}

    async def test_everything_that_a_mail_says_arrives(
        self, provider: Provider, far: ApiFarSide
    ) -> None:
        """What is lost between two forms of a mail is lost silently."""
        message = self.full_mail(provider)
        assert provider.cannot_express(message) is None

        outcomes = await provider.send(message, to=frozenset(message.content.recipients))

        assert {type(outcome) for outcome in outcomes.values()} == {Accepted}
        [mail] = far.taken
        self.assert_same(message, mail.read(), provider)
        assert mail.subject == message.content.subject

    async def test_every_mail_carries_our_id(self, provider: Provider, far: ApiFarSide) -> None:
        """Without it no event and no look-up can ever settle an unknown outcome."""
        mail = a_mail()

        await provider.send(mail, to=frozenset({ANN, BOB, CID}))
        await provider.send(mail, to=frozenset({BOB}))

        assert [taken.ms_id for taken in far.taken] == [mail.id, mail.id]

    async def test_an_address_in_two_fields_gets_one_mail(
        self, provider: Provider, far: ApiFarSide
    ) -> None:
        """Some providers refuse such a mail, others send it twice."""
        mail = plain_mail(to=[ANN, ANN], cc=mailboxes([ANN, BOB]), bcc=mailboxes([BOB]))

        outcomes = await provider.send(mail, to=frozenset({ANN, BOB}))

        assert {type(outcome) for outcome in outcomes.values()} == {Accepted}
        [taken] = far.taken
        contents = taken.read()
        given = [box.address for box in (*contents.to, *contents.cc, *contents.bcc)]
        assert sorted(given) == [ANN, BOB] or provider.capabilities.names_everybody
        assert sorted(taken.recipients) == [ANN, BOB]

    async def test_the_key_stands_where_nobody_logs_it(
        self, provider: Provider, far: ApiFarSide
    ) -> None:
        """A URL is logged by every proxy, a body by many tools."""
        await provider.send(a_mail(), to=frozenset({ANN}))

        for secret in far.secrets:
            assert secret not in far.http.last.url
            assert self.key_in_body or secret.encode() not in far.http.last.body

    async def test_a_far_side_that_quotes_us_reveals_nothing(
        self, provider: Provider, far: ApiFarSide
    ) -> None:
        """Diagnostics go to clients, logs and screens."""
        for status in (200, 400, 401, 500):
            far.http.script = always(answer(status, f"you said {' and '.join(far.secrets)}"))

            outcomes = await provider.send(a_mail(), to=frozenset({ANN}))
            check = await provider.check()

            for secret in far.secrets:
                assert secret not in repr((outcomes, check))

    async def test_names_and_domains_beyond_ascii_arrive(
        self, provider: Provider, far: ApiFarSide
    ) -> None:
        """Names are read as Unicode; domains are given as the DNS has them."""
        mail = plain_mail(
            sender=Mailbox(Address("shop@bücher.example"), "Jürgens Bücher"),
            to=["ann@bücher.example"],
            text="Grüße ☃ und genug Text",
            headers=(("X-Place", "Zürich"),),
        )
        assert provider.cannot_express(mail) is None

        await provider.send(mail, to=frozenset(mail.content.recipients))

        [taken] = far.taken
        contents = taken.read()
        assert contents.sender[0].address == "shop@xn--bcher-kva.example"
        assert contents.sender[0].name == "Jürgens Bücher"
        assert taken.recipients == ("ann@xn--bcher-kva.example",)
        assert (contents.text or "").rstrip() == "Grüße ☃ und genug Text"
        assert ("X-Place", "Zürich") in {(h.name, h.value) for h in contents.headers}

    async def test_a_mail_that_is_there_is_found_by_our_id(
        self, provider: Provider, far: ApiFarSide
    ) -> None:
        """It settles what a broken line left open, without a second mail."""
        if not isinstance(provider, LooksUp):
            return
        mail = a_mail()
        outcomes = await provider.send(mail, to=frozenset({ANN, BOB, CID}))

        evidence = await provider.look_up(
            mail, to=[ANN, BOB, CID], attempted_at=NOW, now=NOW + timedelta(minutes=1)
        )

        assert isinstance(evidence, Taken)
        ids = {o.provider_message_id for o in outcomes.values() if isinstance(o, Accepted)}
        # One that only says "this key has sent already" leaves us with our own id.
        assert evidence.provider_message_id in ids | {str(mail.id)}
        assert len(far.taken) == 1

    def full_mail(self, provider: Provider) -> Message:
        """Return a mail with everything that the provider says it can express."""
        can = provider.capabilities
        files = [PDF] if can.attachments else []
        files += [LOGO] if can.inline_images else []
        return plain_mail(
            sender=Mailbox(Address("shop@example.com"), "Shop"),
            to=[ANN, "ann.two@example.net"],
            cc=(Mailbox(BOB, "Bob, Dr."),) if self.kind != "mailersend" else mailboxes([BOB]),
            bcc=mailboxes([CID]),
            reply_to=mailboxes(["help@example.com"]),
            subject="Über 日本, order 7",
            text="Grüße ☃ and thanks",
            html='<p>Grüße <img src="cid:logo1"></p>',
            headers=(("X-App", "shop"),) if can.custom_headers else (),
            attachments=tuple(files),
            tags=("orders",) if can.max_tags else (),
            metadata=(("order", "7"),) if can.metadata else (),
        )

    def assert_same(self, message: Message, read: Contents, provider: Provider) -> None:
        """Compare what was said with what arrived."""
        content, can = message.content, provider.capabilities
        for ours, theirs in (
            ((content.sender,), read.sender),
            (content.to, read.to),
            (content.cc, read.cc),
            (content.reply_to, read.reply_to),
        ):
            assert [(b.address, b.name) for b in ours] == [(b.address, b.name) for b in theirs]
        assert (read.subject, read.text) == (content.subject, content.text)
        assert read.html == content.html
        assert {(h.name, h.value) for h in read.headers} >= set(content.headers)
        assert set(content.tags) <= set(read.tags)
        if can.metadata:
            assert dict(content.metadata).items() <= read.metadata.items()
        files = sorted(content.attachments, key=lambda file: file.content)
        found = sorted(read.attachments, key=lambda file: file.content)
        for file, arrived in zip(files, found, strict=True):
            assert arrived.content == file.content
            if self.keeps_types:
                assert arrived.content_type == file.content_type
            if file.disposition is Disposition.INLINE:
                assert (arrived.content_id, arrived.disposition) == ("logo1", "inline")
                if not self.keeps_inline_names:
                    continue
            assert arrived.filename == file.filename


async def no_evidence_of(provider: Provider, message: Message, age: timedelta) -> NoEvidence:
    """Ask for a mail that is not there, so long after the attempt."""
    assert isinstance(provider, LooksUp)
    evidence = await provider.look_up(message, to=[ANN], attempted_at=NOW, now=NOW + age)
    assert isinstance(evidence, NoEvidence)
    return evidence


def with_content(message: Message, **fields: object) -> Message:
    """Return the message with other content."""
    return replace(message, content=replace(message.content, **fields))  # type: ignore[arg-type]
