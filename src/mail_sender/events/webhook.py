"""One attempt at a delivery: signed, sent once, and what came back.

Neighbours: `publisher` and the test of an endpoint call it. Whatever the receiver does is a value:
no answer of theirs raises here. Redirects are not followed (an answer like any other), and of the
answer no more is read than is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from ..clock import Clock
from ..domain.webhook import MAX_ANSWER_BYTES, Webhook, WebhookAttempt, WebhookDelivery
from ..http.answer import AnswerLimits
from ..http.call import HttpClient, Request, Silence, Timeouts
from ..http.client import PooledHttpClient
from ..http.dates import retry_after
from ..http.dial import Resolve
from .signature import signed_headers
from .targets import TargetRules, parse_url

_CONTENT: Mapping[str, str] = {"Content-Type": "application/json", "Accept": "*/*"}
_WRITE = timedelta(seconds=10)
_CONNECT = timedelta(seconds=5)


def webhook_client(resolve: Resolve) -> PooledHttpClient:
    """Return a client for webhooks, apart from that of the providers."""
    limits = AnswerLimits(body=MAX_ANSWER_BYTES, cuts=True)
    return PooledHttpClient(limits=limits, resolve=resolve)


@dataclass(frozen=True, slots=True)
class Called:
    """An attempt, and when the receiver wants the next one, if it said so."""

    attempt: WebhookAttempt
    retry_after: timedelta | None = None


class Caller:
    """Calls webhooks."""

    def __init__(
        self, http: HttpClient, clock: Clock, rules: TargetRules, timeout: timedelta
    ) -> None:
        """Make a caller.

        Args:
            http: See `webhook_client`.
            clock: For the timestamps that are signed.
            rules: Where webhooks may lead; those of the time of the call, not of its making.
            timeout: How long a receiver may take to answer once it has the request.
        """
        self.rules = rules
        self._http = http
        self._clock = clock
        self._timeouts = Timeouts(connect=_CONNECT, write=_WRITE, answer=timeout)

    async def call(self, webhook: Webhook, delivery: WebhookDelivery) -> Called:
        """Make one attempt."""
        at = self._clock.now()
        try:
            url = parse_url(webhook.settings.url, self.rules)
        except ValueError as error:  # taken under rules that were laxer
            return Called(WebhookAttempt(at=at, duration=timedelta(0), error=f"URL: {error}"))
        signed = signed_headers(delivery.id, delivery.body, at=at, secrets=webhook.secrets(at))
        request = Request(
            method="POST",
            url=url,
            headers={**_CONTENT, **signed},
            body=delivery.body,
        )
        try:
            answer = await self._http.call(request, self._timeouts)
        except Silence as silence:
            took = self._clock.now() - at
            return Called(WebhookAttempt(at=at, duration=took, error=silence.reason))
        now = self._clock.now()
        attempt = WebhookAttempt(at=at, duration=now - at, status=answer.status, answer=answer.text)
        return Called(attempt, retry_after(answer, now=now))
