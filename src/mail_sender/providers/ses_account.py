"""What SES says of an account and of its identities: the answers that are not about a mail.

Neighbour: `ses` makes the calls (GetAccount, GetEmailIdentity, CreateEmailIdentity). Pure.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec

from .http import Answer
from .port import Check, CheckResult, Verification, VerificationStatus
from .ses_errors import refusal_in

_MAY_NOT_ASK = {"AccessDenied", "AccessDeniedException"}
_TOO_OFTEN = {"TooManyRequestsException", "ThrottlingException", "Throttling"}
_STATUS_OF = {
    "SUCCESS": VerificationStatus.VERIFIED,
    "PENDING": VerificationStatus.PENDING,
    "TEMPORARY_FAILURE": VerificationStatus.PENDING,  # SES goes on looking
    "FAILED": VerificationStatus.FAILED,
    "NOT_STARTED": VerificationStatus.NOT_ASKED,
}


class _Quota(msgspec.Struct, frozen=True):
    per_day: float = msgspec.field(name="Max24HourSend")  #: -1: without limit
    sent: float = msgspec.field(name="SentLast24Hours", default=0)
    per_second: float | None = msgspec.field(name="MaxSendRate", default=None)


class _Account(msgspec.Struct, frozen=True, rename="pascal"):
    send_quota: _Quota
    sending_enabled: bool = True
    production_access_enabled: bool = True
    enforcement_status: str = "HEALTHY"


def finding_of(answer: Answer) -> Check:
    """Read the answer to GetAccount."""
    if answer.status == 200:
        try:
            return _finding_of_account(msgspec.json.decode(answer.body, type=_Account))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _check(CheckResult.UNREACHABLE, "the answer to GetAccount makes no sense")
    refusal = refusal_in(answer)
    if refusal is None or answer.status >= 500 or refusal.type in _TOO_OFTEN:
        words = refusal.words if refusal else f"HTTP {answer.status}"
        return _check(CheckResult.UNREACHABLE, f"GetAccount was not answered: {words}")
    if refusal.type in _MAY_NOT_ASK:
        # The signature was good: a key that may do nothing but send is a careful operator's.
        return _check(
            CheckResult.WORKS,
            "the key and our clock are right; the quota is unknown, as this key lacks the "
            "permission ses:GetAccount",
        )
    return _check(
        CheckResult.REFUSED, f"{refusal.words} (is the key of this account, and our clock right?)"
    )


def verification_of(identity: str, answer: Answer) -> Verification:
    """Read the answer to GetEmailIdentity or CreateEmailIdentity for an address or domain."""
    refusal = refusal_in(answer)
    if answer.status == 404 and refusal is not None:
        return Verification(VerificationStatus.NOT_ASKED, f"SES does not know {identity}")
    body = answer.json()
    if answer.status != 200 or not isinstance(body, dict):
        words = refusal.words if refusal else f"HTTP {answer.status}"
        return Verification(VerificationStatus.UNAVAILABLE, f"{identity}: {words}")
    if body.get("VerifiedForSendingStatus") is True:
        return Verification(VerificationStatus.VERIFIED, f"{identity} is verified")
    # CreateEmailIdentity does not say VerificationStatus: it has just begun to wait.
    word = body.get("VerificationStatus", "PENDING")
    status = _STATUS_OF.get(word, VerificationStatus.PENDING) if isinstance(word, str) else None
    return Verification(status or VerificationStatus.UNAVAILABLE, f"{identity}: {word}")


def _finding_of_account(account: _Account) -> Check:
    quota = account.send_quota
    left = max(0, int(quota.per_day - quota.sent))
    detail = "the account may send"
    if not account.production_access_enabled:
        detail += ", but it is in the sandbox of SES: only to verified recipients"
    refused = not account.sending_enabled or account.enforcement_status == "SHUTDOWN"
    if refused:
        detail = f"sending is off for this account (enforcement: {account.enforcement_status})"
    return replace(
        _check(CheckResult.REFUSED if refused else CheckResult.WORKS, detail),
        quota_left=None if quota.per_day < 0 else left,
        max_per_second=quota.per_second,
    )


def _check(result: CheckResult, detail: str) -> Check:
    return Check(result=result, detail=detail, took=timedelta(0))
