"""PostgreSQL for tests: servers of our own on loopback, never one that was there before.

A server lives in a temporary directory, runs as an unprivileged user when the tests run as root,
listens on a free port of 127.0.0.1, and is stopped by its process id. `shared_server` is one for
the whole run that syncs nothing to the disk: for what is about statements. What is about
durability starts a `Server` of its own.
"""

from __future__ import annotations

import atexit
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg

from .requirements import need

USER = "mail"
_START_LIMIT = 60.0  #: seconds; a slow machine under load
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_QUIET = {
    "autovacuum": "off",  # its transactions would hold back followers of events, for a moment
    "log_min_messages": "warning",
}


def binaries() -> Path:
    """Return the directory of `initdb` and `postgres`; skip the test where there is none."""
    found = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    need(
        found or debian,
        "PostgreSQL 15 or newer (on Debian: apt install postgresql)",
    )
    return debian[-1].parent if debian else Path(str(found)).resolve().parent


def _version(initdb: Path) -> float:
    return float(initdb.parts[-3])


class Server:
    """One PostgreSQL server."""

    def __init__(self, *, name: str = "pg", **settings: str) -> None:
        """Get a directory; `settings` go into postgresql.conf. `create` or `copy_of` fills it."""
        self._bin = binaries()
        self.directory = Path(tempfile.mkdtemp(prefix=f"mail-sender-{name}-"))
        self._user = _unprivileged()
        if self._user is not None:
            shutil.chown(self.directory, self._user.pw_uid, self._user.pw_gid)
        self.data = self.directory / "data"
        self.port = free_port()
        self.settings = {**_QUIET, **settings}
        self.process: subprocess.Popen[bytes] | None = None
        atexit.register(self.destroy)

    def create(self) -> Server:
        """Make an empty cluster."""
        self.run(
            "initdb", "--no-sync", "--auth=trust", f"--username={USER}", "--encoding=UTF8",
            "--locale=C.UTF-8", "--pgdata", str(self.data),
        )  # fmt: skip
        with (self.data / "pg_hba.conf").open("a") as hba:
            hba.write("host replication all 127.0.0.1/32 trust\n")
        return self

    def copy_of(self, primary: Server, *, slot: str) -> Server:
        """Become a standby of `primary` that goes by the name `slot`."""
        self.run(
            "pg_basebackup", "--no-sync", "--checkpoint=fast", "--write-recovery-conf",
            "--create-slot", f"--slot={slot}", "--pgdata", str(self.data), "--dbname",
            f"host=127.0.0.1 port={primary.port} user={USER} application_name={slot}",
        )  # fmt: skip
        return self

    def start(self) -> Server:
        """Start it and wait until it answers."""
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "port": str(self.port),
            **self.settings,
        }
        arguments = [f"-c{name}={value}" for name, value in options.items()]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self._bin / "postgres", "-D", self.data, *arguments],
                stdout=log, stderr=log, cwd=self.directory, **self._as_user(),
            )  # fmt: skip
        until = time.monotonic() + _START_LIMIT
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL did not start:\n{self.log()}")
            time.sleep(0.02)
        return self

    def _answers(self) -> bool:
        asked = [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(asked, check=False).returncode == 0

    def promote(self) -> None:
        """Make a standby the primary, and wait until it is."""
        self.run("pg_ctl", "promote", "--wait", "--pgdata", str(self.data))

    def stop(self) -> None:
        """Stop it in order: sessions are ended, the log is written."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it as a crash does."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Let the whole server hang: connections stay open, and nothing answers."""
        for pid in self.pids():
            os.kill(pid, signal.SIGSTOP)

    def unpause(self) -> None:
        """Go on."""
        for pid in self.pids():
            os.kill(pid, signal.SIGCONT)

    def pids(self) -> list[int]:
        """Return the process and its children."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [self.process.pid, *map(int, children.read_text().split())]

    def _end(self, number: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(number)
            process.wait(_START_LIMIT)

    def destroy(self) -> None:
        """End it and forget everything. Can be called twice."""
        if self.process is not None and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)
        atexit.unregister(self.destroy)

    def log(self) -> str:
        """Everything that the server said."""
        log = self.directory / "log"
        return log.read_text(errors="replace") if log.exists() else ""

    def url(self, database: str = "postgres") -> str:
        """Return the `store.url` of a database of this server."""
        return url_of(self, database=database)

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as the server's user."""
        done = subprocess.run(
            [self._bin / program, *arguments], capture_output=True, text=True, check=False,
            cwd=self.directory, **self._as_user(),
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stdout}{done.stderr}")

    def _as_user(self) -> Any:  # noqa: ANN401 - keywords of Popen
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}

    async def execute(self, statement: str, *, database: str = "postgres") -> None:
        """Run one statement."""
        connection = await asyncpg.connect(self.url(database))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def url_of(*servers: Server, database: str) -> str:
    """Return the `store.url` of a database that any of these servers may lead."""
    hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
    return f"postgresql://{USER}@{hosts}/{database}"


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _unprivileged() -> pwd.struct_passwd | None:
    """Return whom the server runs as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return pwd.getpwnam("postgres" if "postgres" in names else "nobody")


@cache
def shared_server() -> Server:
    """Return the server of this run; it forgets everything when the machine stops."""
    return Server(name="shared", **_FAST).create().start()


async def new_database(server: Server, template: str = "template0") -> str:
    """Make an empty database, or a copy of `template`; return its name."""
    name = f"test_{secrets.token_hex(6)}"
    await server.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return name


async def drop_database(server: Server, name: str) -> None:
    """Forget a database; whoever uses it is sent away."""
    await server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
