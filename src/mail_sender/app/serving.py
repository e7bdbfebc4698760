"""The process that serves: an HTTP server in front of a `Gateway`, and signals.

SIGTERM or SIGINT: not ready at once, nothing new is taken, what is under way ends, then it
stops, within `server.drain_timeout` and a little. A second signal stops without waiting; what
was under way is found in the journal and the store at the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import msgspec
import uvicorn
import uvloop

from .. import __version__
from ..api.asgi import make_app
from ..api.services import Services
from ..domain.errors import ConfigError, StoreUnavailable
from ..intake.keys import hash_secret, issue_key
from ..observability import maillog
from ..store.port import Scope
from .gateway import Gateway
from .listening import bind
from .settings import Settings
from .short_way import ShortWayProtocol
from .smtp import Smtp, make_smtp

LOCAL_FILE = Path("var/local.json")
ROLES = ("all", "api", "worker")
_BACKLOG = 2048
_LAST_MAILS = timedelta(seconds=10)  #: for SMTP clients to end the mail that they are sending


class LocalFile(msgspec.Struct, frozen=True, kw_only=True):
    """What a demo leaves for the commands of its directory. Readable by its user only."""

    url: str
    key: str
    sandbox: str


def run(settings: Settings, *, role: str) -> int:
    """Serve until a signal says stop.

    Returns:
        The exit status: 0 stopped as asked, 1 it could not go on, 2 the configuration.
    """
    log = settings.config.log
    maillog.configure(format_=log.format, level=log.level, mask_addresses=log.mask_addresses)
    try:
        return uvloop.run(_serve(settings, role))
    except ConfigError as error:
        print(f"mail-sender: {error}", file=sys.stderr)  # noqa: T201 - for the person who starts it
        return 2
    except StoreUnavailable as error:
        print(f"mail-sender: the store cannot be used: {error}", file=sys.stderr)  # noqa: T201
        return 1


async def _serve(settings: Settings, role: str) -> int:
    sockets = bind(settings.config.server.listen)
    try:
        gateway = Gateway(settings, role=role)
        services = await gateway.start()
        _settle_memory()
        try:
            smtp = make_smtp(gateway) if role != "worker" else None
            if smtp is not None:
                await smtp.open()
            server = _server(services)
            url = _url_of(sockets[0])
            gateway.sandbox.teller.gateway_url = url
            await _announce(gateway, url, smtp)
            return await _until_stopped(gateway, server, sockets, smtp)
        finally:
            await gateway.stop()
            maillog.process("stopped")
    finally:
        for each in sockets:
            each.close()


def _settle_memory() -> None:
    """Keep the garbage collector away from what lives as long as the process.

    Messages die by reference count; going through all modules every 700 allocations cost 4 % of
    the processor under load.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


async def _until_stopped(
    gateway: Gateway, server: uvicorn.Server, sockets: list[socket.socket], smtp: Smtp | None
) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    serving = asyncio.create_task(server.serve(sockets))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        stopping.cancel()
        serving.result()
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
        loop.add_signal_handler(number, _stop_at_once)
    config = gateway.settings.config.server
    maillog.process("leaving", notice=config.drain_notice.total_seconds())
    gateway.leave()
    await asyncio.sleep(config.drain_notice.total_seconds())
    if smtp is not None:
        await smtp.door.drain(min(_LAST_MAILS, config.drain_timeout))
    maillog.process("draining", in_flight=gateway.worker.in_flight)
    gateway.drain()
    await gateway.worker.stop(config.drain_timeout)
    server.should_exit = True
    await serving
    return 0


def _stop_at_once() -> None:
    """A second signal: whatever is open is found again at the next start."""
    os._exit(1)


class _Server(uvicorn.Server):
    """Leaves signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """See `uvicorn.Server`."""
        yield


def _server(services: Services) -> _Server:
    app = make_app(services)
    return _Server(
        uvicorn.Config(
            app,
            http=partial(ShortWayProtocol, app.hot),  # type: ignore[arg-type]  # as good as a class
            loop="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=10,
        )
    )


# ---------------------------------------------------------------- where it listens


def _url_of(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


# ---------------------------------------------------------------- what it says


async def _announce(gateway: Gateway, url: str, smtp: Smtp | None) -> None:
    """Print where it is, and in a demo a key and a line to paste."""
    where = smtp.listening if smtp is not None else {}
    maillog.process("started", url=url, smtp=where, role=gateway.role, version=__version__)
    lines = [f"url: {url}"]
    if gateway.settings.is_demo:
        key = await _demo_key(gateway)
        _leave_for_commands(LocalFile(url=url, key=key, sandbox=gateway.sandbox.http_url))
        lines += [f"key: {key}", f"try: {_curl(url, key)}"]
        lines += [f"smtp: {_swaks(way, address, key)}" for way, address in where.items()]
    else:
        lines.append("create a key with: mail-sender keys create --name me --scopes send,read")
    print("\n".join(lines), flush=True)  # noqa: T201 - for the person who starts it


async def _demo_key(gateway: Gateway) -> str:
    """Return the key of the last start while it still works, else a new one."""
    left = _left_by_last_start()
    if left is not None:
        known = await gateway.store.key_by_hash(hash_secret(left.key))
        if known is not None and known.revoked_at is None:
            return left.key
    _, secret = await issue_key(gateway.store, gateway.clock, name="demo", scopes=list(Scope))
    return secret


def _left_by_last_start() -> LocalFile | None:
    try:
        return msgspec.json.decode(LOCAL_FILE.read_bytes(), type=LocalFile)
    except (OSError, msgspec.DecodeError):
        return None


def _leave_for_commands(local: LocalFile) -> None:
    LOCAL_FILE.parent.mkdir(parents=True, exist_ok=True)
    fresh = LOCAL_FILE.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(local))
    fresh.replace(LOCAL_FILE)


def _curl(url: str, key: str) -> str:
    mail = (
        '{"from": "Shop <shop@example.com>", "to": ["ann@example.net"], '
        '"subject": "Order 7", "text": "Thank you!"}'
    )
    return (
        f"curl -s {url}/v1/messages -H 'Authorization: Bearer {key}' "
        f"-H 'Content-Type: application/json' -d '{mail}'"
    )


def _swaks(way: str, address: str, key: str) -> str:
    tls = "--tls-on-connect" if way == "tls" else "--tls-optional"
    return (
        f"swaks --server {address} {tls} --auth PLAIN --auth-user app --auth-password '{key}' "
        "--from shop@example.com --to ann@example.net --header 'Subject: Order 7'"
    )
