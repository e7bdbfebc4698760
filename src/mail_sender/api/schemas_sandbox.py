"""Wire names: the sandbox, as its control API speaks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel
from typing_extensions import TypedDict


class SandboxFault(BaseModel):
    """Something that goes wrong. Each fault has settings of its own beside `times`."""

    model_config = ConfigDict(extra="allow")

    fault: Annotated[
        str,
        Field(
            description="Such as `down`, `rate_limited`, `slow`, `error_before`, `error_after`, "
            "`taken_then_cut`, `refuse_recipient`, `hang`, `auth`, `unverified`.",
            examples=["rate_limited"],
        ),
    ]
    times: Annotated[
        int | None, Field(ge=1, description="Passes by itself after so many hits.")
    ] = None


class SandboxFaults(RootModel[SandboxFault | list[SandboxFault]]):
    """One fault, or several as a script: a call meets the first that concerns it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"fault": "down"}, [{"fault": "rate_limited", "times": 2}]]}
    )


class SandboxAccount(TypedDict):
    """An imitated provider."""

    name: str
    kind: Annotated[str, Field(examples=["ses"])]
    url: str
    faults: list[dict[str, Any]]


class SandboxAccounts(TypedDict):
    """All imitated providers."""

    accounts: list[SandboxAccount]


class SandboxEnvelope(TypedDict):
    """A mail that an imitation took."""

    id: str
    provider: str
    received_at: datetime
    mail_from: str
    recipients: list[str]
    subject: str
    ms_id: Annotated[str | None, Field(description="Id of the message here.")]
    provider_message_id: str
    size: int
    answered: Annotated[bool, Field(description="Whether the client was told that it was taken.")]
    fault: Annotated[str | None, Field(description="The fault that it met.")]


class SandboxInbox(TypedDict):
    """What the imitations took, newest first."""

    mails: list[SandboxEnvelope]
    kept: Annotated[int, Field(description="How many there are in all.")]


class SandboxMail(SandboxEnvelope):
    """A mail with what it says."""

    contents: Annotated[
        dict[str, Any],
        Field(description="Mailboxes, subject, text, html, headers, attachments, tags, metadata."),
    ]


class SandboxIdentity(TypedDict):
    """An address or domain that an account asked to verify."""

    account: str
    name: str
    asked_at: datetime
    verified: bool


class SandboxIdentities(TypedDict):
    """All of them."""

    identities: list[SandboxIdentity]


class SandboxStory(BaseModel):
    """What the imitated provider shall tell of a mail that it took."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"mail": "mail-1", "events": ["delivered", "complained"]}]},
    )

    mail: Annotated[str, Field(description="Its id in the inbox.", examples=["mail-1"])]
    events: Annotated[
        list[str],
        Field(
            min_length=1,
            max_length=100,
            description="In this order, also an impossible one: `accepted`, `delivered`, "
            "`deferred`, `bounced`, `soft_bounced`, `rejected`, `complained`, `opened`, "
            "`clicked`, `unsubscribed`.",
            examples=[["delivered"]],
        ),
    ]
    recipient: Annotated[
        str | None, Field(description="To whom it happened; else to everybody in the envelope.")
    ] = None
    times: Annotated[int, Field(ge=1, le=100, description="How often each is told.")] = 1
    after: Annotated[float, Field(ge=0, le=3600, description="Seconds until then.")] = 0


class SandboxTold(TypedDict):
    """One call of our webhook."""

    event: str
    status: Annotated[int | None, Field(description="What we answered; null: it comes later.")]
    said: str


class SandboxTellings(TypedDict):
    """All calls, in order."""

    told: list[SandboxTold]
