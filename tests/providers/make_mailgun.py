"""Mailgun for tests: the provider, a look at what it said, and its scripted far side."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses
from typing import Any

from mail_sender.domain.message import Address, Mailbox, Message
from mail_sender.domain.outcome import Accepted
from mail_sender.domain.secret import Secret
from mail_sender.providers.http import Answer, Phase, Request
from mail_sender.providers.mailgun import Mailgun, Settings, make
from tests.contracts.provider import Mail
from tests.providers.forms import ReadForm, read_form
from tests.providers.scripted_http import ScriptedHttp, always, answer, recorded, silent
from tests.providers.tools import make_tools

KEY = "key-3ax6xnjp29jd6fds4gc373sgvjxteol0"
HOOK_KEY = "mg-signing-key-example"
SHOP = Mailbox(Address("shop@example.com"), "Shop")
TAKEN = recorded("mailgun/queued")
TAKEN_ID = "<20261124021558.1.ABCD@mg.example.com>"
MESSAGES = "https://api.mailgun.net/v3/mg.example.com/messages"


def mailgun(http: ScriptedHttp | None = None, **fields: Any) -> Mailgun:  # noqa: ANN401
    """Return the provider; `fields` are `Settings`' own."""
    table = {"kind": "mailgun", "domain": "mg.example.com", "api_key": Secret(KEY), **fields}
    return make("mailgun", Settings(**table), make_tools(http or ScriptedHttp(always(TAKEN))))


async def sent(message: Message, to: set[Address] | None = None) -> tuple[str, ReadForm]:
    """Return the endpoint, and the form as another parser reads it."""
    http = ScriptedHttp(always(TAKEN))
    envelope = frozenset(to or message.content.recipients)
    outcomes = await mailgun(http).send(message, to=envelope)
    assert outcomes == dict.fromkeys(envelope, Accepted(provider_message_id=TAKEN_ID))
    return http.last.url, read_form(http.last.headers, http.last.body)


def mail_in(form: ReadForm) -> EmailMessage:
    """Return the whole mail in the form, as the standard library reads it."""
    [file] = form.files
    assert (file.field, file.content_type) == ("message", "message/rfc822")
    assert file.filename  # without a name Mailgun drops the part
    return message_from_bytes(file.content, policy=policy.default)


class MailgunFarSide:
    """See `tests.contracts.provider.FarSide`."""

    secrets = (KEY, HOOK_KEY, b64encode(f"api:{KEY}".encode()).decode())

    def __init__(self) -> None:
        self.http = ScriptedHttp()
        self.accepts()

    @property
    def calls(self) -> int:
        return len(self.http.requests)

    @property
    def mails(self) -> Sequence[Mail]:
        return [mail for request in self.http.requests for mail in _mails_in(request)]

    def accepts(self) -> None:
        def script(request: Request) -> Answer:
            return TAKEN if request.method == "POST" else recorded("mailgun/domain-active")

        self.http.script = script

    def refuses_our_key(self) -> None:
        self.http.script = always(recorded("mailgun/forbidden"))

    def refuses_the_message(self) -> None:
        self.http.script = always(recorded("mailgun/not-a-valid-address"))

    def asks_for_patience(self) -> None:
        self.http.script = always(recorded("mailgun/too-many-requests"))

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


def _mails_in(request: Request) -> list[Mail]:
    if request.method != "POST":
        return []
    form = read_form(request.headers, request.body)
    if request.url.endswith("/messages.mime"):
        mail = mail_in(form)
        assert mail["Bcc"] is None
        named = [v for name in ("To", "Cc") for v in mail.get_all(name, [])]
        named = [value for value in named if "undisclosed" not in value]
    elif "from" in form.names:
        named = [*form.all("to"), *form.all("cc")]
    else:
        return []
    envelope = [*form.all("to"), *form.all("cc"), *form.all("bcc")]
    return [
        Mail(
            frozenset(a for _, a in getaddresses(envelope)),
            frozenset(a for _, a in getaddresses(named)),
        )
    ]
