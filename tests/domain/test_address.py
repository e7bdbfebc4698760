"""Reading addresses: what is deliverable is taken, the rest is refused in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_sender.domain.address import format_mailbox, parse_address, parse_mailbox
from mail_sender.domain.message import Address, Mailbox


@pytest.mark.parametrize(
    ("text", "address", "name"),
    [
        ("ann@example.net", "ann@example.net", ""),
        ("  Ann <ann@EXAMPLE.net> ", "ann@example.net", "Ann"),
        ("<ann@example.net>", "ann@example.net", ""),
        ('"Ann, Dr." <ann@example.net>', "ann@example.net", "Ann, Dr."),
        (r'"Ann \"A\" B" <ann@example.net>', "ann@example.net", 'Ann "A" B'),
        ("Jürgen Müller <j@münchen.example>", "j@münchen.example", "Jürgen Müller"),
        ("用户@例え.テスト", "用户@例え.テスト", ""),
        ("Ann+tag@example.net", "Ann+tag@example.net", ""),
        ('"odd local"@example.net', '"odd local"@example.net', ""),
        ('"a@b"@example.net', '"a@b"@example.net', ""),
        ("o'brien@example.net", "o'brien@example.net", ""),
        (f"{'a' * 64}@x.{'b' * 63}.net", f"{'a' * 64}@x.{'b' * 63}.net", ""),
        ("Ann <the boss> <ann@example.net>", "ann@example.net", "Ann <the boss>"),
    ],
)
def test_what_people_write_is_understood(text: str, address: str, name: str) -> None:
    """The domain is folded to lower case; the local part belongs to its host."""
    assert parse_mailbox(text) == Mailbox(Address(address), name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("ann", "domain is missing"),
        ("ann@", "domain is missing"),
        ("@example.net", "before the @"),
        ("ann@localhost", "domain"),
        ("ann@example..net", "domain"),
        ("ann@-example.net", "domain"),
        ("ann@example-.net", "domain"),
        (f"ann@{'b' * 64}.net", "domain"),
        (f"ann@example.{'n' * 64}", "domain"),
        ("ann@127.0.0.1", "IP address"),
        ("ann@[127.0.0.1]", "domain"),
        ("a..b@example.net", "before the @"),
        (".a@example.net", "before the @"),
        ("a b@example.net", "before the @"),
        ("ann@example.net\r\nBcc: eve@example.org", "control"),
        ("Ann\n <ann@example.net>", "control"),
        ("Ann <ann@example.net", "before the @"),
        ("ann@example.net>", "angle bracket"),
        ("ann@example.net, bob@example.net", "before the @"),
        (f"{'a' * 65}@example.net", "64"),
        (f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 63}.net", "254"),
        ("ann\x00@example.net", "control"),
    ],
)
def test_what_cannot_be_delivered_is_refused_with_a_reason(text: str, words: str) -> None:
    """The client can mend it: no provider is asked, nothing of a header is injected."""
    with pytest.raises(ValueError, match=words):
        parse_mailbox(text)


@given(st.text(max_size=80))
def test_any_text_is_an_address_or_a_reason(text: str) -> None:
    """No input breaks the reader, and what it takes it takes again."""
    try:
        address = parse_address(text)
    except ValueError:
        return
    assert parse_address(address) == address
    assert "\r" not in address
    assert "\n" not in address


_MANY = st.integers(0, 70).map("a".__mul__)


@given(st.lists(st.sampled_from(["a", "B", "7", "-", ".", "+", "@"]) | _MANY, max_size=12))
def test_plain_addresses_are_read_by_the_same_rules(parts: list[str]) -> None:
    """The short way that most addresses take; a space in front leads past it."""
    text = "".join(parts)

    def verdict(text: str) -> str:
        try:
            return parse_address(text)
        except ValueError as error:
            return f"refused: {error}"

    for each in (text, f"{text}@example.net", f"ann@{text}.net", f"ann@example.{text}"):
        assert verdict(each) == verdict(f" {each}")


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), max_size=60))
def test_a_formatted_mailbox_reads_back(name: str) -> None:
    """The message object shows what was sent."""
    box = Mailbox(Address("ann@example.net"), name)
    assert parse_mailbox(format_mailbox(box)) == box
