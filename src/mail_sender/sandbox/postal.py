"""An imitation of Postal's HTTP API v1: whole mails.

Neighbour: `api_account` does what all imitations do. Fields and codes are those of the source
(github.com/postalserver/postal, app/controllers/legacy_api/send_controller.rb).
"""

from __future__ import annotations

import secrets

from .api_account import ApiAccount, Sent, Why, Wire, reply
from .contents import Contents, contents_of_mime
from .inbox import MS_ID_HEADER
from .wire import Head, Reply

_NO = {
    Why.KEY: (200, "InvalidServerAPIKey", "The API token provided was not valid."),
    Why.SUSPENDED: (200, "ServerSuspended", "The mail server has been suspended"),
    Why.TOO_FAST: (429, "", "Too many requests."),
    Why.UNAVAILABLE: (503, "", "Service unavailable."),
    Why.TOO_LARGE: (413, "", "Request entity too large."),
    Why.NOWHERE: (404, "", "Not found."),
    Why.MAIL: (200, "", ""),
    Why.RECIPIENT: (200, "NoRecipients", "There are no recipients: "),
}


class _Raw(Wire, frozen=True):
    mail_from: str
    rcpt_to: tuple[str, ...]
    data: bytes
    bounce: bool = False


class Postal(ApiAccount):
    """One mail server of an installation."""

    document = _Raw
    send_path = "/api/v1/send/raw"
    max_recipients = 100_000
    max_body_bytes = 64 * 1024 * 1024

    def knows_key(self, head: Head, body: bytes) -> bool:  # noqa: ARG002 - it is in the head
        """See `ApiAccount.knows_key`."""
        return bool(head.headers.get("x-server-api-key"))

    def contents(self, mail: _Raw) -> Contents:
        """See `ApiAccount.contents`."""
        contents = contents_of_mime(mail.data)
        tag = next((h.value for h in contents.headers if h.name.lower() == "x-postal-tag"), "")
        return contents_of_mime(mail.data, tags=(tag,) if tag else ())

    def ms_id(self, contents: Contents) -> str | None:
        """See `ApiAccount.ms_id`: a header."""
        found = (h.value for h in contents.headers if h.name.lower() == MS_ID_HEADER.lower())
        return next(found, None)

    def recipients(self, mail: _Raw, contents: Contents) -> tuple[str, ...]:  # noqa: ARG002 - it has an envelope
        """See `ApiAccount.recipients`."""
        return tuple(dict.fromkeys(mail.rcpt_to))

    def new_id(self) -> str:
        """See `ApiAccount.new_id`: a number."""
        return str(10_000 + secrets.randbelow(10**9))

    def yes(self, sent: Sent) -> Reply:
        """See `ApiAccount.yes`: one entry for each recipient."""
        messages = {
            address: {"id": int(id_), "token": secrets.token_hex(4)}
            for address, id_ in sent.ids.items()
        }
        names = {h.name.lower(): h.value for h in sent.contents.headers}
        message_id = names.get("message-id", "").strip("<>")
        data = {"message_id": message_id, "messages": messages}
        return reply(200, {"status": "success", "time": 0.02, "flags": {}, "data": data})

    def no(self, why: Why, words: str = "") -> Reply:
        """See `ApiAccount.no`: under a 200, if Postal itself says it."""
        status, code, said = _NO[why]
        data = {"message": said + words} | ({"code": code} if code else {})
        word = "error" if code else "parameter-error"
        if status != 200:  # the proxy in front of it
            return reply(status, {"message": said + words})
        return reply(status, {"status": word, "time": 0.0, "flags": {}, "data": data})

    def lie(self) -> Reply:
        """See `Imitation.lie`."""
        return reply(200, {"status": "success", "time": 0.0, "flags": {}, "data": {}})
