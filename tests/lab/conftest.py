"""One lab for all tests: it is whole again after each of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.namespaces import why_not
from lab.site import Lab
from tests.requirements import need


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Both sites, whole."""
    lacks = why_not()
    need(lacks is None, str(lacks))
    with Lab() as built:
        yield built
