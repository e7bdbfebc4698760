"""Take a message: check it, make it durable in one commit, then wake the queue or deliver now.

Neighbours: every door ends here; the store keeps; `worker` sends. Nothing is answered before
the store has the message. A sync message is accepted by the hand-over itself, with its first
call already begun, and its caller waits for the end.
"""

from __future__ import annotations

import asyncio
import dataclasses
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from ..clock import Clock
from ..delivery.router import DEFAULT_ROUTE, TEST_ROUTE, Route
from ..domain.attempt import Attempt, OutcomeKind
from ..domain.errors import (
    Draining,
    Fault,
    IdempotencyInProgress,
    IdempotencyMismatch,
    InvalidMessage,
    MailSenderError,
    NotFound,
    QueueFull,
    SenderNotAllowed,
    StoreUnavailable,
)
from ..domain.event import Event, EventType
from ..domain.message import Content, Message, MessageId, Mode, new_message_id
from ..domain.outcome import Blame
from ..domain.status import RecipientStatus, State
from ..domain.unsubscribe import UnsubscribeLinks, Unsubscription
from ..observability import maillog
from ..observability.metrics import Metrics
from ..queue.port import Queue
from ..store.codec import encode_content, fingerprint
from ..store.port import (
    ApiKey,
    Change,
    Duplicate,
    IdempotencyClaim,
    NewMessage,
    Recipient,
    RecipientChange,
    Record,
    Store,
    Stored,
)
from ..worker.hand_over import HandOver
from ..worker.worker import Watchers, Worker
from .rules import Limits, check

MAX_IDEMPOTENCY_KEY = 255


class Verdict(StrEnum):
    """What a submission came to, in the words of the answers in the HTTP contract."""

    ACCEPTED = "accepted"  #: durable; not final yet (202)
    SENT = "sent"  #: a provider took it (200)
    MESSAGE_REFUSED = "message_refused"  #: sync: no provider will take this message (422)
    NOT_SENT = "not_sent"  #: sync: every provider failed, nothing will be sent later (503)
    OUTCOME_UNKNOWN = "outcome_unknown"  #: sync: the time is up, a provider may have it (504)


class ClientKey(NamedTuple):
    """An idempotency key, and for how long it counts; None: as configured."""

    text: str
    keep_for: timedelta | None = None


class Submission(msgspec.Struct, frozen=True):
    """A durable message and what became of it so far."""

    record: Record
    verdict: Verdict
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakePolicy:
    """See `config.QueueConfig`, `config.IdempotencyConfig`, `config.SenderConfig`."""

    give_up_after: timedelta = timedelta(hours=20)
    max_queued: int = 1_000_000
    keep_keys: timedelta = timedelta(hours=24)
    sync_timeout: timedelta = timedelta(seconds=30)
    limits: Limits = field(default_factory=Limits)
    unsubscribe_links: UnsubscribeLinks | None = None


class Intake:
    """See the module."""

    def __init__(
        self,
        *,
        store: Store,
        worker: Worker,
        queue: Queue,
        watchers: Watchers,
        routes: Mapping[str, Route],
        clock: Clock,
        metrics: Metrics,
        policy: IntakePolicy,
    ) -> None:
        self._store = store
        self._worker = worker
        self._queue = queue
        self._watchers = watchers
        self._routes = routes
        self._clock = clock
        self._metrics = metrics
        self._policy = policy
        self._draining = False

    def drain(self) -> None:
        """Take nothing more."""
        self._draining = True

    @property
    def is_draining(self) -> bool:
        """Whether the process is stopping."""
        return self._draining

    async def submit(
        self,
        content: Content,
        *,
        key: ApiKey,
        idempotency_key: str | ClientKey | None = None,
        wait: timedelta | None = None,
    ) -> Submission:
        """Take one message.

        Args:
            content: What the client said.
            key: The API key that it came with.
            idempotency_key: Same key and same content: the first message again.
            wait: Async only: how long to wait for a final hand-over.

        Raises:
            InvalidMessage, SenderNotAllowed, IdempotencyMismatch, IdempotencyInProgress,
            QueueFull, Draining, StoreUnavailable: Nothing was accepted.
        """
        new = self.prepare(content, key=key, idempotency_key=idempotency_key)
        if content.mode is Mode.SYNC:
            return await self._deliver_now(new)
        at_once = new.due_at <= new.message.created_at and self._worker.may_begin_at_once()
        if at_once:
            kept = await self._worker.accept_and_begin(new, self._accept)
        else:
            kept = await self._accept(new)
        if isinstance(kept, Duplicate):
            return await self._replay(new, kept, wait)
        if not at_once:
            self._announce(new)
        return await self._waited(fresh_record(new), wait)

    async def submit_many(
        self,
        items: Sequence[tuple[Content | MailSenderError, str | ClientKey | None]],
        *,
        key: ApiKey,
    ) -> list[Submission | MailSenderError]:
        """Take several async messages in one commit; each stands or falls alone.

        Args:
            items: Contents with their idempotency keys. An error in place of a content (its
                door could not read it) comes back at its place.
            key: The API key that they came with.

        Raises:
            QueueFull, Draining, StoreUnavailable: None was accepted.
        """
        self._must_be_open()
        prepared: list[NewMessage | MailSenderError] = []
        for content, idempotency_key in items:
            if isinstance(content, MailSenderError):
                prepared.append(content)
                continue
            try:
                if content.mode is Mode.SYNC:
                    raise InvalidMessage([Fault("/mode", "a batch is async")])
                prepared.append(self.prepare(content, key=key, idempotency_key=idempotency_key))
            except (QueueFull, Draining):
                raise
            except MailSenderError as error:
                prepared.append(error)
        news = [new for new in prepared if isinstance(new, NewMessage)]
        kept = iter(await self._store.accept_many(news) if news else ())
        results: list[Submission | MailSenderError] = []
        for new in prepared:
            if isinstance(new, MailSenderError):
                results.append(new)
            else:
                results.append(await self._one_of_many(new, next(kept)))
        self._queue.announce(len(news))
        return results

    def prepare(
        self,
        content: Content,
        *,
        key: ApiKey,
        idempotency_key: str | ClientKey | None = None,
    ) -> NewMessage:
        """Check a message and return what would be stored. Raises as `submit`."""
        self._must_be_open()
        now = self._clock.now()
        links = self._policy.unsubscribe_links
        check(content, limits=self._policy.limits, now=now, has_links=links is not None)
        client_key = (
            ClientKey(idempotency_key) if isinstance(idempotency_key, str) else idempotency_key
        )
        _check_idempotency_key(client_key)
        _must_be_sent_by(content, key)
        route = self._route(content, key)
        id_ = new_message_id(now)
        encoded = encode_content(content)
        claim = self._claim(client_key, encoded)
        if content.unsubscribe and links is not None:
            content = _with_link(content, id_, links)
            encoded = encode_content(content)
        message = Message(
            id=id_,
            content=content,
            created_at=now,
            give_up_at=max(now, content.send_at or now)
            + (content.give_up_after or self._policy.give_up_after),
            route=route.name,
            on_unknown=content.on_unknown or route.on_unknown,
            key_id=key.id,
            is_test=key.is_test,
        )
        due_at = max(content.send_at or now, now)
        kind = EventType.SCHEDULED if due_at > now else EventType.QUEUED
        return NewMessage(
            message=message,
            encoded=encoded,
            due_at=due_at,
            idempotency=claim,
            events=(
                Event(
                    type=kind,
                    at=now,
                    message_id=message.id,
                    data={"mode": content.mode, "route": route.name},
                ),
            ),
        )

    # ------------------------------------------------ inside

    def _claim(self, key: ClientKey | None, encoded: bytes) -> IdempotencyClaim | None:
        if key is None:
            return None
        return IdempotencyClaim(
            key=key.text,
            fingerprint=fingerprint(encoded),
            keep_for=key.keep_for or self._policy.keep_keys,
        )

    def _must_be_open(self) -> None:
        if self._draining:
            raise Draining("the process is stopping")
        depth = self._worker.depth
        if depth is not None and depth.open >= self._policy.max_queued:
            raise QueueFull(f"{depth.open} messages wait")

    def _route(self, content: Content, key: ApiKey) -> Route:
        if key.is_test:
            return self._routes[TEST_ROUTE]
        name = content.route or DEFAULT_ROUTE
        route = self._routes.get(name)
        if route is None or name == TEST_ROUTE:
            there_are = ", ".join(sorted(set(self._routes) - {TEST_ROUTE})) or "none"
            raise InvalidMessage([Fault("/route", f"no such route; there are: {there_are}")])
        return route

    async def _accept(self, new: NewMessage) -> Stored | Duplicate:
        begun = time.perf_counter()
        kept = await self._store.accept(new)
        self._metrics.accept_seconds.observe(time.perf_counter() - begun)
        if isinstance(kept, Stored):
            self._note_accepted(new)
        return kept

    def _note_accepted(self, new: NewMessage) -> None:
        self._metrics.message_accepted(new.message)
        maillog.accepted(new.message)

    def _announce(self, new: NewMessage) -> None:
        if new.due_at <= self._clock.now():
            self._queue.announce()

    async def _one_of_many(
        self, new: NewMessage, kept: Stored | Duplicate
    ) -> Submission | MailSenderError:
        if isinstance(kept, Stored):
            self._note_accepted(new)
            return Submission(fresh_record(new), Verdict.ACCEPTED)
        try:
            return await self._replay(new, kept, None)
        except MailSenderError as error:
            return error

    async def _deliver_now(self, new: NewMessage) -> Submission:
        until = self._clock.now() + (new.message.content.timeout or self._policy.sync_timeout)
        hand_over = await self._worker.deliver_now(new, self._accept, until)
        if isinstance(hand_over, Duplicate):
            return await self._replay(new, hand_over, None)
        record = await self._after(hand_over, fresh_record(new))
        return Submission(record, sync_verdict(record))

    async def _after(self, hand_over: HandOver, before: Record) -> Record:
        """Return what may be told of a message now.

        That a provider took it is true whatever the store says. That nothing will be sent later
        is only true once it is recorded: until then the outcome counts as unknown.
        """
        change = hand_over.change
        if change is not None and (hand_over.recorded or change.state is State.SENT):
            return _concluded(before, change, hand_over.attempts, self._clock.now())
        try:
            record = await self._store.get(before.message.id) or before
        except StoreUnavailable:
            record = before
        return replace(record, state=State.SENDING) if change is not None else record

    async def _replay(
        self, new: NewMessage, first: Duplicate, wait: timedelta | None
    ) -> Submission:
        claim = new.idempotency
        if claim is None or claim.fingerprint != first.fingerprint:
            raise IdempotencyMismatch(first.id)
        record = await self._store.get(first.id)
        if record is None:
            raise NotFound(first.id)
        maillog.accepted(new.message, duplicate_of=first.id)
        if new.message.content.mode is Mode.SYNC:
            if record.state in {State.QUEUED, State.LEASED}:
                raise IdempotencyInProgress(first.id)
            if record.state is State.SENDING and self._is_young(record):
                raise IdempotencyInProgress(first.id)
            return Submission(record, sync_verdict(record), replayed=True)
        waited = await self._waited(record, wait)
        if waited.verdict is Verdict.SENT:
            return Submission(waited.record, waited.verdict, replayed=True)
        return Submission(as_accepted(record), Verdict.ACCEPTED, replayed=True)

    def _is_young(self, record: Record) -> bool:
        """Whether the first caller of a sync message may still be waiting for its answer."""
        timeout = record.message.content.timeout or self._policy.sync_timeout
        return self._clock.now() < record.message.created_at + timeout

    async def _waited(self, record: Record, wait: timedelta | None) -> Submission:
        """Give an async message up to `wait` to become final."""
        if wait:
            record = await self._watched(record, self._clock.now() + wait)
        final = wait is not None and record.state.is_final
        return Submission(record, Verdict.SENT if final else Verdict.ACCEPTED)

    async def _watched(self, record: Record, until: datetime) -> Record:
        """Return the record as it is when the message has ended, or then.

        It may have ended before anybody watched, and another process may end it: so the store is
        asked first, and every second.
        """
        id_ = record.message.id
        with self._watchers.watching(id_) as ended:
            while True:
                record = await self._store.get(id_) or record
                left = until - self._clock.now()
                if record.state.is_final or left <= timedelta(0):
                    return record
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left.total_seconds(), 1.0)):
                        await ended.wait()
                ended.clear()


def _concluded(
    before: Record, change: Change, attempts: Sequence[Attempt], now: datetime
) -> Record:
    """Return the record as the store has it after a change, without asking the store."""
    return replace(
        before,
        state=change.state,
        due_at=change.due_at,
        updated_at=now,
        recipients=tuple(
            _learnt(recipient, change.recipients.get(recipient.address), now)
            for recipient in before.recipients
        ),
        attempts=tuple(attempts),
        provider=change.provider,
        provider_message_id=change.provider_message_id,
    )


def _learnt(recipient: Recipient, news: RecipientChange | None, now: datetime) -> Recipient:
    if news is None:
        return recipient
    return replace(
        recipient,
        status=news.status,
        updated_at=now,
        provider=news.provider,
        code=news.code,
        enhanced_code=news.enhanced_code,
        detail=news.detail,
    )


def sync_verdict(record: Record) -> Verdict:
    """Return what the caller of a sync request is told, from the record alone."""
    match record.state:
        case State.SENT:
            return Verdict.SENT
        case State.FAILED | State.SUPPRESSED:
            return Verdict.MESSAGE_REFUSED if _is_refused(record) else Verdict.NOT_SENT
        case State.EXPIRED | State.CANCELLED:
            return Verdict.NOT_SENT
        case State.UNKNOWN | State.SENDING | State.LEASED | State.QUEUED:
            return Verdict.OUTCOME_UNKNOWN


def _is_refused(record: Record) -> bool:
    """Whether the message or its recipients are at fault, or no provider can express it."""
    asked = [a for a in record.attempts if a.outcome is not OutcomeKind.SKIPPED]
    if not asked:
        return record.state is State.SUPPRESSED or (
            bool(record.attempts) and all(a.blame is Blame.MESSAGE for a in record.attempts)
        )
    return _faults_beyond_the_provider(asked[-1])


def _faults_beyond_the_provider(attempt: Attempt) -> bool:
    blames = {attempt.blame, *(each.blame for each in attempt.recipients)}
    return bool(blames & {Blame.MESSAGE, Blame.RECIPIENT})


def fresh_record(new: NewMessage) -> Record:
    """Return the record of a message that was stored a moment ago."""
    content = new.message.content
    return Record(
        message=new.message,
        state=State.QUEUED,
        held=False,
        due_at=new.due_at,
        updated_at=new.message.created_at,
        recipients=tuple(
            Recipient(
                address=address,
                kind=kind,
                status=RecipientStatus.QUEUED,
                updated_at=new.message.created_at,
            )
            for address, kind in content.kinds.items()
        ),
        attempts=(),
        provider=None,
        provider_message_id=None,
    )


def as_accepted(record: Record) -> Record:
    """Return the record as it was when the message was accepted: the first answer again."""
    content = record.message.content
    return fresh_record(
        NewMessage(
            message=record.message,
            encoded=b"",
            due_at=max(content.send_at or record.message.created_at, record.message.created_at),
        )
    )


def _must_be_sent_by(content: Content, key: ApiKey) -> None:
    """Raise `SenderNotAllowed` where a key with sender domains names another, to anyone's eyes."""
    if not key.sender_domains:
        return
    if content.sender.domain not in key.sender_domains:
        raise SenderNotAllowed(content.sender.address)
    if content.mail_from and content.mail_from.rpartition("@")[2] not in key.sender_domains:
        raise SenderNotAllowed(content.mail_from)


def _check_idempotency_key(key: ClientKey | None) -> None:
    if key is not None and not re.fullmatch(rf"[ -~]{{1,{MAX_IDEMPOTENCY_KEY}}}", key.text):
        raise InvalidMessage([Fault("", f"Idempotency-Key: 1 to {MAX_IDEMPOTENCY_KEY} printable "
                                        "ASCII characters")])  # fmt: skip


def _with_link(content: Content, id_: MessageId, links: UnsubscribeLinks) -> Content:
    """Return what is sent: with a link that is made for this message and its recipient.

    It is the one thing of ours in a content. Stored with it, a mail is the same at every attempt,
    as a provider's idempotency key wants it; what a client's key is compared by is without it.
    """
    headers = links.headers_for(Unsubscription(id_, content.recipients[0]))
    return dataclasses.replace(content, headers=(*content.headers, *headers))
