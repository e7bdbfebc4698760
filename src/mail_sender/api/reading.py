"""A message from JSON: either the domain's `Content`, or every fault at once.

Neighbours: `schemas_send` finds what the fields alone can tell, `intake.prepare` what the rules
of mail tell. The rules need a whole message, so where a field is at fault, they are asked about
the rest of it: a client should not have to send ten times to learn of ten mistakes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from ..domain.errors import Fault, InvalidMessage, MailSenderError
from ..domain.message import Address, Content, Mailbox
from .errors import InvalidJson
from .faults import faults_of, is_not_json
from .schemas_send import SEND_FIELDS, SendRequest

Check = Callable[[Content], object]
"""Raises `InvalidMessage` when the content breaks a rule of mail."""

Sent = TypeVar("Sent", bound=SendRequest)

_STAND_IN = Mailbox(Address("stand-in@example.com"))


def read_message(
    model: type[Sent], body: bytes, *, default_from: Mailbox | None, check: Check
) -> tuple[Sent, Content]:
    """Return what the client sent, and what it says in the domain's words.

    `check` is asked only where the fields alone are at fault, for more of them.

    Raises:
        InvalidJson: It is not JSON.
        InvalidMessage: With every fault.
    """
    try:
        sent = model.model_validate_json(body)
        return sent, sent.content(default_from)
    except ValidationError as error:
        if is_not_json(error):
            raise InvalidJson(model.__name__) from None
        faults = faults_of(error, SEND_FIELDS)
    except InvalidMessage as error:
        faults = [*error.faults]
    raise InvalidMessage([*faults, *_further(body, faults, default_from, check)])


def _further(
    body: bytes, found: list[Fault], default_from: Mailbox | None, check: Check
) -> list[Fault]:
    """Return what else is wrong with a message, besides the fields that are known to be."""
    document = from_json(body)
    if not isinstance(document, dict):
        return []
    wrong = {fault.pointer.split("/")[1] for fault in found if fault.pointer}
    good = {name: document[name] for name in SEND_FIELDS if name in document.keys() - wrong}
    if "mode" in wrong:  # whether these may stand depends on it
        good = {name: good[name] for name in good.keys() - {"send_at", "timeout"}}
    rest = SendRequest.model_validate_json(to_json(good))
    more: list[Fault] = []
    if rest.sender is None and default_from is None and "from" not in wrong:
        more += _faults(lambda: rest.content(None))
    rest.sender = rest.sender or default_from or _STAND_IN
    if wrong & {"to", "cc", "bcc"} and not (rest.to or rest.cc or rest.bcc):
        rest.to = [_STAND_IN]
    if wrong & {"text", "html", "template"} and not (rest.text or rest.html):
        rest.text = "stand-in"
    return more + _faults(lambda: check(rest.content(None)))


def _faults(ask: Callable[[], object]) -> list[Fault]:
    try:
        ask()
    except InvalidMessage as error:
        return [*error.faults]
    except MailSenderError:
        return []  # not about the message
    return []
