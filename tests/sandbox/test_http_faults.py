"""Every fault of the HTTP accounts, as a client sees it, and whether the mail was taken.

Both matter: a fault test that believes "not taken" where the sandbox took the mail would call
a correct gateway wrong, or the other way round.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from mail_sender.clock import FakeClock
from mail_sender.sandbox.faults import (
    Auth,
    BadGateway,
    CutAfterBody,
    CutBeforeBody,
    CutInAnswer,
    Down,
    ErrorAfter,
    ErrorBefore,
    EventsLag,
    Fault,
    Hang,
    Lie,
    Malformed,
    RateLimited,
    RefuseRecipient,
    Slow,
    Suspended,
    TakenThenCut,
    Unverified,
)
from mail_sender.sandbox.inbox import Mail
from mail_sender.sandbox.server import Sandbox

from .clients import (
    LOGIN,
    SIGNED,
    End,
    Heard,
    ask,
    ask_on,
    connection,
    http,
    mailgun_send,
    send,
    ses_send,
)

both = pytest.mark.parametrize("account", ["ses", "mailgun"])


def taken(sandbox: Sandbox) -> list[Mail]:
    return sandbox.inbox.newest(limit=10)


@both
async def test_without_a_fault_a_mail_is_taken_and_answered(sandbox: Sandbox, account: str) -> None:
    """The healthy case, against which all others are read."""
    heard = await send(sandbox, account)

    (mail,) = taken(sandbox)
    assert (heard.status, heard.is_whole) == (200, True)
    assert (mail.ms_id, mail.recipients, mail.answered) == ("msg_1", ("ann@example.net",), True)
    assert (mail.fault, mail.provider) == (None, account)


@both
async def test_down_is_refused_by_the_kernel_and_keeps_its_port(
    sandbox: Sandbox, account: str
) -> None:
    """A refused connection is what lets a gateway go on at once: nothing was sent."""
    port = sandbox.port_of(account)
    await sandbox.put_faults(account, Down())
    with pytest.raises(ConnectionRefusedError):
        await send(sandbox, account)

    await sandbox.heal(account)

    assert (await send(sandbox, account)).status == 200
    assert sandbox.port_of(account) == port


@both
async def test_down_ends_idle_connections(sandbox: Sandbox, account: str) -> None:
    """A provider that dies takes its keep-alive connections with it."""
    request = ses_send() if account == "ses" else mailgun_send()
    async with connection(sandbox.port_of(account)) as (reader, writer):
        assert (await ask_on(reader, writer, request)).status == 200

        await sandbox.put_faults(account, Down())

        assert reader.at_eof()  # already: whoever sends next must not find it in its pool


REFUSED: list[tuple[str, Fault, int, str]] = [
    ("ses", RateLimited(retry_after=7), 429, "TooManyRequestsException"),
    ("ses", ErrorBefore(), 503, "ServiceUnavailable"),
    ("ses", Auth(), 403, "UnrecognizedClientException"),
    ("ses", Suspended(), 400, "AccountSuspendedException"),
    ("ses", RefuseRecipient(recipient="ann"), 400, "BadRequestException"),
    ("ses", Unverified(), 400, "MessageRejected"),
    ("mailgun", RateLimited(retry_after=7), 429, "again after 7 seconds"),
    ("mailgun", ErrorBefore(), 503, "temporarily unavailable"),
    ("mailgun", Auth(), 401, "Forbidden"),
    ("mailgun", Suspended(), 403, "disabled"),
    ("mailgun", RefuseRecipient(recipient="*@example.net"), 400, "not a valid address"),
    ("ses", BadGateway(), 502, "<html>"),
    ("mailgun", BadGateway(), 502, "<html>"),
    ("ses", Lie(), 200, "message"),
    ("mailgun", Lie(), 200, "Queued"),
]


@pytest.mark.parametrize(("account", "fault", "status", "words"), REFUSED)
async def test_a_refusal_is_in_the_providers_words_and_takes_nothing(
    sandbox: Sandbox, account: str, fault: Fault, status: int, words: str
) -> None:
    """Our adapters read type and words; what they refuse must not be in the inbox."""
    await sandbox.put_faults(account, fault)

    heard = await send(sandbox, account)

    said = heard.body.decode() + heard.headers.get("x-amzn-errortype", "")
    assert heard.status == status
    assert words.lower() in said.lower()
    assert taken(sandbox) == []


@both
async def test_a_rate_limit_says_when_to_come_back(sandbox: Sandbox, account: str) -> None:
    """A gateway that honours Retry-After needs one to honour."""
    await sandbox.put_faults(account, RateLimited(retry_after=7))

    assert (await send(sandbox, account)).headers["retry-after"] == "7"


@both
@pytest.mark.parametrize("kind", [CutBeforeBody, CutAfterBody])
@pytest.mark.parametrize(("reset", "end"), [(False, End.FIN), (True, End.RESET)])
async def test_a_cut_before_taking_leaves_nothing(
    sandbox: Sandbox,
    account: str,
    kind: type[CutBeforeBody | CutAfterBody],
    reset: bool,
    end: End,
) -> None:
    """To the client it looks like the cut after taking, and it is the opposite."""
    await sandbox.put_faults(account, kind(reset=reset))

    heard = await send(sandbox, account)

    assert (heard.status, heard.end) == (None, end)
    assert taken(sandbox) == []


async def test_a_cut_before_the_body_does_not_wait_for_it(sandbox: Sandbox) -> None:
    """A client that writes 20 MB into a dead line must notice while writing."""
    await sandbox.put_faults("ses", CutBeforeBody())
    head = ses_send().partition(b"\r\n\r\n")[0] + b"\r\n\r\n"

    heard = await ask(sandbox.port_of("ses"), head)

    assert heard.end is End.FIN


@both
@pytest.mark.parametrize(("reset", "end"), [(False, End.FIN), (True, End.RESET)])
async def test_taken_then_cut_takes_the_mail_in_silence(
    sandbox: Sandbox, account: str, reset: bool, end: End
) -> None:
    """The case that makes careless gateways send twice."""
    await sandbox.put_faults(account, TakenThenCut(reset=reset))

    heard = await send(sandbox, account)

    (mail,) = taken(sandbox)
    assert (heard.status, heard.end) == (None, end)
    assert (mail.answered, mail.fault) == (False, "taken_then_cut")


@both
async def test_a_cut_in_the_answer_leaves_half_of_it(sandbox: Sandbox, account: str) -> None:
    """A 200 that was not read to its end is no 200."""
    await sandbox.put_faults(account, CutInAnswer())

    heard = await send(sandbox, account)

    (mail,) = taken(sandbox)
    length = int(heard.headers["content-length"])
    assert (heard.status, heard.is_whole, heard.end) == (200, False, End.FIN)
    assert 0 < len(heard.body) < length
    assert not mail.answered


@both
async def test_malformed_is_a_whole_answer_with_broken_json(sandbox: Sandbox, account: str) -> None:
    """Well-formed HTTP around nonsense: the mail was taken and nobody can know its id."""
    await sandbox.put_faults(account, Malformed())

    heard = await send(sandbox, account)

    assert (heard.status, heard.is_whole) == (200, True)
    with pytest.raises(ValueError, match="line 1"):
        _ = heard.json
    assert len(taken(sandbox)) == 1


@both
async def test_error_after_is_a_bare_500_for_a_mail_that_was_taken(
    sandbox: Sandbox, account: str
) -> None:
    """Why a bare 500 must count as unknown."""
    await sandbox.put_faults(account, ErrorAfter())

    heard = await send(sandbox, account)

    assert (heard.status, heard.headers["content-type"]) == (500, "text/html")
    assert [mail.fault for mail in taken(sandbox)] == ["error_after"]


@both
async def test_slow_takes_first_and_answers_later(sandbox: Sandbox, account: str) -> None:
    """A client that gives up while waiting must not believe that nothing was taken."""
    await sandbox.put_faults(account, Slow(seconds=0.2))
    asking = asyncio.create_task(send(sandbox, account))
    while not len(sandbox.inbox):
        await asyncio.wait_for(sandbox.inbox.changed(), 10)

    assert not taken(sandbox)[0].answered
    assert (await asking).status == 200
    assert taken(sandbox)[0].answered


async def test_a_client_that_left_a_slow_answer_was_not_answered(sandbox: Sandbox) -> None:
    """`answered` tells a test whether the client could have known."""
    await sandbox.put_faults("ses", Slow(seconds=600))
    with pytest.raises(TimeoutError):
        await send(sandbox, "ses", patience=0.2)

    await sandbox.stop()

    assert [mail.answered for mail in taken(sandbox)] == [False]


@both
async def test_a_hanging_call_is_taken_when_healed(sandbox: Sandbox, account: str) -> None:
    """A stuck backend comes back and goes on with whoever still waits."""
    await sandbox.put_faults(account, Hang())
    asking = asyncio.create_task(send(sandbox, account))
    done, _ = await asyncio.wait({asking}, timeout=0.2)
    assert (done, taken(sandbox)) == (set(), [])

    await sandbox.heal(account)

    assert (await asking).status == 200
    assert len(taken(sandbox)) == 1


async def test_a_client_that_left_a_hanging_call_sends_nothing(sandbox: Sandbox) -> None:
    """Otherwise a mail would appear minutes later, and no test could say why."""
    await sandbox.put_faults("ses", Hang())
    with pytest.raises(TimeoutError):
        await send(sandbox, "ses", patience=0.2)

    await send(sandbox, "mailgun")  # a round trip, in which the sandbox sees the client leave
    await sandbox.heal("ses")
    await send(sandbox, "mailgun")

    assert {mail.provider for mail in taken(sandbox)} == {"mailgun"}


async def test_a_list_of_faults_is_a_script(sandbox: Sandbox) -> None:
    """Twice 429, then a lost answer, then fine: it is one line in a test."""
    await sandbox.put_faults("ses", RateLimited(times=2), TakenThenCut(times=1))

    heard = [(await send(sandbox, "ses")).status for _ in range(4)]

    assert heard == [429, 429, None, 200]
    assert sandbox.faults.of("ses") == ()


async def test_faults_belong_to_one_account(sandbox: Sandbox) -> None:
    """A failover needs a healthy second provider."""
    await sandbox.put_faults("ses", ErrorBefore())

    assert (await send(sandbox, "ses")).status == 503
    assert (await send(sandbox, "mailgun")).status == 200


async def test_an_outage_meets_every_call_and_a_lost_answer_only_sends(sandbox: Sandbox) -> None:
    """So that a look-up after a lost answer can tell the truth."""
    account = http("GET", "/v2/email/account", Authorization=SIGNED)
    await sandbox.put_faults("ses", TakenThenCut(times=1))
    assert (await ask(sandbox.port_of("ses"), account)).status == 200
    assert (await send(sandbox, "ses")).status is None

    await sandbox.put_faults("ses", ErrorBefore())

    assert (await ask(sandbox.port_of("ses"), account)).status == 503


async def test_a_suspended_account_says_so_when_asked(sandbox: Sandbox) -> None:
    """`doctor` asks the account, not with a mail."""
    await sandbox.put_faults("ses", Suspended())
    await sandbox.put_faults("mailgun", Suspended())

    ses = await ask(sandbox.port_of("ses"), http("GET", "/v2/email/account", Authorization=SIGNED))
    mailgun = await ask(
        sandbox.port_of("mailgun"), http("GET", "/v4/domains/mg.example.com", Authorization=LOGIN)
    )

    assert (ses.json["SendingEnabled"], ses.json["EnforcementStatus"]) == (False, "SHUTDOWN")
    assert mailgun.json["domain"]["state"] == "disabled"


async def test_events_can_lag_behind_a_mail_whose_answer_was_lost(
    sandbox: Sandbox, clock: FakeClock
) -> None:
    """No event right after the call proves nothing; a careless gateway sends again."""
    await sandbox.put_faults("mailgun", TakenThenCut(times=1), EventsLag(seconds=60))
    port = sandbox.port_of("mailgun")
    await ask(port, mailgun_send(("h:Message-Id", "<one@mg.example.com>")))

    async def look_up() -> Heard:
        path = "/v3/mg.example.com/events?message-id=one@mg.example.com"
        return await ask(port, http("GET", path, Authorization=LOGIN))

    assert (await look_up()).json["items"] == []
    clock.advance(timedelta(seconds=60))
    (item,) = (await look_up()).json["items"]
    assert item["recipient"] == "ann@example.net"
