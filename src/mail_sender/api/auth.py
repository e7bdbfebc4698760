"""API keys at the door: who calls, from where, how often, and what for.

Neighbours: `intake.keyring` knows which key a secret belongs to.
Routes say what they need with `NEEDS_…`, or with `Can…` where they want to know the key; the hot
ones call `Authenticator.admit` themselves.
"""

from __future__ import annotations

from typing import Annotated, Protocol, cast

from fastapi import Depends, Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase

from ..clock import Clock
from ..domain.errors import ConfigError
from ..domain.message import KeyId
from ..intake.keyring import BadKey, KeyRing, Known
from ..intake.rate_limit import RateLimit
from ..store.port import ApiKey, Scope, Store
from .client_address import Network, client_address, is_within, networks_of, one_client
from .door import add_header
from .errors import NetworkNotAllowed, RateLimited, ScopeMissing, Unauthorized
from .fields import field
from .services import ApiPolicy, Services

SCHEME = "ApiKey"


class Authenticator:
    """See the module. One per application."""

    def __init__(self, store: Store, clock: Clock, policy: ApiPolicy) -> None:
        """Raises `ConfigError` when a trusted proxy is not an address or network."""
        self._clock = clock
        self._keys = KeyRing(store, clock)
        per_minute = policy.requests_per_minute
        per_address = policy.requests_per_minute_per_address
        self._rate = RateLimit[KeyId](per_minute) if per_minute is not None else None
        self._address_rate = RateLimit[Network](per_address) if per_address is not None else None
        try:
            self._proxies = networks_of(policy.trusted_proxies)
        except ValueError as error:
            raise ConfigError(f"server.trusted_proxies: {error}") from None

    async def admit(
        self, request: Request, needed: Scope | None, *, secret: str | None = None
    ) -> ApiKey:
        """Return the key of this request, which may do what is needed (None: nothing special).

        `secret` is what the request has in another place than the Bearer token.

        Raises:
            Unauthorized, NetworkNotAllowed, RateLimited, ScopeMissing: It is not let in.
            StoreUnavailable: Nobody can say whether the key is good.
        """
        self._count_address(request)
        return self._let_in(request, await self._lookup(secret or _secret_of(request)), needed)

    async def admit_signed(self, request: Request, id_: KeyId, needed: Scope | None) -> ApiKey:
        """Return the key with this id, as whose the request was signed. Raises as `admit`.

        The caller has seen that the signature is right.
        """
        self._count_address(request)
        return self._let_in(request, _good(await self._keys.known_by_id(id_)), needed)

    def _let_in(self, request: Request, known: Known, needed: Scope | None) -> ApiKey:
        key = known.key
        if known.networks and not is_within(
            client_address(request.scope, self._proxies), known.networks
        ):
            raise NetworkNotAllowed(key.id)
        self._count(request, key)
        self._keys.touch(key)
        if needed is not None and needed not in key.scopes:
            raise ScopeMissing(needed)
        return key

    async def is_still_good(self, request: Request) -> bool:
        """Return whether the key of a long answer is still good."""
        try:
            await self._lookup(_secret_of(request))
        except Unauthorized:
            return False
        return True

    async def _lookup(self, secret: str) -> Known:
        return _good(await self._keys.known(secret))

    def _count_address(self, request: Request) -> None:
        """Count before the key is looked at: who guesses keys is stopped too."""
        if self._address_rate is None:
            return
        address = client_address(request.scope, self._proxies)
        if address is None:
            return
        reading = self._address_rate.count(one_client(address), self._clock.now())
        if reading.remaining < 0:
            raise RateLimited(reading.resets_in)

    def _count(self, request: Request, key: ApiKey) -> None:
        if self._rate is None:
            return
        reading = self._rate.count(key.id, self._clock.now())
        for name, value in reading.headers.items():
            add_header(request.scope, name, value)
        if reading.remaining < 0:
            raise RateLimited(reading.resets_in)


def _good(known: Known | BadKey) -> Known:
    if isinstance(known, BadKey):
        raise Unauthorized(known.reason)
    return known


def _secret_of(request: Request) -> str:
    """Return the Bearer token (RFC 6750 section 2.1)."""
    scheme, _, secret = (field(request.scope, b"authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise Unauthorized("Send your API key as: Authorization: Bearer ms_live_…")
    return secret.strip()


# ---------------------------------------------------------------- for the routes


class Doorway(Protocol):
    """The application, as far as its routes know it."""

    services: Services
    authenticator: Authenticator


def services_of(request: Request) -> Services:
    """Return what stands behind the door."""
    return cast("Doorway", request.scope["app"]).services


def authenticator_of(request: Request) -> Authenticator:
    """Return who looks at keys."""
    return cast("Doorway", request.scope["app"]).authenticator


class _KeySecurity(SecurityBase):
    """Reads the key of a request; FastAPI documents it and its scopes."""

    def __init__(self) -> None:
        self.model = HTTPBearer(
            description="An API key, `ms_live_…` or `ms_test_…`. Mail of a test key ends in the "
            "sandbox provider, never at a real one. The scopes in this document are those that a "
            "key needs: `send`, `read`, `content`, `manage`.",
        )
        self.scheme_name = SCHEME

    async def __call__(self, request: Request, needed: SecurityScopes) -> ApiKey:
        scope = Scope(needed.scopes[0]) if needed.scopes else None
        return await authenticator_of(request).admit(request, scope)


_key = _KeySecurity()

NEEDS_READ = Security(_key, scopes=[Scope.READ])
NEEDS_CONTENT = Security(_key, scopes=[Scope.CONTENT])
NEEDS_MANAGE = Security(_key, scopes=[Scope.MANAGE])

Behind = Annotated[Services, Depends(services_of)]
CanSend = Annotated[ApiKey, Security(_key, scopes=[Scope.SEND])]
CanManage = Annotated[ApiKey, NEEDS_MANAGE]
AnyKey = Annotated[ApiKey, Security(_key)]
