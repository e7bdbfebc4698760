"""The imitated relay, judged by the standard library's client, and every fault it can act out."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mail_sender.clock import FakeClock
from mail_sender.sandbox.faults import (
    Auth,
    CutAfterBody,
    CutBeforeBody,
    CutInAnswer,
    Down,
    ErrorBefore,
    Fault,
    Hang,
    Malformed,
    RateLimited,
    RefuseRecipient,
    Slow,
    Suspended,
    TakenThenCut,
)
from mail_sender.sandbox.inbox import Mail
from mail_sender.sandbox.server import Sandbox, SandboxSettings

from .clients import End, connection

T = TypeVar("T")
MAIL = (
    "From: Shop <shop@example.com>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    "X-MS-ID: msg_7\r\n\r\n.Thanks\r\n"
)
FROM, TO = "shop@example.com", "ann@example.net"


def taken(sandbox: Sandbox) -> list[Mail]:
    return sandbox.inbox.newest(limit=10)


async def with_smtplib(sandbox: Sandbox, use: Callable[[smtplib.SMTP], T]) -> T:
    """Run `use` with a greeted client in a thread, as it waits for its answers."""

    def run() -> T:
        with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=10) as client:
            client.ehlo()
            return use(client)

    return await asyncio.to_thread(run)


def hand_over(client: smtplib.SMTP) -> object:
    return client.sendmail(FROM, [TO], MAIL)


async def test_a_mail_is_taken_as_it_was_sent(sandbox: Sandbox) -> None:
    """Envelope, bytes and our id: what every delivery test compares."""
    refused = await with_smtplib(
        sandbox, lambda client: client.sendmail(FROM, [TO, "b@x.example"], MAIL)
    )

    (mail,) = taken(sandbox)
    assert refused == {}
    assert (mail.provider, mail.mail_from, mail.recipients) == ("relay", FROM, (TO, "b@x.example"))
    assert (mail.raw, mail.size) == (MAIL.encode(), len(MAIL))
    assert (mail.subject, mail.ms_id, mail.answered) == ("Grüße", "msg_7", True)
    assert mail.read().text == ".Thanks\r\n"


async def test_the_reply_names_the_mail_in_the_inbox(sandbox: Sandbox) -> None:
    """The queue id is all that an SMTP client ever learns."""

    def use(client: smtplib.SMTP) -> tuple[int, bytes]:
        client.mail(FROM)
        client.rcpt(TO)
        return client.data(MAIL)

    code, text = await with_smtplib(sandbox, use)

    assert (code, text.decode()) == (250, f"2.0.0 Ok: queued as {taken(sandbox)[0].id}")


async def test_what_it_offers(sandbox: Sandbox) -> None:
    """Our adapter chooses its way by these words."""
    offered = await with_smtplib(sandbox, lambda client: dict(client.esmtp_features))

    assert offered["size"] == str(40 * 1024 * 1024)
    assert {"pipelining", "8bitmime", "smtputf8"} <= set(offered)
    assert "starttls" not in offered


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
async def test_any_login_is_good(sandbox: Sandbox, mechanism: str) -> None:
    """Nobody has an account here."""

    def use(client: smtplib.SMTP) -> tuple[int, bytes]:
        client.user, client.password = "u", "p"
        authobject = client.auth_plain if mechanism == "PLAIN" else client.auth_login
        return client.auth(mechanism, authobject)

    assert (await with_smtplib(sandbox, use))[0] == 235


async def test_bounce_does_not_exist_and_the_others_get_the_mail(sandbox: Sandbox) -> None:
    """The convention that shows a partial refusal without setting anything."""
    refused = await with_smtplib(
        sandbox, lambda client: client.sendmail(FROM, ["Bounce@x.example", TO], MAIL)
    )

    assert refused == {"Bounce@x.example": (550, b"5.1.1 No such user here")}
    assert [mail.recipients for mail in taken(sandbox)] == [(TO,)]


async def test_a_fault_refuses_one_recipient(sandbox: Sandbox) -> None:
    """The same for any address."""
    await sandbox.put_faults("relay", RefuseRecipient(recipient="*@example.net", times=1))

    refused = await with_smtplib(
        sandbox, lambda client: client.sendmail(FROM, [TO, "b@x.example"], MAIL)
    )

    assert set(refused) == {TO}
    assert [mail.recipients for mail in taken(sandbox)] == [("b@x.example",)]
    assert await with_smtplib(sandbox, hand_over) == {}


async def test_the_null_sender_and_smtputf8(sandbox: Sandbox) -> None:
    """Bounces have no sender; addresses may have letters that ASCII lacks."""

    def use(client: smtplib.SMTP) -> None:
        client.docmd("MAIL FROM:<>")
        client.rcpt(TO)
        client.data(MAIL)
        client.send(b"MAIL FROM:<shop@example.com> SMTPUTF8\r\n")
        client.getreply()
        client.send("RCPT TO:<ännie@example.net>\r\n".encode())
        client.getreply()
        client.data("Subject: Grüße\r\n\r\n".encode())

    await with_smtplib(sandbox, use)

    utf8, null = taken(sandbox)
    assert (null.mail_from, null.recipients) == ("", (TO,))
    assert (utf8.recipients, utf8.subject) == (("ännie@example.net",), "Grüße")


async def test_parameters_of_mail_are_read(sandbox: Sandbox) -> None:
    """A mail that says it is too large is refused before it is sent (RFC 1870)."""

    def use(client: smtplib.SMTP) -> list[int]:
        path = f"FROM:<{FROM}>"
        return [
            client.docmd("MAIL", f"{path} SIZE={41 * 1024 * 1024}")[0],
            client.docmd("MAIL", f"{path} NONSENSE=1")[0],
            client.docmd("MAIL", f"{path} SIZE=100 BODY=8BITMIME SMTPUTF8")[0],
            client.docmd("RCPT", f"TO:<{TO}> NOTIFY=NEVER")[0],
        ]

    assert await with_smtplib(sandbox, use) == [552, 555, 250, 555]


async def test_bytes_that_are_no_utf8_can_be_shown(sandbox: Sandbox) -> None:
    """One broken client must not make the whole inbox unreadable."""

    def use(client: smtplib.SMTP) -> None:
        client.send(b"MAIL FROM:<sh\xf6p@example.com>\r\n")
        client.getreply()
        client.send(b"RCPT TO:<\xe4@example.net>\r\n")
        client.getreply()
        client.data(b"Subject: \xe4\r\n\r\n\xe4")

    await with_smtplib(sandbox, use)

    status, body = await sandbox.call("GET", f"/inbox/{taken(sandbox)[0].id}")
    assert status == 200
    assert "sh\N{REPLACEMENT CHARACTER}p@example.com" in body.decode()


async def test_commands_may_be_pipelined(sandbox: Sandbox) -> None:
    """RFC 2920, as offered."""
    async with connection(sandbox.smtp_port) as (reader, writer):
        commands = ["EHLO me", f"MAIL FROM:<{FROM}>", f"RCPT TO:<{TO}>", "DATA", f"{MAIL}.", "QUIT"]
        writer.write("".join(f"{command}\r\n" for command in commands).encode())
        said = await asyncio.wait_for(reader.read(), 10)

    codes = [line[:3] for line in said.decode().splitlines() if line[3:4] == " "]
    assert codes == ["220", "250", "250", "250", "354", "250", "221"]
    assert len(taken(sandbox)) == 1


# ---------------------------------------------------------------- faults


async def test_down_is_refused_by_the_kernel(sandbox: Sandbox) -> None:
    """Nothing was sent: the next provider may be asked at once."""
    await sandbox.put_faults("relay", Down())
    with pytest.raises(ConnectionRefusedError):
        await with_smtplib(sandbox, hand_over)

    await sandbox.heal("relay")

    assert await with_smtplib(sandbox, hand_over) == {}


async def test_down_ends_open_connections(sandbox: Sandbox) -> None:
    """A relay that dies takes the connections that a pool keeps with it."""
    async with connection(sandbox.smtp_port) as (reader, _):
        assert (await reader.readline()).startswith(b"220 ")

        await sandbox.put_faults("relay", Down())

        with suppress(ConnectionResetError):  # as good an end as any
            assert await asyncio.wait_for(reader.read(), 10) == b""


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (RateLimited(retry_after=9), 451, "4.7.0 Sending rate exceeded, try again in 9 seconds"),
        (ErrorBefore(), 451, "4.3.0 Local trouble, try again later"),
        (Auth(), 530, "5.7.0 Authentication required"),
        (Suspended(), 550, "5.7.1 This account is suspended"),
    ],
)
async def test_a_refusal_takes_nothing(
    sandbox: Sandbox, fault: Fault, code: int, words: str
) -> None:
    """A 4yz or 5yz is a clean no (RFC 5321 section 4.2.5)."""
    await sandbox.put_faults("relay", fault)

    with pytest.raises(smtplib.SMTPResponseException) as caught:
        await with_smtplib(sandbox, hand_over)

    assert (caught.value.smtp_code, caught.value.smtp_error) == (code, words.encode())
    assert taken(sandbox) == []


@pytest.mark.parametrize(("fault", "code"), [(Auth(times=1), 535), (Suspended(times=1), 525)])
async def test_a_login_is_refused(sandbox: Sandbox, fault: Fault, code: int) -> None:
    """A wrong key shows at AUTH, where the client presents one."""
    await sandbox.put_faults("relay", fault)

    def use(client: smtplib.SMTP) -> int:
        with pytest.raises(smtplib.SMTPAuthenticationError) as caught:
            client.login("u", "p", initial_response_ok=True)
        return int(caught.value.smtp_code)

    # smtplib tries the next mechanism after a refusal, so only one may be offered here.
    def with_one_mechanism(client: smtplib.SMTP) -> int:
        client.esmtp_features["auth"] = "PLAIN"
        return use(client)

    assert await with_smtplib(sandbox, with_one_mechanism) == code


async def dialogue(sandbox: Sandbox, *, patience: float = 10) -> tuple[str, End]:
    """Hand a mail over byte for byte; return what came after the last dot, and the end."""
    async with connection(sandbox.smtp_port) as (reader, writer):
        await reader.readline()
        commands = [f"HELO me\r\nMAIL FROM:<{FROM}>\r\nRCPT TO:<{TO}>\r\n", "DATA\r\n"]
        for command in commands:
            writer.write(command.encode())
            for _ in range(command.count("\n")):
                await reader.readline()
        try:
            writer.write(f"{MAIL}.\r\n".encode())
            said = await asyncio.wait_for(reader.readline(), patience)
            if said.endswith(b"\n"):
                return said.decode().rstrip(), End.OPEN
        except ConnectionResetError:
            return "", End.RESET
        return said.decode(), End.FIN


@pytest.mark.parametrize("kind", [CutBeforeBody, CutAfterBody])
async def test_a_cut_before_taking_leaves_nothing(
    sandbox: Sandbox, kind: type[CutBeforeBody | CutAfterBody]
) -> None:
    """To the client it looks like the cut after taking, and it is the opposite."""
    await sandbox.put_faults("relay", kind())

    said, end = await dialogue(sandbox)

    assert (said, end is End.OPEN) == ("", False)
    assert taken(sandbox) == []


@pytest.mark.parametrize(("reset", "end"), [(False, End.FIN), (True, End.RESET)])
async def test_taken_then_cut_takes_the_mail_in_silence(
    sandbox: Sandbox, reset: bool, end: End
) -> None:
    """RFC 5321 section 4.1.1.10: between the dot and the reply nobody knows."""
    await sandbox.put_faults("relay", TakenThenCut(reset=reset))

    assert await dialogue(sandbox) == ("", end)
    assert [(mail.answered, mail.fault) for mail in taken(sandbox)] == [(False, "taken_then_cut")]


async def test_a_cut_in_the_reply_leaves_half_of_it(sandbox: Sandbox) -> None:
    """Half a line is no reply, even when it begins with 250."""
    await sandbox.put_faults("relay", CutInAnswer())

    assert await dialogue(sandbox) == ("250 2.0.0 Ok: q", End.FIN)
    assert [mail.answered for mail in taken(sandbox)] == [False]


async def test_malformed_is_a_line_without_a_code(sandbox: Sandbox) -> None:
    """The mail was taken, and no rule says what the line means."""
    await sandbox.put_faults("relay", Malformed())

    assert await dialogue(sandbox) == ("Ok, queued", End.OPEN)
    assert len(taken(sandbox)) == 1


async def test_slow_takes_first_and_answers_later(sandbox: Sandbox) -> None:
    """The client that gives up at this point has sent its mail."""
    await sandbox.put_faults("relay", Slow(seconds=0.2))
    talking = asyncio.create_task(dialogue(sandbox))
    while not len(sandbox.inbox):
        await asyncio.wait_for(sandbox.inbox.changed(), 10)

    assert not taken(sandbox)[0].answered
    assert (await talking)[0].startswith("250 ")
    assert taken(sandbox)[0].answered


async def test_a_hanging_transaction_is_taken_when_healed(sandbox: Sandbox) -> None:
    """Once for everybody who hangs, and not for who has left."""
    await sandbox.put_faults("relay", Hang())
    talking = [asyncio.create_task(dialogue(sandbox)) for _ in range(2)]
    with pytest.raises(TimeoutError):
        await dialogue(sandbox, patience=0.2)
    done, _ = await asyncio.wait(talking, timeout=0.1)
    assert (done, taken(sandbox)) == (set(), [])

    await sandbox.heal("relay")

    assert [said[:3] for said, _ in await asyncio.gather(*talking)] == ["250", "250"]
    assert len(taken(sandbox)) == 2


async def test_a_transaction_meets_one_fault_and_a_script_goes_on(sandbox: Sandbox) -> None:
    """Several mails on one connection, as a worker sends them."""
    await sandbox.put_faults("relay", RateLimited(times=1), ErrorBefore(times=1))

    def use(client: smtplib.SMTP) -> list[int]:
        codes = []
        for _ in range(2):
            with pytest.raises(smtplib.SMTPResponseException) as caught:
                hand_over(client)
            codes.append(caught.value.smtp_code)
        hand_over(client)
        return codes

    assert await with_smtplib(sandbox, use) == [451, 451]
    assert len(taken(sandbox)) == 1


async def test_a_bug_in_here_is_no_permanent_failure(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """By default aiosmtpd answers 500 with the exception's text, and a mail is given up."""

    class BrokenClock(FakeClock):
        def now(self) -> datetime:
            raise OSError("secret detail")

    sandbox.inbox._clock = BrokenClock()

    assert (await dialogue(sandbox))[0] == "451 4.3.0 Local trouble, try again later"
    assert "secret detail" in caplog.text


# ---------------------------------------------------------------- TLS


def tls_pair(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the contexts of a server and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "localhost.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=pem)


async def test_starttls_is_offered_with_a_certificate(tmp_path: Path) -> None:
    """For adapters that refuse to log in without TLS; cuts work inside it, too."""
    server, client_tls = tls_pair(tmp_path)
    async with Sandbox(SandboxSettings(smtp_tls=server), FakeClock()) as sandbox:

        def use(client: smtplib.SMTP) -> object:
            client._host = "localhost"  # type: ignore[attr-defined]  # what the certificate names
            client.starttls(context=client_tls)
            client.login("u", "p")
            return hand_over(client)

        assert await with_smtplib(sandbox, use) == {}
        await sandbox.put_faults("relay", TakenThenCut())
        with pytest.raises(smtplib.SMTPServerDisconnected):
            await with_smtplib(sandbox, use)
        assert len(taken(sandbox)) == 2
