"""What providers tell, in our words; and whatever else comes, nothing breaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mail_sender.domain.feedback import Fact, Feedback
from mail_sender.providers.webhook import (
    Answered,
    Forged,
    Genuine,
    Malformed,
    Undecided,
    Unreadable,
    WebhookCall,
)

from .make_webhooks import NOW, body_of, genuine, webhooks

RECORDED = Path(__file__).parent.parent / "recorded"
_WEBHOOKS = webhooks()
PROVIDERS = tuple(_WEBHOOKS)


def cases() -> Iterator[Any]:
    for provider in PROVIDERS:
        recorded = json.loads((RECORDED / provider / "events.json").read_text(encoding="utf-8"))
        for case in recorded["cases"]:
            yield pytest.param(provider, case, id=f"{provider}: {case['name']}")


def read(provider: str, says: object) -> list[Feedback]:
    body = body_of(provider, says)
    return list(_WEBHOOKS[provider].feedback_in(body, key="the key", received_at=NOW))


def shown(feedback: Feedback, name: str) -> object:
    """Return a field as the recorded files write it."""
    value: object = getattr(feedback, name)
    if name == "bounce":
        return [feedback.bounce.type, feedback.bounce.reason] if feedback.bounce else None
    if name == "at":
        return feedback.at
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize(("provider", "case"), [*cases()])
def test_an_event_means_what_the_provider_says_it_does(provider: str, case: dict[str, Any]) -> None:
    """The vocabulary of each provider, in ours."""
    found = read(provider, case["says"])

    assert len(found) == len(case["means"])
    for feedback, expected in zip(found, case["means"], strict=True):
        wanted = {
            name: datetime.fromisoformat(value) if name == "at" else value
            for name, value in expected.items()
        }
        assert {name: shown(feedback, name) for name in wanted} == wanted


def test_an_event_and_the_notification_of_it_are_one() -> None:
    """Who has both an event destination and identity notifications hears each bounce twice."""
    recorded = json.loads((RECORDED / "ses" / "events.json").read_text(encoding="utf-8"))
    says = {case["name"]: case["says"] for case in recorded["cases"]}

    first = read("ses", says["no such mailbox"])
    second = read("ses", says["notification of an identity"])

    assert [it.id for it in first] == [it.id for it in second]


def test_events_of_one_mail_have_ids_of_their_own() -> None:
    """SES gives most of its events none."""
    recorded = json.loads((RECORDED / "ses" / "events.json").read_text(encoding="utf-8"))
    names = {"accepted", "delivered", "delayed", "opened", "clicked", "unsubscribed", "virus"}
    says = [case["says"] for case in recorded["cases"] if case["name"] in names]

    assert len({it.id for each in says for it in read("ses", each)}) == len(names)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b'"x"', b"\xff", b"{}", b"[" * 100_000])
def test_what_is_no_event_is_unreadable_or_says_nothing(provider: str, body: bytes) -> None:
    """A provider's new idea is set aside, and told; it breaks nothing."""
    try:
        found = _WEBHOOKS[provider].feedback_in(body, key="k", received_at=NOW)
    except Unreadable:
        return
    assert list(found) == []


def test_what_ses_says_when_a_destination_is_made_is_no_event() -> None:
    """It is plain text, and harmless."""
    assert read("ses", "Successfully validated SNS topic for Amazon SES event publishing.") == []


# ---------------------------------------------------------------- anything at all

_leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30)
)
_json = st.recursive(
    _leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


#: The header fields that prove whose a call is, where these are not all of it.
_PROOF: dict[str, set[str]] = {
    "ses": set(),
    "mailgun": set(),
    "scaleway": set(),
    "postal": {"x-postal-signature-256"},
    "mandrill": {"x-mandrill-signature"},
}
_BY_LOGIN = {"postmark", "brevo", "mailjet", "sparkpost"}


def _all_recorded(provider: str) -> list[Any]:
    recorded = json.loads((RECORDED / provider / "events.json").read_text(encoding="utf-8"))
    return [case["says"] for case in recorded["cases"]]


@st.composite
def _spoilt(draw: st.DrawFn, provider: str) -> Any:  # noqa: ANN401
    """A recorded event in which some values are something else."""
    says = json.loads(json.dumps(draw(st.sampled_from(_all_recorded(provider)))))
    for _ in range(draw(st.integers(1, 3))):
        part: Any = says
        while isinstance(part, dict | list) and part:
            key: Any = draw(
                st.sampled_from(sorted(part) if isinstance(part, dict) else range(len(part)))
            )
            if draw(st.integers(0, 3)) == 0 or not isinstance(part[key], dict | list):
                part[key] = draw(_json)
                break
            part = part[key]
    return says


@pytest.mark.parametrize("provider", PROVIDERS)
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_no_event_breaks_the_reader(provider: str, data: st.DataObject) -> None:
    """Whatever a signed call says, it is read or set aside; and what is read can be kept."""
    says = data.draw(_spoilt(provider) | _json)
    try:
        found = read(provider, says)
    except Unreadable:
        return
    for feedback in found:
        assert isinstance(feedback.fact, Fact)
        assert feedback.at.tzinfo is not None
        assert len(feedback.id) < 100_000
        assert all(isinstance(it, str) for it in (*feedback.recipients, *feedback.sent_to))
        assert len(feedback.detail) <= 1000
        json.dumps(feedback.facts)
        assert feedback.at - NOW < timedelta(days=400_000)


@pytest.mark.parametrize("provider", PROVIDERS)
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(data=st.data())
async def test_no_call_breaks_the_judge(provider: str, data: st.DataObject) -> None:
    """Anybody can post anything, with any headers; only the provider is believed."""
    call = genuine(provider, data.draw(_json))
    names = st.sampled_from([*call.headers, "x-other"])
    headers = {
        **call.headers,
        **data.draw(st.dictionaries(names, st.text(max_size=40), max_size=3)),
    }
    body = data.draw(
        st.binary(max_size=50) | st.just(call.body) | _json.map(lambda it: json.dumps(it).encode())
    )

    judgement = await _WEBHOOKS[provider].judge(WebhookCall(headers=headers, body=body))

    proof = _PROOF.get(provider, set(call.headers))
    is_changed = any(headers[name] != call.headers[name] for name in proof) or (
        provider not in _BY_LOGIN and body != call.body
    )
    says_nothing = isinstance(judgement, Answered) and provider == "mandrill"  # a form of no events
    assert not is_changed or says_nothing or isinstance(judgement, Forged | Malformed | Undecided)
    assert says_nothing or not isinstance(judgement, Answered)


async def test_a_genuine_call_is_believed() -> None:
    """Of every provider; the test above would be content with a judge that believes nobody."""
    for provider, webhook in _WEBHOOKS.items():
        says = _all_recorded(provider)[0]
        judgement = await webhook.judge(genuine(provider, says))
        assert isinstance(judgement, Genuine), provider
