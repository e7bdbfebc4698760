"""A request as the bytes of RFC 9112, and the place where they go.

Neighbours: `client` calls `wire_form` before it looks for a connection. Everything that
could smuggle a second request or a second header onto the wire ends here, in a `ValueError`,
before anything is sent. No error names a value: a header or a query may hold a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from .call import Request

_PORTS = {"http": 80, "https": 443}
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 section 5.6.2
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110 section 5.5
_URL = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(r"[0-9a-z._-]+|[0-9a-f:.]+")
_OURS = frozenset(
    {
        *("host", "content-length", "transfer-encoding", "connection"),
        *("keep-alive", "upgrade", "te", "trailer", "expect", "proxy-connection"),
    }
)
#: RFC 9110 section 8.6: these say that they have no body; others say nothing then.
_MEANT_FOR_BODIES = frozenset({"POST", "PUT", "PATCH"})
#: Their answers are framed in another way than all others (RFC 9112 section 6.3).
_NOT_OFFERED = frozenset({"HEAD", "CONNECT"})


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a connection leads, and so what it may be reused for."""

    tls: bool
    host: str  #: name or address; no brackets around IPv6
    port: int


def wire_form(request: Request) -> tuple[Origin, bytes]:
    """Return where a request goes, and its head with the empty line; its body follows.

    Without the caller's own Accept-Encoding the answer is asked for as it is: answers of
    providers are small, and unpacking costs more than it saves.

    Raises:
        ValueError: The URL is not absolute http(s), names a user, or has a character that
            should be percent-encoded; a method, header name or value cannot be sent as such;
            a header is one that the client writes itself.
    """
    origin, start = _start(request.method, request.url)
    fields = _fields(request.headers)
    length = ""
    if request.body or request.method in _MEANT_FOR_BODIES:
        length = f"Content-Length: {len(request.body)}\r\n"
    return origin, f"{start}{fields}{length}\r\n".encode("latin-1")


def _fields(headers: Mapping[str, str]) -> str:
    names = set()
    text = ""
    for name, value in headers.items():
        names.add(_lower_case(name))
        text += f"{name}: {value}\r\n"
    if not _FIELD_VALUE.fullmatch("".join(headers.values())):
        bad = [name for name, value in headers.items() if not _FIELD_VALUE.fullmatch(value)]
        raise ValueError(f"header {bad[0]} has a character that cannot be sent")
    if "accept-encoding" not in names:
        text += "Accept-Encoding: identity\r\n"
    if "user-agent" not in names:
        text += "User-Agent: mail-sender\r\n"
    return text


@lru_cache(maxsize=1024)
def _lower_case(name: str) -> str:
    """Return a header name that may be sent, in lower case; there are few, so each once."""
    if not _TOKEN.fullmatch(name):
        raise ValueError("a header name has a character that cannot be sent")
    lower = name.lower()
    if lower in _OURS:
        raise ValueError(f"header {lower} is one that only the client may write")
    return lower


@lru_cache(maxsize=1024)
def _start(method: str, url: str) -> tuple[Origin, str]:
    """Return the origin, the request line and the Host field; the same ones come often."""
    if not _TOKEN.fullmatch(method) or method in _NOT_OFFERED:
        raise ValueError("no such method is offered")
    if not _URL.fullmatch(url):
        raise ValueError("the URL has a character that must be percent-encoded")
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in _PORTS or not _HOST.fullmatch(host):
        raise ValueError("the URL must be absolute, http or https, with a host name in ASCII")
    if "@" in parts.netloc:
        raise ValueError("the URL names a user: credentials belong into a header")
    default = _PORTS[parts.scheme]
    port = default if parts.port is None else parts.port
    authority = f"[{host}]" if ":" in host else host
    if port != default:
        authority = f"{authority}:{port}"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    origin = Origin(parts.scheme == "https", host, port)
    return origin, f"{method} {target} HTTP/1.1\r\nHost: {authority}\r\n"
