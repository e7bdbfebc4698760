"""The check of a webhook's signature, against a signature made by its specification."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from mail_sender.client import InvalidWebhook, verify_webhook

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()
NOW = 1_893_490_201.0
BODY = b'{"type":"message.sent","timestamp":"2030-01-01T09:30:01.2Z","data":{"message_id":"msg_1"}}'


def signed(*secrets: str, body: bytes = BODY, at: int = int(NOW)) -> dict[str, str]:
    """Sign as Standard Webhooks says, written here a second time on purpose."""
    signatures = [
        "v1,"
        + base64.b64encode(
            hmac.new(
                base64.b64decode(secret.removeprefix("whsec_")),
                f"dlv_1.{at}.".encode() + body,
                hashlib.sha256,
            ).digest()
        ).decode()
        for secret in secrets
    ]
    return {
        "Webhook-Id": "dlv_1",
        "webhook-timestamp": str(at),
        "WEBHOOK-SIGNATURE": " ".join(signatures),
    }


def test_the_example_of_the_specification_is_good() -> None:
    """Id, timestamp, secret and signature as Standard Webhooks prints them."""
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    with pytest.raises(InvalidWebhook, match="not an event"):  # so its signature was good
        verify_webhook(
            b'{"test": 2432232314}',
            headers,
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            now=1614265330,
        )


def test_a_good_one_brings_its_event() -> None:
    """Typed, with the id to dedupe on."""
    event = verify_webhook(BODY, signed(SECRET), SECRET, now=NOW)

    assert (event.id, event.type, event.data) == ("dlv_1", "message.sent", {"message_id": "msg_1"})
    assert event.timestamp.year == 2030


def test_one_of_several_secrets_or_signatures_is_enough() -> None:
    """While a secret is rotated there are two, on either side."""
    assert verify_webhook(BODY, signed(SECRET), [OTHER, SECRET], now=NOW).id == "dlv_1"
    assert verify_webhook(BODY, signed(OTHER, SECRET), SECRET, now=NOW).id == "dlv_1"


@pytest.mark.parametrize(
    ("change", "body", "now"),
    [
        ({}, BODY + b" ", NOW),
        ({"Webhook-Id": "dlv_2"}, BODY, NOW),
        ({"webhook-timestamp": str(int(NOW) + 1)}, BODY, NOW),
        ({"webhook-timestamp": "soon"}, BODY, NOW),
        ({"WEBHOOK-SIGNATURE": "v1a,AAAA v1,%%% v1 , v1,"}, BODY, NOW),
        ({"WEBHOOK-SIGNATURE": ""}, BODY, NOW),
        ({"Webhook-Id": ""}, BODY, NOW),
        ({}, BODY, NOW + 301),
        ({}, BODY, NOW - 301),
    ],
)
def test_whatever_was_changed_is_noticed(change: dict[str, str], body: bytes, now: float) -> None:
    """Body, id and time are under the signature; a recorded call is too old."""
    with pytest.raises(InvalidWebhook):
        verify_webhook(body, {**signed(SECRET), **change}, SECRET, now=now)


def test_another_secret_is_noticed() -> None:
    """Somebody else's gateway."""
    with pytest.raises(InvalidWebhook, match="no signature is good"):
        verify_webhook(BODY, signed(OTHER), SECRET, now=NOW)


def test_a_secret_that_is_none_is_the_programs_fault() -> None:
    """A wrong setting must not look like an attack."""
    with pytest.raises(ValueError, match="whsec_"):
        verify_webhook(BODY, signed(SECRET), "not base64!", now=NOW)
