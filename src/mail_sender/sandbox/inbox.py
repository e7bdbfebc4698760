"""What the sandbox received: newest first, bounded, with a count of every message of ours.

Neighbours: the imitations and the built-in provider put mail in, `control` and the gateway's
frontend look at it. Mail is only read (parsed) when somebody looks. The counts outlive the
mail itself: after a million mails they still tell which of our messages came more than once.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from ..clock import Clock
from ..domain.message import Address, Message
from .contents import Contents, contents_of_message

MS_ID_HEADER = "X-MS-ID"  #: the header that carries our message id through a provider
MS_ID_TAG = "ms_id"  #: the same in a provider's own tags or variables


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxLimits:
    """How much is kept in memory; beyond, the oldest goes.

    Attributes:
        max_mails: Mails kept.
        max_bytes: Of all kept mails together. The newest is kept even when it is larger.
        max_counted: Message ids whose receipts are counted, about half a kilobyte each.
    """

    max_mails: int = 10_000
    max_bytes: int = 256 * 1024 * 1024
    max_counted: int = 1_000_000


@dataclass(slots=True, kw_only=True)
class Mail:
    """One mail that an imitated provider took.

    Attributes:
        id: Of this inbox.
        provider: The account that took it, such as `ses` or `relay`.
        mail_from: The envelope's sender; empty for the null reverse-path.
        recipients: The envelope's, as they were given.
        ms_id: Our message id, when the mail carries one.
        provider_message_id: What the client was told, or would have been.
        raw: As it came: the MIME, or the body of the API request. Empty when it was handed
            over in the process.
        size: Of `raw`, or the sum of its parts.
        read: Parses it.
        answered: Whether a whole answer, of whatever content, was given to the kernel for the
            client. Changes once.
        fault: The fault that the call met after the mail was taken. Changes once.
    """

    id: str
    provider: str
    received_at: datetime
    mail_from: str
    recipients: tuple[str, ...]
    subject: str
    ms_id: str | None
    provider_message_id: str
    raw: bytes
    size: int
    read: Callable[[], Contents]
    answered: bool = False
    fault: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipts:
    """How often one of our messages was taken, by all accounts together."""

    ms_id: str
    recipients: Mapping[str, int]


@dataclass(slots=True)
class Totals:
    """Counted since the start or the last `clear`, whatever is still kept.

    Attributes:
        recipients: Envelope recipients of all mails.
        forgotten: Message ids dropped from the counts because there were too many: when it is
            not zero, `distinct` and the duplicates are too low.
    """

    mails: int = 0
    recipients: int = 0
    by_provider: Counter[str] = field(default_factory=Counter)
    forgotten: int = 0


class Inbox:
    """Keeps mail in memory. For one event loop; no method waits except `changed`."""

    def __init__(self, clock: Clock, limits: InboxLimits | None = None) -> None:
        self._clock = clock
        self._limits = limits or InboxLimits()
        self._mails: OrderedDict[str, Mail] = OrderedDict()
        self._bytes = 0
        self._number = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._receipts: OrderedDict[str, dict[str, int]] = OrderedDict()
        self._duplicates: dict[str, set[str]] = {}
        self.totals = Totals()

    def put(
        self,
        *,
        provider: str,
        mail_from: str,
        recipients: tuple[str, ...],
        subject: str,
        read: Callable[[], Contents],
        ms_id: str | None = None,
        provider_message_id: str = "",
        raw: bytes = b"",
        size: int | None = None,
    ) -> Mail:
        """Keep a mail and count it; the arguments are those of `Mail`.

        An empty `provider_message_id` means that the inbox's own id stands for it, and a `size`
        of None that it is the length of `raw`.
        """
        self._number += 1
        mail_id = f"mail-{self._number}"
        mail = Mail(
            id=mail_id,
            provider=provider,
            received_at=self._clock.now(),
            mail_from=mail_from,
            recipients=recipients,
            subject=subject,
            ms_id=ms_id,
            provider_message_id=provider_message_id or mail_id,
            raw=raw,
            size=len(raw) if size is None else size,
            read=read,
        )
        self._count(mail)
        self._keep(mail)
        self._tell()
        return mail

    async def deliver(self, provider: str, message: Message, to: frozenset[Address]) -> str:
        """Take a message of the gateway without any wire; return the inbox's id for it.

        This is the `InboxSink` that the built-in provider gets.
        """
        content = message.content
        raw = content.raw or b""
        bodies = sum(len(body.encode()) for body in (content.text, content.html) if body)
        mail = self.put(
            provider=provider,
            mail_from=content.sender.address if content.mail_from is None else content.mail_from,
            recipients=tuple(a for a in content.recipients if a in to),
            subject=content.subject,
            raw=raw,
            read=partial(contents_of_message, message),
            ms_id=message.id,
            size=len(raw) + bodies + sum(len(file.content) for file in content.attachments),
        )
        mail.answered = True
        return mail.id

    def newest(
        self, *, limit: int, provider: str | None = None, ms_id: str | None = None
    ) -> list[Mail]:
        """Return at most `limit` kept mails, newest first, of one account or message if named."""
        found: list[Mail] = []
        for mail in self:
            if len(found) >= limit:
                break
            if provider in {None, mail.provider} and ms_id in {None, mail.ms_id}:
                found.append(mail)
        return found

    def get(self, mail_id: str) -> Mail | None:
        """Return a mail; None when there is none with this id, or no longer."""
        return self._mails.get(mail_id)

    def receipts(self, ms_id: str) -> Receipts:
        """Return how often each recipient of one of our messages was taken."""
        return Receipts(ms_id=ms_id, recipients=dict(self._receipts.get(ms_id, {})))

    @property
    def distinct(self) -> int:
        """How many of our messages came at least once."""
        return len(self._receipts)

    def duplicates(self) -> Iterator[tuple[str, str, int]]:
        """Yield (message id, recipient, times) of whatever was taken more than once."""
        for ms_id, recipients in self._duplicates.items():
            for recipient in recipients:
                yield ms_id, recipient, self._receipts[ms_id][recipient]

    def clear(self) -> None:
        """Forget all mail and all counts. Ids go on from where they were."""
        self._mails.clear()
        self._bytes = 0
        self._receipts.clear()
        self._duplicates.clear()
        self.totals = Totals()

    async def changed(self) -> None:
        """Wait for the next mail. Look before waiting: what is there already wakes nobody."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)

    def __len__(self) -> int:
        return len(self._mails)

    def __iter__(self) -> Iterator[Mail]:
        return reversed(self._mails.values())

    def _keep(self, mail: Mail) -> None:
        self._mails[mail.id] = mail
        self._bytes += mail.size
        while len(self._mails) > 1 and (
            len(self._mails) > self._limits.max_mails or self._bytes > self._limits.max_bytes
        ):
            _, oldest = self._mails.popitem(last=False)
            self._bytes -= oldest.size

    def _count(self, mail: Mail) -> None:
        self.totals.mails += 1
        self.totals.recipients += len(mail.recipients)
        self.totals.by_provider[mail.provider] += 1
        if mail.ms_id is None:
            return
        seen = self._receipts.setdefault(mail.ms_id, {})
        for recipient in mail.recipients:
            seen[recipient] = times = seen.get(recipient, 0) + 1
            if times > 1:
                self._duplicates.setdefault(mail.ms_id, set()).add(recipient)
        if len(self._receipts) > self._limits.max_counted:
            oldest, _ = self._receipts.popitem(last=False)
            self._duplicates.pop(oldest, None)
            self.totals.forgotten += 1

    def _tell(self) -> None:
        if self._waiting:
            for waiter in self._waiting:
                if not waiter.done():
                    waiter.set_result(None)
            self._waiting.clear()
