"""The REST door put together: routes, layers, and what becomes of errors.

Neighbours: `app` calls `make_app` with everything that stands behind the door; starting and
stopping that is not done here. Rules of mail are not here either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ..domain.errors import MailSenderError
from .auth import Authenticator, services_of
from .compat.door import Doors
from .docs import docs_routes, to_docs
from .door import Door, Fields, LastResort, add_all, last_answer, opened
from .errors import InvalidRequest
from .faults import faults_of_parameters
from .frontend import Frontend
from .problems import METHOD_NOT_ALLOWED, NOT_FOUND, answer_of, answer_to, kind_of
from .resources import Endpoint, api_routes, hot_functions
from .services import ApiPolicy, Services

_SENDS = {"/v1/messages", "/v1/messages/batch"}
_NOT_TRACED: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
}  # measures FastAPI, not mail


def make_app(services: Services) -> Application:
    """Return the ASGI application.

    Raises:
        ConfigError: A trusted proxy is not an address or network.
    """
    app = Application(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=_layers(services.policy),
        telemetry=_NOT_TRACED,
        exception_handlers={
            MailSenderError: _known,
            RequestValidationError: _bad_parameters,
            HTTPException: _no_route,
        },
    )
    app.services = services
    app.authenticator = Authenticator(services.store, services.clock, services.policy)
    # Not `include_router`: that makes every route anew, on the first request of each application.
    app.router.routes[:] = [*api_routes(), *docs_routes(), _root(services.policy)]
    app.shortcuts = {
        (method, path): _layered(_Function(app, function), services.policy)
        for method, path, function in hot_functions()
    }
    app.doors = Doors(app, lambda door: _layered(door, services.policy))
    app.hot = {path.encode(): Hot(app, function) for _, path, function in hot_functions()}
    return app


class Application(FastAPI):
    """FastAPI, with a short way past its layers to the functions that must be cheap to call.

    Those layers and FastAPI's way to a function cost more than all that taking a mail does.
    """

    services: Services
    authenticator: Authenticator
    shortcuts: Mapping[tuple[str, str], ASGIApp] = {}
    doors: Doors
    hot: Mapping[bytes, Hot] = {}  #: by path; all are for POST

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            shortcut = self.shortcuts.get((scope["method"], scope["path"]))
            if shortcut is None:
                shortcut = self.doors.at(scope["path"])
            if shortcut is not None:
                await shortcut(scope, receive, send)
                return
        await super().__call__(scope, receive, send)


class _Function:
    """One function as an ASGI application of its own; known errors become their answers."""

    def __init__(self, app: FastAPI, function: Endpoint) -> None:
        self._app = app
        self._function = function

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self._app
        request = Request(scope, receive, send)
        try:
            response = await self._function(request)
        except MailSenderError as error:
            response = await _known(request, error)
        await response(scope, receive, send)


class Hot:
    """A hot function without any layer: for a server that can do without ASGI.

    What it answers is the same as by the other way, but that it knows nothing of CORS.
    """

    def __init__(self, app: FastAPI, function: Endpoint) -> None:
        self._app = app
        self._function = function

    async def answer(self, scope: Scope, receive: Receive) -> tuple[int, Fields, bytes]:
        """Return status, header fields and body. Raises nothing but cancellation.

        Args:
            scope: Of ASGI's type `http`.
            receive: Of ASGI; the whole body is there.
        """
        extra = opened(scope)
        scope["app"] = self._app
        request = Request(scope, receive)
        try:
            response = await self._function(request)
        except MailSenderError as error:
            response = await _known(request, error)
        except Exception as error:  # noqa: BLE001 - what `LastResort` does
            response = last_answer(scope, error)
        add_all(response.raw_headers, extra)
        return response.status_code, response.raw_headers, bytes(response.body)


def _layered(app: ASGIApp, policy: ApiPolicy) -> ASGIApp:
    """Put the door's own layers around an application."""
    for layer in reversed(_layers(policy)):
        app = layer.cls(app, *layer.args, **layer.kwargs)
    return app


def _layers(policy: ApiPolicy) -> list[Middleware]:
    """Outermost first. CORS stands around the last resort, so that pages can read a 500 too."""
    cors = Middleware(
        CORSMiddleware,
        allow_origins=list(policy.cors_origins),
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=[
            "Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "Prefer",
            "X-Request-Id",
        ],
        expose_headers=[
            "Idempotency-Replayed", "Location", "Preference-Applied", "RateLimit-Limit",
            "RateLimit-Remaining", "RateLimit-Reset", "Retry-After", "X-Request-Id",
        ],
        max_age=600,
    )  # fmt: skip
    around = [cors] if policy.cors_origins else []
    return [Middleware(Door), *around, Middleware(LastResort)]


def _root(policy: ApiPolicy) -> BaseRoute:
    if policy.frontend is None:
        return Route("/", to_docs, include_in_schema=False)
    return Mount("/", Frontend(policy.frontend))


# ---------------------------------------------------------------- errors


async def _known(request: Request, error: Exception) -> Response:
    if not isinstance(error, MailSenderError):
        raise error
    if request.method == "POST" and request.url.path in _SENDS:
        services_of(request).metrics.refused.labels(kind_of(error).code).inc()
    return answer_of(error)


async def _bad_parameters(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    return answer_of(InvalidRequest(faults_of_parameters(error)))


async def _no_route(request: Request, error: Exception) -> Response:
    """Answer for addresses and methods that do not exist."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code != 405:
        return answer_to(NOT_FOUND, "There is nothing at this address.")
    allowed = ", ".join(sorted({*_methods(request), "OPTIONS"}))
    if request.method == "OPTIONS":
        return Response(status_code=204, headers={"Allow": allowed})
    return answer_to(METHOD_NOT_ALLOWED, f"Allowed here: {allowed}.", {"Allow": allowed})


def _methods(request: Request) -> Iterator[str]:
    """Yield the methods of every route at this address; the router only knows of the first."""
    for route in api_routes():
        if route.matches(request.scope)[0] is not Match.NONE:
            methods = route.methods or set()
            yield from methods
            if "GET" in methods:
                yield "HEAD"
