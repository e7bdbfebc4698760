"""An imitation of the Amazon SES API v2: sending, the account, identities.

Shapes, error types and limits are those of the SESv2 service model (2019-09-27) and of the
developer guide's quotas. Neighbours: `exchange` adds the faults, `identities` keeps who is
verified, `ses_mail` is the body of SendEmail. What the service model does not say is chosen
so that a client meets the strict reading. Any key is good; a signature is looked at for its
form only, as the far side of a test knows no secret.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import msgspec

from ..clock import Clock
from .contents import Contents
from .exchange import Taken
from .faults import (
    Auth,
    CallKind,
    ErrorBefore,
    Faults,
    RateLimited,
    Refusing,
    Suspended,
    Unverified,
)
from .identities import Identities, Identity
from .inbox import Inbox
from .ses_mail import BadSend, Sent, read_send
from .wire import Head, Reply

_MAX_BODY_BYTES = 40 * 1024 * 1024
_MAX_PER_DAY = 50_000.0
_MAX_PER_SECOND = 14.0
_REGION = "eu-west-1"
_SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/,\s]+/\d{8}/[a-z0-9-]+/ses/aws4_request, ?"
    r"SignedHeaders=[a-z0-9;-]+, ?Signature=[0-9a-f]{64}"
)
_DOMAIN = re.compile(
    r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", re.IGNORECASE
)
_ADDRESS = re.compile(r"[^\s@]+@" + _DOMAIN.pattern, re.IGNORECASE)
_encode = msgspec.json.Encoder().encode


class Ses:
    """One account. See `exchange.Imitation`."""

    max_body_bytes = _MAX_BODY_BYTES

    def __init__(
        self, account: str, *, inbox: Inbox, faults: Faults, identities: Identities, clock: Clock
    ) -> None:
        self._account = account
        self._inbox = inbox
        self._faults = faults
        self._identities = identities
        self._clock = clock
        self._sent = 0  #: recipients, as SES counts its quota

    def kind_of(self, head: Head) -> CallKind:
        """See `Imitation.kind_of`."""
        is_send = head.method == "POST" and head.segments == ("v2", "email", "outbound-emails")
        return CallKind.SEND if is_send else CallKind.OTHER

    def answer(self, head: Head, body: bytes, *, suspended: bool) -> Reply | Taken:
        """See `Imitation.answer`."""
        if not _SIGNED.fullmatch(head.headers.get("authorization", "")):
            return _WRONG_KEY.reply()
        match head.method, head.segments:
            case "POST", ("v2", "email", "outbound-emails"):
                return self._send(body)
            case "GET", ("v2", "email", "account"):
                return _success(self._about_account(suspended=suspended))
            case "POST", ("v2", "email", "identities"):
                return self._create_identity(body)
            case ("GET", ("v2", "email", "identities")) | (
                "POST",
                ("v2", "email", "list-identities"),
            ):
                return _success(self._all_identities())
            case "GET", ("v2", "email", "identities", name):
                return self._get_identity(name)
            case "DELETE", ("v2", "email", "identities", name):
                return self._delete_identity(name)
            case _:
                return _Refusal(404, "UnknownOperationException", "").reply()

    def refusal(self, fault: Refusing, head: Head) -> Reply:  # noqa: ARG002 - the same for all
        """See `Imitation.refusal`."""
        match fault:
            case Auth():
                return _WRONG_KEY.reply()
            case Suspended():
                return _SUSPENDED.reply()
            case ErrorBefore():
                return _UNAVAILABLE.reply()
            case RateLimited(retry_after=seconds):
                return _TOO_FAST.reply(("Retry-After", str(seconds)))

    def lie(self) -> Reply:
        """See `Imitation.lie`."""
        return _success({"message": "Internal failure"})

    def too_large(self) -> Reply:
        """See `Imitation.too_large`."""
        return _Refusal(413, "RequestEntityTooLarge", "Request size exceeds 40 MB.").reply()

    # ------------------------------------------------------------ sending

    def _send(self, body: bytes) -> Reply | Taken:
        try:
            sent = read_send(body)
        except BadSend as bad:
            return _Refusal(bad.status, bad.type, bad.message).reply()
        refusal = self._refusal_of(sent)
        if refusal is not None:
            return refusal.reply()
        message_id = self._new_message_id()
        self._sent += len(sent.recipients)
        mail = self._inbox.put(
            provider=self._account,
            mail_from=sent.mail_from,
            recipients=sent.recipients,
            subject=sent.subject,
            ms_id=sent.ms_id,
            provider_message_id=message_id,
            raw=sent.raw,
            read=sent.read,
        )
        return Taken(_success({"MessageId": message_id}), mail)

    def _refusal_of(self, sent: Sent) -> _Refusal | None:
        """Return why a well-formed mail is refused because of who it is from or for."""
        if self._faults.standing(self._account, Unverified) is not None:
            unknown = [
                address
                for address in (sent.mail_from, *sent.recipients)
                if not self._identities.covers(self._account, address)
            ]
            if unknown:
                return _Refusal(
                    400,
                    "MessageRejected",
                    "Email address is not verified. The following identities failed the check "
                    f"in region {_REGION.upper()}: {', '.join(dict.fromkeys(unknown))}",
                )
        for recipient in sent.recipients:
            if self._faults.refuses(self._account, recipient):
                # SES has no refusal of one mailbox in the call: that would bounce later. What
                # it does refuse in the call is an address that cannot be one.
                return _Refusal(400, "BadRequestException", f"Illegal address: {recipient}")
        return None

    def _new_message_id(self) -> str:
        milliseconds = int(self._clock.now().timestamp() * 1000)
        return f"0100{milliseconds:012x}-{uuid4()}-000000"

    # ------------------------------------------------------------ the account and identities

    def _about_account(self, *, suspended: bool) -> dict[str, Any]:
        return {
            "DedicatedIpAutoWarmupEnabled": False,
            "EnforcementStatus": "SHUTDOWN" if suspended else "HEALTHY",
            "ProductionAccessEnabled": self._faults.standing(self._account, Unverified) is None,
            "SendQuota": {
                "Max24HourSend": _MAX_PER_DAY,
                "MaxSendRate": _MAX_PER_SECOND,
                "SentLast24Hours": float(self._sent),
            },
            "SendingEnabled": not suspended,
        }

    def _create_identity(self, body: bytes) -> Reply:
        try:
            name = msgspec.json.decode(body, type=_CreateIdentity).name
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _Refusal(400, "SerializationException", "").reply()
        if not (_DOMAIN.fullmatch(name) or _ADDRESS.fullmatch(name)):
            return _Refusal(400, "BadRequestException", f"Invalid identity: {name}").reply()
        if self._identities.get(self._account, name):
            text = f"Email identity {name} already exist."
            return _Refusal(400, "AlreadyExistsException", text).reply()
        identity = self._identities.add(self._account, name, self._clock.now())
        if not identity.is_domain:
            self._send_verification_mail(identity)
        return _success(_about(identity))

    def _send_verification_mail(self, identity: Identity) -> None:
        subject = f"Amazon Web Services - Email Address Verification Request in region {_REGION}"
        text = (
            f"The sandbox's account {identity.account} wants to send as {identity.name}.\n"
            "If that is right, confirm it: POST to the sandbox's control API\n"
            f"/identities/{identity.name}/verify\n"
        )
        contents = Contents(subject=subject, text=text)
        mail = self._inbox.put(
            provider=self._account,
            mail_from="no-reply-aws@amazon.com",
            recipients=(identity.name,),
            subject=subject,
            read=lambda: contents,
            size=len(text),
        )
        mail.answered = True

    def _all_identities(self) -> dict[str, Any]:
        mine = (identity for identity in self._identities if identity.account == self._account)
        return {
            "EmailIdentities": [
                {
                    "IdentityType": _type_of(identity),
                    "IdentityName": identity.name,
                    "SendingEnabled": identity.verified,
                    "VerificationStatus": _status_of(identity),
                }
                for identity in mine
            ]
        }

    def _get_identity(self, name: str) -> Reply:
        identity = self._identities.get(self._account, name)
        if identity is None:
            return _no_identity(name)
        return _success(
            {
                **_about(identity),
                "FeedbackForwardingStatus": True,
                "VerificationStatus": _status_of(identity),
                "Policies": {},
                "Tags": [],
            }
        )

    def _delete_identity(self, name: str) -> Reply:
        known = self._identities.remove(self._account, name)
        return _success({}) if known else _no_identity(name)


class _CreateIdentity(msgspec.Struct, frozen=True):
    name: str = msgspec.field(name="EmailIdentity")


def _about(identity: Identity) -> dict[str, Any]:
    about: dict[str, Any] = {
        "IdentityType": _type_of(identity),
        "VerifiedForSendingStatus": identity.verified,
    }
    if identity.is_domain:
        about["DkimAttributes"] = {
            "SigningEnabled": True,
            "Status": _status_of(identity),
            "Tokens": [f"{identity.name.replace('.', '-')}-{n}" for n in (1, 2, 3)],
            "SigningHostedZone": "dkim.amazonses.com",
        }
    return about


def _type_of(identity: Identity) -> str:
    return "DOMAIN" if identity.is_domain else "EMAIL_ADDRESS"


def _status_of(identity: Identity) -> str:
    return "SUCCESS" if identity.verified else "PENDING"


def _no_identity(name: str) -> Reply:
    return _Refusal(404, "NotFoundException", f"Email identity {name} does not exist.").reply()


class _Refusal(msgspec.Struct, frozen=True):
    """SES's own form of a refusal."""

    status: int
    type: str
    message: str

    def reply(self, *more: tuple[str, str]) -> Reply:
        headers = (("x-amzn-RequestId", str(uuid4())), ("x-amzn-ErrorType", self.type), *more)
        return Reply(status=self.status, body=_encode({"message": self.message}), headers=headers)


def _success(body: dict[str, Any]) -> Reply:
    return Reply(status=200, body=_encode(body), headers=(("x-amzn-RequestId", str(uuid4())),))


_WRONG_KEY = _Refusal(
    403, "UnrecognizedClientException", "The security token included in the request is invalid."
)
_SUSPENDED = _Refusal(
    400, "AccountSuspendedException", "The account's ability to send email is suspended."
)
_UNAVAILABLE = _Refusal(503, "ServiceUnavailable", "The service cannot handle the request now.")
_TOO_FAST = _Refusal(429, "TooManyRequestsException", "Maximum sending rate exceeded.")
