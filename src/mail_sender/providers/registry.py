"""Which kinds of providers there are: the only file that lists them.

Neighbours: configuration tables become the settings found here, `app` makes the providers. A
new provider is one file with `Settings` and `make`, and one line below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ..domain.errors import ConfigError
from . import (
    brevo,
    mailersend,
    mailgun,
    mailjet,
    mailtrap,
    mandrill,
    postal,
    postmark,
    resend,
    sandbox,
    scaleway,
    sendgrid,
    ses,
    smtp,
    sparkpost,
)
from .port import Provider
from .settings import CommonSettings, Tools
from .webhook import Webhook


@dataclass(frozen=True, slots=True)
class Kind:
    """What makes a provider: its table in the configuration, and its factories.

    Attributes:
        make: Called with a name, settings of just that type, and tools.
        make_webhook: Likewise, for what takes its events; it returns None when they lack the
            setting `webhook_needs`. None: it tells nothing.
    """

    settings: type[CommonSettings]
    make: Callable[[str, Any, Tools], Provider]
    make_webhook: Callable[[str, Any, Tools], Webhook | None] | None = None
    webhook_needs: str = ""


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "ses": Kind(ses.Settings, ses.make, ses.make_webhook, "topic_arns"),
        "mailgun": Kind(
            mailgun.Settings, mailgun.make, mailgun.make_webhook, "webhook_signing_key_file"
        ),
        "postmark": Kind(
            postmark.Settings, postmark.make, postmark.make_webhook, "webhook_password_file"
        ),
        "sendgrid": Kind(
            sendgrid.Settings, sendgrid.make, sendgrid.make_webhook, "webhook_public_key"
        ),
        "resend": Kind(resend.Settings, resend.make, resend.make_webhook, "webhook_secret_file"),
        "brevo": Kind(brevo.Settings, brevo.make, brevo.make_webhook, "webhook_password_file"),
        "mailjet": Kind(
            mailjet.Settings, mailjet.make, mailjet.make_webhook, "webhook_password_file"
        ),
        "sparkpost": Kind(
            sparkpost.Settings, sparkpost.make, sparkpost.make_webhook, "webhook_password_file"
        ),
        "mailtrap": Kind(
            mailtrap.Settings, mailtrap.make, mailtrap.make_webhook, "webhook_secret_file"
        ),
        "mailersend": Kind(
            mailersend.Settings, mailersend.make, mailersend.make_webhook, "webhook_secret_file"
        ),
        "scaleway": Kind(
            scaleway.Settings, scaleway.make, scaleway.make_webhook, "webhook_trust_chain_file"
        ),
        "postal": Kind(postal.Settings, postal.make, postal.make_webhook, "webhook_public_key"),
        "mandrill": Kind(
            mandrill.Settings, mandrill.make, mandrill.make_webhook, "webhook_key_file"
        ),
        "smtp": Kind(smtp.Settings, smtp.make),
        "sandbox": Kind(sandbox.Settings, sandbox.make),
    }
)


def kinds() -> tuple[str, ...]:
    """Return the words that `kind` may have in a provider's table."""
    return tuple(KINDS)


def settings_of(kind: str) -> type[CommonSettings]:
    """Return the type of the settings that a provider of this kind has.

    Raises:
        ConfigError: There is no such kind.
    """
    return _known(kind).settings


def make_provider(name: str, settings: CommonSettings, tools: Tools) -> Provider:
    """Return the provider that a table describes.

    Args:
        name: Of the table, such as `ses-eu`.
        settings: Of the type that `settings_of(settings.kind)` names.
        tools: From the composition root.

    Raises:
        ConfigError: There is no such kind, or the settings are another kind's.
    """
    return _kind_of(name, settings).make(name, settings, tools)


def make_webhook(name: str, settings: CommonSettings, tools: Tools) -> Webhook | None:
    """Return what takes the events of the provider that a table describes.

    None when it tells nothing, or lacks what its events are judged by: `webhook_needs`.

    Raises:
        ConfigError: As `make_provider`.
    """
    make = _kind_of(name, settings).make_webhook
    try:
        return make(name, settings, tools) if make is not None else None
    except ConfigError as error:
        raise ConfigError(f"providers.{name}.{webhook_needs(settings.kind)}: {error}") from None


def webhook_needs(kind: str) -> str | None:
    """Return the setting without which no event of such a provider is taken.

    None when it tells nothing anyway.
    """
    known = _known(kind)
    return known.webhook_needs if known.make_webhook is not None else None


def _kind_of(name: str, settings: CommonSettings) -> Kind:
    kind = _known(settings.kind)
    if not isinstance(settings, kind.settings):
        raise ConfigError(f"providers.{name}: these are not the settings of {settings.kind!r}")
    return kind


def _known(kind: str) -> Kind:
    found = KINDS.get(kind)
    if found is None:
        raise ConfigError(f"there is no provider of kind {kind!r}; known are {', '.join(KINDS)}")
    return found
