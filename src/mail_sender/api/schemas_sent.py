"""Wire names: what sending answers, beside the message itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from ..delivery.explain import Explained
from ..domain import message as domain
from ..domain.message import Address, OnUnknown
from ..domain.suppression import SuppressionReason
from .schemas import Problem
from .schemas_message import Attempt, Message


class SyncProblem(Problem):
    """A `sync` message that was not sent, or of which nobody knows. It has an id all the same."""

    id: Annotated[str, Field(examples=["msg_01JZX3M8Q0V5W6Y7Z8A9B0C1D2"])]
    attempts: Annotated[list[Attempt], Field(description="Each provider's answer.")]
    message: Message


class _BatchStatus(TypedDict):
    status: Annotated[
        int, Field(description="What this message alone would have been answered.", examples=[202])
    ]


class BatchResult(_BatchStatus, total=False):
    """What became of one message: `message` with status 202, else `problem`."""

    message: Message
    problem: Annotated[Problem, Field(description="Its pointers point into the whole batch.")]
    replayed: Annotated[bool, Field(description="Its idempotency key was used before.")]


class BatchResults(TypedDict):
    """One result for each message, in their order."""

    data: list[BatchResult]


class ExplainedProvider(TypedDict):
    """One provider of the route."""

    position: int
    provider: str
    kind: str
    would_be_asked: Annotated[bool, Field(description="Now, when its turn comes.")]
    cannot_express: Annotated[
        str | None, Field(description="Why it can never take this message; null if it can.")
    ]
    blocked: Annotated[
        str | None, Field(description="Why it is not asked now: paused, breaker, quota.")
    ]
    losses: Annotated[
        list[str],
        Field(description="What a mail that the client wrote itself loses at this provider."),
    ]


class SuppressedRecipient(TypedDict):
    """A recipient that is on the suppression list."""

    address: str
    reason: SuppressionReason


class Explanation(TypedDict):
    """What would happen to a message, without sending it."""

    route: str
    on_unknown: OnUnknown
    recipients: int
    suppressed: Annotated[
        list[SuppressedRecipient],
        Field(description="Those among the recipients that would be left out."),
    ]
    would_be_sent: Annotated[bool, Field(description="Whether any provider would be asked now.")]
    has_backup: Annotated[bool, Field(description="Whether a second one stands ready.")]
    providers: Annotated[list[ExplainedProvider], Field(description="In the order of asking.")]


def explanation_of(
    message: domain.Message,
    steps: tuple[Explained, ...],
    suppressed: Mapping[Address, SuppressionReason],
) -> Explanation:
    """Return the dry run."""
    ready = sum(step.would_be_asked for step in steps)
    is_for_somebody = len(suppressed) < len(message.content.recipients)
    return {
        "route": message.route,
        "on_unknown": message.on_unknown,
        "recipients": len(message.content.recipients),
        "suppressed": [
            {"address": address, "reason": reason} for address, reason in suppressed.items()
        ],
        "would_be_sent": ready > 0 and is_for_somebody,
        "has_backup": ready > 1,
        "providers": [
            {
                "position": position,
                "provider": step.provider,
                "kind": step.kind,
                "would_be_asked": step.would_be_asked,
                "cannot_express": step.cannot_express,
                "blocked": step.blocked,
                "losses": list(step.losses),
            }
            for position, step in enumerate(steps, 1)
        ],
    }
