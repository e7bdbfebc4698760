"""`providers`: how each provider of a gateway stands, and taking one out of service."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from cyclopts import Parameter

from . import target, terminal
from .flags import ANY_GATEWAY, TABLES, Ask, Format

Name = Annotated[str, Parameter(name="name", help="Its name in the configuration.")]
CHECK_TIMEOUT = 120.0  #: seconds; the gateway waits for the provider


def list_(*, ask: Ask = ANY_GATEWAY, shown: Format = TABLES) -> int:
    """Show how each provider stands."""
    document = target.gateway(ask).ask("GET", "/v1/providers").document
    if shown.json:
        terminal.show_document(document)
    else:
        _show(document["data"])
    return 0


def check(
    name: Annotated[
        str | None, Parameter(name="name", help="Its name in the configuration; default: all.")
    ] = None,
    /,
    *,
    ask: Ask = ANY_GATEWAY,
    shown: Format = TABLES,
) -> int:
    """Check an account, or all of them, without sending; status 1 when one does not work."""
    client = target.gateway(ask)
    names = (
        [name] if name else [p["name"] for p in client.ask("GET", "/v1/providers").document["data"]]
    )
    checks = []
    with terminal.working("asking") as tell:
        for each in names:
            tell(each)
            path = f"/v1/providers/{quote(each, safe='')}/test"
            checks.append(client.ask("POST", path, takes=CHECK_TIMEOUT).document)
    if shown.json:
        terminal.show_document(checks[0] if name else {"data": checks})
    else:
        terminal.show_table(
            ("provider", "result", "took", "left", "what was found"),
            [
                (c["provider"], c["result"], f"{c['took_ms']} ms", c["quota_left"], c["detail"])
                for c in checks
            ],
        )
    return int(any(check["result"] != "works" for check in checks))


def pause(
    name: Name,
    /,
    *,
    reason: Annotated[str, Parameter(help="Shown to everybody who looks.")] = "",
    ask: Ask = ANY_GATEWAY,
    shown: Format = TABLES,
) -> int:
    """Take a provider out of service, on every node; its mail goes to the others of the route."""
    body = {"reason": reason} if reason else {}
    return _change(name, "pause", body, ask, shown)


def resume(name: Name, /, *, ask: Ask = ANY_GATEWAY, shown: Format = TABLES) -> int:
    """Take a provider back into service, also one that its breaker left out."""
    return _change(name, "resume", None, ask, shown)


def _change(name: str, action: str, body: object, ask: Ask, shown: Format) -> int:
    path = f"/v1/providers/{quote(name, safe='')}/{action}"
    provider = target.gateway(ask).ask("POST", path, body=body).document
    if shown.json:
        terminal.show_document(provider)
    else:
        _show([provider])
    return 0


def _show(providers: list[dict[str, Any]]) -> None:
    terminal.show_table(
        ("name", "kind", "state", "why", "routes", "calls 24 h", "accepted", "p99"),
        [
            (
                provider["name"],
                provider["kind"],
                provider["state"],
                _why(provider),
                ", ".join(provider["routes"]),
                sum(provider["last_24h"]["outcomes"].values()),
                _share(provider["last_24h"]["accepted_share"]),
                _milliseconds(provider["last_24h"]["p99_ms"]),
            )
            for provider in providers
        ],
    )


def _why(provider: dict[str, Any]) -> str:
    if provider["pause"]:
        return str(provider["pause"]["reason"] or "paused by hand")
    breaker = provider["breaker"]
    words = str(breaker["reason"] or "")
    if breaker["probe_at"]:
        words += f" (probe {terminal.moment(breaker['probe_at'])})"
    blocked = breaker["blocked_senders"]
    return "; ".join([words, *(f"{domain}: {why}" for domain, why in blocked.items())]).strip("; ")


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _milliseconds(span: float | None) -> str:
    return "" if span is None else f"{span:.0f} ms"
