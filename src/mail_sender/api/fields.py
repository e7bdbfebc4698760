"""Header fields of a request, by name: read once, then looked up.

Neighbours: what every mail comes by asks here; Starlette's `Headers` walk over the whole list for
each name, which is fine everywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import Scope

_READ = "mail_sender.fields"  #: in the ASGI scope


def fields_of(scope: Scope) -> Mapping[bytes, bytes]:
    """Return the fields; names are in lower case, and of repeated fields the first counts."""
    fields: dict[bytes, bytes] | None = scope.get(_READ)
    if fields is None:
        fields = scope[_READ] = dict(reversed(scope["headers"]))
    return fields


def field(scope: Scope, name: bytes) -> str | None:
    """Return the value of a field, None when it is not there."""
    value = fields_of(scope).get(name)
    return None if value is None else value.decode("latin-1")
