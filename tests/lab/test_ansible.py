"""The roles applied for real: two booted Debian machines of the cloud, from nothing to serving."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from deploy.tls import write_authority
from lab import namespaces, topology
from lab.namespaces import Namespaces
from lab.programs import wait_until
from tests.requirements import need

from .containers import debian
from .containers.debian import ROOT, Container

IS_LONG = os.environ.get("CHAOS") == "long" or os.environ.get("REQUIRE_ALL") == "1"
pytestmark = pytest.mark.timeout(900)  # three runs of Ansible, which takes its time
HOSTS = ("c1", "c2")
VIP = "198.51.100.100"
RECAP = re.compile(r"^(\S+)\s*: ok=\d+\s+changed=(\d+)\s+unreachable", re.MULTILINE)


class Machines:
    """Both machines, and the inventory that they are made from."""

    def __init__(self, directory: Path, root: Path) -> None:
        self.inventory = directory / "site" / "inventory.toml"
        self.spaces = Namespaces(f"msans{os.getpid()}")
        self._directory = directory
        self.containers = {
            name: Container(name, root, directory / "machines", self.spaces) for name in HOSTS
        }

    def start(self) -> None:
        topology.build(self.spaces)
        self.inventory.parent.mkdir()
        text = (ROOT / "lab/inventory.toml").read_text(encoding="utf-8")
        self.inventory.write_text(text, encoding="utf-8")
        shutil.copy(ROOT / "lab/gateway.toml", self.inventory.parent)
        write_authority(self.inventory.parent / "secrets", name="api.lab.test")
        for container in self.containers.values():
            container.boot()

    def stop(self) -> None:
        for container in self.containers.values():
            container.stop()
        self.spaces.remove()

    def apply(self, *more: str) -> dict[str, int]:
        """Run the playbook; return the number of changes by machine."""
        ways = self._directory / "ways.yml"
        hosts = {
            name: {"ansible_connection": "nsenter", "ansible_init": container.init}
            for name, container in self.containers.items()
        }
        ways.write_text(yaml.safe_dump({"all": {"hosts": hosts}}), encoding="utf-8")
        done = subprocess.run(
            [ROOT / ".venv-deploy/bin/ansible-playbook", "-i", "hosts.py", "-i", ways,
             "--limit", ",".join(HOSTS), "site.yml", *more],
            cwd=ROOT / "deploy/ansible",
            env={
                **os.environ,
                "SITE_INVENTORY": str(self.inventory),
                "ANSIBLE_CONNECTION_PLUGINS": str(
                    ROOT / "tests/lab/containers/connection_plugins"
                ),
                "ANSIBLE_PIPELINING": "1",
                "ANSIBLE_HOME": str(self._directory / "ansible"),
                "ANSIBLE_NOCOLOR": "1",
            },
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        return {name: int(changed) for name, changed in RECAP.findall(done.stdout)}

    def ask(self, path: str = "/openapi.json") -> str:
        """Ask the floating address from the internet; return the status."""
        ca = self.inventory.parent / "secrets/neighbour-ca.pem"
        return self.spaces.ask(
            "client",
            ["curl", "-sS", "-o", "/dev/null", "-m", "3", "--cacert", str(ca),
             "--resolve", f"api.lab.test:443:{VIP}", "-w", "%{http_code}",
             f"https://api.lab.test{path}"],
        )  # fmt: skip


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    if not IS_LONG:
        pytest.skip("part of the long form: CHAOS=long or REQUIRE_ALL=1")
    lacks = namespaces.why_not() or debian.why_not()
    need(lacks is None, str(lacks))
    subprocess.run(["make", "--no-print-directory", "wheel"], cwd=ROOT, check=True)
    directory = tmp_path_factory.mktemp("ansible")
    root = Path(os.environ.get("LAB_ROOT") or directory / "root")
    if not root.exists():
        debian.make_root(root)
    both = Machines(directory, root)
    try:
        both.start()
        yield both
    finally:
        both.stop()


def test_from_nothing_to_a_site_that_serves(machines: Machines) -> None:
    """And a second run finds nothing to do: else every run would be a small outage."""
    first = machines.apply()
    wait_until(lambda: machines.ask() == "200", "an answer at the floating address", 30)
    second = machines.apply()

    assert all(first[name] > 10 for name in HOSTS)
    assert second == {"c1": 0, "c2": 0, **{name: 0 for name in second if name not in HOSTS}}


def test_a_new_configuration_is_rolled_out_without_a_failed_request(machines: Machines) -> None:
    """Node after node: taken out of HAProxy, drained, started, waited for."""
    wait_until(lambda: machines.ask() == "200", "an answer at the floating address", 30)
    before = {name: _started(container) for name, container in machines.containers.items()}
    text = machines.inventory.read_text(encoding="utf-8")
    machines.inventory.write_text(
        text.replace('config = "gateway.toml"', 'config = "gateway.toml"\ndrain_timeout = 20', 1),
        encoding="utf-8",
    )
    answers = machines.inventory.parent / "answers"
    ca = machines.inventory.parent / "secrets/neighbour-ca.pem"
    loop = (
        f"while :; do curl -sS -o /dev/null -m 3 --cacert {ca} --resolve api.lab.test:443:{VIP} "
        f"-w '%{{http_code}}\\n' https://api.lab.test/openapi.json >> {answers} 2>&1; sleep 0.02; "
        "done"
    )
    asking = subprocess.Popen(machines.spaces.command("client", ["sh", "-c", loop]))
    try:
        changed = machines.apply()
    finally:
        asking.kill()
        asking.wait()

    assert all(changed[name] >= 1 for name in HOSTS)
    assert {name: _started(c) for name, c in machines.containers.items()} != before
    lines = answers.read_text(encoding="utf-8").split()
    assert len(lines) > 100
    assert set(lines) == {"200"}


def test_a_gateway_that_is_killed_comes_back_by_itself(machines: Machines) -> None:
    """The unit's own doing; and its hardening does not keep the gateway from working."""
    one = machines.containers["c1"]
    pid = one.run("systemctl", "show", "--property=MainPID", "--value", "mail-sender").strip()
    one.run("kill", "-9", pid)

    wait_until(lambda: _ready(machines), "ready again", 30)
    exposure = one.run("systemd-analyze", "security", "--no-pager", "mail-sender")
    assert float(re.findall(r"level for mail-sender.service: ([\d.]+)", exposure)[0]) < 2.5


def _started(container: Container) -> str:
    return container.run(
        "systemctl", "show", "--property=ExecMainStartTimestampMonotonic", "mail-sender"
    )


def _ready(machines: Machines) -> bool:
    url = "http://10.0.0.11:8025/health/ready"
    return bool(machines.spaces.ask("c1", ["curl", "-fsS", "-m", "1", url]))
