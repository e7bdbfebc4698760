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
