"""One HTTP call at an imitated provider: from its head to a move, through whatever fault it meets.

Neighbours: `wire` brings the bytes and makes the moves; `ses` and `mailgun` are imitations,
which know the provider's words and nothing of faults in the line. The rule of this room: a
mail is in the inbox before its answer begins, and is called answered only when the whole
answer was given to the kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from .faults import (
    Auth,
    BadGateway,
    CallKind,
    CutAfterBody,
    CutBeforeBody,
    CutInAnswer,
    Drawn,
    ErrorAfter,
    ErrorBefore,
    Fault,
    Faults,
    Hang,
    Lie,
    Malformed,
    RateLimited,
    Refusing,
    Slow,
    Suspended,
    TakenThenCut,
    name_of,
)
from .inbox import Mail
from .wire import Cut, Finish, Head, Later, Move, Reply, Send, SendHalf


@dataclass(frozen=True, slots=True)
class Taken:
    """The imitation took a mail and would answer so."""

    reply: Reply
    mail: Mail


class Imitation(Protocol):
    """A provider's HTTP API, without faults in the line."""

    @property
    def max_body_bytes(self) -> int:
        """What the provider takes at most."""
        ...

    def kind_of(self, head: Head) -> CallKind:
        """Return what a call wants."""
        ...

    def answer(self, head: Head, body: bytes, *, suspended: bool) -> Reply | Taken:
        """Answer a call, and put a mail into the inbox if it hands one over.

        Args:
            head: Of a call that meets no refusing fault.
            body: Whole.
            suspended: The account may not send, and says so when asked about itself.
        """
        ...

    def refusal(self, fault: Refusing, head: Head) -> Reply:
        """Return the refusal in the provider's words."""
        ...

    def lie(self) -> Reply:
        """Return a 200 in which an id should stand and does not."""
        ...

    def too_large(self) -> Reply:
        """Return the answer to a body that is too long."""
        ...


class Exchange:
    """The service behind an account's port; see `wire.Service`."""

    def __init__(self, account: str, imitation: Imitation, faults: Faults) -> None:
        self._account = account
        self._imitation = imitation
        self._faults = faults

    @property
    def max_body_bytes(self) -> int:
        """See `Service.max_body_bytes`."""
        return self._imitation.max_body_bytes

    def begin(self, head: Head) -> Cut | Finish:
        """See `Service.begin`: here the call meets its fault, one at most."""
        call = self._imitation.kind_of(head)
        fault = self._faults.draw(self._account, call)
        if isinstance(fault, CutBeforeBody):
            return Cut(reset=fault.reset)
        return partial(self._finish, head, call, fault)

    def too_large(self) -> Reply:
        """See `Service.too_large`."""
        return self._imitation.too_large()

    def _finish(self, head: Head, call: CallKind, fault: Drawn | None, body: bytes) -> Move:
        match fault:
            case CutAfterBody(reset=reset):
                return Cut(reset=reset)
            case BadGateway():
                return Send(_BAD_GATEWAY)
            case Lie():
                return Send(self._imitation.lie())
            case Hang():
                healed = self._faults.healed(self._account)
                return Later(healed, partial(self._finish, head, call, None, body))
            case Suspended() if call is not CallKind.SEND:
                # The account still answers, and says what is wrong with it.
                pass
            case Auth() | RateLimited() | ErrorBefore() | Suspended():
                return Send(self._imitation.refusal(fault, head))
            case _:
                pass
        suspended = isinstance(fault, Suspended)
        answer = self._imitation.answer(head, body, suspended=suspended)
        return Send(answer) if isinstance(answer, Reply) else _after_taking(fault, answer)


def _after_taking(fault: Fault | None, taken: Taken) -> Move:
    reply, mail = taken.reply, taken.mail
    if fault is not None:
        mail.fault = name_of(fault)
    match fault:
        case Slow(seconds=seconds):
            return Later(seconds, lambda: Send(reply, _answered(mail)))
        case ErrorAfter():
            return Send(_CRASHED, _answered(mail))
        case TakenThenCut(reset=reset):
            return Cut(reset=reset)
        case CutInAnswer():
            return SendHalf(reply)
        case Malformed():
            broken = replace(reply, body=reply.body[: len(reply.body) // 2])
            return Send(broken, _answered(mail))
        case _:
            return Send(reply, _answered(mail))


def _answered(mail: Mail) -> Callable[[], None]:
    def then() -> None:
        mail.answered = True

    return then


def _page(status: int, title: str) -> Reply:
    body = f"<html>\n<head><title>{title}</title></head>\n<body><h1>{title}</h1></body>\n</html>\n"
    return Reply(status=status, body=body.encode(), content_type="text/html")


_BAD_GATEWAY = _page(502, "502 Bad Gateway")
_CRASHED = _page(500, "500 Internal Server Error")
