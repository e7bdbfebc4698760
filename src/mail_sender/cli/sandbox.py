"""`sandbox`: the imitated providers, alone or beside a gateway, and their fault switches.

Neighbours: `mail_sender.sandbox` is what runs; the subcommands call its control API over HTTP.
The demo of the README: `mail-sender sandbox fail ses down`, and the mail goes through mailgun.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Annotated, Any, get_args
from urllib.parse import quote

from cyclopts import App, Parameter

from .. import app
from ..clock import SystemClock
from ..config import SandboxConfig, load
from ..domain.errors import ConfigError
from ..sandbox.faults import Fault
from ..sandbox.happenings import Happening
from ..sandbox.server import Sandbox
from . import target, terminal
from .client import Client
from .failure import FAILED
from .flags import ANY_CONFIG, TABLES, Configured, Format

sandbox = App(
    name="sandbox",
    help="Run imitated providers, break them, read their inbox.\n\n"
    "Without a further word it runs them alone, until SIGTERM or Ctrl-C; their ports stand in "
    "[sandbox] of the configuration. `mail-sender serve` without any provider starts them too.",
)

Control = Annotated[
    str | None,
    Parameter(help="The sandbox's address; else that of `make run`, else http://127.0.0.1:8026."),
]
Account = Annotated[str, Parameter(name="name", help="Such as ses, mailgun, relay.")]


@sandbox.default
def run(*, configured: Configured = ANY_CONFIG, shown: Format = TABLES) -> int:
    """Run the imitated providers alone."""
    source = app.find_config(configured.config, os.environ, Path.cwd())
    return asyncio.run(_run(load(source).sandbox, as_json=shown.json))


@sandbox.command
def fail(
    name: Account,
    fault: Annotated[
        str, Parameter(help="Such as down, rate_limited, hang: `mail-sender sandbox faults`.")
    ],
    /,
    *,
    seconds: Annotated[float | None, Parameter(help="For slow and events_lag.")] = None,
    retry_after: Annotated[int | None, Parameter(help="For rate_limited: seconds.")] = None,
    times: Annotated[int | None, Parameter(help="Heals itself after so many hits.")] = None,
    probability: Annotated[float | None, Parameter(help="Of a hit, above 0 and up to 1.")] = None,
    seed: Annotated[int | None, Parameter(help="The same seed throws the same dice.")] = None,
    recipient: Annotated[
        str | None,
        Parameter(name=["--recipient", "--address"], help="For refuse_recipient; * and ? work."),
    ] = None,
    reset: Annotated[bool, Parameter(help="For the cuts: a TCP reset instead of a close.")] = False,
    control: Control = None,
    shown: Format = TABLES,
) -> int:
    """Break an imitated provider, until it is healed; what was broken before is healed."""
    body = {
        "fault": fault.replace("-", "_"),
        "seconds": seconds,
        "retry_after": retry_after,
        "times": times,
        "probability": probability,
        "seed": seed,
        "recipient": recipient,
        "reset": reset or None,
    }
    given = {key: value for key, value in body.items() if value is not None}
    client = target.sandbox(control)
    account = client.ask("PUT", f"/faults/{quote(name, safe='')}", body=given).document
    return _account(account, as_json=shown.json)


@sandbox.command
def heal(name: Account, /, *, control: Control = None, shown: Format = TABLES) -> int:
    """Take every fault from an imitated provider."""
    client = target.sandbox(control)
    account = client.ask("DELETE", f"/faults/{quote(name, safe='')}").document
    return _account(account, as_json=shown.json)


@sandbox.command
def faults(*, control: Control = None, shown: Format = TABLES) -> int:
    """Show the imitated providers, what is wrong with each, and what can be."""
    document = target.sandbox(control).ask("GET", "/faults").document
    known = {type_.__struct_config__.tag: _meaning(type_) for type_ in get_args(Fault)}
    if shown.json:
        terminal.show_document({**document, "known": known})
        return 0
    _show_accounts(document["accounts"])
    terminal.show_table(("fault", "what happens"), known.items())
    return 0


@sandbox.command
def inbox(
    id_: Annotated[str | None, Parameter(name="id", help="One mail, whole.")] = None,
    /,
    *,
    limit: Annotated[int, Parameter(help="Newest mails shown.")] = 20,
    control: Control = None,
    shown: Format = TABLES,
) -> int:
    """List the mail that the imitated providers took, or show one."""
    client = target.sandbox(control)
    if id_ is not None:
        return _mail(client, id_, as_json=shown.json)
    document = client.ask("GET", "/inbox", query={"limit": limit}).document
    if shown.json:
        terminal.show_document(document)
        return 0
    terminal.show_table(
        ("id", "provider", "received", "to", "subject", "message", "fault"),
        [
            (
                mail["id"],
                mail["provider"],
                terminal.moment(mail["received_at"]),
                ", ".join(mail["recipients"][:2]),
                mail["subject"],
                mail["ms_id"],
                mail["fault"],
            )
            for mail in document["mails"]
        ],
    )
    return 0


@sandbox.command
def event(
    id_: Annotated[str, Parameter(name="id", help="Of the mail: `mail-sender sandbox inbox`.")],
    events: Annotated[
        list[Happening],
        Parameter(name="event", help="One or more, told in this order, whatever their own is."),
    ],
    /,
    *,
    recipient: Annotated[
        str | None, Parameter(help="To whom it happened; else to everybody in the envelope.")
    ] = None,
    times: Annotated[int, Parameter(help="How often each is told.")] = 1,
    after: Annotated[float, Parameter(help="Seconds until then.")] = 0.0,
    to: Annotated[
        str | None,
        Parameter(help="The gateway's URL, for a sandbox that runs beside none."),
    ] = None,
    control: Control = None,
    shown: Format = TABLES,
) -> int:
    """Let an imitated provider tell the gateway what became of a mail, late or twice if wished."""
    body = {
        "mail": id_,
        "events": events,
        "recipient": recipient,
        "times": times,
        "after": after,
        "url": to,
    }
    document = target.sandbox(control).ask("POST", "/events", body=body).document
    told = document["told"]
    if shown.json:
        terminal.show_document(document)
    else:
        terminal.show_table(
            ("event", "answer", "said"), [(t["event"], t["status"], t["said"]) for t in told]
        )
    return FAILED if not after and any(t["status"] != 200 for t in told) else 0


@sandbox.command
def verify(
    address: Annotated[str, Parameter(help="Address or domain whose verification was asked for.")],
    /,
    *,
    control: Control = None,
    shown: Format = TABLES,
) -> int:
    """Confirm an address, as its owner does by the link in the provider's mail."""
    path = f"/identities/{quote(address, safe='')}/verify"
    document = target.sandbox(control).ask("POST", path).document
    if shown.json:
        terminal.show_document(document)
    else:
        accounts = ", ".join(identity["account"] for identity in document["identities"])
        terminal.show(f"verified  {address} at {accounts}")
    return 0


# ---------------------------------------------------------------- running it


async def _run(config: SandboxConfig, *, as_json: bool) -> int:
    wanted = app.sandbox_settings(config)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    running = Sandbox(wanted, SystemClock())
    try:
        await running.start()
    except OSError as error:
        raise ConfigError(
            f"sandbox: a port cannot be had ({error.strerror}); is another sandbox running? "
            "The ports stand in [sandbox]"
        ) from None
    try:
        if as_json:
            terminal.show_document({"control": running.http_url, "urls": running.urls})
        else:
            terminal.show(f"control: {running.http_url}")
            for name, url in running.urls.items():
                terminal.show(f"{name}: {url}")
        await stop.wait()
    finally:
        await running.stop()
    return 0


# ---------------------------------------------------------------- showing


def _account(account: dict[str, Any], *, as_json: bool) -> int:
    if as_json:
        terminal.show_document(account)
    else:
        _show_accounts([account])
    return 0


def _show_accounts(accounts: list[dict[str, Any]]) -> None:
    terminal.show_table(
        ("name", "kind", "address", "faults"),
        [(a["name"], a["kind"], a["url"], "; ".join(map(_words, a["faults"]))) for a in accounts],
    )


def _meaning(fault: type) -> str:
    """Return what a fault's type says of itself, in its first line."""
    return (fault.__doc__ or "").splitlines()[0]


def _words(fault: dict[str, Any]) -> str:
    usual = {"times": None, "probability": 1.0, "seed": 0, "reset": False}
    further = [
        f"{key}={value}"
        for key, value in fault.items()
        if key != "fault" and (key not in usual or value != usual[key])
    ]
    return " ".join([str(fault["fault"]), *further])


def _mail(client: Client, id_: str, *, as_json: bool) -> int:
    mail = client.ask("GET", f"/inbox/{quote(id_, safe='')}").document
    if as_json:
        terminal.show_document(mail)
        return 0
    contents = mail["contents"]
    for name, value in (
        ("taken by", mail["provider"]),
        ("received", terminal.moment(mail["received_at"])),
        ("envelope", f"{mail['mail_from']} -> {', '.join(mail['recipients'])}"),
        ("from", _people(contents["from"])),
        ("to", _people(contents["to"])),
        ("cc", _people(contents["cc"])),
        ("reply to", _people(contents["reply_to"])),
        ("subject", contents["subject"]),
        ("message", mail["ms_id"]),
        ("files", ", ".join(f"{f['filename']} ({f['size']})" for f in contents["attachments"])),
    ):
        if value:
            terminal.show(f"{name + ':':<10}{value}")
    terminal.show("")
    terminal.show((contents["text"] or contents["html"] or "").replace("\r\n", "\n"))
    return 0


def _people(mailboxes: list[dict[str, str]]) -> str:
    return ", ".join(
        f"{box['name']} <{box['address']}>" if box["name"] else box["address"] for box in mailboxes
    )
