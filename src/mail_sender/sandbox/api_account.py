"""What all imitations of JSON APIs do alike: check the key, read one mail, put it into the inbox.

Neighbours: each imitation has the provider's fields, limits and words, and nothing else;
`exchange` adds the faults. A mail that the provider's documentation does not allow is refused
in the provider's words, unknown fields included: these accounts judge the gateway's requests.
Any key is good.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any, ClassVar
from uuid import uuid4

import msgspec

from ..clock import Clock
from .contents import Contents, File, Header, Mailbox, decoded
from .exchange import Taken
from .faults import (
    Auth,
    CallKind,
    ErrorBefore,
    EventsLag,
    Faults,
    RateLimited,
    Refusing,
    Suspended,
)
from .inbox import MS_ID_TAG, Inbox
from .wire import Head, Reply

_MOST_KEPT = 10_000  #: mails that can be looked up, and keys
encode = msgspec.json.Encoder().encode


class Wire(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A document as the provider documents it."""


class Box(Wire, frozen=True):
    """A mailbox, as most JSON APIs have it."""

    email: str
    name: str = ""


class Why(StrEnum):
    """Why an imitation refuses; each has its provider's own words for it."""

    KEY = "key"
    SUSPENDED = "suspended"
    TOO_FAST = "too_fast"
    UNAVAILABLE = "unavailable"
    TOO_LARGE = "too_large"
    NOWHERE = "nowhere"
    MAIL = "mail"
    RECIPIENT = "recipient"


class BadMail(Exception):
    """The provider would refuse the mail, with this answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A mail that was taken, as far as it can be looked up.

    Attributes:
        id: One for the whole mail.
        ids: One for each recipient, in the order to, cc, bcc.
        refused: Recipients that were told apart in the answer and got nothing.
    """

    id: str
    ids: dict[str, str]
    at: datetime
    contents: Contents
    ms_id: str | None
    refused: tuple[str, ...] = ()

    @property
    def recipients(self) -> tuple[str, ...]:
        """Whom it goes to."""
        return tuple(self.ids)


class ApiAccount(ABC):
    """One account at an imitated provider. See `exchange.Imitation`.

    Attributes:
        document: What is posted to hand over a mail.
        send_path: Where.
        list_path: Where mails are looked up; None where they cannot be.
        max_recipients: In one call.
        tells_refused_apart: A refused recipient spoils only itself.
    """

    document: ClassVar[type[Wire]]
    send_path: ClassVar[str]
    list_path: ClassVar[str | None] = None
    max_body_bytes: ClassVar[int] = 32 * 1024 * 1024
    max_recipients: ClassVar[int]
    tells_refused_apart: ClassVar[bool] = False

    def __init__(self, account: str, *, inbox: Inbox, faults: Faults, clock: Clock) -> None:
        self._account = account
        self._inbox = inbox
        self._faults = faults
        self._clock = clock
        self._sent: OrderedDict[str, Sent] = OrderedDict()
        self._keys: OrderedDict[str, tuple[Reply, bytes]] = OrderedDict()
        self._decode = msgspec.json.Decoder(self.document).decode

    # ------------------------------------------------ what a provider says

    @abstractmethod
    def knows_key(self, head: Head, body: bytes) -> bool:
        """Return whether a call names a key where the provider wants one."""

    @abstractmethod
    def contents(self, mail: Any) -> Contents:  # noqa: ANN401 - of the type `document`
        """Read a mail as a person does; in the provider's own fields only.

        Raises:
            BadMail: It is not one that the provider takes.
        """

    @abstractmethod
    def yes(self, sent: Sent) -> Reply:
        """Return the answer to a mail that was taken."""

    @abstractmethod
    def no(self, why: Why, words: str = "") -> Reply:
        """Return a refusal in the provider's form."""

    @abstractmethod
    def lie(self) -> Reply:
        """See `Imitation.lie`."""

    def new_id(self) -> str:
        """Return an id as the provider makes them."""
        return str(uuid4())

    def rows(self, head: Head, body: bytes, sent: Sequence[Sent]) -> Reply:
        """Return the answer to a look-up.

        Args:
            head: With what is asked for.
            body: Where that is posted.
            sent: What the provider would already list.
        """
        raise NotImplementedError

    def ms_id(self, contents: Contents) -> str | None:
        """Return our id in a mail."""
        return contents.metadata.get(MS_ID_TAG)

    def key(self, head: Head, mail: Any) -> str:  # noqa: ANN401, ARG002 - a hook
        """Return the idempotency key of a call; empty: there is none, or the provider has none."""
        return ""

    def same_key(self, *, is_same_mail: bool, first: Reply) -> Reply:  # noqa: ARG002 - a hook
        """Return the answer to a key that has sent already; `first` is the answer it got then."""
        return first

    # ------------------------------------------------ what is the same for all

    def kind_of(self, head: Head) -> CallKind:
        """See `Imitation.kind_of`."""
        path = head.target.partition("?")[0]
        if head.method == "POST" and path == self.send_path:
            return CallKind.SEND
        if self.list_path is not None and path == self.list_path:
            return CallKind.LOOK_UP
        return CallKind.OTHER

    def answer(self, head: Head, body: bytes, *, suspended: bool) -> Reply | Taken:
        """See `Imitation.answer`."""
        if not self.knows_key(head, body):
            return self.no(Why.KEY)
        match self.kind_of(head):
            case CallKind.SEND:
                return self.no(Why.SUSPENDED) if suspended else self._send(head, body)
            case CallKind.LOOK_UP:
                return self.rows(head, body, list(self._visible()))
            case _:
                return self.no(Why.NOWHERE)

    def refusal(self, fault: Refusing, head: Head) -> Reply:  # noqa: ARG002 - the same for all
        """See `Imitation.refusal`."""
        match fault:
            case Auth():
                return self.no(Why.KEY)
            case Suspended():
                return self.no(Why.SUSPENDED)
            case ErrorBefore():
                return self.no(Why.UNAVAILABLE)
            case RateLimited(retry_after=seconds):
                no = self.no(Why.TOO_FAST)
                return replace(no, headers=(*no.headers, ("Retry-After", str(seconds))))

    def too_large(self) -> Reply:
        """See `Imitation.too_large`."""
        return self.no(Why.TOO_LARGE)

    def bad(self, words: str) -> BadMail:
        """Return the refusal of a mail for what stands in it, to be raised."""
        return BadMail(self.no(Why.MAIL, words))

    def _send(self, head: Head, body: bytes) -> Reply | Taken:
        try:
            mail = self._decode(body)
            contents = self.contents(mail)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return self.no(Why.MAIL, str(error))
        except BadMail as bad:
            return bad.reply
        key = self.key(head, mail)
        if key in self._keys:
            first, its_body = self._keys[key]
            return self.same_key(is_same_mail=its_body == body, first=first)
        taken = self._take(mail, contents, body)
        if key and isinstance(taken, Taken):
            self._keys[key] = taken.reply, body
            _forget_oldest(self._keys)
        return taken

    def _take(self, mail: object, contents: Contents, body: bytes) -> Reply | Taken:
        recipients = self.recipients(mail, contents)
        if not recipients:
            return self.no(Why.MAIL, "There is no recipient.")
        if len(recipients) > self.max_recipients:
            return self.no(Why.MAIL, f"Too many recipients: maximum is {self.max_recipients}.")
        for address in recipients:
            if address.count("@") != 1 or not address.isascii():
                return self.no(Why.MAIL, f"Invalid address: {address}")
        refused = tuple(a for a in recipients if self._faults.refuses(self._account, a))
        if refused and (not self.tells_refused_apart or len(refused) == len(recipients)):
            return self.no(Why.RECIPIENT, ", ".join(refused))
        sent = Sent(
            id=self.new_id(),
            ids={address: self.new_id() for address in recipients if address not in refused},
            at=self._clock.now(),
            contents=contents,
            ms_id=self.ms_id(contents),
            refused=refused,
        )
        yes = self.yes(sent)
        self._sent[sent.id] = sent
        _forget_oldest(self._sent)
        kept = self._inbox.put(
            provider=self._account,
            mail_from=contents.sender[0].address if contents.sender else "",
            recipients=sent.recipients,
            subject=contents.subject,
            ms_id=sent.ms_id,
            provider_message_id=sent.id,
            raw=body,
            read=partial(self._read_again, body),
        )
        return Taken(yes, kept)

    def recipients(
        self,
        mail: Any,  # noqa: ANN401, ARG002 - of the type `document`, for those with an envelope
        contents: Contents,
    ) -> tuple[str, ...]:
        """Return whom a mail goes to: who stands in it, where there is no envelope."""
        boxes = (*contents.to, *contents.cc, *contents.bcc)
        return tuple(dict.fromkeys(box.address for box in boxes))

    def _read_again(self, body: bytes) -> Contents:
        return self.contents(self._decode(body))

    def _visible(self) -> Iterator[Sent]:
        lag = self._faults.standing(self._account, EventsLag)
        latest = self._clock.now() - timedelta(seconds=lag.seconds if lag else 0)
        return (sent for sent in self._sent.values() if sent.at <= latest)


def _forget_oldest(kept: OrderedDict[str, Any]) -> None:
    if len(kept) > _MOST_KEPT:
        kept.popitem(last=False)


# ------------------------------------------------ for imitations


def boxes(found: Iterable[Box]) -> tuple[Mailbox, ...]:
    """Return mailboxes as the inbox has them."""
    return tuple(Mailbox(address=box.email, name=box.name) for box in found)


def headers(pairs: Iterable[tuple[str, str]]) -> tuple[Header, ...]:
    """Return headers as the inbox has them, decoded."""
    return tuple(Header(name=name, value=decoded(value)) for name, value in pairs)


def file(
    name: str, content: bytes, content_type: str | None, content_id: str | None, *, inline: bool
) -> File:
    """Return a file as the inbox has it."""
    return File(
        filename=name,
        content_type=content_type or "application/octet-stream",
        size=len(content),
        content=content,
        disposition="inline" if inline else "attachment",
        content_id=content_id,
    )


def has_bearer(head: Head) -> bool:
    """Return whether a call has a key as most providers want it (RFC 6750 section 2.1)."""
    scheme, _, key = head.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and key != ""


def reply(status: int, document: object, *more: tuple[str, str]) -> Reply:
    """Return an answer in JSON."""
    return Reply(status=status, body=encode(document), headers=more)
