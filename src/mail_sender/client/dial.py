"""Finding and connecting, as far as `lines` and `async_lines` do it alike; and `dial` for threads.

The rule: an address that refuses is left at once for the next; one that says nothing gets company
after `STAGGER`, and whoever answers first is taken (RFC 8305 section 5). So a dead address costs a
quarter of a second once, and is asked last for a while.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import ssl
import time
from collections.abc import Mapping, Sequence

from .course import LineBroke
from .entry import Address

STAGGER = 0.25  #: seconds after which the next address is tried as well
CONNECT_WITHIN = 5.0  #: seconds for all addresses together, and again for TLS
LOOK_UP_WITHIN = 2.0  #: seconds, while older addresses are known
LOOK_UP_AGAIN = 0.5  #: seconds between look-ups while the resolver does not answer
UNACKNOWLEDGED_MS = 3000  #: a host that vanished is noticed this long after something was written


class NotConnected(Exception):
    """None of the addresses took a connection."""


def dial(
    addresses: Sequence[Address], until: float
) -> tuple[socket.socket, Address, list[Address]]:
    """Connect to the first address that takes it, until `time.monotonic()` is `until`.

    Returns:
        The socket, its address, and those that were begun before and had not answered.

    Raises:
        NotConnected: No address answered, in time.
    """
    until = min(until, time.monotonic() + CONNECT_WITHIN)
    waiting = list(addresses)
    begun: dict[int, tuple[socket.socket, Address]] = {}
    why = "no answer in time"
    begin_next_at = now = time.monotonic()
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as at_the_end:
        at_the_end.callback(_close_all, begun)
        while (waiting or begun) and now < until:
            if waiting and (now >= begin_next_at or not begun):
                address = waiting.pop(0)
                try:
                    each = begin_connect(address)
                except OSError as error:
                    why = words_of(error)
                    continue
                begun[each.fileno()] = each, address
                selector.register(each, selectors.EVENT_WRITE)
                begin_next_at = now + STAGGER
            for key, _ in selector.select((begin_next_at if waiting else until) - now):
                selector.unregister(key.fd)
                each, address = begun.pop(key.fd)
                code = each.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code == 0:
                    return each, address, [slow for _, slow in begun.values()]
                each.close()
                why = os.strerror(code).lower()
                begin_next_at = 0.0
            now = time.monotonic()
    raise NotConnected(why)


def _close_all(begun: Mapping[int, tuple[socket.socket, Address]]) -> None:
    for each, _ in begun.values():
        each.close()


def begin_connect(address: Address) -> socket.socket:
    """Return a socket that is connecting. Raises `OSError` when that is hopeless at once."""
    family, sockaddr = address
    connecting = unconnected(family)
    try:
        code = connecting.connect_ex(sockaddr)
    except BaseException:
        connecting.close()
        raise
    if code not in {0, errno.EINPROGRESS, errno.EWOULDBLOCK}:
        connecting.close()
        raise OSError(code, os.strerror(code))
    return connecting


def unconnected(family: int) -> socket.socket:
    """Return a socket that does not block, sends at once and notices a host that vanished."""
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setblocking(False)  # noqa: FBT003 - its own signature
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
    return made


def is_readable(descriptor: int) -> bool:
    """Whether something came on a connection, or its end."""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(0))


def broke_in_handshake(error: OSError) -> LineBroke:
    """Return what a failed TLS handshake means: nothing was sent."""
    if isinstance(error, ssl.SSLCertVerificationError):
        text = f"its certificate is not good: {error.verify_message}"
        return LineBroke(text, was_sent=False, may_pass=False)
    return LineBroke(f"no TLS: {words_of(error)}", was_sent=False)


def look_up_limit(known: Sequence[Address], left: float) -> float:
    """Return the seconds for a look-up: fewer where there is something to go on with."""
    return min(left, LOOK_UP_WITHIN) if known else left


def may_be_found_later(error: OSError, left: float) -> bool:
    """Whether a failed look-up may be repeated: not for a name that does not exist."""
    passes = isinstance(error, TimeoutError) or error.errno == socket.EAI_AGAIN
    return passes and left > LOOK_UP_AGAIN


def words_of(error: Exception) -> str:
    """Return what went wrong, for people."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror | ssl.SSLError):  # numbers of their own
        return str(error.strerror or error.args[-1])
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    return str(error) or type(error).__name__
