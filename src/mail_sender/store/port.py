"""What every store promises. `tests/contracts/store.py` says it again as tests.

The store is the truth; the queue is only a hint that something is due. Each method is one
transaction, and when it returns the change is durable (survives kill -9 and power loss, for
the engines that have a disk). Methods that many callers use at once (`accept`, `begin`,
`record`) may share one commit among them.

The store reads the time from its own clock (a database's clock in a cluster), so that nodes
with different clocks agree about leases. No method takes `now`.

Fence rule: everything that a worker writes names the message, its owner and its fence. When
that matches nothing, the worker has lost the message: the method says so, and the worker must
stop and send nothing more for it.

What each mail passes by is a msgspec `Struct`, which is made in a tenth of the time that a frozen
dataclass takes; `msgspec.structs.replace` changes a field.

Raises, all methods: `StoreUnavailable` when the change cannot be made durable now. Then
nothing of it was kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

import msgspec

from ..domain.attempt import Attempt, OutcomeKind
from ..domain.event import Event
from ..domain.feedback import Feedback
from ..domain.message import Address, KeyId, Message, MessageId, Priority, RecipientKind
from ..domain.status import RecipientStatus, State
from ..domain.suppression import OriginKind, Suppression, SuppressionReason
from .webhooks import WebhookStore

Row = TypeVar("Row")

# ---------------------------------------------------------------- what goes in


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyClaim:
    """A client's key, unique per API key until it expires."""

    key: str
    fingerprint: bytes  #: hash of the content: the same key with another one is a mismatch
    keep_for: timedelta


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call of a provider that is about to be made: what is committed before its first byte."""

    provider: str
    recipients: tuple[Address, ...]


class NewMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way into the store.

    Attributes:
        encoded: `message.content` as `store.codec` encodes it; kept as it is.
        due_at: When the first attempt may begin; `message.created_at` for "now".
        owner: When given, the message is stored as LEASED by this owner with fence 1 (a sync
            caller, whose process claims at once), else as QUEUED with fence 0.
        call: Only with an owner, and it makes that SENDING: acceptance, claim and `begin` in one
            commit. The owner may make this call once the store has answered `Stored`.
        attempts: Providers that were passed over before this call.
        events: Appended in the same commit.
    """

    message: Message
    encoded: bytes
    due_at: datetime
    owner: str | None = None
    call: Call | None = None
    attempts: tuple[Attempt, ...] = ()
    idempotency: IdempotencyClaim | None = None
    events: tuple[Event, ...] = ()


class RecipientChange(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt taught about one recipient."""

    status: RecipientStatus
    provider: str | None = None
    code: int | None = None
    enhanced_code: str | None = None
    detail: str = ""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker writes after an attempt, or when it gives a message back.

    Attributes:
        state: The new state. QUEUED needs `due_at`. UNKNOWN may have one: when to look for
            evidence next (None: nothing can be asked, wait for an event or a person).
        attempts: Appended. The store gives them no number: `Attempt.number` is kept as it is.
        recipients: Only those that change.
        provider, provider_message_id: The provider that took the message last; None leaves
            what is known.
        counts_as_retry: Whether this pass counts for the back-off (False when no provider
            was asked).
    """

    state: State
    due_at: datetime | None = None
    attempts: tuple[Attempt, ...] = ()
    recipients: Mapping[Address, RecipientChange] = msgspec.field(default_factory=dict)
    provider: str | None = None
    provider_message_id: str | None = None
    counts_as_retry: bool = True
    events: tuple[Event, ...] = ()


# ---------------------------------------------------------------- what comes out


class Stored(msgspec.Struct, frozen=True):
    """The message is durable.

    `suppressed`: of a message with an owner, the recipients that are on the suppression list, as
    `Lease.suppressed` says it of a claimed one.
    """

    id: MessageId
    suppressed: Mapping[Address, SuppressionReason] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The idempotency key was used before: `id` is the first message. Nothing was kept.

    Also returned to the later of two accepts that share one commit.
    """

    id: MessageId
    fingerprint: bytes


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """A message that this owner may work on.

    Attributes:
        pending: The recipients whose status is QUEUED (state LEASED) and who are not
            suppressed, or whose status is UNKNOWN when the lease comes from `claim_unknown`.
        suppressed: The recipients whose status is QUEUED and who are on the suppression list:
            no provider may be asked for them, and a record must say so.
        attempts_made: How many attempts stand in the record (their numbers go on from here).
        retries_made: How many passes counted for the back-off.
        skipped: Providers passed over so far, with the reason last recorded.
        last_provider: The provider of the newest attempt that was not skipped.
        unknown_since: When the newest attempt with an unknown outcome began; None if none did.
        others: The statuses of all other recipients.
    """

    message: Message
    owner: str
    fence: int
    pending: tuple[Address, ...]
    attempts_made: int = 0
    retries_made: int = 0
    skipped: Mapping[str, str] = msgspec.field(default_factory=dict)
    last_provider: str | None = None
    unknown_since: datetime | None = None
    others: tuple[RecipientStatus, ...] = ()
    suppressed: Mapping[Address, SuppressionReason] = msgspec.field(default_factory=dict)


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """One recipient as a client sees it."""

    address: Address
    kind: RecipientKind
    status: RecipientStatus
    updated_at: datetime
    provider: str | None = None
    code: int | None = None
    enhanced_code: str | None = None
    detail: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A message with everything that happened to it.

    In a page of `find`, `message.content` has no text, html, attachments nor headers.

    Attributes:
        as_of: Given when it was read from a copy that knows nothing later; then there is no
            server now that could say more. None: it is so now.
    """

    message: Message
    state: State
    held: bool
    due_at: datetime | None
    updated_at: datetime
    recipients: tuple[Recipient, ...]
    attempts: tuple[Attempt, ...]
    provider: str | None
    provider_message_id: str | None
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Filters of a list; all that are given must hold. Newest first.

    `recipient`, `sender` and `subject` match when the text is contained, ignoring case (ASCII).
    `key_id` limits to messages accepted with one API key, `ids` to those that it names.
    """

    ids: frozenset[MessageId] = frozenset()  #: empty: any
    states: frozenset[State] = frozenset()
    held: bool | None = None
    scheduled: bool | None = None  #: True: QUEUED with a `due_at` in the future and no attempt yet
    recipient: str | None = None
    sender: str | None = None
    subject: str | None = None
    tag: str | None = None
    provider: str | None = None
    key_id: KeyId | None = None
    since: datetime | None = None  #: created at or after
    until: datetime | None = None  #: created before
    limit: int = 50
    cursor: str | None = None  #: from `Page.next_cursor`; `InvalidCursor` when it is not


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows, and where to go on; None at the end."""

    rows: Sequence[Row]
    next_cursor: str | None


class InvalidCursor(ValueError):
    """The cursor was not made by this store."""


class Done(StrEnum):
    """What became of an action that a client asked for."""

    YES = "yes"  #: done; durable
    NOT_FOUND = "not_found"  #: no such message
    WRONG_STATE = "wrong_state"  #: refused, because of the state that comes with it


@dataclass(frozen=True, slots=True)
class ActionResult:
    """`state` is the state after the action, or the one that forbade it."""

    done: Done
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep moved, for the log and the metrics."""

    requeued: tuple[MessageId, ...] = ()  #: LEASED by a dead owner: nobody called a provider
    unknown: tuple[MessageId, ...] = ()  #: SENDING by a dead owner
    expired: tuple[MessageId, ...] = ()  #: QUEUED beyond `give_up_at`


@dataclass(frozen=True, slots=True)
class Depth:
    """How much waits.

    Attributes:
        due, later: QUEUED messages by priority: due now, and due later (scheduled or waiting
            for a retry; held ones are in `held` alone).
        oldest_due_at: Since when the longest waiting due message waits.
    """

    due: Mapping[Priority, int]
    later: Mapping[Priority, int]
    held: int
    leased: int
    sending: int
    unknown: int
    oldest_due_at: datetime | None

    @property
    def open(self) -> int:
        """Everything that is not final: what `queue.max_queued` limits."""
        return (
            sum(self.due.values()) + sum(self.later.values())
            + self.held + self.leased + self.sending + self.unknown
        )  # fmt: skip


class Scope(StrEnum):
    """What an API key may do."""

    SEND = "send"  #: submit messages, explain
    READ = "read"  #: status, lists, events, statistics, providers
    CONTENT = "content"  #: bodies, headers and attachments of messages
    MANAGE = "manage"  #: cancel, retry, pause providers, keys, verifications, sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """An API key without its secret.

    `sender_domains` and `networks` (CIDR) limit the key where not empty.
    """

    id: KeyId
    name: str
    is_test: bool
    scopes: frozenset[Scope]
    created_at: datetime
    sender_domains: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


class Added(StrEnum):
    """What adding to the suppression list came to."""

    ADDED = "added"  #: it was not there
    CHANGED = "changed"  #: it was there, and says more now
    KNOWN = "known"  #: it was there, and says the same


@dataclass(frozen=True, slots=True)
class AddedSuppression:
    """The entry as it stands after adding."""

    suppression: Suppression
    added: Added


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressionQuery:
    """Filters of the suppression list; all that are given must hold. Newest first.

    `address` matches when it is contained, ignoring case (ASCII).
    """

    address: str | None = None
    reason: SuppressionReason | None = None
    origin: OriginKind | None = None
    origin_id: str | None = None
    limit: int = 50
    cursor: str | None = None  #: from `Page.next_cursor`; `InvalidCursor` when it is not


@dataclass(frozen=True, slots=True, kw_only=True)
class HookCall:
    """A call of a provider's webhook, genuine, as it came.

    Attributes:
        provider: Its name in the configuration.
        key: The same for the same call, however often the provider repeats it.
        body: Not read yet.
    """

    provider: str
    key: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredHook:
    """A call that waits to be read."""

    number: int
    call: HookCall
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadHook:
    """What a call says, or a part of it: a large one is learnt in several commits.

    Attributes:
        goes_on: Further parts follow; the call is done with the last one.
        readable: False when it says nothing that we understand.
    """

    hook: StoredHook
    feedback: tuple[Feedback, ...]
    goes_on: bool = False
    readable: bool = True


class Fate(StrEnum):
    """What became of a provider's event."""

    ATTACHED = "attached"  #: it stands with its message
    KNOWN = "known"  #: it was told before
    WAITING = "waiting"  #: its message is not known yet: the provider's answer may still come
    STRANGE = "strange"  #: it is about no message of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What a provider's event came to.

    Attributes:
        state: The message's new state, where it has one.
        suppressed: Whom it added to the suppression list.
    """

    provider: str
    feedback: Feedback
    fate: Fate
    message_id: MessageId | None = None
    state: State | None = None
    suppressed: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A provider that a person took out of service."""

    provider: str
    reason: str
    by: str  #: id of the API key, or "cli"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStats:
    """Attempts at one provider within a period (skipped ones are left out)."""

    provider: str
    outcomes: Mapping[OutcomeKind, int]
    p50_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """One step of a time series. Messages are counted by when they were created."""

    start: datetime
    accepted: int
    states: Mapping[State, int]
    providers: Mapping[str, Mapping[OutcomeKind, int]]  #: attempts, by when they started


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Counts of a period. `tag` limits messages and attempts to those of messages with it."""

    since: datetime
    until: datetime
    accepted: int
    states: Mapping[State, int]
    providers: Sequence[AttemptStats]
    buckets: Sequence[Bucket]
    hand_over_p50_ms: float | None  #: from acceptance (or `send_at`) to SENT
    hand_over_p99_ms: float | None


class Store(Protocol):
    """Durable record of messages. Each method is one transaction."""

    @property
    def webhooks(self) -> WebhookStore:
        """The part about clients' webhooks."""
        ...

    async def open(self) -> None:
        """Create or upgrade the schema and be ready. Raises `ConfigError` if it cannot be used."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go of the engine. Can be called twice."""
        ...

    async def check(self) -> None:
        """Make a durable write now. Raises `StoreUnavailable` when mail could not be stored."""
        ...

    # ------------------------------------------------ intake

    async def accept(self, new: NewMessage) -> Stored | Duplicate:
        """Keep a message, its content, key, recipients and events in one commit.

        With `new.call` the message is begun in it too; a `Duplicate` begins nothing. Of a message
        with an owner the suppression list is looked at in the same transaction, since there will
        be no claim. When somebody is on it, the message is stored as LEASED, whatever `new.call`
        says: its owner has to choose anew.
        """
        ...

    async def accept_many(self, new: Sequence[NewMessage]) -> Sequence[Stored | Duplicate]:
        """Keep several in one commit; answers in order. Two with one key: the later duplicates."""
        ...

    # ------------------------------------------------ worker

    async def heartbeat(self, owner: str, lease: timedelta) -> None:
        """Say that `owner` lives for `lease` from now. All its leases are good that long."""
        ...

    async def expire_other_owners(self, owner: str) -> None:
        """End every lease of all others at once. Only when no other process can be alive."""
        ...

    async def claim(self, owner: str, *, limit: int) -> Sequence[Lease]:
        """QUEUED, due, not held, not beyond `give_up_at` -> LEASED, with `fence + 1`.

        Strictly by priority, then by `due_at`. The owner must have a heartbeat. The suppression
        list is looked at in the same transaction, so that it holds for every attempt.
        """
        ...

    async def claim_unknown(self, owner: str, *, limit: int) -> Sequence[Lease]:
        """Take UNKNOWN messages whose `due_at` has come, to look for evidence.

        They stay UNKNOWN; `fence + 1` and the owner are set, and `due_at` is pushed forward by
        5 minutes so that nobody else takes them meanwhile.
        """
        ...

    async def begin(self, lease: Lease, *, provider: str, recipients: Sequence[Address]) -> bool:
        """LEASED or SENDING -> SENDING by this owner and fence, durable before it returns.

        Remembers provider, recipients and the time, so that a sweep knows which recipients a
        dead owner may have sent to, and at which provider. False: lost, send nothing.
        """
        ...

    async def record(self, lease: Lease, change: Change) -> bool:
        """Write what happened: state LEASED, SENDING or UNKNOWN, same owner and fence.

        False: lost (or already recorded, and then gone on); nothing was written. An UNKNOWN
        that a sweep made of this very lease is still taken: late evidence of its owner counts.
        """
        ...

    async def record_and_begin(
        self, lease: Lease, change: Change, *, provider: str, recipients: Sequence[Address]
    ) -> bool:
        """Write what happened at one provider and begin the next, in one commit.

        `change.state` is SENDING. False as in `record`.
        """
        ...

    async def sweep(self, grace: timedelta) -> Swept:
        """Move what dead owners left, and what is too old.

        LEASED whose owner's heartbeat has run out -> QUEUED, due now.
        SENDING whose owner's heartbeat ran out more than `grace` ago -> UNKNOWN: the recipients
        of the begun call become UNKNOWN, an attempt with outcome `unknown` is appended, and a
        `message.unknown` event; `due_at` is now, so that evidence is looked for. With
        `OnUnknown.RISK_DUPLICATE`, QUEUED instead (its recipients too), due now; the attempt
        stays in the record.
        QUEUED beyond `give_up_at` -> EXPIRED (recipients that wait too), with its event; a
        message that also has SENT or UNKNOWN recipients goes to the state of these instead.
        """
        ...

    # ------------------------------------------------ clients' actions

    async def cancel(self, id_: MessageId, event: Event) -> ActionResult:
        """QUEUED -> CANCELLED. LEASED too: nobody called a provider, and the fence goes up."""
        ...

    async def retry(self, id_: MessageId, event: Event, *, risk_duplicate: bool) -> ActionResult:
        """QUEUED -> due now. FAILED, EXPIRED -> QUEUED, due now, `give_up_at` set anew.

        The new `give_up_at` is now plus the span that the message had at first.
        UNKNOWN only with `risk_duplicate`: its unknown recipients are queued again, `fence + 1`.
        Of FAILED only the recipients that failed, of EXPIRED those that expired, go again. So
        does SUPPRESSED: the list may be another by now, and the claim looks.
        """
        ...

    async def reschedule(self, id_: MessageId, at: datetime, event: Event) -> ActionResult:
        """QUEUED -> the same, due at `at`; `give_up_at` moves by as much as it lies later."""
        ...

    async def hold(self, id_: MessageId, event: Event) -> ActionResult:
        """QUEUED -> held: nobody claims it until it is released."""
        ...

    async def release(self, id_: MessageId, event: Event) -> ActionResult:
        """QUEUED and held -> QUEUED, due now unless its time is later. WRONG_STATE if not held."""
        ...

    # ------------------------------------------------ reading

    async def get(self, id_: MessageId) -> Record | None:
        """Return everything about a message, its whole content included.

        Raises `StoreUnavailable` when it is not found in a copy that does not know everything:
        it may be there.
        """
        ...

    async def find(self, query: Query) -> Page[Record]:
        """Return a page of messages, newest first, without their bodies."""
        ...

    async def events(
        self, *, message_id: MessageId | None = None, key_id: KeyId | None = None,
        after: str | None = None, limit: int = 50, newest_first: bool = False,
    ) -> Page[Event]:  # fmt: skip
        """Return events in order of appending (or the reverse), after the cursor `after`.

        `after` is an event's id or `Page.next_cursor`. With `key_id`, events of messages that
        this key submitted.
        """
        ...

    async def append_event(self, event: Event) -> None:
        """Append an event about a provider or a webhook."""
        ...

    async def depth(self) -> Depth:
        """Count what waits."""
        ...

    async def stats(
        self, *, since: datetime, until: datetime, buckets: int, tag: str | None = None
    ) -> Stats:
        """Count a period, also cut into `buckets` equal steps."""
        ...

    async def accepted_recipients(self, provider: str, since: datetime) -> int:
        """How many recipients `provider` took since then: what a quota starts from."""
        ...

    # ------------------------------------------------ keys and providers

    async def add_key(self, key: ApiKey, secret_hash: bytes) -> None:
        """Keep a new key. Its hash is unique."""
        ...

    async def key_by_hash(self, secret_hash: bytes) -> ApiKey | None:
        """Return the key, also when revoked or expired (the caller checks)."""
        ...

    async def keys(self) -> Sequence[ApiKey]:
        """Return all keys, newest first."""
        ...

    async def revoke_key(self, id_: KeyId) -> ApiKey | None:
        """Revoke from now on; a second time changes nothing. None: no such key."""
        ...

    async def touch_key(self, id_: KeyId) -> None:
        """Note that the key was used now. Need not be durable."""
        ...

    async def pause(self, pause: Pause) -> None:
        """Take a provider out of service on every node."""
        ...

    async def resume(self, provider: str) -> None:
        """Take it back into service."""
        ...

    async def pauses(self) -> Mapping[str, Pause]:
        """Return the paused providers by name."""
        ...

    # ------------------------------------------------ suppressions

    async def add_suppressions(self, new: Sequence[Suppression]) -> Sequence[AddedSuppression]:
        """Add to the list, all in one commit; answers in order.

        Addresses are compared ignoring the case of ASCII letters. One that is there already
        is joined with the news (`domain.suppression.joined`); an expired one is replaced.
        """
        ...

    async def remove_suppression(self, address: Address) -> Suppression | None:
        """Take an address from the list, and return what stood there. None: it did not."""
        ...

    async def suppression(self, address: Address) -> Suppression | None:
        """Return the entry of an address, if it counts now."""
        ...

    async def suppressions(self, query: SuppressionQuery) -> Page[Suppression]:
        """Return a page of those that count now."""
        ...

    async def suppressed_among(
        self, addresses: Sequence[Address]
    ) -> Mapping[Address, SuppressionReason]:
        """Return those of the addresses (as given) that get no mail now."""
        ...

    # ------------------------------------------------ providers' events

    async def keep_hook(self, call: HookCall) -> bool:
        """Keep a call, durable before it returns. False: it came before; nothing is kept."""
        ...

    async def waiting_hooks(self, limit: int) -> Sequence[StoredHook]:
        """Return calls that nobody has read yet, in the order in which they came.

        Fewer may come when they are large.
        """
        ...

    async def learn(self, read: Sequence[ReadHook]) -> Sequence[Learnt]:
        """Take in what calls say, each with everything that follows, all in one commit.

        An event is found to be about the message whose id it carries, else about the one that
        this provider took under its own id; it is kept for an hour when that is not known yet.
        One that was told before changes nothing; nor does a call that was learnt meanwhile.
        Whom an event suppresses is added to the list. The bodies of calls are forgotten, but
        for unreadable ones. `store.hearing` says what an event changes.
        """
        ...

    async def attach_waiting(self, limit: int) -> Sequence[Learnt]:
        """Look again for the messages of events that wait for them.

        Each is looked for at times that grow apart. Returns those that are settled now: ATTACHED,
        or STRANGE after an hour.
        """
        ...

    # ------------------------------------------------ housekeeping

    async def purge(self, *, finished_before: datetime, limit: int) -> int:
        """Delete up to `limit` messages that ended before then, with all their rows.

        Also forgets expired idempotency keys and suppressions, and which events of providers
        were told, and which calls came, a week ago. Returns how many messages were deleted.
        """
        ...
