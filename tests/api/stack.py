"""The whole gateway behind the API, in one process, with scripted providers at its far end."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2

from mail_sender.api.asgi import make_app
from mail_sender.api.services import ApiPolicy, CompatPolicy, Node, SandboxControl, Services
from mail_sender.clock import Clock, SystemClock
from mail_sender.delivery.breaker import Breaker, BreakerPolicy
from mail_sender.delivery.fleet import Fleet, Member
from mail_sender.delivery.quota import Quota, QuotaPolicy
from mail_sender.delivery.retry import RetryPolicy
from mail_sender.delivery.router import TEST_ROUTE, Route
from mail_sender.domain.message import MessageId, OnUnknown
from mail_sender.domain.secret import Secret
from mail_sender.domain.unsubscribe import UnsubscribeLinks
from mail_sender.events.endpoints import Endpoints
from mail_sender.events.resolver import CheckedResolver
from mail_sender.events.targets import TargetRules, networks
from mail_sender.events.webhook import Caller, webhook_client
from mail_sender.feedback.hooks import Hooks
from mail_sender.feedback.listener import Listener
from mail_sender.feedback.unsubscribe import BY_LINK, UnsubscribeHook
from mail_sender.intake.actions import Actions
from mail_sender.intake.intake import Intake, IntakePolicy
from mail_sender.intake.keys import issue_key
from mail_sender.observability.metrics import Metrics
from mail_sender.providers.webhook import Webhook
from mail_sender.queue.polling import PollingQueue
from mail_sender.store.memory import MemoryStore
from mail_sender.store.port import ApiKey, Scope
from mail_sender.worker.hand_over import Tools
from mail_sender.worker.journal import Journal
from mail_sender.worker.worker import Watchers, Worker, WorkerPolicy

from .scripted import Scripted, ScriptedWebhook, Verifying

VERSION = "9.9.9"
MAX_BYTES = 4_000_000
SES_SECRET = Secret("of the operator")
_numbers = itertools.count(1)

Json = dict[str, Any]


@dataclass(slots=True)
class NotReadyWhen:
    """What the readiness check says; a test changes it."""

    reason: str | None = None

    async def __call__(self) -> str | None:
        return self.reason


@dataclass(slots=True, kw_only=True)
class Stack:
    """Everything a test may want to look at."""

    app: Any
    services: Services
    store: MemoryStore
    worker: Worker
    queue: PollingQueue
    clock: Clock
    ready: NotReadyWhen
    key: ApiKey
    secret: str
    providers: Mapping[str, Scripted]
    listener: Listener

    @property
    def ses(self) -> Scripted:
        return self.providers["ses"]

    @property
    def mailgun(self) -> Scripted:
        return self.providers["mailgun"]

    @property
    def built_in(self) -> Scripted:
        return self.providers["built_in"]

    def client(
        self, secret: str | None = "", *, peer: str = "127.0.0.1", **headers: str
    ) -> httpx2.AsyncClient:
        """Return a client with the stack's key, another one, or (None) without any."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if secret is not None:
            named["Authorization"] = f"Bearer {secret or self.secret}"
        return httpx2.AsyncClient(
            transport=httpx2.ASGITransport(self.app, client=(peer, 1234)),
            base_url="http://gateway.test",
            headers=named,
        )

    async def issue(self, *scopes: Scope, **fields: Any) -> str:  # noqa: ANN401
        """Return the secret of a new key with these scopes (default: all)."""
        name = fields.pop("name", f"key {next(_numbers)}")
        _, secret = await issue_key(
            self.store, self.clock, name=name, scopes=scopes or tuple(Scope), **fields
        )
        return secret

    def behind(self, **policy: Any) -> Stack:  # noqa: ANN401
        """Return the same gateway behind a door with another policy."""
        changed = dataclasses.replace(self.services.policy, **policy)
        services = dataclasses.replace(self.services, policy=changed)
        return dataclasses.replace(self, services=services, app=make_app(services))

    async def state(self, id_: str) -> str:
        record = await self.store.get(MessageId(id_))
        assert record is not None
        return record.state.value


def providers() -> dict[str, Scripted]:
    """Two real ones, in whose order the default route asks, and the sandbox of test keys."""
    return {
        "built_in": Scripted("built_in", kind="sandbox"),
        "ses": Verifying("ses", kind="ses"),
        "mailgun": Scripted("mailgun", kind="mailgun"),
    }


@contextlib.asynccontextmanager
async def running(
    journal: Path,
    *,
    clock: Clock | None = None,
    claims: bool = True,
    max_queued: int = 1_000,
    sandbox: SandboxControl | None = None,
    webhooks: Mapping[str, Webhook] | None = None,
    links: UnsubscribeLinks | None = None,
    **policy: Any,  # noqa: ANN401
) -> AsyncIterator[Stack]:
    """Start a gateway and stop it again.

    Args:
        journal: A directory of its own.
        clock: None for the machine's.
        claims: False: nothing leaves the queue, but for sync messages.
        max_queued: Limit of the queue.
        sandbox: What answers behind `/v1/sandbox`.
        webhooks: By the names of providers; a scripted one for each of the two by default.
        links: For mail that shall have one to unsubscribe by.
        policy: Fields of `ApiPolicy`.
    """
    clock = clock or SystemClock()
    store = MemoryStore(clock)
    await store.open()
    metrics, queue, watchers = Metrics(), PollingQueue(), Watchers()
    far_side = providers()
    fleet = Fleet(
        clock,
        {
            name: Member(it, Breaker(clock, BreakerPolicy()), Quota(clock, QuotaPolicy()))
            for name, it in far_side.items()
        },
        {
            "default": Route(name="default", providers=("ses", "mailgun")),
            "otp": Route(name="otp", providers=("mailgun",), on_unknown=OnUnknown.RISK_DUPLICATE),
            TEST_ROUTE: Route(name=TEST_ROUTE, providers=("built_in",)),
        },
    )
    outcomes = Journal(journal, "tests")
    outcomes.open()
    worker = Worker(
        Tools(
            store=store,
            journal=outcomes,
            fleet=fleet,
            clock=clock,
            policy=RetryPolicy(first=timedelta(seconds=60)),
            metrics=metrics,
            on_concluded=watchers.concluded,
        ),
        queue,
        WorkerPolicy(owner="tests", claims=claims, poll_interval=timedelta(milliseconds=20)),
    )
    await worker.start()
    intake = Intake(
        store=store,
        worker=worker,
        queue=queue,
        watchers=watchers,
        routes=fleet.routes,
        clock=clock,
        metrics=metrics,
        policy=IntakePolicy(max_queued=max_queued, unsubscribe_links=links),
    )
    hooks = dict(webhooks or {name: ScriptedWebhook() for name in ("ses", "mailgun")})
    if links is not None:
        hooks[BY_LINK] = UnsubscribeHook(links)
    listener = Listener(
        hooks,
        store=store,
        clock=clock,
        metrics=metrics,
        on_settled=lambda it: watchers.settled(it.message_id, it.state),  # type: ignore[arg-type]
    )
    if claims:
        listener.start()
    ready = NotReadyWhen()
    rules = TargetRules(allow_http=True, allowed=networks(["127.0.0.0/8"]))
    http = webhook_client(CheckedResolver(rules, asyncio.get_running_loop().getaddrinfo))
    caller = Caller(http, clock, rules, timedelta(seconds=5))
    services = Services(
        store=store,
        intake=intake,
        actions=Actions(store, queue, clock),
        hooks=Hooks(hooks, store=store, listener=listener, metrics=metrics),
        fleet=fleet,
        webhooks=Endpoints(store.webhooks, caller, clock),
        clock=clock,
        metrics=metrics,
        policy=ApiPolicy(
            version=VERSION,
            max_request_bytes=MAX_BYTES,
            stream_poll_interval=timedelta(milliseconds=10),
            compat=CompatPolicy(ses_secret=SES_SECRET),
            **policy,
        ),
        node=Node(name="node-1", store="memory", started_at=clock.now(), imitates=True),
        why_not_ready=ready,
        sandbox=sandbox,
        unsubscribe_links=links,
    )
    key, secret = await issue_key(store, clock, name="tests", scopes=tuple(Scope))
    try:
        yield Stack(
            app=make_app(services),
            services=services,
            store=store,
            worker=worker,
            queue=queue,
            clock=clock,
            ready=ready,
            key=key,
            secret=secret,
            providers=far_side,
            listener=listener,
        )
    finally:
        await listener.stop()
        await worker.stop(timedelta(seconds=1))
        await http.close()
        await store.close()


def mail(**fields: Any) -> Json:  # noqa: ANN401
    """Return the body of a small valid mail; a field that is `...` is left out."""
    body: Json = {
        "from": "Shop <shop@example.com>",
        "to": ["ann@example.net"],
        "subject": "Order 7",
        "text": "Thank you for your order.",
        **{("from" if name == "sender" else name): value for name, value in fields.items()},
    }
    return {name: value for name, value in body.items() if value is not ...}


def pointers(answer: httpx2.Response) -> list[str]:
    """Return the pointers of a problem, in order."""
    return [fault["pointer"] for fault in answer.json().get("errors", ())]
