"""The cloud's API for a reserved IP, as DigitalOcean documents it: here it changes a route.

Runs in the namespace of the internet. Faults on command: `PUT /faults` with
`{"delay": seconds, "fail": calls}`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

TOKEN = "lab"  # noqa: S105 - of nothing


class Api(BaseHTTPRequestHandler):
    """One request."""

    machines: ClassVar[dict[int, str]] = {}  #: their addresses, by number
    owners: ClassVar[dict[str, int]] = {}
    faults: ClassVar[dict[str, float]] = {"delay": 0, "fail": 0}
    moves: ClassVar[list[int]] = []

    def do_GET(self) -> None:
        """Who has the address."""
        if not self._admitted():
            return
        ip = self.path.rpartition("/")[2]
        owner = self.owners.get(ip)
        droplet = {"id": owner} if owner is not None else None
        self._answer(200, {"reserved_ip": {"ip": ip, "droplet": droplet}, "moves": self.moves})

    def do_POST(self) -> None:
        """Move it."""
        asked = self._body()
        if not self._admitted():
            return
        ip, machine = self.path.split("/")[3], asked["droplet_id"]
        time.sleep(self.faults["delay"])
        via = self.machines[machine]
        subprocess.run(["ip", "route", "replace", f"{ip}/32", "via", via], check=True)
        self.owners[ip] = machine
        self.moves.append(machine)
        self._answer(201, {"action": {"id": 1, "status": "in-progress", "type": "assign_ip"}})

    def do_PUT(self) -> None:
        """Change the faults."""
        self.faults.update(self._body())
        self._answer(200, {})

    def _admitted(self) -> bool:
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            self._answer(401, {"id": "unauthorized"})
            return False
        if self.faults["fail"] > 0:
            self.faults["fail"] -= 1
            self._answer(503, {"id": "service_unavailable"})
            return False
        return True

    def _body(self) -> dict[str, Any]:
        return dict(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, status: int, body: object) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", required=True)
    parser.add_argument("--machine", action="append", required=True, help="number=address")
    given = parser.parse_args()
    for machine in given.machine:
        number, _, address = machine.partition("=")
        Api.machines[int(number)] = address
    ThreadingHTTPServer((given.listen, 9090), Api).serve_forever()


if __name__ == "__main__":
    main()
