"""What stands in a command line: paths, addresses, parameters. Pure.

RFC 5321 section 4.1.2, and for parameters RFC 1870 (SIZE), 6152 (BODY), 6531 (SMTPUTF8), 3461
(RET, ENVID, NOTIFY, ORCPT), 4954 (AUTH).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..domain.address import parse_address
from ..domain.message import Address

_PATH = re.compile(r"(?:FROM|TO): ?<(?:@[^<>:\s]+:)?([^<>]*)>(?: (.*))?", re.IGNORECASE)
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\u0080-\U0010ffff]+))?")
_XTEXT = r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})+"  #: RFC 3461 section 4
_NOTIFY = r"NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY))*"

_OF_MAIL = {
    "SIZE": re.compile(r"\d{1,20}"),
    "BODY": re.compile(r"7BIT|8BITMIME", re.IGNORECASE),
    "RET": re.compile(r"FULL|HDRS", re.IGNORECASE),
    "ENVID": re.compile(_XTEXT),
    "AUTH": re.compile(rf"<>|{_XTEXT}"),
    "SMTPUTF8": None,
}
_OF_RCPT = {
    "NOTIFY": re.compile(_NOTIFY, re.IGNORECASE),
    "ORCPT": re.compile(r"[A-Za-z0-9-]+;\S+"),
}


class BadPath(Exception):
    """It is no path; its text says why, in words for the client."""


class BadParameter(Exception):
    """A parameter is not known here, or has a value that it cannot have."""

    def __init__(self, *, known: bool) -> None:
        super().__init__()
        self.known = known


@dataclass(frozen=True, slots=True)
class Path:
    """The argument of MAIL or RCPT. The address is empty for the null path."""

    address: Address
    parameters: dict[str, str]

    @property
    def size(self) -> int:
        """The octets that were declared (RFC 1870 section 6.1); 0: none were."""
        return int(self.parameters.get("SIZE", "0"))


def read_mail(argument: str) -> Path:
    """Read `FROM:<ann@example.net> SIZE=…`. Raises `BadPath`, `BadParameter`."""
    return _read(argument, "FROM", _OF_MAIL)


def read_rcpt(argument: str) -> Path:
    """Read `TO:<ann@example.net> NOTIFY=…`. Raises `BadPath`, `BadParameter`."""
    path = _read(argument, "TO", _OF_RCPT)
    if not path.address:
        raise BadPath("a recipient has an address")
    return path


def _read(argument: str, word: str, known: Mapping[str, re.Pattern[str] | None]) -> Path:
    found = _PATH.fullmatch(argument)
    if found is None or not argument[: len(word)].upper() == word:
        raise BadPath(f"expected {word}:<address>")
    try:
        address = parse_address(found[1]) if found[1] else Address("")
    except ValueError as error:
        raise BadPath(str(error)) from None
    return Path(address, _parameters(found[2] or "", known))


def _parameters(text: str, known: Mapping[str, re.Pattern[str] | None]) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for word in text.split():
        found = _PARAMETER.fullmatch(word)
        name = found[1].upper() if found else ""
        if found is None or name not in known:
            raise BadParameter(known=False)
        value, pattern = found[2], known[name]
        fits = value is None if pattern is None else bool(value and pattern.fullmatch(value))
        if not fits or name in parameters:
            raise BadParameter(known=True)
        parameters[name] = value or ""
    return parameters
