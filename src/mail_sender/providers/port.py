"""What every provider file offers. Add a provider: write one file, list it in `registry`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, runtime_checkable

from ..domain.message import Address, Message
from ..domain.outcome import Outcome


class Settling(StrEnum):
    """What can settle an unknown outcome at this provider."""

    IDEMPOTENCY_KEY = "idempotency_key"  #: the same call again returns the first answer
    LOOK_UP = "look_up"  #: it can be asked for our id
    EVENT = "event"  #: only its event tells
    NOTHING = "nothing"  #: nobody will ever tell (plain SMTP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider can express. The router and the feature matrix are made from it.

    Attributes:
        max_recipients: Per call.
        max_message_bytes: Of the encoded mail (base64 counted); None: not known beforehand.
        max_tags: Carried in the provider's own tags; further ones travel elsewhere.
        blind_alone: A mail may go to blind copies only, nobody in To.
        names_everybody: A call for some of the recipients still names all of them in To and Cc.
            If not, there is no envelope beside the headers, and such a mail names whom it is for.
        settles_by: How an unknown outcome can be settled, best way first.
        whole_mails: It takes a mail as the client wrote it (`Content.raw`). If not, it is given
            the mail by its parts.
    """

    max_recipients: int
    max_message_bytes: int | None
    max_tags: int
    metadata: bool
    custom_headers: bool
    attachments: bool
    inline_images: bool
    smtputf8: bool
    blind_alone: bool
    names_everybody: bool
    settles_by: tuple[Settling, ...]
    whole_mails: bool = False


class Provider(Protocol):
    """An ESP or SMTP relay that takes mail for us."""

    @property
    def name(self) -> str:
        """Stable name from the configuration, used in metrics, URLs and stored attempts."""
        ...

    @property
    def kind(self) -> str:
        """Which file this is: ses, mailgun, postmark and so on."""
        ...

    @property
    def sender(self) -> Address | None:
        """The only address that this account may send as, if it has one.

        Failover then gives `send` and `cannot_express` a message whose sender has that
        address and the original display name.
        """
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can express."""
        ...

    def cannot_express(self, message: Message) -> str | None:
        """Return why this message cannot be given to this provider, in words; None if it can.

        Pure: no I/O. Asked before any provider is called, and by `explain`.
        """
        ...

    async def send(self, message: Message, *, to: frozenset[Address]) -> Mapping[Address, Outcome]:
        """Hand `message` over for the envelope recipients in `to`, in one try.

        `to` may be fewer than `message.content.recipients` (others were taken before): the
        headers still name everybody where `capabilities.names_everybody`, the envelope only `to`.

        Returns:
            One Outcome for each address in `to`. A provider that answers for the whole
            call gives each the same one.

        Raises:
            asyncio.CancelledError: only. Refusals, timeouts and broken connections are
                Outcomes; anything after the first byte of the body and before a well-formed
                answer is `Unknown`.
        """
        ...

    async def check(self) -> Check:
        """Find out whether the account works, without sending. Never raises."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class CheckResult(StrEnum):
    """What a check without sending found."""

    WORKS = "works"
    REFUSED = "refused"  #: it answers, and refuses us: wrong key, suspended, wrong domain
    UNREACHABLE = "unreachable"  #: no answer, or none that makes sense


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The result of `Provider.check`.

    Attributes:
        detail: What was asked and answered, in words, with what to do about it if it failed.
        quota_left: Recipients that may still be sent to in the current window; None: unknown.
        clock_offset: Far side's clock minus ours, from its Date header; None: unknown.
        max_per_second: The rate that the account allows; None: unknown.
    """

    result: CheckResult
    detail: str
    took: timedelta
    quota_left: int | None = None
    max_per_second: float | None = None
    clock_offset: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """Evidence that the provider has the message."""

    provider_message_id: str
    said: str  #: what was asked and answered, for the timeline


@dataclass(frozen=True, slots=True)
class NotTaken:
    """Evidence that the provider does not have it and never will: it may be sent again."""

    said: str


@dataclass(frozen=True, slots=True)
class NoEvidence:
    """Nothing certain yet. `ask_again` None: this way will never tell more."""

    said: str
    ask_again: timedelta | None


Evidence = Taken | NotTaken | NoEvidence


@runtime_checkable
class LooksUp(Protocol):
    """A provider that can tell whether it has a message of ours.

    It is asked for our id, or the call is repeated under its idempotency key: then the provider
    either remembers the first call or takes the mail now, and both are `Taken`.
    """

    async def look_up(
        self, message: Message, *, to: Sequence[Address], attempted_at: datetime, now: datetime
    ) -> Evidence:
        """Find out. Never raises; a failed question is `NoEvidence`.

        Args:
            message: As it was given to `send`.
            to: Its recipients in doubt.
            attempted_at: When the call in doubt began.
            now: To tell how old it is.
        """
        ...


class VerificationStatus(StrEnum):
    """Whether a provider lets us send as, or (in its sandbox) to, an address."""

    VERIFIED = "verified"
    PENDING = "pending"  #: asked for, the person or the DNS has not confirmed yet
    FAILED = "failed"  #: the provider gave up waiting
    NOT_ASKED = "not_asked"
    UNAVAILABLE = "unavailable"  #: the provider could not be asked


@dataclass(frozen=True, slots=True)
class Verification:
    """The state of one address or domain at one provider, and its words."""

    status: VerificationStatus
    detail: str


@runtime_checkable
class VerifiesAddresses(Protocol):
    """A provider with the concept of verified addresses (SES identities)."""

    async def verification(self, address: Address) -> Verification:
        """Return the state of the address; a verified domain covers its addresses."""
        ...

    async def ask_verification(self, address: Address) -> Verification:
        """Ask the provider to send its verification mail. Asking twice does no harm."""
        ...
