"""`keys`: API keys, made and revoked on this machine's store or over the API.

Neighbours: `target.is_asked_for` decides which; `local_store` opens the store, beside a server
that runs. The secret is all that `keys create` prints, so that a script can keep it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote

from cyclopts import Parameter

from .. import app
from ..clock import SystemClock
from ..domain.message import KeyId
from ..store.port import ApiKey, Scope, Store
from . import target, terminal
from .expiry import expiry_of
from .failure import CommandFailed, wrong_usage
from .flags import ANY_CONFIG, ANY_GATEWAY, TABLES, Ask, Configured, Format
from .local_store import with_store
from .serve import settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A key to be made."""

    name: str
    scopes: tuple[Scope, ...]
    is_test: bool
    sender_domains: tuple[str, ...]
    networks: tuple[str, ...]
    expires_at: datetime | None


def create(
    *,
    name: Annotated[str, Parameter(help="What the key is for, to know it again.")],
    scopes: Annotated[
        str, Parameter(help="Separated by commas: send, read, content, manage.")
    ] = "send,read",
    test: Annotated[
        bool, Parameter(help="Its mail runs the whole path and ends in the sandbox.")
    ] = False,
    sender_domain: Annotated[
        tuple[str, ...], Parameter(help="It may send as this domain; repeatable.")
    ] = (),
    network: Annotated[
        tuple[str, ...],
        Parameter(help="It is good from this network (CIDR); repeatable."),
    ] = (),
    expires: Annotated[
        str | None, Parameter(help="A time (RFC 3339), or a span such as 12h, 30d, 8w.")
    ] = None,
    ask: Ask = ANY_GATEWAY,
    configured: Configured = ANY_CONFIG,
    shown: Format = TABLES,
) -> int:
    """Make an API key and print its secret, once: only a hash of it is kept."""
    wanted = Wanted(
        name=name,
        scopes=_scopes(scopes),
        is_test=test,
        sender_domains=sender_domain,
        networks=network,
        expires_at=expiry_of(expires, datetime.now(UTC)) if expires else None,
    )
    key = _either(
        ask,
        configured,
        over_http=lambda: _create_over_http(ask, wanted),
        here=lambda: _create_here(configured, wanted),
    )
    if shown.json:
        terminal.show_document(key)
        return 0
    terminal.show(key["secret"])
    terminal.say(f"Key {key['id']} ({name}) is good at once. Keep it now; it is not shown again.")
    return 0


def list_(
    *,
    ask: Ask = ANY_GATEWAY,
    configured: Configured = ANY_CONFIG,
    shown: Format = TABLES,
) -> int:
    """List the API keys; their secrets are not kept and cannot be shown."""
    keys: list[dict[str, Any]] = _either(
        ask,
        configured,
        over_http=lambda: target.gateway(ask).ask("GET", "/v1/keys").document["data"],
        here=lambda: with_store(settings(configured), _all_keys),
    )
    if shown.json:
        terminal.show_document({"data": keys})
        return 0
    terminal.show_table(
        ("id", "name", "mode", "scopes", "limits", "created", "last used", "state"),
        [_row(key) for key in keys],
    )
    return 0


def ses(*, ask: Ask = ANY_GATEWAY, shown: Format = TABLES) -> int:
    """Print the AWS key pair that stands for your API key, for clients of Amazon SES."""
    pair: dict[str, str] = target.gateway(ask).ask("GET", "/v1/whoami/ses").document
    if shown.json:
        terminal.show_document(pair)
        return 0
    terminal.show(f"AWS_ACCESS_KEY_ID={pair['access_key_id']}")
    terminal.show(f"AWS_SECRET_ACCESS_KEY={pair['secret_access_key']}")
    return 0


def revoke(
    id_: Annotated[str, Parameter(name="id", help="The key's id, key_ and 26 characters.")],
    /,
    *,
    ask: Ask = ANY_GATEWAY,
    configured: Configured = ANY_CONFIG,
    shown: Format = TABLES,
) -> int:
    """Revoke an API key at once; a second time changes nothing."""
    key: dict[str, Any] = _either(
        ask,
        configured,
        over_http=lambda: _revoke_over_http(ask, id_),
        here=lambda: _revoke_here(configured, id_),
    )
    if shown.json:
        terminal.show_document(key)
    else:
        terminal.show(f"revoked  {id_}")
    return 0


# ---------------------------------------------------------------- here or over HTTP


def _either(
    ask: Ask, configured: Configured, *, over_http: Callable[[], Any], here: Callable[[], Any]
) -> Any:  # noqa: ANN401 - what the chosen one returns
    remote = target.is_asked_for(ask, configured.config, os.environ)
    return over_http() if remote else here()


def _create_over_http(ask: Ask, wanted: Wanted) -> dict[str, Any]:
    body = {
        "name": wanted.name,
        "scopes": list(wanted.scopes),
        "mode": "test" if wanted.is_test else "live",
        "sender_domains": list(wanted.sender_domains),
        "networks": list(wanted.networks),
        "expires_at": wanted.expires_at.isoformat() if wanted.expires_at else None,
    }
    given = {name: value for name, value in body.items() if value not in (None, [])}
    document: dict[str, Any] = target.gateway(ask).ask("POST", "/v1/keys", body=given).document
    return document


def _create_here(configured: Configured, wanted: Wanted) -> dict[str, Any]:
    async def make(store: Store) -> tuple[ApiKey, str]:
        return await app.create_key(
            store,
            SystemClock(),
            name=wanted.name,
            scopes=wanted.scopes,
            is_test=wanted.is_test,
            sender_domains=wanted.sender_domains,
            networks=wanted.networks,
            expires_at=wanted.expires_at,
        )

    key, secret = with_store(settings(configured), make)
    return {**_document(key), "secret": secret}


async def _all_keys(store: Store) -> list[dict[str, Any]]:
    return [_document(key) for key in await store.keys()]


def _revoke_over_http(ask: Ask, id_: str) -> dict[str, Any]:
    answer = target.gateway(ask).ask("DELETE", f"/v1/keys/{quote(id_, safe='')}")
    return answer.document or {"id": id_}


def _revoke_here(configured: Configured, id_: str) -> dict[str, Any]:
    async def revoked(store: Store) -> ApiKey | None:
        return await store.revoke_key(KeyId(id_))

    key = with_store(settings(configured), revoked)
    if key is None:
        raise CommandFailed(
            f"there is no key {id_}", advice="See mail-sender keys list.", code="not_found"
        )
    return _document(key)


# ---------------------------------------------------------------- reading and showing


def _scopes(text: str) -> tuple[Scope, ...]:
    try:
        return tuple(Scope(word.strip()) for word in text.split(",") if word.strip())
    except ValueError:
        raise wrong_usage(
            f"--scopes: expected words of {', '.join(Scope)}, separated by commas; got {text!r}"
        ) from None


def _document(key: ApiKey) -> dict[str, Any]:
    """Return a key as the API shows it."""
    return {
        "id": key.id,
        "name": key.name,
        "mode": "test" if key.is_test else "live",
        "scopes": [scope for scope in Scope if scope in key.scopes],
        "sender_domains": list(key.sender_domains),
        "networks": list(key.networks),
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
        "last_used_at": key.last_used_at.isoformat() if key.last_used_at else None,
    }


def _row(key: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        key["id"],
        key["name"],
        key.get("mode"),
        " ".join(key.get("scopes") or ()),
        " ".join([*(key.get("sender_domains") or ()), *(key.get("networks") or ())]),
        terminal.moment(key.get("created_at")),
        terminal.moment(key.get("last_used_at")) or "never",
        _state(key),
    )


def _state(key: Mapping[str, Any]) -> str:
    if key.get("revoked_at"):
        return f"revoked {terminal.moment(key['revoked_at'])}"
    if key.get("expires_at"):
        return f"until {terminal.moment(key['expires_at'])}"
    return "good"
