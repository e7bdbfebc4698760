"""A table of each kind of provider, as it stands in a configuration file."""

from __future__ import annotations

from typing import Any

from mail_sender.config import Source, table_to
from mail_sender.providers.registry import settings_of
from mail_sender.providers.settings import CommonSettings

#: A table of each kind, as small as it can be.
TABLES: dict[str, dict[str, Any]] = {
    "ses": {"region": "eu-west-1", "access_key_id": "AKIA1", "secret_access_key": "s"},
    "mailgun": {"domain": "mg.example.com", "api_key": "k"},
    "postmark": {"server_token": "postmark-server-token"},
    "sendgrid": {"api_key": "SG.sendgrid-key"},
    "resend": {"api_key": "re_resend_key"},
    "brevo": {"api_key": "xkeysib-brevo-key"},
    "mailjet": {"api_key": "mailjet-public", "secret_key": "mailjet-secret"},
    "sparkpost": {"api_key": "sparkpost-key"},
    "mailtrap": {"api_token": "mailtrap-token"},
    "mailersend": {"api_token": "mlsn.mailersend-token", "domain_id": "d1"},
    "scaleway": {
        "project_id": "11111111-2222-4333-8444-555555555555",
        "secret_key": "scaleway-secret",
    },
    "postal": {"api_key": "postal-key", "base_url": "https://postal.example.com"},
    "mandrill": {"api_key": "md-mandrill-key"},
    "smtp": {"host": "smtp.example.net"},
    "sandbox": {},
}


def settings_from(kind: str, **more: Any) -> CommonSettings:  # noqa: ANN401
    """Return settings as they come out of a configuration file."""
    table = {"kind": kind, **TABLES[kind], **more}
    return table_to(settings_of(kind), table, f"providers.{kind}", Source(environ={}))


def settings_at(kind: str, url: str) -> CommonSettings:
    """Return settings that lead every call to this URL."""
    more = {"logs_url": url} if kind == "mailtrap" else {}
    return settings_from(kind, base_url=url, **more)


#: What each kind's far side must never be able to show.
SECRETS = {
    "postmark": ("postmark-server-token",),
    "sendgrid": ("SG.sendgrid-key",),
    "resend": ("re_resend_key",),
    "brevo": ("xkeysib-brevo-key",),
    "mailjet": ("mailjet-secret",),
    "sparkpost": ("sparkpost-key",),
    "mailtrap": ("mailtrap-token",),
    "mailersend": ("mlsn.mailersend-token",),
    "scaleway": ("scaleway-secret",),
    "postal": ("postal-key",),
    "mandrill": ("md-mandrill-key",),
}
