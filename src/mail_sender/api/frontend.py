"""The built frontend at `/`: its files, and its page for every address that it routes itself.

Neighbours: it is built elsewhere and talks only to `/v1`. Files below `assets/` have a hash of
their content in their name, so they may be kept for ever. The build leaves a packed copy beside
each larger file; nothing is packed while mail waits for its turn on the event loop.
"""

from __future__ import annotations

from mimetypes import guess_type
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    # A mail's pictures are loaded from elsewhere when the reader asks for them, into a frame
    # whose own policy forbids everything else.
    "img-src 'self' data: https: http:; "
    "font-src 'self' data:; connect-src 'self'; frame-src 'self' blob:; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_OURS = ("v1/", "health/", "docs/")  #: an unknown address here is a 404, never the page


class Frontend(StaticFiles):
    """Serves a directory with an `index.html`."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory, html=True)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file, or the page for an address that only the page knows."""
        try:
            response = await self._file(path, scope)
        except HTTPException as error:
            is_page = error.status_code == 404 and "." not in Path(path).name
            if not is_page or path.startswith(_OURS):
                raise
            response = await self._file("index.html", scope)
        is_kept = path.startswith("assets/") and response.status_code == 200
        kept = "public, max-age=31536000, immutable" if is_kept else "no-cache"
        response.headers["Cache-Control"] = kept
        response.headers["Content-Security-Policy"] = _CSP
        return response

    async def _file(self, path: str, scope: Scope) -> Response:
        """Return a file, as its packed copy where there is one and the client takes it."""
        if "gzip" not in Headers(scope=scope).get("accept-encoding", ""):
            return await super().get_response(path, scope)
        name = "index.html" if path in {"", "."} else path
        try:
            response = await super().get_response(f"{name}.gz", scope)
        except HTTPException:
            return await super().get_response(path, scope)
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Content-Type"] = guess_type(name)[0] or "application/octet-stream"
        response.headers["Vary"] = "Accept-Encoding"
        return response
