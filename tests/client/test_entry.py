"""The order in which addresses are asked. Pure, so it is tested with made-up ones."""

from __future__ import annotations

import random
import socket

from mail_sender.client.entry import (
    FAILED_FOR,
    LOOK_UP_EVERY,
    PREFERRED_FOR,
    STALE_FOR,
    Address,
    AddressBook,
    Entry,
    look_up,
)


def v4(n: int) -> Address:
    return socket.AF_INET, (f"192.0.2.{n}", 443)


def v6(n: int) -> Address:
    return socket.AF_INET6, (f"2001:db8::{n}", 443, 0, 0)


def book(*addresses: Address, seed: int = 1) -> AddressBook:
    made = AddressBook(random.Random(seed))  # noqa: S311
    made.learn(addresses, now=0.0)
    return made


def test_families_take_turns_beginning_with_that_of_the_system() -> None:
    """RFC 8305: where IPv6 is broken, the second try is not another broken one."""
    order = book(v6(1), v6(2), v6(3), v4(1), v4(2)).in_order(0.0)

    assert [family for family, _ in order] == [
        socket.AF_INET6, socket.AF_INET, socket.AF_INET6, socket.AF_INET, socket.AF_INET6,
    ]  # fmt: skip


def test_clients_begin_at_different_addresses() -> None:
    """The C library sorts what DNS rotates: unshuffled, one site would get all the load."""
    firsts = {book(v6(1), v6(2), v6(3), seed=seed).in_order(0.0)[0] for seed in range(30)}

    assert firsts == {v6(1), v6(2), v6(3)}


def test_the_one_that_worked_stays_first() -> None:
    """A dead address costs once, not at each request."""
    known = book(v4(1), v4(2), v4(3))
    last = known.in_order(0.0)[-1]
    known.worked(last, 1.0)

    assert known.in_order(2.0)[0] == last


def test_a_new_look_up_does_not_move_the_one_that_worked() -> None:
    """The resolver rotates; a connection that stands is better than one to be made."""
    known = book(v4(1), v4(2), v4(3))
    known.worked(v4(2), 1.0)
    for n in range(10):
        known.learn([v4(3), v4(1), v4(2)], 2.0 + n)
        assert known.in_order(2.0 + n)[0] == v4(2)


def test_the_preference_ends_so_that_load_spreads_again() -> None:
    """After an outage all clients are at the other site; they must not stay there for ever."""
    known = book(v4(1), v4(2), v4(3))
    known.worked(v4(2), 1.0)
    known.worked(v4(2), 300.0)  # counts from the first

    assert known.in_order(PREFERRED_FOR)[0] == v4(2)
    firsts = set()
    for n in range(30):
        known.learn([v4(1), v4(2), v4(3)], PREFERRED_FOR + 1 + n)
        firsts.add(known.in_order(PREFERRED_FOR + 2 + n)[0])
    assert firsts == {v4(1), v4(2), v4(3)}


def test_those_that_failed_come_last_and_the_longest_ago_first() -> None:
    """Nothing is ever left out: when all have failed, they are all there is."""
    known = book(v4(1), v4(2), v4(3))
    known.failed(v4(2), 1.0)
    known.failed(v4(1), 2.0)

    assert known.in_order(3.0) == [v4(3), v4(2), v4(1)]
    known.failed(v4(3), 3.0)
    assert known.in_order(3.0) == [v4(2), v4(1), v4(3)]


def test_a_failure_is_forgotten_after_a_while_or_when_it_works() -> None:
    """Hosts come back."""
    known = book(v4(1), v4(2))
    known.worked(v4(1), 0.0)
    known.failed(v4(1), 1.0)
    assert known.in_order(1.0) == [v4(2), v4(1)]
    known.worked(v4(1), 2.0)
    assert known.in_order(2.0) == [v4(1), v4(2)]
    known.failed(v4(2), 3.0)
    known.failed(v4(1), 4.0)
    assert known.in_order(3.5 + FAILED_FOR)[-1] == v4(1)


def test_an_address_that_left_the_name_is_not_asked() -> None:
    """An entry that cannot serve leaves DNS, also when it was preferred."""
    known = book(v4(1), v4(2))
    known.worked(v4(1), 1.0)
    known.learn([v4(2), v4(2)], 31.0)

    assert known.in_order(31.0) == [v4(2)]


def test_a_look_up_holds_for_a_while_and_a_failed_one_for_a_short_one() -> None:
    """A resolver that is down must not cost each request its time limit."""
    known = book(v4(1))
    assert known.is_fresh(LOOK_UP_EVERY - 1)
    assert not known.is_fresh(LOOK_UP_EVERY)
    known.stays_as_it_is(40.0)
    assert known.is_fresh(40.0 + STALE_FOR - 1)
    assert not known.is_fresh(40.0 + STALE_FOR)
    assert known.in_order(40.0) == [v4(1)]


def test_an_entry_knows_its_name_in_the_forms_that_are_needed() -> None:
    """Host, certificate and words for people, for names and addresses."""
    plain = Entry.parse("gateway.example:8025")
    named = Entry.parse("https://Müller.example/mail/")
    v6_ = Entry.parse("https://[2001:db8::1]:8443")

    assert (plain.is_tls, plain.authority, plain.url) == (
        False, "gateway.example:8025", "http://gateway.example:8025",
    )  # fmt: skip
    assert (named.host, named.port, named.authority, named.base) == (
        "xn--mller-kva.example", 443, "xn--mller-kva.example", "/mail",
    )  # fmt: skip
    assert (v6_.host, v6_.authority, v6_.url) == (
        "2001:db8::1", "[2001:db8::1]:8443", "https://[2001:db8::1]:8443",
    )  # fmt: skip


def test_addresses_may_be_given_instead_of_the_name() -> None:
    """Where DNS says something else than the program should use."""
    entry = Entry.parse("https://gateway.invalid", ["192.0.2.1", "2001:db8::1"])

    assert look_up(entry) == [
        (socket.AF_INET, ("192.0.2.1", 443)),
        (socket.AF_INET6, ("2001:db8::1", 443, 0, 0)),
    ]
