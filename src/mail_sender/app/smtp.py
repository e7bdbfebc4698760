"""The SMTP door of a process, made of its configuration.

Neighbours: `serving` opens it beside the HTTP server and closes it first.
"""

from __future__ import annotations

import socket
from pathlib import Path

from ..config import SmtpConfig
from ..intake.keyring import KeyRing
from ..smtp_ingress.door import Policy, SmtpDoor
from ..smtp_ingress.limits import Limits
from ..smtp_ingress.tls import Certificates, self_signed
from .gateway import Gateway
from .listening import bind

_SELF_SIGNED = Path("var/smtp")


class Smtp:
    """The door and its ports."""

    def __init__(self, door: SmtpDoor, *, listen: str | None, listen_tls: str | None) -> None:
        self.door = door
        self._listen = listen
        self._listen_tls = listen_tls
        self._submission: list[socket.socket] = []
        self._submissions: list[socket.socket] = []

    async def open(self) -> None:
        """Begin to listen. Raises `ConfigError`."""
        try:
            if self._listen is not None:
                self._submission = bind(self._listen, "smtp.listen")
            if self._listen_tls is not None:
                self._submissions = bind(self._listen_tls, "smtp.listen_tls")
            await self.door.open(self._submission, self._submissions)
        except BaseException:
            for bound in (*self._submission, *self._submissions):
                bound.close()
            raise

    @property
    def listening(self) -> dict[str, str]:
        """Where it listens: `starttls` and `tls`, each `host:port`, as far as they are there."""
        found = {"starttls": self._submission, "tls": self._submissions}
        return {way: _address_of(sockets[0]) for way, sockets in found.items() if sockets}


def make_smtp(gateway: Gateway) -> Smtp | None:
    """Return the door, not listening yet; None when none is configured.

    Args:
        gateway: Started.

    Raises:
        ConfigError: It cannot be had as configured.
    """
    config = gateway.settings.config
    smtp = config.smtp
    if smtp.listen is None and smtp.listen_tls is None:
        return None
    hostname = config.sender.hostname or socket.getfqdn()
    door = SmtpDoor(
        intake=gateway.intake,
        keys=KeyRing(gateway.store, gateway.clock),
        clock=gateway.clock,
        metrics=gateway.metrics,
        policy=Policy(
            hostname=hostname,
            limits=Limits(
                max_message_bytes=smtp.max_message_bytes,
                max_connections=smtp.max_connections,
                max_connections_per_client=smtp.max_connections_per_client,
            ),
            login_in_clear=smtp.login_in_clear,
            local_key=smtp.local_key,
            mails_per_minute=config.server.requests_per_minute,
        ),
        certificates=_certificates(smtp, hostname),
    )
    return Smtp(door, listen=smtp.listen, listen_tls=smtp.listen_tls)


def _certificates(smtp: SmtpConfig, hostname: str) -> Certificates | None:
    if smtp.certificate_file is not None and smtp.private_key_file is not None:
        return Certificates(Path(smtp.certificate_file), Path(smtp.private_key_file))
    if smtp.self_signed:
        return self_signed(_SELF_SIGNED, hostname)
    return None


def _address_of(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
