"""Header fields as lines: encoded words, quoting, folding.

Neighbours: `writer` decides which fields a mail has. Everything here takes any text whatsoever
and returns whole lines that end CRLF; what is no field at all (a name with a colon) is a
ValueError.

A field is put together from pieces, each with its leading space, that must not be broken;
a line end goes before a piece, never into one (RFC 5322 section 2.2.3).
"""

from __future__ import annotations

import re
import unicodedata
from binascii import b2a_base64
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from ..domain.message import Mailbox
from .addresses import ascii_address, smtputf8_address

MAX_LINE = 76  #: RFC 2047 section 2 for lines with encoded words; RFC 5322 wants at most 78

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_FIELD_NAME = re.compile(r"[!-9;-~]{1,76}")
_PIECE = re.compile(r" *[^ ]+")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_PLAIN_FILE_NAME = re.compile(r"(?:(?!=\?)[ !#-\[\]-~]){1,60}")
_MEDIA_TYPE = re.compile(
    r"""[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+
        (?:\ *;\ *[A-Za-z0-9!#$&^_.+-]+=(?:[A-Za-z0-9!#$&^_.+/:-]+|"[\ !#-\[\]-~]*"))*""",
    re.VERBOSE,
)

_LONGEST_PIECE = 900  #: a longer one may not fit into a line of 998 octets
_LONGEST_QUOTED_NAME = 60  #: a longer name is written in encoded words, which can be folded
_FILE_NAME_SECTION = 55  #: characters in one section of RFC 2231 section 3

_WORD = 75  #: RFC 2047 section 2: the whole encoded word
_WORD_FRAME = len("=?utf-8?q??=")
_FIRST_WORD_IN_LIST = MAX_LINE - len("Reply-To: ")
# RFC 2047 section 5 (3): what may stand for itself even within a display name.
_Q_SAFE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/"
_Q = {octet: chr(octet) if octet in _Q_SAFE else f"={octet:02X}" for octet in range(256)}
_Q[0x20] = "_"


def clean(value: str) -> str:
    """Return the value with each control as a space, and without spaces at its ends."""
    if not value.isprintable():
        value = _CONTROLS.sub(" ", value)
    return value.strip(" ")


def text_field(name: str, value: str) -> str:
    """Return an unstructured field such as Subject; any text comes back from a parser.

    Raises:
        ValueError: `name` is no field name.
    """
    value = clean(value)
    if value.isascii() and "=?" not in value:
        return given_field(name, value)
    return _folded(name, _encoded_where_needed(value, room=MAX_LINE - len(name) - 2))


def given_field(name: str, value: str) -> str:
    """Return a field whose value the client wrote: ASCII stands as it is.

    It may be structured (List-Unsubscribe) or hold encoded words already.

    Raises:
        ValueError: `name` is no field name.
    """
    value = clean(value)
    if not value.isascii():
        return _folded(name, _encoded_where_needed(value, room=MAX_LINE - len(name) - 2))
    if len(name) + 2 + len(value) <= MAX_LINE:
        return f"{_checked(name)}: {value}\r\n"
    pieces = _PIECE.findall(" " + value)
    if max(map(len, pieces)) > _LONGEST_PIECE:
        pieces = _encoded_where_needed(value, room=MAX_LINE - len(name) - 2)
    return _folded(name, pieces)


def address_field(name: str, mailboxes: Iterable[Mailbox], *, utf8: bool) -> str:
    """Return a field with a list of mailboxes, folded between them where it is long.

    Args:
        name: From, To, Cc or Reply-To.
        mailboxes: At least one.
        utf8: Whether an address without an ASCII form may stand in UTF-8 (RFC 6532).

    Raises:
        ValueError: An address cannot be written.
    """
    pieces: list[str] = []
    for mailbox in mailboxes:
        if pieces:
            pieces[-1] += ","
        pieces.extend(_mailbox_pieces(mailbox, utf8=utf8))
    return _folded(name, pieces)


def disposition_field(disposition: str, filename: str) -> str:
    """Return Content-Disposition (RFC 2183) with the file name in a form for every reader.

    A name beyond plain ASCII stands first as RFC 2231 has it, then as an ASCII likeness for
    readers that know no better. In this order the standard library's parser takes the first.
    """
    filename = clean(filename)
    if not filename:
        return f"Content-Disposition: {disposition}\r\n"
    if _PLAIN_FILE_NAME.fullmatch(filename):
        parameters = [f'filename="{filename}"']
    else:
        parameters = [*_extended("filename", filename), f'filename="{_likeness(filename)}"']
    return f"Content-Disposition: {disposition};\r\n " + ";\r\n ".join(parameters) + "\r\n"


def content_id_field(content_id: str) -> str:
    """Return Content-ID in angle brackets; what may not stand there is percent-encoded."""
    bare = clean(content_id).removeprefix("<").removesuffix(">")
    return f"Content-ID: <{quote(bare, safe='!#$%&*+-/=?^_`{|}~.@:', errors='replace')[:900]}>\r\n"


def media_type_or(default: str, media_type: str) -> str:
    """Return the media type if it can be written as it is, else the default."""
    written = clean(media_type)
    return written if len(written) <= 200 and _MEDIA_TYPE.fullmatch(written) else default


def encoded_words(text: str, *, first_room: int = _WORD) -> list[str]:
    """Return the text as encoded words (RFC 2047), split between characters.

    Args:
        text: Any text; a lone surrogate becomes a question mark.
        first_room: Characters that the first word may take (at least 28 are used), where
            something stands before it on its line. Every other word takes at most 75.

    Returns:
        Words that a parser joins without the white space between them.
    """
    data = text.encode("utf-8", "replace")
    room = min(max(first_room, 28), _WORD) - _WORD_FRAME
    escapes = len(data.translate(None, _Q_SAFE + b" "))
    if len(data) + 2 * escapes <= len(data) * 4 // 3:
        return [f"=?utf-8?q?{word}?=" for word in _q_words(data, room)]
    return [f"=?utf-8?b?{word}?=" for word in _b_words(data, room)]


def _checked(name: str) -> str:
    if not _FIELD_NAME.fullmatch(name):
        raise ValueError(f"not the name of a header field: {name!r}")
    return name


def _folded(name: str, pieces: Sequence[str]) -> str:
    line = _checked(name) + ":" + "".join(pieces[:1])
    lines = []
    for piece in pieces[1:]:
        if len(line) + len(piece) > MAX_LINE:
            lines.append(line)
            line = piece
        else:
            line += piece
    return "\r\n".join([*lines, line]) + "\r\n"


def _encoded_where_needed(value: str, *, room: int) -> list[str]:
    """Return pieces: everything from the first to the last word that needs it is encoded.

    ASCII words outside stay readable, and an address behind a name stays one. White space
    within is encoded, since a parser drops it between two encoded words.
    """
    words = value.split(" ")
    needing = [at for at, word in enumerate(words) if _needs_encoding(word)]
    if "" in words or not needing:  # runs of spaces, which some relays squeeze
        needing = [0, len(words) - 1]
    first, last = needing[0], needing[-1] + 1
    before, after = " ".join(words[:first]), " ".join(words[last:])
    encoded = encoded_words(" ".join(words[first:last]), first_room=_WORD if before else room)
    return [
        *(_PIECE.findall(" " + before) if before else ()),
        *(" " + word for word in encoded),
        *(_PIECE.findall(" " + after) if after else ()),
    ]


def _needs_encoding(word: str) -> bool:
    return not word.isascii() or "=?" in word or len(word) > _LONGEST_PIECE


def _q_words(data: bytes, room: int) -> Iterable[str]:
    word = ""
    for char in data.decode():
        escaped = "".join([_Q[octet] for octet in char.encode()])
        if len(word) + len(escaped) > room:
            yield word
            word, room = "", _WORD - _WORD_FRAME
        word += escaped
    yield word


def _b_words(data: bytes, room: int) -> Iterable[str]:
    start = 0
    while start < len(data):
        end = start + room // 4 * 3
        while end < len(data) and data[end] & 0xC0 == 0x80:  # not into a character
            end -= 1
        yield b2a_base64(data[start:end], newline=False).decode()
        start, room = end, _WORD - _WORD_FRAME


def _mailbox_pieces(mailbox: Mailbox, *, utf8: bool) -> list[str]:
    address = smtputf8_address(mailbox.address) if utf8 else ascii_address(mailbox.address)
    if address is None:
        raise ValueError(f"the address {mailbox.address!r} cannot be written in ASCII")
    name = clean(mailbox.name)
    if not name:
        return [" " + address]
    return [*_phrase_pieces(name), f" <{address}>"]


def _phrase_pieces(name: str) -> list[str]:
    if not name.isascii() or "=?" in name or len(name) > _LONGEST_QUOTED_NAME:
        return [" " + word for word in encoded_words(name, first_room=_FIRST_WORD_IN_LIST)]
    if _ATOMS.fullmatch(name):
        return [" " + name]
    return [' "' + name.replace("\\", "\\\\").replace('"', '\\"') + '"']


def _extended(parameter: str, value: str) -> list[str]:
    sections = [""]
    for char in value:
        escaped = quote(char, safe="", errors="replace")
        if len(sections[-1]) + len(escaped) > _FILE_NAME_SECTION:
            sections.append("")
        sections[-1] += escaped
    sections[0] = "utf-8''" + sections[0]
    if len(sections) == 1:
        return [f"{parameter}*={sections[0]}"]
    return [f"{parameter}*{number}*={section}" for number, section in enumerate(sections)]


def _likeness(filename: str) -> str:
    """Return a short plain name that resembles this one and keeps its ending."""
    plain = "".join([_plain(char) for char in filename]).replace("=?", "__")
    return plain if len(plain) <= 60 else f"{plain[:48]}~{plain[-11:]}"


def _plain(char: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", char).encode("ascii", "ignore").decode()
    return re.sub(r'["\\]', "_", ascii_only) or "_"
