"""Wire names: the gateway that answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from ..store.port import Depth
from .schemas import words
from .schemas_stats import QueueOut, queue_of
from .services import Services


class Feature(StrEnum):
    """What depends on the configuration and a client may want to know beforehand."""

    DEFAULT_SENDER = "default_sender"  #: a message may leave out `from`
    IMITATED_PROVIDERS = "imitated_providers"  #: they fail on command at `/v1/sandbox/faults`
    RATE_LIMIT = "rate_limit"  #: so many requests a minute with one key
    PUBLIC_METRICS = "public_metrics"  #: `/metrics` needs no key


class StoreHealth(TypedDict):
    """The durable record."""

    kind: Annotated[str, Field(examples=["sqlite"])]
    healthy: Annotated[bool, Field(description="A durable write was made just now.")]


class System(TypedDict):
    """One process of the gateway."""

    version: Annotated[str, Field(examples=["0.1.0"])]
    node: Annotated[str, Field(description="Name of the machine.", examples=["mail-a1"])]
    started_at: datetime
    uptime_seconds: float
    ready: Annotated[bool, Field(description="Whether it takes mail now.")]
    why_not_ready: Annotated[str | None, Field(description="In words; null when it is ready.")]
    store: StoreHealth
    queue: QueueOut
    sandbox: Annotated[bool, Field(description="Whether `/v1/sandbox` answers.")]
    features: Annotated[
        list[Feature],
        Field(description=f"What is switched on here, of {words(Feature)}."),
    ]


def system_of(
    services: Services, *, depth: Depth, healthy: bool, why_not_ready: str | None
) -> System:
    """Return what this process says of itself."""
    node, now = services.node, services.clock.now()
    return {
        "version": services.policy.version,
        "node": node.name,
        "started_at": node.started_at,
        "uptime_seconds": max((now - node.started_at).total_seconds(), 0.0),
        "ready": why_not_ready is None,
        "why_not_ready": why_not_ready,
        "store": {"kind": node.store, "healthy": healthy},
        "queue": queue_of(depth, now),
        "sandbox": services.sandbox is not None,
        "features": list(_features(services)),
    }


def _features(services: Services) -> Iterator[Feature]:
    if services.policy.default_from is not None:
        yield Feature.DEFAULT_SENDER
    if services.node.imitates:
        yield Feature.IMITATED_PROVIDERS
    policy = services.policy
    if policy.requests_per_minute is not None or policy.requests_per_minute_per_address is not None:
        yield Feature.RATE_LIMIT
    if services.policy.public_metrics:
        yield Feature.PUBLIC_METRICS
