"""What `config` promises: every mistake stops the start and is named, and no secret is shown."""

from __future__ import annotations

import ast
import json
import typing
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from mail_sender.app import Settings, find_config, load_settings, sandbox_settings
from mail_sender.cli.settings import document_of
from mail_sender.config import Config, Source, load, shown, table_to
from mail_sender.domain.errors import ConfigError
from mail_sender.domain.message import OnUnknown
from mail_sender.domain.secret import Secret
from mail_sender.providers.registry import KINDS, settings_of
from mail_sender.providers.settings import CommonSettings

SRC = Path(__file__).parent.parent / "src" / "mail_sender"
SECRET = "hunter2-very-secret"

COMPLETE = f"""
[server]
listen = "127.0.0.1:9000"

[queue]
give_up_after = "PT2H"

[providers.ses]
kind = "ses"
region = "eu-west-1"
access_key_id = "AKIAEXAMPLE"
secret_access_key = "{SECRET}"
sender = "noreply@mail.example.com"

[providers.mailgun-eu]
kind = "mailgun"
domain = "mg.example.com"
api_key_file = "secrets/mailgun"

[routes.default]
providers = ["ses", "mailgun-eu"]

[routes.codes]
providers = ["mailgun-eu"]
on_unknown = "risk_duplicate"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a configuration file with a secret beside it."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "mailgun").write_text(f"{SECRET}\n")
    path = tmp_path / "mail-sender.toml"
    path.write_text(COMPLETE)
    return path


def settings_from(
    file: Path, text: str | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    if text is not None:
        file.write_text(text)
    return load_settings(Source(file=file, environ=environ or {}))


def why_refused(file: Path, text: str, environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as refused:
        settings_from(file, text, environ)
    return str(refused.value)


# ---------------------------------------------------------------- what is read


def test_a_whole_file_becomes_typed_settings(file: Path) -> None:
    """Everything below the composition root works with types, never with raw tables."""
    settings = settings_from(file)

    assert settings.config.server.listen == "127.0.0.1:9000"
    assert settings.config.queue.give_up_after == timedelta(hours=2)
    assert settings.config.routes["default"].providers == ("ses", "mailgun-eu")
    assert settings.config.routes["codes"].on_unknown is OnUnknown.RISK_DUPLICATE
    assert not settings.is_demo
    assert {name: s.kind for name, s in settings.providers.items()} == {
        "ses": "ses",
        "mailgun-eu": "mailgun",
    }


def test_a_secret_is_read_from_the_file_beside_the_configuration(file: Path) -> None:
    """A relative name must not depend on where the process was started; the line end is no part."""
    mailgun = settings_from(file).providers["mailgun-eu"]

    assert getattr(mailgun, "api_key") == Secret(SECRET)  # noqa: B009 - of the kind's own type


def test_variables_win_over_the_file(file: Path) -> None:
    """A container changes one setting without another file."""
    environ = {
        "MAIL_SENDER_SERVER_LISTEN": "0.0.0.0:80",
        "MAIL_SENDER_QUEUE_GIVE_UP_AFTER": "PT5M",
        "MAIL_SENDER_QUEUE_MAX_QUEUED": "5_000",
        "MAIL_SENDER_LOG_MASK_ADDRESSES": "true",
        "MAIL_SENDER_SERVER_CORS_ORIGINS": "https://a.example.com, https://b.example.com",
        "MAIL_SENDER_PROVIDERS_MAILGUN_EU_DOMAIN": "other.example.com",
        "MAIL_SENDER_PROVIDERS_MAILGUN_EU_API_KEY": "from the variable",
        "MAIL_SENDER_ROUTES_DEFAULT_PROVIDERS": "mailgun-eu,ses",
    }

    settings = settings_from(file, environ=environ)

    assert settings.config.server.listen == "0.0.0.0:80"
    assert settings.config.queue.give_up_after == timedelta(minutes=5)
    assert settings.config.queue.max_queued == 5000
    assert settings.config.log.mask_addresses
    assert settings.config.server.cors_origins == (
        "https://a.example.com",
        "https://b.example.com",
    )
    assert settings.config.routes["default"].providers == ("mailgun-eu", "ses")
    mailgun = msgspec.structs.asdict(settings.providers["mailgun-eu"])
    assert mailgun["domain"] == "other.example.com"
    assert mailgun["api_key"] == Secret("from the variable")


def test_a_variable_may_name_the_file_of_a_secret(file: Path, tmp_path: Path) -> None:
    """Docker and systemd mount secrets as files and set variables to their names."""
    (tmp_path / "elsewhere").write_text("from the other file")
    environ = {
        "MAIL_SENDER_PROVIDERS_SES_SECRET_ACCESS_KEY_FILE": str(tmp_path / "elsewhere"),
    }

    ses = msgspec.structs.asdict(settings_from(file, environ=environ).providers["ses"])

    assert ses["secret_access_key"] == Secret("from the other file")


def test_everything_can_come_from_variables_alone() -> None:
    """A container image needs no file at all."""
    environ = {
        "MAIL_SENDER_PROVIDERS_SES_KIND": "ses",
        "MAIL_SENDER_PROVIDERS_SES_REGION": "eu-west-1",
        "MAIL_SENDER_PROVIDERS_SES_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "MAIL_SENDER_PROVIDERS_SES_SECRET_ACCESS_KEY": SECRET,
        "MAIL_SENDER_ROUTES_DEFAULT_PROVIDERS": "ses",
        "PATH": "/bin",
    }

    settings = load_settings(Source(environ=environ))

    assert list(settings.providers) == ["ses"]
    assert settings.config.routes["default"].providers == ("ses",)


def test_without_any_provider_the_embedded_defaults_stand() -> None:
    """A newcomer starts it with nothing, and no real mail can leave."""
    settings = load_settings(Source())

    assert settings.is_demo
    assert settings.config.sandbox.enabled
    assert settings.config.routes["default"].providers == ("ses", "mailgun", "relay")


def test_further_providers_are_imitated_where_they_are_wanted() -> None:
    """A gateway that is tried out with other providers needs addresses that stay."""
    environ = {"MAIL_SENDER_SANDBOX_FURTHER": "postmark:8031,resend"}

    wanted = sandbox_settings(load(Source(environ=environ)).sandbox)

    assert wanted.accounts.keys() == {"ses", "mailgun", "relay", "postmark", "resend"}
    assert (wanted.ports["postmark"], wanted.ports["resend"]) == (8031, 0)


@pytest.mark.parametrize("entry", ["postmrak", "ses", "smtp:x", ":8031"])
def test_what_cannot_be_imitated_is_named(entry: str) -> None:
    """A misspelt word that is ignored looks like a provider that is down."""
    config = load(Source(environ={"MAIL_SENDER_SANDBOX_FURTHER": entry})).sandbox

    with pytest.raises(ConfigError, match=r"sandbox\.further.*postmark"):
        sandbox_settings(config)


def test_the_variables_of_client_commands_are_no_settings() -> None:
    """Whoever exports MAIL_SENDER_URL for `send` can still start a gateway in that shell."""
    environ = dict.fromkeys(("MAIL_SENDER_URL", "MAIL_SENDER_KEY", "MAIL_SENDER_CONFIG"), "x")

    assert load(Source(environ=environ)) == Config()


# ---------------------------------------------------------------- which file


def test_the_named_file_is_read_before_the_variable_and_the_directory(tmp_path: Path) -> None:
    """--config, MAIL_SENDER_CONFIG, ./mail-sender.toml: the more explicit one."""
    (tmp_path / "mail-sender.toml").touch()
    environ = {"MAIL_SENDER_CONFIG": "/etc/b.toml"}

    assert find_config(Path("a.toml"), environ, tmp_path).file == Path("a.toml")
    assert find_config(None, environ, tmp_path).file == Path("/etc/b.toml")
    assert find_config(None, {}, tmp_path).file == tmp_path / "mail-sender.toml"
    assert find_config(None, {}, tmp_path / "elsewhere").file is None


def test_a_named_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    """Starting with the defaults instead would send all mail into the sandbox."""
    with pytest.raises(ConfigError, match=r"cannot read .*nowhere\.toml: No such file"):
        load(Source(file=tmp_path / "nowhere.toml"))


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ("[serer]\n", "serer", "no such section; there are: server, store"),
        ('[server]\nlisen = "a:1"\n', "server.lisen", "no such key; server has: listen"),
        ("[server]\nlisten = 8025\n", "server.listen", "expected `str`, got `int`"),
        ("[queue]\ngive_up_after = 20\n", "queue.give_up_after", "expected `duration`"),
        ('[queue]\ngive_up_after = "20h"\n', "queue.give_up_after", "invalid ISO8601 duration"),
        ("[queue]\nmax_queued = 0\n", "queue.max_queued", "expected `int` >= 1"),
        ('[log]\nformat = "xml"\n', "log.format", "invalid enum value 'xml'"),
        ("server = 5\n", "server", "expected a table, got 5"),
        ("providers = 5\n", "providers", "expected tables such as [providers.name]"),
        ("[providers]\nses = 5\n", "providers.ses", "expected a table"),
        ('[providers.ses]\nregion = "eu"\n', "providers.ses", "`kind` is missing"),
        ('[providers.x]\nkind = "pigeon"\n', "providers.x.kind", "there is no provider of kind"),
        ("[routes.default]\n", "routes.default", "missing required field `providers`"),
        ("[routes.default]\nproviders = []\n", "routes.default.providers", "length >= 1"),
        (
            '[routes.default]\nproviders = ["nobody"]\n',
            "routes.default.providers",
            "no provider is named 'nobody'",
        ),
        ('[store]\nurl = "mysql://x"\n', "store.url", "expected `sqlite:///relative.db`"),
        ('[queue]\nurl = "redis://x"\n', "queue.url", "expected `store:` or `nats://host1"),
        ('[queue]\nurl = "nats://x/y"\n', "queue.url", "not a host or host:port"),
        ('[queue]\nurl = "nats://me:word@x"\n', "queue.url", "no login in the URL"),
        ('[queue]\nurl = "nats://x"\n', "queue.url", "whose store is PostgreSQL"),
        ('[queue]\nstream = "a.b"\n', "queue.stream", "matching regex"),
        ("[queue]\nreplicas = 2\n", "queue.replicas", "invalid enum value 2"),
        ('[sender]\ndefault_from = "nobody"\n', "sender.default_from", "the domain is missing"),
        ('[smtp]\nlisten = "0.0.0.0:587"\n', "smtp.listen", "nobody could log in without TLS"),
        ('[smtp]\nlisten_tls = "0.0.0.0:465"\n', "smtp.listen_tls", "needs certificate_file"),
        ('[smtp]\ncertificate_file = "a.pem"\n', "smtp", "belong together"),
        ('[unsubscribe]\nurl = "https://x.example"\n', "unsubscribe", "belong together"),
        ('[unsubscribe]\nurl = "x.example"\n', "unsubscribe.url", "matching regex"),
        (
            '[webhooks]\nallow_private_networks = ["10.0.0.1/8"]\n',
            "webhooks.allow_private_networks",
            "has host bits set",
        ),
    ],
)
def test_a_mistake_names_file_key_and_what_is_expected(
    file: Path, text: str, key: str, expected: str
) -> None:
    """Whoever mistyped a setting at two in the morning reads where, and what would be right."""
    said = why_refused(file, text)

    assert said.startswith(f"{file}: {key}: "), said
    assert expected in said


def test_what_is_no_toml_names_file_and_line(file: Path) -> None:
    """A forgotten quote is found without reading the whole file."""
    said = why_refused(file, "[server]\nlisten = 127\n\nport = \n")

    assert str(file) in said
    assert "line 4" in said


@pytest.mark.parametrize(
    "name", ["MAIL_SENDER_SERVER_LISEN", "MAIL_SENDER_SERVR_LISTEN", "MAIL_SENDER_X"]
)
def test_a_variable_that_means_nothing_stops_the_start(file: Path, name: str) -> None:
    """A mistyped variable would silently leave the default in force."""
    said = why_refused(file, COMPLETE, {name: "127.0.0.1:1"})

    assert said == f"environment variable {name}: no setting has this name"


def test_a_variable_of_a_wrong_type_is_told_as_one(file: Path) -> None:
    """The key is named, so that the variable can be found."""
    said = why_refused(file, COMPLETE, {"MAIL_SENDER_QUEUE_MAX_QUEUED": "many"})

    assert "queue.max_queued: expected `int`, got `str`" in said


def test_a_mistyped_key_of_a_provider_stops_the_start(file: Path) -> None:
    """A provider's table is checked as strictly as ours."""
    said = why_refused(file, COMPLETE.replace("region =", "regio ="))

    assert f"{file}: providers.ses.regio: no such key; providers.ses has: kind" in said


def test_a_mistyped_variable_of_a_provider_stops_the_start(file: Path) -> None:
    """Else the key in the file would stay in force, and nobody would know why."""
    said = why_refused(file, COMPLETE, {"MAIL_SENDER_PROVIDERS_SES_REGIO": "eu-west-2"})

    assert "MAIL_SENDER_PROVIDERS_SES_REGIO" in said


# ---------------------------------------------------------------- secrets


def test_a_missing_secret_file_stops_the_start(file: Path) -> None:
    """Better now than at the first mail."""
    said = why_refused(file, COMPLETE.replace("secrets/mailgun", "secrets/elsewhere"))

    assert "providers.mailgun-eu.api_key_file: cannot read the secret from" in said
    assert "No such file" in said


def test_an_empty_secret_file_stops_the_start(file: Path) -> None:
    """A secret that a deployment failed to fill in is not an empty password."""
    (file.parent / "secrets" / "mailgun").write_text("\n")

    assert "is empty" in why_refused(file, COMPLETE)


def test_a_missing_secret_names_its_key(file: Path) -> None:
    """The message tells which of ten secrets was forgotten."""
    said = why_refused(file, COMPLETE.replace(f'secret_access_key = "{SECRET}"\n', ""))

    assert "secret_access_key" in said


def test_a_secret_given_twice_stops_the_start(file: Path) -> None:
    """Which one holds must not be a riddle."""
    said = why_refused(
        file,
        COMPLETE.replace("api_key_file", f'api_key = "{SECRET}"\napi_key_file'),
    )

    assert "give either api_key or api_key_file" in said
    assert SECRET not in said


@pytest.mark.parametrize(
    "text",
    [
        COMPLETE.replace(f'"{SECRET}"', f'["{SECRET}"]'),
        COMPLETE.replace("region =", "regio ="),
        COMPLETE.replace('kind = "ses"\n', ""),
        COMPLETE.replace('region = "eu-west-1"', 'region = "Not A Region"'),
        COMPLETE.replace(f'secret_access_key = "{SECRET}"', f'secret_acess_key = "{SECRET}"'),
        COMPLETE.replace("[providers.ses]", f'[server]\nlisten = "{SECRET}"\n\n[providers.ses]'),
    ],
)
def test_no_error_shows_a_secret(file: Path, text: str) -> None:
    """Errors end in logs and tickets."""
    with pytest.raises(ConfigError) as refused:
        settings_from(file, text)

    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


def test_settings_are_shown_without_secrets(file: Path) -> None:
    """`config show` is pasted into tickets: secrets from files and inline are dots."""
    document = json.dumps(document_of(settings_from(file)), ensure_ascii=False)

    assert SECRET not in document
    assert "••••••" in document
    assert "AKIAEXAMPLE" in document


def test_a_secret_has_no_text_of_its_own(file: Path) -> None:
    """A log line or an f-string with settings in it shows dots."""
    settings = settings_from(file)

    assert SECRET not in f"{settings.providers} {settings.providers['ses']!r}"
    assert SECRET not in str(shown(settings.providers["ses"]))


# ---------------------------------------------------------------- no setting lies


def _settings_types() -> Iterator[tuple[str, type[msgspec.Struct]]]:
    for section, hint in typing.get_type_hints(Config).items():
        if section == "routes":
            yield section, typing.get_args(hint)[1]
        elif section != "providers":
            yield section, hint
    yield "providers", CommonSettings
    for kind in KINDS:
        yield f"providers ({kind})", settings_of(kind)


_FIELDS = [
    pytest.param(type_, field, id=f"{section}.{field}")
    for section, type_ in _settings_types()
    for field in type_.__struct_fields__
    if type_ is CommonSettings or field not in CommonSettings.__struct_fields__
]


def _read_attributes() -> set[str]:
    """Return the name of every attribute that some module of the package reads."""
    return {
        node.attr
        for path in SRC.rglob("*.py")
        if SRC / "cli" not in path.parents  # a command that only shows a setting does not obey it
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }


_READ = _read_attributes()


@pytest.mark.parametrize(("type_", "field"), _FIELDS)
def test_every_setting_is_read_somewhere(type_: type[msgspec.Struct], field: str) -> None:
    """A setting that nothing reads is a lie to the operator."""
    assert field in _READ, f"nothing reads {type_.__name__}.{field}"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_refuses_unknown_keys(kind: str) -> None:
    """A new provider's settings must be as strict as the others'."""
    with pytest.raises(ConfigError, match="no such key"):
        table_to(settings_of(kind), {"kind": kind, "no_such": 1}, "providers.x", Source())
