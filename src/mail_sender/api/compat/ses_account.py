"""The calls of Amazon SES API v2 besides sending: messages, account, identities, suppressions.

Neighbour: `ses` lists them. They are answered from what the gateway has: its record, its
suppression list, and the verifications of those of its providers that know such a thing.
"""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from starlette.responses import Response

from ...domain.address import format_mailbox, parse_address
from ...domain.errors import Fault
from ...domain.message import Address, MessageId
from ...domain.status import RecipientStatus
from ...domain.suppression import Origin, OriginKind, Suppression, SuppressionReason
from ...observability import maillog
from ...providers.port import Verification, VerificationStatus, VerifiesAddresses
from ...store.port import Record
from ..answers import Answer
from .fields import Wire, refused, taken
from .ids import id_of, number_of
from .reading import read_document
from .refusal import Reason, Refusal
from .standing import record_of
from .vendor import Visit

_ID = re.compile(r"[0-9a-f]{16}-([0-9a-f-]{36})-000000")
_REASONS = {"BOUNCE": SuppressionReason.HARD_BOUNCE, "COMPLAINT": SuppressionReason.COMPLAINT}
_EVENTS = {
    RecipientStatus.DELIVERED: "DELIVERY",
    RecipientStatus.DEFERRED: "DELIVERY_DELAY",
    RecipientStatus.BOUNCED: "BOUNCE",
    RecipientStatus.FAILED: "REJECT",
    RecipientStatus.SUPPRESSED: "REJECT",
    RecipientStatus.COMPLAINED: "COMPLAINT",
}


class CreateIdentity(Wire, frozen=True, kw_only=True, rename="pascal"):
    """What is posted to have an address verified."""

    email_identity: Annotated[str, taken()]
    tags: Annotated[
        tuple[dict[str, str], ...] | None, refused("this gateway keeps no tags of identities")
    ] = None
    dkim_signing_attributes: Annotated[
        dict[str, str] | None, refused("the providers have their own keys for DKIM")
    ] = None
    configuration_set_name: Annotated[
        str | None, refused("this gateway has no configuration sets")
    ] = None


class PutSuppressed(Wire, frozen=True, kw_only=True, rename="pascal"):
    """What is posted to suppress an address."""

    email_address: Annotated[str, taken()]
    reason: Annotated[str, taken()]


# ---------------------------------------------------------------- messages


def ses_id(id_: MessageId) -> str:
    """Return an id as SES has them."""
    number = number_of(id_)
    return f"0100{number >> 80:012x}-{UUID(int=number)}-000000"


async def get_insights(visit: Visit) -> Response:
    """Tell what became of a mail."""
    found = _ID.fullmatch(visit.parameters["id"])
    try:
        id_ = id_of(UUID(found[1]).int) if found else None
    except ValueError:
        id_ = None
    if id_ is None:
        raise Refusal(Reason.NOT_FOUND)
    record = await record_of(visit, id_)
    content = record.message.content
    return Answer({
        "MessageId": ses_id(id_),
        "FromEmailAddress": format_mailbox(content.sender),
        "Subject": content.subject,
        "EmailTags": [{"Name": name, "Value": value} for name, value in content.metadata],
        "Insights": _insights(record),
    })  # fmt: skip


def _insights(record: Record) -> list[dict[str, object]]:
    return [
        {
            "Destination": recipient.address,
            "Events": [
                {"Timestamp": record.message.created_at.timestamp(), "Type": "SEND"},
                *(
                    [{
                        "Timestamp": recipient.updated_at.timestamp(),
                        "Type": _EVENTS[recipient.status],
                    }]
                    if recipient.status in _EVENTS
                    else []
                ),
            ],
        }
        for recipient in record.recipients
    ]  # fmt: skip


# ---------------------------------------------------------------- account and identities


async def get_account(visit: Visit) -> Response:
    """Tell whether mail is taken; there is no quota of the gateway's own."""
    since = visit.services.clock.now() - timedelta(hours=24)
    store = visit.services.store
    providers = visit.services.fleet.providers
    sent = await asyncio.gather(*(store.accepted_recipients(name, since) for name in providers))
    return Answer({
        "SendingEnabled": await visit.services.why_not_ready() is None,
        "ProductionAccessEnabled": True,
        "EnforcementStatus": "HEALTHY",
        "SendQuota": {"Max24HourSend": -1.0, "MaxSendRate": -1.0, "SentLast24Hours": sum(sent)},
    })  # fmt: skip


async def get_identity(visit: Visit) -> Response:
    """Tell whether an address is verified wherever it must be."""
    address = _address("/EmailIdentity", visit.parameters["id"])
    found = await asyncio.gather(*(it.verification(address) for it in _verifying(visit)))
    return Answer({"IdentityType": "EMAIL_ADDRESS", **_state(found)})


async def ask_identity(visit: Visit) -> Response:
    """Have the providers send their verification mail."""
    asked = read_document(CreateIdentity, await visit.body())
    address = _address("/EmailIdentity", asked.email_identity)
    found = await asyncio.gather(*(it.ask_verification(address) for it in _verifying(visit)))
    state = _state(found)
    is_verified = state["VerifiedForSendingStatus"]
    return Answer({"IdentityType": "EMAIL_ADDRESS", "VerifiedForSendingStatus": is_verified})


def _verifying(visit: Visit) -> list[VerifiesAddresses]:
    providers = visit.services.fleet.providers.values()
    return [it for it in providers if isinstance(it, VerifiesAddresses)]


def _state(found: list[Verification]) -> dict[str, object]:
    """Return one state of several: verified where all are, else the worst."""
    known = {verification.status for verification in found}
    is_verified = known <= {VerificationStatus.VERIFIED}
    for status, word in (
        (VerificationStatus.FAILED, "FAILED"),
        (VerificationStatus.UNAVAILABLE, "TEMPORARY_FAILURE"),
        (VerificationStatus.NOT_ASKED, "NOT_STARTED"),
        (VerificationStatus.PENDING, "PENDING"),
    ):
        if status in known:
            return {"VerifiedForSendingStatus": False, "VerificationStatus": word}
    return {"VerifiedForSendingStatus": is_verified, "VerificationStatus": "SUCCESS"}


# ---------------------------------------------------------------- suppressions


async def put_suppressed(visit: Visit) -> Response:
    """Add to the list."""
    asked = read_document(PutSuppressed, await visit.body())
    address = _address("/EmailAddress", asked.email_address)
    reason = _REASONS.get(asked.reason)
    if reason is None:
        raise Refusal(Reason.INVALID, faults=[Fault("/Reason", "BOUNCE or COMPLAINT")])
    origin = Origin(OriginKind.KEY, visit.key.id)
    now = visit.services.clock.now()
    new = Suppression(address=address, reason=reason, origin=origin, created_at=now)
    await visit.services.store.add_suppressions([new])
    maillog.list_changed("suppression_added", address, by=visit.key.id)
    return Answer({})


async def get_suppressed(visit: Visit) -> Response:
    """Tell why an address gets no mail."""
    address = _address("/EmailAddress", visit.parameters["id"])
    found = await visit.services.store.suppression(address)
    if found is None:
        raise Refusal(Reason.NOT_FOUND, "This address is not on the suppression list.")
    is_complaint = found.reason is SuppressionReason.COMPLAINT
    return Answer({
        "SuppressedDestination": {
            "EmailAddress": found.address,
            "Reason": "COMPLAINT" if is_complaint else "BOUNCE",
            "LastUpdateTime": found.created_at.timestamp(),
        }
    })  # fmt: skip


async def remove_suppressed(visit: Visit) -> Response:
    """Take an address from the list."""
    address = _address("/EmailAddress", visit.parameters["id"])
    if await visit.services.store.remove_suppression(address) is None:
        raise Refusal(Reason.NOT_FOUND, "This address is not on the suppression list.")
    maillog.list_changed("suppression_removed", address, by=visit.key.id)
    return Answer({})


def _address(pointer: str, text: str) -> Address:
    try:
        return parse_address(text)
    except ValueError as error:
        raise Refusal(Reason.INVALID, faults=[Fault(pointer, str(error))]) from None
