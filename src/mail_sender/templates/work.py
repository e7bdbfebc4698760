"""How much one rendering may do, counted while it does it.

A time limit cannot be held inside a thread, and a loop around a loop needs no output to run
for ever. So every step that can grow is paid for before it is taken: `language` puts the counter
where loops and values are, `render` where output is.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_CHARACTERS = 1_000_000  #: of one text, be it a value on the way or a finished part
_MAX_WORK = 3_000_000  #: parts of a loop's body gone through, and characters made


class TooMuch(Exception):
    """The template does more than a mail can need. Its text is for the client."""


@dataclass(slots=True)
class Work:
    """What is left of one rendering's allowance."""

    left: int = _MAX_WORK

    def spend(self, amount: int) -> None:
        """Pay for `amount` parts or characters.

        Raises:
            TooMuch: the allowance is used up.
        """
        self.left -= amount
        if self.left < 0:
            raise TooMuch("the template loops too long or makes too much text")

    def make_text(self, characters: int) -> None:
        """Pay for a text of so many `characters`, before it is made.

        Raises:
            TooMuch: it is longer than `MAX_CHARACTERS`, or the allowance is used up.
        """
        if characters > MAX_CHARACTERS:
            raise TooMuch(f"the template makes a text of more than {MAX_CHARACTERS} characters")
        self.spend(characters)
