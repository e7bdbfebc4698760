"""The sandbox's own HTTP API: look into the inbox, set and heal faults, tell events.

For people, tests and the gateway's frontend; JSON both ways, errors as problem+json (RFC 9457).
Neighbours: `wire` brings calls over HTTP, `server` passes on those of the same process. There
is no login, so a call over HTTP must come from this machine's own programs: a browser that
was lured here by some page is turned away.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec

from .contents import Contents
from .faults import Fault, Faults, ImpossibleFault, Kind, NoSuchAccount
from .identities import Identities, Identity
from .inbox import Inbox, Mail
from .telling import CannotTell, Story, Teller
from .wire import Finish, Head, Later, Move, Reply, Send

_MAX_BODY_BYTES = 1024 * 1024
_MOST_MAILS = 1000
_encode = msgspec.json.Encoder().encode
_decode_story = msgspec.json.Decoder(Story).decode
_decode_faults = msgspec.json.Decoder(Fault | tuple[Fault, ...]).decode


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """An imitated provider, where to reach it and what is wrong with it."""

    name: str
    kind: Kind
    url: str
    faults: tuple[Fault, ...]


class MailView(msgspec.Struct, frozen=True, kw_only=True):
    """A mail in the list; see `inbox.Mail`."""

    id: str
    provider: str
    received_at: datetime
    mail_from: str
    recipients: tuple[str, ...]
    subject: str
    ms_id: str | None
    provider_message_id: str
    size: int
    answered: bool
    fault: str | None


class WholeMailView(MailView, frozen=True, kw_only=True):
    """A mail with what it says."""

    contents: Contents


class IdentityView(msgspec.Struct, frozen=True, kw_only=True):
    """An address or domain that an account asked to verify."""

    account: str
    name: str
    asked_at: datetime
    verified: bool


class Problem(Exception):
    """A call that cannot be answered, with the words for the client."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Control:
    """The service behind the control port; see `wire.Service`."""

    max_body_bytes = _MAX_BODY_BYTES

    def __init__(
        self,
        *,
        inbox: Inbox,
        faults: Faults,
        identities: Identities,
        accounts: Callable[[], Mapping[str, tuple[Kind, str]]],
        put_faults: Callable[[str, Sequence[Fault]], Awaitable[None]],
        teller: Teller,
    ) -> None:
        """Make the API.

        Args:
            inbox: Shown.
            faults: Shown.
            identities: Shown and confirmed.
            accounts: Returns kind and URL of each account.
            put_faults: Sets them, which may close or open a port.
            teller: Tells a gateway what became of a mail.
        """
        self._inbox = inbox
        self._faults = faults
        self._identities = identities
        self._accounts = accounts
        self._put_faults = put_faults
        self._teller = teller

    def begin(self, head: Head) -> Finish:
        """See `Service.begin`."""
        return partial(self._finish, head)

    def too_large(self) -> Reply:
        """See `Service.too_large`."""
        return _problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "1 MB is the most.")

    async def call(self, head: Head, body: bytes) -> Reply:
        """Answer a call, wherever it came from."""
        certificate = self._teller.certificate(head.target) if head.method == "GET" else None
        if certificate is not None:
            return Reply(status=200, body=certificate, content_type="application/x-pem-file")
        try:
            return Reply(status=200, body=_encode(await self._answer(head, body)))
        except Problem as problem:
            return _problem(problem.status, problem.detail)
        except NoSuchAccount as unknown:
            return _problem(HTTPStatus.NOT_FOUND, str(unknown))
        except (ImpossibleFault, CannotTell) as impossible:
            return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(impossible))

    def _finish(self, head: Head, body: bytes) -> Move:
        if _is_lured(head):
            detail = "Only programs of this machine may call: use its address, and no browser page."
            return Send(_problem(HTTPStatus.FORBIDDEN, detail))
        answer = asyncio.get_running_loop().create_task(self.call(head, body))
        return Later(answer, lambda: Send(answer.result()))

    async def _answer(self, head: Head, body: bytes) -> object:
        match head.method, head.segments:
            case _, ("inbox", *rest):
                return await self._about_inbox(head, tuple(rest))
            case "GET", ("faults",):
                return {"accounts": [self._account(name) for name in self._accounts()]}
            case "PUT", ("faults", name):
                await self._put_faults(name, _faults_in(body))
                return self._account(name)
            case "DELETE", ("faults", name):
                await self._put_faults(name, ())
                return self._account(name)
            case "POST", ("events",):
                return {"told": await self._teller.tell(_story_in(body))}
            case "GET", ("identities",):
                return _identities(self._identities)
            case "POST", ("identities", name, "verify"):
                return self._verify(name)
            case _:
                raise _nothing_at(head)

    async def _about_inbox(self, head: Head, path: tuple[str, ...]) -> object:
        match head.method, path:
            case "GET", ():
                return self._list(head.query)
            case "DELETE", ():
                self._inbox.clear()
                return {}
            case "GET", ("count",):
                return self._count(head.query)
            case "GET", ("duplicates",):
                return self._duplicates()
            case "GET", (mail_id,):
                mail = self._mail(mail_id)
                # In a thread: a large or malicious mail takes the parser seconds.
                contents = await asyncio.to_thread(mail.read)
                return WholeMailView(**msgspec.structs.asdict(_view(mail)), contents=contents)
            case "GET", (mail_id, "raw"):
                return {"id": mail_id, "raw": self._mail(mail_id).raw}
            case _:
                raise _nothing_at(head)

    def _list(self, query: Mapping[str, str]) -> object:
        limit = query.get("limit", "50")
        if not limit.isdecimal() or not 1 <= int(limit[:9]) <= _MOST_MAILS:
            raise Problem(HTTPStatus.BAD_REQUEST, f"limit must be 1 to {_MOST_MAILS}.")
        mails = self._inbox.newest(
            limit=int(limit), provider=query.get("provider"), ms_id=query.get("ms_id")
        )
        return {"mails": [_view(mail) for mail in mails], "kept": len(self._inbox)}

    def _count(self, query: Mapping[str, str]) -> object:
        if "ms_id" in query:
            receipts = self._inbox.receipts(query["ms_id"])
            return {**asdict(receipts), "received": sum(receipts.recipients.values())}
        totals = self._inbox.totals
        return {
            "received": totals.mails,
            "recipients": totals.recipients,
            "by_provider": totals.by_provider,
            "distinct": self._inbox.distinct,
            "forgotten": totals.forgotten,
        }

    def _duplicates(self) -> object:
        found = self._inbox.duplicates()
        return {
            "duplicates": [
                {"ms_id": ms_id, "recipient": recipient, "times": times}
                for ms_id, recipient, times in found
            ],
            "forgotten": self._inbox.totals.forgotten,
        }

    def _mail(self, mail_id: str) -> Mail:
        mail = self._inbox.get(mail_id)
        if mail is None:
            raise Problem(HTTPStatus.NOT_FOUND, f"There is no mail {mail_id}, or no longer.")
        return mail

    def _account(self, name: str) -> AccountView:
        kind, url = self._accounts()[name]
        return AccountView(name=name, kind=kind, url=url, faults=self._faults.of(name))

    def _verify(self, name: str) -> object:
        verified = self._identities.verify(name)
        if not verified:
            raise Problem(HTTPStatus.NOT_FOUND, f"No account has asked to verify {name}.")
        return _identities(verified)


def _faults_in(body: bytes) -> tuple[Fault, ...]:
    try:
        found = _decode_faults(body)
    except msgspec.DecodeError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"This is no fault: {error}") from None
    except (UnicodeDecodeError, RecursionError):
        raise Problem(HTTPStatus.BAD_REQUEST, "This is not JSON.") from None
    return found if isinstance(found, tuple) else (found,)


def _story_in(body: bytes) -> Story:
    try:
        return _decode_story(body)
    except msgspec.DecodeError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"This cannot be told: {error}") from None
    except (UnicodeDecodeError, RecursionError):
        raise Problem(HTTPStatus.BAD_REQUEST, "This is not JSON.") from None


def _view(mail: Mail) -> MailView:
    return msgspec.convert(mail, MailView, from_attributes=True)


def _nothing_at(head: Head) -> Problem:
    path = head.target.partition("?")[0]
    return Problem(HTTPStatus.NOT_FOUND, f"There is no {head.method} {path} here.")


def _identities(identities: Identities | list[Identity]) -> dict[str, Any]:
    return {"identities": [IdentityView(**asdict(identity)) for identity in identities]}


def _problem(status: HTTPStatus, detail: str) -> Reply:
    body = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    return Reply(status=status.value, body=_encode(body), content_type="application/problem+json")


def _is_lured(head: Head) -> bool:
    """Return whether a browser calls on behalf of somebody else's page.

    A page that had its own name resolve to this machine (DNS rebinding) shows that name as Host;
    any other page shows its Origin.
    """
    host = head.headers.get("host", "")
    name = host.rpartition(":")[0] if ":" in host.rpartition("]")[2] else host
    origin = head.headers.get("origin")
    return not _is_address(name.strip("[]")) or origin not in {None, f"http://{host}"}


def _is_address(name: str) -> bool:
    if name.lower() == "localhost":
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
