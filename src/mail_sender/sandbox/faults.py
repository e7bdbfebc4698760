"""What can go wrong on command, and whose turn it is.

Neighbours: `control` and tests set faults, `exchange` (HTTP) and `smtp` ask for each call
which one it meets and act it out. Every fault says whether the mail was taken, because that
is what decides between "nothing was sent" and "nobody knows".

An account has a list of faults. Of those that count their hits, a call meets the first that
concerns it, so a list is a script: two times `rate_limited`, then one `taken_then_cut`, then
healthy. What stands before the taking meets every call, what comes after it only sends.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, TypeVar, get_args

import msgspec

Seconds = Annotated[float, msgspec.Meta(ge=0, le=3600)]


class Kind(StrEnum):
    """Which provider an account imitates."""

    SES = "ses"  #: Amazon SES API v2
    MAILGUN = "mailgun"  #: Mailgun API v3
    POSTMARK = "postmark"  #: Postmark Email API
    SENDGRID = "sendgrid"  #: SendGrid Mail Send v3
    RESEND = "resend"  #: Resend
    BREVO = "brevo"  #: Brevo API v3
    MAILJET = "mailjet"  #: Mailjet Send API v3.1
    SPARKPOST = "sparkpost"  #: SparkPost Transmissions API
    MAILTRAP = "mailtrap"  #: Mailtrap Email Sending API
    MAILERSEND = "mailersend"  #: MailerSend Email API v1
    SCALEWAY = "scaleway"  #: Scaleway Transactional Email
    POSTAL = "postal"  #: Postal HTTP API v1
    MANDRILL = "mandrill"  #: Mandrill API 1.4
    SMTP = "smtp"  #: any relay


class CallKind(StrEnum):
    """What a call wants."""

    SEND = "send"  #: hand over a mail
    LOOK_UP = "look_up"  #: ask whether a mail was taken
    LOGIN = "login"  #: SMTP AUTH
    OTHER = "other"  #: account, domain, identities


class _Fault(msgspec.Struct, frozen=True, tag_field="fault", forbid_unknown_fields=True):
    """Lasts until it is healed."""


class _Counted(_Fault, frozen=True, kw_only=True):
    """Can pass by itself.

    Attributes:
        times: Heals itself after so many hits; None: lasts until it is healed.
        probability: Of a hit; the dice of a `seed` fall the same each time it is set.
    """

    times: Annotated[int, msgspec.Meta(ge=1)] | None = None
    probability: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    seed: int = 0


class Down(_Fault, frozen=True, tag="down"):
    """Connections are refused, open ones are reset. Nothing is taken."""


class EventsLag(_Fault, frozen=True, kw_only=True, tag="events_lag"):
    """The events of a mail can be looked up only so long after it was taken (Mailgun)."""

    seconds: Seconds = 60.0


class Unverified(_Fault, frozen=True, tag="unverified"):
    """Only verified identities may send and be sent to, as in the SES sandbox. (SES)."""


class RefuseRecipient(_Counted, frozen=True, kw_only=True, tag="refuse_recipient"):
    """A recipient is refused, by SMTP it alone, by HTTP the call.

    Attributes:
        recipient: An address, or a local part; `*` and `?` stand for anything.
    """

    recipient: str = "bounce"


class Auth(_Counted, frozen=True, kw_only=True, tag="auth"):
    """The credentials are wrong. Not taken."""


class Suspended(_Counted, frozen=True, kw_only=True, tag="suspended"):
    """The account may not send. Not taken."""


class RateLimited(_Counted, frozen=True, kw_only=True, tag="rate_limited"):
    """HTTP 429 with Retry-After, SMTP 451 4.7.0. Not taken."""

    retry_after: Annotated[int, msgspec.Meta(ge=0)] = 5


class ErrorBefore(_Counted, frozen=True, kw_only=True, tag="error_before"):
    """HTTP 503 in the provider's words, SMTP 451 4.3.0. Not taken."""


class BadGateway(_Counted, frozen=True, kw_only=True, tag="bad_gateway"):
    """A 502 page of HTML from an edge in front of the provider. Not taken. (HTTP)."""


class CutBeforeBody(_Counted, frozen=True, kw_only=True, tag="cut_before_body"):
    """The line is cut after the head of the request, or after DATA. Not taken."""

    reset: bool = False


class CutAfterBody(_Counted, frozen=True, kw_only=True, tag="cut_after_body"):
    """Everything is read, then the line is cut. Not taken."""

    reset: bool = False


class Hang(_Counted, frozen=True, kw_only=True, tag="hang"):
    """Everything is read and nothing said until healed. Taken then, if the client still waits."""


class Lie(_Counted, frozen=True, kw_only=True, tag="lie"):
    """A 200 that holds no id. Not taken. (HTTP)."""


class Slow(_Counted, frozen=True, kw_only=True, tag="slow"):
    """Taken at once, answered so much later."""

    seconds: Seconds = 3.0


class ErrorAfter(_Counted, frozen=True, kw_only=True, tag="error_after"):
    """Taken, then answered with a bare 500 page of HTML. (HTTP)."""


class TakenThenCut(_Counted, frozen=True, kw_only=True, tag="taken_then_cut"):
    """Taken, then the line is cut before the answer."""

    reset: bool = False


class CutInAnswer(_Counted, frozen=True, kw_only=True, tag="cut_in_answer"):
    """Taken, then half of the answer is sent and the line closed."""


class Malformed(_Counted, frozen=True, kw_only=True, tag="malformed"):
    """Taken, then answered with broken JSON under a 200, or with a reply without a code."""


Standing = Down | EventsLag | Unverified
Refusing = Auth | Suspended | RateLimited | ErrorBefore
BeforeTaking = Refusing | BadGateway | CutBeforeBody | CutAfterBody | Hang | Lie
AfterTaking = Slow | ErrorAfter | TakenThenCut | CutInAnswer | Malformed
Drawn = BeforeTaking | AfterTaking
Fault = Standing | RefuseRecipient | Drawn

_LISTS_MAILS = {
    Kind.MAILGUN,
    Kind.POSTMARK,
    Kind.SENDGRID,
    Kind.BREVO,
    Kind.MAILJET,
    Kind.SPARKPOST,
    Kind.MAILTRAP,
    Kind.MAILERSEND,
    Kind.MANDRILL,
}  #: can be asked whether they have a mail
_ONLY_FOR_SENDS = (Lie, *get_args(AfterTaking))
_NOT_BY_SMTP = (BadGateway, Lie, ErrorAfter, EventsLag, Unverified)

S = TypeVar("S", Down, EventsLag, Unverified)


class NoSuchAccount(LookupError):
    """The sandbox imitates no account of this name."""


class ImpossibleFault(ValueError):
    """The account's protocol has no such fault."""


def name_of(fault: Fault) -> str:
    """Return the fault's name in the control API."""
    return str(type(fault).__struct_config__.tag)


def why_impossible(fault: Fault, kind: Kind) -> str | None:
    """Return why an account of this kind cannot act the fault out; None if it can."""
    if kind is Kind.SMTP and isinstance(fault, _NOT_BY_SMTP):
        return f"There is no {name_of(fault)} in SMTP."
    if kind not in _LISTS_MAILS and isinstance(fault, EventsLag):
        return "Only Mailgun and others that can be asked for a mail have a list that lags."
    if kind is not Kind.SES and isinstance(fault, Unverified):
        return "Only SES has identities."
    return None


@dataclass(slots=True)
class _Armed:
    """A fault that waits for its hits."""

    fault: Fault
    left: int | None
    dice: random.Random

    def hits(self) -> bool:
        if not isinstance(self.fault, _Counted):
            return True
        return self.fault.probability >= 1 or self.dice.random() < self.fault.probability


class Faults:
    """The faults of every account. For one event loop."""

    def __init__(self, accounts: Mapping[str, Kind]) -> None:
        self._kinds = dict(accounts)
        self._armed: dict[str, list[_Armed]] = {account: [] for account in accounts}
        self._healed: dict[str, asyncio.Future[None]] = {}

    def put(self, account: str, faults: Sequence[Fault]) -> None:
        """Replace the faults of an account; none heals it. Calls that hang go on.

        Raises:
            NoSuchAccount: Nobody has this name.
            ImpossibleFault: An account of its kind cannot act one of them out.
        """
        if account not in self._kinds:
            raise NoSuchAccount(f"There is no account {account}, only {', '.join(self._kinds)}.")
        for fault in faults:
            why = why_impossible(fault, self._kinds[account])
            if why is not None:
                raise ImpossibleFault(why)
        self._armed[account][:] = [
            _Armed(
                fault=fault,
                left=fault.times if isinstance(fault, _Counted) else None,
                dice=random.Random(fault.seed if isinstance(fault, _Counted) else 0),  # noqa: S311 - chaos that can be repeated, no secret
            )
            for fault in faults
        ]
        healed = self._healed.pop(account, None)
        if healed is not None and not healed.done():
            healed.set_result(None)

    def of(self, account: str) -> tuple[Fault, ...]:
        """Return what is still armed, with the hits that are left."""
        return tuple(
            armed.fault
            if not isinstance(armed.fault, _Counted)
            else msgspec.structs.replace(armed.fault, times=armed.left)
            for armed in self._armed[account]
        )

    def draw(self, account: str, call: CallKind) -> Drawn | None:
        """Return the fault that a call meets, and count the hit."""
        armed = self._armed[account]
        if armed:  # healthy accounts, as in benchmarks, pay for no more than this question
            for one in armed:
                fault = one.fault
                if isinstance(fault, Drawn) and _concerns(fault, call) and one.hits():
                    self._spend(account, one)
                    return fault
        return None

    def standing(self, account: str, fault: type[S]) -> S | None:
        """Return a fault that is a state rather than an accident; None when it is not set."""
        found = (one.fault for one in self._armed[account] if isinstance(one.fault, fault))
        return next(found, None)

    def refuses(self, account: str, recipient: str) -> bool:
        """Return whether a recipient is refused, and count the hit."""
        for one in self._armed[account]:
            fault = one.fault
            if isinstance(fault, RefuseRecipient) and _matches(fault, recipient) and one.hits():
                self._spend(account, one)
                return True
        return False

    def healed(self, account: str) -> asyncio.Future[None]:
        """Return a future that is done when the faults are next set or healed. Shared."""
        healed = self._healed.get(account)
        if healed is None or healed.done():
            healed = self._healed[account] = asyncio.get_running_loop().create_future()
        return healed

    def _spend(self, account: str, armed: _Armed) -> None:
        if armed.left is not None:
            armed.left -= 1
            if armed.left == 0:
                self._armed[account].remove(armed)


def _concerns(fault: Drawn, call: CallKind) -> bool:
    if isinstance(fault, Auth | Suspended):
        return True
    if call is CallKind.LOGIN:
        return False
    return call is CallKind.SEND or not isinstance(fault, _ONLY_FOR_SENDS)


def _matches(fault: RefuseRecipient, recipient: str) -> bool:
    local = recipient.rpartition("@")[0] or recipient
    subject = recipient if "@" in fault.recipient else local
    return fnmatchcase(subject.lower(), fault.recipient.lower())
