"""Reading what vendors' requests are made of: JSON documents, mailboxes, base64, labels.

Neighbours: vendors' files read their fields with a `Reader`, which collects every fault before it
raises, with pointers into the vendor's request. Vendors are more lenient than our own API where a
client's library needs it (line breaks in base64, lists of addresses in one string); what they
take, we take.
"""

from __future__ import annotations

import json
import mimetypes
import re
from collections.abc import Iterable, Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import TypeVar

import msgspec

from ...domain.address import parse_mailbox, split_mailboxes
from ...domain.errors import Fault
from ...domain.message import Attachment, Disposition, Mailbox
from ..schemas_send import read_base64
from .fields import Wire, refused_in
from .refusal import Reason, Refusal

Document = TypeVar("Document", bound=Wire)
AS_TAGS = "tags; one with other characters than `A-Z a-z 0-9 _ -` also stands in the metadata"
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PLACE = re.compile(r" - at `\$?(.*)`$", re.DOTALL)


def read_document(type_: type[Document], body: bytes) -> Document:
    """Return a JSON document that asks for nothing in vain.

    Raises:
        Refusal: It is not JSON, not such a document, or uses what the gateway does not do.
    """
    try:
        document = msgspec.json.decode(body, type=type_)
    except msgspec.ValidationError as error:
        raise Refusal(Reason.INVALID, faults=[_fault_of(str(error))]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refusal(Reason.NOT_READABLE, "The body is not valid JSON in UTF-8.") from None
    must_ask_for_nothing_in_vain(document)
    return document


def read_list(body: bytes, *, most: int) -> list[msgspec.Raw]:
    """Return the documents of a batch, still JSON. Raises `Refusal`."""
    try:
        raws = msgspec.json.decode(body, type=list[msgspec.Raw])
    except msgspec.ValidationError:
        raise Refusal(Reason.INVALID, "The body must be a list of mails.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refusal(Reason.NOT_READABLE, "The body is not valid JSON in UTF-8.") from None
    if not 1 <= len(raws) <= most:
        raise Refusal(Reason.INVALID, f"A batch has 1 to {most} mails, not {len(raws)}.")
    return raws


def must_ask_for_nothing_in_vain(document: Wire, below: str = "") -> None:
    """Raise `Refusal` for what a document asks for in vain."""
    faults = [*refused_in(document, below)]
    if faults:
        raise Refusal(Reason.UNSUPPORTED, faults=faults)


def _fault_of(text: str) -> Fault:
    """Return msgspec's finding, whose words name JSON types and fields only, as a fault."""
    found = _PLACE.search(text)
    if found is None:
        return Fault("", text)
    pointer = found[1].replace("[...]", "").replace(".", "/").replace("[", "/").replace("]", "")
    return Fault(pointer, text[: found.start()])


class Reader:
    """Reads parts of one request, and remembers what is wrong with them."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def finish(self) -> None:
        """Raise `Refusal` with everything that was found, if anything was."""
        if self.faults:
            raise Refusal(Reason.INVALID, faults=self.faults)

    def fault(self, pointer: str, detail: str) -> None:
        """Remember a fault."""
        self.faults.append(Fault(pointer, detail))

    def mailbox(self, pointer: str, text: str) -> Mailbox | None:
        """Return a mailbox whose name may be in encoded words (RFC 2047)."""
        try:
            box = parse_mailbox(text)
        except ValueError as error:
            self.fault(pointer, str(error))
            return None
        return Mailbox(box.address, unencoded(box.name))

    def sender(self, pointer: str, text: str | None, default: Mailbox | None) -> Mailbox:
        """Return the sender, or what stands for it until the fault is told."""
        if not text:
            if default is None:
                self.fault(pointer, "is required: this gateway has no default sender")
            return default or NOBODY
        return self.mailbox(pointer, text) or NOBODY

    def each(self, pointer: str, texts: Iterable[str]) -> tuple[Mailbox, ...]:
        """Return a mailbox for each text."""
        found = [self.mailbox(f"{pointer}/{place}", text) for place, text in enumerate(texts)]
        return tuple(box for box in found if box is not None)

    def listed(self, pointer: str, texts: Iterable[str]) -> tuple[Mailbox, ...]:
        """Return the mailboxes of lists that are separated by commas; empty places are none."""
        found = [self.mailbox(pointer, one) for text in texts for one in split_mailboxes(text)]
        return tuple(box for box in found if box is not None)

    def base64(self, pointer: str, text: str) -> bytes:
        """Return the bytes of base64, which may have line breaks."""
        try:
            return read_base64("".join(text.split()))
        except ValueError as error:
            self.fault(pointer, str(error))
            return b""


#: stands where an address could not be read, until that is told
NOBODY = Mailbox(parse_mailbox("nobody@invalid.example").address)


def unencoded(text: str) -> str:
    """Return a header's text with its encoded words (RFC 2047) read; broken ones stay."""
    if "=?" not in text:
        return text
    try:
        return str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        return text


def file(
    name: str, content: bytes, type_: str | None, content_id: str | None = None, *,
    inline: bool | None = None,
) -> Attachment:  # fmt: skip
    """Return an attachment; its type comes from its name where the client names none.

    `inline` None: it is where it has a content id.
    """
    is_inline = bool(content_id) if inline is None else inline
    return Attachment(
        filename=name,
        content_type=type_ or mimetypes.guess_type(name)[0] or "application/octet-stream",
        content=content,
        content_id=(content_id or "").strip().removeprefix("<").removesuffix(">") or None,
        disposition=Disposition.INLINE if is_inline else Disposition.ATTACHMENT,
    )


def labels(
    given: Iterable[str], metadata: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Return a vendor's tags as ours, and the metadata to go with them.

    Vendors take any text for a tag. One that is none of ours becomes one, with `-` for what may
    not stand in it, and then the metadata have the words of all of them: `tags`, a JSON list.
    """
    words = tuple(dict.fromkeys(given))
    tags = tuple(dict.fromkeys(_label(word) for word in words))
    pairs = dict(metadata)
    if tags != words:
        pairs.setdefault("tags", json.dumps(words, ensure_ascii=False))
    return tags, tuple(pairs.items())


def _label(word: str) -> str:
    if _LABEL.fullmatch(word):
        return word
    return re.sub(r"[^A-Za-z0-9_-]+", "-", word)[:64].strip("-") or "tag"
