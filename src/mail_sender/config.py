"""The whole configuration, typed, in one place.

Read once by `app` or `cli`, frozen, then passed down in parts: nothing below reads the
environment or a file. One TOML file; every key also as a variable `MAIL_SENDER_SECTION_KEY`
(`MAIL_SENDER_PROVIDERS_SES_REGION`), which wins over the file. A secret `x` may stand in a file
named by `x_file`. Unknown keys, wrong types and missing secrets are `ConfigError`s that name
file and key. Field descriptions become docs/configuration.md.

A provider's table is kept raw here: which keys it has is known by its own file, and
`providers.registry` turns it into settings with `table_to`.
"""

from __future__ import annotations

import tomllib
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from .domain.errors import ConfigError
from .domain.message import Mode, OnUnknown
from .domain.secret import Secret

Doc = msgspec.Meta
PREFIX = "MAIL_SENDER_"
NOT_SETTINGS = {"MAIL_SENDER_URL", "MAIL_SENDER_KEY", "MAIL_SENDER_CONFIG"}
Table = TypeVar("Table")


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class ServerConfig(_Section, frozen=True):
    """The HTTP server."""

    listen: Annotated[
        str, Doc(description="Address and port of the REST API, `host:port` or `[v6]:port`.")
    ] = "127.0.0.1:8025"
    cors_origins: Annotated[
        tuple[str, ...],
        Doc(description="Origins whose pages may call the API (a frontend served elsewhere)."),
    ] = ()
    frontend: Annotated[
        str,
        Doc(
            description="What stands at `/`: `shipped` (the frontend that came with this version, "
            "if it was built), the directory of another build, or `off` (`/` leads to `/docs`)."
        ),
    ] = "shipped"
    trusted_proxies: Annotated[
        tuple[str, ...],
        Doc(description="Addresses or networks whose X-Forwarded-For is believed."),
    ] = ()
    max_request_bytes: Annotated[
        int, Doc(ge=1024, description="Larger requests get 413. Base64 makes files 4/3 as large.")
    ] = 40 * 1024 * 1024
    drain_notice: Annotated[
        timedelta,
        Doc(
            description="After SIGTERM: how long `/health/ready` says 503 while mail is still "
            "taken, so that load balancers send it elsewhere before it is refused. Longer than "
            "they need to notice."
        ),
    ] = timedelta(0)
    drain_timeout: Annotated[
        timedelta,
        Doc(description="After that: how long calls that are under way may take to end."),
    ] = timedelta(seconds=30)
    requests_per_minute: (
        Annotated[int, Doc(gt=0, description="Requests a minute per API key; beyond it, 429.")]
        | None
    ) = None
    requests_per_minute_per_address: (
        Annotated[
            int,
            Doc(
                gt=0,
                description="Requests a minute from one client address (an IPv6 client's /64), bad "
                "keys included; beyond it, 429.",
            ),
        ]
        | None
    ) = None
    public_metrics: Annotated[
        bool, Doc(description="Whether `/metrics` may be read without an API key.")
    ] = True


class StoreConfig(_Section, frozen=True):
    """The durable record."""

    url: Annotated[
        str,
        Doc(
            description="`sqlite:///relative.db`, `sqlite:////absolute.db`, "
            "`postgresql://user@host1,host2:5433/database` (all servers of a cluster; whichever "
            "can write is found), or `memory:` (nothing survives; for tests)."
        ),
    ] = "sqlite:///var/mail-sender.db"
    password: (
        Annotated[
            Secret,
            Doc(description="Of the PostgreSQL user; without it, `~/.pgpass` or none is used."),
        ]
        | None
    ) = None
    keep_finished: Annotated[
        timedelta, Doc(description="Messages are deleted this long after they ended.")
    ] = timedelta(days=30)


class QueueConfig(_Section, frozen=True):
    """When messages are tried, and how many may wait."""

    url: Annotated[
        str,
        Doc(
            description="`store:`: the store itself is the queue. `nats://host1,host2:4222` (or "
            "`tls://…`): NATS JetStream tells the workers of all nodes what is due; the store must "
            "be PostgreSQL."
        ),
    ] = "store:"
    credentials_file: (
        Annotated[str, Doc(description="NATS: file with the user's JWT and key (`.creds`).")] | None
    ) = None
    ca_file: (
        Annotated[str, Doc(description="NATS: PEM file of who signs the servers' certificates.")]
        | None
    ) = None
    stream: Annotated[
        str,
        Doc(
            pattern="^[A-Za-z0-9_-]+$",
            description="NATS: name of the stream, made when it is missing. One for each database.",
        ),
    ] = "MAIL_SENDER"
    replicas: Annotated[
        typing.Literal[1, 3, 5],
        Doc(description="NATS: servers that keep a copy of the stream, when it is made."),
    ] = 1
    give_up_after: Annotated[
        timedelta, Doc(description="No attempt begins later than this after acceptance.")
    ] = timedelta(hours=20)
    max_queued: Annotated[
        int, Doc(gt=0, description="With so many messages waiting, new ones get 503.")
    ] = 1_000_000
    retry_first: Annotated[
        timedelta, Doc(description="Wait before the second pass over the providers; then doubled.")
    ] = timedelta(seconds=15)
    retry_longest: Annotated[timedelta, Doc(description="The doubled wait never exceeds this.")] = (
        timedelta(minutes=30)
    )
    poll_interval: Annotated[
        timedelta, Doc(description="How often workers look for due mail that nobody announced.")
    ] = timedelta(seconds=1)


class WorkerConfig(_Section, frozen=True):
    """The part that calls providers."""

    in_flight: Annotated[
        int, Doc(ge=1, le=10_000, description="Messages handed over at the same time.")
    ] = 128
    lease: Annotated[
        timedelta,
        Doc(description="A worker that shows no sign of life for so long has lost its messages."),
    ] = timedelta(seconds=60)
    grace: Annotated[
        timedelta,
        Doc(
            description="How much longer a message that such a worker was sending stays its own, "
            "before it becomes `unknown`. Longer than any provider's time limit."
        ),
    ] = timedelta(minutes=12)
    journal: Annotated[
        str, Doc(description="Directory of the outcome journal, on a local disk.")
    ] = "var/journal"


class SenderConfig(_Section, frozen=True):
    """Defaults of messages."""

    default_from: Annotated[
        str | None, Doc(description="Sender of messages that name none, `Name <a@b>`.")
    ] = None
    hostname: Annotated[
        str | None,
        Doc(description="Our name in EHLO; default: the machine's fully qualified name."),
    ] = None
    max_attachment_bytes: Annotated[
        int, Doc(ge=0, description="Of all attachments of a message together, decoded.")
    ] = 25 * 1024 * 1024


class SmtpConfig(_Section, frozen=True):
    """The SMTP door: mail submission for programs that speak SMTP. Off unless it listens."""

    listen: Annotated[
        str | None,
        Doc(
            description="Address and port on which TLS begins with STARTTLS, such as "
            "`0.0.0.0:587`. Left out: none."
        ),
    ] = None
    listen_tls: Annotated[
        str | None,
        Doc(
            description="Address and port on which TLS begins at once, such as `0.0.0.0:465`. "
            "Left out: none."
        ),
    ] = None
    certificate_file: Annotated[
        str | None,
        Doc(description="Certificate chain (PEM). Read again when it changes."),
    ] = None
    private_key_file: Annotated[
        str | None, Doc(description="Its private key (PEM), without a passphrase.")
    ] = None
    self_signed: Annotated[
        bool,
        Doc(
            description="For trials: make a certificate in `var/smtp` at the first start, with the "
            "`openssl` command."
        ),
    ] = False
    login_in_clear: Annotated[
        bool,
        Doc(description="Whether clients on this machine may log in without TLS; others never."),
    ] = False
    local_key: Annotated[
        Secret | None,
        Doc(
            description="API key that clients on this machine send with when they do not log in. "
            "Not behind a proxy on this machine: it would make everybody local."
        ),
    ] = None
    max_message_bytes: Annotated[
        int, Doc(ge=1024, description="Larger mails get 552. Base64 makes files 4/3 as large.")
    ] = 40 * 1024 * 1024
    max_connections: Annotated[int, Doc(ge=1, description="Open at the same time at most.")] = 500
    max_connections_per_client: Annotated[
        int, Doc(ge=1, description="Likewise, of one client address.")
    ] = 100


class IdempotencyConfig(_Section, frozen=True):
    """Idempotency keys."""

    keep: Annotated[timedelta, Doc(description="How long a key is remembered.")] = timedelta(
        hours=24
    )


class UnsubscribeConfig(_Section, frozen=True):
    """Links in mails by which a recipient says "no more" with one click (RFC 8058)."""

    url: (
        Annotated[
            str,
            Doc(
                pattern=r"^https?://[^/?#@\s]+(/[^?#\s]*)?$",
                description="Where recipients reach this gateway; mail programs want `https`. "
                "Without it no mail can ask for a link.",
            ),
        ]
        | None
    ) = None
    secret: Annotated[
        Secret | None,
        Doc(description="Signs the links. A new one makes those in mailboxes worthless."),
    ] = None


class CompatConfig(_Section, frozen=True):
    """The doors for clients of vendors, `/compat/…`."""

    mode: Annotated[
        Mode,
        Doc(
            description="When a vendor's client is answered: `async`, once the mail is durable; "
            "`sync`, once a provider has it. `X-MS-Mode` of a request wins."
        ),
    ] = Mode.ASYNC
    repeat_window: Annotated[
        timedelta,
        Doc(
            description="The very same mail with the same API key is taken for a repetition "
            "within this time, where a client names no key of its own. `PT0S`: never."
        ),
    ] = timedelta(seconds=30)
    ses_secret: (
        Annotated[
            Secret,
            Doc(
                description="What the key pairs of clients of Amazon SES are made of, the same on "
                "every node: 32 random characters or more. Another one makes all of them useless. "
                "Without it such clients are not let in."
            ),
        ]
        | None
    ) = None


class WebhooksConfig(_Section, frozen=True):
    """Webhooks to clients: events are sent to addresses that clients choose."""

    timeout: Annotated[
        timedelta, Doc(description="How long a receiver may take to answer a request.")
    ] = timedelta(seconds=15)
    in_flight: Annotated[
        int, Doc(ge=1, le=1000, description="Requests to one webhook at the same time.")
    ] = 8
    pause_after: Annotated[
        timedelta,
        Doc(description="A webhook whose every attempt has failed for so long is paused."),
    ] = timedelta(days=3)
    keep_deliveries: Annotated[
        timedelta,
        Doc(description="Deliveries are deleted when nothing happened to them for so long."),
    ] = timedelta(days=30)
    allow_http: Annotated[
        bool, Doc(description="Whether `http://` is allowed besides `https://`.")
    ] = False
    allow_private_networks: Annotated[
        tuple[str, ...],
        Doc(
            description="Networks that webhooks may lead to although they are not public, such as "
            "`10.0.0.0/8`. Clients can then reach, and read answers of, everything there."
        ),
    ] = ()


class BreakerConfig(_Section, frozen=True):
    """When a provider is left out."""

    failures: Annotated[
        int,
        Doc(ge=1, description="Opens when so many of the last 20 calls failed, and half of them."),
    ] = 5
    rest: Annotated[
        timedelta, Doc(description="Pause before one mail is tried as a probe; then doubled.")
    ] = timedelta(seconds=20)
    longest_rest: Annotated[timedelta, Doc(description="The doubled pause never exceeds this.")] = (
        timedelta(minutes=5)
    )


class LogConfig(_Section, frozen=True):
    """Structured logs on standard error, one line for each mail event."""

    format: Annotated[
        typing.Literal["json", "console"], Doc(description="For machines or for people.")
    ] = "json"
    level: Annotated[
        typing.Literal["debug", "info", "warning", "error"], Doc(description="Least severe shown.")
    ] = "info"
    mask_addresses: Annotated[
        bool, Doc(description="Write `a***@example.net` instead of whole addresses.")
    ] = False


class SandboxConfig(_Section, frozen=True):
    """The imitated providers."""

    enabled: Annotated[
        bool, Doc(description="Start imitations of SES, Mailgun and an SMTP relay on loopback.")
    ] = False
    control_port: Annotated[
        int,
        Doc(ge=0, le=65535, description="Of the inbox and the fault switches. 0: any free one."),
    ] = 8026
    ses_port: Annotated[int, Doc(ge=0, le=65535, description="0: any free one.")] = 8027
    mailgun_port: Annotated[int, Doc(ge=0, le=65535, description="0: any free one.")] = 8028
    smtp_port: Annotated[int, Doc(ge=0, le=65535, description="0: any free one.")] = 8029
    further: Annotated[
        tuple[str, ...],
        Doc(
            description="Kinds of providers to imitate besides, such as `postmark:8031`; without a "
            "port, on any free one (`mail-sender sandbox faults` shows it)."
        ),
    ] = ()


class RouteConfig(_Section, frozen=True):
    """Providers in the order in which they are asked."""

    providers: Annotated[tuple[str, ...], Doc(min_length=1, description="In this order.")]
    on_unknown: Annotated[
        OnUnknown,
        Doc(description="For messages that do not choose: `wait` or `risk_duplicate`."),
    ] = OnUnknown.WAIT


class Config(_Section, frozen=True):
    """Everything. `providers` holds raw tables, each with its `kind`."""

    server: ServerConfig = ServerConfig()
    store: StoreConfig = StoreConfig()
    queue: QueueConfig = QueueConfig()
    worker: WorkerConfig = WorkerConfig()
    sender: SenderConfig = SenderConfig()
    smtp: SmtpConfig = SmtpConfig()
    idempotency: IdempotencyConfig = IdempotencyConfig()
    unsubscribe: UnsubscribeConfig = UnsubscribeConfig()
    compat: CompatConfig = CompatConfig()
    webhooks: WebhooksConfig = WebhooksConfig()
    breaker: BreakerConfig = BreakerConfig()
    log: LogConfig = LogConfig()
    sandbox: SandboxConfig = SandboxConfig()
    providers: dict[str, dict[str, Any]] = {}
    routes: dict[str, RouteConfig] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where settings come from, for error messages and for files named by relative paths.

    Attributes:
        file: The TOML file; None when there is none.
        environ: The environment.
    """

    file: Path | None = None
    environ: Mapping[str, str] = field(default_factory=dict)

    def at(self, key: str) -> str:
        """Return the words that say where `key` stands."""
        return f"{self.file}: {key}" if self.file else key


def load(source: Source) -> Config:
    """Read file and environment.

    Raises:
        ConfigError: The file cannot be read, a key is unknown or has the wrong type, a secret
            file is missing, or a variable `MAIL_SENDER_…` means nothing.
    """
    tables = _read_file(source)
    sections = typing.get_type_hints(Config)
    unknown = set(tables) - set(sections)
    if unknown:
        raise ConfigError(f"{source.at(min(unknown))}: no such section; there are: "
                          f"{', '.join(sections)}")  # fmt: skip
    used: set[str] = set()
    values: dict[str, Any] = {}
    for name, hint in sections.items():
        if name == "providers":
            values[name] = _provider_tables(tables.get(name, {}), source)
        elif name == "routes":
            values[name] = {
                route: table_to(RouteConfig, table, f"routes.{route}", source, used)
                for route, table in _named_tables("routes", tables.get(name, {}), source).items()
            }
        else:
            values[name] = table_to(hint, tables.get(name, {}), name, source, used)
    _refuse_strange_variables(values["providers"], used, source)
    return Config(**values)


def refuse_strange_provider_variables(
    providers: Iterable[str], used: set[str], source: Source
) -> None:
    """Raise `ConfigError` for a variable of a provider's table that its settings did not read.

    Args:
        providers: Names of the tables.
        used: What `table_to` read for all of them.
        source: The environment.
    """
    prefixes = tuple(_prefix_of(f"providers.{name}") for name in providers)
    for variable in sorted(source.environ):
        if (
            variable.startswith(prefixes)
            and variable not in used
            and not variable.endswith("_KIND")
        ):
            raise ConfigError(f"environment variable {variable}: no setting has this name")


def table_to(
    type_: type[Table],
    table: object,
    where: str,
    source: Source,
    used: set[str] | None = None,
) -> Table:
    """Turn one table of the file, and the variables that belong to it, into settings.

    Args:
        type_: The struct to make.
        table: The table as TOML gave it.
        where: Its dotted name, such as `providers.ses`.
        source: For variables, relative file names and error messages.
        used: Gets the names of the variables that were read.

    Raises:
        ConfigError: As `load`.
    """
    if not isinstance(table, dict):
        raise ConfigError(f"{source.at(where)}: expected a table, got {table!r}")
    hints = typing.get_type_hints(type_)
    values = dict(table)
    prefix = _prefix_of(where)
    for key, hint in hints.items():
        for suffix in ("", "_file") if _is_secret(hint) else ("",):
            variable, name = prefix + (key + suffix).upper(), key + suffix
            if variable in source.environ:
                values.pop(key, None)
                values.pop(key + "_file", None)
                values[name] = _from_variable(source.environ[variable], hint, secret=name != key)
                if used is not None:
                    used.add(variable)
    for key, hint in hints.items():
        if _is_secret(hint):
            _read_secret(values, key, where, source)
    try:
        return msgspec.convert(values, type_, dec_hook=_decode, strict=True)
    except msgspec.ValidationError as error:
        raise ConfigError(_explained(error, where, source, values, list(hints))) from None


def _prefix_of(where: str) -> str:
    return PREFIX + where.upper().replace(".", "_").replace("-", "_") + "_"


def shown(value: object) -> object:
    """Return settings as plain values for `config show`, secrets as dots."""
    return msgspec.to_builtins(value, enc_hook=repr)


def _decode(type_: type, value: object) -> object:
    if type_ is not Secret:
        raise NotImplementedError
    if not isinstance(value, str):
        raise TypeError("expected text")  # msgspec makes a ValidationError of it; no value in it
    return Secret(value)


def _is_secret(hint: object) -> bool:
    return hint is Secret or Secret in typing.get_args(hint)


def _from_variable(text: str, hint: object, *, secret: bool) -> object:
    """Read a variable's text as the type that the field wants; a wrong one is told later."""
    if typing.get_origin(hint) is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    wanted = {hint, *typing.get_args(hint)}
    if secret or str in wanted or Secret in wanted or timedelta in wanted:
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _read_secret(values: dict[str, Any], key: str, where: str, source: Source) -> None:
    name = values.pop(f"{key}_file", None)
    if name is None:
        return
    if key in values:
        raise ConfigError(f"{source.at(f'{where}.{key}')}: give either {key} or {key}_file")
    path = (source.file.parent if source.file else Path()) / str(name)
    try:
        values[key] = path.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise ConfigError(
            f"{source.at(f'{where}.{key}_file')}: cannot read the secret from {path}: {reason}"
        ) from None
    if not values[key]:
        raise ConfigError(f"{source.at(f'{where}.{key}_file')}: {path} is empty")


def _explained(
    error: msgspec.ValidationError,
    where: str,
    source: Source,
    values: Mapping[str, object],
    known: list[str],
) -> str:
    strange = [key for key in values if key not in known]
    if strange:
        return f"{source.at(f'{where}.{strange[0]}')}: no such key; {where} has: {', '.join(known)}"
    text, _, place = str(error).partition(" - at `$")
    place = place.rstrip("`")
    return f"{source.at(where + place)}: {text[:1].lower()}{text[1:]}"


def _read_file(source: Source) -> dict[str, Any]:
    if source.file is None:
        return {}
    try:
        return tomllib.loads(source.file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {source.file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{source.file}: not valid TOML: {error}") from None


def _named_tables(section: str, tables: object, source: Source) -> dict[str, Any]:
    """Return the tables of a section, with those that exist in the environment alone."""
    if not isinstance(tables, dict):
        raise ConfigError(f"{source.at(section)}: expected tables such as [{section}.name]")
    marks = {"providers": "_KIND", "routes": "_PROVIDERS"}
    prefix = f"{PREFIX}{section.upper()}_"
    named = dict(tables)
    for variable in source.environ:
        if variable.startswith(prefix) and variable.endswith(marks[section]):
            name = variable[len(prefix) : -len(marks[section])].lower()
            if name and name not in {n.replace("-", "_").lower() for n in named}:
                named[name] = {}
    return named


def _provider_tables(tables: object, source: Source) -> dict[str, dict[str, Any]]:
    named = _named_tables("providers", tables, source)
    for name, table in named.items():
        if not isinstance(table, dict):
            raise ConfigError(f"{source.at(f'providers.{name}')}: expected a table")
        kind = source.environ.get(f"{PREFIX}PROVIDERS_{name.upper().replace('-', '_')}_KIND")
        if "kind" not in table and kind is None:
            raise ConfigError(f"{source.at(f'providers.{name}')}: `kind` is missing")
        if kind is not None:
            table["kind"] = kind
    return named


def _refuse_strange_variables(
    providers: Mapping[str, object], used: set[str], source: Source
) -> None:
    prefixes = tuple(_prefix_of(f"providers.{name}") for name in providers) or ("\0",)
    for variable in sorted(source.environ):
        if (
            variable.startswith(PREFIX)
            and variable not in used | NOT_SETTINGS
            and not variable.startswith(prefixes)
        ):
            raise ConfigError(f"environment variable {variable}: no setting has this name")
