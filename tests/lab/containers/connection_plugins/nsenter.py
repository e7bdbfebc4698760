"""Ansible's way into a container that runs systemd: the namespaces of its first process."""

from __future__ import annotations

import shlex
import shutil
from typing import Any

from ansible.plugins.connection.local import Connection as Local

DOCUMENTATION = """
name: nsenter
short_description: run in the namespaces of a container's first process
description: As `local`, inside a container.
options:
  init:
    description: Number of the container's first process.
    vars: [{name: ansible_init}]
"""


class Connection(Local):  # type: ignore[misc]
    """See the module."""

    transport = "nsenter"
    has_pipelining = True

    def exec_command(
        self,
        cmd: str,
        in_data: bytes | None = None,
        sudoable: bool = True,  # noqa: FBT002 - Ansible's
    ) -> Any:  # noqa: ANN401 - Ansible's
        """Run a command."""
        enter = f"nsenter --target {self._init} --mount --uts --ipc --net --pid /bin/sh -c "
        return super().exec_command(enter + shlex.quote(cmd), in_data=in_data, sudoable=sudoable)

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file into the container."""
        shutil.copyfile(in_path, f"/proc/{self._init}/root{out_path}")

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file out of it."""
        shutil.copyfile(f"/proc/{self._init}/root{in_path}", out_path)

    @property
    def _init(self) -> str:
        return str(self.get_option("init"))
