"""`config check` and `config show`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec

from .. import app
from ..config import Source, shown
from ..store.postgres import shown_url
from . import terminal
from .flags import ANY_CONFIG, TABLES, Configured, Format


def check(*, configured: Configured = ANY_CONFIG, format_: Format = TABLES) -> int:
    """Say whether the configuration can be used; status 2 when it cannot.

    It reads the file, the variables and every secret file, and calls nobody: whether a key is
    good is what `mail-sender doctor` asks the providers.
    """
    source, settings = _loaded(configured)
    if format_.json:
        terminal.show_document({"valid": True, "file": _file(source), "demo": settings.is_demo})
        return 0
    terminal.show(f"The configuration can be used: {_file(source) or 'no file, the defaults'}.")
    if settings.is_demo:
        terminal.say(
            "No provider is configured, so mail ends in the sandbox. To send for real, add "
            "[providers.<name>] and [routes.default]: docs/configuration.md."
        )
    return 0


def show(*, configured: Configured = ANY_CONFIG, format_: Format = TABLES) -> int:
    """Show every setting in force, from file, variables and defaults; secrets as dots."""
    source, settings = _loaded(configured)
    document = document_of(settings)
    if format_.json:
        terminal.show_document(document)
        return 0
    terminal.say(f"# From {_file(source) or 'no file'}, MAIL_SENDER_ variables and the defaults.")
    for line in _toml(document):
        terminal.show(line)
    return 0


def document_of(settings: app.Settings) -> dict[str, Any]:
    """Return every setting as JSON values, secrets as dots.

    The raw tables of providers may hold secrets as text, so they give way to the typed ones.
    """
    document = {
        name: shown(getattr(settings.config, name))
        for name in settings.config.__struct_fields__
        if name != "providers"
    }
    document["store"] = shown(
        msgspec.structs.replace(settings.config.store, url=shown_url(settings.config.store.url))
    )
    document["providers"] = {name: shown(provider) for name, provider in settings.providers.items()}
    return document


def _loaded(configured: Configured) -> tuple[Source, app.Settings]:
    source = app.find_config(configured.config, os.environ, Path.cwd())
    return source, app.load_settings(source)


def _file(source: Source) -> str | None:
    return str(source.file) if source.file else None


def _toml(document: dict[str, Any]) -> list[str]:
    """Return the document as lines of TOML; what is not set stands in a comment."""
    lines: list[str] = []
    for section, table in document.items():
        if section in {"providers", "routes"}:
            for name, inner in table.items():
                lines += ["", f"[{section}.{name}]", *_keys(inner)]
        else:
            lines += ["", f"[{section}]", *_keys(table)]
    return lines[1:]


def _keys(table: dict[str, Any]) -> list[str]:
    return [
        f"# {key} is not set"
        if value is None
        else f"{key} = {json.dumps(value, ensure_ascii=False)}"
        for key, value in table.items()
    ]
