"""Whose request it is that an AWS client signed (Signature Version 4). Pure.

Neighbours: `ses` asks, `providers.sigv4` writes the same signatures for our own calls. A signature
can only be checked by who knows the secret, and of an API key we keep a hash: so the secret for
signing is another one, made of the key's id under `compat.ses_secret`, which never leaves the
configuration. A stolen database signs nothing. The scheme is "Create a signed AWS API request" in
the AWS IAM User Guide.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ...domain.message import KeyId
from ...domain.secret import Secret
from ...providers.sigv4 import canonical_start, signing_key
from .refusal import Reason, Refusal

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=([\w-]{1,128})/(\d{8})/([\w-]{1,64})/(\w+)/aws4_request, *"
    r"SignedHeaders=([a-z0-9;_-]{1,2000}), *Signature=([0-9a-f]{64})"
)
_AT = re.compile(r"\d{8}T\d{6}Z")
_SERVICE = "ses"
_MOST_APART = timedelta(minutes=15)  #: AWS's own limit


@dataclass(frozen=True, slots=True)
class KeyPair:
    """What an AWS client is given for an API key."""

    access_key_id: str
    secret_access_key: str


def key_pair_of(id_: KeyId, secret: Secret) -> KeyPair:
    """Return the key pair that stands for an API key. The same as long as the secret is."""
    made = hmac.digest(secret.reveal().encode(), f"ses:{id_}".encode(), "sha256")
    return KeyPair(id_, b64encode(made[:30]).decode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A request as it came.

    Attributes:
        target: Path and query, percent-encoded as they came.
        headers: In lower case; of several the values joined by commas.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


def signer_of(request: Signed, secret: Secret, now: datetime) -> KeyId:
    """Return the id of the API key whose secret signed a request.

    The key itself may be revoked: that is not looked at here.

    Raises:
        Refusal: It is not signed, not rightly, or too long ago.
    """
    text = request.headers.get("authorization")
    if text is None:
        raise Refusal(Reason.NO_KEY, "The request has no AWS signature.")
    found = _AUTHORIZATION.fullmatch(text.strip())
    if found is None:
        raise _wrong("Authorization is no AWS Signature Version 4.")
    access_key_id, day, region, service, names, signature = found.groups()
    at = request.headers.get("x-amz-date", "")
    signed_names = names.split(";")
    if service != _SERVICE or not at.startswith(day) or not _is_now(at, now):
        raise _wrong(f"Signature expired, or made for another day or service; it is {now:%c} UTC.")
    if not {"host", "x-amz-date"} <= set(signed_names):
        raise _wrong("Host and X-Amz-Date must be signed.")
    id_ = KeyId(access_key_id)
    key = signing_key(key_pair_of(id_, secret).secret_access_key, day, region, service)
    to_sign = _string_to_sign(request, signed_names, at, f"{day}/{region}/{service}/aws4_request")
    expected = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
    if not hmac.compare_digest(expected, signature):
        raise _wrong("The signature does not match: check the secret access key, and that no proxy "
                     "changes Host or path.")  # fmt: skip
    return id_


def _wrong(words: str) -> Refusal:
    return Refusal(Reason.BAD_KEY, words)


def _is_now(at: str, now: datetime) -> bool:
    if not _AT.fullmatch(at):
        return False
    try:
        signed_at = datetime.strptime(at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(signed_at - now) <= _MOST_APART


def _string_to_sign(request: Signed, names: list[str], at: str, scope: str) -> str:
    fields = "".join(
        f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in names
    )
    body = hashlib.sha256(request.body).hexdigest()
    start = canonical_start(request.method, request.target)
    canonical = f"{start}{fields}\n{';'.join(names)}\n{body}"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    return f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashed}"
