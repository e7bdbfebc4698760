"""The moto server, an imitation of AWS by other people, as a process of its own on loopback.

It knows SES API v2: it refuses senders that are not verified, and shows what it took. What it
does not know (signatures, GetAccount, attachments of Simple) is tested elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from tests.providers.running import running


@dataclass(frozen=True, slots=True)
class Moto:
    """A running server."""

    url: str

    def taken(self) -> dict[str, list[dict[str, Any]]]:
        """Return what it holds of SES: `Message`, `RawMessage` and more, oldest first."""
        return cast("dict[str, list[dict[str, Any]]]", self._get("/moto-api/data.json")["ses"])

    def verify(self, identity: str) -> None:
        """Make it take mails from an address or domain."""
        body = json.dumps({"EmailIdentity": identity}).encode()
        self._post("/v2/email/identities", body)

    def reset(self) -> None:
        """Make it forget everything."""
        self._post("/moto-api/reset", b"")

    def _get(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(self.url + path, timeout=10) as reply:  # noqa: S310
            return cast("dict[str, Any]", json.load(reply))

    def _post(self, path: str, body: bytes) -> None:
        scope = "AWS4-HMAC-SHA256 Credential=a/20300101/eu-west-1/ses/aws4_request"
        headers = {"Authorization": scope, "Content-Type": "application/json"}
        request = urllib.request.Request(  # noqa: S310
            self.url + path, data=body, headers=headers, method="POST"
        )
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310
            pass


@contextlib.contextmanager
def running_moto() -> Iterator[Moto]:
    """Start the server on a port that the kernel chooses; end it when the block ends."""
    with running([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]) as url:
        yield Moto(url)
