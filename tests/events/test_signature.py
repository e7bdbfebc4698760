"""Signatures, with the specification's own library as the judge."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook as Judge
from standardwebhooks.webhooks import WebhookVerificationError

from mail_sender.domain.secret import Secret
from mail_sender.domain.webhook import DeliveryId
from mail_sender.events.signature import new_secret, signed_headers

ID = DeliveryId("dlv_1")
BODY = '{"type":"message.sent","data":{"subject":"Grüße"}}'.encode()


def headers(*secrets: Secret) -> dict[str, str]:
    return signed_headers(ID, BODY, at=datetime.now(UTC), secrets=secrets)


def test_the_librarys_receiver_accepts_a_request() -> None:
    """Our clients use it."""
    secret = new_secret()

    body = Judge(secret.reveal()).verify(BODY, headers(secret))

    assert body["data"] == {"subject": "Grüße"}


def test_the_librarys_signer_signs_the_same() -> None:
    """To the byte."""
    secret, at = new_secret(), datetime(2030, 1, 1, 12, 30, 15, 999_999, tzinfo=UTC)

    signed = signed_headers(ID, BODY, at=at, secrets=[secret])

    assert signed["webhook-signature"] == Judge(secret.reveal()).sign(ID, at, BODY.decode())
    assert signed["webhook-timestamp"] == "1893501015"


def test_while_secrets_are_changed_either_is_good_and_no_third() -> None:
    """The receiver is deployed some time after the rotation."""
    new, old, third = new_secret(), new_secret(), new_secret()
    signed = headers(new, old)

    for secret in (new, old):
        Judge(secret.reveal()).verify(BODY, signed)
    with pytest.raises(WebhookVerificationError):
        Judge(third.reveal()).verify(BODY, signed)


def test_another_body_another_id_and_another_time_are_noticed() -> None:
    """That is what the signature is for."""
    secret = new_secret()
    signed = headers(secret)
    judge = Judge(secret.reveal())

    for name, value in [("webhook-id", "dlv_2"), ("webhook-timestamp", "1")]:
        with pytest.raises(WebhookVerificationError):
            judge.verify(BODY, {**signed, name: value})
    with pytest.raises(WebhookVerificationError):
        judge.verify(BODY + b" ", signed)


def test_secrets_are_long_enough_and_never_the_same() -> None:
    """The specification asks for 24 to 64 bytes."""
    secrets = {new_secret().reveal() for _ in range(20)}

    assert len(secrets) == 20
    for secret in secrets:
        assert secret.startswith("whsec_")
        assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
