"""`verify`: have an address verified at the providers that ask for it (the SES sandbox)."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from cyclopts import Parameter

from . import target, terminal
from .flags import ANY_GATEWAY, TABLES, Ask, Format

PATIENCE = 60.0  #: seconds; the gateway asks every provider


def verify(
    address: Annotated[str, Parameter(help="Such as ann@example.net.")],
    /,
    *,
    check: Annotated[
        bool, Parameter(help="Only ask how it stands; status 1 unless verified everywhere.")
    ] = False,
    ask: Ask = ANY_GATEWAY,
    shown: Format = TABLES,
) -> int:
    """Ask each provider that has the concept to send its verification mail to an address.

    Asking twice does no harm.
    """
    path = f"/v1/verifications/{quote(address, safe='')}"
    method = "GET" if check else "POST"
    document = target.gateway(ask).ask(method, path, takes=PATIENCE).document
    found = document["data"]
    if shown.json:
        terminal.show_document(document)
    elif not found:
        terminal.show("No provider of this gateway asks for verified addresses.")
    else:
        terminal.show_table(
            ("provider", "status", "what it says"),
            [(each["provider"], each["status"], each["detail"]) for each in found],
        )
        if any(each["status"] == "pending" for each in found):
            terminal.say(
                f"Whoever reads {address} has to follow the link in the provider's mail. "
                f"Then: mail-sender verify {address} --check"
            )
    if check:
        return int(any(each["status"] != "verified" for each in found))
    return int(any(each["status"] in {"failed", "unavailable", "not_asked"} for each in found))
