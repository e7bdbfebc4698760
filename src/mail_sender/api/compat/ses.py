"""Amazon SES API v2 (https://docs.aws.amazon.com/ses/latest/APIReference-V2).

Neighbours: `door` serves it, `ses_mail` has the documents, `ses_signature` says who signed,
`ses_account` has the calls besides sending. A MessageId looks as SES's do, with our id in it. The
SDKs repeat a call by themselves and name it each time: `amz-sdk-invocation-id`.
"""

from __future__ import annotations

import re
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response

from ...domain.message import Content
from ...intake.intake import Submission
from ...store.port import ApiKey, Scope
from ..answers import Answer
from ..auth import Authenticator
from ..bodies import parsed
from .reading import read_document
from .refusal import Reason, Refusal
from .ses_account import (
    CreateIdentity,
    PutSuppressed,
    ask_identity,
    get_account,
    get_identity,
    get_insights,
    get_suppressed,
    put_suppressed,
    remove_suppressed,
    ses_id,
)
from .ses_mail import SendBulkEmail, SendEmail, content_of, contents_of_many
from .ses_signature import Signed, signer_of
from .submitting import headers_of, take, take_each
from .vendor import Call, Vendor, Visit

_MOST_IN_A_BATCH = 50
_NO_TEMPLATES = "Refused: this gateway stores no SES templates; send TemplateContent."
_NO: dict[Reason, tuple[int, str]] = {
    Reason.NOT_READABLE: (400, "SerializationException"),
    Reason.MEDIA_TYPE: (415, "UnsupportedMediaTypeException"),
    Reason.TOO_LARGE: (413, "RequestEntityTooLargeException"),
    Reason.INVALID: (400, "BadRequestException"),
    Reason.UNSUPPORTED: (400, "BadRequestException"),
    Reason.NO_KEY: (403, "MissingAuthenticationTokenException"),
    Reason.BAD_KEY: (403, "UnrecognizedClientException"),
    Reason.SCOPE: (403, "AccessDeniedException"),
    Reason.SENDER: (400, "MessageRejected"),
    Reason.NETWORK: (403, "AccessDeniedException"),
    Reason.NO_SUCH_CALL: (404, "UnknownOperationException"),
    Reason.WRONG_METHOD: (405, "UnknownOperationException"),
    Reason.NOT_FOUND: (404, "NotFoundException"),
    Reason.CONFLICT: (409, "ConflictException"),
    Reason.KEY_REUSED: (400, "BadRequestException"),
    Reason.KEY_RUNNING: (429, "TooManyRequestsException"),
    Reason.TOO_FAST: (429, "TooManyRequestsException"),
    Reason.UNAVAILABLE: (503, "ServiceUnavailableException"),
    Reason.MESSAGE_REFUSED: (400, "MessageRejected"),
    Reason.NOT_SENT: (503, "ServiceUnavailableException"),
    Reason.OUTCOME_UNKNOWN: (504, "InternalFailure"),
    Reason.INTERNAL: (500, "InternalFailure"),
}
#: How one mail of a bulk call is refused; the rest is INVALID_PARAMETER.
_NO_OF_MANY = {Reason.SENDER: "MAIL_FROM_DOMAIN_NOT_VERIFIED", Reason.INTERNAL: "FAILED"}


async def send(visit: Visit) -> Response:
    """Send one mail."""
    default = visit.services.policy.default_from

    def read(body: bytes) -> Content:
        return content_of(read_document(SendEmail, body), default)

    submission = await take(visit, await parsed(read, await visit.body()))
    id_ = ses_id(submission.record.message.id)
    return Answer({"MessageId": id_}, 200, headers_of(submission))


async def send_bulk(visit: Visit) -> Response:
    """Send up to 50 mails from one template; each stands or falls alone."""
    default = visit.services.policy.default_from

    def read(body: bytes) -> list[Content | Refusal]:
        return list(contents_of_many(read_document(SendBulkEmail, body), default))

    items = await parsed(read, await visit.body())
    if not 1 <= len(items) <= _MOST_IN_A_BATCH:
        words = f"BulkEmailEntries: 1 to {_MOST_IN_A_BATCH} of them, not {len(items)}"
        raise Refusal(Reason.INVALID, words)
    results = await take_each(visit, items)
    return Answer({"BulkEmailEntryResults": [_result(visit, result) for result in results]})


def _result(visit: Visit, result: Submission | Refusal) -> dict[str, str]:
    if isinstance(result, Submission):
        return {"Status": "SUCCESS", "MessageId": ses_id(result.record.message.id)}
    status = _NO_OF_MANY.get(result.reason, "INVALID_PARAMETER")
    return {"Status": status, "Error": visit.vendor.told(result)}


class Ses(Vendor):
    """See the module."""

    name = "ses"
    title = "Amazon SES"
    page = "https://docs.aws.amazon.com/ses/latest/APIReference-V2"
    namespace = re.compile(r"/v2/email(/.*)?")
    theirs: ClassVar = {
        "from": "FromEmailAddress", "to": "ToAddresses", "cc": "CcAddresses",
        "bcc": "BccAddresses", "reply_to": "ReplyToAddresses", "subject": "Subject",
        "text": "Text", "html": "Html", "headers": "Headers", "attachments": "Attachments",
        "metadata": "EmailTags",
    }  # fmt: skip
    calls = (
        Call(method="POST", path="/v2/email/outbound-emails",
             does="SendEmail: sends a mail in parts, whole, or from a template that comes with it.",
             needs=Scope.SEND, answer=send, takes=SendEmail),
        Call(method="POST", path="/v2/email/outbound-bulk-emails",
             does="SendBulkEmail: sends up to 50 mails from a template that comes with it.",
             needs=Scope.SEND, answer=send_bulk, takes=SendBulkEmail),
        Call(method="GET", path="/v2/email/insights/{id}",
             does="GetMessageInsights: tells what became of a mail.", needs=Scope.READ,
             answer=get_insights),
        Call(method="GET", path="/v2/email/account",
             does="GetAccount: whether mail is taken, and how much went out in 24 hours.",
             needs=Scope.READ, answer=get_account),
        Call(method="GET", path="/v2/email/identities/{id}",
             does="GetEmailIdentity: whether an address may send at the providers that ask.",
             needs=Scope.READ, answer=get_identity),
        Call(method="POST", path="/v2/email/identities",
             does="CreateEmailIdentity: asks the providers to send their verification mail.",
             needs=Scope.MANAGE, answer=ask_identity, takes=CreateIdentity),
        Call(method="PUT", path="/v2/email/suppression/addresses",
             does="PutSuppressedDestination: adds to the suppression list.",
             needs=Scope.MANAGE, answer=put_suppressed, takes=PutSuppressed),
        Call(method="GET", path="/v2/email/suppression/addresses/{id}",
             does="GetSuppressedDestination: tells why an address gets no mail.",
             needs=Scope.READ, answer=get_suppressed),
        Call(method="DELETE", path="/v2/email/suppression/addresses/{id}",
             does="DeleteSuppressedDestination: takes an address from the suppression list.",
             needs=Scope.MANAGE, answer=remove_suppressed),
        Call(method="POST", path="/v2/email/templates", does=_NO_TEMPLATES),
        Call(method="GET", path="/v2/email/templates/{id}", does=_NO_TEMPLATES),
    )  # fmt: skip

    def secret_of(self, request: Request) -> str:  # noqa: ARG002 - it is not shown
        """Nobody shows a key here: see `admit`."""
        raise Refusal(Reason.NO_KEY)

    async def admit(
        self, visit: Visit, authenticator: Authenticator, needed: Scope | None
    ) -> ApiKey:
        """See `Vendor.admit`: the key whose secret signed the request."""
        secret = visit.services.policy.compat.ses_secret
        if secret is None:
            words = "Clients of Amazon SES cannot be let in: this gateway has no compat.ses_secret."
            raise Refusal(Reason.BAD_KEY, words)
        request = visit.request
        query = request.scope["query_string"].decode("latin-1")
        path = request.scope["raw_path"].decode("latin-1")
        signed = Signed(
            method=request.method,
            target=f"{path}?{query}",
            headers={name: ",".join(request.headers.getlist(name)) for name in request.headers},
            body=await visit.body(),
        )
        id_ = signer_of(signed, secret, visit.services.clock.now())
        return await authenticator.admit_signed(request, id_, needed)

    def repeats(self, request: Request) -> str | None:
        """See `Vendor.repeats`."""
        return request.headers.get("amz-sdk-invocation-id")

    def no(self, refusal: Refusal, words: str) -> Response:
        """See `Vendor.no`."""
        status, type_ = _NO[refusal.reason]
        return Answer({"message": words}, status, {"x-amzn-ErrorType": type_})
