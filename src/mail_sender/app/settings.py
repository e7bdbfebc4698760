"""From a configuration to settings that are known to fit together, before anything starts.

Neighbours: `config` reads and types, `providers.registry` knows the keys of each kind; here the
parts are checked against each other, and the embedded defaults stand.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..config import (
    Config,
    RouteConfig,
    SandboxConfig,
    Source,
    load,
    refuse_strange_provider_variables,
    table_to,
)
from ..delivery.router import DEFAULT_ROUTE, TEST_ROUTE
from ..domain.address import parse_address, parse_mailbox
from ..domain.errors import ConfigError
from ..domain.unsubscribe import UnsubscribeLinks
from ..events.targets import TargetRules, networks
from ..feedback.unsubscribe import BY_LINK
from ..providers.registry import settings_of
from ..providers.settings import CommonSettings
from ..queue.jetstream import Broker, servers_of
from ..sandbox.faults import Kind
from ..sandbox.provider_events import MAILGUN_SIGNING_KEY, TOPIC_ARN
from ..sandbox.server import DEFAULT_ACCOUNTS, SandboxSettings
from ..store.postgres import Host, hosts_of, is_postgres

SHIPPED_FRONTEND = Path(__file__).parent.parent / "web"  #: where its build puts it
BUILT_IN = "sandbox"  #: the provider that test keys end in


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The configuration, with every provider's own settings.

    Attributes:
        is_demo: Nothing is configured: imitated providers, no real mail leaves.
    """

    config: Config
    providers: Mapping[str, CommonSettings]
    is_demo: bool


def find_config(explicit: Path | None, environ: Mapping[str, str], cwd: Path) -> Source:
    """Return where settings come from: the file named, or ./mail-sender.toml, or none."""
    named = explicit or (Path(at) if (at := environ.get("MAIL_SENDER_CONFIG")) else None)
    if named is None and (cwd / "mail-sender.toml").exists():
        named = cwd / "mail-sender.toml"
    return Source(file=named, environ=environ)


def load_settings(source: Source) -> Settings:
    """Read and check everything that can be checked without starting anything.

    Raises:
        ConfigError: With file, key and what is expected.
    """
    config = load(source)
    is_demo = not config.providers
    if is_demo:
        config = _demo(config)
    used: set[str] = set()
    providers = {
        name: provider_settings(name, table, source, used)
        for name, table in config.providers.items()
    }
    refuse_strange_provider_variables(providers, used, source)
    _check_routes(config, source)
    _check_addresses(config, providers, source)
    target_rules(config, source)
    postgres_hosts(config, source) or sqlite_path(config, source)
    if (config.unsubscribe.url is None) is not (config.unsubscribe.secret is None):
        raise ConfigError(f"{source.at('unsubscribe')}: url and secret belong together")
    frontend_path(config, source)
    _check_smtp(config, source)
    broker_of(config, source)
    return Settings(config=config, providers=providers, is_demo=is_demo)


def provider_settings(
    name: str, table: Mapping[str, object], source: Source, used: set[str] | None = None
) -> CommonSettings:
    """Return the settings of one provider's table. Raises `ConfigError`."""
    if name == BY_LINK:
        raise ConfigError(f"{source.at(f'providers.{name}')}: this name is kept for links in mails")
    if name == BUILT_IN and table.get("kind") != "sandbox":
        raise ConfigError(f"{source.at(f'providers.{name}')}: this name is kept for test keys")
    kind = table["kind"]
    try:
        type_ = settings_of(str(kind))
    except ConfigError as error:
        raise ConfigError(f"{source.at(f'providers.{name}.kind')}: {error}") from None
    return table_to(type_, dict(table), f"providers.{name}", source, used)


def _check_routes(config: Config, source: Source) -> None:
    if DEFAULT_ROUTE not in config.routes:
        raise ConfigError(
            f"{source.at('routes')}: a route named `default` is needed, such as "
            f"[routes.default] providers = {sorted(config.providers)}"
        )
    if TEST_ROUTE in config.routes:
        raise ConfigError(f"{source.at(f'routes.{TEST_ROUTE}')}: this name is kept for test keys")
    for name, route in config.routes.items():
        for provider in route.providers:
            if provider not in config.providers:
                raise ConfigError(
                    f"{source.at(f'routes.{name}.providers')}: no provider is named {provider!r}; "
                    f"there are: {', '.join(sorted(config.providers))}"
                )
        if len(set(route.providers)) < len(route.providers):
            raise ConfigError(f"{source.at(f'routes.{name}.providers')}: a provider stands twice")


def _check_addresses(
    config: Config, providers: Mapping[str, CommonSettings], source: Source
) -> None:
    try:
        if config.sender.default_from is not None:
            parse_mailbox(config.sender.default_from)
    except ValueError as error:
        raise ConfigError(f"{source.at('sender.default_from')}: {error}") from None
    for name, settings in providers.items():
        try:
            if settings.sender is not None:
                parse_address(settings.sender)
        except ValueError as error:
            raise ConfigError(f"{source.at(f'providers.{name}.sender')}: {error}") from None


def _check_smtp(config: Config, source: Source) -> None:
    smtp = config.smtp
    if (smtp.certificate_file is None) != (smtp.private_key_file is None):
        raise ConfigError(
            f"{source.at('smtp')}: certificate_file and private_key_file belong together"
        )
    has_tls = smtp.certificate_file is not None or smtp.self_signed
    if smtp.listen_tls is not None and not has_tls:
        raise ConfigError(f"{source.at('smtp.listen_tls')}: needs certificate_file, or self_signed")
    if smtp.listen is not None and not (has_tls or smtp.login_in_clear or smtp.local_key):
        raise ConfigError(
            f"{source.at('smtp.listen')}: nobody could log in without TLS; set certificate_file "
            "and private_key_file, or for trials self_signed or login_in_clear"
        )
    if smtp.local_key is not None and any(map(_is_this_machine, config.server.trusted_proxies)):
        raise ConfigError(
            f"{source.at('smtp.local_key')}: a proxy on this machine (server.trusted_proxies) "
            "would make everybody local"
        )


def _is_this_machine(network: str) -> bool:
    try:
        return ipaddress.ip_network(network, strict=False).is_loopback
    except ValueError:
        return False  # the HTTP door says what is wrong with it


def target_rules(config: Config, source: Source | None = None) -> TargetRules:
    """Return where webhooks may lead. Raises `ConfigError`."""
    try:
        allowed = networks(config.webhooks.allow_private_networks)
    except ValueError as error:
        where = (source or Source()).at("webhooks.allow_private_networks")
        raise ConfigError(f"{where}: {error}") from None
    return TargetRules(allow_http=config.webhooks.allow_http, allowed=allowed)


def _demo(config: Config) -> Config:
    """Return the embedded defaults: three imitated providers and a route over all of them."""
    sandbox = msgspec.structs.replace(config.sandbox, enabled=True)
    # Port 0 is settled when the sandbox starts; until then a relay's table needs some number.
    control = f"http://127.0.0.1:{sandbox.control_port}"
    ports = (sandbox.ses_port, sandbox.mailgun_port, sandbox.smtp_port or 25)
    tables = demo_tables(*ports, control=control)
    routes = config.routes or {DEFAULT_ROUTE: RouteConfig(providers=tuple(tables))}
    return msgspec.structs.replace(config, sandbox=sandbox, providers=tables, routes=routes)


def sandbox_settings(config: SandboxConfig) -> SandboxSettings:
    """Return what the sandbox imitates, and where.

    Raises:
        ConfigError: `further` names what cannot be imitated.
    """
    accounts = dict(DEFAULT_ACCOUNTS)
    ports = {"ses": config.ses_port, "mailgun": config.mailgun_port, "relay": config.smtp_port}
    for entry in config.further:
        name, _, port = entry.partition(":")
        if name not in tuple(Kind) or name in accounts or not (port or "0").isdecimal():
            known = ", ".join(kind for kind in Kind if kind not in accounts)
            raise ConfigError(f"sandbox.further: {entry!r} is none of {known}, or has no port")
        accounts[name] = Kind(name)
        ports[name] = int(port or "0")
    return SandboxSettings(accounts=accounts, control_port=config.control_port, ports=ports)


def demo_tables(ses: int, mailgun: int, smtp: int, *, control: str) -> dict[str, dict[str, object]]:
    """Return the providers of the embedded defaults, on the sandbox's ports.

    `control` is the URL of the sandbox's control API, where its SNS has its certificate.
    """
    return {
        "ses": {
            "kind": "ses",
            "region": "eu-west-1",
            "access_key_id": "SANDBOX",
            "secret_access_key": "sandbox",
            "endpoint_url": f"http://127.0.0.1:{ses}",
            "topic_arns": [TOPIC_ARN],
            "sns_endpoint_url": control,
        },
        "mailgun": {
            "kind": "mailgun",
            "domain": "mg.example.com",
            "api_key": "sandbox",
            "base_url": f"http://127.0.0.1:{mailgun}",
            "webhook_signing_key": MAILGUN_SIGNING_KEY,
        },
        "relay": {"kind": "smtp", "host": "127.0.0.1", "port": smtp, "tls": "none"},
    }


def unsubscribe_links(config: Config) -> UnsubscribeLinks | None:
    """Return what makes links; None where none lead here."""
    url, secret = config.unsubscribe.url, config.unsubscribe.secret
    return UnsubscribeLinks(url, secret) if url is not None and secret is not None else None


def sqlite_path(config: Config, source: Source | None = None) -> Path | None:
    """Return the file of a SQLite store; None for another store."""
    url = config.store.url
    if url == "memory:" or is_postgres(url):
        return None
    if url.startswith("sqlite:///") and len(url) > len("sqlite:///"):
        return Path(url.removeprefix("sqlite:///"))
    where = (source or Source()).at("store.url")
    raise ConfigError(
        f"{where}: expected `sqlite:///relative.db`, `sqlite:////absolute.db`, "
        "`postgresql://host1,host2/database` or `memory:`"
    )


def frontend_path(config: Config, source: Source | None = None) -> Path | None:
    """Return the directory of the built frontend; None where there is none.

    Raises:
        ConfigError: A directory is named that holds no `index.html`.
    """
    named = config.server.frontend
    if named == "off":
        return None
    directory = SHIPPED_FRONTEND if named == "shipped" else Path(named)
    if (directory / "index.html").is_file():
        return directory
    if named == "shipped":
        return None
    where = (source or Source()).at("server.frontend")
    raise ConfigError(
        f"{where}: expected `shipped`, `off`, or a directory with the built frontend; "
        f"there is no index.html in {named}"
    )


def postgres_hosts(config: Config, source: Source | None = None) -> tuple[Host, ...]:
    """Return the servers of a PostgreSQL store; none for another store. Raises `ConfigError`."""
    if not is_postgres(config.store.url):
        return ()
    password = config.store.password
    try:
        return hosts_of(config.store.url, password.reveal() if password else None)
    except ConfigError as error:
        raise ConfigError(f"{(source or Source()).at('store.url')}: {error}") from None


def broker_of(config: Config, source: Source | None = None) -> Broker | None:
    """Return the message broker; None where the store is the queue. Raises `ConfigError`."""
    queue = config.queue
    if queue.url == "store:":
        return None
    where = (source or Source()).at("queue.url")
    try:
        servers = servers_of(queue.url)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None
    if not is_postgres(config.store.url):
        raise ConfigError(f"{where}: a broker is for several nodes, whose store is PostgreSQL")
    return Broker(
        servers=servers,
        stream=queue.stream,
        replicas=queue.replicas,
        credentials=Path(queue.credentials_file) if queue.credentials_file else None,
        ca_file=Path(queue.ca_file) if queue.ca_file else None,
    )
