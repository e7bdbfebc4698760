"""The request of `POST /v1/messages` from the flags of `send`.

Neighbours: `send` has the flags. Whether an address or a tag is good is for the gateway to say;
here only what cannot be written as a request at all is refused.
"""

from __future__ import annotations

import base64
import mimetypes
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .failure import wrong_usage

STDIN = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The flags of `send` that describe the mail."""

    sender: str | None = None
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    reply_to: tuple[str, ...] = ()
    subject: str = ""
    text: str | None = None
    html: str | None = None
    attach: tuple[Path, ...] = ()
    header: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()
    mode: str | None = None
    timeout: int | None = None
    send_at: str | None = None
    give_up_after: int | None = None
    priority: str | None = None
    route: str | None = None
    on_unknown: str | None = None
    unsubscribe: bool = False


def body_of(parts: Parts) -> dict[str, Any]:
    """Return the JSON body, without the fields that nobody set.

    Raises:
        CommandFailed: A flag cannot be read, or a file.
    """
    if not (parts.to or parts.cc or parts.bcc):
        raise wrong_usage("no recipient", "Name at least one with --to, --cc or --bcc.")
    text, html = _bodies(parts)
    body = {
        "from": parts.sender,
        "to": list(parts.to),
        "cc": list(parts.cc),
        "bcc": list(parts.bcc),
        "reply_to": list(parts.reply_to),
        "subject": parts.subject,
        "text": text,
        "html": html,
        "attachments": [_attachment(path) for path in parts.attach],
        "headers": dict(_split(h, ":", "--header", "Name: value") for h in parts.header),
        "tags": list(parts.tag),
        "metadata": dict(_split(m, "=", "--metadata", "key=value") for m in parts.metadata),
        "mode": parts.mode,
        "timeout": parts.timeout,
        "send_at": parts.send_at,
        "give_up_after": parts.give_up_after,
        "priority": parts.priority,
        "route": parts.route,
        "on_unknown": parts.on_unknown,
        "unsubscribe": parts.unsubscribe or None,
    }
    return {name: value for name, value in body.items() if value not in (None, [], {})}


def _bodies(parts: Parts) -> tuple[str | None, str | None]:
    if parts.text is None and parts.html is None:
        raise wrong_usage("the mail has no text", "Give --text or --html; --text - reads it.")
    if parts.text == parts.html == STDIN:
        raise wrong_usage("only one of --text and --html can be read from standard input")
    return tuple(  # type: ignore[return-value]  # two go in, two come out
        _stdin() if value == STDIN else value for value in (parts.text, parts.html)
    )


def _stdin() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        raise wrong_usage("standard input is not UTF-8", "Convert it first (iconv).") from None


def _attachment(path: Path) -> dict[str, str]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise wrong_usage(f"cannot read {path}: {error.strerror}") from None
    kind, encoding = mimetypes.guess_type(path.name)
    return {
        "filename": path.name,
        # A guess such as ("application/x-tar", "gzip") is about what is inside.
        "content_type": kind if kind and not encoding else "application/octet-stream",
        "content": base64.b64encode(content).decode(),
    }


def _split(text: str, mark: str, flag: str, form: str) -> tuple[str, str]:
    name, found, value = text.partition(mark)
    if not found or not name.strip():
        raise wrong_usage(f"{flag}: expected {form}, got {text!r}")
    return name.strip(), value.strip() if mark == ":" else value
