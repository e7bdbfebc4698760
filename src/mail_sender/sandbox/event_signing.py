"""How the imitated JSON APIs sign what they tell, so that a gateway can tell it from others'.

Neighbours: `api_events` has what is told, `provider_events` chooses. The keys are written here
and stand in every configuration of a sandbox: they are worth nothing, and must never be a
provider's.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from urllib.parse import urlencode
from uuid import uuid4

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .faults import Kind
from .happenings import Telling, TellsNothing

SECRET = "sandbox"  #: password, signing secret or key, whatever the vendor has  # noqa: S105
USER = "mail-sender"  #: of a login
RESEND_SECRET = f"whsec_{b64encode(b'sandbox-sandbox-sandbox').decode()}"

_encode = msgspec.json.Encoder().encode
_JSON = {"Content-Type": "application/json"}
_EC = ec.derive_private_key(0x5A4D5B0C5, ec.SECP256R1())
_P = int(
    "f09c62c3e42e4d685b9513c2d375a3a22f1e294f9062b4b4f918fd151bea49fd"
    "311f7fe3057c0cca85535a8dda93e5527401614437b2031b29de393389184552"
    "20cfd51ec6a5cc775b2465b92d506122b71f916ee724bba6e9955275d310fb2d"
    "11bb03be16c8731693fe5ddc8fe0bc47cccfc2aef22d0589cdb66b529cf65213",
    16,
)
_Q = int(
    "d74cfd4e6a8cc479bcf23f4dfef93e15558af583310e2d0fb6c9539c10a5562e"
    "5a699d8b686e5cd6c19ff074f68102f76ca16f9017f54e3fa20af532b5cbff9d"
    "33905dfe60a6986df157ccd50a9662750cda7fbda2eb5a695aff25ece5be2791"
    "8158c1a86185bf1c3ddd90dc3d72262e73d977e08e928c9451088e30e2a34b4f",
    16,
)


def signed(kind: Kind, document: object, *, now: datetime, url: str) -> Telling:
    """Return the call of a webhook.

    Args:
        kind: Whose.
        document: From `api_events.document_of`.
        now: When.
        url: Where the webhook is registered.

    Raises:
        TellsNothing: Accounts of this kind have no webhook.
    """
    sign = _VENDORS.get(kind)
    if sign is None:
        raise TellsNothing(f"an account of kind {kind} tells nothing of a mail afterwards")
    return sign(_encode(document), now, url)


def authorization() -> str:
    """Return the header field of a login."""
    return f"Basic {b64encode(f'{USER}:{SECRET}'.encode()).decode()}"


def _with_login(body: bytes, _now: datetime, _url: str) -> Telling:
    return Telling({**_JSON, "Authorization": authorization()}, body)


def _with_digest(header: str) -> Callable[[bytes, datetime, str], Telling]:
    def sign(body: bytes, _now: datetime, _url: str) -> Telling:
        digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        return Telling({**_JSON, header: digest}, body)

    return sign


def _by_sendgrid(body: bytes, now: datetime, _url: str) -> Telling:
    timestamp = str(int(now.timestamp()))
    signature = _EC.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    headers = {
        "X-Twilio-Email-Event-Webhook-Signature": b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
    }
    return Telling(_JSON | headers, body)


def _by_resend(body: bytes, now: datetime, _url: str) -> Telling:
    id_, timestamp = f"msg_{uuid4().hex}", str(int(now.timestamp()))
    signed_text = f"{id_}.{timestamp}.".encode() + body
    digest = hmac.new(b"sandbox-sandbox-sandbox", signed_text, hashlib.sha256).digest()
    headers = {
        "svix-id": id_,
        "svix-timestamp": timestamp,
        "svix-signature": f"v1,{b64encode(digest).decode()}",
    }
    return Telling(_JSON | headers, body)


def _by_postal(body: bytes, _now: datetime, _url: str) -> Telling:
    """Sign both ways, as versions of today do; older ones know SHA-1 only."""
    ways = {"X-Postal-Signature": hashes.SHA1(), "X-Postal-Signature-256": hashes.SHA256()}  # noqa: S303
    signatures = {
        name: b64encode(_rsa().sign(body, padding.PKCS1v15(), way)).decode()
        for name, way in ways.items()
    }
    return Telling(_JSON | signatures, body)


def _by_mandrill(body: bytes, _now: datetime, url: str) -> Telling:
    events = body.decode()
    signed_text = f"{url}mandrill_events{events}".encode()
    digest = hmac.new(SECRET.encode(), signed_text, hashlib.sha1).digest()
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Mandrill-Signature": b64encode(digest).decode(),
    }
    return Telling(headers, urlencode({"mandrill_events": events}).encode())


_VENDORS: Mapping[Kind, Callable[[bytes, datetime, str], Telling]] = {
    Kind.POSTMARK: _with_login,
    Kind.BREVO: _with_login,
    Kind.MAILJET: _with_login,
    Kind.SPARKPOST: _with_login,
    Kind.SENDGRID: _by_sendgrid,
    Kind.RESEND: _by_resend,
    Kind.MAILTRAP: _with_digest("Mailtrap-Signature"),
    Kind.MAILERSEND: _with_digest("Signature"),
    Kind.POSTAL: _by_postal,
    Kind.MANDRILL: _by_mandrill,
}


def sendgrid_public_key() -> str:
    """Return what SendGrid would show, for the configuration."""
    return _shown(_EC.public_key())


def postal_public_key() -> str:
    """Return what Postal would show, for the configuration."""
    return _shown(_rsa().public_key())


def _shown(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> str:
    return b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@cache
def _rsa() -> rsa.RSAPrivateKey:
    exponent = 65537
    private = pow(exponent, -1, (_P - 1) * (_Q - 1))
    return rsa.RSAPrivateNumbers(
        p=_P, q=_Q, d=private,
        dmp1=private % (_P - 1), dmq1=private % (_Q - 1), iqmp=pow(_Q, -1, _P),
        public_numbers=rsa.RSAPublicNumbers(exponent, _P * _Q),
    ).private_key()  # fmt: skip
