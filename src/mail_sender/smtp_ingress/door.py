"""The ports of the SMTP door: who is admitted, with which key, and how it closes.

Neighbours: `app` makes it of the configuration, `connection` is one client, `submission` makes
messages durable. A mail is never taken without a key of ours: a client logs in with one, or it
is a program on this very machine and the operator has named a key for those. There is no list of
trusted networks, so that no configuration makes an open relay.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from ..clock import Clock
from ..domain.errors import ConfigError, StoreUnavailable
from ..domain.message import KeyId
from ..domain.secret import Secret
from ..intake.intake import Intake
from ..intake.keyring import BadKey, KeyRing, Known
from ..intake.rate_limit import RateLimit
from ..observability import maillog
from ..observability.metrics import Metrics
from ..store.port import Scope
from . import replies
from .connection import Connection
from .limits import Budget, Limits
from .steps import Envelope, Terms
from .submission import submit
from .tls import Certificates

_BACKLOG = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """See `config.SmtpConfig`.

    Attributes:
        login_in_clear: Whether clients on this machine may log in without TLS.
        local_key: What clients on this machine send with that do not log in; None: they must.
        mails_per_minute: For each key; beyond it, 451.
    """

    hostname: str
    limits: Limits = field(default_factory=Limits)
    login_in_clear: bool = False
    local_key: Secret | None = None
    mails_per_minute: int | None = None


class SmtpDoor:
    """See the module."""

    def __init__(
        self,
        *,
        intake: Intake,
        keys: KeyRing,
        clock: Clock,
        metrics: Metrics,
        policy: Policy,
        certificates: Certificates | None,
    ) -> None:
        self.limits = policy.limits
        self.budget = Budget(policy.limits.max_buffered_bytes)
        self._intake = intake
        self._keys = keys
        self._clock = clock
        self._metrics = metrics
        self._policy = policy
        self._certificates = certificates
        per_minute = policy.mails_per_minute
        self._rate = RateLimit[KeyId](per_minute) if per_minute is not None else None
        self._local: Known | None = None
        self._servers: list[asyncio.Server] = []
        self._open: set[Connection] = set()
        self._per_client: Counter[str] = Counter()
        self._is_draining = False
        self._nobody_left = asyncio.Event()

    async def open(
        self, submission: Sequence[socket.socket], submissions: Sequence[socket.socket]
    ) -> None:
        """Begin to listen.

        Args:
            submission: Bound sockets on which TLS begins with STARTTLS (port 587).
            submissions: Bound sockets on which it begins at once (port 465, RFC 8314).

        Raises:
            ConfigError: The key for local clients is not good, or TLS lacks a certificate.
        """
        if submissions and self._certificates is None:
            raise ConfigError("smtp.listen_tls: needs smtp.certificate_file or smtp.self_signed")
        if self._policy.local_key is not None:
            self._local = await self._local_key(self._policy.local_key)
        loop = asyncio.get_running_loop()
        for sockets, begins_with_tls in ((submission, False), (submissions, True)):
            for bound in sockets:
                self._servers.append(
                    await loop.create_server(
                        partial(Connection, self, begins_with_tls=begins_with_tls),
                        sock=bound,
                        backlog=_BACKLOG,
                    )
                )

    async def drain(self, at_most: timedelta) -> None:
        """Take nobody new, let mails that are under way end, say 421 to everybody else."""
        self._is_draining = True
        for server in self._servers:
            server.close()
        for connection in tuple(self._open):
            connection.drain()
        if self._open:
            try:
                async with asyncio.timeout(at_most.total_seconds()):
                    await self._nobody_left.wait()
            except TimeoutError:
                maillog.smtp("cut_off", connections=len(self._open))
        for connection in tuple(self._open):
            connection.abort()

    # ------------------------------------------------ for connections

    def admit(self, connection: Connection, transport: asyncio.Transport) -> Terms | None:
        """See `connection.Door.admit`."""
        peer = _host_of(transport.get_extra_info("peername"))
        connection.peer = peer
        limits = self.limits
        if self._is_draining or len(self._open) >= limits.max_connections:
            return None
        if self._per_client[peer] >= limits.max_connections_per_client:
            return None
        self._open.add(connection)
        self._per_client[peer] += 1
        self._metrics.smtp_connections.inc()
        is_local = _is_loopback(peer) and _is_loopback(
            _host_of(transport.get_extra_info("sockname"))
        )
        return Terms(
            hostname=self._policy.hostname,
            offers_tls=self._certificates is not None,
            login_in_clear=is_local and self._policy.login_in_clear,
            key=self._local.key if is_local and self._local is not None else None,
        )

    def left(self, connection: Connection) -> None:
        """See `connection.Door.left`."""
        self._open.discard(connection)
        self._per_client[connection.peer] -= 1
        if not self._per_client[connection.peer]:
            del self._per_client[connection.peer]
        self._metrics.smtp_connections.dec()
        if self._is_draining and not self._open:
            self._nobody_left.set()

    def tls_context(self) -> ssl.SSLContext:
        """See `connection.Door.tls_context`."""
        assert self._certificates is not None  # noqa: S101 - else TLS is not offered
        return self._certificates.context()

    async def log_in(self, connection: Connection, secret: str) -> None:
        """See `connection.Door.log_in`."""
        try:
            known = await self._admitted(secret, connection.peer)
        except StoreUnavailable as error:
            maillog.trouble("smtp_login", str(error))
            connection.dialogue.not_logged_in(replies.CANNOT_LOGIN_NOW, counts=False)
            return
        if isinstance(known, BadKey):
            maillog.smtp("login_refused", peer=connection.peer, reason=known.reason)
            self._metrics.refused.labels("smtp_login").inc()
            reply = replies.said("535 5.7.8", known.reason)
            connection.dialogue.not_logged_in(reply, counts=True)
            return
        connection.secret = secret
        connection.dialogue.logged_in(known.key)

    async def submit(self, connection: Connection, envelope: Envelope, mail: bytes) -> str:
        """See `connection.Door.submit`: asks once more whether the key is good."""
        secret = connection.secret
        if secret is None and self._policy.local_key is not None:
            secret = self._policy.local_key.reveal()
        try:
            known = await self._admitted(secret or "", connection.peer)
        except StoreUnavailable as error:
            maillog.trouble("smtp", str(error))
            return replies.OUR_FAULT
        if isinstance(known, BadKey):
            reply = replies.said("535 5.7.8", known.reason)
        elif self._is_too_much(known):
            reply = replies.SLOW_DOWN
        else:
            reply = await submit(self._intake, envelope, mail)
        if not reply.startswith("2"):
            maillog.smtp("refused", peer=connection.peer, key_id=envelope.key.id, reply=reply)
            self._metrics.refused.labels(f"smtp_{reply[:3]}").inc()
        return reply

    # ------------------------------------------------ keys

    async def _admitted(self, secret: str, peer: str) -> Known | BadKey:
        """Return the key that this client may send with."""
        known = await self._keys.known(secret)
        if isinstance(known, BadKey):
            return known
        if Scope.SEND not in known.key.scopes:
            return BadKey(f"This API key lacks the scope {Scope.SEND}.")
        if not known.may_be_used_from(peer):
            return BadKey("This API key may not be used from your network.")
        self._keys.touch(known.key)
        return known

    async def _local_key(self, secret: Secret) -> Known:
        known = await self._keys.known(secret.reveal())
        if isinstance(known, BadKey) or Scope.SEND not in known.key.scopes:
            raise ConfigError("smtp.local_key: is no API key with the scope send")
        return known

    def _is_too_much(self, known: Known) -> bool:
        if self._rate is None:
            return False
        return self._rate.count(known.key.id, self._clock.now()).remaining < 0


def _host_of(address: object) -> str:
    """Return the host of a socket's address; an IPv4 address in IPv6 clothes is one of IPv4."""
    host = str(address[0]) if isinstance(address, tuple) and address else ""
    return host.removeprefix("::ffff:") if "." in host else host


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
