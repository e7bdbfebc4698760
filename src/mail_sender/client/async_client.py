"""`AsyncClient`: the gateway for programs on asyncio.

Neighbours: `calls` says what each method asks, `async_lines` brings it to the gateway.
`sync_client` has the same methods, and their descriptions.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Self, TypeVar

from . import calls
from .answers import BatchResult, Event, Explanation, Message
from .async_lines import AsyncLines
from .calls import Call
from .course import LineBroke
from .entry import Entry
from .errors import Conflict
from .http1 import Answer
from .mail import Mail
from .sse import FrameReader
from .watching import QUIET_FOR, Watch, pauses

Result = TypeVar("Result")


class AsyncClient:
    """Calls one gateway with one key; any number of tasks of one event loop may use it at once.

    It does what `Client` does. A call that is cancelled leaves no connection behind; whether the
    gateway got the mail is then as open as after a lost answer.
    """

    def __init__(
        self,
        url: str,
        key: str | None,
        *,
        deadline: float = 30.0,
        reach_within: float = calls.MAX_DEADLINE,
        addresses: Sequence[str] = (),
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Connect to nothing yet. See `Client`."""
        self._entry = Entry.parse(url, addresses)
        self._key = key
        self._deadline = calls.limit_of(deadline)
        chance = random.Random()  # noqa: S311 - it spreads load
        self._lines = AsyncLines(self._entry, ssl_context, reach_within=reach_within, chance=chance)

    @property
    def url(self) -> str:
        """The gateway's address."""
        return self._entry.url

    async def close(self) -> None:
        """Close the connections that are kept. A later call opens new ones."""
        self._lines.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    # ------------------------------------------------ sending

    async def send(
        self, mail: Mail, *, wait: float | None = None, deadline: float | None = None
    ) -> Message:
        """See `Client.send`."""
        longest = self._deadline + (wait or 0.0) if deadline is None else deadline
        return await self._done(calls.send(mail, wait=wait), longest)

    async def send_now(
        self,
        mail: Mail,
        *,
        timeout: float = 30.0,  # noqa: ASYNC109 - the gateway's, not ours
        deadline: float | None = None,
    ) -> Message:
        """See `Client.send_now`."""
        longest = max(self._deadline, timeout + 3 * calls.MARGIN) if deadline is None else deadline
        return await self._done(calls.send_now(mail, timeout=timeout), longest)

    async def send_batch(
        self, mails: Sequence[Mail], *, deadline: float | None = None
    ) -> list[BatchResult]:
        """See `Client.send_batch`."""
        results: list[BatchResult] = []
        for call in calls.send_batch(mails):
            part = await self._done(call, deadline)
            results += part
        return results

    async def explain(self, mail: Mail, *, deadline: float | None = None) -> Explanation:
        """See `Client.explain`."""
        return await self._done(calls.explain(mail), deadline)

    # ------------------------------------------------ messages

    async def status(self, id_: str, *, deadline: float | None = None) -> Message:
        """See `Client.status`."""
        return await self._done(calls.status(id_), deadline)

    async def wait(self, id_: str, *, deadline: float | None = None) -> Message:
        """See `Client.wait`."""
        until = time.monotonic() + calls.limit_of(self._deadline if deadline is None else deadline)
        between = pauses()
        while True:
            left = until - time.monotonic()
            message = await self.status(id_, deadline=max(left, calls.MARGIN))
            pause = next(between)
            if message.has_ended or left <= pause:
                return message
            await asyncio.sleep(pause)

    async def cancel(self, id_: str, *, deadline: float | None = None) -> Message:
        """See `Client.cancel`."""
        try:
            return await self._done(calls.cancel(id_), deadline)
        except Conflict:
            message = await self.status(id_, deadline=deadline)
            if message.status == "cancelled":  # perhaps by a try whose answer was lost
                return message
            raise

    async def retry(
        self, id_: str, *, risk_duplicate: bool = False, deadline: float | None = None
    ) -> Message:
        """See `Client.retry`."""
        return await self._done(calls.retry(id_, risk_duplicate=risk_duplicate), deadline)

    # ------------------------------------------------ events

    async def events(
        self,
        *,
        after: str | None = None,
        message_id: str | None = None,
        deadline: float | None = None,
    ) -> AsyncIterator[Event]:
        """See `Client.events`."""
        watch = Watch(after)
        if watch.after is None:
            watch.begin(await self._done(calls.edge_of_events(newest=True), deadline))
        while True:
            if watch.missed_the_first:
                oldest = await self._done(calls.edge_of_events(newest=False), deadline)
                for event in watch.first(oldest):
                    yield event
            call = calls.stream(watch.after, message_id)
            with contextlib.suppress(LineBroke):
                async with self._stream(call, deadline) as pieces:
                    reader = FrameReader()
                    async for piece in pieces:
                        for event in calls.events_in(reader, piece):
                            watch.after = event.id
                            yield event
            await asyncio.sleep(watch.pause())

    @contextlib.asynccontextmanager
    async def _stream(
        self, call: Call[None], deadline: float | None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        limit = calls.limit_of(self._deadline if deadline is None else deadline)
        request = call.request(self._entry, self._key)
        async with contextlib.AsyncExitStack() as opened:
            try:
                until = time.monotonic() + limit
                line = await opened.enter_async_context(self._lines.stream(request, until))
            except LineBroke as broke:
                raise call.no_answer(self._entry, broke) from None
            call.result(line.answer)
            yield line.pieces(QUIET_FOR)

    # ------------------------------------------------ any other

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        takes: float = 0.0,
        deadline: float | None = None,
    ) -> Answer:
        """See `Client.request`."""
        call = calls.other(method, path, query=query, body=body, headers=headers or {}, takes=takes)
        return await self._answer(call, deadline)

    @contextlib.asynccontextmanager
    async def download(
        self,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        deadline: float | None = None,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """See `Client.download`."""
        call = calls.download(path, query)
        try:
            async with self._stream(call, deadline) as pieces:
                yield pieces
        except LineBroke as broke:
            raise call.no_answer(self._entry, broke) from None

    # ------------------------------------------------ inside

    async def _done(self, call: Call[Result], deadline: float | None) -> Result:
        return call.result(await self._answer(call, deadline))

    async def _answer(self, call: Call[Result], deadline: float | None) -> Answer:
        limit = calls.limit_of(self._deadline if deadline is None else deadline)
        request = call.request(self._entry, self._key)
        try:
            return await self._lines.ask(request, time.monotonic() + limit)
        except LineBroke as broke:
            raise call.no_answer(self._entry, broke) from None
