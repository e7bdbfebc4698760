"""Serves the vendors' APIs: finds the call, lets the key in, and answers in the vendor's form.

Neighbours: `asgi` asks `Doors.at` before its own routes. Whatever goes wrong from here on, a bug
included, is told as that vendor would tell it, since a client's library reads nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ...domain.errors import Fault, MailSenderError
from ...observability import maillog
from ...store.port import Scope as KeyScope
from ..auth import authenticator_of, services_of
from .refusal import Reason, Refusal, refusal_of
from .registry import VENDORS
from .vendor import PREFIX, Call, Vendor, Visit

_PREFIXED = re.compile(rf"{PREFIX}/([a-z]+)(/.*)?")


class Doors:
    """Every vendor's API, by address."""

    def __init__(self, app: ASGIApp, around: Callable[[ASGIApp], ASGIApp]) -> None:
        """Make them.

        Args:
            app: The application that they are part of.
            around: Puts the layers that every request goes through around one.
        """
        self._vendors = {vendor.name: vendor for vendor in VENDORS}
        self._apps = {vendor.name: around(_Door(app, vendor)) for vendor in VENDORS}

    def at(self, path: str) -> ASGIApp | None:
        """Return who answers at an address; None: no vendor does."""
        found = _PREFIXED.fullmatch(path)
        if found is not None:
            return self._apps.get(found[1])
        for name, vendor in self._vendors.items():
            if vendor.namespace.fullmatch(path):
                return self._apps[name]
        return None


class _Door:
    def __init__(self, app: ASGIApp, vendor: Vendor) -> None:
        self._app = app
        self._vendor = vendor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self._app
        request = Request(scope, receive, send)
        response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        call: Call | None = None
        try:
            call, parameters = self._find(request)
            return await self._let_in(request, call, parameters)
        except Refusal as error:
            refusal = error
        except MailSenderError as error:
            refusal = self._vendor.in_their_names(refusal_of(error))
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001 - the last resort, in the vendor's form
            path = request.scope["path"]
            maillog.bug(self._vendor.name, error, method=request.method, path=path)
            refusal = Refusal(Reason.INTERNAL)
        if call is not None and call.needs is KeyScope.SEND:
            services_of(request).metrics.refused.labels(refusal.reason).inc()
        return self._vendor.answer_of(refusal)

    def _find(self, request: Request) -> tuple[Call, Mapping[str, str]]:
        path = self._path(request)
        methods = []
        for call in self._vendor.calls:
            parameters = call.parameters_of(path)
            if parameters is not None:
                if call.method == request.method:
                    return call, parameters
                methods.append(call.method)
        if methods:
            allowed = {"Allow": ", ".join(sorted(set(methods)))}
            raise Refusal(Reason.WRONG_METHOD, headers=allowed)
        raise Refusal(Reason.NO_SUCH_CALL)

    def _path(self, request: Request) -> str:
        path: str = request.scope["path"]
        return "/" + path.removeprefix(f"{PREFIX}/{self._vendor.name}").strip("/")

    async def _let_in(
        self, request: Request, call: Call, parameters: Mapping[str, str]
    ) -> Response:
        visit = Visit(request, self._vendor, services_of(request), parameters)
        visit.key = await self._vendor.admit(visit, authenticator_of(request), call.needs)
        if call.answer is None:
            raise Refusal(Reason.UNSUPPORTED, call.does.removeprefix("Refused: "))
        strange = set(request.query_params) - set(call.asks)
        if strange:
            faults = [Fault(f"/{name}", "this gateway cannot ask for that") for name in strange]
            raise Refusal(Reason.UNSUPPORTED, faults=faults)
        return await call.answer(visit)
