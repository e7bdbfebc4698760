"""`/docs` and `/openapi.json`: Swagger UI from files that we ship, nothing from elsewhere.

The files in `swagger/` are those of the npm package swagger-ui-dist 5.35.0 (Apache-2.0), besides
our own `index.html`, `initializer.js` and `page.css`.
"""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from ..domain.errors import NotFound
from .openapi import openapi_json

_FILES = Path(__file__).parent / "swagger"
_TYPES = {
    "favicon-32x32.png": "image/png",
    "initializer.js": "text/javascript",
    "page.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "LICENSE": "text/plain",
    "NOTICE": "text/plain",
}
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def docs_routes() -> list[Route]:
    """Return the routes of the documentation."""
    return [
        Route("/docs", _page, include_in_schema=False),
        Route("/docs/", _to_page, include_in_schema=False),
        Route("/docs/{name}", _file, include_in_schema=False),
        Route("/openapi.json", _document, include_in_schema=False),
    ]


async def to_docs(request: Request) -> Response:
    """Lead from `/` to the documentation, where there is no frontend."""
    return RedirectResponse(f"{request.scope.get('root_path', '')}/docs")


async def _page(_request: Request) -> Response:
    headers = {"Content-Security-Policy": _CSP, "Cache-Control": "no-cache"}
    return FileResponse(_FILES / "index.html", headers=headers, media_type="text/html")


async def _to_page(_request: Request) -> Response:
    return RedirectResponse("../docs")


async def _file(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _TYPES:
        raise NotFound(name)
    headers = {"Cache-Control": "public, max-age=86400"}
    return FileResponse(_FILES / name, headers=headers, media_type=_TYPES[name])


async def _document(_request: Request) -> Response:
    headers = {"Cache-Control": "no-cache"}
    return Response(openapi_json(), headers=headers, media_type="application/json")
