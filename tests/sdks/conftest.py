"""One gateway for all libraries: what they send is told apart by its id."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .running import Gateway, running_gateway


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with three imitated providers behind it."""
    with running_gateway(tmp_path_factory.mktemp("gateway")) as started:
        yield started
