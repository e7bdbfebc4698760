"""What the doctor reads in the DNS, asked over UDP from a server that the test runs."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator, Mapping

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from mail_sender.cli.doctor.dns import NoAnswer, findings_of_domain, resolver
from mail_sender.cli.doctor.finding import Finding, Level

Zone = Mapping[tuple[str, str], list[str]]

GOOD: Zone = {
    ("shop.example.de.", "TXT"): ['"v=spf1 include:amazonses.com -all"', '"something=else"'],
    ("_dmarc.shop.example.de.", "TXT"): ['"v=DMARC1; p=none"'],
    ("shop.example.de.", "MX"): ["10 mx.example.de."],
}


class _Server(socketserver.UDPServer):
    zone: Zone


class _Handler(socketserver.DatagramRequestHandler):
    def handle(self) -> None:
        query = dns.message.from_wire(self.rfile.read())
        question = query.question[0]
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        assert isinstance(self.server, _Server)
        name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        records = self.server.zone.get((name, kind))
        if name.startswith("broken."):
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif records:
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *records))
        elif all(known != name for known, _ in self.server.zone):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self.wfile.write(answer.to_wire())


@pytest.fixture
def server() -> Iterator[_Server]:
    """Return a name server on loopback; a test gives it a zone."""
    with _Server(("127.0.0.1", 0), _Handler) as running:
        running.zone = {}
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def look(server: _Server, zone: Zone, domain: str = "shop.example.de") -> dict[str, Finding]:
    """Return the findings by the record that they are about."""
    server.zone = zone
    lookup = resolver(["127.0.0.1"], server.server_address[1])
    found = findings_of_domain(domain, lookup)
    assert {finding.about for finding in found} == {f"dns {domain}"}
    return dict(zip(("spf", "dkim", "dmarc", "mx"), found, strict=True))


def without(record: str, kind: str) -> Zone:
    return {key: value for key, value in GOOD.items() if key != (record, kind)}


def test_a_well_kept_domain_has_nothing_to_say(server: _Server) -> None:
    """Other TXT records beside SPF are normal."""
    found = look(server, GOOD)

    assert {name: finding.level for name, finding in found.items()} == {
        "spf": Level.OK,
        "dkim": Level.SKIPPED,
        "dmarc": Level.OK,
        "mx": Level.OK,
    }


def test_dkim_is_said_not_to_be_checked(server: _Server) -> None:
    """The selector is the provider's: silence would read like "good"."""
    assert "provider knows its selector" in look(server, GOOD)["dkim"].text


@pytest.mark.parametrize(
    ("records", "level"),
    [
        (['"v=spf1 -all"', '"v=spf1 include:x ~all"'], Level.PROBLEM),
        (['"v=spf1 +all"'], Level.WARNING),
        (['"v=spf1 all"'], Level.WARNING),
        (['"v=spf1 inclu" "de:x.example ~all"'], Level.OK),
        (['"v=spf10 -all"'], Level.WARNING),
        (['"V=SPF1 ?all"'], Level.OK),
    ],
)
def test_spf_is_read_as_receivers_read_it(
    server: _Server, records: list[str], level: Level
) -> None:
    """RFC 7208: two records are an error, strings of one record are joined, case is ignored."""
    zone = {**GOOD, ("shop.example.de.", "TXT"): records}

    assert look(server, zone)["spf"].level is level


def test_missing_records_are_warnings_with_advice(server: _Server) -> None:
    """Mail goes out, and lands in the spam folder."""
    zone = {("shop.example.de.", "A"): ["192.0.2.1"]}
    found = look(server, zone)

    for name in ("spf", "dmarc", "mx"):
        assert found[name].level is Level.WARNING, name
        assert found[name].advice


def test_the_dmarc_record_of_the_organization_covers_its_subdomains(server: _Server) -> None:
    """RFC 7489 section 6.6.3."""
    zone = {
        **without("_dmarc.shop.example.de.", "TXT"),
        ("_dmarc.example.de.", "TXT"): ['"v=DMARC1; p=reject"'],
    }
    found = look(server, zone)["dmarc"]

    assert found.level is Level.OK
    assert "DMARC at example.de" in found.text


def test_a_null_mx_is_a_warning(server: _Server) -> None:
    """RFC 7505: the domain says that it takes no mail, so no reply and no bounce."""
    assert look(server, {**GOOD, ("shop.example.de.", "MX"): ["0 ."]})["mx"].level is Level.WARNING


@pytest.mark.parametrize("domain", ["example.com", "mail.example.org", "shop.test", "x.invalid"])
def test_reserved_domains_are_not_asked_for(domain: str) -> None:
    """RFC 2606: examples and tests have no DNS, and a warning about it would teach nothing."""

    def nobody(name: str, kind: str) -> list[str] | NoAnswer:
        raise AssertionError(name)

    (finding,) = findings_of_domain(domain, nobody)
    assert finding.level is Level.SKIPPED


def test_without_dns_the_domain_is_not_checked() -> None:
    """A machine behind a proxy may have none, and its mail goes out all the same."""

    def silent(name: str, kind: str) -> list[str] | NoAnswer:
        return NoAnswer.SILENCE

    (finding,) = findings_of_domain("shop.example.de", silent)
    assert finding.level is Level.SKIPPED
    assert "no DNS server answered" in finding.text


def test_a_server_that_fails_is_silence_and_a_missing_name_is_an_answer(server: _Server) -> None:
    """SERVFAIL tells nothing about the domain, NXDOMAIN does."""
    lookup = resolver(["127.0.0.1"], server.server_address[1])

    assert lookup("broken.example.de", "TXT") is NoAnswer.SILENCE
    assert lookup("nosuch.example.de", "TXT") is NoAnswer.NONE
