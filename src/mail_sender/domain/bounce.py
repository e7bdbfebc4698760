"""Why a mail came back: what kind of refusal it was, and whether its address is to blame.

Neighbours: `providers` read the words of their vendors, with `bounce_of` where these say no more
than the receiving server did; only `is_dead_address` puts an address on the suppression list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class BounceType(StrEnum):
    """What a refusal means for later mail to the same address."""

    HARD = "hard"  #: it will be refused again
    SOFT = "soft"  #: it may be taken another time
    BLOCK = "block"  #: this mail or its sender was disliked, not the address
    UNDETERMINED = "undetermined"  #: nobody said


class BounceReason(StrEnum):
    """What the refusal was about."""

    UNKNOWN_RECIPIENT = "unknown_recipient"  #: no such mailbox, or it is closed
    BAD_DOMAIN = "bad_domain"  #: the domain takes no mail, or does not exist
    MAILBOX_FULL = "mailbox_full"
    TOO_LARGE = "too_large"
    UNREACHABLE = "unreachable"  #: no connection or no answer until the provider gave up
    GREYLISTED = "greylisted"  #: come back later
    SPAM_CONTENT = "spam_content"  #: what the mail says was disliked
    POLICY = "policy"  #: its sender was disliked: reputation, authentication
    SUPPRESSED = "suppressed"  #: on the provider's own list: it was never tried
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Bounce:
    """A refusal in our words."""

    type: BounceType
    reason: BounceReason

    @property
    def is_dead_address(self) -> bool:
        """Whether no mail should go there again, from whichever provider."""
        return self.type is BounceType.HARD and self.reason is BounceReason.UNKNOWN_RECIPIENT


SUPPRESSED = Bounce(BounceType.UNDETERMINED, BounceReason.SUPPRESSED)

_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.])([245]\d\d)(?![\d.])")
_NOBODY = re.compile(
    r"(user|recipient|mailbox|account|address|email) (is )?(unknown|not found)"
    r"|unknown (user|recipient|mailbox)|no such (user|recipient|mailbox|person|address)"
    r"|(user|recipient|mailbox|account)[^.;]{0,60} does(n't| not) exist",
    re.IGNORECASE,
)
_GREYLISTED = re.compile(r"gr[ea]ylist", re.IGNORECASE)
_SPAM = re.compile(r"spam|content|virus|malware|phish", re.IGNORECASE)

_HARD, _SOFT, _BLOCK = BounceType.HARD, BounceType.SOFT, BounceType.BLOCK
#: By subject and detail of an enhanced code (RFC 3463; RFC 7372 for 7.20 to 7.27).
_BY_CODE = {
    (1, 1): Bounce(_HARD, BounceReason.UNKNOWN_RECIPIENT),
    (1, 3): Bounce(_HARD, BounceReason.UNKNOWN_RECIPIENT),
    (1, 6): Bounce(_HARD, BounceReason.UNKNOWN_RECIPIENT),
    (2, 1): Bounce(_HARD, BounceReason.UNKNOWN_RECIPIENT),
    (1, 2): Bounce(_HARD, BounceReason.BAD_DOMAIN),
    (4, 4): Bounce(_HARD, BounceReason.BAD_DOMAIN),
    (2, 2): Bounce(_SOFT, BounceReason.MAILBOX_FULL),
    (2, 3): Bounce(_SOFT, BounceReason.TOO_LARGE),
    (3, 4): Bounce(_SOFT, BounceReason.TOO_LARGE),
    (4, 1): Bounce(_SOFT, BounceReason.UNREACHABLE),
    (4, 2): Bounce(_SOFT, BounceReason.UNREACHABLE),
    (4, 7): Bounce(_SOFT, BounceReason.UNREACHABLE),
    (6, 0): Bounce(_BLOCK, BounceReason.SPAM_CONTENT),
}


def bounce_of(enhanced_code: str | None, text: str) -> Bounce:
    """Return what a server's refusal means, by its enhanced code, else by its words."""
    found = _ENHANCED.fullmatch(enhanced_code or "")
    digits = (int(found[1]), int(found[2]), int(found[3])) if found else (0, 0, 0)
    known = _by_code(digits, text)
    if known is not None:
        return known
    if digits[0] != 4 and digits[1:] in {(0, 0), (1, 0)} and _NOBODY.search(text):
        return Bounce(BounceType.HARD, BounceReason.UNKNOWN_RECIPIENT)
    if digits[0] != 5 and _GREYLISTED.search(text):
        return Bounce(BounceType.SOFT, BounceReason.GREYLISTED)
    if digits[0] == 4:
        return Bounce(BounceType.SOFT, BounceReason.OTHER)
    return Bounce(BounceType.UNDETERMINED, BounceReason.OTHER)


def weighed(said: Bounce, words: str, enhanced_code: str | None = None) -> Bounce:
    """Return what a bounce is, by the provider's own word for it and by those of the server.

    The provider says of which type it is, having seen more than one answer. The server says why,
    where it does; and one that dislikes the mail or its sender says nothing of the address.
    """
    told = bounce_of(enhanced_code or enhanced_code_in(words), words)
    if told.type is BounceType.BLOCK:
        return told
    return Bounce(said.type, said.reason if told.reason is BounceReason.OTHER else told.reason)


def _by_code(digits: tuple[int, int, int], text: str) -> Bounce | None:
    severity, subject, detail = digits
    if subject == 7:
        if digits == (4, 7, 1):
            return Bounce(BounceType.SOFT, BounceReason.GREYLISTED)
        disliked = BounceReason.SPAM_CONTENT if _SPAM.search(text) else BounceReason.POLICY
        return Bounce(BounceType.BLOCK, disliked)
    known = _BY_CODE.get((subject, detail))
    if known is not None and severity == 4 and known.type is BounceType.HARD:
        return Bounce(BounceType.SOFT, known.reason)  # what may be taken later is not for good
    return known


def enhanced_code_in(text: str) -> str | None:
    """Return the first enhanced status code (RFC 3463) in a server's words."""
    found = _ENHANCED.search(text)
    return found[0] if found else None


def reply_code_in(text: str) -> int | None:
    """Return the first SMTP reply code in a server's words, such as `smtp; 550 5.1.1 …`."""
    found = _REPLY.search(text)
    return int(found[1]) if found else None
