"""Values that are made quickly are the frozen dataclasses that they look like."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from mail_sender.domain.value import kept, quickly_made


@quickly_made
@dataclass(frozen=True, kw_only=True)
class Point:
    x: int
    y: int = 0
    names: list[str] = field(default_factory=list)

    @kept
    def far(self) -> list[int]:
        return [self.x, self.y]


def test_it_compares_and_changes_as_a_dataclass_does() -> None:
    """Whoever uses one need not know how it was made."""
    assert Point(y=2, x=1) == Point(x=1, y=2)
    assert replace(Point(x=1), y=3) == Point(x=1, y=3)
    assert repr(Point(y=2, x=1)).endswith("Point(x=1, y=2, names=[])")
    assert Point(x=1).names is not Point(x=1).names


def test_nobody_can_change_it() -> None:
    """It is handed from room to room."""
    point = Point(x=1)
    with pytest.raises(FrozenInstanceError):
        point.x = 2  # type: ignore[misc]


@pytest.mark.parametrize(("given", "words"), [({}, "needs x"), ({"x": 1, "z": 2}, "has no z")])
def test_a_wrong_field_is_named(given: dict[str, int], words: str) -> None:
    """A mistake is found where it is made."""
    with pytest.raises(TypeError, match=words):
        Point(**given)  # type: ignore[arg-type]


def test_a_kept_property_is_worked_out_once() -> None:
    """It is the same object each time."""
    point = Point(x=1)
    assert point.far is point.far
    assert Point.far.__class__ is kept
