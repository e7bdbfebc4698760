"""What every vendor's door promises, whichever vendor it is."""

from __future__ import annotations

import asyncio
import json
import typing
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from mail_sender.api.compat.fields import Declared, Fate, Wire, declared, documents_in
from mail_sender.api.compat.ids import id_in
from mail_sender.api.compat.refusal import REASONS, Reason, Refusal, refusal_of
from mail_sender.api.compat.registry import VENDORS
from mail_sender.api.compat.vendor import Call, Vendor
from mail_sender.api.problems import KINDS
from mail_sender.api.services import CompatPolicy
from mail_sender.clock import FakeClock
from mail_sender.domain.errors import Draining, MailSenderError, StoreUnavailable
from mail_sender.domain.message import Mode
from mail_sender.store.port import Scope
from tests.api.scripted import BUSY, NO_SUCH_MAILBOX
from tests.api.stack import SES_SECRET, Stack

from .speaking import SPEAKING, Speaking

SENDING = [pytest.param(it, id=it.vendor.name) for it in SPEAKING.values()]


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda it: it.name)
@pytest.mark.parametrize("reason", Reason)
def test_every_refusal_has_the_vendors_form(vendor: Vendor, reason: Reason) -> None:
    """A library shows what it finds where the vendor puts it, and nothing else."""
    answer = vendor.answer_of(Refusal(reason, "the words", headers={"Retry-After": "3"}))

    assert 400 <= answer.status_code <= 599
    assert b"the words" in answer.body
    assert answer.headers["retry-after"] == "3"
    assert answer.headers["content-type"] != "application/problem+json"
    is_ours = reason in {Reason.UNAVAILABLE, Reason.NOT_SENT, Reason.INTERNAL,
                         Reason.OUTCOME_UNKNOWN}  # fmt: skip
    assert (answer.status_code >= 500) is is_ours
    assert (answer.status_code == 429) is (reason is Reason.TOO_FAST) or (
        reason is Reason.KEY_RUNNING
    )


def test_every_error_below_a_door_has_a_reason() -> None:
    """What is not in the table would be a 500 for a client's mistake."""
    elsewhere = {
        "ConfigError",
        "NoSandbox",
        "NotReady",
        "KeyNotAllowed",
        "InvalidCsv",
        "NotGenuine",
    }
    named = {cls.__name__ for cls in KINDS if "Hook" not in cls.__name__}  # providers' own door

    assert named - elsewhere <= {cls.__name__ for cls in REASONS}
    assert refusal_of(MailSenderError("secret")).words == MailSenderError.public
    assert refusal_of(StoreUnavailable("/var/x")).headers == {"Retry-After": "5"}


@pytest.mark.parametrize("speaking", SENDING)
async def test_a_mail_is_durable_when_it_is_answered(idle: Stack, speaking: Speaking) -> None:
    """A yes means the same at every door."""
    answer = await speaking.send(idle)

    assert answer.status_code in {200, 202}
    id_ = answer.headers["x-ms-message-id"]
    assert await idle.state(id_) == "queued"
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("speaking", SENDING)
async def test_the_vendors_own_paths_are_served_too(idle: Stack, speaking: Speaking) -> None:
    """For a program of which only the host can be changed."""
    answer = await speaking.send(idle, prefix="")

    assert answer.status_code in {200, 202}


@pytest.mark.parametrize("speaking", SENDING)
async def test_a_repeated_request_sends_one_mail(idle: Stack, speaking: Speaking) -> None:
    """Libraries repeat a request by themselves when its answer was lost."""
    first = await speaking.send(idle)
    again = await speaking.send(idle)
    other = await speaking.send(idle, subject="Another")

    ids = [it.headers["x-ms-message-id"] for it in (first, again, other)]
    assert ids[0] == ids[1] != ids[2]
    assert again.headers["idempotency-replayed"] == "true"
    assert first.content == again.content


@pytest.mark.parametrize("speaking", SENDING)
async def test_the_same_mail_is_another_one_after_a_while(idle: Stack, speaking: Speaking) -> None:
    """A person may well send the same words again."""
    assert isinstance(idle.clock, FakeClock)
    first = await speaking.send(idle)
    idle.clock.advance(timedelta(seconds=31))
    again = await speaking.send(idle)

    assert first.headers["x-ms-message-id"] != again.headers["x-ms-message-id"]


@pytest.mark.parametrize("speaking", SENDING)
async def test_repetitions_need_not_be_looked_for(idle: Stack, speaking: Speaking) -> None:
    """An operator whose programs send the same mail twice on purpose switches it off."""
    stack = idle.behind(compat=CompatPolicy(repeat_window=timedelta(0), ses_secret=SES_SECRET))
    first, again = await speaking.send(stack), await speaking.send(stack)

    assert first.headers["x-ms-message-id"] != again.headers["x-ms-message-id"]


@pytest.mark.parametrize("speaking", SENDING)
async def test_a_key_of_the_client_decides_what_is_a_repetition(
    idle: Stack, speaking: Speaking
) -> None:
    """With a key of its own a client sends the same words twice, and no mail twice."""
    first = await speaking.send(idle, headers={"Idempotency-Key": "a"})
    again = await speaking.send(idle, headers={"X-MS-Idempotency-Key": "a"})
    other = await speaking.send(idle, headers={"Idempotency-Key": "b"})
    wrong = await speaking.send(idle, subject="Another", headers={"Idempotency-Key": "a"})

    ids = [it.headers["x-ms-message-id"] for it in (first, again, other)]
    assert ids[0] == ids[1] != ids[2]
    assert 400 <= wrong.status_code < 500
    assert b"used before" in wrong.content


async def test_each_mail_of_a_batch_may_have_its_own_key(idle: Stack) -> None:
    """Named in the mail's header, which does not go out; the others are known by themselves."""
    speaking = SPEAKING["postmark"]

    async def sent(*keys: str | None, subject: str = "Same") -> list[str]:
        mails = []
        for key in keys:
            mail = speaking.small(subject)
            if key is not None:
                mail["Headers"] = [{"Name": "X-MS-Idempotency-Key", "Value": key}]
            mails.append(mail)
        answer = await speaking.post(idle, json.dumps(mails).encode(), path="/email/batch")
        return [it["MessageID"] for it in answer.json()]

    first = await sent("a", "b", None)
    assert len(set(first)) == 3
    assert await sent("a", "b", None) == first
    again = await sent("a", "c", None)
    assert [one == other for one, other in zip(first, again, strict=True)] == [True, False, True]
    record = await idle.store.get(id_in(first[0]))  # type: ignore[arg-type]
    assert record is not None
    assert record.message.content.headers == ()


@pytest.mark.parametrize("speaking", SENDING)
async def test_two_keys_of_the_gateway_do_not_share_repetitions(
    idle: Stack, speaking: Speaking
) -> None:
    """Two shops may send the same words; neither must learn of the other's mail."""
    first = await speaking.send(idle)
    other = await speaking.send(idle, secret=await idle.issue())

    assert first.headers["x-ms-message-id"] != other.headers["x-ms-message-id"]


@pytest.mark.parametrize("speaking", SENDING)
async def test_who_may_not_send_is_told_so(idle: Stack, speaking: Speaking) -> None:
    """No key, a wrong one, one without the scope, one for another domain or network."""
    limited = (
        await idle.issue(Scope.READ),
        await idle.issue(sender_domains=["example.org"]),
        await idle.issue(networks=["10.0.0.0/8"]),
        "ms_live_wrong",
        None,
    )
    for secret in limited:
        answer = await speaking.send(idle, secret=secret)
        assert answer.status_code in {400, 401, 403, 422}, secret
        assert speaking.words(answer)
    assert (await idle.store.depth()).open == 0


@pytest.mark.parametrize("speaking", SENDING)
async def test_what_is_not_served_is_told_so(idle: Stack, speaking: Speaking) -> None:
    """A library that calls something else of the vendor's shows why it failed."""
    async with idle.client() as client:
        nowhere = await client.get(f"/compat/{speaking.vendor.name}/v9/nowhere")
        method = await client.delete(f"/compat/{speaking.vendor.name}{speaking.path}")

    assert nowhere.status_code == 404
    assert "does not serve" in speaking.words(nowhere)
    assert method.status_code == 405
    assert "POST" in method.headers["allow"]
    assert speaking.words(method)


@pytest.mark.parametrize("speaking", SENDING)
async def test_too_much_and_too_fast_and_nonsense_are_told_so(
    idle: Stack, speaking: Speaking
) -> None:
    """413, 429 and a body that nobody can read."""
    body, named = speaking.nonsense()
    nonsense = await speaking.post(idle, body, headers=named)
    assert nonsense.status_code in {400, 422}
    assert speaking.words(nonsense)

    large = await speaking.post(idle.behind(max_request_bytes=1024), b" " * 2000)
    assert large.status_code == 413
    assert "1024 bytes" in speaking.words(large)

    slow = idle.behind(requests_per_minute=1)
    await speaking.send(slow)
    fast = await speaking.send(slow)
    assert fast.status_code == 429
    assert int(fast.headers["retry-after"]) > 0
    assert speaking.words(fast)


@pytest.mark.parametrize("speaking", SENDING)
async def test_a_gateway_that_cannot_store_says_so(idle: Stack, speaking: Speaking) -> None:
    """A library tries again later; nothing was accepted."""
    idle.services.intake.drain()

    answer = await speaking.send(idle)

    assert answer.status_code == 503
    assert speaking.words(answer) == Draining.public
    assert answer.headers["retry-after"] == "2"


@pytest.mark.parametrize("speaking", SENDING)
async def test_a_bug_is_told_in_the_vendors_form_without_a_word_of_it(
    idle: Stack, speaking: Speaking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of a trace goes out, and the library reads even this."""

    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(idle.store, "accept", broken)

    answer = await speaking.send(idle)

    assert answer.status_code == 500
    assert speaking.words(answer) == "Internal error."


@pytest.mark.parametrize("speaking", SENDING)
async def test_a_client_may_wait_for_the_provider(stack: Stack, speaking: Speaking) -> None:
    """By a header, or for all by the configuration: the answer then says that it was sent."""
    sent = await speaking.send(stack, headers={"X-MS-Mode": "sync", "X-MS-Timeout": "5"})
    assert await stack.state(sent.headers["x-ms-message-id"]) == "sent"

    waiting = stack.behind(compat=CompatPolicy(mode=Mode.SYNC, ses_secret=SES_SECRET))
    sent = await speaking.send(waiting, subject="By default")
    assert await stack.state(sent.headers["x-ms-message-id"]) == "sent"


@pytest.mark.parametrize("speaking", SENDING)
async def test_who_waits_hears_that_nobody_took_it(stack: Stack, speaking: Speaking) -> None:
    """As the vendor's own "not now", and as its own "no"."""
    for each in (stack.ses, stack.mailgun):
        each.script.append(BUSY)
    down = await speaking.send(stack, headers={"X-MS-Mode": "sync"})
    assert down.status_code == 503
    assert "Nothing will be sent later" in speaking.words(down)

    stack.ses.script.append(NO_SUCH_MAILBOX)
    no = await speaking.send(stack, subject="No", headers={"X-MS-Mode": "sync"})
    assert 400 <= no.status_code < 500
    assert "Nothing will be sent" in speaking.words(no)


@pytest.mark.parametrize("speaking", SENDING)
async def test_wishes_of_the_gateway_go_with_the_mail(idle: Stack, speaking: Speaking) -> None:
    """What the vendor has no field for; a wish that makes no sense is refused."""
    wishes = {
        "X-MS-Route": "otp", "X-MS-Priority": "high", "X-MS-Give-Up-After": "600",
        "X-MS-On-Unknown": "wait",
    }  # fmt: skip
    answer = await speaking.send(idle, headers=wishes)

    record = await idle.store.get(answer.headers["x-ms-message-id"])  # type: ignore[arg-type]
    assert record is not None
    assert (record.message.route, record.message.on_unknown.value) == ("otp", "wait")
    assert record.message.content.priority.value == "high"
    assert (record.message.give_up_at - record.message.created_at).total_seconds() == 600
    for name, value in (("X-MS-Priority", "urgent"), ("X-MS-Mode", "later"), ("X-MS-Timeout", "x")):
        no = await speaking.send(idle, headers={name: value})
        assert 400 <= no.status_code < 500
        assert name.lower() in speaking.words(no)


# ---------------------------------------------------------------- fields


def _posted() -> Iterator[tuple[Vendor, Call, tuple[str, ...], Declared]]:
    for vendor in VENDORS:
        for call in vendor.calls:
            if call.takes is not None and call.needs is Scope.SEND:
                for path, field in _fields(call.takes, ()):
                    yield vendor, call, path, field


def _fields(
    document: type[Wire], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Declared]]:
    for field in declared(document):
        yield (*path, field.name), field
        for inner in documents_in(field.hint):
            yield from _fields(inner, (*path, field.name))


_ALL = list(_posted())


@pytest.mark.parametrize(
    ("vendor", "call", "path", "field"),
    [
        pytest.param(*it, id=f"{it[0].name} {it[1].path} {'.'.join(it[2])}")
        for it in _ALL
        if it[3].fate is Fate.REFUSED
    ],
)
async def test_a_refused_field_is_refused_with_its_reason(
    idle: Stack, vendor: Vendor, call: Call, path: tuple[str, ...], field: Declared
) -> None:
    """What the gateway cannot do is never left out silently."""
    speaking = SPEAKING[vendor.name]

    answer = await speaking.send_with(
        idle, call.path.replace("{domain}", "mg.example.com"), path, _sample(field)
    )

    assert field.how in speaking.words(answer)
    assert path[-1] in speaking.words(answer)
    assert (await idle.store.depth()).open == 0


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda it: it.name)
def test_the_fullest_mail_uses_everything_that_is_taken(vendor: Vendor) -> None:
    """A field that no test uses may be lost without anybody noticing."""
    speaking = SPEAKING[vendor.name]
    used = set(speaking.paths_in_fullest())

    missing = {
        ".".join(path)
        for its, _, path, field in _ALL
        if its is vendor and field.fate is not Fate.REFUSED and path not in used
    }

    assert missing <= speaking.otherwise_tested


def _sample(field: Declared) -> Any:  # noqa: ANN401
    """Return a value that asks for something."""
    for hint in typing.get_args(typing.get_args(field.hint)[0]) or (
        typing.get_args(field.hint)[0],
    ):
        origin = typing.get_origin(hint) or hint
        if origin is bool:
            return True
        if origin is int:
            return 7
        if origin is str:
            return "something"
        if origin in {dict, msgspec.Raw}:
            return {"enable": True}
        if origin in {list, tuple}:
            return ["something"]
        if isinstance(hint, type) and issubclass(hint, Wire):
            return {}
    raise AssertionError(field.hint)


async def test_unknown_addresses_are_still_ours(idle: Stack) -> None:
    """A door must not swallow what is not its own."""
    async with idle.client() as client:
        for path in ("/compat/nobody/emails", "/compat", "/v1/nothing"):
            assert (await client.get(path)).json()["code"] == "not_found"


async def test_a_client_that_goes_away_harms_nobody(idle: Stack) -> None:
    """Half a request is not a mail."""
    app = idle.app

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(_: Any) -> None:  # noqa: ANN401
        raise AssertionError("nobody is left to answer")

    headers = [(b"authorization", f"Bearer {idle.secret}".encode()),
               (b"content-type", b"application/json")]  # fmt: skip
    scope = {
        "type": "http", "method": "POST", "path": "/emails", "raw_path": b"/emails",
        "query_string": b"", "headers": headers, "client": ("127.0.0.1", 1), "scheme": "http",
    }  # fmt: skip
    await asyncio.wait_for(app(scope, receive, send), 5)
