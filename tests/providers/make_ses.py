"""Amazon SES for tests: the provider, a look at what it said, and its scripted far side."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses
from typing import Any, cast

from mail_sender.domain.message import Address, Mailbox, Message
from mail_sender.domain.outcome import Accepted
from mail_sender.domain.secret import Secret
from mail_sender.providers.http import Answer, Phase, Request
from mail_sender.providers.ses import Ses, Settings, make
from tests.contracts.provider import Mail
from tests.providers.scripted_http import ScriptedHttp, always, answer, recorded, silent
from tests.providers.tools import make_tools

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjEXAMPLETOKEN//=="
SHOP = Mailbox(Address("shop@example.com"), "Shop")
TAKEN = recorded("ses/send-email")
TAKEN_ID = "0100019a3f6e2c1d-5f0b1a2c-8d3e-4f70-9b61-2a7c4d5e6f70-000000"


def ses(http: ScriptedHttp | None = None, **fields: Any) -> Ses:  # noqa: ANN401
    """Return the provider; `fields` are `Settings`' own."""
    table = {
        "kind": "ses",
        "region": "eu-west-1",
        "access_key_id": "AKIDEXAMPLE",
        "secret_access_key": Secret(SECRET),
        **fields,
    }
    return make("ses", Settings(**table), make_tools(http or ScriptedHttp(always(TAKEN))))


async def sent(
    message: Message,
    to: set[Address] | None = None,
    **fields: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """Return the body that SES is given for a message to `to` (None: to everybody)."""
    http = ScriptedHttp(always(TAKEN))
    envelope = frozenset(to or message.content.recipients)
    outcomes = await ses(http, **fields).send(message, to=envelope)
    assert outcomes == dict.fromkeys(envelope, Accepted(provider_message_id=TAKEN_ID))
    return cast("dict[str, Any]", json.loads(http.last.body))


def refusal(status: int, type_: str, message: str) -> Answer:
    """Return a refusal as SES words it."""
    return answer(status, {"message": message}, x_amzn_errortype=f"{type_}:http://example/")


def mail_in(body: dict[str, Any]) -> EmailMessage:
    """Return the whole mail of a Raw body, as the standard library reads it."""
    raw = b64decode(body["Content"]["Raw"]["Data"])
    return message_from_bytes(raw, policy=policy.default)


class SesFarSide:
    """See `tests.contracts.provider.FarSide`."""

    secrets = (SECRET, TOKEN)

    def __init__(self) -> None:
        self.http = ScriptedHttp()
        self.accepts()

    @property
    def calls(self) -> int:
        return len(self.http.requests)

    @property
    def mails(self) -> Sequence[Mail]:
        return [
            _mail(json.loads(request.body))
            for request in self.http.requests
            if request.url.endswith("/outbound-emails")
        ]

    def accepts(self) -> None:
        def script(request: Request) -> Answer:
            if request.url.endswith("/account"):
                return recorded("ses/get-account")
            return TAKEN

        self.http.script = script

    def refuses_our_key(self) -> None:
        # AWS quotes the headers that were signed when it disagrees with a signature.
        said = f"The signature does not match. It should be host:x\nx-amz-security-token:{TOKEN}"
        self.http.script = always(refusal(403, "SignatureDoesNotMatch", said))

    def refuses_the_message(self) -> None:
        self.http.script = always(refusal(400, "BadRequestException", "Missing final '@domain'"))

    def asks_for_patience(self) -> None:
        said = "Maximum sending rate exceeded."
        self.http.script = always(refusal(429, "TooManyRequestsException", said))

    def is_not_there(self) -> None:
        self.http.script = silent(Phase.CONNECT)

    def falls_silent(self) -> None:
        self.http.script = silent(Phase.ANSWER)

    def talks_nonsense(self) -> None:
        self.http.script = always(answer(200, "<html>Welcome</html>", content_type="text/html"))

    def hangs(self) -> None:
        self.http.hangs = True

    async def was_called(self) -> None:
        await self.http.called.wait()


def _mail(body: dict[str, Any]) -> Mail:
    destination = body["Destination"]
    fields = ("ToAddresses", "CcAddresses", "BccAddresses")
    envelope = [a for _, a in getaddresses([x for f in fields for x in destination.get(f, [])])]
    if "Simple" in body["Content"]:
        named = [*destination.get("ToAddresses", []), *destination.get("CcAddresses", [])]
    else:
        mail = mail_in(body)
        assert mail["Bcc"] is None
        named = [v for name in ("To", "Cc") for v in mail.get_all(name, [])]
        named = [value for value in named if "undisclosed" not in value]
    return Mail(frozenset(envelope), frozenset(a for _, a in getaddresses(named)))
