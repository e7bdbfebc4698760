"""The way in for providers' calls: judged, made durable, then answered. Nothing is read here.

Neighbours: `api.hooks` is the door, each provider's `webhook` judges, the store keeps; `Listener`
reads what was kept. A provider repeats a call until it hears that it was taken, so nothing may
be said before the call is durable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..domain.errors import (
    HookNotNow,
    HookUndecided,
    InvalidHook,
    NotFound,
    NotGenuine,
    StoreUnavailable,
)
from ..observability import maillog
from ..observability.metrics import Metrics
from ..providers.webhook import (
    Answered,
    Forged,
    Genuine,
    Malformed,
    Undecided,
    Webhook,
    WebhookCall,
)
from ..store.port import HookCall, Store
from .listener import Listener

MAX_BODY_BYTES: Final = 8 * 1024 * 1024  #: several times the largest that any provider sends


class Hooks:
    """Takes calls in, for the providers that have a webhook."""

    def __init__(
        self,
        webhooks: Mapping[str, Webhook],
        *,
        store: Store,
        listener: Listener,
        metrics: Metrics,
    ) -> None:
        self._webhooks = webhooks
        self._store = store
        self._listener = listener
        self._metrics = metrics

    def takes(self, provider: str) -> bool:
        """Return whether this provider may tell something here."""
        return provider in self._webhooks

    async def take(self, provider: str, call: WebhookCall) -> None:
        """Take a call in; when this returns, it is durable or was done.

        Raises:
            NotFound: No such provider takes events here.
            NotGenuine, InvalidHook: Nothing was kept.
            HookUndecided, HookNotNow, StoreUnavailable: Nothing was kept; the provider shall
                come again.
        """
        webhook = self._webhooks.get(provider)
        if webhook is None:
            self._refused("", "unknown_provider", provider[:100])
            raise NotFound(provider)
        try:
            await self._take(provider, webhook, call)
        except (HookUndecided, StoreUnavailable) as error:
            if webhook.comes_again_after_5xx:
                raise
            raise HookNotNow(str(error)) from error

    async def _take(self, provider: str, webhook: Webhook, call: WebhookCall) -> None:
        judgement = await webhook.judge(call)
        match judgement:
            case Genuine(key=key):
                await self._keep(HookCall(provider=provider, key=key, body=call.body))
            case Answered(said=said):
                maillog.process("webhook", provider=provider, said=said)
                self._metrics.hooks.labels(provider, "handshake").inc()
            case Forged(said=said):
                self._refused(provider, "forged", said)
                raise NotGenuine(said)
            case Malformed(said=said):
                self._refused(provider, "malformed", said)
                raise InvalidHook(said)
            case Undecided(said=said):
                self._refused(provider, "undecided", said)
                raise HookUndecided(said)

    async def _keep(self, call: HookCall) -> None:
        try:
            is_new = await self._store.keep_hook(call)
        except StoreUnavailable:
            self._metrics.store_errors.inc()
            raise
        self._metrics.hooks.labels(call.provider, "stored" if is_new else "repeated").inc()
        self._listener.announce()

    def _refused(self, provider: str, why: str, said: str) -> None:
        self._metrics.hooks.labels(provider, why).inc()
        maillog.hook_refused(provider, why, said)
