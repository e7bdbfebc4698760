"""Every resource of the API, and which of its routes are hot."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from . import (
    events,
    health,
    hooks,
    keys,
    messages,
    providers,
    sandbox,
    sending,
    stats,
    suppressions,
    system,
    unsubscribe,
    webhooks,
)

ROUTERS = tuple(
    module.router
    for module in (
        sending, messages, events, hooks, webhooks, suppressions, providers, stats, keys, sandbox,
        system, unsubscribe,
        health,
    )
)  # fmt: skip

_HOT = (sending.send_message, sending.send_batch)

Endpoint = Callable[[Request], Awaitable[Response]]


def hot_functions() -> Iterator[tuple[str, str, Endpoint]]:
    """Yield method, path and function of what must be cheap to call.

    They take a plain request and give a plain response; FastAPI's routes to them document them.
    """
    for route in api_routes():
        if route.endpoint in _HOT:
            for method in route.methods or ():
                yield method, route.path, route.endpoint


def api_routes() -> list[APIRoute]:
    """Return every documented route."""
    return [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
