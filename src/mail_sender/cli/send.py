"""`send`: a mail from the command line.

Neighbours: `mail` makes the request from the flags, `client` calls the gateway, `attempts` shows
what providers answered. Every request carries an Idempotency-Key, so that repeating it after a
broken line cannot send the mail twice.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from ..client import NoAnswer
from . import target, terminal
from .attempts import show_attempts, show_recipients
from .client import Answer, Client, refusal, unreachable
from .failure import CommandFailed, wrong_usage
from .flags import ANY_GATEWAY, TABLES, Ask, Format
from .mail import Parts, body_of

SYNC_TIMEOUT = 30  #: the gateway's own default
_ENDED_BADLY = {"failed", "expired", "cancelled", "suppressed"}


def send(
    *,
    to: Annotated[tuple[str, ...], Parameter(help="Recipient; repeatable.")] = (),
    cc: Annotated[tuple[str, ...], Parameter(help="Copy to; repeatable.")] = (),
    bcc: Annotated[tuple[str, ...], Parameter(help="Copy that no header names; repeatable.")] = (),
    from_: Annotated[
        str | None,
        Parameter(name="--from", help="Sender, `Name <a@b>`; default: the gateway's default_from."),
    ] = None,
    reply_to: Annotated[tuple[str, ...], Parameter(help="Where answers go; repeatable.")] = (),
    subject: Annotated[str, Parameter(allow_leading_hyphen=True, help="One line.")] = "",
    text: Annotated[
        str | None,
        Parameter(allow_leading_hyphen=True, help="The text; `-` reads it from standard input."),
    ] = None,
    html: Annotated[
        str | None,
        Parameter(allow_leading_hyphen=True, help="The HTML; `-` reads it from standard input."),
    ] = None,
    attach: Annotated[tuple[Path, ...], Parameter(help="File to attach; repeatable.")] = (),
    header: Annotated[tuple[str, ...], Parameter(help="`Name: value`; repeatable.")] = (),
    tag: Annotated[tuple[str, ...], Parameter(help="Repeatable.")] = (),
    metadata: Annotated[tuple[str, ...], Parameter(help="`key=value`; repeatable.")] = (),
    sync: Annotated[
        bool,
        Parameter(help="Wait for the provider's answer; status 1 when not sent."),
    ] = False,
    timeout: Annotated[
        int | None, Parameter(help="With --sync: seconds, 1 to 120; default 30.")
    ] = None,
    wait: Annotated[
        int | None, Parameter(help="Wait up to so many seconds; the mail stays accepted after.")
    ] = None,
    send_at: Annotated[
        str | None, Parameter(help="When to send, such as 2031-05-01T08:00:00Z.")
    ] = None,
    give_up_after: Annotated[
        int | None, Parameter(help="Seconds after which it is worth nothing any more.")
    ] = None,
    priority: Annotated[
        Literal["high", "normal", "low"] | None, Parameter(help="Default: normal.")
    ] = None,
    route: Annotated[str | None, Parameter(help="A configured route.")] = None,
    on_unknown: Annotated[
        Literal["wait", "risk_duplicate"] | None,
        Parameter(help="When nobody knows whether a provider took it; default: the route's."),
    ] = None,
    unsubscribe: Annotated[
        bool, Parameter(help="With a link by which its recipient says: no more.")
    ] = False,
    idempotency_key: Annotated[
        str | None,
        Parameter(help="The same key never sends twice; made up when there is none."),
    ] = None,
    ask: Ask = ANY_GATEWAY,
    shown: Format = TABLES,
) -> int:
    """Send a mail.

    Without --sync or --wait the command ends as soon as the gateway has the mail durably.
    """
    if wait is not None and (sync or wait < 1):
        raise wrong_usage("--wait is a number of seconds, and does not go together with --sync")
    if timeout is not None and not sync:
        raise wrong_usage("--timeout belongs to --sync", "For an asynchronous mail: --wait N.")
    body = body_of(
        Parts(
            sender=from_, to=to, cc=cc, bcc=bcc, reply_to=reply_to, subject=subject,
            text=text, html=html, attach=attach, header=header, tag=tag, metadata=metadata,
            mode="sync" if sync else None, timeout=timeout, send_at=send_at,
            give_up_after=give_up_after, priority=priority, route=route, on_unknown=on_unknown,
            unsubscribe=unsubscribe,
        )
    )  # fmt: skip
    client = target.gateway(ask)
    headers = {"Idempotency-Key": idempotency_key or f"cli-{secrets.token_hex(16)}"}
    if wait is not None:
        headers["Prefer"] = f"wait={wait}"
    takes = (timeout or SYNC_TIMEOUT) if sync else (wait or 0)
    return _told(submit(client, body, headers, takes=takes), as_json=shown.json)


def submit(
    client: Client, body: dict[str, Any], headers: dict[str, str], *, takes: float
) -> Answer:
    """Hand the mail to the gateway; what may be repeated is, with the same key.

    Raises:
        CommandFailed: No answer that says what became of it.
    """
    try:
        return client.call("POST", "/v1/messages", body=body, headers=headers, takes=takes)
    except NoAnswer as error:
        failure = unreachable(client.url, error)
        if error.may_have_arrived:
            failure.advice = _WITH_THE_KEY.format(headers["Idempotency-Key"])
        raise failure from None
    except CommandFailed as failure:
        if failure.code == "not_a_gateway":  # a proxy's word, whatever became of the mail
            failure.advice += " " + _WITH_THE_KEY.format(headers["Idempotency-Key"])
        raise


_WITH_THE_KEY = (
    "The gateway may have the mail. Repeat with --idempotency-key {}: it is not sent twice."
)


def _told(answer: Answer, *, as_json: bool) -> int:
    """Say what the gateway answered, and return the exit status."""
    if answer.code in _NOT_SENT:
        return _not_sent(answer, as_json=as_json)
    if not answer.is_success:
        raise refusal(answer)
    message = answer.document
    failed = message["status"] in _ENDED_BADLY
    if as_json:
        terminal.show_document(message)
        return int(failed)
    via = f" through {message['provider']}" if message.get("provider") else ""
    terminal.show(f"{message['status']}{via}  {message['id']}")
    if message.get("attempts") and (failed or message["status"] != "sent"):
        show_attempts(message["attempts"])
    _show_left_out(message)
    if not failed and message["status"] != "sent":
        terminal.say(f"The gateway has it. What becomes of it: mail-sender status {message['id']}")
    return int(failed)


_NOT_SENT = {
    "message_refused": "Not sent: no provider takes this message. Change it as the answers say.",
    "not_sent": "Not sent: every provider failed, and nothing will be sent later. "
    "It is safe to send it again.",
    "outcome_unknown": "The time is up, and the mail may have been sent. Do not send it again "
    "before you know; the gateway goes on finding out",
}  #: problem code of a sync answer -> what it means


def _not_sent(answer: Answer, *, as_json: bool) -> int:
    problem = answer.document
    id_ = _id_in(problem)
    if as_json:
        terminal.show_document(problem)
        return 1
    terminal.show(f"{answer.code.replace('_', ' ')}  {id_}")
    if attempts := _attempts_in(problem):
        show_attempts(attempts)
    _show_left_out(problem.get("message") or {})
    words = _NOT_SENT[answer.code]
    if answer.code == "outcome_unknown":
        words += f": mail-sender status {id_}"
    terminal.say(words, "red")
    return 1


def _show_left_out(message: dict[str, Any]) -> None:
    """Show the recipients where one is on the suppression list: no attempt tells of it."""
    recipients = message.get("recipients") or ()
    if any(recipient.get("status") == "suppressed" for recipient in recipients):
        show_recipients(recipients)


def _id_in(problem: dict[str, Any]) -> str:
    message = problem.get("message")
    return str(problem.get("id") or (message or {}).get("id") or "")


def _attempts_in(problem: dict[str, Any]) -> list[dict[str, Any]]:
    message = problem.get("message")
    found = problem.get("attempts") or (message or {}).get("attempts") or []
    return list(found)
