"""Mailgun: what its answers mean, for a mail, an account, and the question if it has a mail."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from mail_sender.domain.message import Address
from mail_sender.domain.outcome import Accepted, Blame, Deferred, Outcome, Reach, Refused, Unknown
from mail_sender.domain.secret import Secret
from mail_sender.providers.http import Answer, Phase
from mail_sender.providers.port import CheckResult, Evidence, NoEvidence, NotTaken, Taken
from tests.make import ANN, BOB, NOW, make_message
from tests.providers.make_mailgun import HOOK_KEY, TAKEN, TAKEN_ID, mailgun
from tests.providers.scripted_http import (
    Script,
    ScriptedHttp,
    always,
    answer,
    in_turn,
    recorded,
    silent,
)

PROVIDER, MESSAGE = Blame.PROVIDER, Blame.MESSAGE


async def outcome(reply: Answer) -> Outcome:
    """Return what a mail to Ann comes to when Mailgun gives this answer."""
    http = ScriptedHttp(always(reply))
    return (await mailgun(http).send(make_message(to=[ANN]), to=frozenset({ANN})))[ANN]


def said(status: int, message: str, **more: object) -> Answer:
    """Return an answer in Mailgun's form."""
    return answer(status, {"message": message, **more}, content_type="application/json")


async def test_an_accepted_mail_has_the_id_that_mailgun_gave() -> None:
    """With its angle brackets: it is the Message-ID."""
    assert await outcome(TAKEN) == Accepted(provider_message_id=TAKEN_ID)


@pytest.mark.parametrize(
    ("reply", "blame", "reach"),
    [
        (recorded("mailgun/not-a-valid-address"), MESSAGE, Reach.CALL),
        (said(400, "from parameter is missing"), MESSAGE, Reach.CALL),
        (said(400, "Need at least one of 'text', 'html' or 'template' parameters"),
         MESSAGE, Reach.CALL),
        (said(400, "Send options (parameters starting with o:, h:, or v:) are limited to 16KB"),
         PROVIDER, Reach.MESSAGE),
        (said(400, "Sandbox subdomains are for test purposes only. Please add your own domain or "
              "add the address to authorized recipients in Account Settings."),
         PROVIDER, Reach.MESSAGE),
        (said(400, "Domain mg.example.com is not allowed to send: Free accounts are for tests"),
         PROVIDER, Reach.ACCOUNT),
        (answer(400, "<h1>Bad Request</h1>"), PROVIDER, Reach.CALL),
        (recorded("mailgun/forbidden"), PROVIDER, Reach.ACCOUNT),
        (said(402, "Payment Required"), PROVIDER, Reach.ACCOUNT),
        (said(403, "Account disabled"), PROVIDER, Reach.ACCOUNT),
        (recorded("mailgun/domain-not-found"), PROVIDER, Reach.ACCOUNT),
        (answer(413, "too large"), PROVIDER, Reach.MESSAGE),
        (recorded("mailgun/magnificent"), PROVIDER, Reach.ACCOUNT),
        (answer(301, "", location="https://example.com/"), PROVIDER, Reach.CALL),
    ],
)  # fmt: skip
async def test_a_refusal_is_read_as_what_it_is(reply: Answer, blame: Blame, reach: Reach) -> None:
    """Who is to blame decides whether another provider is asked, and who else has to wait."""
    found = await outcome(reply)

    assert isinstance(found, Refused)
    assert (found.blame, found.reach) == (blame, reach)
    assert found.diagnostic.code == reply.status


@pytest.mark.parametrize(
    ("reply", "reach", "wait"),
    [
        (recorded("mailgun/too-many-requests"), Reach.CALL, timedelta(seconds=120)),
        (said(429, "Too many", **{"retry-seconds": 60}), Reach.CALL, timedelta(seconds=60)),
        (replace(said(429, "try again after 120 seconds"), headers={"retry-after": "5"}),
         Reach.CALL, timedelta(seconds=5)),
        (said(429, "Too Many Requests"), Reach.CALL, None),
        (answer(429, "slow down"), Reach.CALL, None),
        (said(429, "daily limit exceeded"), Reach.ACCOUNT, timedelta(minutes=10)),
        (said(429, "monthly message limit exceeded, try again after 7200 seconds"),
         Reach.ACCOUNT, timedelta(hours=2)),
        (said(429, "limit exceeded, try again after 2 hours"), Reach.ACCOUNT, timedelta(hours=2)),
        (said(429, "limit exceeded, try again after 9999999 seconds"),
         Reach.ACCOUNT, timedelta(days=1)),
        (answer(503, "<h1>Service Unavailable</h1>"), Reach.CALL, None),
    ],
)  # fmt: skip
async def test_what_passes_by_itself_is_deferred(
    reply: Answer, reach: Reach, wait: timedelta | None
) -> None:
    """A rate is over in seconds; a quota that is used up leaves the provider out for a while."""
    found = await outcome(reply)

    assert isinstance(found, Deferred)
    assert (found.blame, found.reach, found.retry_after) == (Blame.PROVIDER, reach, wait)


@pytest.mark.parametrize(
    "reply",
    [
        recorded("mailgun/internal-server-error"),
        answer(502, "<h1>Bad Gateway</h1>"),
        answer(200, {"message": "Queued. Thank you."}),
        answer(200, {"id": ""}),
        answer(200, {"id": 7}),
        answer(200, [1]),
        answer(200, "<h1>Log in to this network</h1>"),
        answer(202, ""),
    ],
)
async def test_what_proves_nothing_is_unknown(reply: Answer) -> None:
    """Mailgun does not say that a mail with an Internal Server Error was not queued."""
    found = await outcome(reply)

    assert isinstance(found, Unknown)
    assert found.diagnostic.code == reply.status


# ---------------------------------------------------------------- the account


def domain(state: str) -> Answer:
    """Return the answer for a domain in a state."""
    return answer(200, {"domain": {"name": "mg.example.com", "state": state}})


@pytest.mark.parametrize(
    ("reply", "result", "words"),
    [
        (recorded("mailgun/domain-active"), CheckResult.WORKS, "active"),
        (domain("unverified"), CheckResult.REFUSED, "DNS"),
        (domain("disabled"), CheckResult.REFUSED, "disabled"),
        (domain("on holiday"), CheckResult.UNREACHABLE, "state"),
        (recorded("mailgun/forbidden"), CheckResult.REFUSED, "region"),
        (recorded("mailgun/domain-not-found"), CheckResult.REFUSED, "region"),
        (answer(500, "oops"), CheckResult.UNREACHABLE, "oops"),
        (said(429, "try again after 60 seconds"), CheckResult.UNREACHABLE, "60 seconds"),
        (recorded("mailgun/magnificent"), CheckResult.UNREACHABLE, "Magnificent"),
    ],
)
async def test_a_check_says_what_is_the_matter(
    reply: Answer, result: CheckResult, words: str
) -> None:
    """The operator mends what the words name."""
    http = ScriptedHttp(always(reply))

    check = await mailgun(http).check()

    assert http.requests[0].url == "https://api.mailgun.net/v4/domains/mg.example.com"
    assert check.result is result
    assert words in check.detail


async def test_a_key_that_may_only_send_is_no_wrong_key() -> None:
    """Mailgun's advice is such a key. It is tried with a form that cannot send anything."""
    http = ScriptedHttp(
        in_turn(recorded("mailgun/forbidden"), said(400, "from parameter is missing"))
    )

    check = await mailgun(http).check()

    assert check.result is CheckResult.WORKS
    assert "may send" in check.detail
    assert http.last.method == "POST"
    assert b'name="from"' not in http.last.body
    assert b'name="to"' not in http.last.body


async def test_a_check_tells_clock_and_whether_events_can_be_read() -> None:
    """Without the signing key every webhook is refused, which nobody sees until it matters."""
    reply = recorded("mailgun/domain-active")
    reply = replace(reply, headers={**reply.headers, "date": "Tue, 01 Jan 2030 00:00:07 GMT"})

    with_key = await mailgun(
        ScriptedHttp(always(reply)), webhook_signing_key=Secret(HOOK_KEY)
    ).check()
    without = await mailgun(ScriptedHttp(always(reply))).check()

    assert with_key.clock_offset == timedelta(seconds=7)
    assert "webhook_signing_key is set" in with_key.detail
    assert "webhook_signing_key is not set" in without.detail


# ---------------------------------------------------------------- the look-up

MESSAGE_7 = make_message("msg_01J8ZK3Q", to=[ANN, BOB])


async def looked_up(
    script: Script, *, age: timedelta = timedelta(seconds=20), to: list[Address] | None = None
) -> Evidence:
    """Return the evidence for a message to Ann and Bob whose attempt was so long ago."""
    provider = mailgun(ScriptedHttp(script))
    return await provider.look_up(MESSAGE_7, to=to or [ANN, BOB], attempted_at=NOW, now=NOW + age)


def events(*recipients: str, message_id: str = "msg_01J8ZK3Q@mg.example.com") -> Answer:
    """Return a page with one event for each."""
    return answer(
        200,
        {
            "items": [
                {
                    "event": "accepted",
                    "recipient": recipient,
                    "message": {"headers": {"message-id": message_id}},
                }
                for recipient in recipients
            ],
            "paging": {},
        },
    )


async def test_mailgun_is_asked_for_the_message_id_that_the_mail_was_given() -> None:
    """The one handle of ours that Mailgun can search for."""
    http = ScriptedHttp(always(TAKEN))
    provider = mailgun(http)
    await provider.send(MESSAGE_7, to=frozenset({ANN, BOB}))
    assert b"<msg_01J8ZK3Q@mg.example.com>" in http.last.body

    await provider.look_up(MESSAGE_7, to=[ANN], attempted_at=NOW, now=NOW)

    assert http.last.method == "GET"
    assert http.last.url == (
        "https://api.mailgun.net/v3/mg.example.com/events"
        "?message-id=msg_01J8ZK3Q%40mg.example.com&limit=300"
    )
    assert http.last.headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize("age", [timedelta(0), timedelta(hours=1), timedelta(days=9)])
async def test_an_event_proves_that_it_was_taken(age: timedelta) -> None:
    """At whatever time it is seen."""
    evidence = await looked_up(always(recorded("mailgun/events-accepted")), age=age)

    assert isinstance(evidence, Taken)
    assert evidence.provider_message_id == "<msg_01J8ZK3Q@mg.example.com>"
    assert evidence.said


@pytest.mark.parametrize(
    ("age", "again"),
    [
        (timedelta(0), timedelta(seconds=15)),
        (timedelta(seconds=20), timedelta(seconds=20)),
        (timedelta(minutes=4), timedelta(minutes=4)),
        (timedelta(minutes=15), timedelta(minutes=10)),
        (timedelta(minutes=25), timedelta(minutes=5)),
        (timedelta(minutes=29, seconds=59), timedelta(seconds=15)),
        (timedelta(days=4), None),
    ],
)
async def test_no_event_proves_nothing_too_early_or_too_late(
    age: timedelta, again: timedelta | None
) -> None:
    """Events come late, and are deleted: taken for a no, either would send the mail twice."""
    evidence = await looked_up(always(events()), age=age)

    assert isinstance(evidence, NoEvidence)
    assert evidence.ask_again == again


async def test_no_event_after_half_an_hour_proves_that_it_was_not_taken() -> None:
    """Mailgun calls an answer of that age complete: now the mail may be sent elsewhere."""
    evidence = await looked_up(always(events()), age=timedelta(minutes=30))

    assert isinstance(evidence, NotTaken)


async def test_an_event_of_an_earlier_call_does_not_speak_for_this_one() -> None:
    """Ann was taken before, with the same Message-ID; in doubt is Bob alone."""
    page = events(ANN)

    early = await looked_up(always(page), to=[BOB])
    late = await looked_up(always(page), to=[BOB], age=timedelta(minutes=31))
    hers = await looked_up(always(page), to=[ANN])

    assert isinstance(early, NoEvidence)
    assert isinstance(late, NotTaken)
    assert isinstance(hers, Taken)


async def test_an_event_for_a_recipient_in_other_letters_is_recognised() -> None:
    """Mailgun may write an address in lower case: missed, the mail would go out twice."""
    message = make_message("msg_01J8ZK3Q", to=["Ann.B@bücher.example"])
    http = ScriptedHttp(always(events("ann.b@xn--bcher-kva.example")))

    evidence = await mailgun(http).look_up(
        message, to=message.content.recipients, attempted_at=NOW, now=NOW
    )

    assert isinstance(evidence, Taken)


async def test_an_event_for_somebody_unheard_of_is_no_proof_of_absence() -> None:
    """It has *something* under this id: to send again would be a gamble."""
    page = events("somebody@else.example")

    evidence = await looked_up(always(page), age=timedelta(hours=1))

    assert isinstance(evidence, NoEvidence)


async def test_events_of_other_mails_are_not_mistaken_for_this_one() -> None:
    """A server that ignores the filter must not make us believe that it took the mail."""
    page = events(ANN, message_id="another@mg.example.com")

    evidence = await looked_up(always(page))

    assert isinstance(evidence, NoEvidence)


@pytest.mark.parametrize(
    ("reply", "hopeless"),
    [
        (recorded("mailgun/forbidden"), True),
        (recorded("mailgun/domain-not-found"), True),
        (answer(500, "oops"), False),
        (said(429, "slow down"), False),
        (answer(200, {"items": None}), False),
        (answer(200, "<html>"), False),
    ],
)
async def test_a_failed_question_proves_nothing_even_late(reply: Answer, *, hopeless: bool) -> None:
    """A key that may only send never learns; everything else is worth another try."""
    evidence = await looked_up(always(reply), age=timedelta(hours=1))

    assert isinstance(evidence, NoEvidence)
    assert (evidence.ask_again is None) is hopeless


async def test_a_question_without_an_answer_is_asked_again() -> None:
    """A broken line says nothing of the mail."""
    evidence = await looked_up(silent(Phase.ANSWER, "reset"), age=timedelta(hours=1))

    assert evidence == NoEvidence("events: reset", timedelta(minutes=10))


async def test_items_in_no_known_form_raise_nothing() -> None:
    """The events API has changed its fields before."""
    page: dict[str, Any] = {"items": [None, 7, {"message": 1}, {"message": {"headers": []}}]}

    evidence = await looked_up(always(answer(200, json.dumps(page))))

    assert isinstance(evidence, NoEvidence)
