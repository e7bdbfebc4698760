"""The outermost layers of the door, as plain ASGI: request ids, security headers, last resort.

Neighbours: `asgi` stacks them around the application. Pure ASGI, since Starlette's
BaseHTTPMiddleware costs more than the rest of a request.
"""

from __future__ import annotations

import re

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..domain.chance import chance_bytes
from ..observability import maillog
from .answers import Answer
from .fields import fields_of
from .problems import INTERNAL, answer_to

EXTRA_HEADERS = "mail_sender.headers"  #: in the ASGI scope: header fields for whatever is answered

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_DEFAULTS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
}
_ALL = [*_DEFAULTS.items()]

Fields = list[tuple[bytes, bytes]]


class Door:
    """Gives every answer its X-Request-Id, security headers, and rate limit headers if any.

    The id stands in every log line of the request. A HEAD is answered like a GET, without body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        extra = opened(scope)
        is_head = scope["method"] == "HEAD"
        if is_head:
            scope = {**scope, "method": "GET"}

        async def finish(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_all(message["headers"], extra)
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        await self._app(scope, receive, finish)


class LastResort:
    """Turns what nobody expected into a 500 without any text; the trace goes into the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            return  # nobody is left to answer
        except Exception as error:
            answer = last_answer(scope, error)
            if started or scope["type"] != "http":
                raise
            await answer(scope, receive, send)


def opened(scope: Scope) -> Fields:
    """Give a request its id; return the fields that its answer gets because of the request."""
    request_id = _request_id(scope)
    structlog.contextvars.bind_contextvars(request_id=request_id.decode())
    extra = [(b"x-request-id", request_id)]
    scope[EXTRA_HEADERS] = extra
    return extra


def add_all(fields: Fields, extra: Fields) -> None:
    """Add to an answer's fields those of `opened`, and each default that it does not set."""
    there = [name for name, _ in fields if name in _DEFAULTS]
    fields += extra
    fields += [field for field in _DEFAULTS.items() if field[0] not in there] if there else _ALL


def last_answer(scope: Scope, error: Exception) -> Answer:
    """Return the answer to a request that met a bug; the trace goes into the log."""
    maillog.bug("api", error, method=scope.get("method"), path=scope.get("path"))
    return answer_to(INTERNAL, "Internal error.")


def add_header(scope: Scope, name: str, value: str) -> None:
    """Give the answer to this request one more header field."""
    scope[EXTRA_HEADERS].append((name.lower().encode("latin-1"), value.encode("latin-1")))


def _request_id(scope: Scope) -> bytes:
    given = fields_of(scope).get(b"x-request-id")
    return given if given is not None and _REQUEST_ID.fullmatch(given) else _new_id()


def _new_id() -> bytes:
    return b"req_" + chance_bytes(12).hex().encode()
