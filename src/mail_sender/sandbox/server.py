"""Everything of the sandbox put together: accounts, their ports, the inbox, the control API.

Neighbours: `app` and the command `mail-sender sandbox` start one, and so do tests and
benchmarks. All of it runs on the loop that called `start`; nothing is written to disk.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Self

from ..clock import Clock
from ..http.client import PooledHttpClient
from .accounts import API_ACCOUNTS
from .control import Control
from .exchange import Exchange
from .faults import Down, Fault, Faults, Kind
from .identities import Identities
from .inbox import Inbox, InboxLimits
from .listener import Connections, Listener
from .mailgun import Mailgun
from .ses import Ses
from .smtp import SmtpAccount
from .telling import Teller
from .wire import Connection, Dates, Head, Service

DEFAULT_ACCOUNTS = {"ses": Kind.SES, "mailgun": Kind.MAILGUN, "relay": Kind.SMTP}

_Factory = Callable[[Connections], asyncio.BaseProtocol]


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """What to imitate, and where.

    Attributes:
        accounts: The kind of each account, by its name.
        host: An address of this machine. There is no login: anything but loopback is for
            networks that are closed.
        control_port: Of the control API. 0: any free one.
        ports: Of accounts, by name. Left out or 0: any free one.
        limits: Of the inbox.
        smtp_tls: With it, SMTP accounts offer STARTTLS.
    """

    accounts: Mapping[str, Kind] = field(default_factory=lambda: dict(DEFAULT_ACCOUNTS))
    host: str = "127.0.0.1"
    control_port: int = 0
    ports: Mapping[str, int] = field(default_factory=dict)
    limits: InboxLimits = field(default_factory=InboxLimits)
    smtp_tls: ssl.SSLContext | None = None


class Sandbox:
    """The imitated providers. `async with` starts and stops it.

    Attributes:
        inbox: What was taken, by all accounts, and by whoever else was given it.
        faults: To be read; set them with `put_faults`.
        identities: What was asked to be verified.
        teller: Give it the URL of the gateway that the sandbox runs in.
    """

    def __init__(
        self, settings: SandboxSettings, clock: Clock, *, inbox: Inbox | None = None
    ) -> None:
        """Prepare everything; nothing is opened before `start`.

        Args:
            settings: What and where.
            clock: For Date headers, ids and times of receipt. How slow `slow` is, the loop's
                own clock measures.
            inbox: None: one of its own.
        """
        self._settings = settings
        self._clock = clock
        self.inbox = Inbox(clock, settings.limits) if inbox is None else inbox
        self.faults = Faults(settings.accounts)
        self.identities = Identities()
        self._http_client: PooledHttpClient | None = None
        self.teller = Teller(
            inbox=self.inbox,
            kinds=lambda: settings.accounts,
            clock=clock,
            http=self._client,
            own_url=lambda: self.http_url,
        )
        self._control = Control(
            inbox=self.inbox,
            faults=self.faults,
            identities=self.identities,
            accounts=self._kinds_and_urls,
            put_faults=self._put_faults,
            teller=self.teller,
        )
        self._dates = Dates(clock)
        self._listeners: dict[str, Listener] = {}
        self._control_listener: Listener | None = None

    async def start(self) -> None:
        """Open all ports.

        Raises:
            OSError: One of them cannot be had; then none is open.
        """
        settings = self._settings
        try:
            for name, kind in settings.accounts.items():
                port = settings.ports.get(name, 0)
                self._listeners[name] = Listener(self._factory(name, kind), settings.host, port)
            self._control_listener = Listener(
                self._http(self._control), settings.host, settings.control_port
            )
            await self._control_listener.open()
            for name in self._listeners:
                await self._open_or_close(name)
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close all ports and connections. The inbox stays."""
        await self.teller.stop()
        client, self._http_client = self._http_client, None
        if client is not None:
            await client.close()
        for listener in self._all_listeners():
            await listener.release()
        self._listeners.clear()
        self._control_listener = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def http_url(self) -> str:
        """Base URL of the control API, without a slash at its end. Only while started."""
        if self._control_listener is None:
            raise RuntimeError("the sandbox is not started")
        return f"http://{self._control_listener.address}"

    @property
    def urls(self) -> dict[str, str]:
        """The URL of each account: `http://…` for HTTP APIs, `smtp://…` for relays."""
        return {name: url for name, (_, url) in self._kinds_and_urls().items()}

    def port_of(self, account: str) -> int:
        """Return an account's port, which it keeps while it is down. Only while started.

        Raises:
            KeyError: There is no such account, or the sandbox is not started.
        """
        return self._listeners[account].port

    @property
    def smtp_port(self) -> int:
        """The port of the first SMTP account."""
        relays = (name for name, kind in self._settings.accounts.items() if kind is Kind.SMTP)
        return self.port_of(next(relays))

    async def put_faults(self, account: str, *faults: Fault) -> None:
        """Replace the faults of an account. `Down` is in force on return.

        Raises:
            NoSuchAccount: Nobody has this name.
            ImpossibleFault: An account of its kind cannot act one of them out.
        """
        await self._put_faults(account, faults)

    async def heal(self, account: str) -> None:
        """Take all faults from an account. When it was down, it listens again on return."""
        await self._put_faults(account, ())

    async def call(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Call the control API without a connection; return status and JSON body.

        Args:
            method: Such as `PUT`.
            path: Such as `/inbox?limit=20`.
            body: JSON, or nothing.
        """
        reply = await self._control.call(Head(method=method, target=path), body)
        return reply.status, reply.body

    async def _put_faults(self, account: str, faults: Sequence[Fault]) -> None:
        self.faults.put(account, faults)
        if account in self._listeners:
            await self._open_or_close(account)

    async def _open_or_close(self, account: str) -> None:
        listener = self._listeners[account]
        if self.faults.standing(account, Down) is not None:
            await listener.close()
        else:
            await listener.open()

    def _kinds_and_urls(self) -> dict[str, tuple[Kind, str]]:
        kinds = self._settings.accounts
        return {
            name: (
                kinds[name],
                f"{'smtp' if kinds[name] is Kind.SMTP else 'http'}://{listener.address}",
            )
            for name, listener in self._listeners.items()
        }

    def _all_listeners(self) -> list[Listener]:
        control = [self._control_listener] if self._control_listener else []
        return [*self._listeners.values(), *control]

    def _factory(self, name: str, kind: Kind) -> _Factory:
        match kind:
            case Kind.SES:
                ses = Ses(
                    name,
                    inbox=self.inbox,
                    faults=self.faults,
                    identities=self.identities,
                    clock=self._clock,
                )
                return self._http(Exchange(name, ses, self.faults))
            case Kind.MAILGUN:
                mailgun = Mailgun(name, inbox=self.inbox, faults=self.faults, clock=self._clock)
                return self._http(Exchange(name, mailgun, self.faults))
            case Kind.SMTP:
                relay = SmtpAccount(
                    name, inbox=self.inbox, faults=self.faults, tls=self._settings.smtp_tls
                )
                return relay.connection
            case _:
                account = API_ACCOUNTS[kind](
                    name, inbox=self.inbox, faults=self.faults, clock=self._clock
                )
                return self._http(Exchange(name, account, self.faults))

    def _client(self) -> PooledHttpClient:
        self._http_client = self._http_client or PooledHttpClient()
        return self._http_client

    def _http(self, service: Service) -> _Factory:
        return partial(Connection, service, self._dates)
