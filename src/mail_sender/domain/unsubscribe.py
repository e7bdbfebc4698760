"""Links by which a recipient says "no more" with one click (RFC 8058), and reading them again.

Neighbours: `intake` puts them into mails that ask for it, `api.unsubscribe` is where they lead,
`feedback.unsubscribe` learns from them. A link says itself whom it is about, so that it holds
however long the mail is kept here; and it is signed, so that nobody can end another's mail. Pure.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass

from .address import parse_address
from .message import Address, MessageId
from .secret import Secret

PATH = "/unsubscribe/"
_MAC_BYTES = 16
_LONGEST = 1000  #: characters of a token; an address has at most 320 octets

HEADER_NAMES = frozenset({"list-unsubscribe", "list-unsubscribe-post"})


@dataclass(frozen=True, slots=True)
class Unsubscription:
    """Somebody wants no more mail, and said so to this message."""

    message_id: MessageId
    address: Address


class UnsubscribeLinks:
    """Makes links, and reads those that it made."""

    def __init__(self, base_url: str, secret: Secret) -> None:
        """Make it.

        Args:
            base_url: Where recipients reach this gateway, without a slash at its end.
            secret: Changing it makes every link in a mailbox worthless.
        """
        self._base_url = base_url.rstrip("/")
        self._key = secret.reveal().encode()

    def headers_for(self, who: Unsubscription) -> tuple[tuple[str, str], ...]:
        """Return the header fields of a mail (RFC 8058 section 3.1)."""
        return (
            ("List-Unsubscribe", f"<{self._base_url}{PATH}{self.token_for(who)}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        )

    def token_for(self, who: Unsubscription) -> str:
        """Return the last part of the link."""
        said = f"{who.message_id}\n{who.address}".encode()
        return urlsafe_b64encode(self._mac(said) + said).decode().rstrip("=")

    def read(self, token: str) -> Unsubscription | None:
        """Return what a link says; None when it is none of ours."""
        if len(token) > _LONGEST or not token.isascii():
            return None
        try:
            whole = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            mac, said = whole[:_MAC_BYTES], whole[_MAC_BYTES:]
            if not hmac.compare_digest(mac, self._mac(said)):
                return None
            message_id, _, address = said.decode().partition("\n")
            return Unsubscription(MessageId(message_id), parse_address(address))
        except (Base64Error, ValueError):
            return None

    def _mac(self, said: bytes) -> bytes:
        return hmac.new(self._key, b"unsubscribe\n" + said, hashlib.sha256).digest()[:_MAC_BYTES]
