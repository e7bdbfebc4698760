"""Where a webhook may lead: the gateway must not become a client's way into a private network."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import pytest

from mail_sender.events.resolver import CheckedResolver, SystemLookup
from mail_sender.events.targets import TargetRules, networks, parse_url, why_not
from mail_sender.http.call import Silence

STRICT = TargetRules()
LOOSE = TargetRules(allow_http=True, allowed=networks(["10.0.0.0/8", "fd00::/8", "127.0.0.1"]))


@pytest.mark.parametrize(
    "address",
    ["93.184.216.34", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_public_addresses_may_be_called(address: str) -> None:
    """Also in the clothes of IPv6, as a network without IPv4 translates them."""
    assert why_not(address, STRICT) is None


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("127.0.0.1", id="loopback"),
        pytest.param("127.255.255.254", id="loopback, all of it"),
        pytest.param("0.0.0.0", id="this host"),  # noqa: S104 - called, not bound
        pytest.param("10.1.2.3", id="private"),
        pytest.param("172.16.0.1", id="private 172"),
        pytest.param("192.168.1.1", id="private 192"),
        pytest.param("100.64.0.1", id="carrier"),
        pytest.param("100.100.100.200", id="metadata of Alibaba"),
        pytest.param("169.254.169.254", id="metadata of most clouds"),
        pytest.param("168.63.129.16", id="metadata of Azure"),
        pytest.param("192.0.0.192", id="metadata of Oracle"),
        pytest.param("192.0.2.1", id="documentation"),
        pytest.param("198.18.0.1", id="benchmarks"),
        pytest.param("224.0.0.1", id="multicast"),
        pytest.param("240.0.0.1", id="reserved"),
        pytest.param("255.255.255.255", id="broadcast"),
        pytest.param("::", id="this host 6"),
        pytest.param("::1", id="loopback 6"),
        pytest.param("::ffff:127.0.0.1", id="mapped loopback"),
        pytest.param("::ffff:a9fe:a9fe", id="mapped metadata"),
        pytest.param("::127.0.0.1", id="compatible loopback"),
        pytest.param("64:ff9b::7f00:1", id="NAT64 loopback"),
        pytest.param("64:ff9b::a9fe:a9fe", id="NAT64 metadata"),
        pytest.param("64:ff9b:1::a00:1", id="NAT64 of a site"),
        pytest.param("2002:7f00:1::1", id="6to4 loopback"),
        pytest.param("2001:0:4136:e378:8000:63bf:3fff:fdd2", id="Teredo"),
        pytest.param("fe80::1", id="link-local"),
        pytest.param("fe80::1%eth0", id="link-local with its zone"),
        pytest.param("fec0::1", id="site-local"),
        pytest.param("fc00::1", id="unique local"),
        pytest.param("fd00:ec2::254", id="metadata of AWS 6"),
        pytest.param("ff02::1", id="multicast 6"),
        pytest.param("2001:db8::1", id="documentation 6"),
        pytest.param("100::1", id="discard"),
    ],
)
def test_no_other_address_is_called(address: str) -> None:
    """One of these would answer a stranger with keys, or let him scan the inside."""
    assert why_not(address, STRICT) == "leads to an address that is not public"


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("64:ff9b::a01:203", True),
        ("fd00::7", True),
        ("127.0.0.1", True),
        ("127.0.0.2", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
    ],
)
def test_what_the_operator_allows_and_nothing_beside_it(address: str, *, may: bool) -> None:
    """A receiver in one's own network is usual; the rest stays closed."""
    assert (why_not(address, LOOSE) is None) is may


@pytest.mark.parametrize(
    "url",
    ["https://shop.example.com", "https://shop.example.com:8443/hooks?a=b%20c", "https://8.8.8.8/"],
)
def test_good_urls_are_taken_as_they_are(url: str) -> None:
    """They are called as they were written."""
    assert parse_url(url, STRICT) == url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://shop.example.com", "expected a URL such as https://"),
        ("ftp://shop.example.com", "expected a URL"),
        ("//shop.example.com", "expected a URL"),
        ("https://", "expected a URL"),
        ("https://shop.example.com:0/", "expected a URL"),
        ("https://shop.example.com:99999/", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https://ann:secret@shop.example.com", "credentials"),
        ("https://shop.example.com/#top", "fragment"),
        ("https://shop.example.com/a b", "percent-encoded"),
        ("https://shop.example.com/\r\nX: y", "percent-encoded"),
        ("https://shöp.example.com", "percent-encoded"),
        ("https://127.0.0.1/", "not public"),
        ("https://[::ffff:10.0.0.1]/", "not public"),
        ("https://shop.example.com/" + "x" * 2000, "at most 2000"),
    ],
)
def test_urls_that_cannot_be_or_must_not_be_are_refused(url: str, words: str) -> None:
    """In words for the client, when the webhook is made and not a day later."""
    with pytest.raises(ValueError, match=words):
        parse_url(url, STRICT)


def test_plain_http_is_for_those_who_allow_it() -> None:
    """Bodies hold addresses of people."""
    assert parse_url("http://127.0.0.1:8080/hook", LOOSE)


# ---------------------------------------------------------------- names


def answering(*rounds: list[str]) -> Any:  # noqa: ANN401 - a look-up
    """Return a look-up that gives out other addresses each time it is asked."""
    left = list(rounds)

    async def lookup(host: str, port: int) -> list[tuple[Any, ...]]:
        return [
            (socket.AF_INET6 if ":" in it else socket.AF_INET, 1, 6, "", (it, port))
            for it in left.pop(0)
        ]

    return lookup


async def test_one_forbidden_address_forbids_a_name() -> None:
    """Else the connection could go to the one that was not meant."""
    resolve = CheckedResolver(STRICT, answering(["8.8.8.8", "127.0.0.1"], ["8.8.8.8"]))

    with pytest.raises(Silence, match="not public"):
        await resolve("shop.test", 443)
    assert await resolve("shop.test", 443) == ["8.8.8.8"]


@pytest.mark.parametrize("host", ["localhost", "127.1", "0x7f000001", "2130706433", "0177.0.0.1"])
async def test_no_way_of_writing_loopback_gets_through(host: str) -> None:
    """The system's resolver reads more forms of an address than any rule for texts."""
    lookup = SystemLookup()
    with contextlib.closing(lookup), pytest.raises((Silence, OSError)) as refused:
        await CheckedResolver(STRICT, lookup)(host, 443)

    assert isinstance(refused.value, Silence) or "not" in str(refused.value)


async def test_a_look_up_that_hangs_holds_up_no_thread_of_the_loop() -> None:
    """Providers are looked up there: a dead name server of a client must not stop the mail."""
    lookup = SystemLookup()
    with contextlib.closing(lookup):
        await lookup("localhost", 80)

        names = {thread.name for thread in lookup._threads._threads}

    assert all(name.startswith("webhook-lookup") for name in names)
    assert len(names) == 1
