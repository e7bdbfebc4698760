"""Who is measured, each started as its own documentation shows.

A contestant is measured alone, on a fresh store, after a warm-up. `accepted` is what its front
takes a second: for a queue its library's submitter (it has no HTTP front of its own), for a web
service its answers, for an MTA the SMTP sessions. Submitter, broker and workers belong to the
contestant; the far side and the load generator of HTTP and SMTP do not.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from .far_side import FarSide
from .gateway import prepare, serving
from .loads import http_load, smtp_load
from .mail import MAIL
from .mta import Sink, haraka, postfix
from .processes import Cost, NotThere, Running, free_port

HERE = Path(__file__).parent
PEERS = HERE / "peers"
_PYTHON = HERE.parent / ".venv-bench" / "bin" / "python"
_DRAIN_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One contestant in one round; percentiles of the accept answer where there is a front."""

    accepted_per_s: float
    delivered_per_s: float
    cpu_s_per_1000: float
    memory_mib: float
    mails: int
    missing: int
    p50_ms: float | None = None
    p99_ms: float | None = None


class Contestant(ABC):
    """Attributes: name: In tables. durable: Whether a mail survives a crash once accepted."""

    def __init__(self, name: str, *, durable: str) -> None:
        self.name = name
        self.durable = durable

    @abstractmethod
    def measure(self, directory: Path, far: FarSide) -> Measured:
        """Start it with its files in the directory, load it, stop it.

        Raises:
            NotThere: It is not installed.
        """


class MailSender(Contestant):
    """Ourselves, over HTTP with 64 connections."""

    def measure(self, directory: Path, far: FarSide) -> Measured:
        """See `Contestant`."""
        config, key = prepare(directory, far.url)
        with serving(config, key) as gateway:
            load = _loaded_by_http(gateway.mails_url, gateway.bearer)
            return _measured([gateway.running], far.count, load)


class Web(Contestant):
    """A web service that takes a mail over HTTP."""

    def __init__(self, name: str, command: Sequence[str], *, durable: str, **env: str) -> None:
        super().__init__(name, durable=durable)
        self._command = command
        self._env = env

    def measure(self, directory: Path, far: FarSide) -> Measured:
        """See `Contestant`."""
        directory.mkdir()
        port = free_port()
        with self.start(directory, far.url, port) as running:
            load = _loaded_by_http(f"http://127.0.0.1:{port}/mails", {})
            return _measured([running], far.count, load)

    def start(self, directory: Path, far: str, port: int) -> Running:
        """Start it with its log in the directory."""
        env = {"PROVIDER_URL": far, **self._env}
        command = [str(python()), "-m", *(part.format(port=port) for part in self._command)]
        return Running(command, log=directory / "log", env=env, cwd=PEERS, port=port)


class Queue(Contestant):
    """A task queue on Redis: a submitter, the broker and workers."""

    def __init__(
        self,
        name: str,
        worker: Sequence[str],
        submit: str,
        *,
        durable: str,
        mails: int,
        always: bool = True,
        **env: str,
    ) -> None:
        super().__init__(name, durable=durable)
        self._worker = worker
        self._submit = submit
        self._mails = mails
        self._always = always
        self._env = env

    def measure(self, directory: Path, far: FarSide) -> Measured:
        """See `Contestant`."""
        directory.mkdir()
        with self.running(directory, far.url) as (redis, start, submit), start() as worker:
            submit(200)
            _settled(far.count)
            submitter: dict[str, float] = {}

            def load() -> tuple[int, float, None]:
                submitter.update(submit(self._mails))
                return self._mails, submitter["took"], None

            return _measured([redis, worker], far.count, load, more=submitter)

    @contextmanager
    def running(
        self, directory: Path, far: str
    ) -> Iterator[tuple[Running, Callable[[], Running], Callable[[int], dict[str, float]]]]:
        """Start the broker; give it, and what starts a worker and submits so many mails."""
        port = free_port()
        mail = directory / "mail.json"
        mail.write_text(json.dumps(MAIL))
        env = {
            "PROVIDER_URL": far,
            "REDIS_URL": f"redis://127.0.0.1:{port}/0",
            "MAIL": str(mail),
            **self._env,
        }
        worker, submitter = _program(self._worker), _program([self._submit])

        def start() -> Running:
            started = Running(worker, log=directory / "worker", env=env, cwd=PEERS)
            time.sleep(3)  # none of them says when it is ready
            return started

        def submit(mails: int) -> dict[str, float]:
            done = subprocess.run(
                [*submitter, str(mails)], env={**os.environ, **env}, cwd=PEERS,
                capture_output=True, text=True, check=True, timeout=120,
            )  # fmt: skip
            found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
            return found

        with _redis(directory, port, always=self._always) as redis:
            yield redis, start, submit


class Library(Contestant):
    """A program that sends each mail itself, without a queue."""

    def __init__(self, name: str, command: Sequence[str], *, mails: int) -> None:
        super().__init__(name, durable="no queue")
        self._command = command
        self._mails = mails

    def measure(self, directory: Path, far: FarSide) -> Measured:
        """See `Contestant`."""
        directory.mkdir()
        (directory / "mail.json").write_text(json.dumps(MAIL))
        env = {"PROVIDER_URL": far.url, "MAIL": str(directory / "mail.json")}
        before = far.count()
        if shutil.which(self._command[0]) is None:
            raise NotThere(f"needs {self._command[0]}")
        done = subprocess.run(
            [*self._command, str(self._mails)], env={**os.environ, **env}, cwd=PEERS,
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        if done.returncode:
            raise NotThere(f"{done.stdout[-200:]} {done.stderr[-200:]}".strip())
        found = json.loads(done.stdout.splitlines()[-1])
        sent = far.count() - before
        return Measured(
            accepted_per_s=sent / found["took"], delivered_per_s=sent / found["took"],
            cpu_s_per_1000=found["cpu_s"] / sent * 1000, memory_mib=found["memory_mib"],
            mails=sent, missing=self._mails - sent,
        )  # fmt: skip


class Mta(Contestant):
    """A mail server that relays to a sink; 64 SMTP sessions.

    Attributes:
        start: Starts it for a sink's port.
    """

    def __init__(self, name: str, start: Callable[[Path, int], Running], *, mails: int) -> None:
        super().__init__(name, durable="yes, an fsync a mail")
        self.start = start
        self._mails = mails

    def measure(self, directory: Path, far: FarSide) -> Measured:  # noqa: ARG002 - SMTP here
        """See `Contestant`."""
        directory.mkdir()
        with ExitStack() as stack:
            sink = stack.enter_context(Sink(directory))
            port = free_port()
            (directory / "port").write_text(str(port))
            running = stack.enter_context(self.start(directory, sink.port))
            smtp_load(port, 64)
            _settled(sink.count)

            def load() -> tuple[int, float, None]:
                done = smtp_load(port, self._mails)
                return self._mails, done.took, None

            return _measured([running], sink.count, load)


def python() -> Path:
    """Return the Python of the peers' environment.

    Raises:
        NotThere: It was not set up.
    """
    if not _PYTHON.exists():
        raise NotThere("needs the peers' packages (make bench sets them up)")
    return _PYTHON


def everybody() -> list[Contestant]:
    """Return all contestants, ourselves first."""
    celery = ["celery", "-A", "celery_app", "worker", "--loglevel", "ERROR", "-P", "prefork"]
    taskiq = ["taskiq", "worker", "taskiq_app:broker", "--workers", "1"]
    gunicorn = ["gunicorn", "-w", "2", "-k", "gthread", "--threads", "16"]
    uvicorn = ["uvicorn", "fastapi_background:app", "--no-access-log", "--port", "{port}"]
    symfony = PEERS / "symfony.php"
    return [
        MailSender("Mail Sender", durable="yes, group commit"),
        Queue(
            "Celery + anymail, Redis default", [*celery, "-c", "4"], "celery_submit.py",
            mails=2000, durable="no, snapshots", always=False,
        ),
        Queue(
            "Celery + anymail, fsync always", [*celery, "-c", "4"], "celery_submit.py",
            mails=2000, durable="yes",
        ),
        Web(
            "anymail in the request", [*gunicorn, "-b", "127.0.0.1:{port}", "anymail_web"],
            durable="no queue",
        ),
        Web("FastAPI background task + httpx", uvicorn, durable="no"),
        Queue(
            "BullMQ + undici, fsync always", ["bullmq_worker.mjs"], "bullmq_submit.mjs",
            mails=12000, durable="yes",
        ),
        Queue(
            "taskiq + aiohttp, fsync always", [*taskiq, "--max-async-tasks", "64"],
            "taskiq_submit.py", mails=5000, durable="yes",
        ),
        Mta("Postfix relay", postfix, mails=4000),
        Mta("Haraka relay", haraka, mails=2500),
        Library("Symfony Mailer failover", ["php", str(symfony)], mails=3000),
    ]  # fmt: skip


def _program(parts: Sequence[str]) -> list[str]:
    first, *rest = parts
    if first.endswith(".mjs"):
        node = shutil.which("node")
        if node is None or not (PEERS / "node_modules" / "bullmq").exists():
            raise NotThere("needs Node.js and its packages (make bench sets them up)")
        return [node, first, *rest]
    if first.endswith(".py"):
        return [str(python()), first, *rest]
    return [str(python()), "-m", first, *rest]


def _redis(directory: Path, port: int, *, always: bool) -> Running:
    program = shutil.which("redis-server")
    if program is None:
        raise NotThere("needs redis-server (on Debian: apt install redis-server)")
    durable = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"] if always else []
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory)]
    return Running([*command, *durable], log=directory / "redis", port=port)


def _loaded_by_http(
    url: str, headers: Mapping[str, str], *, seconds: float = 5
) -> Callable[[], tuple[int, float, tuple[float, float] | None]]:
    http_load(url, MAIL, headers, connections=8, seconds=1)

    def load() -> tuple[int, float, tuple[float, float] | None]:
        done = http_load(url, MAIL, headers, connections=64, seconds=seconds)
        return done.requests - done.failed, done.took, (done.p50_ms, done.p99_ms)

    return load


def _measured(
    running: Sequence[Running],
    count: Callable[[], int],
    load: Callable[[], tuple[int, float, tuple[float, float] | None]],
    *,
    more: Mapping[str, float] | None = None,
) -> Measured:
    """Load it, wait until the far side has everything, and count what it cost meanwhile."""
    before, cpu, begun = _settled(count), _cost(running).cpu_s, time.perf_counter()
    accepted, took, percentiles = load()
    delivered = _wait_for(count, before + accepted) - before
    elapsed = time.perf_counter() - begun
    time.sleep(0.5)  # what is written about the last mails belongs to the cost
    after = _cost(running)
    used = after.cpu_s - cpu + (more or {}).get("cpu_s", 0.0)
    p50, p99 = percentiles or (None, None)
    return Measured(
        accepted_per_s=accepted / took, delivered_per_s=delivered / elapsed,
        cpu_s_per_1000=used / max(delivered, 1) * 1000, memory_mib=after.memory_mib,
        mails=accepted, missing=max(0, accepted - delivered), p50_ms=p50, p99_ms=p99,
    )  # fmt: skip


def _cost(running: Sequence[Running]) -> Cost:
    costs = [each.cost() for each in running]
    return Cost(sum(each.cpu_s for each in costs), sum(each.memory_mib for each in costs))


def _settled(count: Callable[[], int]) -> int:
    """Wait until nothing more comes, at most a minute; return the count."""
    last = -1
    for _ in range(_DRAIN_S * 2):
        now = count()
        if now == last:
            return now
        last = now
        time.sleep(0.5)
    return last


def _wait_for(count: Callable[[], int], wanted: int) -> int:
    """Wait until so many came, at most a minute; return how many did."""
    now = count()
    for _ in range(_DRAIN_S * 50):
        if now >= wanted:
            break
        time.sleep(0.02)
        now = count()
    return now
