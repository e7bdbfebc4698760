"""One message in memory, and how it changes. Neighbour: `memory` looks it up and answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from msgspec import structs

from ..domain.attempt import Attempt
from ..domain.feedback import Feedback
from ..domain.message import Address, Message, Priority
from ..domain.status import RecipientStatus, State
from ..domain.suppression import SuppressionReason
from .hearing import Hearing
from .listing import ascii_lower, without_body
from .micros import micros
from .moves import (
    TAKEN,
    Begun,
    Move,
    Standing,
    due_after,
    learnt,
    lease_of,
    settled_before,
    state_at_acceptance,
)
from .port import Change, Lease, NewMessage, Query, Recipient, RecipientChange, Record

_LANE = {priority: lane for lane, priority in enumerate(Priority)}


@dataclass(slots=True, kw_only=True)
class Row:
    """A message with everything that happened to it.

    Attributes:
        message: Its `give_up_at` moves.
        span: `give_up_at - created_at` at acceptance.
        ready_at: From when its hand-over is counted.
        taken: Which provider took a recipient, and when.
    """

    seq: int
    message: Message
    span: timedelta
    state: State
    due_at: datetime | None
    updated_at: datetime
    ready_at: datetime
    recipients: dict[Address, Recipient]
    held: bool = False
    finished_at: datetime | None = None
    fence: int = 0
    owner: str | None = None
    attempts: list[Attempt] = field(default_factory=list)
    retries_made: int = 0
    provider: str | None = None
    provider_message_id: str | None = None
    begun: Begun | None = None
    taken: dict[Address, tuple[str | None, datetime]] = field(default_factory=dict)

    @classmethod
    def accepted(cls, new: NewMessage, *, seq: int, now: datetime) -> Row:
        """Return the row of a message that was just accepted."""
        message = new.message
        state = state_at_acceptance(new)
        is_owned = state in {State.LEASED, State.SENDING}
        begun = None
        if new.call is not None and state is State.SENDING:
            begun = Begun(provider=new.call.provider, recipients=new.call.recipients, at=now)
        return cls(
            seq=seq,
            message=message,
            span=message.give_up_at - message.created_at,
            state=state,
            due_at=new.due_at if state is State.QUEUED else None,
            updated_at=message.created_at,
            ready_at=message.content.send_at or message.created_at,
            fence=1 if is_owned else 0,
            owner=new.owner if is_owned else None,
            attempts=list(new.attempts),
            begun=begun,
            recipients={
                address: Recipient(
                    address=address,
                    kind=kind,
                    status=RecipientStatus.QUEUED,
                    updated_at=message.created_at,
                )
                for address, kind in message.content.kinds.items()
            },
        )

    # ------------------------------------------------ what it is

    def is_due(self, now: datetime) -> bool:
        """Whether its time has come."""
        return self.due_at is not None and self.due_at <= now

    def is_claimable(self, now: datetime) -> bool:
        """Whether a worker may have it."""
        waits = self.state is State.QUEUED and not self.held
        return waits and self.is_due(now) and now <= self.message.give_up_at

    def turn(self) -> tuple[int, int, int]:
        """Return what the order of claims is made of."""
        due = micros(self.due_at) if self.due_at else 0
        return _LANE[self.message.content.priority], due, self.seq

    def place(self) -> tuple[int, int]:
        """Return what the order of lists is made of."""
        return micros(self.message.created_at), self.seq

    def end(self) -> tuple[int, int]:
        """Return what the order of purges is made of."""
        return micros(self.finished_at) if self.finished_at else 0, self.seq

    def ended_before(self, at: datetime) -> bool:
        """Whether it is final since before `at`."""
        return self.finished_at is not None and self.finished_at < at

    def taken_by(self, provider: str, since: datetime) -> int:
        """Return how many of its recipients this provider took since then."""
        return sum(by == provider and at >= since for by, at in self.taken.values())

    def standing(self) -> Standing:
        """Return what moves are decided from."""
        return Standing(
            id=self.message.id,
            state=self.state,
            held=self.held,
            due_at=self.due_at,
            give_up_at=self.message.give_up_at,
            span=self.span,
            on_unknown=self.message.on_unknown,
            attempts_made=len(self.attempts),
            recipients={a: r.status for a, r in self.recipients.items()},
            begun=self.begun,
        )

    def record_of(self, *, whole: bool) -> Record:
        """Return what is shown of it; `whole` with its body."""
        content = self.message.content if whole else without_body(self.message.content)
        return Record(
            message=replace(self.message, content=content),
            state=self.state,
            held=self.held,
            due_at=self.due_at,
            updated_at=self.updated_at,
            recipients=tuple(self.recipients.values()),
            attempts=tuple(self.attempts),
            provider=self.provider,
            provider_message_id=self.provider_message_id,
        )

    # ------------------------------------------------ how it changes

    def leased(
        self, owner: str, now: datetime, suppressed: Mapping[Address, SuppressionReason]
    ) -> Lease:
        """QUEUED -> LEASED."""
        self.state, self.due_at, self.updated_at = State.LEASED, None, now
        return self._lease(owner, RecipientStatus.QUEUED, suppressed)

    def taken_to_settle(self, owner: str, now: datetime, until: datetime) -> Lease:
        """UNKNOWN stays so, and is nobody else's until then."""
        self.due_at, self.updated_at = until, now
        return self._lease(owner, RecipientStatus.UNKNOWN, {})

    def _lease(
        self, owner: str, waiting: RecipientStatus, suppressed: Mapping[Address, SuppressionReason]
    ) -> Lease:
        self.owner = owner
        self.fence += 1
        return lease_of(
            self.message,
            owner=owner,
            fence=self.fence,
            waiting=waiting,
            statuses={a: r.status for a, r in self.recipients.items()},
            attempts=self.attempts,
            retries_made=self.retries_made,
            suppressed=suppressed,
        )

    def begin(self, begun: Begun) -> None:
        """-> SENDING."""
        self.state, self.begun, self.updated_at = State.SENDING, begun, begun.at

    def record(self, change: Change, now: datetime) -> None:
        """Write what a worker learnt."""
        for address, learned in change.recipients.items():
            self._learn(address, learned, change.provider, now)
        self.attempts.extend(change.attempts)
        self.provider = change.provider or self.provider
        self.provider_message_id = change.provider_message_id or self.provider_message_id
        if change.counts_as_retry and change.state is not State.SENDING:
            self.retries_made += 1
        state = settled_before(change.state, (r.status for r in self.recipients.values()))
        self._enter(state, None if state.is_final else due_after(change, now), now)
        if state not in {State.SENDING, State.UNKNOWN}:
            self.owner = None

    def _learn(
        self, address: Address, news: RecipientChange, provider: str | None, now: datetime
    ) -> None:
        known = self.recipients.get(address)
        if known is None or learnt(known.status, news.status) is not news.status:
            return
        self.recipients[address] = structs.replace(
            known,
            status=news.status,
            updated_at=now,
            provider=news.provider,
            code=news.code,
            enhanced_code=news.enhanced_code,
            detail=news.detail,
        )
        if news.status in TAKEN:
            self.taken.setdefault(address, (news.provider or provider, now))

    def hear(self, hearing: Hearing, provider: str, feedback: Feedback, now: datetime) -> None:
        """Write what a provider told."""
        for address, news in hearing.recipients.items():
            self._learn(address, news, provider, now)
        if hearing.state is not None:
            self.owner = None
            self.provider = self.provider or provider
            self.provider_message_id = self.provider_message_id or feedback.provider_message_id
            self._enter(hearing.state, hearing.due_at, now)
        elif hearing.recipients:
            self.updated_at = now

    def has_id_of(self, provider: str, provider_message_id: str) -> bool:
        """Whether this provider took it under that id."""
        return any(
            (made.provider, made.provider_message_id) == (provider, provider_message_id)
            for made in self.attempts
        )

    def move(self, move: Move, now: datetime) -> None:
        """Write what a sweep or a client's action decided."""
        for address, status in move.recipients.items():
            known = self.recipients[address]
            self.recipients[address] = structs.replace(known, status=status, updated_at=now)
        self.attempts.extend(move.attempts)
        if move.ready_at is not None:
            self.ready_at = move.ready_at
        self.held = move.held
        self.message = replace(self.message, give_up_at=move.give_up_at)
        self.fence += move.fence_up
        self.retries_made += move.counts_as_retry
        if not move.keeps_owner:
            self.owner = None
        self._enter(move.state, move.due_at, now)

    def _enter(self, state: State, due_at: datetime | None, now: datetime) -> None:
        self.state, self.due_at, self.updated_at = state, due_at, now
        self.finished_at = now if state.is_final else None
        if state is not State.SENDING:
            self.begun = None


def matches(row: Row, query: Query, now: datetime) -> bool:
    """Whether a list with these filters shows the message."""
    content = row.message.content
    created_at = row.message.created_at
    scheduled = row.state is State.QUEUED and not row.attempts and not row.is_due(now)
    return (
        (not query.ids or row.message.id in query.ids)
        and (not query.states or row.state in query.states)
        and (query.held is None or row.held is query.held)
        and (query.scheduled is None or scheduled is query.scheduled)
        and (query.recipient is None or any(_has(a, query.recipient) for a in row.recipients))
        and (query.sender is None or _has(content.sender.address, query.sender))
        and (query.subject is None or _has(content.subject, query.subject))
        and (query.tag is None or query.tag in content.tags)
        and (query.provider is None or row.provider == query.provider)
        and (query.key_id is None or row.message.key_id == query.key_id)
        and (query.since is None or created_at >= query.since)
        and (query.until is None or created_at < query.until)
    )


def _has(text: str, part: str) -> bool:
    return ascii_lower(part) in ascii_lower(text)
