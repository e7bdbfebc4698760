"""What receivers will read in the DNS about the domains that we send as.

Neighbours: `command` names the domains. Only the sender's published policy is looked at; whether
an SPF record covers each provider cannot be told from here, since many send with an envelope
domain of their own. DKIM keys stand under selectors that only the provider knows.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Protocol

import dns.exception
import dns.resolver
from dns.rdatatype import RdataType

from .finding import Finding, Level

LIFETIME = 3.0  #: seconds for one question, repetitions included
#: RFC 2606, RFC 6761: nobody can publish anything there.
_RESERVED = ("example", "example.com", "example.net", "example.org", "test", "invalid", "localhost")


class NoAnswer(Enum):
    """Why there are no records."""

    NONE = "none"  #: the name or the type is not there: an answer
    SILENCE = "silence"  #: nobody could be asked


class Lookup(Protocol):
    """Asks the DNS. Returns the records as text, strings of TXT joined."""

    def __call__(self, name: str, kind: str) -> list[str] | NoAnswer:
        """Return the records of `kind` (TXT, MX) at `name`."""
        ...


def resolver(nameservers: Iterable[str] = (), port: int = 53) -> Lookup:
    """Return a lookup through the machine's resolver, or through the ones named."""
    asked: dns.resolver.Resolver | None
    try:
        asked = dns.resolver.Resolver(configure=not nameservers)
    except dns.resolver.NoResolverConfiguration:
        asked = None
    if asked is not None and nameservers:
        asked.nameservers = list(nameservers)
        asked.port = port

    def lookup(name: str, kind: str) -> list[str] | NoAnswer:
        if asked is None:
            return NoAnswer.SILENCE
        try:
            answer = asked.resolve(name, RdataType.make(kind), lifetime=LIFETIME)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return NoAnswer.NONE
        except (dns.exception.DNSException, OSError):
            return NoAnswer.SILENCE
        return [_text_of(record) for record in answer]

    return lookup


def _text_of(record: object) -> str:
    strings = getattr(record, "strings", None)  # of TXT, which may be cut into several
    if strings is not None:
        return b"".join(strings).decode("utf-8", "replace")
    return str(record)


def findings_of_domain(domain: str, lookup: Lookup) -> list[Finding]:
    """Look at SPF, DKIM, DMARC and MX of a sender domain."""
    about = f"dns {domain}"
    if any(domain == name or domain.endswith(f".{name}") for name in _RESERVED):
        return [Finding(about, Level.SKIPPED, "a reserved domain, which has no DNS")]
    spf = lookup(domain, "TXT")
    if spf is NoAnswer.SILENCE:
        return [Finding(about, Level.SKIPPED, "no DNS server answered", "Look at the resolver.")]
    return [
        _spf(about, spf),
        Finding(about, Level.SKIPPED, "DKIM: the provider knows its selector; see its console"),
        _dmarc(about, domain, lookup),
        _mx(about, lookup(domain, "MX")),
    ]


def _spf(about: str, records: list[str] | NoAnswer) -> Finding:
    found = [r for r in _records(records) if r.lower().split(" ")[0] == "v=spf1"]
    if not found:
        return Finding(
            about, Level.WARNING, "no SPF record",
            "Publish the one that your providers name, or many receivers will distrust the mail.",
        )  # fmt: skip
    if len(found) > 1:
        return Finding(
            about, Level.PROBLEM, "several SPF records, which is an error to receivers",
            "Merge them into one (RFC 7208 section 4.5).",
        )  # fmt: skip
    if found[0].lower().rstrip().endswith(("+all", " all")):
        return Finding(
            about,
            Level.WARNING,
            f"SPF lets everybody send: {found[0]}",
            "End it with ~all or -all.",
        )
    return Finding(about, Level.OK, f"SPF: {found[0]}")


def _dmarc(about: str, domain: str, lookup: Lookup) -> Finding:
    """RFC 7489 section 6.6.3 looks at the domain, then at the organization's."""
    labels = domain.split(".")
    for start in range(len(labels) - 1):
        name = ".".join(labels[start:])
        for record in _records(lookup(f"_dmarc.{name}", "TXT")):
            if record.replace(" ", "").lower().startswith("v=dmarc1"):
                return Finding(about, Level.OK, f"DMARC at {name}: {record}")
    return Finding(
        about, Level.WARNING, "no DMARC record",
        f"Publish one at _dmarc.{domain}, to begin with v=DMARC1; p=none; large receivers ask "
        "for it.",
    )  # fmt: skip


def _mx(about: str, records: list[str] | NoAnswer) -> Finding:
    found = _records(records)
    if not found:
        return Finding(
            about, Level.WARNING, "no MX: replies and bounces come to the A record, or nowhere",
            "Publish an MX, or use a sender domain that has one.",
        )  # fmt: skip
    if [record.split()[-1] for record in found] == ["."]:
        return Finding(
            about, Level.WARNING, "a null MX: this domain takes no mail (RFC 7505)",
            "Some receivers refuse mail from a domain that cannot be answered.",
        )  # fmt: skip
    return Finding(about, Level.OK, f"MX: {', '.join(sorted(found))}")


def _records(answer: list[str] | NoAnswer) -> list[str]:
    return [] if isinstance(answer, NoAnswer) else answer
