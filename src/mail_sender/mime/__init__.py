"""A message as the bytes of a mail (RFC 5322, RFC 2045 to 2049), in pure ASCII.

Neighbours: providers that hand over whole mails (`smtp`, raw SES) call `render`; doors that take
whole mails call `content_of_mail`; the rest of the world never sees a MIME part. One writer of
our own, because the standard library's costs 2.1 ms for a mail of 2 KB and this one a fiftieth
of that.

The rules of this room:

- The same arguments give the same bytes, on every retry and on every node.
- Lines end CRLF and are at most 998 octets, 78 where that is possible; every octet is ASCII,
  so that no relay needs 8BITMIME. (`utf8_headers` alone breaks this, for addresses that exist
  in no other form.)
- What was accepted is rendered. CR, LF and other controls in a header value become a space,
  which makes header injection impossible without losing a mail over a stray line end. Refused,
  by ValueError, is only what has no meaning after such a repair: an address, a field name, a
  Message-ID.
"""

from .addresses import ascii_address, needs_smtputf8, smtputf8_address
from .kept import is_eight_bit
from .whole import content_of_mail, losses, message_id_of, spelled_out, why_not_spelled_out
from .writer import least_bytes, render

__all__ = [
    "ascii_address",
    "content_of_mail",
    "is_eight_bit",
    "least_bytes",
    "losses",
    "message_id_of",
    "needs_smtputf8",
    "render",
    "smtputf8_address",
    "spelled_out",
    "why_not_spelled_out",
]
