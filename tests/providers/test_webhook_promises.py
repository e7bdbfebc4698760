"""What the webhook of every provider promises, and how those that sign the body are judged."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mail_sender.clock import FakeClock
from mail_sender.domain.errors import ConfigError
from mail_sender.domain.secret import Secret
from mail_sender.providers.event_webhook import OLDEST
from mail_sender.providers.mandrill_webhook import MandrillWebhook, by_url_and_fields
from mail_sender.providers.postal_webhook import by_key_of_postal
from mail_sender.providers.scaleway_webhook import scaleways
from mail_sender.providers.webhook import (
    Answered,
    Forged,
    Genuine,
    Malformed,
    WebhookCall,
)

from .make_webhooks import (
    MANDRILLS_URL,
    NOW,
    SCALEWAYS_CERTIFICATE,
    SCALEWAYS_TOPIC,
    Amazon,
    body_of,
    by_mandrill,
    by_postal,
    by_scaleway,
    genuine,
    issued_by_another,
    issued_by_scaleway,
    scaleway_webhook,
    sendgrid_public_key,
    sns,
    webhooks,
    with_digest,
    with_login,
)

RECORDED = Path(__file__).parent.parent / "recorded"
WEBHOOKS = webhooks()
BY_LOGIN = ("postmark", "brevo", "mailjet", "sparkpost")
BY_DIGEST = {"mailtrap": "mailtrap-signature", "mailersend": "signature"}
IN_BATCHES = ("sendgrid", "brevo", "mailjet", "sparkpost", "mailtrap", "mandrill")


def delivered(provider: str) -> Any:  # noqa: ANN401
    """Return what a provider says of one delivered mail."""
    recorded = json.loads((RECORDED / provider / "events.json").read_text(encoding="utf-8"))
    return next(it["says"] for it in recorded["cases"] if it["name"] == "delivered")


def of_another_program(says: Any) -> Any:  # noqa: ANN401
    """Return the same without anything of ours in it."""
    return json.loads(json.dumps(says).replace("msg_01J8ZK3Q000000000000000000", "4711"))


@pytest.mark.parametrize("provider", WEBHOOKS)
async def test_a_repeated_call_has_the_key_of_the_first(provider: str) -> None:
    """So it is kept once, whoever repeats it."""
    call = genuine(provider, delivered(provider))

    first, second = [await WEBHOOKS[provider].judge(call) for _ in range(2)]

    assert isinstance(first, Genuine)
    assert first == second


@pytest.mark.parametrize("provider", WEBHOOKS)
async def test_two_calls_have_keys_of_their_own(provider: str) -> None:
    """Or the second event would be thrown away as a repetition."""
    says = delivered(provider)
    calls = [genuine(provider, says), genuine(provider, of_another_program(says))]
    if provider == "resend":
        return  # Svix gives each an id in a header
    first, second = [await WEBHOOKS[provider].judge(call) for call in calls]

    assert isinstance(first, Genuine)
    assert isinstance(second, Genuine)
    assert first.key != second.key


@pytest.mark.parametrize("provider", set(WEBHOOKS) - {"postmark", "resend"})
def test_an_event_that_is_told_twice_is_one(provider: str) -> None:
    """In two calls, as it comes when an answer was lost; each counts once.

    Resend repeats the call, and Postmark's delivery has no id: there the call is what counts.
    """
    body = body_of(provider, delivered(provider))
    webhook = WEBHOOKS[provider]

    [first] = webhook.feedback_in(body, key="first", received_at=NOW)
    [second] = webhook.feedback_in(body, key="second", received_at=NOW + timedelta(hours=1))

    assert first == second


@pytest.mark.parametrize("provider", WEBHOOKS)
def test_mail_of_another_program_is_told_without_our_id(provider: str) -> None:
    """Such an event must find no message of ours, and suppress nobody."""
    body = body_of(provider, of_another_program(delivered(provider)))

    [found] = WEBHOOKS[provider].feedback_in(body, key="k", received_at=NOW)

    assert not (found.message_id or "").startswith("msg_")
    assert found.provider_message_id


@pytest.mark.parametrize("provider", IN_BATCHES)
async def test_a_thousand_events_come_in_one_call(provider: str) -> None:
    """In their order, and none of them lost."""
    says = delivered(provider)
    if provider == "mailtrap":
        whole: Any = {"events": [says["events"][0] | {"email": f"{n}@x.test"} for n in range(1000)]}
    elif provider == "sparkpost":
        event = says[0]["msys"]["message_event"]
        whole = [
            {"msys": {"message_event": {**event, "raw_rcpt_to": f"{n}@x.test"}}}
            for n in range(1000)
        ]
    elif provider == "mandrill":
        whole = [says[0] | {"msg": says[0]["msg"] | {"email": f"{n}@x.test"}} for n in range(1000)]
    else:
        one = says if isinstance(says, dict) else says[0]
        whole = [one | {"email": f"{n}@x.test"} for n in range(1000)]
    call = genuine(provider, whole)

    judged = await WEBHOOKS[provider].judge(call)
    found = WEBHOOKS[provider].feedback_in(call.body, key="k", received_at=NOW)

    assert isinstance(judged, Genuine)
    assert [it.recipients for it in found] == [(f"{n}@x.test",) for n in range(1000)]


# ---------------------------------------------------------------- by a login


@pytest.mark.parametrize("provider", BY_LOGIN)
async def test_who_signs_nothing_is_believed_by_the_login(provider: str) -> None:
    """It is all there is."""
    webhook, says = WEBHOOKS[provider], delivered(provider)

    assert isinstance(await webhook.judge(with_login(says)), Genuine)
    for login in ("hook:wrong", "other:secret", "hook", ""):
        assert isinstance(await webhook.judge(with_login(says, login=login)), Forged)
    assert isinstance(await webhook.judge(replace(with_login(says), headers={})), Forged)


# ---------------------------------------------------------------- by a digest of the body


@pytest.mark.parametrize(("provider", "header"), BY_DIGEST.items())
async def test_a_signed_body_is_believed_and_no_other(provider: str, header: str) -> None:
    """Another secret, another body, or none."""
    webhook, says = WEBHOOKS[provider], delivered(provider)
    call = with_digest(header, says)

    assert isinstance(await webhook.judge(call), Genuine)
    capital = replace(call, headers={header: call.headers[header].upper()})
    assert isinstance(await webhook.judge(capital), Genuine)
    assert isinstance(await webhook.judge(with_digest(header, says, secret="other")), Forged)
    assert isinstance(await webhook.judge(replace(call, body=call.body + b" ")), Forged)
    assert isinstance(await webhook.judge(replace(call, headers={})), Malformed)


@pytest.mark.parametrize("provider", [*BY_LOGIN, *BY_DIGEST, "postal", "mandrill"])
async def test_what_was_overheard_long_ago_cannot_be_played_back(provider: str) -> None:
    """No time is signed beside the body; what stands in it is signed, and old."""
    clock = FakeClock(NOW)
    webhook = webhooks(clock)[provider]
    call = genuine(provider, delivered(provider))

    clock.advance(OLDEST - timedelta(hours=1))
    assert isinstance(await webhook.judge(call), Genuine)
    clock.advance(timedelta(hours=2))
    assert isinstance(await webhook.judge(call), Forged)


async def test_mailersend_may_try_the_webhook_out() -> None:
    """With a key that nobody was told; without 200 the webhook is not even saved."""
    call = with_digest("signature", {"type": "webhook.test"}, secret="theirs")

    assert isinstance(await WEBHOOKS["mailersend"].judge(call), Answered)


# ---------------------------------------------------------------- Postal


@pytest.mark.parametrize("old", [False, True])
async def test_postal_is_believed_by_its_key(old: bool) -> None:
    """Installations of old versions sign with SHA-1 only."""
    webhook, call = WEBHOOKS["postal"], by_postal(delivered("postal"), old=old)

    assert isinstance(await webhook.judge(call), Genuine)
    assert isinstance(await webhook.judge(replace(call, body=call.body + b" ")), Forged)
    assert isinstance(await webhook.judge(replace(call, headers={})), Malformed)
    nonsense = dict.fromkeys(call.headers, "no base64!")
    assert isinstance(await webhook.judge(replace(call, headers=nonsense)), Forged)


async def test_the_better_signature_of_postal_is_the_one_that_counts() -> None:
    """SHA-1 must not help out whoever could not forge the other."""
    call = by_postal(delivered("postal"))
    headers = {**call.headers, "x-postal-signature-256": b64encode(b"x" * 256).decode()}

    assert isinstance(await WEBHOOKS["postal"].judge(replace(call, headers=headers)), Forged)


@pytest.mark.parametrize("key", ["", "nonsense", sendgrid_public_key()])
def test_what_is_no_key_of_postal_stops_the_start(key: str) -> None:
    """It would refuse every event."""
    with pytest.raises(ConfigError, match="Postal"):
        by_key_of_postal(key)


# ---------------------------------------------------------------- Mandrill


async def test_mandrill_signs_the_url_with_the_fields() -> None:
    """A form that was signed for another address is none of ours."""
    webhook, says = WEBHOOKS["mandrill"], delivered("mandrill")

    assert isinstance(await webhook.judge(by_mandrill(says)), Genuine)
    for forged in (
        by_mandrill(says, url=MANDRILLS_URL + "/"),
        by_mandrill(says, key="other"),
        replace(by_mandrill(says), body=by_mandrill(says).body + b"&more=1"),
        replace(by_mandrill(says), headers={}),
    ):
        assert isinstance(await webhook.judge(forged), Forged)


async def test_the_vector_of_mandrill() -> None:
    """URL, key and two fields, in the order of their names; computed apart from our code."""
    judge = by_url_and_fields("https://example.com/hook?x=1", Secret("a-key"))
    webhook = MandrillWebhook(judge, FakeClock(NOW))
    call = WebhookCall(
        headers={"x-mandrill-signature": "J2vgU4kc+DUSfgHJZS/rI3D68Yw="},
        body=b"zeta=2&mandrill_events=%5B%7B%22event%22%3A%22open%22%7D%5D",
    )

    assert isinstance(await webhook.judge(call), Genuine)


async def test_mandrill_may_try_the_webhook_out() -> None:
    """Without events, and with a key that is not ours yet."""
    webhook = WEBHOOKS["mandrill"]

    assert isinstance(await webhook.judge(by_mandrill([], key="test-webhook")), Answered)


@pytest.mark.parametrize(
    "body", [b"", b"x", b"a=b", b"mandrill_events=%ff", b"&".join([b"a=b"] * 50), b"{}"]
)
async def test_what_is_no_form_of_mandrill_is_none(body: bytes) -> None:
    """Anybody can post anything."""
    judged = await WEBHOOKS["mandrill"].judge(WebhookCall(headers={}, body=body))

    assert isinstance(judged, Malformed)


# ---------------------------------------------------------------- Scaleway


async def test_scaleway_is_believed_by_its_own_authority() -> None:
    """Its certificates lie in storage that anybody can rent."""
    by_itself, by_another = Amazon(), Amazon(issued_by_another())

    assert isinstance(await scaleway_webhook().judge(by_scaleway({})), Genuine)
    assert isinstance(await scaleway_webhook(by_itself).judge(by_scaleway({})), Forged)
    assert isinstance(await scaleway_webhook(by_another).judge(by_scaleway({})), Forged)


@pytest.mark.parametrize(
    "url",
    [
        "http://messaging.s3.fr-par.scw.cloud/fr-par/sns/cert.pem",
        "https://evil.s3.fr-par.scw.cloud/fr-par/sns/cert.pem",
        "https://messaging.s3.fr-par.scw.cloud.evil.example/fr-par/sns/cert.pem",
        "https://messaging.s3.fr-par.scw.cloud@evil.example/cert.pem",
        "https://messaging.s3.fr-par.scw.cloud/../cert.pem",
        "https://messaging.s3.fr-par.scw.cloud/cert.pem?x=1",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem",
    ],
)
async def test_a_certificate_of_scaleway_comes_from_its_hosts_only(url: str) -> None:
    """Nobody makes us call other hosts."""
    http = Amazon()
    call = sns("x", TopicArn=SCALEWAYS_TOPIC, signed_fields={"SigningCertURL": url})

    assert isinstance(await scaleway_webhook(http).judge(call), Forged)
    assert http.asked == []


@pytest.mark.parametrize(
    ("url", "is_theirs"),
    [
        ("https://sns.mnq.fr-par.scaleway.com/?Action=ConfirmSubscription&Token=t", True),
        ("https://sns.mnq.fr-par.scaleway.com.evil.example/?Action=ConfirmSubscription", False),
        ("https://evil.example/?Action=ConfirmSubscription", False),
        ("https://sns.mnq.fr-par.scaleway.com/ HTTP/1.1", False),
    ],
)
async def test_a_subscription_is_confirmed_at_scaleway_only(url: str, is_theirs: bool) -> None:
    """The URL comes with the message, and is followed to one host."""
    http = Amazon(issued_by_scaleway())
    call = sns("x", type_="SubscriptionConfirmation", TopicArn=SCALEWAYS_TOPIC, SubscribeURL=url,
               signed_fields={"SigningCertURL": SCALEWAYS_CERTIFICATE})  # fmt: skip

    judged = await scaleway_webhook(http).judge(call)

    assert isinstance(judged, Answered if is_theirs else Malformed)
    assert http.asked == [SCALEWAYS_CERTIFICATE, *([url] if is_theirs else [])]


def test_what_is_no_chain_stops_the_start() -> None:
    """It would refuse every event."""
    with pytest.raises(ConfigError, match="PEM"):
        scaleways((SCALEWAYS_TOPIC,), "nonsense")


# ---------------------------------------------------------------- Brevo


def test_brevo_alone_must_not_hear_of_a_5xx() -> None:
    """It drops the event for good; others come again."""
    drops = {name for name, webhook in WEBHOOKS.items() if not webhook.comes_again_after_5xx}

    assert drops == {"brevo"}
