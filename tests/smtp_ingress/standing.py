"""A gateway with its SMTP door open on loopback, inside the test, and a certificate to believe."""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from mail_sender.app import Gateway, load_settings
from mail_sender.app.smtp import Smtp, make_smtp
from mail_sender.config import Source
from mail_sender.intake.keys import issue_key
from mail_sender.sandbox.inbox import Mail
from mail_sender.store.port import Record, Scope
from tests.http.authority import Authority

Result = TypeVar("Result")


class Standing:
    """The gateway, as its clients and the test see it.

    Attributes:
        port, tls_port: Of STARTTLS and of TLS from the beginning.
        key: With the scope `send`.
    """

    def __init__(self, gateway: Gateway, smtp: Smtp, authority: Authority, key: str) -> None:
        self.gateway = gateway
        self.smtp = smtp
        self.key = key
        self.trust = authority.trusting()
        where = smtp.listening
        self.port = int(where["starttls"].rpartition(":")[2])
        self.tls_port = int(where["tls"].rpartition(":")[2])

    async def client(self, work: Callable[[smtplib.SMTP], Result], *, login: bool = True) -> Result:
        """Do something as a client of the standard library, by default logged in over STARTTLS."""

        def run() -> Result:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=20) as client:
                if login:
                    client.starttls(context=self.trust)
                    client.login("app", self.key)
                return work(client)

        return await asyncio.to_thread(run)

    async def say(self, octets: bytes, *, port: int | None = None) -> bytes:
        """Say octets in clear text and return everything that is answered until it closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port or self.port)
        writer.write(octets)
        heard = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return heard

    async def new_key(self, **fields: object) -> str:
        """Issue another key."""
        scopes = fields.pop("scopes", [Scope.SEND])
        _, secret = await issue_key(
            self.gateway.store, self.gateway.clock, name="other", scopes=scopes, **fields  # type: ignore[arg-type]
        )  # fmt: skip
        return secret

    async def record(self, reply: bytes | str) -> Record:
        """Return the message that a reply names."""
        text = reply.decode() if isinstance(reply, bytes) else reply
        id_ = next(word.strip(",") for word in text.split() if word.startswith("msg_"))
        found = await self.gateway.store.get(id_)  # type: ignore[arg-type]
        assert found is not None, f"{id_} was said to be durable"
        return found

    async def arrived(self, count: int = 1) -> list[Mail]:
        """Return what the far side got, oldest first, once it is so many mails."""
        for _ in range(2000):
            mails = self.gateway.sandbox.inbox.newest(limit=1000)
            if len(mails) >= count:
                break
            await asyncio.sleep(0.01)
        return mails[::-1]


@asynccontextmanager
async def standing(
    directory: Path, *, store: str = "memory:", **smtp: object
) -> AsyncIterator[Standing]:
    """Start it; `smtp` are keys of its section of the configuration."""
    authority = Authority(directory)
    chain = str(authority.chain_file("localhost", "127.0.0.1"))
    environ = {
        "MAIL_SENDER_STORE_URL": store,
        "MAIL_SENDER_WORKER_JOURNAL": str(directory / "journal"),
        "MAIL_SENDER_PROVIDERS_BOX_KIND": "sandbox",
        "MAIL_SENDER_ROUTES_DEFAULT_PROVIDERS": "box",
        "MAIL_SENDER_SENDER_HOSTNAME": "localhost",
        "MAIL_SENDER_SMTP_LISTEN": "127.0.0.1:0",
        "MAIL_SENDER_SMTP_LISTEN_TLS": "127.0.0.1:0",
        "MAIL_SENDER_SMTP_CERTIFICATE_FILE": chain,
        "MAIL_SENDER_SMTP_PRIVATE_KEY_FILE": chain,
        **{f"MAIL_SENDER_{name.upper()}": str(value) for name, value in smtp.items()},
    }
    gateway = Gateway(load_settings(Source(environ=environ)), role="all")
    await gateway.start()
    try:
        _, key = await issue_key(
            gateway.store, gateway.clock, name="test", scopes=[Scope.SEND, Scope.READ]
        )
        made = make_smtp(gateway)
        assert made is not None
        await made.open()
        try:
            yield Standing(gateway, made, authority, key)
        finally:
            await made.door.drain(timedelta(seconds=2))
    finally:
        await gateway.stop()
