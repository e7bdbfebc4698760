"""The list of providers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

import mail_sender.providers
from mail_sender.domain.errors import ConfigError
from mail_sender.providers.port import Provider
from mail_sender.providers.registry import (
    KINDS,
    kinds,
    make_provider,
    make_webhook,
    settings_of,
    webhook_needs,
)
from tests.providers.scripted_http import ScriptedHttp
from tests.providers.tables import settings_from
from tests.providers.tools import make_tools


@pytest.mark.parametrize("kind", kinds())
def test_each_kind_is_made_from_its_table(kind: str) -> None:
    """What the documentation promises for `kind = …`, without a line elsewhere."""
    provider: Provider = make_provider("main", settings_from(kind), make_tools(ScriptedHttp()))

    assert provider.kind == kind
    assert provider.name == "main"
    assert provider.sender is None
    assert provider.capabilities.max_recipients > 0


@pytest.mark.parametrize("kind", kinds())
def test_each_kind_knows_the_only_address_that_it_may_send_as(kind: str) -> None:
    """Failover rewrites the sender by it."""
    settings = settings_from(kind, sender="noreply@mail.example.com")

    provider = make_provider("main", settings, make_tools(ScriptedHttp()))

    assert provider.sender == "noreply@mail.example.com"


@pytest.mark.parametrize("kind", kinds())
def test_each_setting_says_what_it_is_for(kind: str) -> None:
    """The configuration page is made from these words."""
    info = msgspec.inspect.type_info(settings_of(kind))

    assert isinstance(info, msgspec.inspect.StructType)
    for field in info.fields:
        assert "description" in repr(field.type), field.name


def test_every_file_with_a_factory_is_listed() -> None:
    """A provider that is written and not listed cannot be used."""
    folder = Path(mail_sender.providers.__file__).parent
    written = {
        path.stem
        for path in folder.glob("*.py")
        if "\ndef make(" in path.read_text(encoding="utf-8")
    }

    assert written == set(KINDS)


def test_an_unknown_kind_names_those_that_exist() -> None:
    """`kind = "gmail"` is a fair guess; the answer must help."""
    with pytest.raises(ConfigError, match=r"'gmail'.*ses, mailgun"):
        settings_of("gmail")


def test_settings_of_another_kind_are_refused() -> None:
    """Made from them, a provider would fail at its first mail instead of at the start."""
    settings = settings_from("mailgun")

    with pytest.raises(ConfigError, match="not the settings of 'ses'"):
        make_provider(
            "x", msgspec.structs.replace(settings, kind="ses"), make_tools(ScriptedHttp())
        )


@pytest.mark.parametrize(
    ("kind", "more", "named"),
    [
        ("ses", {"region": "EU west"}, "region"),
        ("ses", {"endpoint_url": "email.example.com"}, "endpoint_url"),
        ("ses", {"endpoint_url": "https://user@example.com"}, "endpoint_url"),
        ("ses", {"configuration_set": "my set"}, "configuration_set"),
        ("ses", {"api_key": "x"}, "api_key"),
        ("mailgun", {"base_url": "ftp://api.mailgun.net"}, "base_url"),
        ("mailgun", {"domain": "mg.example.com/x"}, "domain"),
    ],
)
def test_a_setting_that_cannot_work_stops_the_start(
    kind: str, more: dict[str, Any], named: str
) -> None:
    """Found at the first mail, it would be a mail lost."""
    with pytest.raises(ConfigError, match=named):
        settings_from(kind, **more)


@pytest.mark.parametrize(
    ("kind", "wrong"), [("sendgrid", "webhook_public_key"), ("resend", "webhook_secret")]
)
def test_a_key_that_no_event_can_be_judged_by_stops_the_start(kind: str, wrong: str) -> None:
    """It would refuse every event, and the provider would give up."""
    settings = settings_from(kind, **{wrong: "nonsense"})

    with pytest.raises(ConfigError, match=rf"providers\.main\.{wrong}"):
        make_webhook("main", settings, make_tools(ScriptedHttp()))


@pytest.mark.parametrize("kind", [kind for kind in kinds() if webhook_needs(kind) is not None])
def test_without_its_key_no_event_of_a_provider_is_taken(kind: str) -> None:
    """Anybody could tell anything."""
    assert make_webhook("main", settings_from(kind), make_tools(ScriptedHttp())) is None
    needed = str(webhook_needs(kind)).removesuffix("_file")
    assert needed in {field.name for field in msgspec.structs.fields(settings_of(kind))}
