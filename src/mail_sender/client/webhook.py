"""What a program that receives the gateway's webhooks checks first: who signed this, and when.

Stands alone. The signature is that of Standard Webhooks (its specification, "Signature scheme"):
HMAC-SHA256 over id, timestamp and the raw body, under the secret that was shown when the webhook
was made. The timestamp is checked, since a recorded call could be played back for ever.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

TOLERANCE = 300.0  #: seconds by which two clocks may differ, in either direction
_PREFIX = "whsec_"
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


class InvalidWebhook(Exception):
    """It was not signed with this secret, or too long ago: answer 401, and believe nothing."""


class WebhookEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that a webhook brings.

    Attributes:
        id: The same each time it comes: dedupe on it.
        type: Such as `message.sent`.
        timestamp: When it happened.
        data: What is known of it; of a message also its `message_id`, `tags` and `metadata`.
    """

    type: str
    timestamp: datetime
    data: dict[str, Any]
    id: str = ""


_read = msgspec.json.Decoder(WebhookEvent).decode


def verify_webhook(
    body: bytes,
    headers: Mapping[str, str],
    secret: str | Sequence[str],
    *,
    now: float | None = None,
    tolerance: float = TOLERANCE,
) -> WebhookEvent:
    """Check the signature of a webhook's call and return what it brings.

    Args:
        body: The body as it came, before any parsing.
        headers: Of the request; the case of the names does not matter.
        secret: As it was shown (`whsec_...`); several while one replaces the other.
        now: Seconds since 1970; None: by this machine's clock.
        tolerance: Seconds by which the timestamp may be off.

    Raises:
        InvalidWebhook: It must not be believed.
        ValueError: A secret is none.
    """
    given = {name.lower(): value for name, value in headers.items()}
    id_, at = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not id_ or not _SECONDS.fullmatch(at):
        raise InvalidWebhook("a header field of the signature is missing or wrong")
    if abs((time.time() if now is None else now) - int(at)) > tolerance:
        raise InvalidWebhook("the timestamp is too far from now")
    signed = b".".join((id_.encode(), at.encode(), body))
    secrets = [secret] if isinstance(secret, str) else secret
    expected = [hmac.digest(_key(each), signed, hashlib.sha256) for each in secrets]
    signatures = list(_signatures(given.get("webhook-signature", "")))
    if not any(hmac.compare_digest(e, s) for e in expected for s in signatures):
        raise InvalidWebhook("no signature is good")
    try:
        return msgspec.structs.replace(_read(body), id=id_)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidWebhook("signed, but not an event of a gateway") from None


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.strip().removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a secret is whsec_ and base64") from None


def _signatures(text: str) -> Iterator[bytes]:
    """Yield those that stand in the header field; there are two while a secret is rotated."""
    for each in text.split():
        version, _, value = each.partition(",")
        if version == "v1":
            try:
                yield base64.b64decode(value, validate=True)
            except (binascii.Error, ValueError):
                continue
