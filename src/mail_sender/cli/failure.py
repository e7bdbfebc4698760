"""How a command ends when it does not end well."""

from __future__ import annotations

FAILED = 1  #: the thing that was asked for failed
WRONG_USAGE = 2  #: the command line or the configuration has to change first


class CommandFailed(Exception):
    """Ends a command with words for the person who called it.

    Attributes:
        text: What went wrong.
        advice: What to do next; empty when the text says it.
        status: The exit status.
        code: Stable word for programs, in `--json`.
        document: What else `--json` shows, such as the gateway's own answer.
    """

    def __init__(
        self,
        text: str,
        *,
        advice: str = "",
        status: int = FAILED,
        code: str = "failed",
        document: object = None,
    ) -> None:
        super().__init__(text)
        self.text = text
        self.advice = advice
        self.status = status
        self.code = code
        self.document = document


def wrong_usage(text: str, advice: str = "") -> CommandFailed:
    """Return the failure of a command line that makes no sense."""
    return CommandFailed(text, advice=advice, status=WRONG_USAGE, code="usage")
