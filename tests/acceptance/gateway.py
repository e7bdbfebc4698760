"""The real process, as an operator runs it: started, killed, started again on the same files."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from mail_sender.api.asgi import make_app
from mail_sender.app import Gateway as InProcess
from mail_sender.app import load_settings, open_store
from mail_sender.clock import SystemClock
from mail_sender.config import Source
from mail_sender.intake.keys import issue_key
from mail_sender.sandbox.server import Sandbox
from mail_sender.store.port import Scope

MAIL: dict[str, Any] = {
    "from": "Shop <shop@example.com>",
    "to": ["ann@example.net"],
    "subject": "Order 7",
    "text": "Thank you!",
}


def toml(tables: Mapping[str, Mapping[str, object]]) -> str:
    """Return a configuration file from its tables."""
    lines = []
    for name, table in tables.items():
        lines.append(f"[{name}]")
        for key, value in table.items():
            lines.append(f"{key} = {_toml_value(value)}")
    return "\n".join(lines) + "\n"


def _toml_value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml_value(each) for each in value) + "]"
    return str(value)


def ses_table(url: str, **more: object) -> dict[str, object]:
    """Return the table of an SES account at another address."""
    return {
        "kind": "ses",
        "region": "eu-west-1",
        "access_key_id": "AKIDEXAMPLE",
        "secret_access_key": "secret",
        "endpoint_url": url,
        **more,
    }


def mailgun_table(url: str, **more: object) -> dict[str, object]:
    """Return the table of a Mailgun domain at another address."""
    return {
        "kind": "mailgun",
        "domain": "mg.example.com",
        "api_key": "key",
        "base_url": url,
        **more,
    }


def smtp_table(port: int, **more: object) -> dict[str, object]:
    """Return the table of a relay on loopback."""
    return {"kind": "smtp", "host": "127.0.0.1", "port": port, "tls": "none", **more}


def provider_tables(sandbox: Sandbox) -> dict[str, dict[str, object]]:
    """Return the tables of all accounts of a sandbox."""
    urls = sandbox.urls
    return {
        "ses": ses_table(urls["ses"]),
        "mailgun": mailgun_table(urls["mailgun"]),
        "relay": smtp_table(sandbox.smtp_port),
    }


class Gateway:
    """One `mail-sender serve` in a directory of its own, on a free port."""

    def __init__(
        self,
        directory: Path,
        providers: Mapping[str, Mapping[str, object]],
        *,
        route: Mapping[str, object] | None = None,
        **sections: Mapping[str, object],
    ) -> None:
        self.directory = directory
        self.process: subprocess.Popen[str] | None = None
        self.url = ""
        self.key = ""
        self._config = directory / "mail-sender.toml"
        self._config.write_text(
            toml({
                "server": {"listen": "127.0.0.1:0", **sections.pop("server", {})},
                "store": {
                    "url": f"sqlite:///{directory}/mail.db", **sections.pop("store", {}),
                },
                "worker": {
                    "journal": str(directory / "journal"), **sections.pop("worker", {}),
                },
                **sections,
                **{f"providers.{name}": table for name, table in providers.items()},
                "routes.default": {"providers": list(providers), **(route or {})},
            })
        )  # fmt: skip

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.directory / "mail.db"

    def log(self) -> str:
        """Everything that the process said on standard error."""
        return (self.directory / "log").read_text(encoding="utf-8")

    async def start(self, *, role: str = "all", **environ: str) -> None:
        """Start the process and wait until it takes mail."""
        if not self.key:
            self.key = await self.new_key()
        self.process = self.popen(environ=environ, role=role)
        out = self.process.stdout
        assert out is not None
        line = await asyncio.wait_for(asyncio.to_thread(out.readline), 20)
        assert line.startswith("url: "), (line, self.log())
        self.url = line.removeprefix("url: ").strip()
        async with self.client() as client:
            for _ in range(200):
                try:
                    if (await client.get("/health/ready")).status_code == 200:
                        return
                except httpx2.TransportError:
                    pass
                await asyncio.sleep(0.05)
        raise AssertionError(f"not ready after 10 s: {self.log()}")

    def popen(
        self,
        *,
        wrapper: list[str] | None = None,
        environ: Mapping[str, str] | None = None,
        role: str = "all",
    ) -> subprocess.Popen[str]:
        """Start the process, behind a command that changes its rights, and wait for nothing."""
        serve = [
            sys.executable, "-m", "mail_sender", "serve", "--role", role,
            "--config", str(self._config),
        ]  # fmt: skip
        with (self.directory / "log").open("a", encoding="utf-8") as log:
            return subprocess.Popen(
                [*(wrapper or ()), *serve],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=self.directory,
                env={**_clean_environment(), **(environ or {})},
            )

    def kill(self) -> None:
        """End it as kill -9 does, and wait until it is gone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)
        self._close()

    async def stop(self, at_most: float = 60) -> int:
        """SIGTERM; return the exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = await asyncio.to_thread(self.process.wait, at_most)
        self._close()
        return status

    @asynccontextmanager
    async def running(self, **environ: str) -> AsyncIterator[httpx2.AsyncClient]:
        """Start it, give a client with its key, and stop it."""
        await self.start(**environ)
        try:
            async with self.client() as client:
                yield client
        finally:
            if self.process is not None and self.process.poll() is None:
                await self.stop()
            self._close()

    @asynccontextmanager
    async def in_process(self) -> AsyncIterator[httpx2.AsyncClient]:
        """Run the same gateway inside the test, without a process and a port of its own."""
        key = await self.new_key()
        settings = load_settings(Source(file=self._config))
        gateway = InProcess(settings, role="all")
        services = await gateway.start()
        try:
            async with httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=make_app(services)),
                base_url="http://gateway",
                headers={"Authorization": f"Bearer {key}"},
                timeout=60,
            ) as client:
                yield client
        finally:
            await gateway.stop()

    def client(self) -> httpx2.AsyncClient:
        """Return a client with the key, for up to 64 connections."""
        return httpx2.AsyncClient(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=60,
            limits=httpx2.Limits(max_connections=64),
            trust_env=False,
            verify=False,  # plain HTTP; a context of certificates costs 50 ms
        )

    async def settled(self, ids: list[str], *, at_most: float = 60) -> dict[str, dict[str, Any]]:
        """Return the messages once none of them is waiting or being sent any more."""
        waiting = set(ids)
        done: dict[str, dict[str, Any]] = {}
        async with self.client() as client, asyncio.timeout(at_most):
            while waiting:
                for id_ in sorted(waiting):
                    message = (await client.get(f"/v1/messages/{id_}")).json()
                    if message["status"] not in {"queued", "sending", "scheduled"}:
                        done[id_] = message
                waiting -= done.keys()
                if waiting:
                    await asyncio.sleep(0.1)
        return done

    def _close(self) -> None:
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None

    async def new_key(self) -> str:
        """Make a key, and the store with it, as `mail-sender keys create` does."""
        store = open_store(load_settings(Source(file=self._config)))
        await store.open()
        _, secret = await issue_key(store, SystemClock(), name="test", scopes=list(Scope))
        await store.close()
        return secret


def trace(pid: int, calls: str, injection: str) -> subprocess.Popen[bytes]:
    """Inject a fault into these system calls of a process until the tracer is ended."""
    tracer = subprocess.Popen(
        ["strace", "-f", "-qq", "-e", f"trace={calls}", "-e", f"inject={calls}:{injection}",
         "-o", "/dev/null", "-p", str(pid)],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    status = Path(f"/proc/{pid}/status")
    for _ in range(500):
        if "TracerPid:\t0\n" not in status.read_text():
            return tracer
        time.sleep(0.01)
    return tracer


def _clean_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("MAIL_SENDER_")}


async def gather_limited(limit: int, work: list[Any]) -> list[Any]:
    """Await everything in `work`, at most `limit` at a time; results in order."""
    slots = asyncio.Semaphore(limit)

    async def one(item: Any) -> Any:  # noqa: ANN401
        async with slots:
            return await item

    return await asyncio.gather(*(one(item) for item in work))
