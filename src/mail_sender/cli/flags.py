"""The flags that many commands share."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

_SHARED = Group("Where and how", sort_key=100)


@Parameter(name="*", group=_SHARED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How the answer is shown.

    Attributes:
        json: One JSON document on standard output, nothing else there.
    """

    json: Annotated[bool, Parameter(help="One JSON document on standard output.")] = False


@Parameter(name="*", group=_SHARED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Which gateway a client command asks.

    Attributes:
        url: Base address; None: see `target`.
        key: API key; None: see `target`.
        deadline: Seconds for which a call goes on trying; None: see `client`.
    """

    url: Annotated[
        str | None,
        Parameter(help="Address of the gateway; else MAIL_SENDER_URL, else that of `make run`."),
    ] = None
    key: Annotated[
        str | None,
        Parameter(help="API key; better in MAIL_SENDER_KEY, which other users cannot see."),
    ] = None
    deadline: Annotated[
        float | None,
        Parameter(help="Seconds to go on trying while the gateway is away or busy; default 30."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the filters of every list have; each is named as in the API, but for a last `_`."""

    def query(self) -> dict[str, str]:
        """Return the filters that were given, by their names in the API."""
        values = {field.name.rstrip("_"): getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


@Parameter(name="*", group=_SHARED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """Which configuration a command of this machine reads.

    Attributes:
        config: The TOML file; None: MAIL_SENDER_CONFIG, else ./mail-sender.toml if it is there.
    """

    config: Annotated[
        Path | None,
        Parameter(help="TOML file; else MAIL_SENDER_CONFIG, else ./mail-sender.toml."),
    ] = None


TABLES = Format()
ANY_GATEWAY = Ask()
ANY_CONFIG = Configured()
