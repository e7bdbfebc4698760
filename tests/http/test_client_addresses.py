"""From a name to a connection: what resolvers and dead addresses do to a call."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from mail_sender.http.call import Phase, Silence
from mail_sender.http.client import PooledHttpClient

from ..requirements import need
from .calls import PATIENT, Run, bounded, every_loop, post, result_of
from .far_side import (
    FarSide,
    answer,
    answering,
    nobody_listening,
)

OK = answer(202, b'{"id": "1"}')


@pytest.fixture
async def client() -> AsyncIterator[PooledHttpClient]:
    client = PooledHttpClient()
    yield client
    await client.close()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (socket.EAI_NONAME, "host name not found"),
        (socket.EAI_AGAIN, "host name could not be looked up"),
    ],
)
async def test_a_name_that_does_not_exist_is_told(
    client: PooledHttpClient, monkeypatch: pytest.MonkeyPatch, code: int, reason: str
) -> None:
    """A typing error in a URL has to read as one, and a broken resolver as another."""

    async def resolve(*_: object, **__: object) -> list[Any]:
        raise socket.gaierror(code, "the resolver's own words")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)

    result = await result_of(client.call(post("http://nowhere.test"), PATIENT))

    assert isinstance(result, Silence)
    assert (result.phase, result.reason) == (Phase.CONNECT, reason)


async def test_a_name_that_cannot_exist_is_told(client: PooledHttpClient) -> None:
    """Python's resolver raises something else for these."""
    for name in ("a..test", "a" * 64 + ".test"):
        result = await result_of(client.call(post(f"http://{name}"), PATIENT))
        assert isinstance(result, Silence)
        assert (result.phase, result.reason) == (Phase.CONNECT, "host name not found")


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


async def test_an_ipv6_literal_is_called_and_named_in_brackets(client: PooledHttpClient) -> None:
    """RFC 9110 section 7.2: Host has them, the socket has not."""
    need(has_ipv6(), "IPv6 on loopback: sysctl net.ipv6.conf.lo.disable_ipv6=0")
    async with FarSide(answering(OK), host="::1") as far:
        await client.call(post(far.url), PATIENT)

    assert far.requests[0].headers["host"] == f"[::1]:{far.port}"


@every_loop
@pytest.mark.parametrize("how", ["refused", "silent"])
def test_a_dead_ipv6_address_does_not_stop_the_call(run: Run, how: str) -> None:
    """Hosts with a broken IPv6 route are common: RFC 8305, happy eyeballs."""
    need(has_ipv6(), "IPv6 on loopback: sysctl net.ipv6.conf.lo.disable_ipv6=0")

    async def scenario() -> None:
        client = PooledHttpClient()
        async with FarSide(answering(OK)) as far:
            with contextlib.ExitStack() as stack:
                patch = stack.enter_context(pytest.MonkeyPatch.context())
                patch.setattr(asyncio.get_running_loop(), "getaddrinfo", TwoAddresses())
                dead = stack.enter_context(socket.socket(socket.AF_INET6))
                dead.bind(("::1", far.port))
                if how == "silent":
                    fill_the_backlog_of(dead, stack)
                request = post(f"http://both.test:{far.port}")
                assert (await client.call(request, PATIENT)).status == 202
            assert len(far.requests) == 1
            await client.close()

    run(bounded(scenario()))


def fill_the_backlog_of(listening: socket.socket, stack: contextlib.ExitStack) -> None:
    listening.listen(0)
    for _ in range(4):
        filler = stack.enter_context(socket.socket(listening.family))
        filler.settimeout(0)
        filler.connect_ex(listening.getsockname())


class TwoAddresses:
    """A resolver that knows a dead IPv6 address and a living IPv4 one."""

    async def __call__(self, host: str, port: int, **_: object) -> list[Any]:
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
        ]


async def test_when_all_addresses_fail_the_first_failure_is_told(
    client: PooledHttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The resolver's first choice is the one that an operator would look at."""
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", TwoAddresses())
    with nobody_listening() as port:
        result = await result_of(client.call(post(f"http://both.test:{port}"), PATIENT))

    assert isinstance(result, Silence)
    assert result.phase is Phase.CONNECT


async def test_the_connection_goes_to_what_the_resolver_said_and_to_nothing_else() -> None:
    """Whoever checks addresses must not be shown another one a moment later (DNS rebinding)."""
    asked = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        if len(asked) > 1:
            raise Silence(Phase.CONNECT, "asked twice")
        return ["127.0.0.1"]

    async with FarSide(answering(OK)) as far:
        client = PooledHttpClient(resolve=resolve)
        result = await result_of(client.call(post(f"http://shop.test:{far.port}"), PATIENT))
        await client.close()

    assert not isinstance(result, Silence)
    assert asked == [("shop.test", far.port)]
    assert far.requests[0].headers["host"] == f"shop.test:{far.port}"


async def test_a_resolver_that_refuses_ends_the_call_before_a_byte_was_sent() -> None:
    """Its reason is what the operator reads."""

    async def refuse(host: str, port: int) -> list[str]:
        raise Silence(Phase.CONNECT, "not allowed")

    client = PooledHttpClient(resolve=refuse)
    result = await result_of(client.call(post("http://shop.test"), PATIENT))
    await client.close()

    assert isinstance(result, Silence)
    assert (result.phase, result.reason) == (Phase.CONNECT, "not allowed")
