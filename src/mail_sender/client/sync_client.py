"""`Client`: the gateway for programs without an event loop.

Neighbours: `calls` says what each method asks, `lines` brings it to the gateway. `async_client`
has the same methods for asyncio; a test compares them.
"""

from __future__ import annotations

import contextlib
import random
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self, TypeVar

from . import calls
from .answers import BatchResult, Event, Explanation, Message
from .calls import Call
from .course import LineBroke
from .entry import Entry
from .errors import Conflict
from .http1 import Answer
from .lines import Lines
from .mail import Mail
from .sse import FrameReader
from .watching import QUIET_FOR, Watch, pauses

Result = TypeVar("Result")


class Client:
    """Calls one gateway with one key; may be used by several threads at once.

    Every method goes on until there is an answer or its deadline is over: it tries every address
    of the gateway's name, and repeats what can be repeated without sending a mail twice.
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
        """Connect to nothing yet.

        Args:
            url: Such as `https://mail.example.com`.
            key: An API key; None only for what needs none.
            deadline: Seconds for a call, all its repetitions included, where none is given.
            reach_within: Seconds after which a call ends if no address takes a connection; the
                deadline counts as well.
            addresses: Where to connect, instead of what the resolver says; the name in the URL
                still is the one that the certificate must have.
            ssl_context: For a certificate of your own authority. The name in the certificate
                must be that of the URL, whatever the address.

        Raises:
            ValueError: The URL is none, or the deadline is none.
        """
        self._entry = Entry.parse(url, addresses)
        self._key = key
        self._deadline = calls.limit_of(deadline)
        chance = random.Random()  # noqa: S311 - it spreads load
        self._lines = Lines(self._entry, ssl_context, reach_within=reach_within, chance=chance)

    @property
    def url(self) -> str:
        """The gateway's address."""
        return self._entry.url

    def close(self) -> None:
        """Close the connections that are kept. A later call opens new ones."""
        self._lines.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # ------------------------------------------------ sending

    def send(
        self, mail: Mail, *, wait: float | None = None, deadline: float | None = None
    ) -> Message:
        """Hand a mail over to the gateway: when this returns, it is durable there.

        Args:
            mail: With an idempotency key, the same mail can be sent again without doubling it.
            wait: Seconds, up to 120, to wait until it has ended; what has not ended then is
                returned as it is.
            deadline: Seconds for all tries; None: that of the client (and `wait`).

        Raises:
            NoAnswer, TryLater: Not known whether it was accepted; `idempotency_key` of the error
                makes it safe to send the same mail again.
            Refused: Not accepted; see its kinds.
        """
        longest = self._deadline + (wait or 0.0) if deadline is None else deadline
        return self._done(calls.send(mail, wait=wait), longest)

    def send_now(
        self, mail: Mail, *, timeout: float = 30.0, deadline: float | None = None
    ) -> Message:
        """Send a mail and return when a provider took it.

        Args:
            mail: As in `send`.
            timeout: Seconds, 1 to 120, that the gateway may ask providers.
            deadline: Seconds for all tries; None: that of the client, and at least `timeout` and
                a little more.

        Raises:
            MessageRefused: No provider will take it.
            NotSent: Every provider failed, and nothing will be sent later.
            OutcomeUnknown: A provider may have it; the gateway goes on finding out.
            NoAnswer, Refused: As in `send`.
        """
        longest = max(self._deadline, timeout + 3 * calls.MARGIN) if deadline is None else deadline
        return self._done(calls.send_now(mail, timeout=timeout), longest)

    def send_batch(
        self, mails: Sequence[Mail], *, deadline: float | None = None
    ) -> list[BatchResult]:
        """Hand many mails over, each of which stands or falls alone.

        Returns:
            One result for each, in their order.

        Raises:
            NoAnswer, TryLater, Refused: As in `send`. More than 500 mails are several requests,
                and those before this one were accepted: to go on, send all again, with the same
                `idempotency_key` in each.
        """
        results: list[BatchResult] = []
        for call in calls.send_batch(mails):
            part = self._done(call, deadline)
            results += part
        return results

    def explain(self, mail: Mail, *, deadline: float | None = None) -> Explanation:
        """Ask which providers a mail would be offered to, and why not the others."""
        return self._done(calls.explain(mail), deadline)

    # ------------------------------------------------ messages

    def status(self, id_: str, *, deadline: float | None = None) -> Message:
        """Return a message with all that is known of it. Raises `NotFound`."""
        return self._done(calls.status(id_), deadline)

    def wait(self, id_: str, *, deadline: float | None = None) -> Message:
        """Return a message when it has ended, or as it is when the deadline is over."""
        until = time.monotonic() + calls.limit_of(self._deadline if deadline is None else deadline)
        between = pauses()
        while True:
            left = until - time.monotonic()
            message = self.status(id_, deadline=max(left, calls.MARGIN))
            pause = next(between)
            if message.has_ended or left <= pause:
                return message
            time.sleep(pause)

    def cancel(self, id_: str, *, deadline: float | None = None) -> Message:
        """Withdraw a message before it is handed over; one that is cancelled already stays so.

        Raises:
            Conflict: A provider has it, or may have it.
        """
        try:
            return self._done(calls.cancel(id_), deadline)
        except Conflict:
            message = self.status(id_, deadline=deadline)
            if message.status == "cancelled":  # perhaps by a try whose answer was lost
                return message
            raise

    def retry(
        self, id_: str, *, risk_duplicate: bool = False, deadline: float | None = None
    ) -> Message:
        """Try a message again now, for those who did not get it. Not repeated after a lost answer.

        Args:
            id_: The message.
            risk_duplicate: Also when a provider may have taken it: it may arrive twice.
            deadline: As in `send`.

        Raises:
            Conflict: Its state does not allow it.
        """
        return self._done(calls.retry(id_, risk_duplicate=risk_duplicate), deadline)

    # ------------------------------------------------ events

    def events(
        self,
        *,
        after: str | None = None,
        message_id: str | None = None,
        deadline: float | None = None,
    ) -> Iterator[Event]:
        """Yield events as they happen, for ever; none is left out and none comes twice.

        Args:
            after: The id of the last event that was seen; None: from now on.
            message_id: Of this message only.
            deadline: Seconds to find the gateway again after the line broke.

        Raises:
            NoAnswer, Refused: The gateway was not found again, or the key is no longer good.
        """
        watch = Watch(after)
        if watch.after is None:
            watch.begin(self._done(calls.edge_of_events(newest=True), deadline))
        while True:
            if watch.missed_the_first:
                oldest = self._done(calls.edge_of_events(newest=False), deadline)
                yield from watch.first(oldest)
            call = calls.stream(watch.after, message_id)
            with contextlib.suppress(LineBroke), self._stream(call, deadline) as pieces:
                reader = FrameReader()
                for piece in pieces:
                    for event in calls.events_in(reader, piece):
                        watch.after = event.id
                        yield event
            time.sleep(watch.pause())

    @contextlib.contextmanager
    def _stream(self, call: Call[None], deadline: float | None) -> Iterator[Iterator[bytes]]:
        limit = calls.limit_of(self._deadline if deadline is None else deadline)
        request = call.request(self._entry, self._key)
        with contextlib.ExitStack() as opened:
            try:
                line = opened.enter_context(self._lines.stream(request, time.monotonic() + limit))
            except LineBroke as broke:
                raise call.no_answer(self._entry, broke) from None
            call.result(line.answer)
            yield line.pieces(QUIET_FOR)

    # ------------------------------------------------ any other

    def request(
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
        """Make a call for which there is no method here, and return any answer.

        Repeated are GETs and what has an `Idempotency-Key`; nothing else, once it may have left.

        Args:
            method: In capitals.
            path: Such as `/v1/stats`, quoted where it must be.
            query: What is None is left out.
            body: Written as JSON, but for bytes.
            headers: Further header fields, such as `Content-Type`.
            takes: Seconds that the gateway may take before it answers.
            deadline: As in `send`.

        Raises:
            NoAnswer: No answer came.
            ValueError: A header field has characters that none may have.
        """
        call = calls.other(method, path, query=query, body=body, headers=headers or {}, takes=takes)
        return self._answer(call, deadline)

    @contextlib.contextmanager
    def download(
        self,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        deadline: float | None = None,
    ) -> Iterator[Iterator[bytes]]:
        """Get something large: yield its pieces as they come. Raises as `request`, and `Refused`.

        Args:
            path: As in `request`.
            query: As in `request`.
            deadline: Seconds for the beginning.
        """
        call = calls.download(path, query)
        try:
            with self._stream(call, deadline) as pieces:
                yield pieces
        except LineBroke as broke:
            raise call.no_answer(self._entry, broke) from None

    # ------------------------------------------------ inside

    def _done(self, call: Call[Result], deadline: float | None) -> Result:
        return call.result(self._answer(call, deadline))

    def _answer(self, call: Call[Result], deadline: float | None) -> Answer:
        limit = calls.limit_of(self._deadline if deadline is None else deadline)
        request = call.request(self._entry, self._key)
        try:
            return self._lines.ask(request, time.monotonic() + limit)
        except LineBroke as broke:
            raise call.no_answer(self._entry, broke) from None
