"""`/unsubscribe/{token}`: where the links in mails lead, for mail programs and for people.

Neighbours: `domain.unsubscribe` made the link, `feedback` learns from it. A mail program posts
(RFC 8058 section 3.2). A GET changes nothing, since scanners follow every link in a mail: it shows
a page with a button, which posts. Nothing here needs a key, sets a cookie or redirects.
"""

from __future__ import annotations

import html
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import HTMLResponse, Response

from ..domain.errors import NotFound, StoreUnavailable
from ..domain.unsubscribe import PATH, Unsubscription
from ..feedback.unsubscribe import BY_LINK
from ..providers.webhook import WebhookCall
from .auth import Behind
from .bodies import any_bytes
from .documented import refusals
from .errors import BodyTooLarge, WrongMediaType
from .services import Services

router = APIRouter(tags=["Suppressions"])

_MAX_BODY_BYTES = 64 * 1024  #: `List-Unsubscribe=One-Click`; nobody reads it
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
}
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 1.1rem/1.5 system-ui, sans-serif }}
body {{ max-width: 32rem; margin: 15vh auto; padding: 0 1.5rem }}
button {{ font: inherit; padding: .5rem 1.2rem }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""

Token = Annotated[str, Path(description="From the link in the mail.")]


@router.get(
    PATH + "{token}",
    response_class=HTMLResponse,
    summary="Show what a link in a mail would do",
    responses=refusals(NotFound),
)
async def ask_unsubscription(token: Token, services: Behind) -> Response:
    """A page with a button. Looking at it changes nothing."""
    who = html.escape(_who(services, token).address)
    return _page(
        "No more mail?",
        f"<p>No more mail will be sent to <strong>{who}</strong> from here.</p>\n"
        '<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">'
        '<button type="submit">Unsubscribe</button></form>',
    )


@router.post(
    PATH + "{token}",
    response_class=HTMLResponse,
    summary="Unsubscribe with one click",
    responses=refusals(NotFound, BodyTooLarge, WrongMediaType, StoreUnavailable),
    openapi_extra={
        "requestBody": {
            "required": False,
            "description": "`List-Unsubscribe=One-Click` (RFC 8058 section 3.2); it is not read.",
            "content": {
                "application/x-www-form-urlencoded": {"schema": {}},
                "multipart/form-data": {"schema": {}},
            },
        }
    },
)
async def take_unsubscription(request: Request, token: Token, services: Behind) -> Response:
    """Suppress the address that the link was made for, as `unsubscribe`; again changes nothing.

    Answered once it is durable.
    """
    who = _who(services, token)
    await any_bytes(request, _MAX_BODY_BYTES)
    await services.hooks.take(BY_LINK, WebhookCall(headers={}, body=token.encode()))
    said = f"<p>No more mail will be sent to <strong>{html.escape(who.address)}</strong>.</p>"
    return _page("Unsubscribed", said)


def _who(services: Services, token: str) -> Unsubscription:
    links = services.unsubscribe_links
    who = links.read(token) if links is not None else None
    if who is None:
        raise NotFound("unsubscribe link")
    return who


def _page(title: str, body: str) -> Response:
    return HTMLResponse(_PAGE.format(title=title, body=body), headers=_HEADERS)
