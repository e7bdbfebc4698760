"""Both clients behind one form, so that each test of what they promise runs for both."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from mail_sender.client import AsyncClient, Client, Event

MakeClient = Callable[..., Any]


class Blocking:
    """An `AsyncClient` for tests that wait: each call runs on a loop of its own thread."""

    def __init__(self, runner: asyncio.Runner, *given: Any, **named: Any) -> None:  # noqa: ANN401
        self._runner = runner
        self._client = AsyncClient(*given, **named)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        method = getattr(self._client, name)
        if name == "events":
            return lambda **named: self._events(method(**named))
        if not inspect.iscoroutinefunction(method):
            return method

        def call(*given: Any, **named: Any) -> Any:  # noqa: ANN401
            return self._runner.run(method(*given, **named))

        return call

    def _events(self, events: AsyncIterator[Event]) -> Iterator[Event]:
        try:
            while True:
                yield self._runner.run(_next(events))
        finally:
            self._runner.run(events.aclose())  # type: ignore[attr-defined]


async def _next(events: AsyncIterator[Event]) -> Event:
    return await anext(events)


@pytest.fixture(params=["threads", "asyncio"])
def make_client(request: pytest.FixtureRequest) -> Iterator[MakeClient]:
    """Return what makes a client of either kind; it is closed at the end."""
    made: list[Any] = []
    with asyncio.Runner() as runner:

        def make(url: str, key: str | None = "ms_live_k", **named: Any) -> Any:  # noqa: ANN401
            named.setdefault("deadline", 5.0)
            if request.param == "threads":
                made.append(Client(url, key, **named))
            else:
                made.append(Blocking(runner, url, key, **named))
            return made[-1]

        yield make
        for client in made:
            client.close()
