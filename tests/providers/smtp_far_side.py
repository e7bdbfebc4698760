"""A relay on loopback that says what it is told to say, and remembers what it heard.

Neighbours: `authority` makes its certificates. Where an answer is a matter of time or of a broken
line, no real server can be made to give it at will; this one can, and knows exactly how much of
the mail it had by then. Real servers judge the rest (`test_smtp_judges`).
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Self


class Act(Enum):
    """What a server can do besides answering."""

    DROP = auto()  #: break the connection (RST)
    CLOSE = auto()  #: close it in good order (FIN)
    SILENCE = auto()  #: never say anything any more


Answer = str | bytes | Act
"""A line, octets as they are, or an act."""


@dataclass
class Manners:
    """What the server says.

    Attributes:
        offers: The lines of EHLO after the first.
        offers_in_tls: The same once TLS stands; None: as before, without STARTTLS.
        answers: By the beginning of the command, the longest one wins; several answers are
            given one after the other. A list of such is used up, the last one stays.
        final: What follows the dot, mail by mail; the last one stays.
        body_limit: Octets of the mail that it reads before `at_limit`; None: all.
        tls: For STARTTLS, or from the beginning with `implicit_tls`.
    """

    greeting: tuple[Answer, ...] = ("220 relay.test ESMTP",)
    offers: tuple[str, ...] = ("ENHANCEDSTATUSCODES",)
    offers_in_tls: tuple[str, ...] | None = None
    answers: Mapping[str, Sequence[tuple[Answer, ...]]] = field(default_factory=dict)
    final: Sequence[tuple[Answer, ...]] = (("250 2.0.0 Ok: queued as 4XyZ1",),)
    body_limit: int | None = None
    at_limit: tuple[Answer, ...] = (Act.DROP,)
    tls: ssl.SSLContext | None = None
    implicit_tls: bool = False


@dataclass
class Session:
    """One connection as the server saw it."""

    commands: list[str] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)  #: dots unstuffed, with their CRLF
    writes: list[bytes] = field(default_factory=list)  #: what came at once
    body_octets: int = 0  #: of a mail that did not come whole
    ended: asyncio.Event = field(default_factory=asyncio.Event)  #: no more will be heard
    closed: asyncio.Event = field(default_factory=asyncio.Event)  #: by both sides


class FarSide:
    """The server. Use it as an asynchronous context manager.

    Attributes:
        sessions: Every connection, in order.
        taken: Of each mail that came whole: whom it was for, and what was answered.
    """

    def __init__(self, manners: Manners | None = None) -> None:
        self.manners = manners or Manners()
        self.sessions: list[Session] = []
        self.port = 0
        self.taken: list[tuple[frozenset[str], tuple[Answer, ...]]] = []
        self._used: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    @property
    def commands(self) -> list[str]:
        """Every command of every session."""
        return [command for session in self.sessions for command in session.commands]

    @property
    def mails(self) -> list[bytes]:
        """Every mail of every session."""
        return [mail for session in self.sessions for mail in session.mails]

    async def __aenter__(self) -> Self:
        context = self.manners.tls if self.manners.implicit_tls else None
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=context, limit=1 << 20
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """End every session and listen no more."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        task = asyncio.ensure_future(self._session(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session()
        self.sessions.append(session)
        conversation = _Conversation(self, session, reader, writer)
        try:
            with contextlib.suppress(OSError, _Over):
                await conversation.run()
            session.ended.set()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            session.closed.set()
        finally:
            writer.transport.abort()

    def hang_up(self) -> None:
        """Close every connection in good order, whatever is going on."""
        for writer in self._writers:
            writer.close()

    def answers_to(self, command: str, default: tuple[Answer, ...]) -> tuple[Answer, ...]:
        """Return the next answers to a command."""
        fitting = [start for start in self.manners.answers if command.startswith(start)]
        if not fitting:
            return default
        start = max(fitting, key=len)
        return self.next_of(start, self.manners.answers[start])

    def next_of(self, name: str, answers: Sequence[tuple[Answer, ...]]) -> tuple[Answer, ...]:
        """Return the next of a list; the last one stays."""
        at = self._used.get(name, 0)
        self._used[name] = at + 1
        return answers[min(at, len(answers) - 1)]


class _Over(Exception):
    """The session is over."""


class _Conversation:
    def __init__(
        self,
        far_side: FarSide,
        session: Session,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._far_side = far_side
        self._manners = far_side.manners
        self._session = session
        self._reader = reader
        self._writer = writer
        self._is_secure = self._manners.implicit_tls
        self._recipients: set[str] = set()

    async def run(self) -> None:
        await self._say(self._manners.greeting)
        while line := await self._reader.readline():
            command = line.decode().rstrip("\r\n")
            self._session.commands.append(command)
            await self._answer(command)

    async def _answer(self, command: str) -> None:
        verb = command.upper().split(" ")[0]
        answers = self._far_side.answers_to(command, self._by_default(verb))
        if verb in {"MAIL", "RSET"}:
            self._recipients.clear()
        elif verb == "RCPT" and str(answers[0] if answers else "250").startswith("250"):
            self._recipients.add(command.partition("<")[2].partition(">")[0])
        await self._say(answers)
        last = answers[-1] if answers else ""
        if verb == "STARTTLS" and str(answers[0]).startswith("220"):
            assert self._manners.tls is not None
            await self._writer.start_tls(self._manners.tls)
            self._is_secure = True
        elif verb == "DATA" and isinstance(last, str) and last.startswith("354"):
            await self._content()
        elif verb == "QUIT":
            raise _Over

    def _by_default(self, verb: str) -> tuple[Answer, ...]:
        match verb:
            case "EHLO":
                lines = ["relay.test", *self._offers()]
                dashed = [f"250-{line}" for line in lines[:-1]]
                return ("\r\n".join([*dashed, f"250 {lines[-1]}"]),)
            case "DATA":
                return ("354 go ahead",)
            case "STARTTLS":
                return ("220 2.0.0 ready",)
            case "AUTH":
                return ("235 2.7.0 welcome",)
            case "QUIT":
                return ("221 2.0.0 bye",)
            case "MAIL" | "RCPT" | "RSET" | "NOOP":
                return ("250 2.0.0 Ok",)
            case _:
                return ("500 5.5.1 what?",)

    def _offers(self) -> tuple[str, ...]:
        if not self._is_secure:
            return self._manners.offers
        if self._manners.offers_in_tls is not None:
            return self._manners.offers_in_tls
        return tuple(offer for offer in self._manners.offers if offer != "STARTTLS")

    async def _content(self) -> None:
        mail = bytearray()
        while (line := await self._next_line(len(mail))) != b".\r\n":
            mail += line.removeprefix(b".")
        self._session.mails.append(bytes(mail))
        answers = self._far_side.next_of("final", self._manners.final)
        if mail:
            self._far_side.taken.append((frozenset(self._recipients), answers))
        await self._say(answers)

    async def _next_line(self, so_far: int) -> bytes:
        limit = self._manners.body_limit
        if limit is not None and so_far >= limit:
            self._session.body_octets = so_far
            await self._say(self._manners.at_limit)
        line = await self._reader.readline()
        if not line:
            self._session.body_octets = so_far
            raise _Over
        return line

    async def _say(self, answers: Sequence[Answer]) -> None:
        for answer in answers:
            match answer:
                case str():
                    self._writer.write(answer.encode() + b"\r\n")
                case bytes():
                    self._writer.write(answer)
                case Act.DROP:
                    self._writer.transport.abort()
                    raise _Over
                case Act.CLOSE:
                    raise _Over
                case Act.SILENCE:
                    await asyncio.Event().wait()
            await self._writer.drain()
