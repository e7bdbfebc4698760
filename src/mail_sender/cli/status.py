"""`status`: what became of a message."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from cyclopts import Parameter

from . import target, terminal
from .attempts import show_attempts, show_recipients
from .flags import ANY_GATEWAY, TABLES, Ask, Format

_MEANING = {
    "scheduled": "It is sent when its time comes.",
    "held": "A person has to release it.",
    "queued": "It waits for its first or next attempt.",
    "sending": "A provider is being asked.",
    "unknown": "A provider may have it and nobody knows yet; the gateway goes on finding out. "
    "To send it again and risk a duplicate: mail-sender queue retry {id} --risk-duplicate",
    "sent": "A provider took responsibility for it.",
    "failed": "It was refused. Once the cause is gone: mail-sender queue retry {id}",
    "expired": "Nobody took it in time. To try again: mail-sender queue retry {id}",
    "cancelled": "It was withdrawn before it was handed over.",
    "suppressed": "Every recipient is on the suppression list: mail-sender suppressions list.",
}


def status(
    id_: Annotated[str, Parameter(name="id", help="The message id, msg_ and 26 characters.")],
    /,
    *,
    ask: Ask = ANY_GATEWAY,
    shown: Format = TABLES,
) -> int:
    """Show what became of a message: recipients and attempts."""
    message = target.gateway(ask).ask("GET", f"/v1/messages/{quote(id_, safe='')}").document
    if shown.json:
        terminal.show_document(message)
    else:
        _show(message)
    return 0


def _show(message: dict[str, Any]) -> None:
    via = f" through {message['provider']}" if message.get("provider") else ""
    terminal.show(f"{message['status']}{via}  {message['id']}")
    terminal.show(_MEANING.get(message["status"], "").format(id=message["id"]))
    for name, value in (
        ("from", message.get("from")),
        ("subject", message.get("subject")),
        ("route", message.get("route")),
        ("accepted", terminal.moment(message.get("created_at"))),
        ("next attempt", terminal.moment(message.get("next_attempt_at"))),
        ("gives up", terminal.moment(message.get("give_up_at"))),
        ("provider's id", message.get("provider_message_id")),
        ("tags", ", ".join(message.get("tags") or ())),
    ):
        if value:
            terminal.show(f"  {name + ':':<15}{value}")
    show_recipients(message.get("recipients") or ())
    if message.get("attempts"):
        show_attempts(message["attempts"])
