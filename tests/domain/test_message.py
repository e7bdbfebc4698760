"""Ids that cannot be guessed, and the envelope."""

from __future__ import annotations

import re
from datetime import timedelta

from mail_sender.domain.message import RecipientKind, new_message_id
from tests.make import ANN, BOB, CID, NOW, mailboxes, make_content


def test_ids_are_unique_sortable_by_time_and_of_the_promised_form() -> None:
    """The id is the token that a client asks with, on any node."""
    ids = [new_message_id(NOW + timedelta(milliseconds=n)) for n in range(1000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 1000
    assert all(re.fullmatch(r"msg_[0-9A-HJKMNP-TV-Z]{26}", id_) for id_ in ids)
    same_moment = {new_message_id(NOW)[14:] for _ in range(1000)}
    assert len(same_moment) == 1000, "80 bits of chance"


def test_the_envelope_holds_everybody_once_and_knows_their_header() -> None:
    """An address in to and bcc gets one mail."""
    content = make_content(to=(ANN,), cc=mailboxes([BOB]), bcc=mailboxes([CID, ANN]))
    assert content.recipients == (ANN, BOB, CID)
    assert list(content.kinds.values()) == [
        RecipientKind.TO, RecipientKind.CC, RecipientKind.BCC,
    ]  # fmt: skip
