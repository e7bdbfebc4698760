"""Load generators that cost little: wrk for HTTP, smtp-source for SMTP. Closed loops, both."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .processes import NotThere

_SCRIPT = """
wrk.method = "POST"
wrk.body = io.open(os.getenv("BODY"), "rb"):read("*a")
for line in io.lines(os.getenv("HEADERS")) do
  local name, value = line:match("^(.-): (.*)$")
  wrk.headers[name] = value
end
local request_bytes
function init() request_bytes = wrk.format() end
function request() return request_bytes end
function done(summary, latency)
  io.write(string.format('\\nJSON {"requests":%d,"took":%.6f,"failed":%d,"p50":%.3f,"p99":%.3f}\\n',
    summary.requests, summary.duration / 1e6,
    summary.errors.connect + summary.errors.read + summary.errors.write
      + summary.errors.timeout + summary.errors.status,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a load brought: times of an answer in milliseconds, `took` in seconds."""

    requests: int
    took: float
    failed: int
    p50_ms: float = 0.0
    p99_ms: float = 0.0

    @property
    def per_s(self) -> float:
        """Answers a second."""
        return self.requests / self.took


def http_load(
    url: str, mail: object, headers: Mapping[str, str], *, connections: int, seconds: float
) -> Load:
    """POST the mail over and over on so many kept connections.

    Raises:
        NotThere: There is no wrk.
        RuntimeError: More than one request in a hundred failed.
    """
    program = shutil.which("wrk")
    if program is None:
        raise NotThere("needs wrk (on Debian: apt install wrk)")
    with tempfile.TemporaryDirectory(prefix="mail-sender-wrk-") as name:
        at = Path(name)
        (at / "post.lua").write_text(_SCRIPT)
        (at / "body").write_text(json.dumps(mail))
        every = {"Content-Type": "application/json", **headers}
        (at / "headers").write_text("".join(f"{key}: {value}\n" for key, value in every.items()))
        done = subprocess.run(
            [program, "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "30s",
             "-s", str(at / "post.lua"), url],
            env={"BODY": str(at / "body"), "HEADERS": str(at / "headers")},
            capture_output=True, text=True, check=True, timeout=seconds + 60,
        )  # fmt: skip
    found = json.loads(done.stdout.rpartition("JSON ")[2])
    if found["failed"] * 100 > found["requests"]:
        raise RuntimeError(f"{found['failed']} of {found['requests']} requests to {url} failed")
    return Load(
        requests=found["requests"], took=found["took"], failed=found["failed"],
        p50_ms=found["p50"], p99_ms=found["p99"],
    )  # fmt: skip


def smtp_load(port: int, mails: int, *, sessions: int = 64, numbered: bool = False) -> Load:
    """Hand over so many mails of 2 KB on so many kept sessions.

    Args:
        port: On loopback.
        mails: How many.
        sessions: How many at once.
        numbered: Give each recipient a number before its name, so that mails differ.

    Raises:
        NotThere: There is no smtp-source.
        RuntimeError: It failed.
    """
    program = shutil.which("smtp-source") or shutil.which("/usr/sbin/smtp-source")
    if program is None:
        raise NotThere("needs smtp-source (on Debian: apt install postfix)")
    begun = time.perf_counter()
    done = subprocess.run(
        [program, "-d", *(["-N"] if numbered else []), "-s", str(sessions), "-m", str(mails),
         "-l", "2048", "-f", "shop@example.com", "-t", "ann@example.net", f"127.0.0.1:{port}"],
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"smtp-source: {done.stderr[-300:]}")
    return Load(requests=mails, took=time.perf_counter() - begun, failed=0)


def count_of_sink(output: bytes) -> int:
    """Return the last count that smtp-sink -c printed."""
    shown = re.findall(rb"(\d+)(?=[^\d]*$)", output[-200:].replace(b"\0", b""))
    return int(shown[-1]) if shown else 0
