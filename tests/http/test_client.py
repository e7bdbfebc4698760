"""The client against a far side that misbehaves: what is reported, and how often it was asked.

Every case also says how many complete requests the far side saw: never more than calls made.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mail_sender.http.answer import AnswerLimits
from mail_sender.http.call import Answer, HttpClient, Phase, Silence, Timeouts
from mail_sender.http.client import PooledHttpClient

from .calls import HASTY, PATIENT, Run, bounded, every_loop, post, result_of
from .far_side import (
    FarSide,
    Line,
    Script,
    answer,
    answering,
    answering_in_pieces,
    answers_before_the_body,
    closes_at_once,
    closing_at_accept,
    cuts_after_the_head,
    hangs_up_after_the_request,
    never_answers,
    never_reads,
    nobody_accepting,
    nobody_listening,
    resets_after_the_request,
    resets_at_the_next_request,
    says_then_hangs_up,
    says_then_resets,
    says_then_waits,
    takes_the_next_request_and,
)

#: More than the kernel takes for a peer that does not read, however it tunes its buffers.
BIG = bytes(8 << 20)
OK = answer(202, b'{"id": "1"}')
NO_LENGTH = b"HTTP/1.1 200 OK\r\n\r\nall of it"


@pytest.fixture
async def client() -> AsyncIterator[PooledHttpClient]:
    client = PooledHttpClient()
    yield client
    await client.close()


@dataclass(frozen=True, kw_only=True)
class Case:
    """One way to misbehave, and what has to come of it.

    Attributes:
        calls: Made one after the other; the last one is judged, the others get an Answer.
        then: The judged result: a status, or a phase and reason.
        seen: Complete requests at the far side, all calls together.
    """

    script: Script
    then: int | tuple[Phase, str]
    seen: int
    calls: int = 1
    timeouts: Timeouts = PATIENT
    body: bytes = b"{}"
    connections: int = 1


CUT_SHORT = b"HTTP/1.1 202 Accepted\r\nContent-Length: 99\r\n\r\nhalf"


CASES = {
    "answers": Case(script=answering(OK), then=202, seen=1),
    "answers twice on one connection": Case(script=answering(OK), then=202, seen=2, calls=2),
    "reads the head and cuts": Case(
        script=cuts_after_the_head,
        then=(Phase.ANSWER, "connection closed before the answer"),
        seen=0,
    ),
    "takes all and hangs up": Case(
        script=hangs_up_after_the_request,
        then=(Phase.ANSWER, "connection closed before the answer"),
        seen=1,
    ),
    "takes all and resets": Case(
        script=resets_after_the_request,
        then=(Phase.ANSWER, "connection reset before the answer"),
        seen=1,
    ),
    "half the head, then hangs up": Case(
        script=says_then_hangs_up(OK[:20]),
        then=(Phase.ANSWER, "connection closed in the middle of the answer"),
        seen=1,
    ),
    "half the body, then hangs up": Case(
        script=says_then_hangs_up(CUT_SHORT),
        then=(Phase.ANSWER, "connection closed in the middle of the answer"),
        seen=1,
    ),
    "half the body, then resets": Case(
        script=says_then_resets(CUT_SHORT),
        then=(Phase.ANSWER, "connection reset in the middle of the answer"),
        seen=1,
    ),
    "half the chunks, then hangs up": Case(
        script=says_then_hangs_up(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhell"
        ),
        then=(Phase.ANSWER, "connection closed in the middle of the answer"),
        seen=1,
    ),
    "a length that is too long": Case(
        script=says_then_waits(CUT_SHORT),
        then=(Phase.ANSWER, "answer not complete within 0.05 s"),
        seen=1,
        timeouts=HASTY,
    ),
    "a length that is too short": Case(
        script=answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{}"),
        then=200,
        seen=2,
        calls=2,
        connections=2,
    ),
    "never answers": Case(
        script=never_answers,
        then=(Phase.ANSWER, "no answer within 0.05 s"),
        seen=1,
        timeouts=HASTY,
    ),
    "never reads": Case(
        script=never_reads,
        then=(Phase.WRITE, "request not taken within 0.05 s"),
        seen=0,
        timeouts=HASTY,
        body=BIG,
    ),
    "answers slowly": Case(script=answering_in_pieces(OK), then=202, seen=1),
    "answers too slowly": Case(
        script=answering_in_pieces(OK, size=10, pause=0.02),
        then=(Phase.ANSWER, "answer not complete within 0.05 s"),
        seen=1,
        timeouts=HASTY,
    ),
    "a large body": Case(script=answering(OK), then=202, seen=2, calls=2, body=BIG),
    "answers before the body": Case(
        script=answers_before_the_body(answer(413)),
        then=413,
        seen=0,
        calls=2,
        body=BIG,
        connections=2,
    ),
    "chunked": Case(
        script=answering(
            b"HTTP/1.1 202 A\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
        ),
        then=202,
        seen=2,
        calls=2,
    ),
    "gzip": Case(
        script=answering(answer(202, gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"})),
        then=202,
        seen=2,
        calls=2,
    ),
    "Connection: close": Case(
        script=answering(answer(202, headers={"Connection": "close"})),
        then=202,
        seen=2,
        calls=2,
        connections=2,
    ),
    "HTTP/1.0": Case(
        script=answering(OK.replace(b"1.1", b"1.0")), then=202, seen=2, calls=2, connections=2
    ),
    "HTTP/1.0 to the end": Case(
        script=says_then_hangs_up(NO_LENGTH.replace(b"1.1", b"1.0")),
        then=200,
        seen=2,
        calls=2,
        connections=2,
    ),
    "an answer that lasts to the end": Case(script=says_then_hangs_up(NO_LENGTH), then=200, seen=1),
    "an answer that lasts to a reset": Case(
        script=says_then_resets(NO_LENGTH),
        then=(Phase.ANSWER, "connection reset in the middle of the answer"),
        seen=1,
    ),
    "keeps the connection and closes it while idle": Case(
        script=says_then_hangs_up(OK), then=202, seen=2, calls=2, connections=2
    ),
    "resets as the next request comes": Case(
        script=resets_at_the_next_request(OK),
        then=(Phase.ANSWER, "connection reset before the answer"),
        seen=1,
        calls=2,
    ),
    "takes the next request and hangs up": Case(
        script=takes_the_next_request_and(Line.cut, first=OK),
        then=(Phase.ANSWER, "connection closed before the answer"),
        seen=2,
        calls=2,
    ),
    "takes the next request and resets": Case(
        script=takes_the_next_request_and(Line.reset, first=OK),
        then=(Phase.ANSWER, "connection reset before the answer"),
        seen=2,
        calls=2,
    ),
    "interim answers": Case(
        script=answering(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 H\r\nA: b\r\n\r\n" + OK),
        then=202,
        seen=2,
        calls=2,
    ),
    "an interim answer and no other": Case(
        script=says_then_hangs_up(b"HTTP/1.1 100 Continue\r\n\r\n"),
        then=(Phase.ANSWER, "connection closed in the middle of the answer"),
        seen=1,
    ),
    "garbage": Case(
        script=says_then_waits(b"220 mx.test ESMTP\r\n"),
        then=(Phase.ANSWER, "answer is not HTTP"),
        seen=1,
    ),
    "two answers": Case(
        script=answering(OK + answer(500)), then=202, seen=2, calls=2, connections=2
    ),
    "a huge head": Case(
        script=says_then_waits(answer(202, headers={"X": "x" * (64 << 10)})),
        then=(Phase.ANSWER, "answer too large"),
        seen=1,
    ),
    "a huge body": Case(
        script=says_then_waits(answer(202, bytes((8 << 20) + 1))),
        then=(Phase.ANSWER, "answer too large"),
        seen=1,
    ),
    "a large answer": Case(script=answering(answer(202, bytes(8 << 20))), then=202, seen=1),
    "a bomb": Case(
        script=says_then_waits(
            answer(202, gzip.compress(bytes(9 << 20)), headers={"Content-Encoding": "gzip"})
        ),
        then=(Phase.ANSWER, "answer too large"),
        seen=1,
    ),
    "a redirect": Case(
        script=answering(answer(307, headers={"Location": "/elsewhere"})), then=307, seen=1
    ),
}


async def play(case: Case, far: FarSide, client: PooledHttpClient) -> None:
    request = post(far.url, case.body, Authorization="s3cret")
    results = []
    for _ in range(case.calls):
        results.append(await result_of(client.call(request, case.timeouts)))
        await asyncio.sleep(0.01)

    assert all(isinstance(result, Answer) for result in results[:-1])
    match results[-1]:
        case Answer(status=status):
            assert case.then == status
        case Silence(phase=phase, reason=reason) as silence:
            assert case.then == (phase, reason)
            assert "s3cret" not in f"{silence} {silence!r}"
    assert len(far.requests) == case.seen
    assert far.connections == case.connections


@every_loop
@pytest.mark.parametrize("name", CASES)
def test_each_misbehaviour_is_told_and_nothing_is_asked_twice(name: str, run: Run) -> None:
    """A request sent twice is a mail sent twice; a phase told wrong is one sent twice later."""

    async def scenario() -> None:
        case = CASES[name]
        small = 4096 if case.body is BIG and case.seen == 0 else None
        client = PooledHttpClient()
        async with FarSide(case.script, receive_buffer=small) as far:
            await play(case, far, client)
            await client.close()

    run(bounded(scenario()))


@every_loop
def test_nothing_is_sent_to_who_does_not_let_us_in(run: Run) -> None:
    """Refused, not answered, closed at once: another provider may be asked at no risk."""

    async def scenario() -> None:
        client = PooledHttpClient()
        with nobody_listening() as port:
            refused = await result_of(client.call(post(f"http://127.0.0.1:{port}"), PATIENT))
        with nobody_accepting() as port:
            unheard = await result_of(client.call(post(f"http://127.0.0.1:{port}"), HASTY))
        with closing_at_accept() as port:
            closed = await result_of(client.call(post(f"http://127.0.0.1:{port}"), PATIENT))
        await client.close()

        for result, reason in (
            (refused, "connection refused"),
            (unheard, "no connection within 0.05 s"),
            (closed, "connection closed at once"),
        ):
            assert isinstance(result, Silence)
            assert (result.phase, result.reason) == (Phase.CONNECT, reason)

    run(bounded(scenario()))


async def test_closed_after_the_first_write_is_not_called_unsent(client: PooledHttpClient) -> None:
    """The far side closed at once, but we had written by then: what it read is not known."""
    async with FarSide(closes_at_once) as far:
        result = await result_of(client.call(post(far.url), PATIENT))

    assert isinstance(result, Silence)
    assert result.phase is Phase.ANSWER


async def test_a_request_arrives_as_it_was_given(client: PooledHttpClient) -> None:
    """Target, headers and every byte of the body, small and large."""
    bodies = [b"", b"{}", bytes(range(256)) * 256, bytes(range(256)) * 4096]
    async with FarSide(answering(OK)) as far:
        for body in bodies:
            await client.call(post(far.url, body, X_Key="k"), PATIENT)

    assert [seen.body for seen in far.requests] == bodies
    assert {seen.target for seen in far.requests} == {"/send"}
    assert {seen.headers["x-key"] for seen in far.requests} == {"k"}
    assert {seen.headers["host"] for seen in far.requests} == {f"127.0.0.1:{far.port}"}


async def test_a_request_that_cannot_be_put_into_http_is_not_sent(client: PooledHttpClient) -> None:
    """A line break in a header would be a header of the attacker's."""
    async with FarSide(answering(OK)) as far:
        for request in (post(far.url, X="a\r\nB: c"), post(far.url + "/a b")):
            with pytest.raises(ValueError, match=r"cannot be sent|percent-encoded"):
                await client.call(request, PATIENT)

        assert far.connections == 0


async def test_the_limits_can_be_lower() -> None:
    """For a machine with little memory."""
    client: HttpClient = PooledHttpClient(limits=AnswerLimits(head=100, body=10))
    async with FarSide(answering(answer(202, bytes(11)))) as far:
        result = await result_of(client.call(post(far.url), PATIENT))
        await client.close()

    assert isinstance(result, Silence)
    assert result.reason == "answer too large"


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=60), st.integers(0, len(OK)), st.lists(st.integers(1, 40), max_size=5))
def test_random_answers_end_in_an_answer_or_silence(
    noise: bytes, kept: int, sizes: list[int]
) -> None:
    """Over a real socket nothing but these two may come out, and never a second request."""
    spoiled = OK[:kept] + noise

    async def script(line: Line) -> None:
        await line.request()
        start = 0
        for size in sizes:
            await line.say(spoiled[start : start + size])
            await asyncio.sleep(0)
            start += size
        await line.say(spoiled[start:])

    async def scenario() -> None:
        client = PooledHttpClient()
        async with FarSide(script) as far:
            result = await asyncio.wait_for(result_of(client.call(post(far.url), PATIENT)), 2)
            assert isinstance(result, Answer | Silence)
            if isinstance(result, Silence):
                assert result.phase is Phase.ANSWER
            assert len(far.requests) == 1
            await client.close()

    asyncio.run(bounded(scenario()))
