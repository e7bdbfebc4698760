"""Handing a mail over by SMTP, to a server that answers, errs and breaks off at will."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from mail_sender.domain.message import Address, Attachment
from mail_sender.domain.outcome import (
    Accepted,
    Blame,
    Deferred,
    Outcome,
    Reach,
    Refused,
    Unknown,
)
from mail_sender.providers.port import Settling
from mail_sender.providers.smtp import Settings

from ..make import ANN, BOB, CID, mailboxes, make_content, make_message
from ..parsed_mail import read_back
from .smtp_far_side import Act, Manners
from .smtp_relay import LARGE_TEXT, SOON, answering, outcomes_of, relay, send, until

# --- a mail ------------------------------------------------------------------------------


async def test_a_mail_arrives_as_it_was_rendered_with_our_id_on_it() -> None:
    """The id in three places lets a report of any kind find its message."""
    manners = Manners(offers=("SIZE 1000000", "DSN", "PIPELINING"))
    async with relay(manners) as (far_side, provider):
        message = make_message(tags=("order",), metadata=(("customer", "7"),), text=".\n..dot\n")
        (outcome,) = await send(provider, message)

    assert isinstance(outcome, Accepted)
    assert outcome.provider_message_id == f"<{message.id}@example.com>"
    assert outcome.diagnostic is not None
    assert (outcome.diagnostic.code, outcome.diagnostic.enhanced_code) == (250, "2.0.0")
    assert outcome.diagnostic.text == "2.0.0 Ok: queued as 4XyZ1"
    (mail,) = far_side.mails
    assert far_side.commands == [
        "EHLO mail.example.com",
        f"MAIL FROM:<shop@example.com> SIZE={len(mail)} RET=HDRS ENVID={message.id}",
        "RCPT TO:<ann@example.net>",
        "DATA",
        "QUIT",
    ]
    assert f"\r\nMessage-ID: <{message.id}@example.com>\r\n".encode() in mail
    assert f"\r\nX-MS-ID: {message.id}\r\n".encode() in mail
    assert b"\r\nX-MS-Tag: order\r\n" in mail
    assert b"customer" not in mail
    assert mail.endswith(b"\r\n\r\n.\r\n..dot\r\n")


async def test_only_what_the_server_offers_is_used() -> None:
    """A parameter that was not offered is a syntax error (RFC 5321 section 4.1.1.11)."""
    async with relay(Manners()) as (far_side, provider):
        await send(provider, make_message())

    assert "MAIL FROM:<shop@example.com>" in far_side.commands


async def test_every_attempt_sends_the_same_octets() -> None:
    """A receiver that drops duplicates does so by Message-ID, and only for equal mails."""
    message = make_message(html="<p>ä", bcc=mailboxes([BOB]))
    async with relay(Manners(final=[("451 later",), ("250 Ok",)])) as (far_side, provider):
        await send(provider, message)
        await send(provider, message)

    first, second = far_side.mails
    assert first == second


async def test_the_envelope_names_only_who_is_left_and_the_headers_everybody() -> None:
    """After a partial success the rest gets the same mail, and nobody gets it twice."""
    message = make_message(to=(ANN, BOB), bcc=mailboxes([CID]))
    async with relay() as (far_side, provider):
        outcomes = await provider.send(message, to=frozenset({BOB, CID}))

    assert set(outcomes) == {BOB, CID}
    assert [c for c in far_side.commands if c.startswith("RCPT")] == [
        "RCPT TO:<bob@example.net>",
        "RCPT TO:<cid@example.org>",
    ]
    assert b"\r\nTo: ann@example.net, bob@example.net\r\n" in far_side.mails[0]
    assert b"cid@" not in far_side.mails[0]


async def test_an_international_domain_goes_as_a_labels() -> None:
    """No SMTPUTF8 is needed for it, so every server can take it."""
    message = make_message(to=("ann@bücher.example",))
    async with relay() as (far_side, provider):
        (outcome,) = await send(provider, message)

    assert isinstance(outcome, Accepted)
    assert "RCPT TO:<ann@xn--bcher-kva.example>" in far_side.commands


async def test_a_mail_larger_than_every_buffer_arrives_whole() -> None:
    """Written in pieces, rendered in a thread, and the dot comes last."""
    content = bytes(range(256)) * 32768
    attachment = Attachment(filename="x", content_type="a/b", content=content)
    message = make_message(attachments=(attachment,))
    async with relay() as (far_side, provider):
        (outcome,) = await send(provider, message)

    assert isinstance(outcome, Accepted)
    assert len(far_side.mails[0]) > len(content) * 4 // 3


async def test_a_message_that_cannot_be_written_is_the_messages_fault() -> None:
    """No other provider could write it either, and nothing is sent."""
    message = make_message(to=("no address",))
    async with relay() as (far_side, provider):
        (outcome,) = await send(provider, message)
        assert provider.cannot_express(message)

    assert isinstance(outcome, Refused)
    assert outcome.blame is Blame.MESSAGE
    assert far_side.sessions == []


async def test_the_account_may_have_one_sender_of_its_own() -> None:
    """Failover reads it from here and rewrites the message before it asks."""
    async with relay(sender="relay@example.org") as (_, provider):
        assert provider.sender == "relay@example.org"
        assert (provider.name, provider.kind) == ("relay", "smtp")
        assert provider.capabilities.settles_by == (Settling.NOTHING,)


# --- many recipients ---------------------------------------------------------------------


@pytest.mark.parametrize("offers", [("PIPELINING",), ("8BITMIME",)])
async def test_each_recipient_has_an_outcome_of_its_own(offers: tuple[str, ...]) -> None:
    """One typing error among three recipients must not cost the two others their mail."""
    manners = Manners(
        offers=offers,
        answers={
            "RCPT TO:<bob": [("550 5.1.1 <bob@example.net>: no such user",)],
            "RCPT TO:<cid": [("450 4.2.1 greylisted",)],
        },
    )
    ann, bob, cid = await outcomes_of(manners, to=(ANN, BOB, CID))

    assert isinstance(ann, Accepted)
    assert isinstance(bob, Refused)
    assert bob.blame is Blame.RECIPIENT
    assert bob.diagnostic.text == "5.1.1 <bob@example.net>: no such user"
    assert isinstance(cid, Deferred)


async def test_a_server_that_pipelines_gets_the_envelope_in_one_write() -> None:
    """One round trip instead of five for three recipients (RFC 2920)."""
    answers: dict[str, list[tuple[str, ...]]] = {
        "MAIL": [()],  # not a word until DATA has come
        "RCPT": [()],
        "DATA": [("250 Ok", "250 Ok", "250 Ok", "354 go")],
    }
    ann, bob = await outcomes_of(Manners(offers=("PIPELINING",), answers=answers), to=(ANN, BOB))

    assert isinstance(ann, Accepted)
    assert isinstance(bob, Accepted)


@pytest.mark.parametrize(
    "refusals",
    [
        {"RCPT": [("550 5.1.1 no such user",)]},
        {"MAIL": [("550 5.1.8 bad sender",)], "RCPT": [("503 5.5.1 MAIL first",)]},
    ],
)
async def test_the_mail_is_never_sent_when_nobody_is_there_to_get_it(
    refusals: dict[str, list[tuple[str, ...]]],
) -> None:
    """RFC 2920 section 3.1: 354 although all were refused is answered by the dot alone."""
    manners = Manners(
        offers=("PIPELINING",), answers=dict(refusals), final=[("554 5.5.1 no recipients",)]
    )
    async with relay(manners) as (far_side, provider):
        outcomes = await send(provider, make_message(to=(ANN, BOB)))
        far_side.manners.answers = {}
        far_side.manners.final = [("250 Ok",)]
        again = await send(provider, make_message(to=(ANN, BOB)))

    assert all(isinstance(outcome, Refused) for outcome in outcomes)
    assert far_side.mails[0] == b""
    assert all(isinstance(outcome, Accepted) for outcome in again)
    assert len(far_side.sessions) == 1


async def test_without_pipelining_nothing_is_asked_after_a_refusal() -> None:
    """Lock-step: DATA after refused recipients only earns a 503."""
    async with relay(answering(RCPT="550 5.1.1 no")) as (far_side, provider):
        await send(provider, make_message())

    assert "DATA" not in far_side.commands


@pytest.mark.parametrize("full", ["452 4.5.3 Too many recipients", "552 Too many recipients"])
@pytest.mark.parametrize("offers", [("PIPELINING",), ("8BITMIME",)])
async def test_recipients_that_did_not_fit_in_get_a_transaction_of_their_own(
    full: str, offers: tuple[str, ...]
) -> None:
    """RFC 5321 section 4.5.3.1.10; over the same connection, and nobody twice."""
    answers = {"RCPT TO:<cid": [(full,), ("250 Ok",)]}
    async with relay(Manners(offers=offers, answers=answers)) as (far_side, provider):
        outcomes = await send(provider, make_message(to=(ANN, BOB, CID)))

    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    (session,) = far_side.sessions
    assert [c for c in session.commands if c[:4] in {"RSET", "RCPT"}] == [
        "RCPT TO:<ann@example.net>",
        "RCPT TO:<bob@example.net>",
        "RCPT TO:<cid@example.org>",
        "RSET",
        "RCPT TO:<cid@example.org>",
    ]


async def test_a_server_that_has_room_for_nobody_is_not_asked_for_ever() -> None:
    """A next transaction is made only after one that made progress."""
    async with relay(answering(RCPT="452 4.5.3 Too many recipients")) as (far_side, provider):
        ann, bob = await send(provider, make_message(to=(ANN, BOB)))

    assert isinstance(ann, Deferred)
    assert isinstance(bob, Deferred)
    assert len([c for c in far_side.commands if c.startswith("RCPT")]) == 2


async def test_more_than_a_hundred_recipients_take_several_transactions() -> None:
    """A hundred is what every server must take, so it is what is asked of each."""
    to = tuple(f"r{n}@example.net" for n in range(250))
    async with relay(Manners(offers=("PIPELINING",))) as (far_side, provider):
        outcomes = await send(provider, make_message(to=to))

    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert len(far_side.mails) == 3
    assert len(far_side.sessions) == 1


async def test_recipients_behind_a_broken_transaction_are_deferred_and_not_unknown() -> None:
    """They were never asked for, so they may go elsewhere at once."""
    to = tuple(f"r{n}@example.net" for n in range(150))
    manners = Manners(offers=("PIPELINING",), final=[(Act.DROP,)])
    outcomes = await outcomes_of(manners, to=to)

    assert [type(outcome) for outcome in outcomes] == [Unknown] * 100 + [Deferred] * 50


# --- the final dot -----------------------------------------------------------------------


@pytest.mark.parametrize("act", [Act.DROP, Act.CLOSE])
async def test_a_line_that_breaks_before_the_dot_was_written_means_not_accepted(act: Act) -> None:
    """RFC 5321 section 4.1.1.10: another provider may be asked at once."""
    manners = Manners(body_limit=100_000, at_limit=(act,))
    async with relay(manners) as (far_side, provider):
        (outcome,) = await send(provider, make_message(text=LARGE_TEXT))

    assert isinstance(outcome, Deferred)
    assert outcome.blame is Blame.PROVIDER
    assert far_side.mails == []


async def test_a_server_that_stops_reading_before_the_dot_has_not_accepted() -> None:
    """The write limit ends it; the kernel never got the dot."""
    manners = Manners(body_limit=1000, at_limit=(Act.SILENCE,))
    async with relay(manners, write_timeout=SOON) as (_, provider):
        (outcome,) = await send(provider, make_message(text=LARGE_TEXT))

    assert isinstance(outcome, Deferred)
    assert outcome.diagnostic.text == "the server did not take the data within 0.2 s"


async def test_a_refusal_in_the_middle_of_the_mail_is_read() -> None:
    """Servers say "too big" and hang up; the words are worth more than the broken pipe."""
    manners = Manners(
        body_limit=1000,
        at_limit=("552 5.3.4 Message too big", Act.SILENCE),
    )
    async with relay(manners, write_timeout=SOON) as (_, provider):
        (outcome,) = await send(provider, make_message(text=LARGE_TEXT))

    assert isinstance(outcome, Refused)
    assert (outcome.blame, outcome.reach) == (Blame.PROVIDER, Reach.MESSAGE)
    assert outcome.diagnostic.code == 552


@pytest.mark.parametrize("said", ["421 4.3.2 closing", "hello", "250-half"])
async def test_other_words_in_the_middle_of_the_mail_are_no_answer_to_it(said: str) -> None:
    """Without the dot it is not accepted, so it may go elsewhere."""
    manners = Manners(body_limit=1000, at_limit=(said, Act.CLOSE))
    (outcome,) = await outcomes_of_large(manners)

    assert isinstance(outcome, Deferred)


async def outcomes_of_large(manners: Manners) -> list[Outcome]:
    """Return what became of a mail that fills every buffer."""
    async with relay(manners, write_timeout=SOON, command_timeout=SOON) as (_, provider):
        return await send(provider, make_message(text=LARGE_TEXT))


async def test_data_that_is_refused_is_no_refusal_of_the_content() -> None:
    """The server has not seen it; another provider is asked."""
    (outcome,) = await outcomes_of(answering(DATA="554 5.5.1 not now"))

    assert isinstance(outcome, Refused)
    assert outcome.blame is Blame.PROVIDER


async def test_a_yes_before_the_dot_is_no_yes() -> None:
    """A mail without its dot is not accepted, whatever the server thinks it heard."""
    manners = Manners(body_limit=1000, at_limit=("250 Ok", Act.SILENCE))
    async with relay(manners, write_timeout=SOON) as (_, provider):
        (outcome,) = await send(provider, make_message(text=LARGE_TEXT))

    assert isinstance(outcome, Deferred)


@pytest.mark.parametrize(
    "final",
    [
        (Act.DROP,),
        (Act.CLOSE,),
        (Act.SILENCE,),
        ("hello",),
        ("250-half", Act.CLOSE),
        ("250-one\r\n251 other",),
        ("354 go on",),
        (b"\xff\xfe\n",),
        (b"2" * 20_000,),
    ],
)
async def test_after_the_dot_only_a_well_formed_reply_tells(final: tuple[Any, ...]) -> None:
    """Sending again may be a duplicate, not sending may be a loss: the caller decides."""
    manners = Manners(answers={"RCPT TO:<bob": [("550 5.1.1 no",)]}, final=[final])
    ann, bob = await outcomes_of(manners, to=(ANN, BOB), answer_timeout=SOON)

    assert isinstance(ann, Unknown)
    assert isinstance(bob, Refused)


async def test_silence_after_the_dot_says_how_long_it_was() -> None:
    """The operator sees whether the limit or the server is at fault."""
    (outcome,) = await outcomes_of(Manners(final=[(Act.SILENCE,)]), answer_timeout=SOON)

    assert isinstance(outcome, Unknown)
    assert outcome.diagnostic.text == "no answer within 0.2 s"


async def test_the_last_answer_may_take_ten_minutes() -> None:
    """RFC 5321 section 4.5.3.2.6: giving up earlier makes multiple copies."""
    settings = Settings(kind="smtp", host="relay.test")

    assert settings.answer_timeout == timedelta(minutes=10)


@pytest.mark.parametrize("after", [Act.DROP, Act.CLOSE, b"421 4.3.2 bye\r\n"])
async def test_what_happens_after_the_yes_changes_nothing(after: Any) -> None:  # noqa: ANN401
    """Responsibility was taken with the 250 (RFC 5321 section 4.1.1.4)."""
    async with relay(Manners(final=[("250 2.0.0 Ok", after)])) as (far_side, provider):
        (first,) = await send(provider, make_message())
        (second,) = await send(provider, make_message())

    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert len(far_side.sessions) == 2


@pytest.mark.parametrize("reply", ["451 4.3.0 later", "421 4.3.2 closing"])
async def test_a_transient_reply_to_the_dot_is_a_clean_no(reply: str) -> None:
    """RFC 5321 section 4.2.5: the server must not deliver it."""
    (outcome,) = await outcomes_of(Manners(final=[(reply,)]))

    assert isinstance(outcome, Deferred)
    assert outcome.diagnostic.text == reply[4:]


async def test_a_cancelled_send_drops_the_connection_and_raises() -> None:
    """A half-spoken transaction must never be continued by the next mail."""
    async with relay(Manners(final=[(Act.SILENCE,), ("250 Ok",)])) as (far_side, provider):
        sending = asyncio.ensure_future(send(provider, make_message()))
        await until(lambda: far_side.mails != [])
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        (outcome,) = await send(provider, make_message())

    assert isinstance(outcome, Accepted)
    assert len(far_side.sessions) == 2


async def test_a_send_that_is_cancelled_before_the_mail_leaves_no_connection_behind() -> None:
    """The server would wait for a transaction that nobody continues."""
    async with relay(Manners(answers={"MAIL": [()]})) as (far_side, provider):
        sending = asyncio.ensure_future(send(provider, make_message()))
        await until(lambda: len(far_side.commands) == 2)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        async with asyncio.timeout(10):
            await far_side.sessions[0].ended.wait()

    assert far_side.sessions[0].commands[-1].startswith("MAIL")


# --- replies -----------------------------------------------------------------------------


async def test_a_reply_of_many_lines_in_many_packets_is_one_reply() -> None:
    """TCP has no messages; EHLO has many lines."""

    async def split(text: bytes) -> list[bytes]:
        return [text[at : at + 1] for at in range(len(text))]

    reply = b"250-2.0.0 Thank you\r\n250-2.0.0 very\r\n250 2.0.0 much\r\n"
    (outcome,) = await outcomes_of(Manners(final=[tuple(await split(reply))]))

    assert isinstance(outcome, Accepted)
    assert outcome.diagnostic is not None
    assert outcome.diagnostic.text == "2.0.0 Thank you 2.0.0 very 2.0.0 much"


@pytest.mark.parametrize(
    ("reply", "enhanced"),
    [
        ("550 5.7.1 no", "5.7.1"),
        ("550 no", None),
        ("550 4.7.1 a class that contradicts the code", None),
        ("550 5.7.1234 no", None),
        ("550 5.7.1.1 no", None),
        ("550", None),
    ],
)
async def test_an_enhanced_code_counts_only_when_it_agrees(
    reply: str, enhanced: str | None
) -> None:
    """RFC 2034 section 4: else the three digits are the truth."""
    (outcome,) = await outcomes_of(answering(RCPT=reply))

    assert isinstance(outcome, Refused)
    assert (outcome.diagnostic.code, outcome.diagnostic.enhanced_code) == (550, enhanced)


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\n", b"250-a\r\n" * 200, b"x" * 9000, b"999 no\r\n", b"250_\n"]
)
async def test_garbage_before_the_mail_means_that_nothing_was_sent(
    verb: str, garbage: bytes
) -> None:
    """A port that speaks something else, a broken proxy: try elsewhere, no harm done."""
    manners = Manners(answers={verb: [(garbage, Act.CLOSE)]})
    (outcome,) = await outcomes_of(manners)

    assert isinstance(outcome, Deferred)
    assert outcome.reach is Reach.CALL


async def test_a_server_that_never_stops_talking_is_cut_off() -> None:
    """Memory is finite, and the far side is not ours."""
    flood = b"250 Ok\r\n" * 200_000
    (outcome,) = await outcomes_of(Manners(final=[(b"", flood, flood, Act.SILENCE)]))
    async with relay(Manners(answers={"EHLO": [(b"250-" + b"x" * (2 << 20), Act.SILENCE)]})) as (
        _,
        provider,
    ):
        (deferred,) = await send(provider, make_message())

    assert isinstance(outcome, Accepted)
    assert isinstance(deferred, Deferred)


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "RCPT", "DATA"])
async def test_silence_before_the_mail_means_that_nothing_was_sent(verb: str) -> None:
    """Each answer has its limit; only the last one has ten minutes."""
    manners = Manners(answers={verb: [(Act.SILENCE,)]})
    (outcome,) = await outcomes_of(manners, command_timeout=SOON)

    assert isinstance(outcome, Deferred)
    assert "no answer within 0.2 s" in outcome.diagnostic.text


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "RCPT", "DATA"])
async def test_a_line_that_breaks_before_the_mail_means_that_nothing_was_sent(verb: str) -> None:
    """On a fresh connection it is not tried a second time: that is for the queue to do."""
    async with relay(Manners(answers={verb: [(Act.DROP,)]})) as (far_side, provider):
        (outcome,) = await send(provider, make_message())

    assert isinstance(outcome, Deferred)
    assert len(far_side.sessions) == 1


@pytest.mark.parametrize("reply", ["250 Ok", "200 yes", "300 hm"])
async def test_data_without_354_is_not_followed_by_the_mail(reply: str) -> None:
    """A mail that the server reads as commands is worse than no mail."""
    async with relay(answering(DATA=reply)) as (far_side, provider):
        (outcome,) = await send(provider, make_message())

    assert isinstance(outcome, Deferred)
    assert far_side.mails == []


# --- a mail that its client wrote ----------------------------------------------------------

WHOLE = (
    b"From: Shop <shop@example.com>\r\nTo: ann@example.net\r\nSubject: Hi\r\n"
    b"Message-ID: <7@shop>\r\n\r\n.dot\r\nGr\xc3\xbc\xc3\x9fe\r\n"
)


async def test_a_whole_mail_goes_as_it_came_and_comes_back_to_whom_its_client_named() -> None:
    """Bounces of a list belong to the list's own address (VERP), and its signature stays whole."""
    content = make_content(raw=WHOLE, text=None, mail_from=Address("bounce+7@example.com"))
    async with relay(Manners(offers=("8BITMIME", "PIPELINING"))) as (far_side, provider):
        (outcome,) = await send(provider, make_message(content=content))

    assert isinstance(outcome, Accepted)
    assert outcome.provider_message_id == "<7@shop>"
    assert "MAIL FROM:<bounce+7@example.com> BODY=8BITMIME" in far_side.commands
    assert far_side.mails[0].endswith(WHOLE)


async def test_the_null_path_stays_null() -> None:
    """An answer to it would be the beginning of a loop (RFC 5321 section 4.5.5)."""
    content = make_content(mail_from=Address(""))
    async with relay() as (far_side, provider):
        await send(provider, make_message(content=content))

    assert "MAIL FROM:<>" in far_side.commands


async def test_a_server_of_seven_bits_gets_a_whole_mail_written_anew() -> None:
    """Once it is known that 8BITMIME is missing, the same text travels in seven bits."""
    message = make_message(content=make_content(raw=WHOLE, text=None))
    async with relay(Manners()) as (far_side, provider):
        (first,) = await send(provider, message)
        (second,) = await send(provider, message)

    assert isinstance(first, Deferred)
    assert first.blame is Blame.PROVIDER
    assert isinstance(second, Accepted)
    assert far_side.mails[0].isascii()
    assert b"Message-ID: <7@shop>" in far_side.mails[0]
    assert read_back(far_side.mails[0]).text == ".dot\nGrüße\n"
