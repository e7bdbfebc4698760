"""One connection to an origin: a request out, its answer in, one after the other.

Neighbours: `dial` opens it, `pool` keeps it between calls, `answer` reads what
comes. The rule of this room: once the first byte was handed to the transport, the request is
never written a second time, here or elsewhere, and every end but an answer is a `Silence`
that says how far the request came.

How far is exact without TLS: the transport reports whether the kernel has everything. Under
TLS the loop's own buffer below the encryption (64 KiB) cannot be seen from here, so the last
piece counts as written a little early. Nothing hangs on it: WRITE and ANSWER both mean that
nobody knows.
"""

from __future__ import annotations

import asyncio
import select
import ssl
from collections.abc import Iterator
from datetime import timedelta
from itertools import chain
from typing import cast

from .answer import AnswerLimits, AnswerReader, Unreadable
from .call import Answer, Phase, Silence, Timeouts

#: A body up to this size goes out with its head in one write; a larger one in such pieces, so
#: that its copy does not lie in the transport and the time limits follow its progress.
_PIECE_BYTES = 64 << 10


class HttpConnection(asyncio.Protocol):
    """An HTTP/1.1 connection; the loop calls its Protocol methods.

    Attributes:
        lost: Done when the loop has let go of the connection.
        is_reusable: The last exchange left it fit for another one.
        stale_at: Loop time after which it must not be reused; the pool's note.
    """

    def __init__(self, limits: AnswerLimits, family: set[HttpConnection]) -> None:
        """Make the protocol for one connection.

        Args:
            limits: What an answer may cost.
            family: Holds this connection for as long as it lives.
        """
        self.is_reusable = False
        self.stale_at = 0.0
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self._reader = AnswerReader(limits)
        self._family = family
        self._open = False
        self._waiter: asyncio.Future[Answer | Silence] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._fires_at = 0.0
        self._too_late_at: float | None = None
        self._timeouts = Timeouts()
        self._phase = Phase.CONNECT
        self._pieces: Iterator[bytes | memoryview] = iter(())
        self._paused = False

    async def exchange(self, head: bytes, body: bytes, timeouts: Timeouts) -> Answer:
        """Write a request and wait for its answer. Only one at a time.

        Until the first `await` inside, which is after the first write, nothing else runs: what
        `is_sound` said just before still holds as far as this process can know.

        Raises:
            Silence: No complete answer came. The connection is closed then.
        """
        self.is_reusable = False
        if not self._open:
            raise Silence(Phase.CONNECT, "connection closed at once")
        self._reader.expect()
        self._timeouts = timeouts
        waiter: asyncio.Future[Answer | Silence] = self._loop.create_future()
        self._waiter = waiter
        self._phase = Phase.WRITE
        self._pieces = _pieces(head, body)
        try:
            self._write_on()
            if self._phase is Phase.WRITE:
                self._limit(timeouts.write)
            result = await waiter
        except BaseException:  # cancelled: half an exchange is no use to the next one
            self.abort()
            raise
        finally:
            self._waiter = None
            self._limit(None)
        if isinstance(result, Silence):
            raise result
        return result

    def is_sound(self, *, fresh: bool = False) -> bool:
        """Return whether a request may be written: open, and nothing came unasked.

        The kernel is asked too, as the loop may not have heard yet of a connection that the
        far side closed. What remains is the time between this and the write.

        Args:
            fresh: Just opened. Under TLS there may then be session tickets to read.
        """
        if not self._open or self._transport.is_closing():
            return False
        return (fresh and self._tls is not None) or not self._poll.poll(0)

    def hang_up(self) -> None:
        """Close an idle connection in the proper way, a busy one at once."""
        if self._waiter is not None:
            self._fail("client is closed")
        self._open = False
        self._transport.close()

    def abort(self) -> None:
        """Close at once; what was not written yet is dropped."""
        self._open = False
        self._transport.abort()

    # What follows is called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Get hold of the transport."""
        # uvloop's transports are none by inheritance.
        self._transport = cast("asyncio.Transport", transport)
        self._tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        self._poll = select.poll()
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        # So that pause_writing means "the kernel did not take all". TLS transports compare
        # with >= and would pause for ever at 0.
        self._transport.set_write_buffer_limits(high=0 if self._tls is None else 1, low=0)
        self._family.add(self)
        self._open = True

    def data_received(self, data: bytes) -> None:
        """Read a part of the answer. What comes unasked makes the connection useless."""
        if self._waiter is None:
            self.abort()
            return
        try:
            self._reader.feed(data)
        except Unreadable as unreadable:
            self._fail(unreadable.reason)
        else:
            self._settle_if_complete()

    def eof_received(self) -> None:
        """Take the far side's end as the end of the answer, or as silence."""
        if self._waiter is not None:
            try:
                self._reader.end(clean=self._ended_cleanly())
            except Unreadable as unreadable:
                self._fail(unreadable.reason)
            else:
                self._settle_if_complete()
                self._fail(f"connection closed {self._when()}")
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits, and leave the family."""
        self._open = False
        self._family.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiter is not None:
            how = "reset" if isinstance(exc, ConnectionError) else "closed"
            self._fail(f"connection {how} {self._when()}")
        self.lost.set_result(None)

    def pause_writing(self) -> None:
        """Note that the kernel did not take everything."""
        self._paused = True

    def resume_writing(self) -> None:
        """Go on with the request."""
        self._paused = False
        if self._waiter is not None and self._phase is Phase.WRITE:
            self._write_on()

    def _write_on(self) -> None:
        """Write until the transport has enough; `resume_writing` comes back here."""
        for piece in self._pieces:
            self._transport.write(piece)
            if self._paused or self._transport.is_closing():
                return
        self._phase = Phase.ANSWER
        self._limit(self._timeouts.answer)

    def _limit(self, limit: timedelta | None) -> None:
        """Replace the running time limit; None: there is none.

        A timer for each exchange would cost more than all else that is done here. So one goes on
        over many, and looks at the time when it fires.
        """
        if limit is None:
            self._too_late_at = None
            return
        seconds = limit.total_seconds()
        self._too_late_at = too_late_at = self._loop.time() + seconds
        if self._timer is not None and self._fires_at > too_late_at:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._fire_in(seconds, too_late_at)

    def _fire_in(self, seconds: float, at: float) -> None:
        self._fires_at = at
        self._timer = self._loop.call_later(seconds, self._fire)

    def _fire(self) -> None:
        self._timer = None
        if self._too_late_at is None or self._waiter is None:
            return
        left = self._too_late_at - self._loop.time()
        if left > 0:
            self._fire_in(left, self._too_late_at)
        else:
            self._too_late()

    def _too_late(self) -> None:
        if self._phase is Phase.WRITE:
            self._fail(f"request not taken within {in_words(self._timeouts.write)}")
        else:
            what = "answer not complete" if self._reader.begun else "no answer"
            self._fail(f"{what} within {in_words(self._timeouts.answer)}")

    def _when(self) -> str:
        if self._phase is Phase.WRITE:
            return "before the whole request was taken"
        return f"{'in the middle of' if self._reader.begun else 'before'} the answer"

    def _settle_if_complete(self) -> None:
        answer = self._reader.answer
        if answer is None:
            return
        # An answer before the whole request was taken (413, say) is one; the rest of the
        # request is never written, so the connection is no use any more.
        self.is_reusable = self._reader.keeps_open and self._phase is Phase.ANSWER
        self._settle(answer)

    def _fail(self, reason: str) -> None:
        self._settle(Silence(self._phase, reason))
        self.abort()

    def _settle(self, result: Answer | Silence) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():  # done: cancelled, and about to run
            waiter.set_result(result)

    def _ended_cleanly(self) -> bool:
        """Return whether the far side's end is one that nobody on the way can have made up.

        Loops report close_notify and a bare FIN alike; OpenSSL tells them apart: after
        close_notify there is an end to read, otherwise it waits for more.
        """
        if self._tls is None:
            return True
        try:
            return not self._tls.read(1)
        except ssl.SSLZeroReturnError:
            return True
        except (ssl.SSLError, OSError):
            return False


def _pieces(head: bytes, body: bytes) -> Iterator[bytes | memoryview]:
    if len(body) <= _PIECE_BYTES:
        return iter((head + body,))
    view = memoryview(body)
    starts = range(0, len(view), _PIECE_BYTES)
    return chain((head,), (view[start : start + _PIECE_BYTES] for start in starts))


def in_words(limit: timedelta) -> str:
    """Return a time limit for a reason, such as "30 s"."""
    return f"{limit.total_seconds():g} s"
