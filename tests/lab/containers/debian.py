"""Debian machines that boot systemd, as containers in the lab's namespaces.

One root file system is made once (debootstrap, a minute) and shared; each machine writes into a
layer of its own. What Ansible would fetch is in it beforehand, since the lab has no way out.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from lab.namespaces import Namespaces

ROOT = Path(__file__).parent.parent.parent.parent
_PACKAGES = "haproxy,keepalived,curl,python3-apt"
_BASE = "python3,python3-venv,procps,iproute2,systemd-sysv,dbus,ca-certificates"
#: `RTMIN+3` tells systemd to power off, cleanly (systemd(1)).
_POWER_OFF = signal.SIGRTMIN + 3


def why_not() -> str | None:
    """Return what is missing; None when nothing."""
    missing = [
        package
        for program, package in (
            ("debootstrap", "debootstrap"),
            ("systemd-nspawn", "systemd-container"),
        )
        if shutil.which(program) is None
    ]
    if missing:
        return f"Debian's packages {' '.join(missing)}"
    if not (ROOT / ".venv-deploy/bin/ansible-playbook").exists():
        return "Ansible: make ansible"
    return None


def make_root(root: Path) -> None:
    """Make the shared root file system, with packages and the gateway's requirements."""
    _run(["debootstrap", "--variant=minbase", f"--include={_BASE}", "bookworm", root])
    # The machine's own sources and their settings: it may have a mirror.
    for name in ("sources.list", "sources.list.d", "apt.conf.d"):
        ours, theirs = Path("/etc/apt") / name, root / "etc/apt" / name
        if ours.is_dir():
            shutil.copytree(ours, theirs, dirs_exist_ok=True)
        elif ours.exists():
            shutil.copy(ours, theirs)
        else:
            theirs.unlink(missing_ok=True)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")  # nothing is started meanwhile
    policy.chmod(0o755)
    _run(["chroot", root, "apt-get", "update", "--quiet"])
    _run([
        "chroot", root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "--yes",
        "--quiet", "--no-install-recommends", *_PACKAGES.split(","),
    ])  # fmt: skip
    policy.unlink()
    _run(["chroot", root, "systemctl", "disable", "haproxy", "keepalived"])
    _install_requirements(root)


def _install_requirements(root: Path) -> None:
    wheels = root / "tmp/wheels"
    _run([
        ROOT / ".venv/bin/python", "-m", "pip", "download", "--quiet", "--dest", wheels,
        "--require-hashes", "--requirement", ROOT / "requirements/runtime.txt",
    ])  # fmt: skip
    _run(["chroot", root, "python3", "-m", "venv", "/opt/mail-sender"])
    _run([
        "chroot", root, "sh", "-c",
        "/opt/mail-sender/bin/pip install --quiet --no-index --no-deps /tmp/wheels/*.whl",
    ])  # fmt: skip
    shutil.rmtree(wheels)


class Container:
    """One machine, in a namespace of the lab that is there already."""

    def __init__(self, name: str, root: Path, directory: Path, spaces: Namespaces) -> None:
        self.name = name
        self._lower = root
        self._layers = directory / name
        self._spaces = spaces
        self._process: subprocess.Popen[bytes] | None = None
        self.init = 0  #: the number of its first process

    def boot(self) -> None:
        """Start it and wait until systemd answers."""
        upper, work, merged = (self._layers / part for part in ("upper", "work", "merged"))
        for path in (upper, work, merged):
            path.mkdir(parents=True)
        _run([
            "mount", "-t", "overlay", "overlay",
            "-o", f"lowerdir={self._lower},upperdir={upper},workdir={work}", merged,
        ])  # fmt: skip
        with (self._layers / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["systemd-nspawn", "--quiet", "--directory", merged, "--machine", self.name,
                 "--register=no", "--keep-unit", "--boot", "--capability=CAP_NET_ADMIN,CAP_NET_RAW",
                 f"--network-namespace-path=/run/netns/{self._spaces.full(self.name)}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        for _ in range(300):
            self.init = self._first_process()
            if self.init and self.run("systemctl", "is-system-running", "--wait").strip() in {
                "running", "degraded",
            }:  # fmt: skip
                return
            time.sleep(0.1)
        raise TimeoutError((self._layers / "log").read_text(encoding="utf-8", errors="replace"))

    def _first_process(self) -> int:
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        if not children.exists():
            return 0
        return int((children.read_text(encoding="ascii").split() or ["0"])[0])

    def run(self, *command: str) -> str:
        """Run a command inside; return what it said, whatever its status."""
        inside = ["nsenter", "--target", str(self.init), "--all", *command]
        return subprocess.run(inside, capture_output=True, text=True, check=False).stdout

    def stop(self) -> None:
        """Power it off, and take its layers away."""
        if self._process is not None:
            if self.init:
                os.kill(self.init, _POWER_OFF)
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        subprocess.run(["umount", self._layers / "merged"], check=False, capture_output=True)


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
