"""`serve` and `worker`: the processes of the gateway."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from .. import app
from .flags import ANY_CONFIG, Configured

Role = Literal["all", "api", "worker"]


def serve(
    *,
    role: Annotated[
        Role, Parameter(help="all; api: takes mail and hands none over; worker: the reverse.")
    ] = "all",
    configured: Configured = ANY_CONFIG,
) -> int:
    """Serve the API and hand mail over, until SIGTERM or Ctrl-C."""
    return app.run(settings(configured), role=role)


def worker(*, configured: Configured = ANY_CONFIG) -> int:
    """Hand mail over, without the API: serve --role worker."""
    return app.run(settings(configured), role="worker")


def settings(configured: Configured) -> app.Settings:
    """Return the settings of this machine. Raises `ConfigError`."""
    return app.load_settings(app.find_config(configured.config, os.environ, Path.cwd()))
