"""Secrets and signatures of Standard Webhooks 1.0, symmetric (`whsec_`, `v1`).

Pure but for the making of a secret. Ten lines of HMAC are our own, so that the specification's
library can be their judge in the tests.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets as chance
from collections.abc import Iterable
from datetime import datetime

from ..domain.secret import Secret
from ..domain.webhook import DeliveryId

_PREFIX = "whsec_"
_SECRET_BYTES = 32  #: the specification asks for 24 to 64


def new_secret() -> Secret:
    """Return a new secret, as the receiver's library takes it."""
    return Secret(_PREFIX + base64.b64encode(chance.token_bytes(_SECRET_BYTES)).decode())


def signed_headers(
    id_: DeliveryId, body: bytes, *, at: datetime, secrets: Iterable[Secret]
) -> dict[str, str]:
    """Return the three header fields of an attempt.

    Args:
        id_: The same at every attempt.
        body: As it is sent.
        at: The time of this attempt, which the receiver compares with its clock.
        secrets: Each signs: while one is being replaced, a receiver knows either.
    """
    timestamp = str(int(at.timestamp()))
    signed = f"{id_}.{timestamp}.".encode() + body
    return {
        "webhook-id": id_,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(secret, signed) for secret in secrets),
    }


def _signature(secret: Secret, signed: bytes) -> str:
    key = base64.b64decode(secret.reveal().removeprefix(_PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
