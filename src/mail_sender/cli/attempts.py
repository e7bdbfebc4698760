"""How messages, recipients and attempts look as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from . import terminal


def show_attempts(attempts: Iterable[Mapping[str, Any]]) -> None:
    """Show who was asked, and what each answered."""
    terminal.show_table(
        ("#", "provider", "outcome", "blame", "code", "took", "answer"),
        [
            (
                attempt.get("number"),
                attempt.get("provider"),
                attempt.get("outcome"),
                attempt.get("blame"),
                _code(attempt),
                f"{attempt.get('duration_ms', 0)} ms",
                attempt.get("detail"),
            )
            for attempt in attempts
        ],
    )


def show_recipients(recipients: Iterable[Mapping[str, Any]]) -> None:
    """Show what is known of each recipient."""
    terminal.show_table(
        ("recipient", "", "status", "provider", "since", "why"),
        [
            (
                recipient.get("address"),
                recipient.get("kind"),
                recipient.get("status"),
                recipient.get("provider"),
                terminal.moment(recipient.get("updated_at")),
                _why(recipient),
            )
            for recipient in recipients
        ],
    )


def show_messages(messages: Iterable[Mapping[str, Any]]) -> None:
    """Show a list of messages, one line each."""
    terminal.show_table(
        ("id", "status", "to", "subject", "provider", "created", "next attempt"),
        [
            (
                message.get("id"),
                message.get("status"),
                _addresses(message),
                message.get("subject"),
                message.get("provider"),
                terminal.moment(message.get("created_at")),
                terminal.moment(message.get("next_attempt_at")),
            )
            for message in messages
        ],
    )


def _addresses(message: Mapping[str, Any]) -> str:
    everybody = [*message.get("to", ()), *message.get("cc", ()), *message.get("bcc", ())]
    if len(everybody) <= 2:
        return ", ".join(everybody)
    return f"{everybody[0]} and {len(everybody) - 1} more"


def _code(attempt: Mapping[str, Any]) -> str:
    return " ".join(str(attempt[n]) for n in ("code", "enhanced_code") if attempt.get(n))


def _why(recipient: Mapping[str, Any]) -> str:
    bounce = recipient.get("bounce")
    if isinstance(bounce, Mapping):
        said = (bounce.get(name) for name in ("code", "enhanced_code", "detail"))
        return " ".join(str(word) for word in said if word)
    return str(recipient.get("detail") or "")
