"""Every rendered file is good for the program that reads it, and says what it must."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
import yaml

from deploy.checking import Verdict, verdicts
from deploy.files import files_of, write
from deploy.inventory import load
from deploy.rendering import Machine
from tests.requirements import need

from .inventories import EXAMPLE, ROOT, changed, machine

MACHINES = sorted(load(EXAMPLE).hosts)
JUDGES = (
    "haproxy", "keepalived", "vtysh", "knotc", "kzonecheck", "systemd-analyze", "promtool",
)  # fmt: skip


def need_judges() -> None:
    missing = [name for name in JUDGES if shutil.which(name) is None]
    need(not missing, f"{', '.join(missing)}: Debian's packages haproxy keepalived frr knot "
         "knot-dnssecutils systemd prometheus")  # fmt: skip
    need(os.geteuid() == 0, "root: keepalived is asked in a network namespace of its own")


def judged(one: Machine, directory: Path) -> list[Verdict]:
    write(one, directory)
    return list(verdicts(one, directory))


@pytest.mark.parametrize("name", MACHINES)
def test_the_programs_take_what_is_rendered_for_them(name: str, tmp_path: Path) -> None:
    """A template with a mistake takes a whole site down at the next deploy."""
    need_judges()
    found = judged(machine(name), tmp_path)

    assert found
    assert [f"{v.path}: {v.complaint}" for v in found if v.is_bad or v.is_missing] == []


@pytest.mark.parametrize("mover", ["lan", "api"])
def test_both_kinds_of_floating_addresses_are_taken(mover: str, tmp_path: Path) -> None:
    """On a LAN keepalived moves the address by ARP; in a cloud nobody listens to that."""
    need_judges()
    inventory = load(changed(tmp_path, 'mover = "api"', f'mover = "{mover}"'))
    one = Machine(inventory=inventory, name="c1", directory=tmp_path)
    found = judged(one, tmp_path / "root")

    assert [v for v in found if v.is_bad or v.is_missing] == []
    names = {v.path.rpartition("/")[2] for v in found}
    assert ("mail-sender-address-keeper.service" in names) is (mover == "api")


@pytest.mark.parametrize(
    ("name", "place", "old", "new"),
    [
        ("c1", "/etc/haproxy/haproxy.cfg", "option redispatch", "option redispach"),
        ("c1", "/etc/keepalived/keepalived.conf", "vrrp_version 3", "vrrp_version 2"),
        ("c1", "/etc/knot/knot.conf", "answer-rotation", "answers-rotate"),
        ("c1", "/etc/knot/mail.example.com.zone", "IN A", "IN AA"),
        ("c1", "/etc/mail-sender/mail-sender.toml", "drain_notice", "drain_note"),
        ("h1", "/etc/systemd/system/mail-sender.service", "ProtectSystem=", "ProtectSistem="),
        ("home", "/etc/prometheus/prometheus.yml", "job_name", "job_nam"),
        (
            "home",
            "/etc/prometheus/mail-sender.rules.yml",
            "humanizeDuration }}",
            "humaniseDuration }}",
        ),
        ("home", "/etc/frr/frr.conf", "ip ospf cost", "ip ospf price"),
        ("home", "/etc/mail-sender/tunnels.sh", "}", "fi"),
    ],
)
def test_the_judges_notice_mistakes(
    name: str, place: str, old: str, new: str, tmp_path: Path
) -> None:
    """A check that lets everything pass is worse than none."""
    need_judges()
    one = machine(name)
    write(one, tmp_path)
    path = tmp_path / place.removeprefix("/")
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")

    assert [v.path for v in verdicts(one, tmp_path, place) if v.is_bad] == [place]


def test_no_secret_stands_in_a_rendered_file(tmp_path: Path) -> None:
    """They are read by more people than should know a secret, and end in backups."""
    for name in MACHINES:
        for rendered in files_of(machine(name)):
            assert not re.search(r"(?i)private_?key *=|password|BEGIN .*KEY", rendered.text), name


def test_rendering_twice_gives_the_same(tmp_path: Path) -> None:
    """Ansible restarts what has changed: a date in a file would restart everything each time."""
    assert list(files_of(machine("c1"))) == list(files_of(machine("c1")))


@pytest.mark.parametrize("name", ["c1", "home"])
def test_requests_cannot_go_in_circles(name: str) -> None:
    """When both sites are empty, each one's help would be the other's question."""
    text = next(f.text for f in files_of(machine(name)) if f.path.endswith("haproxy.cfg"))
    behind_neighbour = text.partition("\nbackend gateway-here")[2]

    assert " backup" in text
    assert "default_backend gateway-here" in text.partition("\nfrontend neighbour")[2]
    assert " backup" not in behind_neighbour.replace("# ", "")


def test_the_gateway_has_time_to_stop() -> None:
    """Neither systemd nor the container's runtime may kill what is still ending its calls."""
    unit = next(f.text for f in files_of(machine("h1")) if f.path.endswith("/mail-sender.service"))
    gateway = load(EXAMPLE).gateway
    needed = gateway.drain_notice + gateway.drain_timeout + 10  # uvicorn's own

    assert int(re.findall(r"TimeoutStopSec=(\d+)", unit)[0]) > needed
    for rendered in files_of(machine("c1")):
        if rendered.path.endswith("compose.yaml"):
            service = yaml.safe_load(rendered.text)["services"]["mail-sender"]
            assert int(service["stop_grace_period"].removesuffix("s")) > needed


def test_containers_have_nothing_that_they_do_not_need() -> None:
    """A gateway holds the keys of every provider: whoever gets in finds a read-only, bare room."""
    text = (ROOT / "deploy" / "compose" / "one-machine.yaml").read_text(encoding="utf-8")
    service = yaml.safe_load(text)["services"]["mail-sender"]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["ports"] == ["127.0.0.1:8025:8025"]
    containerfile = (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8")
    assert re.search(r"^USER 65532", containerfile, re.MULTILINE)
    assert "HEALTHCHECK" in containerfile
    assert "--require-hashes" in containerfile
