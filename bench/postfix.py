"""A Postfix of its own: configuration, queue and port in a directory, nothing of the system's.

For the benchmark, which compares doors, and for tests, in which it is a client that we did not
write. Needs root, and Debian's package `postfix`, whose own service need not run.
"""

# ruff: noqa: S603, S607 - the programs are the package's, wherever the machine has them
from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAMS = Path("/usr/lib/postfix/sbin")

_MAIN: Mapping[str, str] = {
    "compatibility_level": "3.6",
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4",
    "myhostname": "postfix.test",
    "mydestination": "",
    "mynetworks": "127.0.0.0/8",
    "alias_maps": "",
    "local_transport": "error:no local mail",
    "maillog_file": "",
    "in_flow_delay": "0s",
    "default_destination_concurrency_limit": "64",
    "initial_destination_concurrency": "64",
    "smtpd_client_connection_count_limit": "0",
    "smtp_destination_concurrency_limit": "64",
    "smtputf8_enable": "no",
}
_MASTER = """\
127.0.0.1:{port} inet n - n - 64 smtpd
pickup unix n - n 1 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - 64 smtp
relay unix - - n - 64 smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
showq unix n - n - - showq
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def is_there() -> bool:
    """Return whether this machine can run one."""
    return os.geteuid() == 0 and (PROGRAMS / "master").exists()


class Postfix:
    """One that runs.

    Attributes:
        port: Where it takes mail on loopback.
        directory: Of its configuration.
    """

    def __init__(self, directory: Path, port: int) -> None:
        self.directory = directory
        self.port = port

    def send(self, mail: bytes, sender: str, *recipients: str) -> None:
        """Hand a mail over as a program on this machine does."""
        subprocess.run(
            ["sendmail", "-C", self.directory, "-f", sender, "-i", "--", *recipients],
            input=mail, check=True, timeout=30,
        )  # fmt: skip

    @property
    def queue(self) -> str:
        """What still waits, as `mailq` shows it."""
        shown = subprocess.run(
            ["postqueue", "-c", self.directory, "-p"], check=False, capture_output=True, timeout=30
        )
        return shown.stdout.decode()

    @property
    def log(self) -> str:
        """What it said of its mail."""
        file = self.directory / "log"
        return file.read_text() if file.exists() else ""


@contextmanager
def postfix(*, relayhost: str, parent: Path | None = None, **settings: Any) -> Iterator[Postfix]:  # noqa: ANN401
    """Start one that relays everything, and stop it.

    Args:
        relayhost: Such as `[127.0.0.1]:2525`.
        parent: On the disk that its queue shall lie on; readable for its user.
        settings: More of main.cf.
    """
    base = Path(tempfile.mkdtemp(prefix="postfix-", dir=parent))
    base.chmod(0o755)
    for name, owner in (("queue", 0), ("data", "postfix")):
        (base / name).mkdir(mode=0o755)
        shutil.chown(base / name, owner)
    port = free_port()
    own = {
        "queue_directory": base / "queue", "data_directory": base / "data",
        "maillog_file": base / "log", "maillog_file_prefixes": str(base),
        "relayhost": relayhost,
    }  # fmt: skip
    (base / "main.cf").write_text(
        "".join(f"{name} = {value}\n" for name, value in {**_MAIN, **own, **settings}.items())
    )
    (base / "master.cf").write_text(_MASTER.format(port=port))
    process = subprocess.Popen(
        ["postfix", "-c", base, "start-fg"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(port)
        yield Postfix(base, port)
    finally:
        # The program that was started is a script; its daemon is asked by the id in its own file.
        subprocess.run(["postfix", "-c", base, "stop"], check=False, capture_output=True)
        process.terminate()
        process.wait(60)
        shutil.rmtree(base, ignore_errors=True)


def free_port() -> int:
    """Return a port of loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    """Return when somebody listens there. Raises `TimeoutError`."""
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nobody listens on port {port}")
