"""An imitation of Mailgun's Messages API v3: sending, events to look up, the domain's state.

Fields, answers and limits are those of the vendor's OpenAPI document and documentation.
Neighbours: `exchange` adds the faults, `mailgun_mail` reads what is posted. Every domain
exists, and every key is good.
"""

from __future__ import annotations

import re
import secrets
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import quote

import msgspec

from ..clock import Clock
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
from .inbox import Inbox
from .mailgun_mail import BadPost, Posted, read_post
from .wire import Head, Reply

_MAX_BODY_BYTES = 25 * 1024 * 1024 + 64 * 1024  #: 25 MB of mail, and room for the other fields
_MAX_LOOKED_UP = 100_000  #: Message-IDs whose events are kept, a kilobyte each
_MOST_ITEMS = 300  #: on one page
_API = re.compile(r"v[34]")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class _Accepted:
    """One mail that was taken, without its content: what its events say."""

    id: str
    at: datetime
    domain: str
    message_id: str  #: without angle brackets
    mail_from: str
    recipients: tuple[str, ...]
    subject: str
    size: int
    tags: tuple[str, ...]
    variables: dict[str, str]
    is_test: bool


class Mailgun:
    """One account. See `exchange.Imitation`."""

    max_body_bytes = _MAX_BODY_BYTES

    def __init__(self, account: str, *, inbox: Inbox, faults: Faults, clock: Clock) -> None:
        self._account = account
        self._inbox = inbox
        self._faults = faults
        self._clock = clock
        # Mails by Message-ID. Apart from the inbox: what was taken can be looked up for as long
        # as a test may ask, whatever the inbox had to drop.
        self._accepted: OrderedDict[str, list[_Accepted]] = OrderedDict()

    def kind_of(self, head: Head) -> CallKind:
        """See `Imitation.kind_of`."""
        match head.method, head.segments:
            case "POST", ("v3", _, "messages" | "messages.mime"):
                return CallKind.SEND
            case "GET", ("v3", _, "events", *_):
                return CallKind.LOOK_UP
            case _:
                return CallKind.OTHER

    def answer(self, head: Head, body: bytes, *, suspended: bool) -> Reply | Taken:
        """See `Imitation.answer`."""
        segments = head.segments
        if not segments or not _API.fullmatch(segments[0]):
            return _NOWHERE
        if not _has_key(head):
            return _FORBIDDEN
        match head.method, segments:
            case "POST", ("v3", domain, "messages" | "messages.mime" as endpoint):
                return self._post(head, domain, body, is_mime=endpoint == "messages.mime")
            case "GET", ("v3", domain, "events"):
                return self._look_up(head, domain)
            case "GET", ("v3", domain, "events", "end"):
                return _success(_page(head, domain, []))
            case "GET", ("v3" | "v4", "domains", domain):
                return _success(_about_domain(domain, suspended=suspended))
            case _:
                return _NOWHERE

    def refusal(self, fault: Refusing, head: Head) -> Reply:
        """See `Imitation.refusal`."""
        segments = head.segments
        domain = segments[1] if len(segments) > 1 else "?"
        match fault:
            case Auth():
                return _FORBIDDEN
            case Suspended():
                words = f"Domain {domain} is not allowed to send: The domain is disabled"
                return _words(403, words)
            case ErrorBefore():
                return _words(503, "Service temporarily unavailable")
            case RateLimited(retry_after=seconds):
                words = (
                    f"Domain {domain} is not allowed to send: account-requests-per-sec limit "
                    f"exceeded, try again after {seconds} seconds"
                )
                return _words(429, words, ("Retry-After", str(seconds)))

    def lie(self) -> Reply:
        """See `Imitation.lie`."""
        return _words(200, "Queued. Thank you.")

    def too_large(self) -> Reply:
        """See `Imitation.too_large`."""
        return _words(413, "Request Entity Too Large")

    # ------------------------------------------------------------ sending

    def _post(self, head: Head, domain: str, body: bytes, *, is_mime: bool) -> Reply | Taken:
        content_type = head.headers.get("content-type", "")
        try:
            posted = read_post(content_type, body, is_mime=is_mime)
        except BadPost as bad:
            return _words(400, bad.message)
        for recipient in posted.recipients:
            if self._faults.refuses(self._account, recipient):
                # Mailgun takes a mailbox that it suppresses, and fails it later. In the call it
                # refuses what cannot be an address.
                return _words(
                    400, "to parameter is not a valid address. please check documentation"
                )
        now = self._clock.now()
        message_id = posted.message_id or _new_message_id(domain, now)
        self._remember(posted, domain, message_id, now)
        mail = self._inbox.put(
            provider=self._account,
            mail_from=posted.mail_from,
            recipients=posted.recipients,
            subject=posted.subject,
            ms_id=posted.ms_id,
            provider_message_id=f"<{message_id}>",
            raw=posted.raw,
            read=posted.read,
        )
        return Taken(_success({"id": f"<{message_id}>", "message": "Queued. Thank you."}), mail)

    def _remember(self, posted: Posted, domain: str, message_id: str, now: datetime) -> None:
        accepted = _Accepted(
            id=secrets.token_urlsafe(16),
            at=now,
            domain=domain,
            message_id=message_id,
            mail_from=posted.mail_from,
            recipients=posted.recipients,
            subject=posted.subject,
            size=len(posted.raw),
            tags=posted.tags,
            variables=posted.variables,
            is_test=posted.is_test,
        )
        self._accepted.setdefault(message_id, []).append(accepted)
        if len(self._accepted) > _MAX_LOOKED_UP:
            self._accepted.popitem(last=False)

    # ------------------------------------------------------------ events

    def _look_up(self, head: Head, domain: str) -> Reply:
        query = head.query
        try:
            limit = min(max(int(query.get("limit", "100")), 1), _MOST_ITEMS)
            begin = float(query.get("begin", "-inf"))
            end = float(query.get("end", "inf"))
        except ValueError:
            return _words(400, "limit, begin or end is not a number")
        found = sorted(
            (
                accepted
                for accepted in self._visible(query.get("message-id"))
                if accepted.domain == domain
                and begin <= accepted.at.timestamp() <= end
                and query.get("event", "accepted") == "accepted"
                and ("tags" not in query or query["tags"] in accepted.tags)
            ),
            key=lambda accepted: accepted.at,
            reverse=query.get("ascending") not in {"yes", "true"},
        )
        items = (
            _item(accepted, recipient, number)
            for accepted in found
            for number, recipient in enumerate(accepted.recipients)
            if query.get("recipient", recipient).lower() == recipient.lower()
        )
        return _success(_page(head, domain, list(islice(items, limit))))

    def _visible(self, message_id: str | None) -> Iterator[_Accepted]:
        """Yield what Mailgun would already have events of, of one Message-ID if named."""
        lag = self._faults.standing(self._account, EventsLag)
        latest = self._clock.now() - timedelta(seconds=lag.seconds if lag else 0)
        if message_id is None:
            lists = list(self._accepted.values())
        else:
            lists = [self._accepted.get(message_id.strip("<>"), [])]
        return (accepted for many in lists for accepted in many if accepted.at <= latest)


def _item(accepted: _Accepted, recipient: str, number: int) -> dict[str, Any]:
    return {
        "event": "accepted",
        "id": f"{accepted.id}{number}",
        "timestamp": accepted.at.timestamp(),
        "log-level": "info",
        "recipient": recipient,
        "recipient-domain": recipient.rpartition("@")[2],
        "envelope": {"sender": accepted.mail_from, "targets": recipient, "transport": "smtp"},
        "flags": {
            "is-authenticated": True,
            "is-routed": False,
            "is-system-test": False,
            "is-test-mode": accepted.is_test,
        },
        "message": {
            "headers": {
                "from": accepted.mail_from,
                "message-id": accepted.message_id,
                "subject": accepted.subject,
                "to": ", ".join(accepted.recipients),
            },
            "attachments": [],
            "size": accepted.size,
        },
        "tags": list(accepted.tags),
        "user-variables": accepted.variables,
    }


def _page(head: Head, domain: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    host = head.headers.get("host", "")
    end = f"http://{host}/v3/{quote(domain)}/events/end"  # one page is all there is
    return {"items": items, "paging": dict.fromkeys(("next", "previous", "first", "last"), end)}


def _about_domain(domain: str, *, suspended: bool) -> dict[str, Any]:
    state = "disabled" if suspended else "active"
    return {
        "domain": {"name": domain, "state": state, "type": "custom", "is_disabled": suspended},
        "sending_dns_records": [],
        "receiving_dns_records": [],
    }


def _new_message_id(domain: str, now: datetime) -> str:
    return f"{now:%Y%m%d%H%M%S}.1.{secrets.token_hex(8).upper()}@{domain}"


def _has_key(head: Head) -> bool:
    scheme, _, login = head.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        user, _, key = b64decode(login, validate=True).partition(b":")
    except ValueError:
        return False
    return user == b"api" and key != b""


def _success(body: dict[str, Any]) -> Reply:
    return Reply(status=200, body=_encode(body))


def _words(status: int, message: str, *headers: tuple[str, str]) -> Reply:
    return Reply(status=status, body=_encode({"message": message}), headers=headers)


def _text(status: int, text: str) -> Reply:
    return Reply(status=status, body=text.encode(), content_type="text/plain")


_FORBIDDEN = _text(401, "Forbidden")
_NOWHERE = _text(200, "Mailgun Magnificent API")  # what it says of a path that leads nowhere
