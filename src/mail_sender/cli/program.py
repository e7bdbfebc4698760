"""The list of commands, and how each of them ends.

Neighbours: a command is a function in a file of its group, named here as text and imported when
it is called. It returns its exit status, or raises what is turned into one below.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Any

from cyclopts import App, CycloptsError, Parameter

from .. import __version__
from ..domain.errors import ConfigError, InvalidMessage, MailSenderError
from . import terminal
from .failure import FAILED, WRONG_USAGE, CommandFailed

INTERRUPTED = 130  #: as a shell reports SIGINT

#: Commands, and where in this package each stands.
COMMANDS = {
    "serve": "serve:serve",
    "worker": "serve:worker",
    "send": "send:send",
    "status": "status:status",
    "verify": "verify:verify",
    "doctor": "doctor:doctor",
    "migrate": "migrate:migrate",
    "sandbox": "sandbox:sandbox",
    "bench": "bench:bench",
}
#: Commands of two words: what the first stands for, and the second ones.
GROUPS = {
    "keys": (
        "API keys: on this machine's store, or over --url and --key.",
        {
            "create": "keys:create",
            "list": "keys:list_",
            "revoke": "keys:revoke",
            "ses": "keys:ses",
        },
    ),
    "providers": (
        "The providers of a gateway.",
        {
            "list": "providers:list_",
            "test": "providers:check",
            "pause": "providers:pause",
            "resume": "providers:resume",
        },
    ),
    "queue": (
        "Messages that wait, or that failed.",
        {"show": "queue:show", "retry": "queue:retry", "cancel": "queue:cancel"},
    ),
    "suppressions": (
        "Addresses that get no mail.",
        {
            "list": "suppressions:list_",
            "add": "suppressions:add",
            "remove": "suppressions:remove",
            "import": "suppressions:import_",
            "export": "suppressions:export",
        },
    ),
    "webhooks": (
        "Where events are sent, and what became of them.",
        {
            "list": "webhooks:list_",
            "create": "webhooks:create",
            "test": "webhooks:send_test",
            "deliveries": "webhooks:deliveries",
            "replay": "webhooks:replay",
            "pause": "webhooks:pause",
            "resume": "webhooks:resume",
            "rotate": "webhooks:rotate",
            "delete": "webhooks:delete",
        },
    ),
    "config": (
        "The configuration of this machine.",
        {"check": "settings:check", "show": "settings:show"},
    ),
}

_EPILOGUE = (
    "Exit status: 0 done, 1 the thing failed (a mail not sent), 2 wrong usage or configuration. "
    "Commands that ask a gateway take --url and --key, or MAIL_SENDER_URL and MAIL_SENDER_KEY."
)


def _program() -> App:
    here = __name__.rpartition(".")[0]
    made = App(
        name="mail-sender",
        help="A self-hosted email gateway: one API in front of many providers.",
        help_epilogue=_EPILOGUE,
        help_format="plaintext",
        version=f"mail-sender {__version__}",
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,
        default_parameter=Parameter(negative=(), show_default=False),
    )
    for name, target in COMMANDS.items():
        made.command(f"{here}.{target}", name=name)
    for name, (words, commands) in GROUPS.items():
        group = App(name=name, help=words)
        for command, target in commands.items():
            group.command(f"{here}.{target}", name=command)
        made.command(group)
    return made


program = _program()


def main(tokens: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Args:
        tokens: The arguments; None: those of the process.
    """
    given = list(sys.argv[1:] if tokens is None else tokens)
    if not given or given[-1] in {"--help", "-h", *GROUPS}:
        import_commands(program)
    try:
        result: Any = program(given)
    except CycloptsError as error:
        return _fail(_usage(error), given)
    except CommandFailed as failure:
        return _fail(failure, given)
    except InvalidMessage as error:
        return _fail(CommandFailed(str(error), status=WRONG_USAGE, code="usage"), given)
    except ConfigError as error:
        return _fail(CommandFailed(str(error), status=WRONG_USAGE, code="config"), given)
    except MailSenderError as error:
        return _fail(CommandFailed(str(error), status=FAILED), given)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED
    except BrokenPipeError:  # `| head` is no failure of ours; keep the interpreter quiet about it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return result if isinstance(result, int) else 0


def import_commands(app: App) -> None:
    """Import every command: a list of them shows the first line of each one's docstring."""
    for name in app:
        if not name.startswith("-"):
            import_commands(app[name])


def _usage(error: CycloptsError) -> CommandFailed:
    command = " ".join(["mail-sender", *(error.command_chain or ())])
    return CommandFailed(
        str(error), advice=f"See {command} --help.", status=WRONG_USAGE, code="usage"
    )


def _fail(failure: CommandFailed, given: list[str]) -> int:
    if "--json" in given:
        terminal.show_document(
            {
                "error": {
                    "code": failure.code,
                    "detail": failure.text,
                    "advice": failure.advice,
                    "answer": failure.document,
                }
            }
        )
    terminal.say(f"mail-sender: {failure.text}", "red")
    if failure.advice:
        terminal.say(failure.advice)
    return failure.status
