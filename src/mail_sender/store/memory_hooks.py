"""Calls of providers' webhooks in memory, and the events that wait for their message.

Neighbour: `memory` finds the message and writes what an event changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from ..domain.feedback import Feedback
from .hearing import KEEP_WAITING, REMEMBER, look_again, mark_of
from .port import Fate, HookCall, Learnt, ReadHook, StoredHook

Attach = Callable[[str, Feedback], Learnt | None]
"""Writes an event to its message; None when there is no such message."""

Refuse = Callable[[str, Feedback], Learnt]
"""Says what follows from an event that is about no message of ours."""


class Hooks:
    """See `port.Store`."""

    def __init__(self) -> None:
        self._came: dict[tuple[str, str], StoredHook] = {}
        self._waiting: dict[int, StoredHook] = {}
        self._told: dict[bytes, datetime] = {}
        self._unattached: list[tuple[datetime, datetime, str, Feedback]] = []
        self._last = 0

    def keep(self, call: HookCall, now: datetime) -> bool:
        """See `port.Store.keep_hook`."""
        if (call.provider, call.key) in self._came:
            return False
        self._last += 1
        hook = StoredHook(number=self._last, call=call, received_at=now)
        self._came[call.provider, call.key] = replace(hook, call=replace(call, body=b""))
        self._waiting[hook.number] = hook
        return True

    def waiting(self, limit: int) -> list[StoredHook]:
        """See `port.Store.waiting_hooks`."""
        return list(self._waiting.values())[:limit]

    def learn(
        self, read: Sequence[ReadHook], now: datetime, attach: Attach, refuse: Refuse
    ) -> list[Learnt]:
        """See `port.Store.learn`."""
        learnt = []
        for each in read:
            if each.hook.number not in self._waiting:
                continue
            provider = each.hook.call.provider
            learnt += [self._learn(provider, it, now, attach, refuse) for it in each.feedback]
            if not each.goes_on:
                del self._waiting[each.hook.number]
        return learnt

    def _learn(
        self, provider: str, feedback: Feedback, now: datetime, attach: Attach, refuse: Refuse
    ) -> Learnt:
        mark = mark_of(provider, feedback)
        if mark in self._told:
            return Learnt(provider=provider, feedback=feedback, fate=Fate.KNOWN)
        self._told[mark] = now
        attached = attach(provider, feedback)
        if attached is not None:
            return attached
        if feedback.message_id is not None or feedback.provider_message_id is None:
            return refuse(provider, feedback)
        self._unattached.append((now, look_again(now, now), provider, feedback))
        return Learnt(provider=provider, feedback=feedback, fate=Fate.WAITING)

    def attach_waiting(
        self, limit: int, now: datetime, attach: Attach, refuse: Refuse
    ) -> list[Learnt]:
        """See `port.Store.attach_waiting`."""
        due = sorted((it for it in self._unattached if it[1] <= now), key=lambda it: it[1])[:limit]
        learnt = []
        for it in due:
            heard_at, _, provider, feedback = it
            self._unattached.remove(it)
            attached = attach(provider, feedback)
            if attached is not None:
                learnt.append(attached)
            elif now - heard_at >= KEEP_WAITING:
                learnt.append(refuse(provider, feedback))
            else:
                later = look_again(heard_at, now)
                self._unattached.append((heard_at, later, provider, feedback))
        return learnt

    def forget(self, now: datetime) -> None:
        """Forget what was told long ago."""
        since = now - REMEMBER
        self._told = {mark: at for mark, at in self._told.items() if at >= since}
        self._came = {key: it for key, it in self._came.items() if it.received_at >= since}
