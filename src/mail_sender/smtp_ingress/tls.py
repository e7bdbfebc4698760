"""The certificate of the door: read from files, read again when they change.

Neighbours: `connection` asks for the context of each new handshake. Programs that renew
certificates replace the files one after the other, so a pair that does not fit is left alone
until it does; connections go on with the one before.
"""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

from ..domain.errors import ConfigError
from ..observability import maillog

_FOR_A_YEAR = "365"


class Certificates:
    """See the module.

    Raises:
        ConfigError: The files cannot be used.
    """

    def __init__(self, certificate: Path, private_key: Path) -> None:
        self._files = (certificate, private_key)
        self._seen = self._state()
        try:
            self._context = self._load()
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"smtp.certificate_file, smtp.private_key_file: cannot be used: {error}"
            ) from None

    def context(self) -> ssl.SSLContext:
        """Return what the next handshake is made with."""
        state = self._state()
        if state != self._seen:
            self._seen = state
            try:
                self._context = self._load()
            except (OSError, ssl.SSLError) as error:
                maillog.trouble("smtp_certificate", str(error))
            else:
                maillog.process("smtp_certificate_loaded")
        return self._context

    def _state(self) -> tuple[tuple[int, int, int], ...]:
        return tuple(_state_of(file) for file in self._files)

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        # Without a password the library would ask on the terminal.
        context.load_cert_chain(*self._files, password="")
        return context


def _state_of(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_mtime_ns, found.st_size)


def self_signed(directory: Path, hostname: str) -> Certificates:
    """Return a certificate for trials, made by the `openssl` command at the first start.

    Raises:
        ConfigError: It cannot be made.
    """
    certificate, private_key = directory / "certificate.pem", directory / "private-key.pem"
    if not (certificate.exists() and private_key.exists()):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        names = f"subjectAltName=DNS:{hostname},DNS:localhost,IP:127.0.0.1"
        try:
            subprocess.run(  # noqa: S603 - no shell, and the name is the operator's own
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",  # noqa: S607
                 "ec_paramgen_curve:prime256v1", "-nodes", "-days", _FOR_A_YEAR,
                 "-subj", "/CN=localhost", "-addext", names,
                 "-keyout", private_key, "-out", certificate],
                check=True, capture_output=True, timeout=30,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            raise ConfigError(
                f"smtp.self_signed: the openssl command made no certificate: {error}"
            ) from None
    return Certificates(certificate, private_key)
