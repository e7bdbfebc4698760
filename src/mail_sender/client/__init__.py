"""The gateway's client for Python: `Client`, `AsyncClient`, and `verify_webhook`.

It stands alone: it needs the standard library and msgspec, imports nothing else of this package,
and speaks to the gateway over HTTP like any other program (docs/client.md). The rule that holds
here: what is repeated must be the same when it is carried out twice.
"""

from .answers import (
    Attempt,
    BatchResult,
    Bounce,
    Event,
    ExplainedProvider,
    Explanation,
    Message,
    Recipient,
    RecipientOutcome,
    SuppressedRecipient,
)
from .async_client import AsyncClient
from .errors import (
    ClientError,
    Conflict,
    InvalidRequest,
    MessageRefused,
    NoAnswer,
    NotAGateway,
    NotAllowed,
    NotDelivered,
    NotFound,
    NotSent,
    OutcomeUnknown,
    Refused,
    TryLater,
    Unauthorized,
)
from .http1 import Answer
from .mail import Attachment, Mail, Mailbox
from .problem import Fault, Problem
from .sync_client import Client
from .webhook import InvalidWebhook, WebhookEvent, verify_webhook

__all__ = [
    "Answer",
    "AsyncClient",
    "Attachment",
    "Attempt",
    "BatchResult",
    "Bounce",
    "Client",
    "ClientError",
    "Conflict",
    "Event",
    "ExplainedProvider",
    "Explanation",
    "Fault",
    "InvalidRequest",
    "InvalidWebhook",
    "Mail",
    "Mailbox",
    "Message",
    "MessageRefused",
    "NoAnswer",
    "NotAGateway",
    "NotAllowed",
    "NotDelivered",
    "NotFound",
    "NotSent",
    "OutcomeUnknown",
    "Problem",
    "Recipient",
    "RecipientOutcome",
    "Refused",
    "SuppressedRecipient",
    "TryLater",
    "Unauthorized",
    "WebhookEvent",
    "verify_webhook",
]
