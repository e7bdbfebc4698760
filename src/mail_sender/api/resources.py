"""Every resource of the API, and which of its routes are hot."""

from __future__ import annotations

from fastapi.routing import APIRoute
from starlette.routing import Route

from . import events, health, keys, messages, providers, sandbox, sending, stats

ROUTERS = tuple(
    module.router for module in (sending, messages, events, providers, stats, keys, sandbox, health)
)

_HOT = (sending.send_message, sending.send_batch)


def hot_routes() -> list[Route]:
    """Return plain Starlette routes to the functions that must be cheap to call.

    FastAPI's way to a function costs more than all that `send_message` does. These come first
    among the routes of the application, and FastAPI's own only document them.
    """
    return [
        Route(route.path, route.endpoint, methods=route.methods)
        for route in api_routes()
        if route.endpoint in _HOT
    ]


def api_routes() -> list[APIRoute]:
    """Return every documented route."""
    return [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
