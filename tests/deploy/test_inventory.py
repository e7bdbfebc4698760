"""The inventory: what would make a site fail later is refused before anything is installed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.inventory import InventoryError, Role, load

from .inventories import EXAMPLE, changed


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('interface = "eth1"', 'interfaces = "eth1"', "unknown field `interfaces`"),
        ("priority = 150", "priority = 100", "the same priority"),
        ("cloud_id = 100001", "", r"hosts.c1.cloud_id: the cloud's API needs it"),
        ('site = "cloud"', 'site = "cluod"', "there is no site 'cluod'"),
        ('lxc_on = "home"', 'lxc_on = "hone"', "there is no machine 'hone'"),
        ('roles = ["relay"]', 'roles = ["node"]', "no machine with the role relay"),
        ('"198.51.100.11"', '"198.51.100.311"', "public_ipv4: '198.51.100.311'"),
        ('"2001:db8:c::11"', '"198.51.100.11"', "public_ipv6: '198.51.100.11'"),
        ('subnet = "198.19.1.0/30"', 'subnet = "198.19.1.0/29"', "is not an IPv4 /30"),
        ("tunnels.tun-a]", "tunnels.a-very-long-name]", "longer than the 15 characters"),
        ('link = "wireguard"', 'link = "vxlan"', "VXLAN needs a fixed address"),
        ('name = "mail.example.com"', 'name = "mail.example.net"', "does not lie in"),
        ('servers = ["c1", "c2"]', 'servers = ["c9"]', "dns.servers: there is no machine 'c9'"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    """Found out by keepalived at night, each of these costs an outage."""
    with pytest.raises(InventoryError, match=complaint):
        load(changed(tmp_path, old, new))


def test_every_way_in_is_told_to_clients_once() -> None:
    """A floating address stands for its site; IPv6 does not float, so all of those are told."""
    assert load(EXAMPLE).entry_addresses() == {
        "c1": ("203.0.113.100", "2001:db8:c::11"),
        "c2": ("203.0.113.100", "2001:db8:c::12"),
        "home": ("203.0.113.200", "2001:db8:200::200"),
    }


def test_neighbours_are_reached_at_addresses_that_do_not_float() -> None:
    """A floating address that is moving would take the other site's help away with it."""
    inventory = load(EXAMPLE)

    assert inventory.neighbours_of("home") == {"c1": "198.51.100.11", "c2": "198.51.100.12"}
    assert inventory.neighbours_of("cloud") == {"home": "203.0.113.200"}


def test_ansible_sees_the_same_machines(capsys: pytest.CaptureFixture[str]) -> None:
    """A second list of machines would differ from the first within a month."""
    assert main(["hosts", "--inventory", str(EXAMPLE)]) == 0
    view = json.loads(capsys.readouterr().out)

    assert view["role_node"]["hosts"] == ["c1", "c2", "h1", "h2", "h3"]
    assert view["_meta"]["hostvars"].keys() == load(EXAMPLE).hosts.keys()
    assert view["_meta"]["hostvars"]["h1"]["mail_sender_entries"] == ["home"]
    assert {f"role_{role}" for role in Role} <= view.keys()


def test_certificates_are_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second authority on half of the entries would lock the sites out of each other."""
    inventory = changed(tmp_path, "priority = 150", "priority = 151")
    made = [main(["authority", "--inventory", str(inventory)]) for _ in range(2)]
    secrets = {path.name: path for path in (tmp_path / "secrets").iterdir()}

    assert made == [0, 1]
    assert "is there already" in capsys.readouterr().err
    assert secrets.keys() == {"entry.pem", "neighbour.pem", "neighbour-ca.pem"}
    assert secrets["neighbour.pem"].stat().st_mode & 0o077 == 0


def test_a_machine_that_nobody_knows_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped name must not render everything but the machine that was meant."""
    assert main(["render", "c3", "--inventory", str(EXAMPLE)]) == 2
    assert "no machine 'c3'" in capsys.readouterr().err
