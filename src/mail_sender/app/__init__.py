"""The composition root: the only room where adapters are chosen and everything is put together.

Neighbours: `cli` calls it, it calls everything. `settings` checks what is configured, `gateway`
is everything of one process, `serving` puts the HTTP server and the signals around it.
"""

from ..intake.keys import issue_key as create_key
from .gateway import Gateway, make_providers, make_tools, make_webhooks, open_store
from .serving import LOCAL_FILE, ROLES, LocalFile, run
from .settings import Settings, find_config, load_settings, sandbox_settings

__all__ = [
    "LOCAL_FILE",
    "ROLES",
    "Gateway",
    "LocalFile",
    "Settings",
    "create_key",
    "find_config",
    "load_settings",
    "make_providers",
    "make_tools",
    "make_webhooks",
    "open_store",
    "run",
    "sandbox_settings",
]
