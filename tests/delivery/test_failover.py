"""Who is asked next, and who is left alone, when a provider does not accept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from mail_sender.clock import FakeClock
from mail_sender.delivery.conclusion import Circumstances, conclude
from mail_sender.delivery.failover import Lost, Pass, Walk, may_try_next
from mail_sender.delivery.fleet import Fleet
from mail_sender.delivery.retry import RetryPolicy
from mail_sender.delivery.router import plan
from mail_sender.domain.attempt import Attempt, OutcomeKind
from mail_sender.domain.message import Address, Message, OnUnknown
from mail_sender.domain.outcome import Accepted, Blame, Deferred, Outcome, Refused, Unknown
from mail_sender.domain.status import RecipientStatus, State
from mail_sender.store.port import Change, Lease
from tests.delivery.scripted import (
    BAD_KEY,
    BAD_MAIL,
    DOWN,
    NO_SUCH_USER,
    SILENT,
    TOO_LARGE,
    WHY,
    Scripted,
    make_fleet,
)
from tests.make import ANN, BOB, make_message


class Books:
    """A ledger and observer that remembers the order of things."""

    def __init__(self, *, keeps: bool = True) -> None:
        self.keeps = keeps
        self.begun: list[tuple[str, tuple[Address, ...]]] = []
        self.noted = 0
        self.bugs: list[str] = []
        self.failovers: list[tuple[str, str]] = []

    async def begin(self, done: Pass, provider: str, recipients: Sequence[Address]) -> bool:
        self.begun.append((provider, tuple(recipients)))
        return self.keeps

    def note(self, done: Pass) -> None:
        self.noted += 1

    def attempt(self, message: Message, attempt: Attempt) -> None:
        pass

    def failover(self, message: Message, fault: Attempt, taken: Attempt) -> None:
        self.failovers.append((fault.provider, taken.provider))

    def bug(self, message: Message, provider: str, error: Exception) -> None:
        self.bugs.append(provider)


def leased(message: Message, **fields: object) -> Lease:
    """Return a lease of all recipients."""
    fields = {"pending": message.content.recipients, **fields}
    return Lease(message=message, owner="w", fence=1, **fields)  # type: ignore[arg-type]


async def walk(
    fleet: Fleet, message: Message, *, books: Books | None = None, **fields: object
) -> tuple[Pass, Lease]:
    """Make one pass and return what it brought."""
    books = books or Books()
    lease = leased(message, **fields)
    steps = plan(message, fleet.routes, fleet.providers)
    clock = FakeClock()
    walker = Walk(lease, steps, fleet=fleet, ledger=books, clock=clock, observer=books)
    await walker.run(lambda: True)
    return walker.done, lease


def conclusion(done: Pass, lease: Lease, fleet: Fleet, *, caller_waits: bool = False) -> Change:
    """Return what a pass means, with everything else plain."""
    return conclude(
        lease,
        done,
        Circumstances(
            now=FakeClock().now(),
            policy=RetryPolicy(),
            chance=0.5,
            route=tuple(fleet.members),
            earliest=None,
            caller_waits=caller_waits,
            looks_up=False,
            others=lease.others,
        ),
    )


@pytest.mark.parametrize(
    ("outcome", "goes_on"),
    [
        (Accepted(provider_message_id="1"), False),
        (Deferred(blame=Blame.PROVIDER, diagnostic=WHY), True),
        (Refused(blame=Blame.PROVIDER, diagnostic=WHY), True),
        (Deferred(blame=Blame.RECIPIENT, diagnostic=WHY), False),
        (Refused(blame=Blame.RECIPIENT, diagnostic=WHY), False),
        (Refused(blame=Blame.MESSAGE, diagnostic=WHY), False),
        (Unknown(diagnostic=WHY), False),
    ],
)
def test_only_a_providers_fault_goes_on_to_the_next(outcome: Outcome, goes_on: bool) -> None:
    """Another provider is asked when this one is at fault, never for the recipient's."""
    assert may_try_next(outcome, OnUnknown.WAIT) is goes_on


def test_unknown_goes_on_only_by_the_callers_choice() -> None:
    """A one-time password had better arrive twice than never; an invoice had not."""
    assert may_try_next(Unknown(diagnostic=WHY), OnUnknown.RISK_DUPLICATE)
    assert not may_try_next(Unknown(diagnostic=WHY), OnUnknown.WAIT)


async def test_the_second_provider_takes_what_the_first_cannot() -> None:
    """The main job, with both attempts in the record."""
    ses, mailgun = Scripted("ses", DOWN), Scripted("mailgun")
    fleet = make_fleet(FakeClock(), ses, mailgun)
    done, lease = await walk(fleet, make_message())
    change = conclusion(done, lease, fleet)
    assert [(a.provider, a.outcome) for a in change.attempts] == [
        ("ses", OutcomeKind.DEFERRED),
        ("mailgun", OutcomeKind.ACCEPTED),
    ]
    assert (change.state, change.provider) == (State.SENT, "mailgun")


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (DOWN, Accepted(provider_message_id="1"), [("ses", "mailgun")]),
        (BAD_KEY, Accepted(provider_message_id="1"), [("ses", "mailgun")]),
        (DOWN, DOWN, []),
        (NO_SUCH_USER, Accepted(provider_message_id="1"), []),
        (Accepted(provider_message_id="1"), Accepted(provider_message_id="2"), []),
    ],
)
async def test_a_fault_that_a_failover_hides_is_told(
    first: Outcome, second: Outcome, told: list[tuple[str, str]]
) -> None:
    """The client sees a sent mail; an operator who is not told finds out when both are down."""
    books = Books()
    fleet = make_fleet(FakeClock(), Scripted("ses", first), Scripted("mailgun", second))
    await walk(fleet, make_message(), books=books)
    assert books.failovers == told


async def test_only_the_recipient_that_failed_goes_to_the_second_provider() -> None:
    """Who was accepted is not sent to again."""
    ses = Scripted("ses", {ANN: Accepted(provider_message_id="1"), BOB: DOWN})
    mailgun = Scripted("mailgun")
    await walk(make_fleet(FakeClock(), ses, mailgun), make_message(to=(ANN, BOB)))
    assert [to for _, to in mailgun.sent] == [frozenset({BOB})]


@pytest.mark.parametrize("answer", [NO_SUCH_USER, BAD_MAIL, SILENT])
async def test_nobody_else_is_asked_when_it_is_not_the_providers_fault(answer: Outcome) -> None:
    """A bad address asked at every provider harms our name at all of them."""
    mailgun = Scripted("mailgun")
    fleet = make_fleet(FakeClock(), Scripted("ses", answer), mailgun)
    await walk(fleet, make_message())
    assert mailgun.sent == []


async def test_the_intent_is_durable_before_each_call_and_the_outcome_noted_after() -> None:
    """A kill at any point leaves a record from which the truth can be told."""
    books = Books()
    fleet = make_fleet(FakeClock(), Scripted("ses", DOWN), Scripted("mailgun"))
    await walk(fleet, make_message(), books=books)
    assert [provider for provider, _ in books.begun] == ["ses", "mailgun"]
    assert books.noted == 2


async def test_a_lost_lease_sends_nothing() -> None:
    """Somebody else has the message: two senders would be two mails."""
    ses = Scripted("ses")
    with pytest.raises(Lost):
        await walk(make_fleet(FakeClock(), ses), make_message(), books=Books(keeps=False))
    assert ses.sent == []


async def test_a_bug_in_a_provider_is_unknown_and_leaks_nothing() -> None:
    """Nobody can say how far it got; the client must not read our insides."""
    books = Books()
    ses, mailgun = Scripted("ses", RuntimeError("postgres://u:secret@db")), Scripted("mailgun")
    fleet = make_fleet(FakeClock(), ses, mailgun)
    done, _ = await walk(fleet, make_message(), books=books)
    assert [a.outcome for a in done.attempts] == [OutcomeKind.UNKNOWN]
    assert "secret" not in str(done)
    assert (books.bugs, mailgun.sent) == (["ses"], [])


async def test_an_answer_that_forgets_a_recipient_is_unknown_for_it() -> None:
    """A recipient must never fall out of the books."""
    fleet = make_fleet(FakeClock(), Scripted("ses", {ANN: Accepted(provider_message_id="1")}))
    done, _ = await walk(fleet, make_message(to=(ANN, BOB)))
    assert isinstance(done.outcomes[BOB], Unknown)


async def test_an_obstacle_passes_the_provider_over_with_its_reason() -> None:
    """The message itself answers why SES was not asked."""
    ses = Scripted("ses", obstacle="more than 50 recipients")
    fleet = make_fleet(FakeClock(), ses, Scripted("mailgun"))
    done, _ = await walk(fleet, make_message())
    assert [(a.provider, a.outcome, a.detail) for a in done.attempts[:1]] == [
        ("ses", OutcomeKind.SKIPPED, "more than 50 recipients")
    ]
    assert ses.sent == []


async def test_the_same_reason_is_recorded_once_however_long_it_lasts() -> None:
    """A message that waits through an outage of hours keeps a readable record."""
    fleet = make_fleet(FakeClock(), Scripted("ses", obstacle="too large"), Scripted("mailgun"))
    done, _ = await walk(fleet, make_message(), skipped={"ses": "too large"}, attempts_made=1)
    assert [(a.provider, a.number) for a in done.attempts] == [("mailgun", 2)]


async def test_a_sender_bound_account_gets_its_own_address_with_the_original_name() -> None:
    """Sandboxed accounts may send as one address only."""
    ses = Scripted("ses", sender=Address("only@account.example"))
    await walk(make_fleet(FakeClock(), ses), make_message())
    sender = ses.sent[0][0].content.sender
    assert (sender.address, sender.name) == ("only@account.example", "Shop")


async def test_bad_recipients_never_move_the_breaker_and_outages_do() -> None:
    """The owner of a failure pays for it, and nobody else."""
    ses = Scripted("ses")
    fleet = make_fleet(FakeClock(), ses)
    ses.always = NO_SUCH_USER
    for _ in range(30):
        await walk(fleet, make_message())
    assert fleet.members["ses"].breaker.view().recent_failures == 0
    ses.always = DOWN
    for _ in range(30):
        await walk(fleet, make_message())
    assert len(ses.sent) < 60, "an open breaker must spare the provider"


# ---------------------------------------------------------------- what a pass means


@pytest.mark.parametrize(
    ("answers", "state", "status"),
    [
        ([NO_SUCH_USER], State.FAILED, RecipientStatus.FAILED),
        ([BAD_MAIL], State.FAILED, RecipientStatus.FAILED),
        ([SILENT], State.UNKNOWN, RecipientStatus.UNKNOWN),
        ([DOWN, DOWN], State.QUEUED, RecipientStatus.QUEUED),
        ([BAD_KEY, DOWN], State.QUEUED, RecipientStatus.QUEUED),
        ([TOO_LARGE, TOO_LARGE], State.FAILED, RecipientStatus.FAILED),
        ([TOO_LARGE, DOWN], State.QUEUED, RecipientStatus.QUEUED),
    ],
)
async def test_the_state_after_a_pass_without_success(
    answers: list[Outcome], state: State, status: RecipientStatus
) -> None:
    """Each kind of failure leads to the one state that tells the truth."""
    providers = [Scripted(n, a) for n, a in zip(("ses", "mailgun"), answers, strict=False)]
    fleet = make_fleet(FakeClock(), *providers)
    done, lease = await walk(fleet, make_message())
    change = conclusion(done, lease, fleet)
    assert change.state is state
    assert {c.status for c in change.recipients.values()} == {status}
    assert (change.due_at is not None) is (state is State.QUEUED)


async def test_a_sync_message_that_nobody_took_is_never_tried_again() -> None:
    """The answer not_sent is a promise that nothing arrives later."""
    fleet = make_fleet(FakeClock(), Scripted("ses", DOWN))
    done, lease = await walk(fleet, make_message())
    assert conclusion(done, lease, fleet, caller_waits=True).state is State.FAILED


async def test_a_message_that_no_provider_can_express_fails_with_every_reason() -> None:
    """Waiting would not help."""
    fleet = make_fleet(
        FakeClock(), Scripted("ses", obstacle="a"), Scripted("mailgun", obstacle="b")
    )
    done, lease = await walk(fleet, make_message())
    change = conclusion(done, lease, fleet)
    assert (change.state, [a.detail for a in change.attempts]) == (State.FAILED, ["a", "b"])


async def test_one_unknown_recipient_does_not_hold_up_another() -> None:
    """Partial acceptance: the refused-for-now one is retried, the unknown one waits."""
    fleet = make_fleet(FakeClock(), Scripted("ses", {ANN: SILENT, BOB: DOWN}))
    done, lease = await walk(fleet, make_message(to=(ANN, BOB)))
    change = conclusion(done, lease, fleet)
    assert change.state is State.QUEUED
    assert change.recipients[ANN].status is RecipientStatus.UNKNOWN


async def test_a_later_pass_remembers_who_was_sent_before() -> None:
    """The last failed recipient does not turn a sent message into a failed one."""
    fleet = make_fleet(FakeClock(), Scripted("ses", NO_SUCH_USER))
    done, lease = await walk(
        fleet, make_message(to=(ANN, BOB)), pending=(BOB,), others=(RecipientStatus.SENT,)
    )
    assert conclusion(done, lease, fleet).state is State.SENT


async def test_too_late_expires_instead_of_being_queued() -> None:
    """Back-off has an end."""
    fleet = make_fleet(FakeClock(), Scripted("ses", DOWN))
    done, lease = await walk(fleet, make_message(give_up_after=timedelta(seconds=2)))
    assert conclusion(done, lease, fleet).state is State.EXPIRED
