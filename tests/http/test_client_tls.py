"""The client over TLS: whom it trusts, and what it makes of a line that was cut."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mail_sender.http.call import Answer, Phase, Silence, Timeouts
from mail_sender.http.client import PooledHttpClient
from mail_sender.http.dial import client_context

from .authority import Authority
from .calls import PATIENT, Run, bounded, every_loop, post, result_of
from .far_side import (
    FarSide,
    Line,
    Script,
    answer,
    answering,
    answers_before_the_body,
    hangs_up_after_the_request,
    never_reads,
    nobody_accepting,
    resets_after_the_request,
    resets_at_the_next_request,
    says_then_cuts,
    says_then_hangs_up,
    says_then_resets,
)

HASTY = Timeouts(
    connect=timedelta(seconds=0.1), write=timedelta(seconds=0.1), answer=timedelta(seconds=0.1)
)
BIG = bytes(8 << 20)
OK = answer(202, b'{"id": "1"}')
NO_LENGTH = b"HTTP/1.1 200 OK\r\n\r\nall of it"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def far_tls(authority: Authority) -> ssl.SSLContext:
    return authority.server_context("localhost")


@contextlib.contextmanager
def nothing_was_sent(result: Answer | Silence, far: FarSide) -> Iterator[str]:
    """Yield the reason of a failure before the connection stood."""
    assert isinstance(result, Silence)
    assert result.phase is Phase.CONNECT
    assert far.requests == []
    assert far.connections == 0
    yield result.reason


@every_loop
def test_a_trusted_server_is_called_over_kept_connections(
    run: Run, authority: Authority, far_tls: ssl.SSLContext
) -> None:
    """A handshake costs fifty times a call: session tickets must not spoil the reuse."""
    names: list[str | None] = []

    def note_name(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
        names.append(name)

    async def script(line: Line) -> None:
        tls: ssl.SSLObject = line.writer.get_extra_info("ssl_object")
        assert tls.selected_alpn_protocol() == "http/1.1"
        assert tls.version() in {"TLSv1.2", "TLSv1.3"}
        await answering(OK)(line)

    async def scenario() -> None:
        client = PooledHttpClient(ca_file=authority.ca_file)
        async with FarSide(script, tls=far_tls, name="localhost") as far:
            for _ in range(5):
                assert (await client.call(post(far.url), PATIENT)).status == 202
            assert far.connections == 1
            assert far.requests[0].headers["host"] == f"localhost:{far.port}"
            await client.close()

    far_tls.sni_callback = note_name
    run(bounded(scenario()))
    far_tls.sni_callback = None
    assert names == ["localhost"]


@every_loop
def test_a_name_that_was_resolved_by_us_is_still_the_one_that_is_verified(
    run: Run, authority: Authority
) -> None:
    """Connecting to a checked address must not turn the certificate into that of an address."""
    names: list[str | None] = []
    context = authority.server_context("shop.test")
    context.sni_callback = lambda _, name, __: names.append(name)

    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async def scenario() -> None:
        client = PooledHttpClient(ca_file=authority.ca_file, resolve=resolve)
        async with FarSide(answering(OK), tls=context, name="shop.test") as far:
            assert (await client.call(post(far.url), PATIENT)).status == 202
            assert far.requests[0].headers["host"] == f"shop.test:{far.port}"
            other = await result_of(client.call(post(f"https://other.test:{far.port}"), PATIENT))
            assert isinstance(other, Silence)
            assert other.reason.startswith("certificate not trusted")
        await client.close()

    run(bounded(scenario()))
    assert names == ["shop.test", "other.test"]


@every_loop
def test_an_unknown_authority_is_refused(run: Run, far_tls: ssl.SSLContext) -> None:
    """Who stands in the way may show any certificate: it gets no key and no mail."""

    async def scenario() -> None:
        client = PooledHttpClient()
        async with FarSide(answering(OK), tls=far_tls, name="localhost") as far:
            result = await result_of(client.call(post(far.url), PATIENT))
            with nothing_was_sent(result, far) as reason:
                assert reason.startswith("certificate not trusted: ")
            await client.close()

    run(bounded(scenario()))


@every_loop
@pytest.mark.parametrize("names", [["esp.test"], ["127.0.0.2"], ["*.localhost"]])
def test_a_certificate_for_another_name_is_refused(
    run: Run, authority: Authority, names: list[str]
) -> None:
    """A valid certificate of somebody else is worth nothing."""

    async def scenario() -> None:
        client = PooledHttpClient(ca_file=authority.ca_file)
        for url_name in ("localhost", "127.0.0.1"):
            server = authority.server_context(*names)
            async with FarSide(answering(OK), tls=server, name=url_name) as far:
                result = await result_of(client.call(post(far.url), PATIENT))
                with nothing_was_sent(result, far) as reason:
                    assert reason.startswith("certificate not trusted: ")
                    assert "mismatch" in reason
        await client.close()

    run(bounded(scenario()))


async def test_an_address_in_the_certificate_is_good_for_that_address(authority: Authority) -> None:
    """Private endpoints often have no name."""
    client = PooledHttpClient(ca_file=authority.ca_file)
    async with FarSide(answering(OK), tls=authority.server_context("127.0.0.1")) as far:
        assert (await client.call(post(far.url), PATIENT)).status == 202
        await client.close()


@every_loop
def test_a_far_side_that_speaks_no_tls_gets_nothing(run: Run, authority: Authority) -> None:
    """A wrong port in the configuration, or somebody who took TLS away on the way."""

    async def says_no(line: Line) -> None:
        await line.reader.read(1)
        await line.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def scenario() -> None:
        client = PooledHttpClient(ca_file=authority.ca_file)
        async with FarSide(says_no) as far:
            result = await result_of(client.call(post(f"https://localhost:{far.port}"), PATIENT))
            assert isinstance(result, Silence)
            assert result.phase is Phase.CONNECT
            assert result.reason == "TLS handshake failed: wrong version number"
            assert far.requests == []
        await client.close()

    run(bounded(scenario()))


@every_loop
@pytest.mark.parametrize("end", [Line.cut, Line.reset])
def test_a_handshake_that_is_cut_has_sent_nothing(
    run: Run, end: Callable[[Line], None], authority: Authority
) -> None:
    """A load balancer without a backend: the next provider may be asked at once."""

    async def cuts(line: Line) -> None:
        await line.reader.read(1)
        end(line)

    async def scenario() -> None:
        client = PooledHttpClient(ca_file=authority.ca_file)
        async with FarSide(cuts) as far:
            result = await result_of(client.call(post(f"https://localhost:{far.port}"), PATIENT))
            assert isinstance(result, Silence)
            assert (result.phase, result.reason) == (
                Phase.CONNECT,
                "connection closed before it stood",
            )
        await client.close()

    run(bounded(scenario()))


@every_loop
def test_a_handshake_without_an_end_runs_into_the_connect_limit(
    run: Run, authority: Authority
) -> None:
    """TCP stands, TLS does not: still nothing was sent."""

    async def scenario() -> None:
        client = PooledHttpClient(ca_file=authority.ca_file)
        async with FarSide(Line.forever) as far:
            url = f"https://localhost:{far.port}"
            silent = await result_of(client.call(post(url), HASTY))
        with nobody_accepting() as port:
            unheard = await result_of(client.call(post(f"https://localhost:{port}"), HASTY))
        await client.close()
        for result in (silent, unheard):
            assert isinstance(result, Silence)
            assert (result.phase, result.reason) == (Phase.CONNECT, "no connection within 0.1 s")

    run(bounded(scenario()))


CASES: dict[str, tuple[Script, int | tuple[Phase, str], int]] = {
    "close_notify ends an answer": (says_then_hangs_up(NO_LENGTH), 200, 1),
    "a bare FIN does not": (
        says_then_cuts(NO_LENGTH),
        *((Phase.ANSWER, "connection closed in the middle of the answer"), 1),
    ),
    "a reset does not": (
        says_then_resets(NO_LENGTH),
        *((Phase.ANSWER, "connection reset in the middle of the answer"), 1),
    ),
    "half an answer": (
        says_then_hangs_up(OK[:-1]),
        *((Phase.ANSWER, "connection closed in the middle of the answer"), 1),
    ),
    "takes all and hangs up": (
        hangs_up_after_the_request,
        *((Phase.ANSWER, "connection closed before the answer"), 1),
    ),
    "takes all and resets": (
        resets_after_the_request,
        *((Phase.ANSWER, "connection reset before the answer"), 1),
    ),
}


@every_loop
@pytest.mark.parametrize("name", CASES)
def test_how_the_line_ends_decides_what_an_answer_is(
    run: Run, name: str, authority: Authority, far_tls: ssl.SSLContext
) -> None:
    """Under TLS a cut by somebody on the way is known: it has no close_notify."""
    script, then, seen = CASES[name]

    async def scenario() -> None:
        client = PooledHttpClient(ca_file=authority.ca_file)
        async with FarSide(script, tls=far_tls, name="localhost") as far:
            result = await result_of(client.call(post(far.url, Key="s3cret"), PATIENT))
            if isinstance(result, Answer):
                assert result.status == then
                assert result.body == b"all of it"
            else:
                assert (result.phase, result.reason) == then
                assert "s3cret" not in str(result)
            assert len(far.requests) == seen
            assert far.connections == 1
            await client.close()

    run(bounded(scenario()))


@every_loop
def test_a_kept_connection_that_was_closed_is_not_used(
    run: Run, authority: Authority, far_tls: ssl.SSLContext
) -> None:
    """Closed while idle: a fresh one. Reset by the next request: unknown, and no second try."""

    async def scenario() -> None:
        client = PooledHttpClient(ca_file=authority.ca_file)
        scripts = (says_then_hangs_up(OK), says_then_cuts(OK), resets_at_the_next_request(OK))
        async with FarSide(*scripts, tls=far_tls, name="localhost") as far:
            for _ in range(3):
                assert (await client.call(post(far.url), PATIENT)).status == 202
                await asyncio.sleep(0.02)
            result = await result_of(client.call(post(far.url), PATIENT))
            assert isinstance(result, Silence)
            assert result.phase is Phase.ANSWER
            assert [seen.connection for seen in far.requests] == [0, 1, 2]
            assert far.connections == 3
        await client.close()

    run(bounded(scenario()))


@every_loop
def test_large_bodies_stalls_and_early_answers(
    run: Run, authority: Authority, far_tls: ssl.SSLContext
) -> None:
    """The encryption's own buffer must not hide that nobody reads."""

    async def scenario() -> None:
        client = PooledHttpClient(ca_file=authority.ca_file)
        async with FarSide(answering(OK), tls=far_tls, name="localhost") as far:
            assert (await client.call(post(far.url, BIG), PATIENT)).status == 202
            assert far.requests[0].body == BIG
        stalls = FarSide(never_reads, tls=far_tls, name="localhost", receive_buffer=4096)
        async with stalls as far:
            result = await result_of(client.call(post(far.url, BIG), HASTY))
            assert isinstance(result, Silence)
            assert (result.phase, result.reason) == (Phase.WRITE, "request not taken within 0.1 s")
        early = answers_before_the_body(answer(413))
        async with FarSide(early, tls=far_tls, name="localhost", receive_buffer=4096) as far:
            assert (await client.call(post(far.url, BIG), PATIENT)).status == 413
        await client.close()

    run(bounded(scenario()))


@every_loop
def test_closing_says_goodbye(run: Run, authority: Authority, far_tls: ssl.SSLContext) -> None:
    """With close_notify, so that the far side does not log an attack; and without delay."""
    goodbyes: list[bytes] = []

    async def script(line: Line) -> None:
        await line.request()
        await line.say(OK)
        goodbyes.append(await line.reader.read())

    async def scenario() -> None:
        client = PooledHttpClient(ca_file=authority.ca_file)
        async with FarSide(script, tls=far_tls, name="localhost") as far:
            await client.call(post(far.url), PATIENT)
            await asyncio.wait_for(client.close(), 0.9)
            await asyncio.sleep(0.02)
            assert goodbyes == [b""]

    run(bounded(scenario()))


def test_verification_is_never_off(authority: Authority) -> None:
    """There is no option for it, and old versions of TLS are not offered."""
    for context in (client_context(None), client_context(authority.ca_file)):
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_missing_or_empty_authority_file_stops_the_start(tmp_path: Path) -> None:
    """Found at start, not with the first mail."""
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for path in (tmp_path / "missing.pem", empty):
        with pytest.raises(OSError, match=r"."):
            PooledHttpClient(ca_file=path)


async def test_one_authority_more_leaves_the_machines_in_place(authority: Authority) -> None:
    """A private endpoint beside public providers, in one client."""
    machines = len(ssl.create_default_context().get_ca_certs())

    assert len(client_context(authority.ca_file).get_ca_certs()) == machines + 1
