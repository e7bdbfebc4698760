r"""The cables of the lab: the internet in the middle, both sites, a client and the providers.

    client 198.18.1.2 ----\                        /---- br-cloud: c1 198.51.100.11, c2 .12
                           +------ inet ----------+        (a network of their own: 10.0.0.0/24)
    provider 198.18.5.2 --/   router, cloud's API  \---- relay 198.18.2.2: its own addresses, DNS
                                  |     |              ||      ||
                       provider A |     | provider B   ||tun-a ||tun-b
                       198.18.3.2 |     | 198.18.4.2   ||      ||
                                 home ==================       ||
                                  |   ==========================
                                 br-home 198.19.10.0/24: h1 .11, h2 .12, h3 .13

`inet` does what the internet does: it forwards, and the home's two providers drop packets whose
source is not theirs (BCP 38), so that answers of the routed address must go through a tunnel.
"""

from __future__ import annotations

from .namespaces import Namespaces

NAMES = ("inet", "client", "provider", "relay", "c1", "c2", "home", "h1", "h2", "h3")
ROUTERS = ("inet", "relay", "home")

CUT = "mslab_cut"  #: the table of nftables that faults live in


def build(spaces: Namespaces) -> None:
    """Make every namespace and cable, with addresses and routes."""
    spaces.add(NAMES, ROUTERS)
    _internet(spaces)
    _cloud(spaces)
    _home(spaces)


def _internet(spaces: Namespaces) -> None:
    for place, number in (("client", 1), ("relay", 2), ("provider", 5)):
        spaces.cable("inet", f"w-{place}", place, "eth0")
        spaces.ip("inet", f"link set w-{place} up\naddress add 198.18.{number}.1/24 dev w-{place}")
        spaces.ip("inet", f"address add 2001:db8:{number}::1/64 dev w-{place}")
        spaces.ip(place, f"link set eth0 up\naddress add 198.18.{number}.2/24 dev eth0")
        spaces.ip(place, f"address add 2001:db8:{number}::2/64 dev eth0")
        spaces.ip(place, f"route add default via 198.18.{number}.1")
        spaces.ip6(place, f"route add default via 2001:db8:{number}::1")
    spaces.ip("inet", "route add 203.0.113.200/32 via 198.18.2.2")
    spaces.ip6("inet", "route add 2001:db8:200::200/128 via 2001:db8:2::2")


def _cloud(spaces: Namespaces) -> None:
    spaces.ip("inet", "link add br-cloud type bridge mcast_snooping 0\nlink set br-cloud up")
    spaces.ip("inet", "address add 198.51.100.1/24 dev br-cloud")
    spaces.ip("inet", "address add 2001:db8:c::1/64 dev br-cloud")
    for host, number in (("c1", 11), ("c2", 12)):
        spaces.cable("inet", f"w-{host}", host, "eth0")
        spaces.ip("inet", f"link set w-{host} master br-cloud up")
        spaces.ip(host, f"link set eth0 up\naddress add 198.51.100.{number}/24 dev eth0")
        spaces.ip(host, f"address add 10.0.0.{number}/24 dev eth0")
        spaces.ip(host, f"address add 2001:db8:c::{number}/64 dev eth0")
        spaces.ip(host, "route add default via 198.51.100.1")
        spaces.ip6(host, "route add default via 2001:db8:c::1")


def _home(spaces: Namespaces) -> None:
    for line, number in (("ispa", 3), ("ispb", 4)):
        spaces.cable("inet", f"w-{line}", "home", line)
        spaces.ip("inet", f"link set w-{line} up\naddress add 198.18.{number}.1/24 dev w-{line}")
        spaces.ip("home", f"link set {line} up\naddress add 198.18.{number}.2/24 dev {line}")
        spaces.ip("home", f"route add default via 198.18.{number}.1 metric {number}0")
    # The second line is used from its own address, so that both tunnels stand at the same time.
    spaces.ip("home", "rule add from 198.18.4.2 lookup 104\nrule add from 198.18.3.2 lookup 103")
    spaces.ip("home", "route add default via 198.18.4.1 table 104")
    spaces.ip("home", "route add default via 198.18.3.1 table 103")
    spaces.nft(
        "inet",
        """table inet isp { chain forward { type filter hook forward priority 0;
        iifname "w-ispa" ip saddr != 198.18.3.0/24 drop
        iifname "w-ispb" ip saddr != 198.18.4.0/24 drop
    }; }""",
    )
    spaces.nft(
        "home",
        """table ip nat { chain out { type nat hook postrouting priority 100;
        oifname { "ispa", "ispb" } ip saddr 198.19.10.0/24 masquerade
    }; }""",
    )
    spaces.ip("home", "link add br-home type bridge mcast_snooping 0\nlink set br-home up")
    spaces.ip("home", "address add 198.19.10.1/24 dev br-home")
    for host, number in (("h1", 11), ("h2", 12), ("h3", 13)):
        spaces.cable("home", f"p-{host}", host, "eth0")
        spaces.ip("home", f"link set p-{host} master br-home up")
        spaces.ip(host, f"link set eth0 up\naddress add 198.19.10.{number}/24 dev eth0")
        spaces.ip(host, "route add default via 198.19.10.1")
