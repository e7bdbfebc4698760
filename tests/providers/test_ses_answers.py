"""Amazon SES: what its answers mean, for a mail, an account and an identity."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mail_sender.clock import FakeClock
from mail_sender.domain.message import Address, Mailbox
from mail_sender.domain.outcome import Accepted, Blame, Deferred, Outcome, Reach, Refused, Unknown
from mail_sender.domain.secret import Secret
from mail_sender.providers.http import Answer, Phase
from mail_sender.providers.port import CheckResult, Verification, VerificationStatus
from mail_sender.providers.ses import Settings, make
from tests.make import ANN, make_message
from tests.providers.make_ses import SHOP, TOKEN, ses
from tests.providers.scripted_http import (
    Script,
    ScriptedHttp,
    always,
    answer,
    in_turn,
    recorded,
    silent,
)
from tests.providers.tools import make_tools

PROVIDER, MESSAGE = Blame.PROVIDER, Blame.MESSAGE


async def outcome(reply: Answer, *, sender: Mailbox = SHOP) -> Outcome:
    """Return what a mail to Ann comes to when SES gives this answer."""
    message = make_message(to=[ANN], sender=sender)
    outcomes = await ses(ScriptedHttp(always(reply))).send(message, to=frozenset({ANN}))
    return outcomes[ANN]


def refusal(status: int, type_: str, message: str = "words") -> Answer:
    """Return a refusal as SES words it."""
    return answer(status, {"message": message}, x_amzn_errortype=type_)


@pytest.mark.parametrize(
    ("reply", "blame", "reach"),
    [
        (refusal(400, "BadRequestException", "Missing final '@domain'"), MESSAGE, Reach.CALL),
        (refusal(400, "MessageRejected", "Invalid content"), MESSAGE, Reach.CALL),
        (refusal(400, "BadRequestException", "Recipient count exceeds 50."),
         PROVIDER, Reach.MESSAGE),
        (refusal(400, "BadRequestException", "Message length is more than 10485760 bytes long"),
         PROVIDER, Reach.MESSAGE),
        (refusal(400, "BadRequestException", "Illegal filename 'a.exe'."), PROVIDER, Reach.MESSAGE),
        (refusal(413, "RequestEntityTooLarge"), PROVIDER, Reach.MESSAGE),
        (answer(413, "too large"), PROVIDER, Reach.MESSAGE),
        (recorded("ses/not-verified"), PROVIDER, Reach.SENDER),
        (recorded("ses/not-verified-recipient"), PROVIDER, Reach.MESSAGE),
        (refusal(400, "MessageRejected", "Email address is not verified: example.com"),
         PROVIDER, Reach.SENDER),
        (refusal(400, "MailFromDomainNotVerifiedException"), PROVIDER, Reach.SENDER),
        (refusal(404, "NotFoundException", "Configuration set <x> does not exist."),
         PROVIDER, Reach.ACCOUNT),
        (answer(404, "no such page"), PROVIDER, Reach.ACCOUNT),
        (refusal(400, "AccountSuspendedException"), PROVIDER, Reach.ACCOUNT),
        (refusal(400, "MessageRejected", "Sending suspended for this account."),
         PROVIDER, Reach.ACCOUNT),
        *(
            (refusal(403, type_), PROVIDER, Reach.ACCOUNT)
            for type_ in (
                "AccessDenied", "AccessDeniedException", "UnrecognizedClientException",
                "InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidSignatureException",
                "ExpiredToken", "ExpiredTokenException", "IncompleteSignature", "OptInRequired",
                "MissingAuthenticationToken", "SomethingNewAboutKeys",
            )
        ),
        (refusal(400, "RequestExpired"), PROVIDER, Reach.ACCOUNT),
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
        (recorded("ses/rate-exceeded"), Reach.CALL, timedelta(seconds=1)),
        (refusal(400, "ThrottlingException", "Maximum sending rate exceeded."),
         Reach.CALL, timedelta(seconds=1)),
        (recorded("ses/daily-quota"), Reach.ACCOUNT, timedelta(minutes=10)),
        (refusal(429, "TooManyRequestsException", "Daily message quota exceeded."),
         Reach.ACCOUNT, timedelta(minutes=10)),
        (refusal(400, "MessageRejected", "Daily message quota exceeded."),
         Reach.ACCOUNT, timedelta(minutes=10)),
        (refusal(400, "LimitExceededException"), Reach.ACCOUNT, timedelta(minutes=10)),
        (refusal(400, "SendingPausedException"), Reach.ACCOUNT, timedelta(minutes=10)),
        (refusal(503, "ServiceUnavailable"), Reach.CALL, None),
        (answer(503, "<h1>Service Unavailable</h1>", retry_after="7"),
         Reach.CALL, timedelta(seconds=7)),
        (answer(429, ""), Reach.CALL, None),
    ],
)  # fmt: skip
async def test_what_passes_by_itself_is_deferred(
    reply: Answer, reach: Reach, wait: timedelta | None
) -> None:
    """A quota that is used up leaves the provider out for a while; a rate does for a second."""
    found = await outcome(reply)

    assert isinstance(found, Deferred)
    assert (found.blame, found.reach, found.retry_after) == (Blame.PROVIDER, reach, wait)


@pytest.mark.parametrize(
    "reply",
    [
        refusal(500, "InternalFailure", "The request processing has failed"),
        refusal(500, "InternalServiceErrorException"),
        refusal(502, "SomethingNew"),
        answer(500, {"message": "oops"}),
        answer(200, {}),
        answer(200, {"MessageId": ""}),
        answer(200, {"MessageId": 7}),
        answer(200, ["MessageId"]),
        answer(200, b""),
        answer(202, "{"),
        answer(200, {"message": "x"}, x_amzn_errortype="MessageRejected"),
    ],
)
async def test_what_proves_nothing_is_unknown(reply: Answer) -> None:
    """AWS does not say that a mail with an InternalFailure was not accepted."""
    found = await outcome(reply)

    assert isinstance(found, Unknown)
    assert found.diagnostic.code == reply.status


@pytest.mark.parametrize(
    "reply",
    [
        answer(400, {"message": "no"}, x_amzn_errortype="MessageRejected:http://a/b#c"),
        answer(400, {"__type": "MessageRejected", "Message": "no"}),
        answer(400, {"__type": "com.amazonaws.sesv2#MessageRejected", "message": "no"}),
        answer(400, {"code": "MessageRejected", "message": "no"}),
    ],
)
async def test_the_type_is_found_wherever_the_protocol_may_put_it(reply: Answer) -> None:
    """A type that is overlooked turns a suspended account into the message's fault."""
    found = await outcome(reply)

    assert isinstance(found, Refused)
    assert found.diagnostic.text == "MessageRejected: no"


async def test_an_unverified_sender_beyond_ascii_is_recognised() -> None:
    """SES names the address that it was given, in Punycode."""
    said = "Email address is not verified: info@XN--bcher-kva.example, ann@example.net."
    sender = Mailbox(Address("info@bücher.example"))

    found = await outcome(refusal(400, "MessageRejected", said), sender=sender)

    assert isinstance(found, Refused)
    assert found.reach is Reach.SENDER


async def test_an_accepted_mail_has_the_id_of_ses() -> None:
    """Events name it as mail.messageId."""
    assert await outcome(answer(200, {"MessageId": "0100-1"})) == Accepted(
        provider_message_id="0100-1"
    )


# ---------------------------------------------------------------- the account


async def test_a_check_tells_quota_rate_and_clock() -> None:
    """The limiter is sized by the first two; a clock astray by minutes is refused by AWS."""
    account = recorded("ses/get-account")
    # FakeClock starts at 2030-01-01 00:00:00.
    account.headers["date"] = "Tue, 01 Jan 2030 00:00:07 GMT"  # type: ignore[index]
    http = ScriptedHttp(always(account))

    check = await ses(http).check()

    assert http.last.method == "GET"
    assert http.last.url == "https://email.eu-west-1.amazonaws.com/v2/email/account"
    assert "Authorization" in http.last.headers
    assert check.result is CheckResult.WORKS
    assert check.quota_left == 49_988
    assert check.max_per_second == 14.0
    assert check.clock_offset == timedelta(seconds=7)


def account(**fields: object) -> Answer:
    """Return a good answer to GetAccount, with changes."""
    quota = {"Max24HourSend": 200.0, "MaxSendRate": 1.0, "SentLast24Hours": 0.0}
    return answer(
        200,
        {
            "SendQuota": quota,
            "SendingEnabled": True,
            "ProductionAccessEnabled": True,
            "EnforcementStatus": "HEALTHY",
            **fields,
        },
    )


@pytest.mark.parametrize(
    ("reply", "result", "words"),
    [
        (account(), CheckResult.WORKS, "may send"),
        (account(ProductionAccessEnabled=False), CheckResult.WORKS, "sandbox"),
        (account(SendingEnabled=False), CheckResult.REFUSED, "sending is off"),
        (account(EnforcementStatus="SHUTDOWN"), CheckResult.REFUSED, "SHUTDOWN"),
        (account(EnforcementStatus="PROBATION"), CheckResult.WORKS, "may send"),
        (refusal(403, "AccessDeniedException"), CheckResult.WORKS, "ses:GetAccount"),
        (refusal(403, "SignatureDoesNotMatch"), CheckResult.REFUSED, "clock"),
        (refusal(429, "TooManyRequestsException"), CheckResult.UNREACHABLE, "TooManyRequests"),
        (refusal(500, "InternalFailure"), CheckResult.UNREACHABLE, "InternalFailure"),
        (answer(404, "not here"), CheckResult.UNREACHABLE, "404"),
        (answer(200, {"SendQuota": {"Max24HourSend": "many"}}), CheckResult.UNREACHABLE, "sense"),
    ],
)
async def test_a_check_says_what_is_the_matter(
    reply: Answer, result: CheckResult, words: str
) -> None:
    """The operator mends what the words name."""
    check = await ses(ScriptedHttp(always(reply))).check()

    assert check.result is result
    assert words in check.detail


@pytest.mark.parametrize(("most", "sent", "left"), [(-1.0, 5.0, None), (200.0, 250.0, 0)])
async def test_a_quota_without_limit_or_overdrawn_is_read(
    most: float, sent: float, left: int | None
) -> None:
    """-1 is SES's word for no limit: read as a number it would stop all mail."""
    quota = {"Max24HourSend": most, "MaxSendRate": 1.0, "SentLast24Hours": sent}

    check = await ses(ScriptedHttp(always(account(SendQuota=quota)))).check()

    assert check.quota_left == left


async def test_a_check_measures_how_long_it_took() -> None:
    """A provider that answers after 20 s is not well."""
    clock = FakeClock()

    def slowly(_request: object) -> Answer:
        clock.advance(timedelta(seconds=20))
        return account()

    table = Settings(
        kind="ses", region="eu-west-1", access_key_id="a", secret_access_key=Secret("b")
    )
    check = await make("ses", table, make_tools(ScriptedHttp(slowly), clock)).check()

    assert check.took == timedelta(seconds=20)


# ---------------------------------------------------------------- identities

UNKNOWN_IDENTITY = recorded("ses/identity-unknown")
VERIFIED = recorded("ses/identity-domain")


def identity(status: str) -> Answer:
    """Return the answer for an identity that is not verified."""
    return answer(200, {"VerifiedForSendingStatus": False, "VerificationStatus": status})


async def verification(script: Script) -> tuple[Verification, list[str]]:
    """Return what is found for Ann, and the paths that were asked."""
    http = ScriptedHttp(script)
    found = await ses(http).verification(ANN)
    base = "https://email.eu-west-1.amazonaws.com/v2/email/identities"
    return found, [request.url.removeprefix(base) for request in http.requests]


@pytest.mark.parametrize(
    ("replies", "status"),
    [
        ([VERIFIED], VerificationStatus.VERIFIED),
        ([UNKNOWN_IDENTITY, VERIFIED], VerificationStatus.VERIFIED),
        ([identity("PENDING"), VERIFIED], VerificationStatus.VERIFIED),
        ([identity("PENDING"), UNKNOWN_IDENTITY], VerificationStatus.PENDING),
        ([identity("TEMPORARY_FAILURE"), UNKNOWN_IDENTITY], VerificationStatus.PENDING),
        ([identity("FAILED"), UNKNOWN_IDENTITY], VerificationStatus.FAILED),
        ([identity("NOT_STARTED"), UNKNOWN_IDENTITY], VerificationStatus.NOT_ASKED),
        ([UNKNOWN_IDENTITY, identity("PENDING")], VerificationStatus.PENDING),
        ([UNKNOWN_IDENTITY, UNKNOWN_IDENTITY], VerificationStatus.NOT_ASKED),
        ([refusal(429, "TooManyRequestsException")], VerificationStatus.UNAVAILABLE),
        ([UNKNOWN_IDENTITY, refusal(403, "AccessDenied")], VerificationStatus.UNAVAILABLE),
        ([answer(404, "<h1>Not here</h1>")], VerificationStatus.UNAVAILABLE),
    ],
)
async def test_an_address_is_verified_by_itself_or_by_its_domain(
    replies: list[Answer], status: VerificationStatus
) -> None:
    """Most accounts verify domains; an address under one needs no mail of its own."""
    found, asked = await verification(in_turn(*replies))

    assert found.status is status
    assert found.detail
    assert asked == ["/ann%40example.net", "/example.net"][: len(replies)]


async def test_asking_sends_the_providers_mail_once() -> None:
    """The person gets one mail with a link, whoever presses the button how often."""
    http = ScriptedHttp(
        in_turn(UNKNOWN_IDENTITY, UNKNOWN_IDENTITY, answer(200, {"IdentityType": "EMAIL_ADDRESS"}))
    )

    found = await ses(http).ask_verification(ANN)

    assert found.status is VerificationStatus.PENDING
    assert http.last.method == "POST"
    assert http.last.url.endswith("/v2/email/identities")
    assert http.last.body == b'{"EmailIdentity":"ann@example.net"}'


@pytest.mark.parametrize(
    ("replies", "status"),
    [
        ([VERIFIED], VerificationStatus.VERIFIED),
        ([identity("PENDING"), UNKNOWN_IDENTITY], VerificationStatus.PENDING),
    ],
)
async def test_nothing_is_asked_where_nothing_is_missing(
    replies: list[Answer], status: VerificationStatus
) -> None:
    """An identity of its own would override the settings of the domain that covers it."""
    http = ScriptedHttp(in_turn(*replies))

    found = await ses(http).ask_verification(ANN)

    assert found.status is status
    assert {request.method for request in http.requests} == {"GET"}


async def test_two_who_ask_at_once_both_learn_the_state() -> None:
    """The second gets AlreadyExistsException, which is no failure."""
    replies = (
        UNKNOWN_IDENTITY,
        UNKNOWN_IDENTITY,
        refusal(400, "AlreadyExistsException"),
        identity("PENDING"),
        UNKNOWN_IDENTITY,
    )

    found = await ses(ScriptedHttp(in_turn(*replies))).ask_verification(ANN)

    assert found.status is VerificationStatus.PENDING


async def test_an_address_that_ses_cannot_serve_is_told_without_asking() -> None:
    """Its local part has no ASCII form: no verification would help."""
    http = ScriptedHttp(silent(Phase.CONNECT))

    found = await ses(http).verification(Address("jürgen@example.net"))

    assert found.status is VerificationStatus.FAILED
    assert not http.requests


async def test_no_verification_shows_the_session_token() -> None:
    """AWS quotes what was signed when it disagrees with a signature."""
    said = f"x-amz-security-token:{TOKEN}"
    http = ScriptedHttp(always(refusal(403, "SignatureDoesNotMatch", said)))

    found = await ses(http, session_token=Secret(TOKEN)).verification(ANN)

    assert found.status is VerificationStatus.UNAVAILABLE
    assert TOKEN not in found.detail
