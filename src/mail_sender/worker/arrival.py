"""A message on its way into the store that is handed over at once: accepted and begun as one.

Neighbours: `intake` makes the message and waits; `hand_over` walks over the providers, and its
first `begin` is the commit that accepts. So a message whose caller waits for the end, or before
which nothing waits, costs two commits (this one and the outcome) instead of four transitions one
after the other, and still no byte leaves before its intent is durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from ..delivery.failover import Pass
from ..store.moves import lease_at_acceptance
from ..store.port import Call, Duplicate, Lease, NewMessage, Stored

Accept = Callable[[NewMessage], Awaitable[Stored | Duplicate]]


class NotAccepted(Exception):
    """The message is not in the store: nothing may be sent. `Arrival.kept` tells why."""


class SomeSuppressed(Exception):
    """The message is in the store as leased, and not begun: `Arrival.lease` says for whom it is."""


class Arrival:
    """One message, until the store has it.

    Attributes:
        lease: What its owner will hold.
    """

    def __init__(self, new: NewMessage, owner: str, accept: Accept) -> None:
        self.lease: Lease = lease_at_acceptance(new, owner)
        self._kept: asyncio.Future[Stored | Duplicate | Exception]
        self._kept = asyncio.get_running_loop().create_future()
        self._new = new
        self._owner = owner
        self._accept = accept

    async def enter(self, done: Pass, call: Call | None) -> None:
        """Store the message with the skips so far and the call that is about to be made.

        Args:
            done: The walk so far; its attempts are emptied, since the store has them then.
            call: None when no provider may be asked now: the message is stored as leased.

        Raises:
            NotAccepted: An earlier message has its idempotency key, or the store failed.
            SomeSuppressed: It is stored, and this call may not be made: recipients are on the
                suppression list.
        """
        attempts = tuple(done.attempts) if call is not None else ()
        try:
            kept = await self._accept(
                replace(self._new, owner=self._owner, call=call, attempts=attempts)
            )
        except Exception as error:
            self._tell(error)
            raise NotAccepted from error
        self._tell(kept)
        if isinstance(kept, Duplicate):
            raise NotAccepted
        if kept.suppressed:
            self.lease = lease_at_acceptance(self._new, self._owner, kept.suppressed)
            raise SomeSuppressed
        if call is not None:
            done.attempts.clear()

    async def kept(self) -> Stored | Duplicate:
        """Return the store's answer as soon as it is there.

        Raises:
            StoreUnavailable: As `Store.accept`; nothing was sent.
        """
        kept = await self._kept
        if isinstance(kept, Exception):
            raise kept
        return kept

    def abandon(self) -> None:
        """Let nobody wait for ever: the hand-over ended, by a bug or cut short."""
        self._tell(RuntimeError("the hand-over ended before the store answered"))

    def _tell(self, kept: Stored | Duplicate | Exception) -> None:
        if not self._kept.done():  # done: told before, or who waited was cancelled
            self._kept.set_result(kept)
