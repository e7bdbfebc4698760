"""HTTP/1.1 over kept connections, to providers and webhooks; each call is made once.

Neighbours: `call.HttpClient` is the contract; `request` writes the head, `pool`
chooses the connection, `dial` opens one, `connection` makes the exchange.

It is our own because of two things that no library gave together. It never sends a request
twice: not after a lost answer, and not when a kept connection turns out to be closed, unless
that is known before the first byte is written. And it says how far a request came, which is
the difference between "send it elsewhere" and "nobody knows".

Not in here, on purpose: redirects (an answer like any other), cookies, an HTTP proxy, HTTP/2,
streamed bodies.
"""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from pathlib import Path

from .answer import AnswerLimits
from .call import Answer, Phase, Request, Silence, Timeouts
from .connection import HttpConnection, in_words
from .dial import Resolve, client_context, dial, resolve
from .pool import OriginPool
from .request import Origin, wire_form

#: How long `close` waits for connections to end in the proper way, in seconds.
_PARTING = 1.0
_KEEP_ALIVE_TIMEOUT = re.compile(r"\btimeout=(\d{1,6})\b", re.ASCII | re.IGNORECASE)


class PooledHttpClient:
    """Keeps connections between calls. One event loop only; no task of its own."""

    def __init__(
        self,
        *,
        ca_file: Path | None = None,
        max_connections: int = 512,
        idle_lifetime: timedelta = timedelta(seconds=15),
        limits: AnswerLimits | None = None,
        resolve: Resolve = resolve,
    ) -> None:
        """Make a client with no connection.

        Args:
            ca_file: Certificates (PEM) to trust besides the machine's, for private endpoints.
            max_connections: For each scheme, host and port. Further calls wait for a
                connection, at most their connect time limit.
            idle_lifetime: After which an unused connection is closed. Shorter than what far
                sides grant (nginx 75 s, AWS load balancers 60 s), so that we close first: a
                connection that they close as we write costs an unknown outcome.
            limits: What an answer may cost; None: 64 KiB of headers and 8 MiB of body.
            resolve: Finds the addresses to connect to; one that refuses some keeps calls away
                from them.

        Raises:
            OSError: `ca_file` cannot be read or holds no certificate.
        """
        self._context = client_context(ca_file)
        self._max_connections = max_connections
        self._idle_lifetime = idle_lifetime.total_seconds()
        self._limits = limits or AnswerLimits()
        self._resolve = resolve
        self._pools: dict[Origin, OriginPool] = {}
        self._open: set[HttpConnection] = set()
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    async def call(self, request: Request, timeouts: Timeouts) -> Answer:
        """Make the call, once.

        Raises:
            Silence: No complete answer came; its phase says what that means.
            ValueError: The request cannot be put into HTTP, see `wire_form`. Nothing was sent.
            asyncio.CancelledError: The caller was cancelled. The connection is closed; what
                was sent until then is not known.
        """
        self._refuse_if_closed()
        origin, head = wire_form(request)
        loop = asyncio.get_running_loop()
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools[origin] = OriginPool(self._max_connections)
        connection = pool.take_idle(loop.time())
        if connection is None:
            connection = await self._connection_in_turn(pool, origin, timeouts.connect)
        try:
            answer = await connection.exchange(head, request.body, timeouts)
        except BaseException:
            pool.give_back(None)
            raise
        self._give_back(pool, connection, answer, loop)
        return answer

    async def close(self) -> None:
        """Close all connections. Calls that are under way end in `Silence`."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        ends = [connection.lost for connection in self._open]
        for connection in list(self._open):
            connection.hang_up()
        if ends:
            await asyncio.wait(ends, timeout=_PARTING)
        for connection in list(self._open):
            connection.abort()

    async def _connection_in_turn(
        self, pool: OriginPool, origin: Origin, limit: timedelta
    ) -> HttpConnection:
        """Return a connection that may be written to, with its slot in the pool taken.

        Raises:
            Silence: Of phase CONNECT.
        """
        waiting = "connection" if pool.has_slots else "free connection"
        try:
            async with asyncio.timeout(limit.total_seconds()):
                connection = await pool.take_turn()
                if connection is None:
                    connection = await self._dialled(pool, origin)
        except TimeoutError:
            raise Silence(Phase.CONNECT, f"no {waiting} within {in_words(limit)}") from None
        return connection

    async def _dialled(self, pool: OriginPool, origin: Origin) -> HttpConnection:
        """Open a connection for the slot that is taken; give the slot back if that fails."""
        try:
            self._refuse_if_closed()
            connection = await dial(origin, self._context, self._make_connection, self._resolve)
        except BaseException:
            pool.give_back(None)
            raise
        if connection.is_sound(fresh=True) and not self._closed:
            return connection
        connection.abort()
        pool.give_back(None)
        self._refuse_if_closed()
        raise Silence(Phase.CONNECT, "connection closed at once")

    def _make_connection(self) -> HttpConnection:
        return HttpConnection(self._limits, self._open)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise Silence(Phase.CONNECT, "client is closed")

    def _give_back(
        self,
        pool: OriginPool,
        connection: HttpConnection,
        answer: Answer,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        if not connection.is_reusable or self._closed:
            connection.abort()
            pool.give_back(None)
            return
        connection.stale_at = loop.time() + self._lifetime_after(answer)
        pool.give_back(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(self._idle_lifetime, self._close_stale, loop)

    def _lifetime_after(self, answer: Answer) -> float:
        """Return for how many seconds the connection may be reused.

        Many servers say after how many they close it (Keep-Alive: timeout=5); a second less,
        as they count from when they wrote.
        """
        if (said := answer.headers.get("keep-alive")) is None:
            return self._idle_lifetime
        timeout = _KEEP_ALIVE_TIMEOUT.search(said)
        return min(self._idle_lifetime, int(timeout[1]) - 1) if timeout else self._idle_lifetime

    def _close_stale(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweep = None
        some_left = [pool.close_stale(loop.time()) for pool in self._pools.values()]
        if any(some_left):
            self._sweep = loop.call_later(self._idle_lifetime, self._close_stale, loop)
