"""Which gateway and which key a client command uses, and which configuration one of this machine.

Neighbours: `flags` says what was given; the environment and the working directory are read here
and nowhere else among the commands.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .client import Client
from .failure import WRONG_USAGE, CommandFailed
from .flags import Ask

DEFAULT_URL = "http://127.0.0.1:8025"
DEFAULT_SANDBOX = "http://127.0.0.1:8026"
LOCAL_FILE = Path("var/local.json")  #: `app.LOCAL_FILE`; a test compares, since app is slow to load


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """What a demo that runs in this directory left for its commands."""

    url: str | None = None
    key: str | None = None
    sandbox: str | None = None


def gateway(ask: Ask) -> Client:
    """Return a client of the gateway that is meant.

    A key goes only where it belongs: the demo's key is used for the demo's address alone.

    Raises:
        CommandFailed: There is no key.
    """
    local = local_file(Path.cwd())
    url = ask.url or os.environ.get("MAIL_SENDER_URL") or local.url or DEFAULT_URL
    key = ask.key or os.environ.get("MAIL_SENDER_KEY")
    if not key and local.url is not None and url.rstrip("/") == local.url.rstrip("/"):
        key = local.key
    if not key:
        raise CommandFailed(
            f"no API key for {url}",
            advice="Give one with MAIL_SENDER_KEY or --key. To make one, on the gateway's machine: "
            "mail-sender keys create --name me --scopes send,read",
            status=WRONG_USAGE,
            code="no_key",
        )
    return Client(url, key.strip(), deadline=ask.deadline)


def sandbox(url: str | None) -> Client:
    """Return a client of the sandbox's control API, which has no keys: it is on loopback."""
    return Client(url or local_file(Path.cwd()).sandbox or DEFAULT_SANDBOX)


def is_asked_for(ask: Ask, config: Path | None, environ: Mapping[str, str]) -> bool:
    """Return whether a command that works here and over HTTP should go over HTTP.

    It does when a flag says so, or when both variables are set and no configuration is named:
    with a URL but no key, the first key must be made on the machine itself.

    Raises:
        CommandFailed: Both were asked for.
    """
    if ask.url or ask.key:
        if config is not None:
            raise CommandFailed(
                "--config means the store on this machine, --url and --key mean a gateway",
                advice="Give one or the other.",
                status=WRONG_USAGE,
                code="usage",
            )
        return True
    if config is not None or environ.get("MAIL_SENDER_CONFIG"):
        return False
    return bool(environ.get("MAIL_SENDER_URL") and environ.get("MAIL_SENDER_KEY"))


def local_file(directory: Path) -> Local:
    """Return what stands in `var/local.json`; nothing when it is absent or not ours."""
    try:
        found = json.loads((directory / LOCAL_FILE).read_bytes())
    except (OSError, ValueError):
        return Local()
    if not isinstance(found, dict):
        return Local()
    values = {name: found.get(name) for name in ("url", "key", "sandbox")}
    return Local(**{name: v for name, v in values.items() if isinstance(v, str)})
