"""What a crash and an outage cost: mails lost and doubled out of those accepted.

Crash: kill -9 of everything that sends, in the middle of it, and a start right after. Outage: the
provider refuses (503, 451) for some seconds in the middle. Each mail has a number, which the far
side counts. A mail is lost when it has not come a minute later; a contestant may bring it
yet (Celery's broker gives an unacknowledged task again after an hour), so the tables say "not
delivered in time". Ours in doubt are counted apart, as `unknown`: the API names each.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .contestants import Contestant, MailSender, Mta, Queue, Web
from .gateway import Gateway, prepare, serving
from .loads import smtp_load
from .mail import MAIL
from .processes import NotThere, Running, free_port

MAILS = 1500
WATCH_S = 60.0
OUTAGE_S = 4.0
_DELAY_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of the accepted mails.

    Attributes:
        accepted: How many the contestant had promised to send.
        late: Not delivered within `WATCH_S` after the fault, and not known to be in doubt.
        doubled: Came more than once (the surplus).
        unknown: In doubt, and named as such by the contestant.
    """

    accepted: int
    late: int
    doubled: int
    unknown: int = 0


class CountingFarSide:
    """The far side that tells mails apart, as a process of its own."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self._directory = directory
        self.running = Running(
            [sys.executable, "-m", "bench.counting", str(directory), str(_DELAY_S)],
            log=directory / "ports",
        )
        ports = json.loads(_first_line(directory / "ports"))
        self.url = f"http://127.0.0.1:{ports['http']}"
        self.smtp_port: int = ports["smtp"]

    def taken(self) -> Counter[str]:
        """Return how often each mail came."""
        return Counter((self._directory / "taken").read_text().split())

    def outage(self) -> None:
        """Refuse for `OUTAGE_S`."""
        (self._directory / "down").touch()
        time.sleep(OUTAGE_S)
        (self._directory / "down").unlink()


@contextmanager
def counting_far_side(directory: Path) -> Iterator[CountingFarSide]:
    """Start it, and stop it after the block."""
    far = CountingFarSide(directory)
    try:
        yield far
    finally:
        far.running.stop()


def fates(contestants: list[Contestant], directory: Path) -> dict[str, dict[str, Fate]]:
    """Return for each contestant that can be asked what a crash and an outage cost it."""
    found: dict[str, dict[str, Fate]] = {}
    for number, contestant in enumerate(contestants):
        for fault in ("crash", "outage"):
            at = directory / f"{fault}{number}"
            with counting_far_side(at / "far") as far:
                try:
                    fate = _fate(contestant, fault, at / "own", far)
                except NotThere:
                    continue
            if fate is not None:
                found.setdefault(contestant.name, {})[fault] = fate
    return found


def _fate(contestant: Contestant, fault: str, directory: Path, far: CountingFarSide) -> Fate | None:
    match contestant:
        case MailSender():
            return _of_ours(fault, directory, far)
        case Queue():
            return _of_queue(contestant, fault, directory, far)
        case Web():
            return _of_web(contestant, fault, directory, far)
        case Mta():
            return _of_mta(contestant, fault, directory, far)
        case _:
            return None


def _of_ours(fault: str, directory: Path, far: CountingFarSide) -> Fate:
    config, key = prepare(directory, far.url)
    with serving(config, key) as gateway:
        submitted = Submitted(gateway.mails_url, gateway.bearer)
        with submitted.going_on():
            if fault == "crash":
                gateway.running.kill()
            else:
                far.outage()
        if fault == "outage":
            return _watched(submitted.accepted, far, lambda: _unknown(gateway, submitted))
    with serving(config, key) as gateway:
        return _watched(submitted.accepted, far, lambda: _unknown(gateway, submitted))


def _of_queue(contestant: Queue, fault: str, directory: Path, far: CountingFarSide) -> Fate:
    directory.mkdir()
    with contestant.running(directory, far.url) as (_, start, submit):
        worker = start()
        try:
            submit(MAILS)
            time.sleep(0.2)
            if fault == "crash":
                worker.kill()
                worker = start()
            else:
                far.outage()
            return _watched({f"m{number}" for number in range(MAILS)}, far)
        finally:
            worker.stop()


def _of_web(contestant: Web, fault: str, directory: Path, far: CountingFarSide) -> Fate:
    directory.mkdir()
    port = free_port()
    running = contestant.start(directory, far.url, port)
    try:
        submitted = Submitted(f"http://127.0.0.1:{port}/mails", {})
        with submitted.going_on():
            if fault == "crash":
                running.kill()
            else:
                far.outage()
        if fault == "crash":
            running = contestant.start(directory, far.url, port)
        return _watched(submitted.accepted, far)
    finally:
        running.stop()


def _of_mta(contestant: Mta, fault: str, directory: Path, far: CountingFarSide) -> Fate:
    directory.mkdir()
    port = free_port()
    (directory / "port").write_text(str(port))
    running = contestant.start(directory, far.smtp_port)
    try:
        smtp_load(port, MAILS, numbered=True)
        if fault == "crash":
            running.kill()
            running = contestant.start(directory, far.smtp_port)
        else:
            far.outage()
        return _watched(MAILS, far)
    finally:
        running.stop()


def _watched(
    accepted: set[str] | int,
    far: CountingFarSide,
    unknown: Callable[[], set[str]] = set,
) -> Fate:
    """Wait until every accepted mail came or is in doubt, at most `WATCH_S`."""
    promised = accepted if isinstance(accepted, int) else len(accepted)
    ends = time.monotonic() + WATCH_S
    while True:
        taken, doubt = far.taken(), unknown()
        came = len(taken) if isinstance(accepted, int) else len(accepted & set(taken))
        doubtful = len(doubt - set(taken))
        late = max(0, promised - came - doubtful)
        if late == 0 or time.monotonic() > ends:
            time.sleep(2)  # a double may be on its way
            taken = far.taken()
            doubled = sum(times - 1 for times in taken.values())
            return Fate(accepted=promised, late=late, doubled=doubled, unknown=len(doubt))
        time.sleep(0.5)


class Submitted:
    """Numbered mails on their way in over HTTP, and which were promised with a 2xx.

    Attributes:
        accepted: Their numbers.
        ids: The gateway's id of each, where the answer has one.
    """

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._url = url
        self._headers = headers
        self.accepted: set[str] = set()
        self.ids: dict[str, str] = {}

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Run the block once a third was accepted; leave when no more can be submitted."""
        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(asyncio.run, self._all())
            for _ in range(600):
                if len(self.accepted) > MAILS // 3 or done.done():
                    break
                time.sleep(0.01)
            yield
            done.result(120)

    async def _all(self) -> None:
        numbers = iter(range(MAILS))
        await asyncio.gather(*(self._line(numbers) for _ in range(32)))

    async def _line(self, numbers: Iterator[int]) -> None:
        address = urlsplit(self._url)
        try:
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
        except OSError:
            return
        try:
            for number in numbers:
                name = f"m{number}"
                body = json.dumps({**MAIL, "metadata": {"number": name}}).encode()
                head = {"Host": address.netloc, "Content-Type": "application/json",
                        "Content-Length": str(len(body)), **self._headers}  # fmt: skip
                lines = "".join(f"{key}: {value}\r\n" for key, value in head.items())
                writer.write(f"POST {address.path} HTTP/1.1\r\n{lines}\r\n".encode() + body)
                status, answer = await _answer(reader)
                if 200 <= status < 300:
                    self.accepted.add(name)
                    self.ids[json.loads(answer).get("id", name)] = name
        except (OSError, EOFError):
            return  # the line was cut: what was not answered was not promised
        finally:
            writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    size = re.search(rb"(?i)content-length: *(\d+)", head)
    body = await reader.readexactly(int(size[1]) if size else 0)
    return int(head.split(b" ", 2)[1]), body


def _unknown(gateway: Gateway, submitted: Submitted) -> set[str]:
    """Return the numbers of the mails that the gateway says are in doubt."""
    found: set[str] = set()
    cursor = ""
    for _ in range(MAILS // 200 + 2):
        url = f"{gateway.mails_url}?status=unknown&limit=200{cursor}"
        request = urllib.request.Request(url, headers=gateway.bearer)
        with urllib.request.urlopen(request, timeout=10) as reply:
            page = json.load(reply)
        found |= {submitted.ids.get(item["id"], item["id"]) for item in page["data"]}
        if not page.get("next_cursor"):
            break
        cursor = f"&cursor={page['next_cursor']}"
    return found


def _first_line(file: Path) -> str:
    for _ in range(200):
        lines = file.read_text().splitlines()
        if lines:
            return lines[0]
        time.sleep(0.05)
    raise RuntimeError(f"nothing in {file}")
