"""Make the pages of docs/ that say what the code says: configuration, commands, HTTP API.

    python scripts/generate_docs.py            writes them
    python scripts/generate_docs.py --check    exits 1 and names those that are stale

Neighbours: `config` and `providers.registry` for docs/configuration.md and docs/providers.md,
`cli.program` for docs/cli.md, `api.openapi` for docs/openapi.json, `api.compat` for
docs/compatibility.md. Nobody edits these pages by hand.
"""  # noqa: INP001 - a script, in no package

from __future__ import annotations

import argparse
import io
import json
import re
import sys
import typing
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType

import msgspec
from cyclopts import App
from rich.console import Console

from mail_sender.api.compat.fields import Declared, Wire, declared, documents_in
from mail_sender.api.compat.registry import VENDORS
from mail_sender.api.compat.vendor import PREFIX as PREFIX_OF_DOORS
from mail_sender.api.compat.vendor import Vendor
from mail_sender.api.compat.wishes import WISHES
from mail_sender.api.openapi import openapi_document
from mail_sender.cli.program import import_commands, program
from mail_sender.clock import SystemClock
from mail_sender.config import PREFIX, Config, Source, table_to
from mail_sender.domain.message import Address, Message
from mail_sender.domain.secret import Secret
from mail_sender.http.client import PooledHttpClient
from mail_sender.providers.port import Capabilities, Settling
from mail_sender.providers.registry import KINDS, Kind
from mail_sender.providers.settings import CommonSettings, Tools

DOCS = Path(__file__).parent.parent / "docs"
_MADE_BY = "<!-- Made by scripts/generate_docs.py (`make docs`); do not edit. -->"


def pages() -> dict[str, str]:
    """Return the generated pages by file name."""
    return {
        "configuration.md": configuration_page(),
        "providers.md": providers_page(),
        "cli.md": cli_page(),
        "compatibility.md": compatibility_page(),
        "openapi.json": json.dumps(openapi_document(), indent=2, ensure_ascii=False) + "\n",
    }


def main(arguments: list[str]) -> int:
    """Write the pages, or say which are stale; return the exit status."""
    parser = argparse.ArgumentParser(description="Make the generated pages of docs/.")
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when stale")
    is_check = parser.parse_args(arguments).check
    stale = {name: text for name, text in pages().items() if _differs(DOCS / name, text)}
    for name, text in stale.items():
        if is_check:
            sys.stderr.write(f"docs/{name} is stale: make docs\n")
        else:
            (DOCS / name).write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote docs/{name}\n")
    return 1 if stale and is_check else 0


def _differs(path: Path, text: str) -> bool:
    return not path.exists() or path.read_text(encoding="utf-8") != text


# ---------------------------------------------------------------- configuration.md

_INTRODUCTION = f"""\
# Configuration

{_MADE_BY}

One TOML file: the one named by `--config` or `MAIL_SENDER_CONFIG`, else `./mail-sender.toml` if it
is there. Every key can also be set by the variable in the last column, which wins over the file.
Without any provider the gateway starts with imitated ones (the sandbox) and sends no real mail.

- An unknown key, a wrong type or a missing secret stops the start, with file, key and what is
  expected. `mail-sender config check` says so before, `mail-sender config show` prints what is in
  force.
- A **secret** `x` can stand in a file named by `x_file` (relative to the configuration file), or in
  the variable. It appears in no log, no error and not in `config show`.
- A **duration** is written as in ISO 8601: `"PT30S"`, `"PT20H"`, `"P30D"`.
- In a variable, a **list** is separated by commas.

```toml
[sender]
default_from = "Example <noreply@example.com>"

[providers.ses]
kind = "ses"
region = "eu-west-1"
access_key_id = "AKIAEXAMPLE"
secret_access_key_file = "secrets/ses"

[providers.mailgun]
kind = "mailgun"
domain = "mg.example.com"
api_key_file = "secrets/mailgun"

[routes.default]
providers = ["ses", "mailgun"]   # in this order
```
"""


def configuration_page() -> str:
    """Return docs/configuration.md, from the types that read the configuration."""
    parts = [_INTRODUCTION]
    for section, hint in typing.get_type_hints(Config).items():
        if section == "providers":
            continue
        type_ = typing.get_args(hint)[1] if section == "routes" else hint
        where = "routes.<name>" if section == "routes" else section
        parts += [f"## `[{where}]`\n", _sentence(type_), _table(type_, where)]
    parts += [
        "## `[providers.<name>]`\n",
        "The name is yours: it stands in routes, logs and metrics. Every kind has these keys:\n",
        _table(CommonSettings, "providers.<name>"),
    ]
    for name, kind in KINDS.items():
        common = {field.name: field.default for field in msgspec.structs.fields(CommonSettings)}
        own = {
            field.name
            for field in msgspec.structs.fields(kind.settings)
            if field.name not in common or field.default != common[field.name]
        }
        parts += [f'### `kind = "{name}"`\n', _about(kind.settings)]
        parts.append(
            _table(kind.settings, "providers.<name>", only=own) if own else "No further keys.\n"
        )
    return "\n".join(parts)


def _about(settings: type[CommonSettings]) -> str:
    """Return the first line of the provider's file, which names the service and its page."""
    doc = sys.modules[settings.__module__].__doc__ or ""
    return doc.strip().splitlines()[0] + "\n"


def _sentence(type_: type) -> str:
    return (type_.__doc__ or "").strip().splitlines()[0] + "\n"


def _table(type_: type[msgspec.Struct], where: str, only: set[str] | None = None) -> str:
    lines = ["| key | type | default | meaning | variable |", "|---|---|---|---|---|"]
    hints = typing.get_type_hints(type_, include_extras=True)
    for field in msgspec.structs.fields(type_):
        if only is None or field.name in only:
            hint = hints[field.name]
            secret = " (or `" + field.name + "_file`)" if Secret in _bare(hint) else ""
            cells = (
                f"`{field.name}`{secret}",
                _type_words(hint),
                _default(field),
                _description(hint),
                f"`{PREFIX}{where.upper().replace('.', '_')}_{field.name.upper()}`",
            )
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _metas(hint: object) -> Iterator[msgspec.Meta]:
    """Yield what `Annotated` says of a hint, at any depth of a union."""
    for argument in typing.get_args(hint):
        if isinstance(argument, msgspec.Meta):
            yield argument
        else:
            yield from _metas(argument)


def _bare(hint: object) -> set[object]:
    """Return the types of a hint, without None and without what `Annotated` says of them."""
    if typing.get_origin(hint) is typing.Annotated:
        return _bare(typing.get_args(hint)[0])
    if isinstance(hint, UnionType) or typing.get_origin(hint) is typing.Union:
        return set().union(*(_bare(argument) for argument in typing.get_args(hint)))
    return set() if hint is NoneType else {hint}


def _type_words(hint: object) -> str:
    words = " or ".join(sorted(_one_type(bare) for bare in _bare(hint)))
    limits = []
    for meta in _metas(hint):
        limits += [
            f"{sign} {value:,}".replace(",", "_")
            for sign, value in (("≥", meta.ge), (">", meta.gt), ("≤", meta.le), ("<", meta.lt))
            if value is not None
        ]
    return ", ".join([words, *limits])


def _one_type(type_: object) -> str:
    if typing.get_origin(type_) is typing.Literal:
        return " or ".join(f"`{word}`" for word in typing.get_args(type_))
    if isinstance(type_, type) and issubclass(type_, StrEnum):
        return " or ".join(f"`{word}`" for word in type_)
    if typing.get_origin(type_) is tuple:
        return "list of text"
    return _TYPES[type_]


_TYPES: Mapping[object, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "`true` or `false`",
    timedelta: "duration",
    Secret: "secret",
}


def _description(hint: object) -> str:
    return " ".join(meta.description for meta in _metas(hint) if meta.description)


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "**needed**"
    value = field.default
    if value is None:
        return ""
    if isinstance(value, timedelta):
        return f'`"{_iso(value)}"`'
    if isinstance(value, int) and not isinstance(value, bool):
        return f"`{value:_}`"
    return f"`{json.dumps(msgspec.to_builtins(value), ensure_ascii=False)}`"


def _iso(span: timedelta) -> str:
    """Return a duration as a person writes it: PT20H instead of PT72000S."""
    seconds = int(span.total_seconds())
    for unit, length in (("H", 3600), ("M", 60)):
        if seconds and seconds % length == 0 and seconds % 86400:
            return f"PT{seconds // length}{unit}"
    return f"P{seconds // 86400}D" if seconds and seconds % 86400 == 0 else f"PT{seconds}S"


# ---------------------------------------------------------------- providers.md

_PROVIDERS_INTRODUCTION = f"""\
# Providers

{_MADE_BY}

What each kind of provider can express, and how an outcome that nobody knows is settled there. A
mail that a provider cannot express is not given to it: the next one of the route is asked, and
the message's attempts say why (`POST /v1/explain` says it before). How to configure each stands in
[configuration.md](configuration.md); how to write another one in
[add-a-provider.md](add-a-provider.md).

- **recipients**, **size**: of one mail; the size counts base64.
- **tags**: that travel in the provider's own field; further ones travel elsewhere or stay here.
- **Bcc alone**: a mail may go to blind copies only, nobody in To.
- **names all**: a mail for the rest of its recipients (others were served before, or are
  suppressed) still shows all of them in To and Cc. Elsewhere it shows whom it is for.
- **whole mails**: a mail that the client wrote itself (by SMTP) goes as it came. Elsewhere it is
  told by its parts; one that is signed or encrypted cannot be, and is not given to it.
- **settled by**: *idempotency key*: the same call again is answered with the first one's result;
  *look-up*: the provider is asked for our id; *event*: only the provider's event tells; *nothing*:
  nobody will ever tell. See [states.md](states.md).
- **events**: the setting that its events are judged by; without it none is taken. See
  [events.md](events.md).

Without an answer of the provider no mail is ever sent a second time on a guess: see "never twice"
in [why.md](why.md).
"""


def providers_page() -> str:
    """Return docs/providers.md: the capabilities of every kind, and what is peculiar to each."""
    head = (
        *("kind", "recipients", "size", "tags", "metadata", "headers", "files", "inline"),
        *("Bcc alone", "names all", "non-ASCII addresses", "whole mails", "settled by", "events"),
    )
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_capability_row(name, kind)) + " |" for name, kind in KINDS.items()]
    parts = [_PROVIDERS_INTRODUCTION, "\n".join(lines) + "\n", "## What is peculiar to each\n"]
    for name, kind in KINDS.items():
        parts += [f"### {name}\n", _about(kind.settings), _peculiarities(kind.settings)]
    return "\n".join(part for part in parts if part)


def _capability_row(name: str, kind: Kind) -> Iterator[str]:
    can = _capabilities(name, kind)
    most = can.max_message_bytes
    yield f"[`{name}`](configuration.md#kind--{name})"
    yield f"{can.max_recipients:_}"
    yield f"{most // 2**20} MB" if most else "as the server says"
    yield str(can.max_tags)
    for flag in (
        *(can.metadata, can.custom_headers, can.attachments, can.inline_images),
        *(can.blind_alone, can.names_everybody, can.smtputf8, can.whole_mails),
    ):
        yield "yes" if flag else "no"
    yield ", ".join(_WAYS[way] for way in can.settles_by)
    yield f"`{kind.webhook_needs}`" if kind.webhook_needs else "none"


_WAYS = {
    Settling.IDEMPOTENCY_KEY: "idempotency key",
    Settling.LOOK_UP: "look-up",
    Settling.EVENT: "event",
    Settling.NOTHING: "nothing",
}


def _capabilities(name: str, kind: Kind) -> Capabilities:
    """Return what a kind can express; of one that learns it from a server, what it starts with."""
    own = getattr(typing.get_type_hints(kind.make)["return"], "capabilities", None)
    if isinstance(own, Capabilities):
        return own
    settings = table_to(
        kind.settings, {"kind": name, "host": "smtp.example.net"}, "providers", Source()
    )
    return kind.make(name, settings, _NO_TOOLS).capabilities


async def _no_inbox(provider: str, message: Message, to: frozenset[Address]) -> str:
    raise NotImplementedError


_NO_TOOLS = Tools(
    http=PooledHttpClient(), clock=SystemClock(), hostname="localhost", inbox=_no_inbox
)


def _peculiarities(settings: type[CommonSettings]) -> str:
    """Return what the provider's file says after "Quirks"."""
    doc = sys.modules[settings.__module__].__doc__ or ""
    found = re.search(r"Quirks[^:]*:\s+(.*)", doc, re.DOTALL)
    if found is None:
        return ""
    paragraphs = [" ".join(text.split()) for text in found[1].split("\n\n")]
    text = "\n\n".join(paragraphs)
    return f"{text[0].upper()}{text[1:]}\n"


# ---------------------------------------------------------------- compatibility.md

_COMPATIBILITY_INTRODUCTION = f"""\
# Clients of other vendors

{_MADE_BY}

A program that sends through one of these vendors is pointed at the gateway by its address and its
key, and nothing else changes. Its mail takes the same path as that of `POST /v1/messages`: durable
before the answer, failover, suppressions, status. How to move, and what differs, stands on a page
for each vendor.

- **Address**: `https://<gateway>/compat/<vendor>`. Where only the host of a program can be changed,
  the vendor's own paths are served without the prefix too.
- **Answer**: once the mail is durable. With the header `X-MS-Mode: sync`, or `compat.mode` in the
  [configuration](configuration.md#compat), once a provider has it; when none takes it, the answer
  is the vendor's error, and nothing is sent later.
- **Repetitions** by the client's library are one mail: known by `Idempotency-Key`, by
  `amz-sdk-invocation-id` at Amazon SES, else by the mail itself: the very same one with the same
  key within `compat.repeat_window`. An answer given again has `Idempotency-Replayed: true`. Who
  sends the very same mail twice on purpose gives each request an `Idempotency-Key` of its own.
- **Refusals** have the vendor's form, with the reason. What the vendor offers and the gateway does
  not is refused, never left out: those fields are marked below. So are fields and parameters that
  do not stand below.
- **Ids** are those that the vendor would answer with, and its look-ups take them. The gateway's own
  is in the header `X-MS-Message-Id`.
- **More** than the vendor has a field for goes into a header of the request or of the mail:
  {", ".join(f"`{name}`" for name in WISHES)}, as the fields of `POST /v1/messages` of these names.
- **Keys** need the scope `send` to send, `read` to look up, `content` to get bodies back and
  `manage` to change or withdraw. A test key's mail ends in the sandbox.
"""


def compatibility_page() -> str:
    """Return docs/compatibility.md: the fate of every call and field of the vendors' APIs."""
    parts = [_COMPATIBILITY_INTRODUCTION]
    for vendor in VENDORS:
        parts.append(f"## {vendor.title}\n")
        parts.append(
            f"[How to move](from-{vendor.name}.md). Address: `{PREFIX_OF_DOORS}/{vendor.name}`. "
            f"The vendor's own pages: <{vendor.page}>.\n"
        )
        parts.append(_calls_table(vendor))
        by_document: dict[type[Wire], list[str]] = {}
        for call in vendor.calls:
            if call.takes is not None:
                by_document.setdefault(call.takes, []).append(f"`{call.method} {call.path}`")
        for document, calls in by_document.items():
            parts += [f"### {', '.join(calls)}\n", _fields_table(document)]
    return "\n".join(parts)


def _calls_table(vendor: Vendor) -> str:
    lines = ["| call | here | key | parameters |", "|---|---|---|---|"]
    for call in vendor.calls:
        asked = ", ".join(f"`{name}`" for name in call.asks)
        needs = f"`{call.needs}`" if call.needs else ""
        lines.append(f"| `{call.method} {call.path}` | {call.does} | {needs} | {asked} |")
    return "\n".join(lines) + "\n"


def _fields_table(document: type[Wire]) -> str:
    lines = ["| field | | what becomes of it |", "|---|---|---|"]
    lines += [
        f"| `{name}` | {field.fate} | {field.how.replace('|', chr(92) + '|')} |"
        for name, field in _fields_of(document, "")
    ]
    return "\n".join(lines) + "\n"


def _fields_of(document: type[Wire], below: str) -> Iterator[tuple[str, Declared]]:
    for field in declared(document):
        yield f"{below}{field.name}", field
        many = "[]" if typing.get_origin(_first(field.hint)) in {tuple, list} else ""
        for inner in documents_in(field.hint):
            yield from _fields_of(inner, f"{below}{field.name}{many}.")


def _first(hint: object) -> object:
    """Return the first type of a choice, without what `Annotated` says of it."""
    bare = typing.get_args(hint)[0]
    is_choice = isinstance(bare, UnionType) or typing.get_origin(bare) is typing.Union
    return typing.get_args(bare)[0] if is_choice else bare


# ---------------------------------------------------------------- cli.md


def cli_page() -> str:
    """Return docs/cli.md: the help of every command, as it prints it."""
    import_commands(program)
    parts = ["# The command `mail-sender`\n", _MADE_BY, "", _CLI_INTRODUCTION]
    for chain in _commands(program, ()):
        parts += [f"## `{' '.join(('mail-sender', *chain))}`\n", "```text", _help(chain), "```\n"]
    return "\n".join(parts)


_CLI_INTRODUCTION = """\
Exit status: 0 done, 1 the thing failed (a mail not sent), 2 wrong usage or configuration.

`--json` prints one JSON document on standard output and nothing else there: for commands that ask
a gateway, the document of the HTTP API (`docs/openapi.json`). When a command fails, it is
`{"error": {"code", "detail", "advice", "answer"}}`; words for people stand on standard error.

Which gateway and key: `--url` and `--key`, else `MAIL_SENDER_URL` and `MAIL_SENDER_KEY`, else those
of a demo that was started in this directory (`make run`), else `http://127.0.0.1:8025`. The demo's
key is used for the demo's address only.
"""


def _commands(app: App, chain: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command that does something, groups after their own help."""
    yield chain
    for name in sorted(app):
        if not name.startswith("-"):
            yield from _commands(app[name], (*chain, name))


def _help(chain: tuple[str, ...]) -> str:
    text = io.StringIO()
    console = Console(
        file=text, width=100, color_system=None, legacy_windows=False, force_terminal=False
    )
    program.help_print(list(chain), console=console)
    lines = (re.sub(r"\s+$", "", line) for line in text.getvalue().splitlines())
    without_epilogue = "\n".join(lines).partition("\nExit status:")[0]
    return without_epilogue.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
