"""What the doctor says of one thing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"  #: looked at, and good
    WARNING = "warning"  #: mail goes out, but something should be better
    PROBLEM = "problem"  #: mail will not go out, or not this way
    SKIPPED = "not checked"  #: could not be looked at, or need not be


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report.

    Attributes:
        about: What was looked at, such as `store` or `provider ses`.
        text: What was found.
        advice: What to do about it; empty when nothing has to be done.
    """

    about: str
    level: Level
    text: str
    advice: str = ""
