"""Links to unsubscribe by: they say whom they are about, and nobody else can make them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_sender.domain.message import Address, MessageId
from mail_sender.domain.secret import Secret
from mail_sender.domain.unsubscribe import UnsubscribeLinks, Unsubscription

LINKS = UnsubscribeLinks("https://mail.example.com/", Secret("a secret"))
WHO = Unsubscription(MessageId("msg_01J8ZK3Q000000000000000000"), Address("Ann@example.net"))


@pytest.mark.parametrize(
    "address",
    ["ann@example.net", "Ann@example.net", "dømi@bücher.example", f"{'a' * 64}@{'b' * 60}.example"],
)
def test_a_link_says_whom_it_is_about(address: str) -> None:
    """Years later, when the message is long deleted here."""
    who = Unsubscription(WHO.message_id, Address(address))

    assert LINKS.read(LINKS.token_for(who)) == who


def test_the_headers_are_those_of_rfc_8058() -> None:
    """Section 3.1; a line of a mail has at most 998 characters (RFC 5322 section 2.1.1)."""
    longest = Unsubscription(WHO.message_id, Address(f"{'a' * 64}@{'b' * 63}.{'c' * 63}.example"))

    (name, link), post = LINKS.headers_for(longest)

    assert name == "List-Unsubscribe"
    assert link == f"<https://mail.example.com/unsubscribe/{LINKS.token_for(longest)}>"
    assert len(f"{name}: {link}") < 998
    assert post == ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")


def test_a_link_of_another_secret_is_none_of_ours() -> None:
    """Or anybody could end anybody's mail."""
    other = UnsubscribeLinks("https://mail.example.com", Secret("another"))

    assert LINKS.read(other.token_for(WHO)) is None


def test_no_character_of_a_link_can_be_changed() -> None:
    """Neither the signature nor what is signed; the last one may hold bits that say nothing."""
    token = LINKS.token_for(WHO)

    for at in range(len(token) - 1):
        other = "A" if token[at] != "A" else "B"
        assert LINKS.read(token[:at] + other + token[at + 1 :]) is None


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda it: it.decode("latin-1")))
def test_whatever_else_comes_is_none(token: str) -> None:
    """Scanners follow every link, and people cut them short."""
    assert LINKS.read(token) is None


def test_what_is_longer_than_any_link_is_not_even_looked_at() -> None:
    """It costs nothing."""
    assert LINKS.read(LINKS.token_for(WHO) + "A" * 1000) is None
