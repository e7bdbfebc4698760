"""Django with Anymail: each backend pointed at the gateway by its settings alone."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import django
import pytest
from anymail.exceptions import AnymailRequestsAPIError
from anymail.message import AnymailMessage, attach_inline_image
from django.conf import settings
from django.core.mail import get_connection
from django.test.utils import override_settings

from .meant import MEANT, as_text, texts
from .running import Gateway

#: Anymail does not look after SendGrid any more; its backend works all the same.
pytestmark = pytest.mark.filterwarnings("ignore::anymail.exceptions.AnymailNotSupportedWarning")

if not settings.configured:
    settings.configure(INSTALLED_APPS=["anymail"], USE_TZ=True)
    django.setup()


def _settings(gateway: Gateway, name: str) -> dict[str, Any]:
    """Return what a Django project would change: address and key."""
    at = f"{gateway.url}/compat/{name}"
    id_, secret = gateway.ses_key_pair
    every: dict[str, dict[str, Any]] = {
        "ses": {
            "AMAZON_SES_CLIENT_PARAMS": {
                "endpoint_url": at, "region_name": "eu-west-1", "aws_access_key_id": id_,
                "aws_secret_access_key": secret,
            }
        },
        "sendgrid": {"SENDGRID_API_KEY": gateway.key, "SENDGRID_API_URL": f"{at}/v3/"},
        "mailgun": {
            "MAILGUN_API_KEY": gateway.key, "MAILGUN_API_URL": f"{at}/v3",
            "MAILGUN_SENDER_DOMAIN": "mg.example.com",
        },
        "postmark": {"POSTMARK_SERVER_TOKEN": gateway.key, "POSTMARK_API_URL": f"{at}/"},
        "resend": {"RESEND_API_KEY": gateway.key, "RESEND_API_URL": f"{at}/"},
    }  # fmt: skip
    return every[name]


_BACKENDS = {
    "ses": "anymail.backends.amazon_ses.EmailBackend",
    "sendgrid": "anymail.backends.sendgrid.EmailBackend",
    "mailgun": "anymail.backends.mailgun.EmailBackend",
    "postmark": "anymail.backends.postmark.EmailBackend",
    "resend": "anymail.backends.resend.EmailBackend",
}


@pytest.fixture(params=_BACKENDS)
def backend(request: pytest.FixtureRequest, gateway: Gateway) -> Iterator[Any]:
    """A backend with its settings."""
    with override_settings(ANYMAIL=_settings(gateway, request.param)):
        yield get_connection(_BACKENDS[request.param])


def test_a_project_sends_what_it_meant(backend: Any, gateway: Gateway) -> None:  # noqa: ANN401
    """Text, HTML, a file, a picture, copies, a header and a tag."""
    subject = f"Anymail {type(backend).__module__.rpartition('.')[2]}"
    mail = AnymailMessage(
        subject=subject, body=MEANT["text"], from_email=as_text(MEANT["from"]), to=texts("to"),
        cc=texts("cc"), bcc=texts("bcc"), reply_to=texts("reply_to"),
        headers={"X-MS-Route": "elsewhere", "X-App": "shop"}, connection=backend,
    )  # fmt: skip
    pdf, png = (bytes.fromhex(file["content"]) for file in MEANT["files"])
    cid = attach_inline_image(mail, png, filename="logo.png", domain="example.com")
    mail.attach_alternative(f'<p>Thanks ☃ <img src="cid:{cid}"></p>', "text/html")
    mail.attach("inv.pdf", pdf, "application/pdf")
    mail.tags = ["orders"]
    mail.metadata = {"order": "7"}

    assert mail.send() == 1

    assert mail.anymail_status.message_id
    [id_] = gateway.newest(1, subject=subject)
    arrived = gateway.arrived(id_)
    contents = arrived["contents"]
    assert arrived["provider"] == "ses"
    assert contents["from"] == [MEANT["from"]]
    assert contents["to"] == MEANT["to"]
    assert contents["cc"] == MEANT["cc"]
    assert contents["reply_to"] == MEANT["reply_to"]
    assert sorted(arrived["recipients"]) == sorted(
        box["address"] for name in ("to", "cc", "bcc") for box in MEANT[name]
    )
    assert contents["text"].strip() == MEANT["text"]
    assert f"cid:{cid}" in contents["html"] or "cid:logo.png" in contents["html"]
    files = {b64decode(file["content"]) for file in contents["attachments"]}
    assert {pdf, png} <= files


def test_a_project_is_told_why_it_is_refused(gateway: Gateway) -> None:
    """Anymail shows the vendor's error."""
    with override_settings(ANYMAIL={**_settings(gateway, "postmark"),
                                    "POSTMARK_SERVER_TOKEN": "wrong"}):  # fmt: skip
        mail = AnymailMessage(
            "Hi", "Hi", "shop@example.com", ["ann@example.net"],
            connection=get_connection(_BACKENDS["postmark"]),
        )  # fmt: skip
        with pytest.raises(AnymailRequestsAPIError, match="There is no such API key"):
            mail.send()
