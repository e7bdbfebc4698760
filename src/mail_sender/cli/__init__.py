"""The command `mail-sender`.

Neighbours: `app` does what a command asks for on this machine; client commands know nothing but
the HTTP contract. `program` lists the commands and turns every end into an exit status: 0 done,
1 the thing failed (a mail not sent), 2 wrong usage or configuration. One file per group of
commands; a module is imported when its command is called, so that asking for a status does not
load a web server.

The rule that holds here: what a program reads goes to standard output (with `--json` one JSON
document and nothing else), every word for a person that is not the answer goes to standard error
and says what to do next.
"""

from .program import main

__all__ = ["main"]
