"""The SMTP provider and the MIME writer against servers that other people wrote.

aiosmtpd runs in this process, on a port that the system chooses; maildev is a program of its own
(`npm ci` in tests/node) that parses mails with a parser that is neither ours nor Python's.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any, cast

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from mail_sender.clock import FakeClock
from mail_sender.domain.message import Address, Attachment, Disposition, Mailbox
from mail_sender.domain.outcome import Accepted, Blame, Deferred, Outcome, Reach, Refused
from mail_sender.domain.secret import Secret
from mail_sender.providers.port import CheckResult
from mail_sender.providers.smtp import Settings, Smtp, make
from mail_sender.providers.smtp_connection import Tls

from ..http.authority import Authority
from ..make import ANN, BOB, CID, mailboxes, make_content, make_message
from ..parsed_mail import read_back
from ..requirements import need
from .running import running
from .smtp_relay import NoHttp, send
from .tools import make_tools

MAILDEV = Path(__file__).parent.parent / "node" / "node_modules" / ".bin" / "maildev"


@dataclass
class Taken:
    """A handler for aiosmtpd that keeps what it took, and refuses whom it is told to."""

    refuse: dict[str, str] = field(default_factory=dict)
    envelopes: list[Envelope] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        self.envelopes.append(envelope)
        return "250 Message accepted for delivery"


def ann_may_enter(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
) -> AuthResult:
    """Let in ann with her password, and nobody else."""
    good = isinstance(data, LoginPassword) and data == LoginPassword(b"ann", b"pa ss\xc3\xa4")
    return AuthResult(success=good, handled=False)


@contextlib.asynccontextmanager
async def aiosmtpd(
    handler: Taken,
    *,
    authority: Authority | None = None,
    implicit: bool = False,
    settings: dict[str, Any] | None = None,
    **options: Any,  # noqa: ANN401
) -> AsyncIterator[Smtp]:
    """Run aiosmtpd, and yield a provider that sends to it."""
    loop = asyncio.get_running_loop()
    context = authority.server_context("localhost") if authority else None
    if context and not implicit:
        options["tls_context"] = context
    server = await loop.create_server(
        lambda: SMTP(handler, hostname="judge.test", loop=loop, **options),
        "127.0.0.1",
        0,
        ssl=context if implicit else None,
    )
    fields: dict[str, Any] = {"host": "localhost" if authority else "127.0.0.1", **(settings or {})}
    if authority:
        fields |= {"ca_file": str(authority.ca_file)}
        fields |= {"tls": Tls.IMPLICIT if implicit else Tls.STARTTLS}
    else:
        fields |= {"tls": Tls.NONE}
    port = server.sockets[0].getsockname()[1]
    provider = make(
        "relay", Settings(kind="smtp", port=port, **fields), make_tools(NoHttp(), FakeClock())
    )
    try:
        yield provider
    finally:
        await provider.close()
        server.close()
        await server.wait_closed()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def outcome_for(outcomes: list[Outcome]) -> Outcome:
    """Return the only outcome."""
    (outcome,) = outcomes
    return outcome


async def test_aiosmtpd_takes_a_mail_and_gives_each_recipient_its_answer() -> None:
    """Envelope, partial refusal and content, seen by a server that we did not write."""
    handler = Taken(refuse={BOB: "550 5.1.1 no such user"})
    message = make_message(to=(ANN, BOB), bcc=mailboxes([CID]), text=".\n.x\nä\n", html="<p>ä")
    async with aiosmtpd(handler) as provider:
        ann, bob, cid = await send(provider, message)

    assert isinstance(ann, Accepted)
    assert isinstance(bob, Refused)
    assert bob.blame is Blame.RECIPIENT
    assert isinstance(cid, Accepted)
    (envelope,) = handler.envelopes
    assert envelope.mail_from == "shop@example.com"
    assert envelope.rcpt_tos == [ANN, CID]
    assert read_back(cast("bytes", envelope.content)).text == ".\n.x\nä\n"


@pytest.mark.parametrize("implicit", [False, True])
async def test_aiosmtpd_lets_us_in_over_tls_with_the_right_password(
    authority: Authority, *, implicit: bool
) -> None:
    """STARTTLS, then AUTH; a password with a space and an umlaut on top."""
    handler = Taken()
    login: dict[str, Any] = {"username": "ann", "password": Secret("pa ssä")}
    async with aiosmtpd(
        handler,
        authority=authority,
        implicit=implicit,
        settings=login,
        authenticator=ann_may_enter,
        # aiosmtpd does not see the TLS that the event loop made before it.
        auth_require_tls=not implicit,
        auth_required=not implicit,
    ) as provider:
        first = outcome_for(await send(provider, make_message()))
        second = outcome_for(await send(provider, make_message()))
        check = await provider.check()

    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert len(handler.envelopes) == 2
    assert check.result is CheckResult.WORKS


async def test_aiosmtpd_does_not_let_us_in_with_the_wrong_password(authority: Authority) -> None:
    """Its 535 5.7.8 is about the account."""
    login: dict[str, Any] = {"username": "ann", "password": Secret("wrong")}
    async with aiosmtpd(
        Taken(), authority=authority, settings=login, authenticator=ann_may_enter
    ) as provider:
        outcome = outcome_for(await send(provider, make_message()))
        check = await provider.check()

    assert isinstance(outcome, Refused)
    assert outcome.reach is Reach.ACCOUNT
    assert outcome.diagnostic.code == 535
    assert check.result is CheckResult.REFUSED


async def test_aiosmtpd_wants_a_login_and_we_have_none(authority: Authority) -> None:
    """530 at MAIL: the configuration lacks the user name."""
    options: dict[str, Any] = {"authenticator": ann_may_enter, "auth_required": True}
    async with aiosmtpd(Taken(), authority=authority, **options) as provider:
        outcome = outcome_for(await send(provider, make_message()))

    assert isinstance(outcome, Refused)
    assert outcome.reach is Reach.ACCOUNT
    assert outcome.diagnostic.code == 530


async def test_aiosmtpd_tells_its_size_limit_and_is_not_sent_more() -> None:
    """SIZE in EHLO stops the mail before it costs a byte."""
    handler = Taken()
    async with aiosmtpd(handler, data_size_limit=3000) as provider:
        outcome = outcome_for(await send(provider, make_message(text="x" * 9000)))
        small = outcome_for(await send(provider, make_message()))

    assert isinstance(outcome, Refused)
    assert (outcome.blame, outcome.reach) == (Blame.PROVIDER, Reach.MESSAGE)
    assert isinstance(small, Accepted)


async def test_aiosmtpd_takes_an_address_that_is_not_ascii() -> None:
    """With SMTPUTF8, local part and header are UTF-8 on the wire."""
    handler = Taken()
    message = make_message(to=("änn@bücher.example",))
    async with aiosmtpd(handler, enable_SMTPUTF8=True) as provider:
        outcome = outcome_for(await send(provider, message))
    async with aiosmtpd(handler, enable_SMTPUTF8=False) as provider:
        refused = outcome_for(await send(provider, message))

    assert isinstance(outcome, Accepted)
    assert handler.envelopes[0].rcpt_tos == ["änn@xn--bcher-kva.example"]
    assert isinstance(refused, Refused)
    assert refused.blame is Blame.PROVIDER


async def test_aiosmtpd_with_a_certificate_that_we_do_not_trust_gets_nothing(
    authority: Authority,
) -> None:
    """Its authority is not the machine's."""
    handler = Taken()
    async with aiosmtpd(handler, authority=authority) as trusted:
        settings = Settings(kind="smtp", host="localhost", port=trusted._relay.port)
        provider = make("relay", settings, make_tools(NoHttp()))
        outcome = outcome_for(await send(provider, make_message()))

    assert isinstance(outcome, Deferred)
    assert outcome.reach is Reach.ACCOUNT
    assert handler.envelopes == []


# --- maildev -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def maildev() -> Iterator[tuple[int, str]]:
    """Yield maildev's SMTP port and the URL of its API."""
    need(MAILDEV.exists(), "maildev: run npm ci in tests/node")
    smtp, web = free_ports(2)
    command = [str(MAILDEV), "--ip", "127.0.0.1", "-s", str(smtp), "-w", str(web)]
    with running([*command, "--web-ip", "127.0.0.1"]) as url:
        wait_for(smtp)
        yield smtp, url


def free_ports(count: int) -> list[int]:
    """Return ports that nobody uses; maildev cannot choose one itself."""
    with contextlib.ExitStack() as sockets:
        opened = [sockets.enter_context(socket.socket()) for _ in range(count)]
        for one in opened:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in opened]


def wait_for(port: int) -> None:
    """Return as soon as somebody listens; ten seconds at most."""
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, f"nobody listens on {port}"
            time.sleep(0.05)
        else:
            return


def get(url: str, path: str) -> bytes:
    """Return the body of an answer of maildev's API."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200, path
        return answer.read()


async def test_maildev_reads_back_everything_that_was_written(maildev: tuple[int, str]) -> None:
    """Names, texts, file names and images, through a parser that is not Python's."""
    port, url = maildev
    png = bytes(range(256)) * 40
    message = make_message(
        content=make_content(
            sender=Mailbox(Address("shop@example.com"), "Bücher, Größen & Söhne"),
            to=(),
            subject="Ihre Bestellung 😀 " * 8,
            text="Grüße\n.\n.. und Punkte\nFrom uns\n",
            html='<p>Grüße <img src="cid:logo@shop"></p>',
            cc=(Mailbox(Address("ann@bücher.example"), 'Ann "A." Ümit'),),
            reply_to=mailboxes(["help@example.com"]),
            headers=(("X-Order", "Größe 7"), ("List-Unsubscribe", "<https://x.test/u>")),
            tags=("order",),
            attachments=(
                Attachment(
                    filename="logo.png",
                    content_type="image/png",
                    content=png,
                    content_id="logo@shop",
                    disposition=Disposition.INLINE,
                ),
                Attachment(
                    filename="Rechnung für März, Größe 7 (endgültige Fassung).pdf",
                    content_type="application/pdf",
                    content=b"%PDF" + png,
                ),
            ),
        )
    )
    settings = Settings(kind="smtp", host="127.0.0.1", port=port, tls=Tls.NONE)
    provider = make("relay", settings, make_tools(NoHttp()))
    outcome = outcome_for(await send(provider, message))
    await provider.close()

    assert isinstance(outcome, Accepted)
    mails = json.loads(get(url, "/api/email"))
    (mail,) = (m for m in mails if m["headers"]["message-id"] == outcome.provider_message_id)
    assert mail["subject"] == message.content.subject.strip()
    assert mail["from"] == [{"address": "shop@example.com", "name": "Bücher, Größen & Söhne"}]
    # This parser shows A-labels as Unicode, and images as data within the HTML.
    assert mail["cc"] == [{"address": "ann@bücher.example", "name": 'Ann "A." Ümit'}]
    assert mail["text"].rstrip("\n") == "Grüße\n.\n.. und Punkte\nFrom uns"
    assert b64encode(png).decode() in mail["html"]
    assert str(make_header(decode_header(mail["headers"]["x-order"]))) == "Größe 7"
    assert mail["headers"]["x-ms-id"] == message.id
    files = {file["filename"]: file for file in mail["attachments"]}
    assert set(files) == {a.filename for a in message.content.attachments}
    for attachment in message.content.attachments:
        stored = files[attachment.filename]["generatedFileName"]
        assert get(url, f"/api/email/{mail['id']}/attachment/{quoted(stored)}") == (
            attachment.content
        )


def quoted(name: str) -> str:
    """Return a path segment."""
    return "".join([f"%{octet:02X}" for octet in name.encode()])
