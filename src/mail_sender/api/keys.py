"""`/v1/keys`: create (the secret is shown once), list, revoke, rotate; `/v1/whoami`: one's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from ..domain.address import parse_address
from ..domain.errors import Fault, InvalidMessage, NotFound, StateConflict
from ..domain.message import KeyId
from ..intake.keys import issue_key
from ..store.port import ApiKey, Store
from .answers import Answer
from .auth import NEEDS_MANAGE, AnyKey, Behind, CanManage
from .bodies import json_body
from .client_address import Network, networks_of
from .compat.ses_signature import key_pair_of
from .documented import JSON_BODY, json_request, refusals, returns, together
from .errors import InvalidRequest, KeyNotAllowed
from .schemas_key import (
    KeyList,
    KeyMode,
    KeyOut,
    KeyWithSecret,
    NewKey,
    Rotation,
    SesKeyPair,
    key_of,
    key_with_secret,
)

router = APIRouter(tags=["API keys"])


@router.post(
    "/v1/keys",
    status_code=201,
    response_model=KeyWithSecret,
    summary="Create an API key",
    responses=together(
        returns(201, "The key, with its secret.", KeyWithSecret),
        refusals(KeyNotAllowed, *JSON_BODY),
    ),
    openapi_extra=json_request(NewKey),
)
async def create_key(
    key: CanManage, asked: Annotated[NewKey, Depends(json_body(NewKey))], services: Behind
) -> Response:
    """Make a key. Keep the secret: it is shown this once.

    A test key can only make test keys, and a key that is limited to sender domains or networks
    only keys within these limits.
    """
    domains = list(_domains(asked))
    is_test = asked.mode is KeyMode.TEST
    _must_not_exceed(key, is_test=is_test, domains=domains, networks=asked.networks)
    try:
        made, secret = await issue_key(
            services.store,
            services.clock,
            name=asked.name,
            scopes=asked.scopes,
            is_test=is_test,
            sender_domains=domains,
            networks=asked.networks,
            expires_at=asked.expires_at,
        )
    except InvalidMessage as error:
        raise InvalidRequest(error.faults) from None
    return Answer(key_with_secret(made, secret), 201)


@router.get(
    "/v1/keys", dependencies=[NEEDS_MANAGE], response_model=KeyList, summary="List API keys"
)
async def list_keys(services: Behind) -> Response:
    """All keys with their last use, never a secret."""
    keys = await services.store.keys()
    return Answer({"data": [key_of(each) for each in keys], "next_cursor": None})


@router.get("/v1/whoami", response_model=KeyOut, summary="Ask for your own API key")
async def get_own_key(key: AnyKey) -> Response:
    """The key that this request came with, whatever its scopes: what a program may do with it."""
    return Answer(key_of(key))


@router.get(
    "/v1/whoami/ses",
    response_model=SesKeyPair,
    summary="Ask for your key pair for SES",
    responses=refusals(StateConflict),
)
async def get_ses_key_pair(key: AnyKey, services: Behind) -> Response:
    """What a client of Amazon SES is given in place of AWS credentials; it stands for this API key.

    The secret is made of the key's id and the operator's `compat.ses_secret`, so it can be asked
    for again, by whoever has the API key. Revoking the key ends it. `409`: clients of Amazon SES
    are not let in here.
    """
    secret = services.policy.compat.ses_secret
    if secret is None:
        raise StateConflict("This gateway has no compat.ses_secret.")
    pair = key_pair_of(key.id, secret)
    return Answer(
        {"access_key_id": pair.access_key_id, "secret_access_key": pair.secret_access_key}
    )


@router.delete(
    "/v1/keys/{id}",
    dependencies=[NEEDS_MANAGE],
    response_model=KeyOut,
    summary="Revoke an API key",
    responses=refusals(NotFound),
)
async def revoke_key(id: str, services: Behind) -> Response:  # noqa: A002
    """Not good any more within a second, on every node. Twice does no harm."""
    revoked = await services.store.revoke_key(KeyId(id))
    if revoked is None:
        raise NotFound(id)
    return Answer(key_of(revoked))


@router.post(
    "/v1/keys/{id}/rotate",
    status_code=201,
    response_model=KeyWithSecret,
    summary="Rotate an API key",
    responses=together(
        returns(201, "The new key, with its secret.", KeyWithSecret),
        refusals(NotFound, StateConflict, KeyNotAllowed, *JSON_BODY),
    ),
    openapi_extra=json_request(Rotation, required=False),
)
async def rotate_key(
    id: str,  # noqa: A002
    key: CanManage,
    how: Annotated[Rotation, Depends(json_body(Rotation))],
    services: Behind,
) -> Response:
    """Make a new key like this one, with an id and a secret of its own, then revoke the old one.

    With `revoke_old: false` both are good, until you have changed your programs and revoke the
    old one yourself.
    """
    old = await _good_key(KeyId(id), services.store)
    if old.expires_at is not None and old.expires_at <= services.clock.now():
        raise StateConflict("This API key has expired: create a new one.")
    _must_not_exceed(key, is_test=old.is_test, domains=old.sender_domains, networks=old.networks)
    made, secret = await issue_key(
        services.store,
        services.clock,
        name=old.name,
        scopes=old.scopes,
        is_test=old.is_test,
        sender_domains=old.sender_domains,
        networks=old.networks,
        expires_at=old.expires_at,
    )
    if how.revoke_old:
        await services.store.revoke_key(old.id)
    return Answer(key_with_secret(made, secret), 201)


# ---------------------------------------------------------------- inside


async def _good_key(id_: KeyId, store: Store) -> ApiKey:
    found = next((each for each in await store.keys() if each.id == id_), None)
    if found is None:
        raise NotFound(id_)
    if found.revoked_at is not None:
        raise StateConflict("This API key was revoked: create a new one.")
    return found


def _domains(asked: NewKey) -> Iterator[str]:
    faults = []
    for place, domain in enumerate(asked.sender_domains):
        try:
            yield parse_address(f"anybody@{domain}").rpartition("@")[2]
        except ValueError:
            faults.append(Fault(f"/sender_domains/{place}", "expected a domain like example.com"))
    if faults:
        raise InvalidRequest(faults)


def _must_not_exceed(
    by: ApiKey, *, is_test: bool, domains: Sequence[str], networks: Sequence[str]
) -> None:
    """A key is a boundary: what it may make does not reach beyond it."""
    if by.is_test and not is_test:
        raise KeyNotAllowed("A test key can only make test keys.")
    if by.sender_domains and not (domains and set(domains) <= set(by.sender_domains)):
        allowed = ", ".join(by.sender_domains)
        raise KeyNotAllowed(f"This key can only make keys for the sender domains {allowed}.")
    if by.networks and not _all_within(networks, networks_of(by.networks)):
        allowed = ", ".join(by.networks)
        raise KeyNotAllowed(f"This key can only make keys for the networks {allowed}.")


def _all_within(asked: Sequence[str], allowed: tuple[Network, ...]) -> bool:
    try:
        networks = networks_of(asked)
    except ValueError:
        return True  # it is refused for that
    return bool(networks) and all(
        any(_is_part_of(each, network) for network in allowed) for each in networks
    )


def _is_part_of(inner: Network, outer: Network) -> bool:
    first, last = inner.network_address, inner.broadcast_address
    return first in outer and last in outer
