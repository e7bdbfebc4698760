"""Wire names: API keys."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from ..store.port import ApiKey, Scope
from .schemas import Request, Time


class KeyMode(StrEnum):
    """Where the mail of a key goes."""

    LIVE = "live"  #: by the routes
    TEST = "test"  #: the whole path, but into the sandbox provider


class NewKey(Request):
    """An API key to be made."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "shop", "scopes": ["send", "read"], "sender_domains": ["example.com"]}
            ]
        },
    )

    name: Annotated[str, Field(description="1 to 100 printable characters.")]
    scopes: Annotated[
        list[Scope],
        Field(
            min_length=1,
            description="`send`: submit and explain. `read`: status, lists, statistics. "
            "`content`: bodies and attachments. `manage`: everything that changes something.",
        ),
    ]
    mode: KeyMode = KeyMode.LIVE
    sender_domains: Annotated[
        tuple[str, ...],
        Field(max_length=100, description="May only send from these; empty: from any."),
    ] = ()
    networks: Annotated[
        tuple[str, ...],
        Field(
            max_length=100,
            description="May only be used from these; empty: from anywhere.",
            examples=[["10.0.0.0/8"]],
        ),
    ] = ()
    expires_at: Time | None = None


class Rotation(Request):
    """How to rotate a key."""

    revoke_old: Annotated[
        bool,
        Field(description="`false`: both are good until you revoke the old one."),
    ] = True


class KeyOut(TypedDict):
    """An API key without its secret."""

    id: Annotated[str, Field(examples=["key_01JZX3M8Q0V5W6Y7Z8A9B0C1D2"])]
    name: str
    mode: KeyMode
    scopes: list[Scope]
    sender_domains: list[str]
    networks: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class KeyWithSecret(KeyOut):
    """A new API key."""

    secret: Annotated[
        str,
        Field(
            description="Shown now and never again: only its hash is kept.",
            pattern="^ms_(live|test)_[A-Za-z0-9]{32}$",
        ),
    ]


class SesKeyPair(TypedDict):
    """AWS credentials for the gateway's address."""

    access_key_id: Annotated[str, Field(examples=["key_01JZX3M8Q0V5W6Y7Z8A9B0C1D2"])]
    secret_access_key: str


class KeyList(TypedDict):
    """All keys, newest first, revoked and expired ones included."""

    data: list[KeyOut]
    next_cursor: None


def key_of(key: ApiKey) -> KeyOut:
    """Return a key."""
    return {
        "id": key.id,
        "name": key.name,
        "mode": KeyMode.TEST if key.is_test else KeyMode.LIVE,
        "scopes": [scope for scope in Scope if scope in key.scopes],
        "sender_domains": list(key.sender_domains),
        "networks": list(key.networks),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
    }


def key_with_secret(key: ApiKey, secret: str) -> KeyWithSecret:
    """Return a new key."""
    return {**key_of(key), "secret": secret}
