"""What must be good on this machine: the store, its disk, the port, our name, the routes."""

from __future__ import annotations

import asyncio
import shutil
import socket
from pathlib import Path

from ... import app
from ...app.listening import address_of, bind
from ...app.settings import broker_of, postgres_hosts, sqlite_path
from ...client import NoAnswer
from ...domain.errors import ConfigError, MailSenderError
from ...queue.jetstream import Broker, Found, look_at
from ...store.postgres import shown_url
from ..client import Client
from ..failure import CommandFailed
from .finding import Finding, Level

LITTLE_SPACE = 1 << 30  #: bytes; a warning below
NO_SPACE = 100 << 20  #: bytes; a problem below
PROBE_TIMEOUT = 3.0  #: seconds
OLDEST_NATS = (2, 15)  #: what this is tested with


def findings_of_machine(settings: app.Settings) -> list[Finding]:
    """Look at everything that needs no network."""
    path = sqlite_path(settings.config)
    found = [_routes(settings)]
    if postgres_hosts(settings.config):
        found.append(asyncio.run(_cluster(settings)))
        if broker := broker_of(settings.config):
            found.append(asyncio.run(look_at_broker(broker)))
    elif path is None:
        found.append(
            Finding(
                "store", Level.WARNING, "memory only: every stop loses all mail",
                "Set store.url to a file, such as sqlite:///var/mail-sender.db.",
            )
        )  # fmt: skip
    else:
        found.append(asyncio.run(_store(settings, path)) if path.exists() else _store_to_come(path))
        directory = _existing(path.parent)
        found.append(space_finding(shutil.disk_usage(directory).free, directory))
    found.append(port_finding(settings.config.server.listen))
    found.append(hostname_finding(settings.config.sender.hostname or socket.getfqdn()))
    return found


def _routes(settings: app.Settings) -> Finding:
    if settings.is_demo:
        return Finding(
            "routes",
            Level.WARNING,
            "no provider is configured: all mail ends in the sandbox",
            "Add [providers.<name>] and [routes.default] to the configuration.",
        )
    alone = [name for name, route in settings.config.routes.items() if len(route.providers) == 1]
    if alone:
        return Finding(
            "routes",
            Level.WARNING,
            f"one provider only, so nothing to fail over to: {', '.join(sorted(alone))}",
            "Name a second one in `providers` of the route.",
        )
    return Finding("routes", Level.OK, ", ".join(sorted(settings.config.routes)))


async def _store(settings: app.Settings, path: Path) -> Finding:
    store = app.open_store(settings)
    try:
        await store.open()
        await store.check()
    except (MailSenderError, OSError) as error:
        return Finding(
            "store", Level.PROBLEM, f"{path}: {error}",
            "Look at the disk, and whether this is the user that the gateway runs as.",
        )  # fmt: skip
    finally:
        await store.close()
    return Finding("store", Level.OK, f"{path} opens, and a durable write works")


async def _cluster(settings: app.Settings) -> Finding:
    url = shown_url(settings.config.store.url)
    store = app.open_store(settings)
    try:
        await store.open()
        await store.check()
    except MailSenderError as error:
        return Finding(
            "store", Level.PROBLEM, f"{url}: {error}",
            "Look at the servers that store.url names: docs/postgresql.md.",
        )  # fmt: skip
    finally:
        await store.close()
    return Finding("store", Level.OK, f"{url}: a host can write, and a durable write works")


async def look_at_broker(broker: Broker) -> Finding:
    """Return whether the broker answers."""
    try:
        return broker_finding(broker, await look_at(broker))
    except OSError as error:
        return Finding(
            "broker", Level.WARNING, f"NATS cannot be used: {error}",
            "Mail goes on by polling. Look at the servers that queue.url names: docs/jetstream.md.",
        )  # fmt: skip


def broker_finding(broker: Broker, found: Found) -> Finding:
    """Return whether the broker is one that we would choose."""
    text = f"NATS {found.version[0]}.{found.version[1]} answers, stream {broker.stream}"
    if found.version < OLDEST_NATS:
        return Finding("broker", Level.WARNING, text, "Use NATS 2.15 or newer.")
    if found.replicas is not None and found.replicas != broker.replicas:
        return Finding(
            "broker", Level.WARNING,
            f"{text} has {found.replicas} replicas, and queue.replicas is {broker.replicas}",
            f"Change it: nats stream edit {broker.stream} --replicas {broker.replicas}.",
        )  # fmt: skip
    return Finding("broker", Level.OK, text)


def _store_to_come(path: Path) -> Finding:
    directory = _existing(path.parent)
    if not _can_write(directory):
        return Finding(
            "store", Level.PROBLEM, f"{path} is not there, and {directory} cannot be written to",
            "Make the directory, owned by the user that the gateway runs as.",
        )  # fmt: skip
    return Finding("store", Level.OK, f"{path} is not there yet; the first start makes it")


def space_finding(free: int, directory: Path) -> Finding:
    """Return whether `free` bytes are enough where the store lies."""
    text = f"{free / (1 << 30):.1f} GiB free at {directory}"
    if free < NO_SPACE:
        return Finding("disk", Level.PROBLEM, text, "Make room: no mail is taken when it is full.")
    if free < LITTLE_SPACE:
        return Finding("disk", Level.WARNING, text, "Make room, or shorten store.keep_finished.")
    return Finding("disk", Level.OK, text)


def port_finding(listen: str) -> Finding:
    """Return whether the API's address is free, ours already, or somebody else's."""
    try:
        for bound in bind(listen):
            bound.close()
    except ConfigError as error:
        if _is_served_by_us(listen):
            return Finding("port", Level.OK, f"a gateway serves {listen} already")
        return Finding(
            "port", Level.PROBLEM, str(error), "Stop the other program, or set server.listen."
        )
    return Finding("port", Level.OK, f"{listen} is free")


def hostname_finding(name: str) -> Finding:
    """Return whether our name in EHLO and Message-ID is one that a relay will take."""
    if "." not in name.strip(".") or name.endswith((".localdomain", ".local")):
        return Finding(
            "hostname", Level.WARNING, f"{name} is not a name on the internet",
            "Set sender.hostname: relays may refuse such an EHLO (RFC 5321 section 4.1.1.1).",
        )  # fmt: skip
    return Finding("hostname", Level.OK, name)


def _is_served_by_us(listen: str) -> bool:
    host, port = address_of(listen)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    try:
        answer = Client(url, deadline=PROBE_TIMEOUT).call("GET", "/openapi.json", takes=0)
    except (NoAnswer, CommandFailed):
        return False
    return answer.is_success and "/v1/messages" in str(answer.document)


def _existing(directory: Path) -> Path:
    """Return the nearest directory upwards that is there."""
    here = directory.resolve()
    return next(parent for parent in (here, *here.parents) if parent.exists())


def _can_write(directory: Path) -> bool:
    probe = directory / ".mail-sender-doctor"
    try:
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True
