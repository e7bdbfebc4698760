"""Mail Sender as a contestant: one process on a fresh SQLite file, `synchronous=FULL`."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .processes import Running, free_port

_CONFIG = """
[server]
listen = "127.0.0.1:{port}"
[log]
level = "warning"
[store]
url = "sqlite:///{directory}/mail.db"
[worker]
journal = "{directory}/journal"
in_flight = {in_flight}
[providers.far]
kind = "postmark"
server_token = "token"
base_url = "{far}"
[routes.default]
providers = ["far"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A gateway that serves; `bearer` are the headers that its API asks for."""

    running: Running
    url: str
    bearer: dict[str, str]

    @property
    def mails_url(self) -> str:
        """Where mails are submitted."""
        return self.url + "/v1/messages"


def prepare(directory: Path, far: str, *, in_flight: int = 128, more: str = "") -> tuple[Path, str]:
    """Write a configuration and make a key; return both."""
    directory.mkdir(exist_ok=True)
    config = directory / "mail-sender.toml"
    text = _CONFIG.format(port=free_port(), directory=directory, far=far, in_flight=in_flight)
    config.write_text(text + more)
    made = subprocess.run(
        [sys.executable, "-m", "mail_sender", "keys", "create", "--config", str(config),
         "--name", "bench", "--scopes", "send,read,manage"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return config, made.stdout.strip()


@contextmanager
def serving(config: Path, key: str) -> Iterator[Gateway]:
    """Serve as the configuration says, until the block ends."""
    text = config.read_text()
    url = "http://" + text.partition('listen = "')[2].partition('"')[0]
    command = [sys.executable, "-m", "mail_sender", "serve", "--config", str(config)]
    with Running(command, log=config.parent / "log", port=int(url.rpartition(":")[2])) as running:
        _wait_until_ready(url)
        yield Gateway(running=running, url=url, bearer={"Authorization": f"Bearer {key}"})


def _wait_until_ready(url: str) -> None:
    for _ in range(400):
        try:
            with urllib.request.urlopen(url + "/health/ready", timeout=2):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the gateway did not become ready within 20 s")
