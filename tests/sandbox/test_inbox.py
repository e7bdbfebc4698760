"""The inbox: bounded, newest first, with counts that outlive the mail."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mail_sender.clock import FakeClock
from mail_sender.domain.message import Address, Attachment
from mail_sender.sandbox.contents import Contents
from mail_sender.sandbox.inbox import Inbox, InboxLimits, Mail
from tests.make import ANN, BOB, NOW, make_message


def put(inbox: Inbox, ms_id: str | None = "msg_1", **fields: Any) -> Mail:  # noqa: ANN401
    return inbox.put(
        **{
            "provider": "ses",
            "mail_from": "shop@example.com",
            "recipients": (ANN,),
            "subject": "Order 7",
            "read": Contents,
            "ms_id": ms_id,
            "raw": b"mail",
            **fields,
        }
    )


@pytest.fixture
def inbox(clock: FakeClock) -> Inbox:
    return Inbox(clock, InboxLimits(max_mails=3, max_bytes=100, max_counted=4))


def test_the_newest_comes_first(inbox: Inbox) -> None:
    """What a person has just sent is what they look for."""
    first, second = put(inbox), put(inbox)

    assert inbox.newest(limit=2) == [second, first]
    assert inbox.newest(limit=1) == [second]
    assert second.received_at == NOW


def test_mail_is_found_by_account_and_by_our_id(inbox: Inbox) -> None:
    """A test asks for its own message among those of others."""
    first, second = put(inbox, "msg_1"), put(inbox, "msg_2", provider="relay")

    assert inbox.newest(limit=9, ms_id="msg_1") == [first]
    assert inbox.newest(limit=9, provider="relay") == [second]
    assert inbox.newest(limit=9, provider="relay", ms_id="msg_1") == []


def test_the_oldest_goes_when_there_are_too_many(inbox: Inbox) -> None:
    """A sandbox that runs for weeks must not eat the machine."""
    mails = [put(inbox) for _ in range(5)]

    assert list(inbox) == mails[:1:-1]
    assert inbox.get(mails[0].id) is None


def test_the_oldest_goes_when_they_are_too_large(inbox: Inbox) -> None:
    """Ten mails of 40 MB are few, and too much."""
    put(inbox, raw=bytes(60))
    large = put(inbox, raw=bytes(50))
    assert list(inbox) == [large]

    small = put(inbox, raw=bytes(40))

    assert list(inbox) == [small, large]


def test_the_newest_is_kept_whatever_its_size(inbox: Inbox) -> None:
    """Or a large mail would seem lost."""
    put(inbox)
    large = put(inbox, raw=bytes(1000))

    assert list(inbox) == [large]
    assert list(inbox) != [put(inbox)]


def test_counts_outlive_the_mail(inbox: Inbox) -> None:
    """A benchmark of a million mails ends with "0 lost, 0 doubled", or not."""
    for _ in range(10):
        put(inbox, "msg_1", recipients=(ANN, BOB))

    assert (len(inbox), inbox.totals.mails, inbox.totals.recipients) == (3, 10, 20)
    assert inbox.receipts("msg_1").recipients == {ANN: 10, BOB: 10}
    assert inbox.totals.by_provider == {"ses": 10}


def test_a_message_that_two_providers_took_is_a_duplicate(inbox: Inbox) -> None:
    """The very thing that a failover must not do behind the caller's back."""
    put(inbox, "msg_1", provider="ses")
    put(inbox, "msg_1", provider="relay")

    assert list(inbox.duplicates()) == [("msg_1", ANN, 2)]


def test_a_message_in_two_parts_is_no_duplicate(inbox: Inbox) -> None:
    """After a partial refusal the rest goes to the next provider."""
    put(inbox, "msg_1", recipients=(ANN,))
    put(inbox, "msg_1", recipients=(BOB,))

    assert list(inbox.duplicates()) == []
    assert inbox.distinct == 1


def test_mail_without_our_id_is_not_counted_as_ours(inbox: Inbox) -> None:
    """Verification mails, and whatever else people send here by hand."""
    put(inbox, None)
    put(inbox, None)

    assert (inbox.distinct, list(inbox.duplicates())) == (0, [])


def test_forgotten_counts_are_admitted(inbox: Inbox) -> None:
    """To find no duplicates would be a lie when the counts were dropped."""
    put(inbox, "msg_0")
    put(inbox, "msg_0")
    for number in range(1, 5):
        put(inbox, f"msg_{number}")

    assert (inbox.totals.forgotten, inbox.distinct) == (1, 4)
    assert list(inbox.duplicates()) == []


def test_clear_forgets_everything_and_repeats_no_id(inbox: Inbox) -> None:
    """A fresh start between two tests; an old id must not show a new mail."""
    before = put(inbox)
    put(inbox)

    inbox.clear()

    assert (len(inbox), inbox.totals.mails, inbox.distinct) == (0, 0, 0)
    assert list(inbox.duplicates()) == []
    after = put(inbox)
    assert after.id != before.id
    assert list(inbox) == [after]


async def test_whoever_waits_hears_of_the_next_mail(inbox: Inbox) -> None:
    """Tests wait for mail instead of sleeping."""
    waiting = [asyncio.create_task(inbox.changed()) for _ in range(2)]
    gave_up = asyncio.create_task(inbox.changed())
    await asyncio.sleep(0)
    gave_up.cancel()
    await asyncio.sleep(0)

    put(inbox)

    await asyncio.wait_for(asyncio.gather(*waiting), 10)


async def test_a_message_of_the_gateway_can_be_put_in_without_a_wire(inbox: Inbox) -> None:
    """How mail of test keys comes here."""
    file = Attachment(filename="a.txt", content_type="text/plain", content=b"abc")
    message = make_message(
        to=(ANN, BOB), text="Thänks", tags=("t",), metadata=(("k", "v"),), attachments=(file,)
    )

    mail_id = await inbox.deliver("sandbox", message, frozenset({Address(BOB)}))

    mail = inbox.get(mail_id)
    assert mail is not None
    said = mail.read()
    assert (mail.recipients, mail.ms_id, mail.answered) == ((BOB,), message.id, True)
    assert (mail.size, mail.raw, mail.provider_message_id) == (
        len("Thänks".encode()) + 3,
        b"",
        mail_id,
    )
    assert [m.address for m in said.to] == [ANN, BOB]
    assert (said.text, said.tags, said.metadata) == ("Thänks", ("t",), {"k": "v"})
    assert [(f.filename, f.content) for f in said.attachments] == [("a.txt", b"abc")]
