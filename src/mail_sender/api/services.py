"""What the REST door needs from the rest of the gateway; `app` fills it in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from ..clock import Clock
from ..delivery.fleet import Fleet
from ..domain.message import Mailbox, Mode
from ..domain.secret import Secret
from ..domain.unsubscribe import UnsubscribeLinks
from ..events.endpoints import Endpoints
from ..feedback.hooks import Hooks
from ..intake.actions import Actions
from ..intake.intake import Intake
from ..observability.metrics import Metrics
from ..store.port import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class CompatPolicy:
    """See `config.CompatConfig`."""

    mode: Mode = Mode.ASYNC
    repeat_window: timedelta = timedelta(seconds=30)
    ses_secret: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPolicy:
    """See `config.ServerConfig` and `config.SenderConfig`.

    Attributes:
        frontend: The directory of the built frontend, served at `/`; None: `/` leads to `/docs`.
        stream_poll_interval: How often `/v1/events/stream` looks for new events.
    """

    version: str
    max_request_bytes: int
    cors_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    requests_per_minute: int | None = None
    requests_per_minute_per_address: int | None = None
    public_metrics: bool = True
    default_from: Mailbox | None = None
    frontend: Path | None = None
    stream_poll_interval: timedelta = timedelta(seconds=1)
    compat: CompatPolicy = CompatPolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """The process that answers, for `/v1/system`.

    Attributes:
        name: Of the machine.
        store: What keeps the record: a scheme of `store.url`, such as `sqlite`.
        imitates: Whether imitated providers run beside it.
    """

    name: str
    store: str
    started_at: datetime
    imitates: bool


class SandboxControl(Protocol):
    """The sandbox's inbox and fault switches, where a sandbox runs beside the gateway.

    `call` takes a method, a path of the sandbox's control API (such as `/inbox?limit=20`) and a
    JSON body, and returns its status and JSON body.
    """

    async def call(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """Ask the sandbox."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything behind the door.

    Attributes:
        why_not_ready: Returns why mail cannot be taken now, in words; None when it can.
        sandbox: None where no sandbox runs.
        unsubscribe_links: None where no link leads here.
    """

    store: Store
    intake: Intake
    actions: Actions
    hooks: Hooks
    fleet: Fleet
    webhooks: Endpoints
    clock: Clock
    metrics: Metrics
    policy: ApiPolicy
    node: Node
    why_not_ready: Callable[[], Awaitable[str | None]]
    sandbox: SandboxControl | None = None
    unsubscribe_links: UnsubscribeLinks | None = None
