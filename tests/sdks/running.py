"""A gateway as `make run` starts it, with imitated providers behind it, for blocking clients."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx2

CONFIG = """\
[routes.default]
providers = ["mailgun", "ses", "relay"]
[routes.elsewhere]
providers = ["ses", "mailgun", "relay"]
[routes.refusing]
providers = ["relay"]
[queue]
retry_first = "PT0.5S"
poll_interval = "PT0.1S"
"""


@dataclass(frozen=True)
class Gateway:
    """What a test needs of it."""

    url: str
    key: str
    client: httpx2.Client

    @cached_property
    def ses_key_pair(self) -> tuple[str, str]:
        """The AWS credentials that stand for the key."""
        pair = self.client.get("/v1/whoami/ses").json()
        return pair["access_key_id"], pair["secret_access_key"]

    def settled(self, *ids: str) -> list[dict[str, Any]]:
        """Return messages once they are not waiting any more, at most 30 s from now."""
        return [self._settled(id_, time.monotonic() + 30) for id_ in ids]

    def _settled(self, id_: str, until: float) -> dict[str, Any]:
        while True:
            message: dict[str, Any] = self.client.get(f"/v1/messages/{id_}").json()
            if message["status"] not in {"queued", "sending"} or time.monotonic() > until:
                return message
            time.sleep(0.05)

    def arrived(self, id_: str) -> dict[str, Any]:
        """Return the mail that a provider got for a message, with its `provider`."""
        [message] = self.settled(id_)
        assert message["status"] == "sent", message["attempts"][0]["detail"]
        [mail] = self.client.get("/v1/sandbox/inbox", params={"ms_id": id_}).json()["mails"]
        found: dict[str, Any] = self.client.get(f"/v1/sandbox/inbox/{mail['id']}").json()
        return found

    def newest(self, count: int = 1, **filters: str) -> list[str]:
        """Return the ids of the newest messages, oldest first."""
        page = self.client.get("/v1/messages", params={"limit": count, **filters}).json()
        return [message["id"] for message in reversed(page["data"])]

    def break_(self, provider: str, **fault: Any) -> None:  # noqa: ANN401
        """Break an imitated provider."""
        answer = self.client.put(f"/v1/sandbox/faults/{provider}", json=fault)
        assert answer.status_code == 200, answer.text

    def heal(self, *providers: str) -> None:
        """Take all faults away, and what the gateway remembers of them."""
        for provider in providers:
            self.client.delete(f"/v1/sandbox/faults/{provider}")
            self.client.post(f"/v1/providers/{provider}/resume")

    def copies(self, subject: str) -> Counter[str]:
        """Return how often each message with this subject arrived, by its id."""
        inbox = self.client.get("/v1/sandbox/inbox", params={"limit": 1000}).json()["mails"]
        return Counter(mail["ms_id"] for mail in inbox if mail["subject"].startswith(subject))


def _wait_until_ready(client: httpx2.Client) -> None:
    for _ in range(200):
        with suppress(httpx2.TransportError):
            if client.get("/health/ready").status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError("not ready after 10 s")


@contextmanager
def running_gateway(directory: Path, config: str = CONFIG) -> Iterator[Gateway]:
    """Start it in a directory of its own, and stop it."""
    (directory / "mail-sender.toml").write_text(config, encoding="utf-8")
    environ = {k: v for k, v in os.environ.items() if not k.startswith("MAIL_SENDER_")}
    ports = ("CONTROL", "SES", "MAILGUN", "SMTP")
    environ |= {f"MAIL_SENDER_SANDBOX_{name}_PORT": "0" for name in ports}
    with (directory / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mail_sender", "serve"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=directory,
            env={**environ, "MAIL_SENDER_SERVER_LISTEN": "127.0.0.1:0"},
        )
    assert process.stdout is not None
    try:
        lines = [process.stdout.readline().strip() for _ in range(2)]
        assert lines[0].startswith("url: "), (directory / "log").read_text()
        url, key = (line.partition(": ")[2] for line in lines)
        with httpx2.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            trust_env=False,
            verify=False,  # plain HTTP; a context of certificates costs 50 ms
        ) as client:
            _wait_until_ready(client)
            yield Gateway(url, key, client)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        process.stdout.close()
