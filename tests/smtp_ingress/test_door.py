"""The SMTP door on real sockets, with the standard library as its client."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import smtplib
import socket
import ssl
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from mail_sender.domain.errors import ConfigError, StoreUnavailable
from mail_sender.domain.message import Mode, Priority
from mail_sender.smtp_ingress.connection import Connection
from mail_sender.smtp_ingress.limits import Limits
from mail_sender.store.port import Duplicate, NewMessage, Scope, Stored
from tests.http.authority import Authority

from .standing import standing
from .talk import plain


def letter(**headers: str) -> EmailMessage:
    """Return a mail as an application makes it."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = "Shop <shop@example.com>", "ann@example.net", "Hi"
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content("Grüße\n.\nEnd\n")
    return mail


async def test_a_mail_over_starttls_is_durable_and_arrives_as_it_was_written(
    tmp_path: Path,
) -> None:
    """The whole way: an application changes host and password, and nothing else."""
    async with standing(tmp_path) as it:
        mail = letter()
        mail["Bcc"] = "bob@example.net"
        await it.client(lambda client: client.send_message(mail))
        (arrived,) = await it.arrived()
    assert arrived.recipients == ("ann@example.net", "bob@example.net")
    contents = arrived.read()
    assert contents.text == "Grüße\r\n.\r\nEnd\r\n"
    assert contents.bcc == ()
    assert b"bob@" not in arrived.raw


async def test_tls_from_the_beginning_works_with_the_same_certificate(tmp_path: Path) -> None:
    """Port 465 (RFC 8314) is what most libraries call SSL."""
    async with standing(tmp_path) as it:

        def send() -> tuple[int, bytes]:
            with smtplib.SMTP_SSL("127.0.0.1", it.tls_port, context=it.trust) as client:
                client.login("app", it.key)
                client.mail("shop@example.com")
                client.rcpt("ann@example.net")
                return client.data(letter().as_bytes())

        code, words = await asyncio.to_thread(send)
        record = await it.record(words)
    assert code == 250
    assert record.message.content.mail_from == "shop@example.com"


@pytest.mark.parametrize("begins_with_tls", [False, True])
async def test_a_command_in_one_packet_with_the_end_of_the_handshake_is_heard(
    tmp_path: Path, *, begins_with_tls: bool
) -> None:
    """TLS 1.3 lets a client do so, Postfix does, and both sides would wait for each other."""
    async with standing(tmp_path) as it:
        port = it.tls_port if begins_with_tls else it.port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        if not begins_with_tls:
            await reader.readline()
            writer.write(b"STARTTLS\r\n")
            await reader.readline()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = it.trust.wrap_bio(incoming, outgoing, server_hostname="localhost")
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
                incoming.write(await reader.read(65536))
        tls.write(b"EHLO client\r\nQUIT\r\n")
        writer.write(outgoing.read())
        heard = b""
        while b"\r\n221 " not in heard:
            try:
                heard += tls.read(65536)
            except ssl.SSLWantReadError:
                incoming.write(await asyncio.wait_for(reader.read(65536), 5))
        writer.close()
    assert heard.startswith(b"220 localhost" if begins_with_tls else b"250-localhost")


async def test_what_the_header_says_to_us_is_done_and_taken_out(tmp_path: Path) -> None:
    """Everything that JSON clients can say can be said by SMTP, and no recipient reads it."""
    async with standing(tmp_path) as it:
        mail = letter(
            X_MS_Tag="orders, vip",
            X_MS_Metadata='{"order": "7"}',
            X_MS_Idempotency_Key="order-7",
            X_MS_Priority="high",
            X_MS_Route="default",
            X_MS_Mode="sync",
            X_MS_Timeout="20",
            X_MS_Has_Attach="stays: it is Exchange's",
        )
        replies = [
            await it.client(lambda c: _data(c, mail.as_bytes())),
            await it.client(lambda c: _data(c, mail.as_bytes())),
        ]
        record = await it.record(replies[0])
        arrived = await it.arrived()
    assert replies[0] == replies[1], "the same key: the same message, no second mail"
    assert replies[0].startswith("250 2.0.0 Ok: sent as msg_")
    content = record.message.content
    assert (content.tags, content.metadata) == (("orders", "vip"), (("order", "7"),))
    assert (content.priority, content.mode) == (Priority.HIGH, Mode.SYNC)
    assert len(arrived) == 1
    head = arrived[0].raw.partition(b"\r\n\r\n")[0]
    assert b"X-MS-Has-Attach" in head
    assert head.count(b"X-MS-") == 1


def _data(client: smtplib.SMTP, mail: bytes, to: str = "ann@example.net") -> str:
    client.ehlo_or_helo_if_needed()
    client.mail("shop@example.com")
    client.rcpt(to)
    code, words = client.data(mail)
    return f"{code} {words.decode()}"


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"X_MS_Priority": "urgent"}, "headers/X-MS-Priority: expected one of high, normal, low"),
        ({"X_MS_Metadata": "order=7"}, "headers/X-MS-Metadata: expected JSON"),
        ({"X_MS_Send_At": "tomorrow"}, "headers/X-MS-Send-At: expected a time"),
        ({"X_MS_Send_At": "2030-01-01T00:00:00"}, "its zone"),
        ({"X_MS_Give_Up_After": "soon"}, "a number of seconds"),
        ({"X_MS_Route": "nowhere"}, "no such route; there are: default"),
        ({"X_MS_Tag": "a b"}, "tags/0: a tag is"),
        ({"X_MS_Timeout": "5"}, "timeout: only for mode sync"),
    ],
)
async def test_a_mistake_in_a_header_is_refused_with_its_place(
    tmp_path: Path, headers: dict[str, str], words: str
) -> None:
    """A priority that is silently dropped is found out weeks later."""
    async with standing(tmp_path) as it:
        reply = await it.client(lambda c: _data(c, letter(**headers).as_bytes()))
    assert reply.startswith("550 5.6.0 ")
    assert words in reply


async def test_a_synchronous_mail_that_is_refused_stays_its_clients(tmp_path: Path) -> None:
    """5yz after the mail: nothing was sent and nothing will be."""
    async with standing(tmp_path) as it:
        mail = letter(X_MS_Mode="sync").as_bytes()
        reply = await it.client(lambda c: _data(c, mail, to="bounce@example.net"))
    assert reply.startswith("550 5.0.0 Not sent (msg_")
    assert "No such user" in reply


async def test_a_key_counts_with_everything_that_limits_it(tmp_path: Path) -> None:
    """Scope, sender domain and network hold at this door as at the other."""
    async with standing(tmp_path) as it:
        reader = await it.new_key(scopes=[Scope.READ])
        elsewhere = await it.new_key(networks=["203.0.113.0/24"])
        for secret, words in (
            (reader, "lacks the scope send"),
            (elsewhere, "may not be used from your network"),
            ("ms_live_none", "There is no such API key"),
        ):
            it.key = secret
            with pytest.raises(smtplib.SMTPAuthenticationError, match=words):
                await it.client(lambda client: client.noop())
        it.key = await it.new_key(sender_domains=["example.org"])
        reply = await it.client(lambda c: _data(c, letter().as_bytes()))
        assert reply.startswith("550 5.7.1 This API key may not send from this address")


async def test_a_revoked_key_sends_nothing_more_on_a_connection_that_is_open(
    tmp_path: Path,
) -> None:
    """Connections are kept for an hour; a stolen key must not be."""
    async with standing(tmp_path, store=f"sqlite:///{tmp_path}/mail.db") as it:
        store = it.gateway.store

        def work(client: smtplib.SMTP) -> tuple[str, str]:
            first = _data(client, letter().as_bytes())
            asyncio.run_coroutine_threadsafe(_revoke(), loop).result(10)
            return first, _data(client, letter().as_bytes())

        async def _revoke() -> None:
            keys = await store.keys()
            await store.revoke_key(keys[0].id)
            await asyncio.sleep(1.1)  # as long as a good key is remembered

        loop = asyncio.get_running_loop()
        first, second = await it.client(work)
    assert first.startswith("250 2.0.0 Ok: queued")
    assert second == "535 5.7.8 This API key was revoked."


# --- nobody relays who may not ------------------------------------------------------------


class _Transport:
    """A connection from somewhere, as far as admission looks at it."""

    def __init__(self, peer: str, here: str) -> None:
        self._names = {"peername": (peer, 40000), "sockname": (here, 587)}

    def get_extra_info(self, name: str) -> object:
        return self._names.get(name)


@pytest.mark.parametrize(
    ("peer", "here", "is_local"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("::1", "::1", True),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1", True),
        ("10.0.0.7", "10.0.0.1", False),
        ("192.168.1.7", "127.0.0.1", False),
        ("127.0.0.1", "10.0.0.1", False),
        ("203.0.113.9", "203.0.113.1", False),
        ("fe80::1%eth0", "fe80::2%eth0", False),
        ("", "", False),
    ],
)
async def test_only_this_machine_is_trusted_however_much_is_allowed(
    tmp_path: Path, peer: str, here: str, *, is_local: bool
) -> None:
    """With every permission that the configuration has, a stranger still needs TLS and a key."""
    store = f"sqlite:///{tmp_path}/mail.db"
    async with standing(tmp_path, store=store) as it:
        key = it.key
    async with standing(
        tmp_path, store=store, smtp_local_key=key, smtp_login_in_clear="true"
    ) as it:
        connection = Connection(it.smtp.door, begins_with_tls=False)
        terms = it.smtp.door.admit(connection, _Transport(peer, here))  # type: ignore[arg-type]
        assert terms is not None
        assert (terms.key is not None, terms.login_in_clear) == (is_local, is_local)
        it.smtp.door.left(connection)


async def test_without_a_login_nothing_is_taken_in_clear_or_in_tls(tmp_path: Path) -> None:
    """From this machine too, as long as no key is named for it."""
    async with standing(tmp_path) as it:
        group = (
            b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\nQUIT\r\n"
        )
        heard = await it.say(group)
        assert b"\r\n530 5.7.0 Must issue a STARTTLS" in heard
        assert b"\r\n354" not in heard
        heard = await it.say(b"EHLO x\r\n" + plain(it.key) + b"QUIT\r\n")
        assert b"\r\n538 5.7.11" in heard

        def in_tls(client: smtplib.SMTP) -> int:
            client.starttls(context=it.trust)
            client.ehlo()
            return client.mail("a@example.com")[0]

        assert await it.client(in_tls, login=False) == 530


async def test_a_key_for_this_machine_serves_programs_that_cannot_log_in(tmp_path: Path) -> None:
    """Cron and monitoring on the same machine; the mail is its key's, and a bad key no start."""
    store = f"sqlite:///{tmp_path}/mail.db"
    async with standing(tmp_path, store=store) as it:
        key = it.key
    async with standing(tmp_path, store=store, smtp_local_key=key) as it:
        reply = await it.client(lambda c: _data(c, letter().as_bytes()), login=False)
        assert (await it.record(reply)).message.content.subject == "Hi"
    with pytest.raises(ConfigError, match=r"smtp\.local_key: is no API key"):
        async with standing(tmp_path, store=store, smtp_local_key="ms_live_none"):
            pass
    with pytest.raises(ConfigError, match="would make everybody local"):
        async with standing(tmp_path, smtp_local_key=key, server_trusted_proxies="127.0.0.1"):
            pass


async def test_a_login_in_clear_is_for_this_machine_and_only_when_allowed(tmp_path: Path) -> None:
    """Some old programs speak no TLS; on loopback nobody listens in."""
    async with standing(tmp_path, smtp_login_in_clear="true") as it:

        def login(client: smtplib.SMTP) -> tuple[int, bytes]:
            return client.login("app", it.key)

        assert (await it.client(login, login=False))[0] == 235


# --- what goes wrong ----------------------------------------------------------------------


async def test_what_cannot_be_stored_is_451_and_the_client_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, or a bug of ours, is no reason to give a mail up for good."""
    async with standing(tmp_path) as it:

        async def full(new: NewMessage) -> None:
            raise StoreUnavailable("database or disk is full")

        async def broken(new: NewMessage) -> None:
            raise RuntimeError("a bug, with secret words")

        replies = []
        for fault in (full, broken):
            monkeypatch.setattr(it.gateway.store, "accept", fault)
            replies.append(await it.client(lambda c: _data(c, letter().as_bytes())))
        monkeypatch.undo()
        replies.append(await it.client(lambda c: _data(c, letter().as_bytes())))
    assert replies[0].startswith("451 4.3.0 Mail cannot be stored durably")
    assert replies[1] == "451 4.3.0 Temporary trouble on our side, try again later"
    assert replies[2].startswith("250 2.0.0 Ok")


async def test_who_sends_on_while_a_mail_is_stored_is_not_read_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow disk and a client that floods must not fill the memory together."""
    async with standing(tmp_path, smtp_login_in_clear="true") as it:
        disk = asyncio.Event()
        accept = it.gateway.store.accept

        async def slowly(new: NewMessage) -> Stored | Duplicate:
            await disk.wait()
            return await accept(new)

        monkeypatch.setattr(it.gateway.store, "accept", slowly)
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        writer.write(
            b"EHLO x\r\n" + plain(it.key)
            + b"MAIL FROM:<shop@example.com>\r\nRCPT TO:<ann@example.net>\r\nDATA\r\n"
        )  # fmt: skip
        await reader.readuntil(b"\r\n354 ")
        writer.write(letter().as_bytes() + b"\r\n.\r\n" + b"NOOP\r\n" * 2_000_000)
        await asyncio.sleep(0.5)
        (connection,) = it.smtp.door._open
        assert connection.dialogue.waiting_octets < 1_000_000
        disk.set()
        assert b"queued as" in await asyncio.wait_for(reader.readuntil(b"queued as "), 5)
        writer.transport.abort()


async def test_slow_clients_hold_nobody_up(tmp_path: Path) -> None:
    """Forty that stop in the middle of a mail, in the middle of TLS, or never read a reply."""
    async with standing(tmp_path) as it:
        slow: list[socket.socket] = []
        for number in range(40):
            lazy = socket.create_connection(
                ("127.0.0.1", it.tls_port if number % 4 == 1 else it.port)
            )
            slow.append(lazy)
            lazy.setblocking(False)  # noqa: FBT003 - the socket API
            if number % 4 == 2:
                lazy.sendall(b"EHLO x\r\nMAIL FR")
            elif number % 4 == 3:
                with contextlib.suppress(BlockingIOError):
                    lazy.sendall(b"NOOP\r\n" * 100_000)
        await asyncio.sleep(0.2)
        began = asyncio.get_running_loop().time()
        await it.client(lambda client: client.send_message(letter()))
        assert asyncio.get_running_loop().time() - began < 5
        for lazy in slow:
            lazy.close()


async def test_who_says_nothing_is_told_so_and_let_go(tmp_path: Path) -> None:
    """Connections are few; one that sleeps takes another's place."""
    async with standing(tmp_path) as it:
        it.smtp.door.limits = Limits(login_time=timedelta(seconds=0.5))
        heard = await it.say(b"EHLO x\r\n")
    assert heard.endswith(b"\r\n421 4.4.2 Timeout\r\n")


async def test_one_client_has_its_share_of_the_connections_and_no_more(tmp_path: Path) -> None:
    """A program gone mad must leave room for the others."""
    async with standing(tmp_path, smtp_max_connections_per_client="2") as it:
        kept = [await asyncio.open_connection("127.0.0.1", it.port) for _ in range(2)]
        for reader, _ in kept:
            assert (await reader.readline()).startswith(b"220")
        assert (await it.say(b"")).startswith(b"421 4.7.0 Too many connections")
        kept[0][1].close()
        await kept[0][1].wait_closed()
        for _ in range(500):
            heard = await it.say(b"QUIT\r\n")
            if heard.startswith(b"220"):
                break
            await asyncio.sleep(0.01)
        assert heard.startswith(b"220"), "room is made as soon as one has left"
        kept[1][1].close()


async def test_a_renewed_certificate_is_used_without_a_restart(tmp_path: Path) -> None:
    """Certificates live for weeks, connections of applications for months."""
    async with standing(tmp_path) as it:
        chain = Path(it.gateway.settings.config.smtp.certificate_file or "")
        first = await asyncio.to_thread(_certificate_of, it.tls_port)
        chain.write_bytes(b"half a file")
        assert await asyncio.to_thread(_certificate_of, it.tls_port) == first, "a bad one is left"
        other = tmp_path / "other"
        other.mkdir()
        shutil.copy(Authority(other).chain_file("localhost"), chain)
        assert await asyncio.to_thread(_certificate_of, it.tls_port) != first


def _certificate_of(port: int) -> str:
    return ssl.get_server_certificate(("127.0.0.1", port))


async def test_a_stop_lets_the_mail_under_way_end_and_says_421_to_the_rest(
    tmp_path: Path,
) -> None:
    """A deployment at noon must not cost a mail, nor wait for idle connections."""
    async with standing(tmp_path, smtp_login_in_clear="true") as it:
        idle, idle_writer = await asyncio.open_connection("127.0.0.1", it.port)
        await idle.readline()
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        writer.write(
            b"EHLO x\r\n" + plain(it.key)
            + b"MAIL FROM:<shop@example.com>\r\nRCPT TO:<ann@example.net>\r\nDATA\r\n"
        )  # fmt: skip
        await reader.readuntil(b"\r\n354 ")
        draining = asyncio.create_task(it.smtp.door.drain(timedelta(seconds=10)))
        assert await asyncio.wait_for(idle.read(), 5) == (
            b"421 4.3.2 The service is shutting down, try again later\r\n"
        )
        writer.write(letter().as_bytes() + b"\r\n.\r\n")
        heard = await asyncio.wait_for(reader.read(), 5)
        await draining
        await it.record(heard)
        for each in (writer, idle_writer):
            each.close()
        with pytest.raises(OSError):  # noqa: PT011 - refused, by whatever name
            await asyncio.open_connection("127.0.0.1", it.port)
    assert heard.endswith(b"\r\n421 4.3.2 The service is shutting down, try again later\r\n")
