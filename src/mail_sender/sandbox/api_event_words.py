"""The vendors' words for what can happen to a mail, as the imitated JSON APIs tell it.

Neighbour: `api_events` has what stands around them. A vendor that tells nothing of a kind has no
word for it. Sources: the pages that each provider's `…_webhook` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .happenings import Happening

IP, AGENT, LINK = "192.0.2.1", "Mozilla/5.0 (sandbox)", "https://example.com/order/7"
DEAD = "550 5.1.1 user unknown"
FULL = "452 4.2.2 mailbox full"
SLOW = "421 4.4.1 Unable to connect"

_Told = Mapping[Happening, Mapping[str, Any]]


def _bounced_at_postmark(type_: str, code: int, said: str) -> dict[str, Any]:
    return {
        "RecordType": "Bounce",
        "Type": type_,
        "TypeCode": code,
        "Name": type_,
        "Description": said,
        "Details": f"smtp;{said}",
        "DumpAvailable": False,
        "Inactive": type_ != "Transient",
        "CanActivate": False,
    }


_SEEN_AT_POSTMARK = {"UserAgent": AGENT, "Geo": {"IP": IP}}
POSTMARK: _Told = {
    Happening.DELIVERED: {"RecordType": "Delivery", "Details": "smtp;250 2.0.0 OK"},
    Happening.DEFERRED: _bounced_at_postmark("Transient", 2, SLOW),
    Happening.BOUNCED: _bounced_at_postmark("HardBounce", 1, DEAD),
    Happening.SOFT_BOUNCED: _bounced_at_postmark("SoftBounce", 4096, FULL),
    Happening.REJECTED: _bounced_at_postmark("ManuallyDeactivated", 100007, "suppressed"),
    Happening.COMPLAINED: {
        **_bounced_at_postmark("SpamComplaint", 512, "spam"),
        "RecordType": "SpamComplaint",
    },
    Happening.OPENED: {"RecordType": "Open", "FirstOpen": True, **_SEEN_AT_POSTMARK},
    Happening.CLICKED: {"RecordType": "Click", "OriginalLink": LINK, **_SEEN_AT_POSTMARK},
    Happening.UNSUBSCRIBED: {
        "RecordType": "SubscriptionChange",
        "Origin": "Recipient",
        "SuppressSending": True,
        "SuppressionReason": "ManualSuppression",
    },
}

_SEEN_AT_SENDGRID = {"ip": IP, "useragent": AGENT}
SENDGRID: _Told = {
    Happening.ACCEPTED: {"event": "processed"},
    Happening.DELIVERED: {"event": "delivered", "response": "250 OK"},
    Happening.DEFERRED: {"event": "deferred", "response": SLOW, "attempt": "5"},
    Happening.BOUNCED: {
        "event": "bounce",
        "type": "bounce",
        "reason": DEAD,
        "status": "5.1.1",
        "bounce_classification": "Invalid Address",
    },
    Happening.SOFT_BOUNCED: {
        "event": "bounce",
        "type": "blocked",
        "reason": FULL,
        "status": "4.2.2",
        "bounce_classification": "Mailbox Unavailable",
    },
    Happening.REJECTED: {"event": "dropped", "reason": "Bounced Address"},
    Happening.COMPLAINED: {"event": "spamreport"},
    Happening.OPENED: {"event": "open", **_SEEN_AT_SENDGRID},
    Happening.CLICKED: {"event": "click", "url": LINK, **_SEEN_AT_SENDGRID},
    Happening.UNSUBSCRIBED: {"event": "unsubscribe"},
}


def _bounced_at_resend(type_: str, sub_type: str, said: str) -> dict[str, Any]:
    bounce = {
        "type": type_,
        "subType": sub_type,
        "message": "The receiving server refused it.",
        "diagnosticCode": [f"smtp; {said}"],
    }
    return {"type": "email.bounced", "bounce": bounce}


RESEND: _Told = {
    Happening.ACCEPTED: {"type": "email.sent"},
    Happening.DELIVERED: {"type": "email.delivered"},
    Happening.DEFERRED: {"type": "email.delivery_delayed"},
    Happening.BOUNCED: _bounced_at_resend("Permanent", "General", DEAD),
    Happening.SOFT_BOUNCED: _bounced_at_resend("Transient", "MailboxFull", FULL),
    Happening.REJECTED: {
        "type": "email.suppressed",
        "suppressed": {"message": "On the suppression list.", "type": "bounce"},
    },
    Happening.COMPLAINED: {"type": "email.complained"},
    Happening.OPENED: {"type": "email.opened"},
    Happening.CLICKED: {
        "type": "email.clicked",
        "click": {"ipAddress": IP, "link": LINK, "userAgent": AGENT},
    },
}

BREVO: _Told = {
    Happening.ACCEPTED: {"event": "request"},
    Happening.DELIVERED: {"event": "delivered"},
    Happening.DEFERRED: {"event": "deferred", "reason": SLOW},
    Happening.BOUNCED: {"event": "hard_bounce", "reason": DEAD},
    Happening.SOFT_BOUNCED: {"event": "soft_bounce", "reason": FULL},
    Happening.REJECTED: {"event": "blocked", "reason": "blocked : due to blacklist user"},
    Happening.COMPLAINED: {"event": "spam"},
    Happening.OPENED: {"event": "opened", "user_agent": AGENT},
    Happening.CLICKED: {"event": "click", "link": LINK, "user_agent": AGENT},
    Happening.UNSUBSCRIBED: {"event": "unsubscribe"},
}


def _refused_at_mailjet(event: str, error: str, comment: str, *, is_hard: bool) -> dict[str, Any]:
    return {
        "event": event,
        "blocked": event == "blocked",
        "hard_bounce": is_hard,
        "error_related_to": "recipient",
        "error": error,
        "comment": comment,
    }


_SEEN_AT_MAILJET = {"ip": IP, "agent": AGENT}
MAILJET: _Told = {
    Happening.DELIVERED: {"event": "sent", "smtp_reply": "sent (250 2.0.0 OK)"},
    Happening.DEFERRED: _refused_at_mailjet("bounce", "greylisted", SLOW, is_hard=False),
    Happening.BOUNCED: _refused_at_mailjet("bounce", "user unknown", DEAD, is_hard=True),
    Happening.SOFT_BOUNCED: _refused_at_mailjet("bounce", "quota exceeded", FULL, is_hard=False),
    Happening.REJECTED: _refused_at_mailjet("blocked", "preblocked", "", is_hard=False),
    Happening.COMPLAINED: {"event": "spam", "source": "JMRPP"},
    Happening.OPENED: {"event": "open", **_SEEN_AT_MAILJET},
    Happening.CLICKED: {"event": "click", "url": LINK, **_SEEN_AT_MAILJET},
    Happening.UNSUBSCRIBED: {"event": "unsub", "mj_list_id": "1", **_SEEN_AT_MAILJET},
}


def _refused_at_sparkpost(type_: str, class_: str, said: str) -> dict[str, str]:
    return {
        "wrapper": "message_event",
        "type": type_,
        "bounce_class": class_,
        "error_code": said[:3],
        "raw_reason": said,
        "reason": said,
    }


_SEEN_AT_SPARKPOST = {"wrapper": "track_event", "ip_address": IP, "user_agent": AGENT}
SPARKPOST: _Told = {
    Happening.ACCEPTED: {"wrapper": "message_event", "type": "injection"},
    Happening.DELIVERED: {"wrapper": "message_event", "type": "delivery"},
    Happening.DEFERRED: _refused_at_sparkpost("delay", "24", SLOW),
    Happening.BOUNCED: _refused_at_sparkpost("bounce", "10", DEAD),
    Happening.SOFT_BOUNCED: _refused_at_sparkpost("bounce", "22", FULL),
    Happening.REJECTED: _refused_at_sparkpost("policy_rejection", "25", "550 suppressed"),
    Happening.COMPLAINED: {"wrapper": "message_event", "type": "spam_complaint", "fbtype": "abuse"},
    Happening.OPENED: {"type": "open", **_SEEN_AT_SPARKPOST},
    Happening.CLICKED: {"type": "click", "target_link_url": LINK, **_SEEN_AT_SPARKPOST},
    Happening.UNSUBSCRIBED: {"wrapper": "unsubscribe_event", "type": "list_unsubscribe"},
}


def _refused_at_mailtrap(event: str, category: str, said: str) -> dict[str, Any]:
    return {
        "event": event,
        "response": said,
        "response_code": int(said[:3]),
        "bounce_category": category,
    }


_SEEN_AT_MAILTRAP = {"ip": IP, "user_agent": AGENT}
MAILTRAP: _Told = {
    Happening.DELIVERED: {"event": "delivery"},
    Happening.DEFERRED: _refused_at_mailtrap("soft bounce", "timeout", SLOW),
    Happening.BOUNCED: _refused_at_mailtrap("bounce", "badrecipient", DEAD),
    Happening.SOFT_BOUNCED: _refused_at_mailtrap("bounce", "overquota", FULL),
    Happening.REJECTED: {"event": "reject", "reason": "Recipient in suppression list"},
    Happening.COMPLAINED: {"event": "spam"},
    Happening.OPENED: {"event": "open", **_SEEN_AT_MAILTRAP},
    Happening.CLICKED: {"event": "click", "url": LINK, **_SEEN_AT_MAILTRAP},
    Happening.UNSUBSCRIBED: {"event": "unsubscribe", **_SEEN_AT_MAILTRAP},
}


def _refused_at_mailersend(type_: str, said: str) -> dict[str, Any]:
    return {"type": type_, "morph": {"object": "recipient_bounce", "reason": said}}


MAILERSEND: _Told = {
    Happening.ACCEPTED: {"type": "sent", "morph": None},
    Happening.DELIVERED: {"type": "delivered", "morph": None},
    Happening.DEFERRED: _refused_at_mailersend("deferred", SLOW),
    Happening.BOUNCED: _refused_at_mailersend("hard_bounced", DEAD),
    Happening.SOFT_BOUNCED: _refused_at_mailersend("soft_bounced", FULL),
    Happening.COMPLAINED: {"type": "spam_complaint", "morph": {"object": "spam_complaint"}},
    Happening.OPENED: {"type": "opened", "morph": {"object": "open", "ip": IP}},
    Happening.CLICKED: {"type": "clicked", "morph": {"object": "click", "ip": IP, "url": LINK}},
    Happening.UNSUBSCRIBED: {
        "type": "unsubscribed",
        "morph": {"object": "recipient_unsubscribe", "reason": "option_1"},
    },
}

_SEEN_AT_POSTAL = {"ip_address": IP, "user_agent": AGENT}
POSTAL: _Told = {
    Happening.ACCEPTED: {"event": "MessageHeld", "status": "Held", "details": "In development."},
    Happening.DELIVERED: {"event": "MessageSent", "status": "Sent", "output": "250 2.0.0 OK"},
    Happening.DEFERRED: {"event": "MessageDelayed", "status": "SoftFail", "output": SLOW},
    Happening.BOUNCED: {"event": "MessageDeliveryFailed", "status": "HardFail", "output": DEAD},
    Happening.SOFT_BOUNCED: {
        "event": "MessageDeliveryFailed",
        "status": "HardFail",
        "output": FULL,
    },
    Happening.REJECTED: {
        "event": "MessageHeld",
        "status": "Held",
        "details": "Recipient is on the suppression list",
    },
    Happening.OPENED: {"event": "MessageLoaded", **_SEEN_AT_POSTAL},
    Happening.CLICKED: {"event": "MessageLinkClicked", "url": LINK, **_SEEN_AT_POSTAL},
}


def _refused_at_mandrill(event: str, state: str, described: str, said: str) -> dict[str, Any]:
    mail = {"state": state, "bounce_description": described, "diag": f"smtp;{said}"}
    return {"event": event, "msg": mail}


_SEEN_AT_MANDRILL = {"ip": IP, "user_agent": AGENT, "msg": {"state": "sent"}}
MANDRILL: _Told = {
    Happening.ACCEPTED: {"event": "send", "msg": {"state": "sent"}},
    Happening.DELIVERED: {"event": "delivered", "msg": {"state": "sent"}},
    Happening.DEFERRED: _refused_at_mandrill("deferral", "deferred", "", SLOW),
    Happening.BOUNCED: _refused_at_mandrill("hard_bounce", "bounced", "bad_mailbox", DEAD),
    Happening.SOFT_BOUNCED: _refused_at_mandrill(
        "soft_bounce", "soft-bounced", "mailbox_full", FULL
    ),
    Happening.REJECTED: {"event": "reject", "msg": {"state": "rejected"}},
    Happening.COMPLAINED: {"event": "spam", "msg": {"state": "spam"}},
    Happening.OPENED: {"event": "open", **_SEEN_AT_MANDRILL},
    Happening.CLICKED: {"event": "click", "url": LINK, **_SEEN_AT_MANDRILL},
    Happening.UNSUBSCRIBED: {"event": "unsub", "msg": {"state": "unsub"}},
}
