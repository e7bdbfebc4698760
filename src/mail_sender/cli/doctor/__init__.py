"""`doctor`: find out what would keep mail from being sent, before the mail does.

Neighbours: `machine` looks at store, disk, port and name, `accounts` asks every provider without
sending, `dns` reads what receivers will read. Each returns findings; `command` shows them.
"""

from .command import doctor

__all__ = ["doctor"]
