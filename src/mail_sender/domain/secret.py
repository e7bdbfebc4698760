"""A value that must not be seen: its text comes out only when asked for by name."""

from __future__ import annotations


class Secret:
    """A password or key. `str`, `repr` and formatting show dots."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself; for the wire only, never for a log or an error."""
        return self._value

    def __repr__(self) -> str:
        return "••••••"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)
