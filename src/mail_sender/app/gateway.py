"""Everything of one process, chosen, put together, started and stopped.

Neighbours: `serving` puts an HTTP server in front. The process goes down in the order that loses
nothing: say "not ready", wait until that was noticed, take nothing new, let what is under way end,
then close the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from .. import __version__
from ..api.services import ApiPolicy, CompatPolicy, Node, Services
from ..clock import Clock, SystemClock
from ..config import SandboxConfig, Source
from ..delivery.breaker import Breaker, BreakerPolicy, BreakerState, BreakerView
from ..delivery.fleet import Fleet, Member
from ..delivery.quota import Quota, QuotaPolicy
from ..delivery.retry import RetryPolicy
from ..delivery.router import TEST_ROUTE, Route
from ..domain.address import parse_mailbox
from ..domain.errors import ConfigError, StoreUnavailable
from ..domain.event import Event, EventType
from ..domain.message import Mailbox, Message
from ..domain.secret import Secret
from ..events.endpoints import Endpoints
from ..events.publisher import Publisher, PublisherPolicy, PublisherTools
from ..events.resolver import CheckedResolver, SystemLookup
from ..events.webhook import Caller, webhook_client
from ..feedback.hooks import Hooks
from ..feedback.listener import Listener
from ..feedback.unsubscribe import BY_LINK, UnsubscribeHook
from ..http.client import PooledHttpClient
from ..intake.actions import Actions
from ..intake.intake import Intake, IntakePolicy
from ..intake.rules import Limits
from ..observability import maillog
from ..observability.metrics import Metrics
from ..providers.port import Provider
from ..providers.registry import make_provider, make_webhook
from ..providers.settings import InboxSink, Tools
from ..providers.webhook import Webhook
from ..queue.jetstream import JetStreamQueue
from ..queue.polling import PollingQueue
from ..queue.port import Queue
from ..queue.shared import SharedQueue
from ..sandbox.inbox import Inbox
from ..sandbox.server import Sandbox, SandboxSettings
from ..store.memory import MemoryStore
from ..store.port import Change, Learnt, Store
from ..store.postgres import PostgresStore
from ..store.sqlite import SqliteStore, lock_for_serving
from ..worker.hand_over import Tools as WorkerTools
from ..worker.journal import Journal
from ..worker.worker import Watchers, Worker, WorkerPolicy
from .settings import (
    BUILT_IN,
    Settings,
    broker_of,
    demo_tables,
    frontend_path,
    postgres_hosts,
    provider_settings,
    sandbox_settings,
    sqlite_path,
    target_rules,
    unsubscribe_links,
)

_LAST_CALLS = timedelta(seconds=5)  #: for webhooks under way when the process stops; the rest waits

DEMO_SES_SECRET = Path("var/ses-secret")


def open_store(settings: Settings, clock: Clock | None = None) -> Store:
    """Return the configured store, not opened yet, without the lock of a serving process."""
    path = sqlite_path(settings.config)
    clock = clock or SystemClock()
    if hosts := postgres_hosts(settings.config):
        return PostgresStore(
            hosts, on_lost=lambda host, why: maillog.trouble("postgres", why, host=host)
        )
    return MemoryStore(clock) if path is None else SqliteStore(path, clock)


def make_tools(
    settings: Settings,
    clock: Clock,
    *,
    http: PooledHttpClient | None = None,
    inbox: InboxSink | None = None,
) -> Tools:
    """Return what providers are made with."""
    return Tools(
        http=http or PooledHttpClient(),
        clock=clock,
        hostname=settings.config.sender.hostname or socket.getfqdn(),
        inbox=inbox or Inbox(clock).deliver,
    )


def make_providers(settings: Settings, tools: Tools) -> dict[str, Provider]:
    """Return every configured provider by name. The caller closes them."""
    return {
        name: make_provider(name, provider, tools) for name, provider in settings.providers.items()
    }


def make_webhooks(settings: Settings, tools: Tools) -> dict[str, Webhook]:
    """Return what takes events, of every provider that tells some and is configured so."""
    made = {
        name: make_webhook(name, provider, tools) for name, provider in settings.providers.items()
    }
    return {name: webhook for name, webhook in made.items() if webhook is not None}


def kept_secret(path: Path) -> Secret:
    """Return the secret in a file that only its user can read; it is made when it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "w", encoding="ascii") as fresh:
            fresh.write(secrets.token_urlsafe(32))
    return Secret(path.read_text(encoding="ascii"))


def _fleet(
    settings: Settings, providers: Mapping[str, Provider], clock: Clock,
    on_change: Callable[[str, BreakerView], None],
) -> Fleet:  # fmt: skip
    policy = BreakerPolicy(
        failures=settings.config.breaker.failures,
        rest=settings.config.breaker.rest,
        longest_rest=settings.config.breaker.longest_rest,
    )
    members = {}
    for name, provider in providers.items():
        limits = settings.providers[name]
        quota = QuotaPolicy(
            max_per_second=limits.max_per_second,
            per_hour=limits.quota_per_hour,
            per_day=limits.quota_per_day,
        )

        def changed(view: BreakerView, name: str = name) -> None:
            on_change(name, view)

        members[name] = Member(provider, Breaker(clock, policy, changed), Quota(clock, quota))
    routes = {
        name: Route(name=name, providers=route.providers, on_unknown=route.on_unknown)
        for name, route in settings.config.routes.items()
    }
    routes[TEST_ROUTE] = Route(name=TEST_ROUTE, providers=(BUILT_IN,))
    return Fleet(clock, members, routes)


class Gateway:
    """Everything of one process, started and stopped as a whole."""

    def __init__(self, settings: Settings, *, role: str, clock: Clock | None = None) -> None:
        self.settings = settings
        self.role = role
        self.clock = clock or SystemClock()
        self.started_at = self.clock.now()
        self.metrics = Metrics()
        self.sandbox: Sandbox
        self._stack = contextlib.AsyncExitStack()
        self._background: set[asyncio.Task[None]] = set()
        self._checked: tuple[datetime, str | None] | None = None
        self._leaving = False

    async def start(self) -> Services:
        """Start everything but the HTTP server.

        Raises:
            ConfigError: Something that was configured cannot be used.
            StoreUnavailable: The store cannot be written to now.
        """
        try:
            return await self._start()
        except BaseException:
            await self._stack.aclose()
            raise

    async def _start(self) -> Services:
        config = self.settings.config
        path = sqlite_path(config)
        if path is not None:
            self._stack.enter_context(lock_for_serving(path))
        self.store = open_store(self.settings, self.clock)
        await self.store.open()
        if isinstance(self.store, PostgresStore):
            self.clock = self.store.clock  # the same on every node
        self._stack.push_async_callback(self.store.close)
        await self._start_sandbox(config.sandbox)
        http = PooledHttpClient()
        self._stack.push_async_callback(http.close)
        settings = self._with_built_in()
        tools = make_tools(settings, self.clock, http=http, inbox=self.sandbox.inbox.deliver)
        providers = make_providers(settings, tools)
        self.fleet = _fleet(settings, providers, self.clock, self._breaker_changed)
        self._stack.push_async_callback(self.fleet.close)
        caller = self._webhook_caller()
        self.endpoints = Endpoints(self.store.webhooks, caller, self.clock)
        self.queue = self._started_queue()
        self.watchers = Watchers()
        await self._start_worker(alone=path is not None)
        self._links = unsubscribe_links(config)
        self._start_listener(make_webhooks(settings, tools))
        self._start_publisher(caller)
        self.intake = Intake(
            store=self.store,
            worker=self.worker,
            queue=self.queue,
            watchers=self.watchers,
            routes=self.fleet.routes,
            clock=self.clock,
            metrics=self.metrics,
            policy=IntakePolicy(
                give_up_after=config.queue.give_up_after,
                max_queued=config.queue.max_queued,
                keep_keys=config.idempotency.keep,
                limits=Limits(max_attachment_bytes=config.sender.max_attachment_bytes),
                unsubscribe_links=self._links,
            ),
        )
        self.metrics.info.labels(__version__).set(1)
        return self._services()

    async def stop(self) -> None:
        """Take nothing more, let what is under way end, close everything."""
        self.intake.drain()
        await self.worker.stop(self.settings.config.server.drain_timeout)
        await self._stack.aclose()
        for task in self._background:
            task.cancel()

    def leave(self) -> None:
        """Say "not ready", and go on as before: load balancers need a moment to notice."""
        self._leaving = True

    def drain(self) -> None:
        """Say "not ready" and take nothing more; what is under way goes on."""
        self.intake.drain()

    # ------------------------------------------------ parts

    async def _start_sandbox(self, config: SandboxConfig) -> None:
        """Start the imitations, if wanted; else the sandbox is only the inbox of test keys."""
        if not config.enabled:
            self.sandbox = Sandbox(SandboxSettings(accounts={}), self.clock)
            return
        self.sandbox = await self._started_sandbox(config)
        self._stack.push_async_callback(self.sandbox.stop)
        if self.settings.is_demo:
            ports = (self.sandbox.port_of(name) for name in ("ses", "mailgun", "relay"))
            tables = demo_tables(*ports, control=self.sandbox.http_url)
            self.settings = replace(
                self.settings,
                providers={
                    name: provider_settings(name, table, Source()) for name, table in tables.items()
                },
            )

    async def _started_sandbox(self, config: SandboxConfig) -> Sandbox:
        sandbox = Sandbox(sandbox_settings(config), self.clock)
        try:
            await sandbox.start()
        except OSError as error:
            if not self.settings.is_demo:
                raise ConfigError(f"sandbox: a port is not free: {error.strerror}") from None
            sandbox = Sandbox(
                SandboxSettings(), self.clock
            )  # any free ports: nobody wrote them down
            await sandbox.start()
        return sandbox

    def _with_built_in(self) -> Settings:
        built_in = provider_settings(BUILT_IN, {"kind": "sandbox"}, Source())
        return replace(self.settings, providers={BUILT_IN: built_in, **self.settings.providers})

    def _started_queue(self) -> Queue:
        here = PollingQueue()
        if broker := broker_of(self.settings.config):
            queue = JetStreamQueue(here, broker, self._broker_changed)
            queue.start()
            self._stack.push_async_callback(queue.stop)
            return queue
        if isinstance(self.store, PostgresStore):
            return SharedQueue(here, self.store.bell)
        return here

    async def _start_worker(self, *, alone: bool) -> None:
        config = self.settings.config
        owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        journal = Journal(Path(config.worker.journal), owner)
        journal.open()
        tools = WorkerTools(
            store=self.store,
            journal=journal,
            fleet=self.fleet,
            clock=self.clock,
            policy=RetryPolicy(first=config.queue.retry_first, longest=config.queue.retry_longest),
            metrics=self.metrics,
            on_concluded=self._concluded,
        )
        self.worker = Worker(
            tools,
            self.queue,
            WorkerPolicy(
                owner=owner,
                in_flight=config.worker.in_flight,
                lease=config.worker.lease,
                grace=config.worker.grace,
                poll_interval=config.queue.poll_interval,
                keep_finished=config.store.keep_finished,
                alone=alone,
                claims=self.role != "api",
            ),
        )
        await self.worker.start()

    def _start_listener(self, webhooks: Mapping[str, Webhook]) -> None:
        if self._links is not None:
            webhooks = {**webhooks, BY_LINK: UnsubscribeHook(self._links)}
        listener = Listener(
            webhooks,
            store=self.store,
            clock=self.clock,
            metrics=self.metrics,
            on_settled=self._settled_by_event,
        )
        self.hooks = Hooks(webhooks, store=self.store, listener=listener, metrics=self.metrics)
        if self.role != "api":
            listener.start()
            self._stack.push_async_callback(listener.stop)

    def _webhook_caller(self) -> Caller:
        rules, lookup = target_rules(self.settings.config), SystemLookup()
        self._stack.callback(lookup.close)
        http = webhook_client(CheckedResolver(rules, lookup))
        self._stack.push_async_callback(http.close)
        return Caller(http, self.clock, rules, self.settings.config.webhooks.timeout)

    def _start_publisher(self, caller: Caller) -> None:
        """Publish where mail is sent. Stopped before the store is closed."""
        if self.role == "api":
            return
        config = self.settings.config.webhooks
        publisher = Publisher(
            PublisherTools(
                store=self.store.webhooks,
                caller=caller,
                clock=self.clock,
                metrics=self.metrics,
                may_work=self.worker.may_work,
                chance=random.random,
            ),
            PublisherPolicy(
                owner=self.worker.owner,
                in_flight=config.in_flight,
                pause_after=config.pause_after,
                keep_deliveries=config.keep_deliveries,
            ),
        )
        publisher.start()
        self._stack.push_async_callback(publisher.stop, _LAST_CALLS)

    def _services(self) -> Services:
        config = self.settings.config
        default_from = config.sender.default_from
        return Services(
            store=self.store,
            intake=self.intake,
            actions=Actions(self.store, self.queue, self.clock),
            hooks=self.hooks,
            fleet=self.fleet,
            webhooks=self.endpoints,
            clock=self.clock,
            metrics=self.metrics,
            policy=ApiPolicy(
                version=__version__,
                max_request_bytes=config.server.max_request_bytes,
                cors_origins=config.server.cors_origins,
                trusted_proxies=config.server.trusted_proxies,
                requests_per_minute=config.server.requests_per_minute,
                requests_per_minute_per_address=config.server.requests_per_minute_per_address,
                public_metrics=config.server.public_metrics,
                default_from=_default_from(default_from),
                frontend=frontend_path(config),
                compat=CompatPolicy(
                    mode=config.compat.mode,
                    repeat_window=config.compat.repeat_window,
                    ses_secret=self._ses_secret(),
                ),
            ),
            node=Node(
                name=socket.gethostname(),
                store=config.store.url.partition(":")[0],
                started_at=self.started_at,
                imitates=config.sandbox.enabled,
            ),
            why_not_ready=self._why_not_ready,
            sandbox=self.sandbox,
            unsubscribe_links=self._links,
        )

    def _ses_secret(self) -> Secret | None:
        """Return the configured one; a demo makes one for itself, and keeps it."""
        configured = self.settings.config.compat.ses_secret
        if configured is not None or not self.settings.is_demo:
            return configured
        return kept_secret(DEMO_SES_SECRET)

    # ------------------------------------------------ what happens

    def _concluded(self, message: Message, change: Change) -> None:
        maillog.concluded(
            message,
            change.state,
            provider=change.provider,
            due_at=change.due_at.isoformat() if change.due_at else None,
        )
        self.metrics.message_concluded(message, change.state, self.clock.now())
        self.watchers.concluded(message, change)

    def _settled_by_event(self, learnt: Learnt) -> None:
        if learnt.state is not None and learnt.message_id is not None:
            self.metrics.concluded.labels(learnt.state).inc()
            self.watchers.settled(learnt.message_id, learnt.state)

    def _broker_changed(self, why_away: str | None) -> None:
        self.metrics.broker_reached.set(why_away is None)
        if why_away is None:
            maillog.process("broker_reached")
        else:
            maillog.trouble("broker", why_away)

    def _breaker_changed(self, provider: str, view: BreakerView) -> None:
        is_open = view.state is not BreakerState.CLOSED
        maillog.provider_state(provider, view.state, view.reason)
        self.metrics.breaker_open.labels(provider).set(int(is_open))
        event = Event(
            type=EventType.DEGRADED if is_open else EventType.RECOVERED,
            at=self.clock.now(),
            data={
                "provider": provider,
                "reason": view.reason or "a probe was taken",
                "probe_at": view.probe_at.isoformat() if view.probe_at else None,
            },
        )
        task = asyncio.get_running_loop().create_task(self._keep(event))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _keep(self, event: Event) -> None:
        try:
            await self.store.append_event(event)
        except StoreUnavailable as error:
            maillog.trouble("append_event", str(error))

    async def _why_not_ready(self) -> str | None:
        if self._leaving or self.intake.is_draining:
            return "the process is stopping"
        now = self.clock.now()
        if self._checked is None or now - self._checked[0] >= timedelta(seconds=1):
            try:
                await self.store.check()
            except StoreUnavailable as error:
                maillog.trouble("ready", str(error))
                self._checked = (now, "mail cannot be stored durably")
            else:
                self._checked = (now, None)
        return self._checked[1]


def _default_from(text: str | None) -> Mailbox | None:
    return parse_mailbox(text) if text else None
