"""What a reply means for the mail: pure functions, one for each command that can be refused.

Neighbours: `smtp_transaction` and `smtp` ask here; nothing here does I/O. The first digit says
whether it may work later (RFC 5321 section 4.2.1), the command that it answers says whose fault
it can be, and the enhanced code (RFC 3463) or, failing that, the words say whose it is. A relay
is not the recipient's server: its "no" to RCPT may be about us, which another relay may see
differently.
"""

from __future__ import annotations

import re

from ..domain.outcome import Blame, Deferred, Diagnostic, Outcome, Reach, Refused
from .smtp_connection import Stage, Unopened
from .smtp_reply import Reply

_BUSY = re.compile(r"(?i)too many|try (?:it )?again|temporar|rate.?limit|throttl")
_QUOTA = re.compile(r"(?i)\b(?:daily|monthly|per day|24.hours?)\b.*\b(?:quota|limit)")
_OUR_HOST = re.compile(r"(?i)client host|your (?:ip|host|server)|blocked using")
_TOO_MANY_RECIPIENTS = re.compile(r"(?i)too many (?:recipients|rcpt)")
_RELAYING = re.compile(
    r"""(?ix) relay(?:ing)? (?:\ access)? \ (?:is\ )?
              (?:denied | prohibited | forbidden | not\ (?:allowed | permitted))
        | (?:unable | not\ allowed | not\ permitted | not\ authori[sz]ed
             | do\ not | don't | cannot | can't) \ (?:to\ )? relay"""
)
_OUR_SENDER = re.compile(
    r"""(?ix) sender\ (?:address | domain | not | is | verif) | unverified\ sender
        | (?:address | domain | sender | identit\w*) [^.]* not\ verified
        | mail\ from | send\ as | not\ owned\ by | from\ (?:address | header | field)"""
)
_CONTENT = re.compile(r"(?i)spam|virus|malware|phish|content|bulk")

_NO_SUCH_SENDER = frozenset({"1.7", "1.8"})
_SPF_DKIM_DMARC = frozenset({f"7.{detail}" for detail in range(20, 30)})
_NO_ROUTE_TO_MAILBOX = frozenset({"4.1", "4.4"})
_TOO_LARGE = frozenset({"3.4", "2.3"})
_NO_UTF8 = frozenset({"6.7"})
_LOGIN_NEEDED = frozenset({"7.8", "7.9", "7.11", "7.13", "7.14"})
_LOGIN_NEEDED_CODES = frozenset({525, 530, 534, 535, 538})
_TOO_MANY = "5.3"
_BUGS_OF_OURS = frozenset({500, 502, 503, 504, 555})  #: when no enhanced code says better


def outcome_of_unopened(unopened: Unopened) -> Deferred | Refused:
    """Return the outcome for every recipient when there was no session.

    A certificate that is not trusted, and STARTTLS taken away, need a person, but the mail
    can wait for that: they are deferred, and keep the whole account from use. Only what the
    server says of our account itself is refused.
    """
    reply = unopened.reply
    if unopened.stage is Stage.IDENTITY:
        return _deferred_by_us(unopened.reason, Reach.ACCOUNT)
    if unopened.stage is Stage.MECHANISM:
        return Refused(
            blame=Blame.PROVIDER,
            diagnostic=Diagnostic(text=unopened.reason),
            reach=Reach.ACCOUNT,
        )
    if unopened.stage is Stage.STARTTLS and reply is not None and reply.is_permanent:
        return _deferred(reply, Reach.ACCOUNT)
    if unopened.stage is Stage.AUTH:
        return _outcome_of_login(unopened)
    if unopened.stage is Stage.EHLO and reply is not None and reply.is_permanent:
        return _refused(reply, Reach.ACCOUNT)
    return _deferred_by_us(unopened.reason) if reply is None else _deferred(reply)


def outcome_of_sender(reply: Reply) -> Outcome:
    """Return the outcome for every recipient when MAIL FROM was not taken."""
    if not reply.is_permanent:
        return _deferred(reply, _reach_of_quota(reply))
    detail = _detail(reply)
    if detail in _TOO_LARGE | _NO_UTF8 or (not detail and reply.code == 552):
        return _refused(reply, Reach.MESSAGE)
    if _is_about_account(reply, detail):
        return _refused(reply, Reach.ACCOUNT)
    if detail:
        return _refused(reply, Reach.SENDER if detail[:2] in {"1.", "7."} else Reach.CALL)
    return _refused(reply, Reach.CALL if reply.code in _BUGS_OF_OURS else Reach.SENDER)


def outcome_of_recipient(reply: Reply) -> Outcome:
    """Return the outcome for the recipient whose RCPT TO was not taken."""
    detail = _detail(reply)
    full = wants_next_transaction(reply, some_accepted=True)
    if full or not reply.is_permanent:
        one_mailbox = full or reply.code == 450 or detail[:2] in {"1.", "2."}
        return _deferred(reply, Reach.MESSAGE if one_mailbox else _reach_of_quota(reply))
    if _is_about_mailbox(detail):
        return Refused(blame=Blame.RECIPIENT, diagnostic=reply.diagnostic)
    if _is_about_account(reply, detail) or _RELAYING.search(reply.text):
        return _refused(reply, Reach.ACCOUNT)
    if detail in _NO_SUCH_SENDER or _OUR_SENDER.search(reply.text):
        return _refused(reply, Reach.SENDER)
    if not detail and reply.code not in _BUGS_OF_OURS:
        return Refused(blame=Blame.RECIPIENT, diagnostic=reply.diagnostic)
    own_limit = detail in _TOO_LARGE | _NO_UTF8 or detail.startswith("7.")
    return _refused(reply, Reach.MESSAGE if own_limit else Reach.CALL)


def outcome_of_data(reply: Reply) -> Outcome:
    """Return the outcome for all accepted recipients when DATA was not taken.

    The content was not seen yet, so it cannot be to blame.
    """
    if not reply.is_permanent:
        return _deferred(reply, _reach_of_quota(reply))
    detail = _detail(reply)
    if _is_about_account(reply, detail):
        return _refused(reply, Reach.ACCOUNT)
    if _is_about_sender(reply, detail):
        return _refused(reply, Reach.SENDER)
    own_limit = detail in _TOO_LARGE or detail.startswith("7.")
    return _refused(reply, Reach.MESSAGE if own_limit else Reach.CALL)


def outcome_of_content(reply: Reply, *, recipients: int) -> Outcome:
    """Return the outcome for all accepted recipients when the mail itself was not taken.

    4yz and 5yz both say that the server will not deliver it (RFC 5321 section 4.2.5).

    Args:
        reply: To the final dot; 4yz or 5yz.
        recipients: How many it is about; "no such mailbox" is about one.
    """
    if not reply.is_permanent:
        return _deferred(reply, _reach_of_quota(reply))
    detail = _detail(reply)
    if detail in _TOO_LARGE | _NO_UTF8 or (not detail and reply.code == 552):
        return _refused(reply, Reach.MESSAGE)
    if _is_about_account(reply, detail):
        return _refused(reply, Reach.ACCOUNT)
    if _is_about_sender(reply, detail):
        return _refused(reply, Reach.SENDER)
    if _is_about_mailbox(detail) and recipients == 1:
        return Refused(blame=Blame.RECIPIENT, diagnostic=reply.diagnostic)
    if detail[:2] in {"6.", "7."} or _CONTENT.search(reply.text):
        return Refused(blame=Blame.MESSAGE, diagnostic=reply.diagnostic)
    ours = detail[:2] in {"3.", "4.", "5."} or reply.code in _BUGS_OF_OURS
    return _refused(reply, Reach.CALL if ours else Reach.MESSAGE)


def wants_next_transaction(reply: Reply, *, some_accepted: bool) -> bool:
    """Return whether RCPT TO was not taken only because the transaction is full.

    452 4.5.3 says so; old servers say 552, and some say no more than 452, which among
    accepted recipients means the same (RFC 5321 section 4.5.3.1.10).
    """
    if reply.code not in {450, 451, 452, 552}:
        return False
    if detail := _detail(reply):  # "4.7.1 too many recipients an hour" is no such case
        return detail == _TOO_MANY
    if _TOO_MANY_RECIPIENTS.search(reply.text):
        return True
    return some_accepted and reply.code in {452, 552}


def refused_by_size(size: int, max_bytes: int) -> Refused:
    """Return the outcome that the server would give, without asking it (RFC 1870 section 6)."""
    text = f"the mail has {size} bytes, this server takes {max_bytes}"
    return Refused(
        blame=Blame.PROVIDER,
        diagnostic=Diagnostic(text=text, enhanced_code="5.3.4"),
        reach=Reach.MESSAGE,
    )


def refused_for_smtputf8() -> Refused:
    """Return the outcome for a mail that needs what the server does not offer."""
    text = "an address is not ASCII before its @, and this server does not offer SMTPUTF8"
    return Refused(
        blame=Blame.PROVIDER,
        diagnostic=Diagnostic(text=text, enhanced_code="5.6.7"),
        reach=Reach.MESSAGE,
    )


def _outcome_of_login(unopened: Unopened) -> Deferred | Refused:
    """Some providers say 535 for "too many connections": the words come before the digit."""
    reply = unopened.reply
    if reply is None:
        return _deferred_by_us(unopened.reason)
    if not reply.is_permanent or _BUSY.search(reply.text):
        return _deferred(reply)
    return _refused(reply, Reach.ACCOUNT)


def _detail(reply: Reply) -> str:
    """Return the enhanced code without its class, such as "1.1"; empty where there is none."""
    return reply.enhanced_code[2:] if reply.enhanced_code else ""


def _is_about_mailbox(detail: str) -> bool:
    about_us = _NO_SUCH_SENDER | _TOO_LARGE
    return (detail[:2] in {"1.", "2."} and detail not in about_us) or detail in _NO_ROUTE_TO_MAILBOX


def _is_about_sender(reply: Reply, detail: str) -> bool:
    by_code = detail in _NO_SUCH_SENDER | _SPF_DKIM_DMARC
    return by_code or bool(_OUR_SENDER.search(reply.text))


def _is_about_account(reply: Reply, detail: str) -> bool:
    by_code = reply.code in _LOGIN_NEEDED_CODES or detail in _LOGIN_NEEDED
    return by_code or bool(_QUOTA.search(reply.text) or _OUR_HOST.search(reply.text))


def _reach_of_quota(reply: Reply) -> Reach:
    return Reach.ACCOUNT if _QUOTA.search(reply.text) else Reach.CALL


def _refused(reply: Reply, reach: Reach = Reach.CALL) -> Refused:
    return Refused(blame=Blame.PROVIDER, diagnostic=reply.diagnostic, reach=reach)


def _deferred(reply: Reply, reach: Reach = Reach.CALL) -> Deferred:
    return Deferred(blame=Blame.PROVIDER, diagnostic=reply.diagnostic, reach=reach)


def _deferred_by_us(reason: str, reach: Reach = Reach.CALL) -> Deferred:
    return Deferred(blame=Blame.PROVIDER, diagnostic=Diagnostic(text=reason), reach=reach)
