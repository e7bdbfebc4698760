"""Everything that is broken and measured, each with what it may cost.

The tests run these, and `python -m lab.figures` writes what they measured into docs/two-sites.md.
`gap` is the longest time without a good answer for a client that asks the one address that is hit,
once and naively; it decides nothing for a client that tries every address.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from deploy.inventory import Mover

from .site import Lab

VIP, RESERVED, HOME = "198.51.100.100", "203.0.113.100", "203.0.113.200"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault.

    Attributes:
        name: In words.
        decided_by: The settings that decide what it costs.
        strike: Breaks it.
        naive: The address that the naive client asks.
        gap_ms: The longest gap that it may see; None: as long as the fault lasts.
        naive_failed: The most requests of it that may fail (of 20 a second).
        mover: Who moves the floating address meanwhile.
        seconds: Of traffic.
        is_short: Whether it belongs to the short form.
    """

    name: str
    decided_by: str
    strike: Callable[[Lab], object]
    naive: str
    gap_ms: int | None
    naive_failed: int | None = None
    mover: Mover = Mover.LAN
    seconds: float = 8
    is_short: bool = False


def _kill_all(lab: Lab, *hosts: str) -> None:
    for host in hosts:
        lab.kill(host, "gateway")


def _split_and_heal(lab: Lab) -> None:
    lab.split_vrrp()
    time.sleep(2)
    lab.heal("vrrp")


def _fail_then_kill(lab: Lab) -> None:
    lab.spoil_api(fail=3)
    lab.kill(lab.master, "haproxy")


def _slow_then_kill(lab: Lab) -> None:
    lab.spoil_api(delay=1)
    lab.kill(lab.master, "haproxy")


def _cut_and_heal(lab: Lab, site: str) -> None:
    lab.cut_site(site)
    time.sleep(4)
    lab.heal_site(site)


def _hold_and_release(lab: Lab) -> None:
    lab.hold("home")
    time.sleep(4)
    lab.hold_no_more("home")


FAULTS = (
    Fault(
        name="a gateway is killed",
        decided_by="`option redispatch 1`, `timeout connect 500ms`, `observe layer4`",
        strike=lambda lab: lab.kill("c2", "gateway"),
        naive=VIP, gap_ms=1000, naive_failed=3, is_short=True,
    ),
    Fault(
        name="a gateway is stopped (drains)",
        decided_by="`server.drain_notice` longer than `inter` x `fall`",
        strike=lambda lab: lab.programs.stop("c2", "gateway"),
        naive=VIP, gap_ms=1000, naive_failed=0,
    ),
    Fault(
        name="HAProxy is killed on the master",
        decided_by="`entry_watch.py`: 2 bad answers in a row, 0.1 s apart; `advert_seconds`",
        strike=lambda lab: lab.kill(lab.master, "haproxy"),
        naive=VIP, gap_ms=1000, is_short=True,
    ),
    Fault(
        name="HAProxy is reloaded on the master",
        decided_by="`expose-fd listeners`, master and worker",
        strike=lambda lab: lab.reload_haproxy(lab.master),
        naive=VIP, gap_ms=1000, naive_failed=0,
    ),
    Fault(
        name="the master machine vanishes",
        decided_by="three times `advert_seconds = 0.1`",
        strike=lambda lab: lab.vanish(lab.master),
        naive=VIP, gap_ms=1500,
    ),
    Fault(
        name="a node at home vanishes",
        decided_by="`timeout connect 500ms`, `observe layer4`, `srvtcpka-*`",
        strike=lambda lab: lab.vanish("h2"),
        naive=HOME, gap_ms=1500, naive_failed=3,
    ),
    Fault(
        name="the tunnel in use is cut silently",
        decided_by="BFD 100 ms x 3, `timers throttle spf 0 50 1000`, the static way back",
        strike=lambda lab: lab.cut_tunnel("tun-a"),
        naive=HOME, gap_ms=2000, is_short=True,
    ),
    Fault(
        name="the tunnel in use is down at one end only",
        decided_by="the same",
        strike=lambda lab: lab.cut_tunnel_at_one_side("tun-a"),
        naive=HOME, gap_ms=2000,
    ),
    Fault(
        name="the route is withdrawn for 4 s (`hold`) and announced again",
        decided_by="clients trying the next address; `retransmit-interval 1`",
        strike=_hold_and_release,
        naive=HOME, gap_ms=9000, seconds=10,
    ),
    Fault(
        name="all gateways in the cloud die, its entries live",
        decided_by="`backup` servers at the other site; `fall 2`, `observe layer4`",
        strike=lambda lab: _kill_all(lab, "c1", "c2"),
        naive=VIP, gap_ms=2000, is_short=True,
    ),
    Fault(
        name="all gateways at home die, its entry lives",
        decided_by="the same",
        strike=lambda lab: _kill_all(lab, "h1", "h2", "h3"),
        naive=HOME, gap_ms=2000,
    ),
    Fault(
        name="the cloud is cut off for 4 s and comes back",
        decided_by="clients trying the next address",
        strike=lambda lab: _cut_and_heal(lab, "cloud"),
        naive=VIP, gap_ms=7500, seconds=10,
    ),
    Fault(
        name="the home is cut off for 4 s and comes back",
        decided_by="clients trying the next address; OSPF finding its neighbour again",
        strike=lambda lab: _cut_and_heal(lab, "home"),
        naive=HOME, gap_ms=None, seconds=10,
    ),
    Fault(
        name="reserved IP: HAProxy is killed on the master",
        decided_by="`entry_watch.py`, `advert_seconds`, one call of the API",
        strike=lambda lab: lab.kill(lab.master, "haproxy"),
        naive=RESERVED, gap_ms=1500, mover=Mover.API, is_short=True,
    ),
    Fault(
        name="reserved IP: the same, the API takes 1 s",
        decided_by="the same, and that second",
        strike=_slow_then_kill,
        naive=RESERVED, gap_ms=3000, mover=Mover.API,
    ),
    Fault(
        name="reserved IP: the same, the API fails three times",
        decided_by="`address_keeper.py`: repeats after 0.3, 0.6 and 1.2 s",
        strike=_fail_then_kill,
        naive=RESERVED, gap_ms=5000, mover=Mover.API,
    ),
    Fault(
        name="reserved IP: VRRP is split for 2 s and heals",
        decided_by="`address_keeper.py`: looks every 2 s",
        strike=_split_and_heal,
        naive=RESERVED, gap_ms=5000, mover=Mover.API, seconds=12,
    ),
)  # fmt: skip
