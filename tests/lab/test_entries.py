"""What clients meet at an entry: TLS, HTTP/2, limits, and nothing that is not for them."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from lab.programs import wait_until
from lab.site import Lab

VIP, HOME = "198.51.100.100", "203.0.113.200"


def curl(lab: Lab, address: str, path: str, *more: str) -> str:
    """Ask an entry from the internet; return the status and the body."""
    name = lab.inventory.name
    return lab.spaces.ask(
        "client",
        ["curl", "-sS", "-m", "10", "--path-as-is", "--resolve", f"{name}:443:{address}",
         "--cacert", str(lab.ca), "-w", "\n%{http_code} %{http_version}", *more,
         f"https://{name}{path}"],
    )  # fmt: skip


def authorized(lab: Lab, *more: str) -> list[str]:
    return ["-H", f"Authorization: Bearer {lab.key}", *more]


@pytest.mark.parametrize("address", [VIP, HOME])
def test_clients_speak_http2_over_tls(lab: Lab, address: str) -> None:
    """At both sites, with the name that stands in the certificate."""
    assert curl(lab, address, "/v1/whoami", *authorized(lab)).endswith("200 2")


@pytest.mark.parametrize("address", [VIP, HOME])
@pytest.mark.parametrize(
    "path",
    ["/metrics", "/health/ready", "/health/live", "//metrics", "/%6detrics", "/health%2Fready"],
)
def test_health_and_metrics_are_not_public(lab: Lab, address: str, path: str) -> None:
    """They tell strangers how much is sent, and when the gateway is weak; in any spelling."""
    body, _, status = curl(lab, address, path).rpartition("\n")

    assert status.startswith("404")
    assert "mail_sender" not in body
    assert json.loads(body)["code"] == "not_found"


def test_what_is_between_machines_is_not_reached_from_the_internet(lab: Lab) -> None:
    """The gateways' own ports, HAProxy's figures, and the door for neighbours without their key."""
    for address in ("198.51.100.11", "198.51.100.12", HOME):
        for port in (8025, 8404):
            asked = ["curl", "-sS", "-m", "2", f"http://{address}:{port}/metrics"]
            assert lab.spaces.ask("client", asked) == "", (address, port)
        asked = ["curl", "-skS", "-m", "2", f"https://{address}:8444/v1/whoami"]
        assert lab.spaces.ask("client", asked) == "", address


def test_prometheus_reads_haproxy_from_inside(lab: Lab) -> None:
    """The other half of that: who may look can look."""
    text = lab.spaces.run("c1", ["curl", "-sS", "http://10.0.0.12:8404/metrics"])

    assert re.search(r'haproxy_server_status\{proxy="gateway",server="c1",state="UP"\} 1', text)


def key_for(lab: Lab, network: str) -> list[str]:
    """Return the header of a new key that may be used from one network only."""
    body = json.dumps({"name": network, "scopes": ["read"], "networks": [network]})
    made = curl(lab, VIP, "/v1/keys", *authorized(lab, "--json", body)).rpartition("\n")[0]
    return ["-H", f"Authorization: Bearer {json.loads(made)['secret']}"]


def statuses(lab: Lab, *more: str) -> set[str]:
    """Ask who one is, once for each node of the site; return what was answered.

    401 is left out: each node has a store of its own, and another one does not know the key.
    """
    answers = [curl(lab, VIP, "/v1/whoami", *more).rpartition("\n")[2] for _ in range(6)]
    return {answer.partition(" ")[0] for answer in answers} - {"401"}


def test_a_client_cannot_say_where_it_comes_from(lab: Lab) -> None:
    """A key for one network would be a key for every network."""
    key = key_for(lab, "10.0.0.0/8")

    for forged in ("X-Forwarded-For: 10.1.1.1", "Forwarded: for=10.1.1.1", "X-Real-IP: 10.1.1.1"):
        assert statuses(lab, *key, "-H", forged) == {"403"}


def test_the_gateway_sees_the_real_address_through_the_other_site_too(lab: Lab) -> None:
    """The limit of a key's networks must hold when a site helps out for the other."""
    for node in ("c1", "c2"):
        lab.kill(node, "gateway")
    try:
        wait_until(lambda: statuses(lab, *authorized(lab)) == {"200"}, "help", 15)
        seen = statuses(lab, *key_for(lab, "198.18.1.0/24"))
    finally:
        lab.mend()

    assert seen == {"200"}


#: Opens a connection to an entry, writes what it is given, and prints what comes back and when.
TALK = """
import socket, ssl, sys, time
tls = ssl.create_default_context(cafile=sys.argv[1])
line = tls.wrap_socket(socket.create_connection((sys.argv[2], 443)), server_hostname=sys.argv[3])
begun = time.monotonic()
line.sendall(eval(sys.argv[4]))
line.settimeout(20)
answer = line.recv(4096).decode()
print(round(time.monotonic() - begun), answer)
"""


def talk(lab: Lab, said: str) -> str:
    """Write raw octets (a Python expression) to an entry; return the seconds and the answer."""
    arguments = [str(lab.ca), VIP, lab.inventory.name, said]
    return lab.spaces.run("client", ["python3", "-c", TALK, *arguments])


def test_a_request_that_is_too_large_is_refused_at_the_entry(lab: Lab) -> None:
    """Before it costs a gateway anything."""
    head = "POST /v1/messages HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 50000000\\r\\n\\r\\n"
    answer = talk(lab, f"b'{head}' + bytes(15500)")

    assert "HTTP/1.1 413" in answer
    assert '"code":"too_large"' in answer


def test_a_client_that_dawdles_is_sent_away(lab: Lab) -> None:
    """Thousands of half requests are the cheapest attack there is."""
    answer = talk(lab, "b'GET / HTTP/1.1\\r\\nHost: x\\r\\n'")

    assert re.match(r"(9|10|11) HTTP/1.1 408", answer), answer


def test_plain_http_leads_to_https(lab: Lab) -> None:
    """A mistyped URL must not carry a key over the internet twice."""
    head = lab.spaces.run("client", ["curl", "-sSI", f"http://{VIP}/v1/whoami"])

    assert "308" in head.splitlines()[0]
    assert "location: https://" in head.lower()


def test_dns_tells_every_entry_in_turn(lab: Lab) -> None:
    """IPv4 and IPv6 of both sites, for half a minute at most."""
    firsts = set()
    for kind, wanted in (("A", {VIP, HOME}), ("AAAA", {a for a in lab.addresses() if ":" in a})):
        for _ in range(8):
            said = lab.spaces.run(
                "client", ["dig", "@198.18.2.2", "+noall", "+answer", kind, lab.inventory.name]
            )
            rows = [line.split() for line in said.splitlines()]
            assert {row[4] for row in rows} == wanted
            assert {row[1] for row in rows} == {str(lab.inventory.dns.ttl)}
            firsts.add(rows[0][4])
    assert len(firsts) > 2


def test_nothing_of_the_machine_itself_is_changed(lab: Lab) -> None:
    """Whoever tries the lab on a laptop keeps the network of that laptop."""
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    rules = subprocess.run(
        ["nft", "list", "tables"], capture_output=True, text=True, check=False
    ).stdout

    assert not re.search(r"br-cloud|br-home|tun-a|w-ispa", links)
    assert "mslab" not in rules
