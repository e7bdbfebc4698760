"""The form that is posted to Mailgun's `messages`, and the mails that it means. Pure.

Neighbour: `mailgun` answers. Fields are those of the vendor's OpenAPI file
(github.com/mailgun/mailgun-mcp-server) and of its user manual.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Annotated, TypeVar

import msgspec

from ...domain.address import format_mailbox
from ...domain.errors import Fault
from ...domain.message import Attachment, Content, Mailbox
from ...intake.rules import MAX_RECIPIENTS
from ...mime.form import Form
from .fields import Wire, mapped, refused, taken
from .reading import AS_TAGS, Reader, file, labels, must_ask_for_nothing_in_vain
from .refusal import Reason, Refusal
from .whole_mail import content_of_whole
from .wishes import WISHES

Texts = tuple[str, ...]
Pairs = dict[str, str]

_NO = ("no", "false", "False")
_YES = ("yes", "true", "True")
_NO_TEMPLATES = "this gateway does not render Mailgun's templates"
_NO_TRACKING = "this gateway tracks nothing; the account at the provider may"
_ITS_OWN = "the provider that delivers the mail decides about it"
_PREFIXED = {"h:": "h:*", "v:": "v:*"}
_WITHIN = re.compile(r"(\d{1,4})([mh])")


def _off(why: str) -> msgspec.Meta:
    return refused(why, unless=tuple((word,) for word in _NO))


class Options(Wire, frozen=True, kw_only=True):
    """What both calls have. A field may stand several times; of most the first counts."""

    headers: Annotated[Pairs, mapped("headers; `h:Reply-To` is taken as such")] = msgspec.field(
        name="h:*", default_factory=dict
    )
    variables: Annotated[Pairs, mapped("metadata")] = msgspec.field(
        name="v:*", default_factory=dict
    )
    tags: Annotated[
        Texts,
        mapped(AS_TAGS),
    ] = msgspec.field(name="o:tag", default=())
    delivery_time: Annotated[Texts, mapped("taken, up to 30 days ahead")] = msgspec.field(
        name="o:deliverytime", default=()
    )
    deliver_within: Annotated[Texts, mapped("`give_up_after`")] = msgspec.field(
        name="o:deliver-within", default=()
    )
    test_mode: Annotated[Texts, mapped("the mail is looked at, answered, and not sent")] = (
        msgspec.field(name="o:testmode", default=())
    )
    suppress_headers: Annotated[Texts, mapped("nothing: there are no such headers here")] = (
        msgspec.field(name="o:suppress-headers", default=())
    )
    dkim: Annotated[Texts, refused(_ITS_OWN, unless=tuple((word,) for word in _YES))] = (
        msgspec.field(name="o:dkim", default=())
    )
    secondary_dkim: Annotated[Texts, refused(_ITS_OWN)] = msgspec.field(
        name="o:secondary-dkim", default=()
    )
    secondary_dkim_public: Annotated[Texts, refused(_ITS_OWN)] = msgspec.field(
        name="o:secondary-dkim-public", default=()
    )
    require_tls: Annotated[Texts, _off(_ITS_OWN)] = msgspec.field(name="o:require-tls", default=())
    skip_verification: Annotated[Texts, _off(_ITS_OWN)] = msgspec.field(
        name="o:skip-verification", default=()
    )
    sending_ip: Annotated[Texts, refused(_ITS_OWN)] = msgspec.field(name="o:sending-ip", default=())
    sending_ip_pool: Annotated[Texts, refused(_ITS_OWN)] = msgspec.field(
        name="o:sending-ip-pool", default=()
    )
    archive_to: Annotated[Texts, refused("this gateway archives nothing elsewhere")] = (
        msgspec.field(name="o:archive-to", default=())
    )
    tracking: Annotated[Texts, _off(_NO_TRACKING)] = msgspec.field(name="o:tracking", default=())
    tracking_clicks: Annotated[Texts, _off(_NO_TRACKING)] = msgspec.field(
        name="o:tracking-clicks", default=()
    )
    tracking_opens: Annotated[Texts, _off(_NO_TRACKING)] = msgspec.field(
        name="o:tracking-opens", default=()
    )
    pixel_on_top: Annotated[Texts, _off(_NO_TRACKING)] = msgspec.field(
        name="o:tracking-pixel-location-top", default=()
    )
    localize: Annotated[Texts, refused("this gateway knows no recipient's time zone")] = (
        msgspec.field(name="o:time-zone-localize", default=())
    )
    optimize: Annotated[Texts, refused("this gateway does not choose a time by itself")] = (
        msgspec.field(name="o:deliverytime-optimize-period", default=())
    )

    @property
    def is_test(self) -> bool:
        """Whether test mode is on."""
        return bool(self.test_mode) and self.test_mode[0] in _YES


class Posted(Options, frozen=True, kw_only=True):
    """What is posted to send mails."""

    from_: Annotated[Texts, taken()] = msgspec.field(name="from", default=())
    to: Annotated[Texts, taken()] = ()
    cc: Annotated[Texts, taken()] = ()
    bcc: Annotated[Texts, taken()] = ()
    subject: Annotated[Texts, taken()] = ()
    text: Annotated[Texts, taken()] = ()
    html: Annotated[Texts, taken()] = ()
    amp_html: Annotated[Texts, refused("this gateway sends no AMP")] = msgspec.field(
        name="amp-html", default=()
    )
    attachment: Annotated[Texts, taken()] = ()
    inline: Annotated[Texts, mapped("taken; the content id is the file's name")] = ()
    recipient_variables: Annotated[
        Texts, mapped("a mail to each of `to`, with its words in place of `%recipient…%`")
    ] = msgspec.field(name="recipient-variables", default=())
    template: Annotated[Texts, refused(_NO_TEMPLATES)] = ()
    template_version: Annotated[Texts, refused(_NO_TEMPLATES)] = msgspec.field(
        name="t:version", default=()
    )
    template_variables: Annotated[Texts, refused(_NO_TEMPLATES)] = msgspec.field(
        name="t:variables", default=()
    )
    template_text: Annotated[Texts, _off(_NO_TEMPLATES)] = msgspec.field(name="t:text", default=())


class PostedMime(Options, frozen=True, kw_only=True):
    """What is posted to send a whole mail."""

    to: Annotated[Texts, mapped("whom it goes to, whatever the mail says")] = ()
    message: Annotated[
        Texts, mapped("kept as it came, and sent so where the provider takes whole mails")
    ] = ()


AnyPosted = TypeVar("AnyPosted", bound=Options)


def read_posted(form: Form, type_: type[AnyPosted]) -> AnyPosted:
    """Return the form's fields, files by their names. Raises `Refusal`: it asks in vain."""
    texts: dict[str, Texts] = {}
    pairs: dict[str, Pairs] = {name: {} for name in _PREFIXED.values()}
    for field in form.fields:
        name = field.name.lower()
        if name[:2] in _PREFIXED:
            pairs[_PREFIXED[name[:2]]][field.name[2:]] = field.text
        elif field.value or field.filename:
            text = field.text if field.filename is None else field.filename
            texts[name] = (*texts.get(name, ()), text)
    known = {field.encode_name for field in msgspec.structs.fields(type_)}
    strange = [Fault(f"/{_token(name)}", "unknown field") for name in texts.keys() - known]
    if strange:
        raise Refusal(Reason.UNSUPPORTED, faults=strange)
    posted = msgspec.convert({**pairs, **texts}, type_)
    must_ask_for_nothing_in_vain(posted)
    return posted


def contents_of(posted: Posted, form: Form, default_from: Mailbox | None) -> list[Content]:
    """Return the mails. Raises `Refusal` with everything that is wrong."""
    reader = Reader()
    replies = [text for name, text in posted.headers.items() if name.lower() == "reply-to"]
    tags, metadata = labels(posted.tags, posted.variables)
    whole = Content(
        sender=reader.sender("/from", _first(posted.from_), default_from),
        to=reader.listed("/to", posted.to),
        cc=reader.listed("/cc", posted.cc),
        bcc=reader.listed("/bcc", posted.bcc),
        subject=_first(posted.subject) or "",
        text=_first(posted.text),
        html=_first(posted.html),
        attachments=tuple(_files(reader, form)),
        headers=tuple((n, v) for n, v in posted.headers.items() if n.lower() != "reply-to"),
        tags=tags,
        metadata=metadata,
        send_at=_time(reader, _first(posted.delivery_time)),
        give_up_after=_within(reader, _first(posted.deliver_within)),
    )
    words = _words_of_each(reader, posted)
    if words is None:
        contents = [replace(whole, reply_to=reader.listed("/h:Reply-To", replies))]
    else:
        if len(whole.to) > MAX_RECIPIENTS:
            reader.fault("/to", f"at most {MAX_RECIPIENTS} recipients")
        contents = [
            _for_one(reader, whole, box, words, replies) for box in whole.to[:MAX_RECIPIENTS]
        ]
    reader.finish()
    return contents


def content_of_mime(posted: PostedMime, form: Form) -> Content:
    """Return a whole mail. Raises `Refusal` and `InvalidMessage`."""
    reader = Reader()
    # The library for Python sends the mail as a file, that for Node.js as a plain field.
    mail = next((field.value for field in form.all("message")), None)
    if not mail:
        reader.fault("/message", "is required")
    if not posted.to:
        reader.fault("/to", "is required")
    recipients = reader.listed("/to", posted.to)
    tags, metadata = labels(posted.tags, posted.variables)
    send_at = _time(reader, _first(posted.delivery_time))
    give_up_after = _within(reader, _first(posted.deliver_within))
    reader.finish()
    wishes = tuple((n, v) for n, v in posted.headers.items() if n.lower() in WISHES)
    added = [(n, v) for n, v in posted.headers.items() if n.lower() not in WISHES]
    content = content_of_whole(mail or b"", recipients=recipients, headers=added)
    return replace(
        content,
        headers=(*content.headers, *wishes),
        tags=tags,
        metadata=metadata,
        send_at=send_at,
        give_up_after=give_up_after,
    )


# ---------------------------------------------------------------- a mail to each


def _words_of_each(reader: Reader, posted: Posted) -> Mapping[str, Mapping[str, object]] | None:
    text = _first(posted.recipient_variables)
    if text is None:
        return None
    try:
        words = msgspec.json.decode(text, type=dict[str, dict[str, object]])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        example = 'expected JSON such as {"ann@example.net": {"name": "Ann"}}'
        reader.fault("/recipient-variables", example)
        return {}
    return {address.lower(): its for address, its in words.items()}


def _for_one(
    reader: Reader,
    whole: Content,
    box: Mailbox,
    words: Mapping[str, Mapping[str, object]],
    replies: Sequence[str],
) -> Content:
    fill = _filler(box, words.get(box.address.lower(), {}))
    return replace(
        whole,
        to=(box,),
        subject=fill(whole.subject),
        text=None if whole.text is None else fill(whole.text),
        html=None if whole.html is None else fill(whole.html),
        headers=tuple((name, fill(value)) for name, value in whole.headers),
        metadata=tuple((name, fill(value)) for name, value in whole.metadata),
        reply_to=reader.listed("/h:Reply-To", [fill(text) for text in replies]),
    )


_PLACE = re.compile(r"%recipient(?:\.([^%\s]{1,100})|_(email|name|fname|lname))?%")


def _filler(box: Mailbox, words: Mapping[str, object]) -> Callable[[str], str]:
    """Return what puts a recipient's words into a text; a place without words stays."""
    first, _, last = box.name.partition(" ")
    about = {"email": box.address, "name": box.name, "fname": first, "lname": last}

    def word(found: re.Match[str]) -> str:
        if found[1] is not None:
            return _text(words[found[1]]) if found[1] in words else found[0]
        return about[found[2]] if found[2] is not None else format_mailbox(box)

    return lambda text: _PLACE.sub(word, text) if "%recipient" in text else text


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


# ---------------------------------------------------------------- parts


def _files(reader: Reader, form: Form) -> Iterator[Attachment]:
    for field in form.fields:
        if field.name.lower() not in {"attachment", "inline"}:
            continue
        if not field.filename:
            # Mailgun drops such a file in silence.
            reader.fault(f"/{field.name}", "a file needs a name")
            continue
        is_inline = field.name.lower() == "inline"
        content_id = field.filename if is_inline else None
        type_ = None if field.content_type == _NO_TYPE else field.content_type
        name = _called(field.filename, type_) if is_inline else field.filename
        yield file(name, field.value, type_, content_id, inline=is_inline)


def _called(name: str, type_: str | None) -> str:
    """Return the name of an inline file; one that is only a content id is called by its type.

    Else a picture ends in the domain of its content id, `.com`, which some providers refuse.
    """
    if "@" not in name:
        return name
    return "inline" + (mimetypes.guess_extension((type_ or "").partition(";")[0]) or "")


_NO_TYPE = "application/octet-stream"  #: what libraries say that do not look at the name


def _time(reader: Reader, text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        reader.fault("/o:deliverytime", "expected a time such as Tue, 24 Nov 2026 09:30:00 -0000")
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _within(reader: Reader, text: str | None) -> timedelta | None:
    if not text:
        return None
    found = _WITHIN.fullmatch(text)
    if found is None:
        reader.fault("/o:deliver-within", "expected a span such as 30m or 6h")
        return None
    return timedelta(minutes=int(found[1]) * (60 if found[2] == "h" else 1))


def _first(texts: Texts) -> str | None:
    return texts[0] if texts else None


def _token(name: str) -> str:
    """RFC 6901 section 3."""
    return name.replace("~", "~0").replace("/", "~1")
