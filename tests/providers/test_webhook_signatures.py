"""Whose call it is: vectors of the vendors, judges that are not ours, and everything else."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from mail_sender.clock import FakeClock
from mail_sender.domain.errors import ConfigError
from mail_sender.domain.secret import Secret
from mail_sender.providers.http import Phase, Silence
from mail_sender.providers.mailgun_webhook import MailgunWebhook
from mail_sender.providers.resend_webhook import ResendWebhook
from mail_sender.providers.sendgrid_webhook import SendGridWebhook
from mail_sender.providers.sns import SnsSubscription, amazons
from mail_sender.providers.webhook import (
    Answered,
    Forged,
    Genuine,
    Malformed,
    Undecided,
    WebhookCall,
)

from .make_webhooks import (
    AMAZON,
    CERTIFICATE,
    MAILGUN_KEY,
    NOW,
    RESEND_SECRET,
    TOPIC,
    Amazon,
    by_mailgun,
    by_resend,
    by_sendgrid,
    certificate_of,
    sendgrid_public_key,
    ses_webhook,
    sns,
)

HOUR = timedelta(hours=1)

# ---------------------------------------------------------------- Amazon SNS


@pytest.mark.parametrize("version", ["1", "2"])
async def test_both_signatures_of_sns_are_known(version: str) -> None:
    """Version 1 is what a topic has unless it is told otherwise."""
    call = sns("x", version=version, MessageId="m-1")

    assert await ses_webhook().judge(call) == Genuine("m-1")


async def test_a_message_without_a_subject_is_signed_without_one() -> None:
    """Then it stands in no signature."""
    envelope = json.loads(sns("x").body)
    assert "Subject" in envelope
    without = sns("x", type_="UnsubscribeConfirmation")

    assert isinstance(await ses_webhook().judge(without), Answered)


async def test_a_certificate_is_fetched_once() -> None:
    """An event must not cost a call to Amazon."""
    amazon = Amazon()
    webhook = ses_webhook(amazon)

    for _ in range(3):
        assert isinstance(await webhook.judge(sns("x")), Genuine)

    assert amazon.asked == [CERTIFICATE]


@pytest.mark.parametrize(
    "fields",
    [
        {"Message": "another"},
        {"MessageId": "another"},
        {"Subject": "another"},
        {"Signature": "AAAA"},
        {"Signature": "not base64!"},
        {"SignatureVersion": "3"},
        {"SignatureVersion": "1"},
    ],
)
async def test_whatever_is_changed_is_noticed(fields: dict[str, str]) -> None:
    """Each signed field, the signature and its version."""
    assert isinstance(await ses_webhook().judge(sns("x", signed_fields=fields)), Forged)


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0a.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com:444/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com/other.pem",
        "https://sns.eu-west-1.amazonaws.com/x/../SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem?x=1",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem#x",
        "https://mybucket.s3.amazonaws.com/SimpleNotificationService-0a.pem",
        "file:///etc/SimpleNotificationService-0a.pem",
        "",
    ],
)
async def test_a_certificate_comes_from_amazon_sns_only(url: str) -> None:
    """Whoever may name the certificate may sign anything; and nobody makes us call other hosts."""
    amazon = Amazon()

    judged = await ses_webhook(amazon).judge(sns("x", signed_fields={"SigningCertURL": url}))

    assert isinstance(judged, Forged)
    assert amazon.asked == []


async def test_a_topic_that_is_not_configured_is_not_believed() -> None:
    """Anybody may own a topic, and Amazon signs what he says."""
    other = f"{TOPIC}-of-somebody"
    amazon = Amazon()

    for type_ in ("Notification", "SubscriptionConfirmation"):
        judged = await ses_webhook(amazon).judge(sns("x", type_=type_, TopicArn=other))
        assert isinstance(judged, Forged)

    assert amazon.asked == []


async def test_a_subscription_to_our_topic_is_confirmed_at_amazon() -> None:
    """Not by the URL in the message, which may lead anywhere."""
    amazon = Amazon()
    call = sns("You have chosen to subscribe", type_="SubscriptionConfirmation",
               SubscribeURL="https://evil.example/?Action=ConfirmSubscription")  # fmt: skip

    judged = await ses_webhook(amazon).judge(call)

    assert isinstance(judged, Answered)
    topic = TOPIC.replace(":", "%3A")
    confirm = f"{AMAZON}/?Action=ConfirmSubscription&TopicArn={topic}&Token=2336412f37"
    assert amazon.asked == [CERTIFICATE, confirm]


async def test_a_subscription_that_cannot_be_confirmed_comes_again() -> None:
    """SNS repeats it; without it no event ever comes."""
    amazon = Amazon()
    webhook = ses_webhook(amazon)
    assert isinstance(await webhook.judge(sns("x")), Genuine)
    call = sns("x", type_="SubscriptionConfirmation")

    amazon.status = 403
    assert isinstance(await webhook.judge(call), Undecided)
    amazon.silent = Silence(Phase.CONNECT, "connection refused")
    assert isinstance(await webhook.judge(call), Undecided)
    odd = sns("x", type_="SubscriptionConfirmation", Token="a/../b?c")
    assert isinstance(await webhook.judge(odd), Malformed)


async def test_without_its_certificate_nobody_knows() -> None:
    """Amazon away is no reason to lose an event, nor to believe it."""
    amazon = Amazon()
    webhook = ses_webhook(amazon)
    silence = Silence(Phase.ANSWER, "no answer")
    for silent, status, body in (
        (silence, 200, b""), (None, 404, b""), (None, 200, b"no certificate"),
        (None, 200, b"x" * 100_000),
    ):  # fmt: skip
        amazon.silent, amazon.status, amazon.body = silent, status, body
        assert isinstance(await webhook.judge(sns("x")), Undecided)


async def test_forged_calls_do_not_make_us_call_amazon_all_day() -> None:
    """Each names another certificate; after ten in a minute it is enough."""
    amazon = Amazon()
    clock = FakeClock(NOW)
    webhook = ses_webhook(amazon, clock=clock)

    for number in range(30):
        url = f"{AMAZON}/SimpleNotificationService-{number}.pem"
        await webhook.judge(sns("x", signed_fields={"SigningCertURL": url, "Signature": "AAAA"}))
    assert len(amazon.asked) == 10

    clock.advance(timedelta(seconds=61))
    assert isinstance(await webhook.judge(sns("x")), Genuine)


async def test_a_certificate_counts_while_it_is_valid() -> None:
    """And only one with a key that SNS signs with."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    over = Amazon(certificate_of(key, until=NOW - HOUR))
    elliptic = Amazon(certificate_of(ec.generate_private_key(ec.SECP256R1())))

    assert isinstance(await ses_webhook(over).judge(sns("x")), Forged)
    assert isinstance(await ses_webhook(elliptic).judge(sns("x")), Forged)


@pytest.mark.parametrize("after", [timedelta(hours=3), -timedelta(hours=1)])
async def test_an_old_notification_of_sns_is_refused(after: timedelta) -> None:
    """SNS repeats for an hour. Who overheard it last year must not repeat it for ever."""
    call = sns("x")

    assert isinstance(await ses_webhook(clock=FakeClock(NOW + after)).judge(call), Forged)
    assert isinstance(await ses_webhook(clock=FakeClock(NOW + HOUR)).judge(call), Genuine)


@pytest.mark.parametrize(
    ("topic", "base"),
    [
        ("arn:aws-cn:sns:cn-north-1:123456789012:ms", "https://sns.cn-north-1.amazonaws.com.cn"),
        ("arn:aws-us-gov:sns:us-gov-west-1:123456789012:ms.fifo",
         "https://sns.us-gov-west-1.amazonaws.com"),
    ],
)  # fmt: skip
async def test_each_part_of_amazon_has_its_hosts(topic: str, base: str) -> None:
    """The host is that of the topic, computed and not read."""
    amazon = Amazon()
    subscription = SnsSubscription(amazons((topic,)), http=amazon, clock=FakeClock(NOW))
    url = f"{base}/SimpleNotificationService-0.pem"

    call = sns("x", TopicArn=topic, signed_fields={"SigningCertURL": url})

    assert isinstance(await subscription.judge(call.body), Genuine)


def test_what_is_no_topic_cannot_be_configured() -> None:
    """A mistyped ARN would refuse every event."""
    with pytest.raises(ValueError, match="ARN"):
        amazons(("arn:aws:sns:eu-west-1:1:ms",))


async def test_an_imitation_of_sns_is_believed_where_it_is_configured() -> None:
    """And then Amazon is not: there is one place to ask."""
    amazon = Amazon()
    webhook = ses_webhook(amazon, endpoint_url="http://127.0.0.1:4566/")
    here = "http://127.0.0.1:4566/SimpleNotificationService-0.pem"

    assert isinstance(await webhook.judge(sns("x")), Forged)
    judged = await webhook.judge(sns("x", signed_fields={"SigningCertURL": here}))

    assert isinstance(judged, Genuine)
    assert amazon.asked == [here]


# ---------------------------------------------------------------- Mailgun


def mailgun(at: datetime = NOW) -> MailgunWebhook:
    return MailgunWebhook(Secret(MAILGUN_KEY), FakeClock(at))


async def test_the_vector_of_mailgun() -> None:
    """Key, time and token of the documentation's method, computed apart from our code."""
    token = "c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ffeeab"
    signature = "117ca31fe4002e79cfd6162a933085ab0f29c7f96e9347fdda7dbabeafa7d4be"
    signed = {"timestamp": "1795487700", "token": token, "signature": signature}
    call = WebhookCall(headers={}, body=json.dumps({"signature": signed}).encode())

    assert await mailgun().judge(call) == Genuine(token)


async def test_mailgun_is_believed_by_its_key_and_time_alone() -> None:
    """Another key, another time, or none."""
    event = {"event": "delivered"}

    assert isinstance(await mailgun().judge(by_mailgun(event)), Genuine)
    assert isinstance(await mailgun().judge(by_mailgun(event, key="other")), Forged)
    assert isinstance(await mailgun(NOW + 13 * HOUR).judge(by_mailgun(event)), Forged)
    assert isinstance(await mailgun(NOW + 11 * HOUR).judge(by_mailgun(event)), Genuine)
    unsigned = WebhookCall(headers={}, body=b'{"event-data": {"event": "delivered"}}')
    assert isinstance(await mailgun().judge(unsigned), Malformed)


# ---------------------------------------------------------------- SendGrid

SENDGRID_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEDYfulhBWqJD/+MMe1wofRgwi+LcDNZz9PtnZNVklTLIlZxQWZp42DU6ozY"
    "pxNz5/tUDrUQApgScloNvt5IePNg=="
)
SENDGRID_SIGNATURE = (
    "MEQCIGDGIM7bbrDe7CRRyn65S6j1/+74E2QcoHTBHpE/Dx51"
    "AiBwqUkW+n+4iH5FdC1wte0C+6dpoS+SuZs/AVYPw0Jnrw=="
)


def sendgrid(at: datetime = NOW, key: str | None = None) -> SendGridWebhook:
    return SendGridWebhook(key or sendgrid_public_key(), FakeClock(at))


async def test_the_vector_of_sendgrid() -> None:
    """Made with SendGrid's own helper; the line end is signed too."""
    headers = {
        "x-twilio-email-event-webhook-signature": SENDGRID_SIGNATURE,
        "x-twilio-email-event-webhook-timestamp": "1795487700",
    }
    body = b'[{"email":"a@example.com","event":"processed"}]\r\n'
    webhook = sendgrid(key=SENDGRID_KEY)

    assert isinstance(await webhook.judge(WebhookCall(headers=headers, body=body)), Genuine)
    stripped = WebhookCall(headers=headers, body=body.strip())
    assert isinstance(await webhook.judge(stripped), Forged)


async def test_sendgrid_is_believed_by_its_signature_and_time() -> None:
    """A batch may be repeated for a day."""
    call = by_sendgrid([{"event": "open"}])

    assert isinstance(await sendgrid().judge(call), Genuine)
    assert isinstance(await sendgrid(NOW + 25 * HOUR).judge(call), Genuine)
    assert isinstance(await sendgrid(NOW + 27 * HOUR).judge(call), Forged)
    assert isinstance(await sendgrid(key=SENDGRID_KEY).judge(call), Forged)
    assert isinstance(await sendgrid().judge(replace(call, headers={})), Malformed)
    spoilt = {**call.headers, "x-twilio-email-event-webhook-signature": "!"}
    assert isinstance(await sendgrid().judge(replace(call, headers=spoilt)), Forged)


@pytest.mark.parametrize("key", ["", "x", b64encode(b"no key").decode()])
def test_a_wrong_key_of_sendgrid_stops_the_start(key: str) -> None:
    """It would refuse every event."""
    with pytest.raises(ConfigError):
        SendGridWebhook(key, FakeClock(NOW))


# ---------------------------------------------------------------- Resend


def resend(at: datetime = NOW) -> ResendWebhook:
    return ResendWebhook(Secret(RESEND_SECRET), FakeClock(at))


async def test_the_vector_of_svix() -> None:
    """Equal to what Svix's own library makes."""
    headers = {
        "svix-id": "msg_example1",
        "svix-timestamp": "1795487700",
        "svix-signature": "v1,yEpBj5g2Rn2abzeVJ3pMM1QhelgL2QoJ3ee3u4NSpiw=",
    }
    body = b'{"type":"email.sent","data":{"email_id":"4ef9a417-0000-4000-8000-000000000001"}}'

    judged = await resend().judge(WebhookCall(headers=headers, body=body))

    assert judged == Genuine("msg_example1")


async def test_resend_is_believed_as_svix_signs() -> None:
    """By any of several signatures, within five minutes, and by nothing else."""
    call = by_resend({"type": "email.sent"})
    signature = call.headers["svix-signature"]

    assert isinstance(await resend().judge(call), Genuine)
    changing = {**call.headers, "svix-signature": f"v1,AAAA v1a,BBBB {signature}"}
    assert isinstance(await resend().judge(replace(call, headers=changing)), Genuine)
    named = {k.replace("svix", "webhook"): v for k, v in call.headers.items()}
    assert isinstance(await resend().judge(replace(call, headers=named)), Genuine)
    for wrong in ("", "v1,", "v2,AAAA", signature.removeprefix("v1,")):
        headers = {**call.headers, "svix-signature": wrong}
        judged = await resend().judge(replace(call, headers=headers))
        assert isinstance(judged, Forged | Malformed)
    assert isinstance(await resend(NOW + timedelta(minutes=6)).judge(call), Forged)
    assert isinstance(await resend().judge(replace(call, headers={})), Malformed)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_?", "c2VjcmV0"])
def test_a_wrong_secret_of_resend_stops_the_start(secret: str) -> None:
    """It would refuse every event."""
    with pytest.raises(ConfigError):
        ResendWebhook(Secret(secret), FakeClock(NOW))
