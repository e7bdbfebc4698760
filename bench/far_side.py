"""The far side where speed is measured: nginx, which answers as Postmark and costs next to nothing.

One worker, kept-alive connections, a fixed answer. It counts requests; who is lost or doubled is
asked of `counting`, which costs more and is used where speed is not the question.
"""

from __future__ import annotations

import os
import shutil
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .processes import NotThere, Running, free_port

ANSWER = (
    '{"To":"ann@example.net","SubmittedAt":"2026-01-01T00:00:00.0000000Z",'
    '"MessageID":"b7bc2f4a-e38e-4336-af7d-e6c392c2f817","ErrorCode":0,"Message":"OK"}'
)
_CONF = """
daemon off; worker_processes 1; pid {at}/pid; error_log {at}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; server_tokens off; default_type application/json;
  keepalive_requests 1000000000; keepalive_timeout 300s;
  client_body_buffer_size 1m; client_max_body_size 64m;
  client_body_temp_path {at}/b; proxy_temp_path {at}/p; fastcgi_temp_path {at}/f;
  uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;
  server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 '{answer}'; }} }}
  server {{ listen 127.0.0.1:{count}; location / {{ stub_status; }} }}
}}
"""


class FarSide:
    """Attributes: url: Where the provider's API is."""

    def __init__(self, port: int, count_port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        self._count_url = f"http://127.0.0.1:{count_port}/"
        self._own = 0

    def count(self) -> int:
        """Return how many requests came so far."""
        with urllib.request.urlopen(self._count_url, timeout=5) as answer:
            requests = int(answer.read().decode().split("\n")[2].split()[2])
        self._own += 1
        return requests - self._own


@contextmanager
def far_side(directory: Path) -> Iterator[FarSide]:
    """Start it with its files in a directory of its own.

    Raises:
        NotThere: There is no nginx.
    """
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if program is None:
        raise NotThere("needs nginx (on Debian: apt install nginx-light)")
    port, count = free_port(), free_port()
    directory.mkdir()
    conf = directory / "nginx.conf"
    conf.write_text(_CONF.format(at=directory, port=port, count=count, answer=ANSWER))
    command = [program, "-p", str(directory), "-c", str(conf)]
    with Running(command, log=directory / "out", port=port):
        yield FarSide(port, count)
