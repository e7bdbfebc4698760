"""Reads what providers' calls say, and has the store learn from it: at the start and continuously.

Neighbours: `hooks` keeps calls and announces them, each provider's `webhook` reads its own; what
an event means for a message is decided in `store.hearing`. A call is done when everything that
it says is learnt, so one that a kill interrupts is read again, and what was learnt already is
known. One that nobody understands is set aside, and stops no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from ..clock import Clock
from ..domain.errors import StoreUnavailable
from ..observability import maillog
from ..observability.metrics import Metrics
from ..providers.webhook import Unreadable, Webhook
from ..store.port import Fate, Learnt, ReadHook, Store, StoredHook

_CALLS_AT_ONCE = 200
_EVENTS_AT_ONCE = 200  #: in one commit, so that no accept waits long for it
_LOOK_EVERY = timedelta(seconds=1)  #: for calls that another process kept
_SEARCH_EVERY = timedelta(seconds=2)  #: for messages that events wait for
_AFTER_TROUBLE = timedelta(seconds=5)
_SEARCH_AT_ONCE = 200


class Listener:
    """See the module. Started and stopped with the process."""

    def __init__(
        self,
        webhooks: Mapping[str, Webhook],
        *,
        store: Store,
        clock: Clock,
        metrics: Metrics,
        on_settled: Callable[[Learnt], None],
    ) -> None:
        """Make it; `on_settled` hears of each event that moved its message."""
        self._webhooks = webhooks
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._on_settled = on_settled
        self._announced = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def announce(self) -> None:
        """Say that a call was kept."""
        self._announced.set()

    def start(self) -> None:
        """Begin to read, with what was left behind."""
        self._tasks = [
            asyncio.create_task(self._for_ever(self._read_on)),
            asyncio.create_task(self._for_ever(self._search_on)),
        ]

    async def stop(self) -> None:
        """Stop at once: what is not learnt is read at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def read_waiting(self) -> int:
        """Read what waits now, not more than a few hundred calls; return how many there were."""
        hooks = await self._store.waiting_hooks(_CALLS_AT_ONCE)
        for part in _parts(map(self._read, hooks)):
            self._note(await self._store.learn(part))
        lag = self._clock.now() - hooks[0].received_at if hooks else timedelta(0)
        self._metrics.hook_lag_seconds.set(max(lag.total_seconds(), 0.0))
        return len(hooks)

    async def search(self) -> None:
        """Look again for the messages of events that wait for them."""
        self._note(await self._store.attach_waiting(_SEARCH_AT_ONCE))

    # ------------------------------------------------ loops

    async def _for_ever(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except StoreUnavailable as error:
                self._metrics.store_errors.inc()
                maillog.trouble("feedback", str(error))
                await asyncio.sleep(_AFTER_TROUBLE.total_seconds())
            except Exception as error:  # noqa: BLE001 - one bad event must not end all of them
                maillog.bug("feedback", error)
                await asyncio.sleep(_AFTER_TROUBLE.total_seconds())

    async def _read_on(self) -> None:
        self._announced.clear()
        if await self.read_waiting():
            return
        try:
            async with asyncio.timeout(_LOOK_EVERY.total_seconds()):
                await self._announced.wait()
        except TimeoutError:
            return

    async def _search_on(self) -> None:
        await self.search()
        await asyncio.sleep(_SEARCH_EVERY.total_seconds())

    # ------------------------------------------------ reading

    def _read(self, hook: StoredHook) -> ReadHook:
        call = hook.call
        webhook = self._webhooks.get(call.provider)
        if webhook is None:
            return self._set_aside(hook, "its provider is not configured any more")
        try:
            found = webhook.feedback_in(call.body, key=call.key, received_at=hook.received_at)
        except Unreadable as error:
            return self._set_aside(hook, str(error))
        except Exception as error:  # noqa: BLE001 - a bug in one reader, told and gone past
            maillog.bug("webhook", error, provider=call.provider, hook=hook.number)
            return self._set_aside(hook, "it cannot be read")
        return ReadHook(hook=hook, feedback=tuple(found))

    def _set_aside(self, hook: StoredHook, why: str) -> ReadHook:
        maillog.trouble("webhook", why, provider=hook.call.provider, hook=hook.number)
        self._metrics.hooks.labels(hook.call.provider, "unreadable").inc()
        return ReadHook(hook=hook, feedback=(), readable=False)

    def _note(self, learnt: Sequence[Learnt]) -> None:
        now = self._clock.now()
        for each in learnt:
            self._metrics.feedback.labels(each.provider, each.feedback.fact, each.fate).inc()
            if each.fate is Fate.ATTACHED:
                lag = (now - each.feedback.at).total_seconds()
                self._metrics.feedback_lag_seconds.labels(each.provider).observe(max(lag, 0.0))
            maillog.told(
                each.provider,
                each.feedback.fact,
                each.fate,
                id_=each.message_id,
                recipients=each.feedback.recipients,
            )
            for address in each.suppressed:
                maillog.list_changed("suppressed_by_event", address, by=each.provider)
            if each.state is not None:
                self._on_settled(each)


def _parts(read: Iterable[ReadHook]) -> Iterator[list[ReadHook]]:
    """Yield calls in groups that one commit can take; a large call comes in several."""
    part: list[ReadHook] = []
    events = 0
    for each in (piece for whole in read for piece in _pieces(whole)):
        if part and events + len(each.feedback) > _EVENTS_AT_ONCE:
            yield part
            part, events = [], 0
        part.append(each)
        events += len(each.feedback)
    if part:
        yield part


def _pieces(whole: ReadHook) -> Iterator[ReadHook]:
    feedback = whole.feedback
    if len(feedback) <= _EVENTS_AT_ONCE:
        yield whole
        return
    for start in range(0, len(feedback), _EVENTS_AT_ONCE):
        end = start + _EVENTS_AT_ONCE
        yield ReadHook(hook=whole.hook, feedback=feedback[start:end], goes_on=end < len(feedback))
