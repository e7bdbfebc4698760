"""The command: ask everybody, show what was found, say how bad it is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path

from rich.text import Text

from ... import app
from ...domain.errors import ConfigError
from .. import terminal
from ..failure import FAILED, WRONG_USAGE
from ..flags import ANY_CONFIG, TABLES, Configured, Format
from .accounts import default_sender, findings_of_accounts
from .dns import findings_of_domain, resolver
from .finding import Finding, Level
from .machine import findings_of_machine


def doctor(*, configured: Configured = ANY_CONFIG, shown: Format = TABLES) -> int:
    """Find out what would keep mail from being sent; sends nothing.

    Looks at the configuration, the store and its disk, the port, every provider's account, the
    sender's verification, the DNS of the sender domains and the clock. Status 1 when there is a
    problem, 2 when the configuration cannot be used.
    """
    source = app.find_config(configured.config, os.environ, Path.cwd())
    try:
        settings = app.load_settings(source)
    except ConfigError as error:
        broken = Finding("configuration", Level.PROBLEM, str(error), "Correct it, and ask again.")
        _show([broken], as_json=shown.json)
        return WRONG_USAGE
    where = str(source.file) if source.file else "no file: variables and defaults"
    found = [Finding("configuration", Level.OK, where), *_findings(settings)]
    _show(found, as_json=shown.json)
    return FAILED if any(finding.level is Level.PROBLEM for finding in found) else 0


def _findings(settings: app.Settings) -> list[Finding]:
    found = findings_of_machine(settings)
    found += asyncio.run(findings_of_accounts(settings))
    lookup = resolver()
    for domain in sender_domains(settings):
        found += findings_of_domain(domain, lookup)
    return found


def sender_domains(settings: app.Settings) -> list[str]:
    """Return the domains that mail is sent as, as far as the configuration tells."""
    senders = [
        default_sender(settings),
        *(provider.sender_address() for provider in settings.providers.values()),
    ]
    return sorted({sender.rpartition("@")[2] for sender in senders if sender})


def _show(found: Iterable[Finding], *, as_json: bool) -> None:
    findings = list(found)
    worst = Level.PROBLEM if any(f.level is Level.PROBLEM for f in findings) else Level.OK
    if as_json:
        terminal.show_document(
            {
                "healthy": worst is Level.OK,
                "findings": [
                    {
                        "about": finding.about,
                        "level": finding.level.replace(" ", "_"),
                        "text": finding.text,
                        "advice": finding.advice,
                    }
                    for finding in findings
                ],
            }
        )
        return
    console = terminal.out()
    for finding in findings:
        style = terminal.STYLES.get(finding.level, "")
        line = Text(f"{finding.level:<12}", style=style)
        line.append(f"{terminal.plain(finding.about)}: {terminal.plain(finding.text)}", style="")
        console.print(line, soft_wrap=True)
        if finding.advice:
            console.print(Text(" " * 12 + terminal.plain(finding.advice), style="dim"))
