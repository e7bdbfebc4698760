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


@dataclass(frozen=True, slots=True)
class Kind:
    """What makes a provider: its table in the configuration, and its factory.

    Attributes:
        make: Called with a name, settings of just that type, and tools.
    """

    settings: type[CommonSettings]
    make: Callable[[str, Any, Tools], Provider]


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "ses": Kind(ses.Settings, ses.make),
        "mailgun": Kind(mailgun.Settings, mailgun.make),
        "postmark": Kind(postmark.Settings, postmark.make),
        "sendgrid": Kind(sendgrid.Settings, sendgrid.make),
        "resend": Kind(resend.Settings, resend.make),
        "brevo": Kind(brevo.Settings, brevo.make),
        "mailjet": Kind(mailjet.Settings, mailjet.make),
        "sparkpost": Kind(sparkpost.Settings, sparkpost.make),
        "mailtrap": Kind(mailtrap.Settings, mailtrap.make),
        "mailersend": Kind(mailersend.Settings, mailersend.make),
        "scaleway": Kind(scaleway.Settings, scaleway.make),
        "postal": Kind(postal.Settings, postal.make),
        "mandrill": Kind(mandrill.Settings, mandrill.make),
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
    kind = _known(settings.kind)
    if not isinstance(settings, kind.settings):
        raise ConfigError(f"providers.{name}: these are not the settings of {settings.kind!r}")
    return kind.make(name, settings, tools)


def _known(kind: str) -> Kind:
    found = KINDS.get(kind)
    if found is None:
        raise ConfigError(f"there is no provider of kind {kind!r}; known are {', '.join(KINDS)}")
    return found
