"""Prometheus metrics. Names and labels are part of what operators rely on (docs/metrics.md).

Neighbours: `intake`, `worker`, `delivery` and `events` count; `api` renders. One registry per
process, made by `app`, so that tests do not share counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ..domain.attempt import Attempt
from ..domain.message import Message
from ..domain.status import State
from ..domain.webhook import WebhookAttempt, WebhookId

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LATENCY = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 600)
_AGE = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 6 * 3600, 24 * 3600)


class Metrics:
    """Every metric of the process."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.accepted = Counter(
            "mail_sender_messages_accepted", "Messages made durable.",
            ["mode", "priority"], registry=registry,
        )  # fmt: skip
        self.refused = Counter(
            "mail_sender_requests_refused", "Submissions that were not taken.",
            ["code"], registry=registry,
        )  # fmt: skip
        self.attempts = Counter(
            "mail_sender_attempts", "Calls to providers, and providers passed over.",
            ["provider", "outcome", "blame"], registry=registry,
        )  # fmt: skip
        self.attempt_seconds = Histogram(
            "mail_sender_attempt_seconds", "Duration of calls to providers.",
            ["provider"], buckets=_LATENCY, registry=registry,
        )  # fmt: skip
        self.suppressed = Counter(
            "mail_sender_recipients_suppressed", "Recipients on the suppression list, left out.",
            ["reason"], registry=registry,
        )  # fmt: skip
        self.concluded = Counter(
            "mail_sender_messages_concluded", "Passes over the providers, by the state after.",
            ["state"], registry=registry,
        )  # fmt: skip
        self.hand_over_seconds = Histogram(
            "mail_sender_hand_over_seconds", "From acceptance (or send_at) to sent.",
            ["priority"], buckets=_AGE, registry=registry,
        )  # fmt: skip
        self.accept_seconds = Histogram(
            "mail_sender_accept_seconds", "Time to make a submission durable.",
            buckets=_LATENCY, registry=registry,
        )  # fmt: skip
        self.messages = Gauge(
            "mail_sender_messages", "Messages that are not final.",
            ["state", "priority"], registry=registry,
        )  # fmt: skip
        self.oldest_due_seconds = Gauge(
            "mail_sender_oldest_due_seconds", "How long the oldest due message has waited.",
            registry=registry,
        )  # fmt: skip
        self.in_flight = Gauge(
            "mail_sender_in_flight", "Messages being handed over now.", registry=registry
        )
        self.breaker_open = Gauge(
            "mail_sender_breaker_open", "1 while a provider is left out.",
            ["provider"], registry=registry,
        )  # fmt: skip
        self.provider_paused = Gauge(
            "mail_sender_provider_paused", "1 while a person has paused a provider.",
            ["provider"], registry=registry,
        )  # fmt: skip
        self.hooks = Counter(
            "mail_sender_hook_calls", "Calls of providers' webhooks, by what became of them.",
            ["provider", "result"], registry=registry,
        )  # fmt: skip
        self.hook_lag_seconds = Gauge(
            "mail_sender_hook_lag_seconds", "How long the oldest unread call has waited.",
            registry=registry,
        )  # fmt: skip
        self.feedback = Counter(
            "mail_sender_provider_events", "What providers told of mails, and whose it was.",
            ["provider", "fact", "fate"], registry=registry,
        )  # fmt: skip
        self.feedback_lag_seconds = Histogram(
            "mail_sender_provider_event_lag_seconds", "From a provider's event to its message.",
            ["provider"], buckets=_AGE, registry=registry,
        )  # fmt: skip
        self.webhook_attempts = Counter(
            "mail_sender_webhook_attempts", "Calls to webhooks, by the class of the answer.",
            ["answer"], registry=registry,
        )  # fmt: skip
        self.webhook_attempt_seconds = Histogram(
            "mail_sender_webhook_attempt_seconds", "Duration of calls to webhooks.",
            buckets=_LATENCY, registry=registry,
        )  # fmt: skip
        self.webhook_pending = Gauge(
            "mail_sender_webhook_pending", "Deliveries that wait for an attempt.",
            ["webhook"], registry=registry,
        )  # fmt: skip
        self.webhook_paused = Gauge(
            "mail_sender_webhook_paused", "1 while a webhook is not called.",
            ["webhook"], registry=registry,
        )  # fmt: skip
        self.store_errors = Counter(
            "mail_sender_store_errors", "Writes that could not be made durable.", registry=registry
        )
        self.broker_reached = Gauge(
            "mail_sender_broker_reached", "1 while the message broker answers.", registry=registry
        )
        self.smtp_connections = Gauge(
            "mail_sender_smtp_connections", "Open connections of SMTP clients.", registry=registry
        )
        # Looking a label up costs four times what counting does, and there are few of them.
        self._attempts_of = cache(self.attempts.labels)
        self._attempt_seconds_of = cache(self.attempt_seconds.labels)
        self._accepted_of = cache(self.accepted.labels)
        self._concluded_of = cache(self.concluded.labels)
        self._hand_over_seconds_of = cache(self.hand_over_seconds.labels)
        self.info = Gauge(
            "mail_sender_info", "The version that runs.", ["version"], registry=registry
        )

    def attempt(self, _message: Message, made: Attempt) -> None:
        """Count an attempt."""
        self._attempts_of(made.provider, made.outcome, made.blame or "").inc()
        if made.duration:
            self._attempt_seconds_of(made.provider).observe(made.duration.total_seconds())

    def message_accepted(self, message: Message) -> None:
        """Count a message that became durable."""
        self._accepted_of(message.content.mode, message.content.priority).inc()

    def message_concluded(self, message: Message, state: State, now: datetime) -> None:
        """Count the end of a pass; where the message was sent, also how long that took."""
        self._concluded_of(state).inc()
        if state is State.SENT:
            since = max(message.content.send_at or message.created_at, message.created_at)
            took = max((now - since).total_seconds(), 0.0)
            self._hand_over_seconds_of(message.content.priority).observe(took)

    def waiting(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Set how many messages are in each (state, priority); priority may be empty."""
        for (state, priority), count in counts.items():
            self.messages.labels(state, priority).set(count)

    def webhook_attempt(self, made: WebhookAttempt) -> None:
        """Count a call to a webhook."""
        answer = f"{made.status // 100}xx" if made.status is not None else "none"
        self.webhook_attempts.labels(answer).inc()
        self.webhook_attempt_seconds.observe(max(made.duration.total_seconds(), 0.0))

    def webhooks(self, paused: Mapping[WebhookId, bool], pending: Mapping[WebhookId, int]) -> None:
        """Set how each webhook stands; those that are gone go from here too."""
        self.webhook_paused.clear()
        self.webhook_pending.clear()
        for id_, is_paused in paused.items():
            self.webhook_paused.labels(id_).set(is_paused)
            self.webhook_pending.labels(id_).set(pending.get(id_, 0))

    def render(self) -> bytes:
        """Return the exposition text."""
        return generate_latest(self.registry)
