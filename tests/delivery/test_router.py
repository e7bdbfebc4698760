"""Which providers are asked, in which order."""

from __future__ import annotations

from mail_sender.clock import FakeClock
from mail_sender.delivery.explain import explain
from mail_sender.delivery.router import Step, plan
from mail_sender.domain.message import Address
from mail_sender.store.port import Pause
from tests.delivery.scripted import Scripted, make_fleet
from tests.make import NOW, make_message


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
