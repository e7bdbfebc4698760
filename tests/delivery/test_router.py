"""Which providers are asked, in which order."""

from __future__ import annotations

import dataclasses

from mail_sender.clock import FakeClock
from mail_sender.delivery.explain import explain
from mail_sender.delivery.router import Step, as_sent_by, plan
from mail_sender.domain.message import Address, Message
from mail_sender.store.port import Pause
from tests.delivery.scripted import ABLE, Scripted, make_fleet
from tests.make import NOW, make_content, make_message


def test_the_route_is_asked_in_its_order_with_obstacles_named() -> None:
    """What a provider cannot express is known before anybody is called."""
    fleet = make_fleet(FakeClock(), Scripted("ses", obstacle="more than 50"), Scripted("mailgun"))
    assert plan(make_message(), fleet.routes, fleet.providers) == (
        Step("ses", "more than 50"),
        Step("mailgun"),
    )


def test_a_test_key_never_reaches_a_real_provider() -> None:
    """A developer's trial must not become somebody's mail."""
    fleet = make_fleet(FakeClock(), Scripted("ses"), Scripted("sandbox"))
    message = make_message(is_test=True, route="default")
    assert plan(message, fleet.routes, fleet.providers) == (Step("sandbox"),)


def test_a_message_outlives_its_route() -> None:
    """Mail accepted before a change of the configuration still goes somewhere."""
    fleet = make_fleet(FakeClock(), Scripted("ses"))
    assert plan(make_message(route="gone"), fleet.routes, fleet.providers) == (Step("ses"),)


def test_an_obstacle_is_asked_for_with_the_sender_that_the_account_uses() -> None:
    """An account with one sender address is judged by that address."""
    seen: list[Address] = []

    class Asking(Scripted):
        def cannot_express(self, message: object) -> str | None:
            seen.append(message.content.sender.address)  # type: ignore[attr-defined]
            return None

    fleet = make_fleet(FakeClock(), Asking("ses", sender=Address("only@account.example")))
    plan(make_message(), fleet.routes, fleet.providers)
    assert seen == ["only@account.example"]


def test_explain_says_who_would_be_asked_and_takes_nothing() -> None:
    """A dry run names pauses, breakers and obstacles, and costs no quota."""
    fleet = make_fleet(
        FakeClock(), Scripted("ses", obstacle="too large"), Scripted("mailgun"), Scripted("relay")
    )
    fleet.learn_pauses({"mailgun": Pause(provider="mailgun", reason="moving", by="cli", at=NOW)})
    ses, mailgun, relay = explain(make_message(), fleet)
    assert (ses.would_be_asked, ses.cannot_express) == (False, "too large")
    assert (mailgun.would_be_asked, mailgun.blocked) == (False, "paused: moving")
    assert relay.would_be_asked


WHOLE = (
    b"From: Shop <shop@example.com>\r\nTo: ann@example.net\r\nSubject: Hi\r\n"
    b"Content-Type: text/html\r\n\r\n<p>Hello\r\n"
)


def whole(raw: bytes = WHOLE) -> Message:
    """Return a message that its client wrote as a whole mail."""
    return make_message(content=make_content(raw=raw, text=None, subject="Hi"))


def test_a_whole_mail_is_told_by_its_parts_where_no_whole_mail_is_taken() -> None:
    """Failover from a relay to a JSON API must not need the client to write the mail twice."""
    by_parts = as_sent_by(Scripted("postmark"), whole())
    assert (by_parts.content.raw, by_parts.content.html) == (None, "<p>Hello\n")
    as_it_is = Scripted("relay")
    as_it_is.capabilities = dataclasses.replace(ABLE, whole_mails=True)
    assert as_sent_by(as_it_is, whole()).content.raw == WHOLE


def test_a_signed_mail_is_only_given_to_providers_that_take_it_as_it_is() -> None:
    """A broken signature is worse than the next provider of the route."""
    signed = WHOLE.replace(b"text/html", b"multipart/signed; boundary=b")
    relay = Scripted("relay")
    relay.capabilities = dataclasses.replace(ABLE, whole_mails=True)
    fleet = make_fleet(FakeClock(), Scripted("postmark"), relay)
    postmark, other = explain(whole(signed), fleet)
    assert postmark.cannot_express is not None
    assert "signed" in postmark.cannot_express
    assert (other.cannot_express, other.losses) == (None, ())
