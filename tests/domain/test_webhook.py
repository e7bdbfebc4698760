"""What a webhook hears of, and the ids of its deliveries."""

from __future__ import annotations

from typing import Any

import pytest

from mail_sender.domain.event import EventType
from mail_sender.domain.message import KeyId
from mail_sender.domain.webhook import (
    Occurrence,
    WebhookId,
    WebhookSettings,
    delivery_id,
    parse_event_type,
)

from ..make import make_event

SENT = Occurrence(event=make_event(EventType.SENT), key_id=KeyId("key_1"), tags=("a", "b"))
DEGRADED = Occurrence(event=make_event(EventType.DEGRADED))


@pytest.mark.parametrize(
    ("chosen", "sent", "degraded"),
    [
        ({}, True, True),
        ({"event_types": ("message.sent", "message.failed")}, True, False),
        ({"event_types": ("message.*",)}, True, False),
        ({"event_types": ("message.failed", "provider.*")}, False, True),
        ({"tags": ("b", "c")}, True, False),
        ({"tags": ("c",)}, False, False),
        ({"key_ids": (KeyId("key_1"),)}, True, False),
        ({"key_ids": (KeyId("key_2"),), "tags": ("a",)}, False, False),
        ({"event_types": ("message.*",), "tags": ("a",), "key_ids": ("key_1",)}, True, False),
    ],
)
def test_every_filter_that_is_given_must_fit(
    chosen: dict[str, Any], *, sent: bool, degraded: bool
) -> None:
    """A shop wants its own orders, and not what another program sends."""
    settings = WebhookSettings(url="https://shop.example.com", **chosen)

    assert (settings.wants(SENT), settings.wants(DEGRADED)) == (sent, degraded)


@pytest.mark.parametrize("text", ["message.sent", "message.*", "provider.*", "webhook.paused"])
def test_types_and_their_families_are_taken(text: str) -> None:
    """Exact, or all of a kind."""
    assert parse_event_type(text) == text


@pytest.mark.parametrize("text", ["", "*", "message", "message.send", "mail.*", "message.s*"])
def test_a_type_that_does_not_exist_is_refused(text: str) -> None:
    """Such a webhook would never be called, and nobody would know why."""
    with pytest.raises(ValueError, match="no such type"):
        parse_event_type(text)


def test_a_delivery_has_the_same_id_whoever_makes_it() -> None:
    """A receiver dedupes on it, also when two nodes publish at once."""
    one = delivery_id(WebhookId("whk_1"), "evt_0000000000000007")

    assert one == delivery_id(WebhookId("whk_1"), "evt_0000000000000007")
    assert len(one) == len("dlv_") + 26
    assert len({one, delivery_id(WebhookId("whk_2"), "evt_0000000000000007"),
                delivery_id(WebhookId("whk_1"), "evt_0000000000000008")}) == 3  # fmt: skip
