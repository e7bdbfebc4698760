"""The store of a cluster: many processes on many machines, one PostgreSQL with its standbys.

Neighbours: `store` is the port's adapter; `hosts` finds the server that can write, `pool` keeps
connections to it, `batches` lets callers share commits; `webhooks` is the part about clients'
webhooks; the modules named for a subject, such as `intake`, hold the statements; `migrations`
brings the schema up to date, and `bell` tells other processes that mail is due.

Three rules hold in all of them. Only the database's clock counts: statements say `now()`, and no
time of this machine decides anything. A change is kept only when its commit was confirmed in
time; whatever else happens to it is `StoreUnavailable`. And whoever writes to several rows does so
in the order of their numbers, so that no two transactions wait for each other.
"""

from .clock import DatabaseClock
from .hosts import Host, hosts_of, is_postgres, shown_url
from .store import PostgresStore

__all__ = ["DatabaseClock", "Host", "PostgresStore", "hosts_of", "is_postgres", "shown_url"]
