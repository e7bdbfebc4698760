"""Mail servers as contestants: Postfix and Haraka, each relaying all mail to a sink."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Self

from .loads import count_of_sink
from .processes import NotThere, Running, free_port

_NODE_MODULES = Path(__file__).parent / "peers" / "node_modules"

#: Tuned as its TUNING_README says for a relay that is as fast as its clients: no throttle on
#: the way in, 64 deliveries at once to the one destination.
_MAIN_CF = """
compatibility_level = 3.6
queue_directory = {at}/spool
data_directory = {at}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = bench.example
mydestination =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
relayhost = [127.0.0.1]:{sink}
local_transport = error:none
maillog_file = {at}/maillog
maillog_file_prefixes = {at}
smtp_tls_security_level = none
smtpd_tls_security_level = none
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
in_flow_delay = 0
initial_destination_concurrency = 32
default_destination_concurrency_limit = 64
default_process_limit = 150
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
minimal_backoff_time = 5s
maximal_backoff_time = 10s
queue_run_delay = 5s
"""
_HARAKA = {
    "smtp.ini": "listen=127.0.0.1:{port}\nnodes=0\n",
    "plugins": "relay\n",
    "relay.ini": "[relay]\nacl=true\nforce_routing=true\n",
    "relay_acl_allow": "127.0.0.0/8\n",
    "relay_dest_domains.ini": "[domains]\n"
    'any = {{"action":"continue","nexthop":"127.0.0.1:{sink}"}}\n',
    "outbound.ini": "enable_tls=false\nconcurrency_max=64\nlocal_mx_ok=true\n",
    "log.ini": "[main]\nlevel=crit\nformat=default\n",
    "me": "bench.example\n",
    "host_list": "",
}


class Sink:
    """smtp-sink: takes all mail, writes nothing, counts."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._log = directory / "sink"
        program = shutil.which("smtp-sink") or shutil.which("/usr/sbin/smtp-sink")
        if program is None:
            raise NotThere("needs smtp-sink (on Debian: apt install postfix)")
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        command = [program, "-c", *user, f"127.0.0.1:{self.port}", "4096"]
        self._running = Running(command, log=self._log, port=self.port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.stop()

    def count(self) -> int:
        """Return how many mails came."""
        return count_of_sink(self._log.read_bytes())


class Postfix(Running):
    """Postfix's master, whose children stop with it."""

    def __init__(self, at: Path, port: int) -> None:
        super().__init__(
            ["/usr/sbin/postfix", "-c", str(at / "etc"), "start-fg"], log=at / "log", port=port
        )
        self._at = at

    def stop(self) -> None:
        """See `Running`."""
        subprocess.run(
            ["/usr/sbin/postfix", "-c", str(self._at / "etc"), "stop"],
            capture_output=True, check=False, timeout=30,
        )  # fmt: skip
        super().stop()


def postfix(directory: Path, sink: int) -> Running:
    """Start a Postfix of its own that listens on the port in the file `port`.

    Raises:
        NotThere: It is not installed, or this is not root (its master must be).
    """
    if not Path("/usr/sbin/postfix").exists():
        raise NotThere("needs postfix (on Debian: apt install postfix)")
    if os.geteuid() != 0:
        raise NotThere("needs root: Postfix's master changes users")
    port = int((directory / "port").read_text())
    if not (directory / "etc").exists():
        _write_postfix(directory, port, sink)
    return Postfix(directory, port)


def _write_postfix(directory: Path, port: int, sink: int) -> None:
    etc = directory / "etc"
    etc.mkdir()
    directory.chmod(0o755)
    for name in ("spool", "data"):
        (directory / name).mkdir()
    shutil.chown(directory / "data", "postfix")
    (etc / "main.cf").write_text(_MAIN_CF.format(at=directory, sink=sink))
    stock = Path("/usr/share/postfix/master.cf.dist").read_text().splitlines()
    lines = [line for line in stock if not line.startswith("smtp      inet")]
    listen = f"127.0.0.1:{port} inet n - n - - smtpd"
    unchrooted = [_without_chroot(line) for line in lines]
    (etc / "master.cf").write_text("\n".join([listen, *unchrooted]) + "\n")


def haraka(directory: Path, sink: int) -> Running:
    """Start Haraka, outbound to the sink, on the port in the file `port`.

    Raises:
        NotThere: Its packages are not installed.
    """
    program, node = _NODE_MODULES / "Haraka" / "bin" / "haraka", shutil.which("node")
    if node is None or not program.exists():
        raise NotThere("needs Node.js and the package Haraka (make bench sets it up)")
    port = int((directory / "port").read_text())
    config = directory / "config"
    if not config.exists():
        config.mkdir()
        (directory / "queue").mkdir()
        for name, text in _HARAKA.items():
            (config / name).write_text(text.format(port=port, sink=sink))
    command = [node, str(program), "-c", str(directory)]
    return Running(command, log=directory / "log", port=port, cwd=directory)


def _without_chroot(line: str) -> str:
    fields = line.split()
    if len(fields) < 8 or line.startswith(("#", " ", "\t")):
        return line
    return " ".join([*fields[:4], "n", *fields[5:]])
