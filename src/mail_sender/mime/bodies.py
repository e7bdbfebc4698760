"""Bodies of single parts in 7-bit lines: as they are, quoted-printable or base64 (RFC 2045).

Neighbours: `writer` puts the parts together. Nothing here looks at headers.
"""

from __future__ import annotations

import re
from binascii import b2a_base64, b2a_qp
from dataclasses import dataclass

MAX_TEXT_LINE = 78  #: RFC 5322 section 2.1.1, SHOULD
MAX_LINE = 998  #: the same, MUST

_PRINTABLE = bytes([*b"\t\n", *range(0x20, 0x7F)])
_QP_LITERAL = bytes([*b"\t\n", *range(0x20, 0x3D), *range(0x3E, 0x7F)])
_SPACE_PAST_THE_END = re.compile(rb"([^\n]{74})(=20|=09)(?=\n)")


@dataclass(frozen=True, slots=True)
class Body:
    """An encoded body and the word for Content-Transfer-Encoding."""

    encoding: str
    data: bytes


def text_body(text: str, *, boundary: bytes) -> Body:
    """Return a text in the smallest encoding that every relay leaves alone.

    It stays as it is when that is certain to survive: ASCII, lines of at most 78, none that
    begins with "From " (mailboxes put a `>` before it), and without the boundary, which
    cannot occur in the other two encodings because it holds `=_`.

    Args:
        text: With line ends of any kind; a lone surrogate becomes a question mark.
        boundary: Which must not occur.
    """
    data = _with_lf(text).encode("utf-8", "replace")
    escapes = len(data.translate(None, _QP_LITERAL))
    if (
        not data.translate(None, _PRINTABLE)
        and max(map(len, data.split(b"\n"))) <= MAX_TEXT_LINE
        and not data.startswith(b"From ")
        and b"\nFrom " not in data
        and boundary not in data
    ):
        return Body("7bit", data.replace(b"\n", b"\r\n"))
    if 2 * escapes <= len(data) // 3:
        return Body("quoted-printable", _quoted_printable(data))
    return base64_body(data.replace(b"\n", b"\r\n"))


def base64_body(content: bytes) -> Body:
    """Return any octets in base64, in lines of 76."""
    line = b2a_base64(content, newline=False)
    lines = [line[start : start + 76] for start in range(0, len(line), 76)]
    return Body("base64", b"\r\n".join(lines))


def mail_body(content: bytes, *, boundary: bytes) -> Body | None:
    """Return a whole mail as it may stand inside another one; None where it may not.

    RFC 2046 section 5.2.1 allows message/rfc822 no encoding but 7bit, 8bit and binary, and
    of these only the first passes everywhere. Line ends become CRLF, which they are in a mail.
    """
    if not content.isascii() or b"\0" in content or boundary in content:
        return None
    data = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if max(map(len, data.split(b"\n"))) > MAX_LINE:
        return None
    return Body("7bit", data.replace(b"\n", b"\r\n"))


def _with_lf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _quoted_printable(data: bytes) -> bytes:
    encoded = b2a_qp(data)
    if b"=20\n" in encoded or b"=09\n" in encoded:
        # b2a_qp lets the last, escaped space of a full line stand in columns 75 to 77.
        encoded = _SPACE_PAST_THE_END.sub(rb"\1=\n\2", encoded)
    if b"From " in encoded:  # see text_body
        encoded = re.sub(rb"^From ", b"=46rom =\n", encoded, flags=re.MULTILINE)
    return encoded.replace(b"\n", b"\r\n")
