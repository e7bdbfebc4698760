"""One small mail through each library for Python: what a program does all day."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import resend
from mailgun.client import Client as MailgunClient
from postmarker.core import PostmarkClient
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Mail

from .running import Gateway

SENDER, ANN = "Shop <shop@example.com>", "ann@example.net"


def with_resend(gateway: Gateway, subject: str) -> Any:  # noqa: ANN401
    """Send with Resend's."""
    resend.api_url, resend.api_key = f"{gateway.url}/compat/resend", gateway.key
    return resend.Emails.send({"from": SENDER, "to": ANN, "subject": subject, "text": "Hi"})


def with_postmark(gateway: Gateway, subject: str) -> Any:  # noqa: ANN401
    """Send with Postmarker."""
    url = f"{gateway.url}/compat/postmark/"
    client = PostmarkClient(server_token=gateway.key, root_api_url=url)
    return client.emails.send(From=SENDER, To=ANN, Subject=subject, TextBody="Hi")


def with_sendgrid(gateway: Gateway, subject: str) -> Any:  # noqa: ANN401
    """Send with SendGrid's."""
    client = SendGridAPIClient(gateway.key, host=f"{gateway.url}/compat/sendgrid")
    return client.send(Mail("shop@example.com", ANN, subject, "Hi"))


def with_mailgun(gateway: Gateway, subject: str) -> Any:  # noqa: ANN401
    """Send with Mailgun's."""
    client = MailgunClient(auth=("api", gateway.key), api_url=f"{gateway.url}/compat/mailgun")
    data = {"from": SENDER, "to": ANN, "subject": subject, "text": "Hi"}
    answer = client.messages.create(data=data, domain="mg.example.com")
    answer.raise_for_status()
    return answer


def with_boto3(gateway: Gateway, subject: str) -> Any:  # noqa: ANN401
    """Send with boto3."""
    return ses_client(gateway).send_email(
        FromEmailAddress=SENDER,
        Destination={"ToAddresses": [ANN]},
        Content={"Simple": {"Subject": {"Data": subject}, "Body": {"Text": {"Data": "Hi"}}}},
    )


def ses_client(gateway: Gateway, pair: tuple[str, str] | None = None) -> Any:  # noqa: ANN401
    """Return boto3's client, with the key pair that stands for the gateway's key."""
    id_, secret = pair or gateway.ses_key_pair
    session = boto3.Session(
        aws_access_key_id=id_, aws_secret_access_key=secret, region_name="eu-west-1"
    )
    return session.client("sesv2", endpoint_url=f"{gateway.url}/compat/ses")


CLIENTS: dict[str, Callable[[Gateway, str], Any]] = {
    "resend": with_resend,
    "postmark": with_postmark,
    "sendgrid": with_sendgrid,
    "mailgun": with_mailgun,
    "boto3": with_boto3,
}
