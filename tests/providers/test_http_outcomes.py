"""How an HTTP answer, or the lack of one, is read when no provider file knows better."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mail_sender.domain.outcome import Accepted, Blame, Deferred, Reach, Refused, Unknown
from mail_sender.providers.http import (
    Answer,
    Phase,
    Silence,
    outcome_of_answer,
    outcome_of_silence,
    retry_after,
)

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
HTML = {"content-type": "text/html; charset=utf-8"}
ERROR_STATUSES = st.integers(300, 599)


def an_answer(status: int, body: bytes = b"", **headers: str) -> Answer:
    return Answer(
        status=status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=body,
    )


def test_silence_before_the_connection_stood_lets_another_provider_try() -> None:
    """Nothing was sent, so waiting here would delay a mail for no reason."""
    outcome = outcome_of_silence(Silence(Phase.CONNECT, "connection refused"))

    assert isinstance(outcome, Deferred)
    assert outcome.blame is Blame.PROVIDER
    assert outcome.reach is Reach.CALL
    assert outcome.diagnostic.text == "connection refused"
    assert outcome.diagnostic.code is None


@pytest.mark.parametrize("phase", [Phase.WRITE, Phase.ANSWER])
def test_silence_after_the_first_byte_is_unknown(phase: Phase) -> None:
    """The provider may have the mail: calling this a failure sends it twice."""
    outcome = outcome_of_silence(Silence(phase, "no answer within 30 s"))

    assert isinstance(outcome, Unknown)
    assert outcome.diagnostic.text == "no answer within 30 s"


def test_every_phase_is_read() -> None:
    """A new phase must be thought about here, not fall into one of the two by accident."""
    assert set(Phase) == {Phase.CONNECT, Phase.WRITE, Phase.ANSWER}


@pytest.mark.parametrize("status", [408, 425, 429, 503])
@pytest.mark.parametrize("words", [None, "busy"])
def test_try_later_is_a_clean_no(status: int, words: str | None) -> None:
    """These promise that nothing was done (RFC 9110, RFC 6585, RFC 8470): safe to go on."""
    outcome = outcome_of_answer(an_answer(status, retry_after="7"), now=NOW, words=words)

    assert isinstance(outcome, Deferred)
    assert outcome.blame is Blame.PROVIDER
    assert outcome.reach is Reach.CALL
    assert outcome.retry_after == timedelta(seconds=7)
    assert outcome.diagnostic.code == status


@pytest.mark.parametrize("status", [500, 501, 502, 504, 505, 507, 520, 522, 524, 599, 900])
@pytest.mark.parametrize("words", [None, ""])
def test_a_bare_server_error_is_unknown(status: int, words: str | None) -> None:
    """An edge that lost its backend says 502 after the backend took the mail."""
    outcome = outcome_of_answer(an_answer(status), now=NOW, words=words)

    assert isinstance(outcome, Unknown)
    assert outcome.diagnostic.code == status


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_page_from_an_edge_is_unknown(status: int) -> None:
    """The page is the edge's; of the backend it knows nothing."""
    page = Answer(status=status, headers=HTML, body=b"<html><h1>Bad Gateway</h1></html>")

    assert isinstance(outcome_of_answer(page, now=NOW), Unknown)


@pytest.mark.parametrize("status", [500, 502, 504, 550])
def test_a_server_error_in_the_providers_words_is_a_clean_no(status: int) -> None:
    """Who words a refusal has not taken the mail: it goes to the next provider at once."""
    outcome = outcome_of_answer(an_answer(status), now=NOW, words="Internal failure")

    assert isinstance(outcome, Deferred)
    assert outcome.blame is Blame.PROVIDER
    assert outcome.diagnostic.text == "Internal failure"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299, 303])
def test_a_success_that_could_not_be_read_is_unknown(status: int) -> None:
    """It was probably taken, but under which id? 303 too says that the request was done."""
    assert isinstance(outcome_of_answer(an_answer(status), now=NOW), Unknown)
    assert isinstance(outcome_of_answer(an_answer(status), now=NOW, words="hm"), Unknown)


@pytest.mark.parametrize("status", [400, 422])
def test_a_bad_request_is_the_messages_fault(status: int) -> None:
    """The next provider would be asked in vain, and would hold the refusal against us."""
    outcome = outcome_of_answer(an_answer(status, b'{"error": "bad to"}'), now=NOW)

    assert isinstance(outcome, Refused)
    assert outcome.blame is Blame.MESSAGE
    assert outcome.diagnostic.text == f'HTTP {status}: {{"error": "bad to"}}'


@pytest.mark.parametrize(
    "page",
    [
        Answer(status=400, headers=HTML, body=b"Request blocked"),
        Answer(status=400, headers={"content-type": "TEXT/HTML"}, body=b"Request blocked"),
        Answer(status=400, headers={}, body=b"\r\n  <!DOCTYPE html><title>400</title>"),
    ],
)
def test_a_bad_request_page_is_not_the_messages_fault(page: Answer) -> None:
    """A firewall in front of the API speaks; the message may be welcome elsewhere."""
    outcome = outcome_of_answer(page, now=NOW)

    assert isinstance(outcome, Refused)
    assert outcome.blame is Blame.PROVIDER


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_a_refused_account_reaches_every_call(status: int) -> None:
    """With a dead key each further call is wasted: the breaker has to open at once."""
    outcome = outcome_of_answer(an_answer(status), now=NOW)

    assert isinstance(outcome, Refused)
    assert outcome.blame is Blame.PROVIDER
    assert outcome.reach is Reach.ACCOUNT


def test_too_large_reaches_only_this_message() -> None:
    """Another provider may take larger mails, and this one goes on with smaller ones."""
    outcome = outcome_of_answer(an_answer(413), now=NOW)

    assert isinstance(outcome, Refused)
    assert outcome.blame is Blame.PROVIDER
    assert outcome.reach is Reach.MESSAGE


@pytest.mark.parametrize("status", [300, 301, 302, 304, 307, 308, 405, 406, 409, 410, 415, 451])
def test_any_other_refusal_is_the_providers(status: int) -> None:
    """A moved API is a matter between us and the provider, and no mail's fault."""
    outcome = outcome_of_answer(an_answer(status), now=NOW)

    assert isinstance(outcome, Refused)
    assert outcome.blame is Blame.PROVIDER
    assert outcome.reach is Reach.CALL


@settings(deadline=None)
@given(
    ERROR_STATUSES,
    st.dictionaries(st.sampled_from(["content-type", "retry-after"]), st.text()),
    st.binary(max_size=64),
    st.none() | st.text(),
)
def test_no_error_answer_is_ever_read_as_accepted_or_raises(
    status: int, headers: dict[str, str], body: bytes, words: str | None
) -> None:
    """Whatever an edge invents, the worker gets an Outcome."""
    outcome = outcome_of_answer(
        Answer(status=status, headers=headers, body=body), now=NOW, words=words
    )

    assert not isinstance(outcome, Accepted)
    assert outcome.diagnostic.code == status
    assert outcome.diagnostic.text


def test_words_come_before_the_body() -> None:
    """The operator reads what the provider said, not its JSON."""
    outcome = outcome_of_answer(an_answer(405, b'{"m": "x"}'), now=NOW, words="Not here")

    assert isinstance(outcome, Refused)
    assert outcome.diagnostic.text == "Not here"


def test_a_body_without_words_is_quoted_on_one_line_and_cut() -> None:
    """A page of eight megabytes must not end up in the timeline."""
    outcome = outcome_of_answer(an_answer(405, b"a\r\n\tb " + b"x" * (8 << 20)), now=NOW)

    assert isinstance(outcome, Refused)
    assert outcome.diagnostic.text == "HTTP 405: a b " + "x" * 296


def test_a_body_that_is_no_text_is_still_quoted() -> None:
    """Bytes from nowhere must not turn a refusal into a crash."""
    outcome = outcome_of_answer(an_answer(405, b"\xff\xfe"), now=NOW)

    assert isinstance(outcome, Refused)
    assert outcome.diagnostic.text == "HTTP 405: ��"


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("0", timedelta(0)),
        ("120", timedelta(seconds=120)),
        ("  120 ", timedelta(seconds=120)),
        ("86400", timedelta(days=1)),
        ("86401", timedelta(days=1)),
        ("999999999", timedelta(days=1)),
        ("Tue, 01 Jan 2030 12:05:00 GMT", timedelta(minutes=5)),
        ("Tuesday, 01-Jan-30 12:05:00 GMT", timedelta(minutes=5)),
        ("Tue Jan  1 12:05:00 2030", timedelta(minutes=5)),
        ("Tue, 01 Jan 2030 13:05:00 +0100", timedelta(minutes=5)),
        ("Tue, 01 Jan 2030 12:05:00 -0000", timedelta(minutes=5)),
        ("Tue, 01 Jan 2030 11:00:00 GMT", timedelta(0)),
        ("Thu, 01 Jan 2099 00:00:00 GMT", timedelta(days=1)),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str, wait: timedelta) -> None:
    """RFC 9110 section 10.2.3 has seconds and dates, and a date has three old spellings."""
    assert retry_after(an_answer(429, retry_after=value), now=NOW) == wait


@pytest.mark.parametrize(
    "value", ["", "soon", "-5", "1.5", "1e3", "²", "9" * 30, "Mon, 99 Foo 2030 12:00:00 GMT"]
)
def test_a_retry_after_that_makes_no_sense_is_none(value: str) -> None:
    """Our own schedule is better than a wait read out of rubbish."""
    assert retry_after(an_answer(429, retry_after=value), now=NOW) is None


def test_no_retry_after_is_none() -> None:
    """Most answers have none."""
    assert retry_after(an_answer(429), now=NOW) is None


@settings(deadline=None)
@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d{1,25} [A-Z][a-z]{2} \d{1,25} \S* \S*"))
@example("Mon, 01 Jan 99999999999999999999 00:00:00 GMT")
@example("Mon, 01 Jan 2030 00:00:00 +99999999999")
@example("Mon, 01 Jan 0000 00:00:00 GMT")
@example("Fri, 31 Dec 9999 23:59:59 -2359")
@example("Mon, 01 Jan 0001 00:00:00 +2359")
def test_no_retry_after_raises_or_asks_for_more_than_a_day(value: str) -> None:
    """A header from the far side must not stop the worker, nor park a mail for a year."""
    wait = retry_after(an_answer(429, retry_after=value), now=NOW)

    assert wait is None or timedelta(0) <= wait <= timedelta(days=1)


@settings(deadline=None)
@given(st.datetimes(datetime(2030, 1, 1, 12), datetime(2030, 1, 2, 12)))  # noqa: DTZ001
def test_a_date_is_the_wait_until_then(at: datetime) -> None:
    """Written as RFC 9110 section 5.6.7 wants it, to the second."""
    at = at.replace(tzinfo=UTC, microsecond=0)
    value = format_datetime(at, usegmt=True)

    assert retry_after(an_answer(503, retry_after=value), now=NOW) == at - NOW


def test_the_body_reads_as_text_or_json_or_nothing() -> None:
    """A provider file asks for JSON and gets None for what is none, never an exception."""
    assert an_answer(200, b'{"id": 1}').json() == {"id": 1}
    assert an_answer(200, "ü".encode()).text == "ü"
    for broken in (b"", b"<html>", b"\xff", b'"\xff"', b"[" * 100_000):
        assert an_answer(200, broken).json() is None


def test_a_page_of_html_that_forbids_does_not_close_the_account() -> None:
    """A firewall in front of a provider may dislike one mail; the others still go."""
    page = Answer(status=403, headers={"content-type": "text/html"}, body=b"<html>no</html>")
    bare = Answer(status=403, headers={}, body=b"Forbidden")
    assert _reach(page) is Reach.CALL
    assert _reach(bare) is Reach.ACCOUNT


def _reach(given: Answer) -> Reach:
    outcome = outcome_of_answer(given, now=datetime(2030, 1, 1, tzinfo=UTC))
    assert isinstance(outcome, Refused)
    return outcome.reach
