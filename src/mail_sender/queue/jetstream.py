"""NATS JetStream tells the workers of all nodes that something is due: hints, never mail.

Neighbours: `polling` wakes the workers of this process; the store is the truth, and a claim there
comes before every send. So a hint that is lost, told twice or told too late costs a claim that
finds nothing, or the rest of a polling interval.

One hint stands for up to a claim's worth of messages and goes to one node: to one whose worker
waits, since only such a node asks for one. What arrives when the worker has found something else
to do is given back at once, for another node. Priorities need no subjects of their own: the claim
takes the highest first, whatever the hint was about.

Every fault (a broker that is away, a stream or a consumer that was deleted, a lost connection)
ends the session with the broker, and the next one makes what is missing. No other place retries.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)

from .port import Queue

_CONSUMER = "workers"
_A_HINT = 100  #: messages; what a worker claims at once
_HINTS_AT_ONCE = 10  #: of one announcement: more nodes than that find out from each other's claims
_PAUSE = 0.05  #: seconds between two announcements of one process
_AGAIN_AFTER = 1.0  #: seconds between two sessions
_ASKS_FOR = 5.0  #: seconds that a request for a hint stays with the broker
_KEPT_FOR = 60.0  #: seconds; every worker has looked by itself long before
_NOT_TAKEN = 2.0  #: seconds after which a hint that nobody confirmed goes to another node
_MOST_KEPT = 10_000
_LIMIT = 5  #: seconds for a connection, and for one request


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """How the broker is reached, and what is kept there. See `config.QueueConfig`."""

    servers: tuple[str, ...]
    stream: str
    replicas: int
    credentials: Path | None = None
    ca_file: Path | None = None


def servers_of(url: str) -> tuple[str, ...]:
    """Return the server URLs of `nats://host1,host2:4223`, or `tls://…`, port 4222 by default.

    Raises:
        ValueError: It is none, or it holds a password.
    """
    scheme, _, hosts = url.partition("://")
    if scheme not in {"nats", "tls"} or not hosts:
        raise ValueError("expected `store:` or `nats://host1,host2`")
    if "@" in hosts:
        raise ValueError("no login in the URL: it belongs into queue.credentials_file")
    found = []
    for host in hosts.split(","):
        parts = urlsplit(f"{scheme}://{host.strip()}")
        if not parts.hostname or parts.path or parts.query:
            raise ValueError(f"not a host or host:port: {host!r}")
        found.append(f"{parts.scheme}://{parts.netloc}" + ("" if parts.port else ":4222"))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at the broker showed."""

    version: tuple[int, int]  #: major and minor, of the server that answered
    replicas: int | None  #: of the stream; None: it is made by the first node that serves


async def look_at(broker: Broker) -> Found:
    """Return what is there, and make nothing.

    Raises:
        OSError: The broker cannot be used, and why: `nats.errors.Error` becomes one as well.
    """
    try:
        client = await _connect(broker, asyncio.Event())
    except nats.errors.Error as error:
        raise ConnectionError(str(error)) from error
    try:
        stream = await client.jetstream(timeout=_LIMIT).stream_info(broker.stream)
    except nats.js.errors.NotFoundError:
        return Found(_version(client), None)
    except nats.errors.Error as error:
        raise ConnectionError(str(error)) from error
    finally:
        await client.close()
    return Found(_version(client), stream.config.num_replicas)


class JetStreamQueue:
    """See `queue.port.Queue`. Reaches for the broker from `start` on, be it there or not."""

    def __init__(
        self, here: Queue, broker: Broker, on_change: Callable[[str | None], None]
    ) -> None:
        """Connect nothing yet.

        Args:
            here: Wakes the workers of this process.
            broker: Where it is.
            on_change: Called with None when the broker was reached, with a reason when it is
                away: at the first failure, and then only after it was there.
        """
        self._here = here
        self._broker = broker
        self._on_change = on_change
        self._is_reached: bool | None = None
        self._owed = 0
        self._rung = asyncio.Event()
        self._waits = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_reached(self) -> bool:
        """Whether the broker answers now."""
        return self._is_reached is True

    def announce(self, count: int = 1) -> None:
        """See `Queue.announce`."""
        self._here.announce(count)
        if count > 0:
            self._owed += count
            self._rung.set()

    async def wait(self, at_most: timedelta) -> None:
        """See `Queue.wait`. For one worker in a process."""
        self._waits.set()
        try:
            await self._here.wait(at_most)
        finally:
            self._waits.clear()

    def start(self) -> None:
        """Begin to reach for the broker."""
        self._task = asyncio.create_task(self._reach_for_ever())

    async def stop(self) -> None:
        """Let go of the broker."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # ------------------------------------------------ sessions

    async def _reach_for_ever(self) -> None:
        while True:
            try:
                await self._session()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next session may do
                self._tell(str(error) or type(error).__name__)
            await asyncio.sleep(_AGAIN_AFTER)

    def _tell(self, why_not: str | None) -> None:
        is_reached = why_not is None
        if is_reached is not self._is_reached:
            self._is_reached = is_reached
            self._on_change(why_not)

    async def _session(self) -> None:
        """Exchange hints until something breaks, then raise what did."""
        ended = asyncio.Event()
        client = await _connect(self._broker, ended)
        try:
            stream = client.jetstream(timeout=_LIMIT)
            hints = await self._consumer(stream)
            self._tell(None)
            async with asyncio.TaskGroup() as parts:
                parts.create_task(self._tell_others(stream))
                parts.create_task(self._hear(hints))
                parts.create_task(_broken(ended))
        except BaseExceptionGroup as group:
            raise _first(group) from None
        finally:
            with contextlib.suppress(nats.errors.Error, OSError):
                await client.close()

    async def _consumer(self, stream: JetStreamContext) -> JetStreamContext.PullSubscription:
        broker = self._broker
        try:
            await stream.stream_info(broker.stream)
        except nats.js.errors.NotFoundError:
            await stream.add_stream(
                StreamConfig(
                    name=broker.stream,
                    subjects=[self._subject],
                    retention=RetentionPolicy.WORK_QUEUE,
                    storage=StorageType.FILE,
                    discard=DiscardPolicy.OLD,
                    max_msgs=_MOST_KEPT,
                    max_age=_KEPT_FOR,
                    num_replicas=broker.replicas,
                )
            )
        return await stream.pull_subscribe(
            self._subject,
            durable=_CONSUMER,
            stream=broker.stream,
            config=ConsumerConfig(ack_policy=AckPolicy.EXPLICIT, ack_wait=_NOT_TAKEN),
        )

    @property
    def _subject(self) -> str:
        return f"{self._broker.stream}.due"

    async def _tell_others(self, stream: JetStreamContext) -> None:
        while True:
            await self._rung.wait()
            self._rung.clear()
            hints, self._owed = -(-self._owed // _A_HINT), 0
            for _ in range(min(hints, _HINTS_AT_ONCE)):
                await stream.publish(self._subject, b"")
            await asyncio.sleep(_PAUSE)

    async def _hear(self, hints: JetStreamContext.PullSubscription) -> None:
        while True:
            await self._waits.wait()
            try:
                (hint,) = await hints.fetch(1, timeout=_ASKS_FOR)
            except nats.errors.TimeoutError:
                await hints.consumer_info()  # silence may be that it was deleted
                continue
            if self._waits.is_set():
                await hint.ack()
                self._here.announce()
                await asyncio.sleep(0)  # the worker first: it says when it waits again
            else:
                await hint.nak()


def _version(client: Client) -> tuple[int, int]:
    version = client.connected_server_version
    return version.major, version.minor


async def _connect(broker: Broker, ended: asyncio.Event) -> Client:
    """Return a connection to one of the servers; `ended` is set when it breaks."""

    async def closed() -> None:
        ended.set()

    async def ignore(_: Exception) -> None:
        """Whatever matters ends the session, with its reason."""

    return await nats.connect(
        list(broker.servers),
        allow_reconnect=False,
        max_reconnect_attempts=1,  # of each server in this one call; 0 would be for ever
        reconnect_time_wait=0,
        connect_timeout=_LIMIT,
        closed_cb=closed,
        error_cb=ignore,
        name="mail-sender",
        tls=ssl.create_default_context(cafile=broker.ca_file) if broker.ca_file else None,
        user_credentials=None if broker.credentials is None else str(broker.credentials),
    )


async def _broken(ended: asyncio.Event) -> None:
    await ended.wait()
    raise ConnectionError("the connection ended")


def _first(group: BaseExceptionGroup[BaseException]) -> Exception:
    """Return the reason that came first, of tasks that broke together."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, Exception) else ConnectionError(str(error))
