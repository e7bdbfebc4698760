"""What is posted to SendGrid's `mail/send`, and the mails that it means. Pure.

Neighbour: `sendgrid` answers. Fields are those of the vendor's OpenAPI file
(github.com/twilio/sendgrid-oai, tsg_mail_v3) and what its libraries make of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from ...domain.address import mailbox
from ...domain.errors import Fault
from ...domain.message import Attachment, Content, Mailbox
from .fields import Wire, mapped, refused, taken
from .reading import AS_TAGS, NOBODY, Reader, file, labels, unencoded
from .refusal import Reason, Refusal

Scalar = str | int | float | bool | None
_NO_TEMPLATES = "this gateway does not render SendGrid's templates"
_NO_TRACKING = "this gateway tracks nothing; the account at the provider may"
_NO_BYPASS = "nobody gets around the suppression list of this gateway"
_IF_ON = "nothing: it counts only where `enable` is true"
_BODIES = {"text/plain", "text/html"}


class Box(Wire, frozen=True):
    """A mailbox."""

    email: Annotated[str, taken()]
    name: Annotated[str | None, taken()] = None


class Personalization(Wire, frozen=True):
    """Whom one mail goes to, and what is different in it."""

    to: Annotated[tuple[Box, ...] | None, taken()] = None
    cc: Annotated[tuple[Box, ...] | None, taken()] = None
    bcc: Annotated[tuple[Box, ...] | None, taken()] = None
    from_: Annotated[Box | None, taken()] = msgspec.field(name="from", default=None)
    subject: Annotated[str | None, taken()] = None
    headers: Annotated[dict[str, str] | None, mapped("added to the mail's, and wins")] = None
    substitutions: Annotated[
        dict[str, Scalar] | None, mapped("replaced in subject, text and HTML")
    ] = None
    dynamic_template_data: Annotated[dict[str, Any] | None, refused(_NO_TEMPLATES)] = None
    custom_args: Annotated[
        dict[str, Scalar] | None, mapped("metadata; added to the mail's, and wins")
    ] = None
    send_at: Annotated[int | None, taken()] = None


class Part(Wire, frozen=True):
    """A body."""

    type: Annotated[str, mapped("`text/plain` and `text/html` are taken, others refused")]
    value: Annotated[str, taken()]


class File(Wire, frozen=True):
    """An attachment."""

    content: Annotated[str, taken()]
    filename: Annotated[str | None, taken()] = None
    type: Annotated[str | None, mapped("taken; without one, by the file's name")] = None
    disposition: Annotated[str | None, taken()] = None
    content_id: Annotated[str | None, taken()] = None
    content_id_of_node: Annotated[str | None, mapped("as `content_id`")] = msgspec.field(
        name="contentId", default=None
    )


class Bypass(Wire, frozen=True):
    """A way around the suppression list."""

    enable: Annotated[bool | None, refused(_NO_BYPASS, unless=(False,))] = None


class Footer(Wire, frozen=True):
    """Words below every mail."""

    enable: Annotated[
        bool | None, refused("this gateway adds nothing to a mail", unless=(False,))
    ] = None
    text: Annotated[str | None, mapped(_IF_ON)] = None
    html: Annotated[str | None, mapped(_IF_ON)] = None


class SandboxMode(Wire, frozen=True):
    """Only a look at the request."""

    enable: Annotated[bool | None, mapped("the mail is looked at, answered with 200, and not sent")]


class MailSettings(Wire, frozen=True):
    """How the mail is treated."""

    bypass_list_management: Annotated[Bypass | None, taken()] = None
    bypass_spam_management: Annotated[Bypass | None, taken()] = None
    bypass_bounce_management: Annotated[Bypass | None, taken()] = None
    bypass_unsubscribe_management: Annotated[Bypass | None, taken()] = None
    footer: Annotated[Footer | None, taken()] = None
    sandbox_mode: Annotated[SandboxMode | None, taken()] = None


class ClickTracking(Wire, frozen=True):
    """Links that count."""

    enable: Annotated[bool | None, refused(_NO_TRACKING, unless=(False,))] = None
    enable_text: Annotated[bool | None, refused(_NO_TRACKING, unless=(False,))] = None


class OpenTracking(Wire, frozen=True):
    """A picture that counts."""

    enable: Annotated[bool | None, refused(_NO_TRACKING, unless=(False,))] = None
    substitution_tag: Annotated[str | None, mapped(_IF_ON)] = None


class SubscriptionTracking(Wire, frozen=True):
    """A link to unsubscribe."""

    enable: Annotated[
        bool | None, refused("this gateway adds no links to a mail", unless=(False,))
    ] = None
    text: Annotated[str | None, mapped(_IF_ON)] = None
    html: Annotated[str | None, mapped(_IF_ON)] = None
    substitution_tag: Annotated[str | None, mapped(_IF_ON)] = None


class Analytics(Wire, frozen=True):
    """Parameters for Google Analytics."""

    enable: Annotated[
        bool | None, refused("this gateway changes no links of a mail", unless=(False,))
    ] = None
    utm_source: Annotated[str | None, mapped(_IF_ON)] = None
    utm_medium: Annotated[str | None, mapped(_IF_ON)] = None
    utm_term: Annotated[str | None, mapped(_IF_ON)] = None
    utm_content: Annotated[str | None, mapped(_IF_ON)] = None
    utm_campaign: Annotated[str | None, mapped(_IF_ON)] = None


class TrackingSettings(Wire, frozen=True):
    """What is counted."""

    click_tracking: Annotated[ClickTracking | None, taken()] = None
    open_tracking: Annotated[OpenTracking | None, taken()] = None
    subscription_tracking: Annotated[SubscriptionTracking | None, taken()] = None
    ganalytics: Annotated[Analytics | None, taken()] = None


class Mail(Wire, frozen=True):
    """What is posted to send mails."""

    personalizations: Annotated[tuple[Personalization, ...], mapped("a mail for each")]
    from_: Annotated[Box | None, taken()] = msgspec.field(name="from", default=None)
    reply_to: Annotated[Box | None, taken()] = None
    reply_to_list: Annotated[tuple[Box, ...] | None, taken()] = None
    subject: Annotated[str | None, taken()] = None
    content: Annotated[tuple[Part, ...] | None, taken()] = None
    attachments: Annotated[tuple[File, ...] | None, taken()] = None
    template_id: Annotated[str | None, refused(_NO_TEMPLATES)] = None
    headers: Annotated[dict[str, str] | None, taken()] = None
    categories: Annotated[
        tuple[str, ...] | str | None,
        mapped(AS_TAGS),
    ] = None
    custom_args: Annotated[dict[str, Scalar] | None, mapped("metadata")] = None
    send_at: Annotated[int | None, mapped("taken, up to 30 days ahead")] = None
    batch_id: Annotated[
        str | None, refused("this gateway has no batches: withdraw scheduled mail by its id")
    ] = None
    asm: Annotated[dict[str, Any] | None, refused("this gateway has no unsubscribe groups")] = None
    ip_pool_name: Annotated[
        str | None, refused("this gateway has no IP pools: choose a route with X-MS-Route")
    ] = None
    mail_settings: Annotated[MailSettings | None, taken()] = None
    tracking_settings: Annotated[TrackingSettings | None, taken()] = None

    @property
    def is_only_looked_at(self) -> bool:
        """Whether sandbox mode is on."""
        mode = self.mail_settings.sandbox_mode if self.mail_settings else None
        return bool(mode and mode.enable)


def contents_of(mail: Mail, default_from: Mailbox | None) -> Sequence[Content]:
    """Return a mail for each personalization. Raises `Refusal` with everything that is wrong."""
    if not 1 <= len(mail.personalizations) <= 1000:
        fault = Fault("/personalizations", "1 to 1000 of them")
        raise Refusal(Reason.INVALID, faults=[fault])
    reader = Reader()
    bodies = _bodies(mail)
    files = tuple(_files(reader, mail))
    reply_to = _reply_to(reader, mail)
    categories = mail.categories or ()
    contents = []
    for place, person in enumerate(mail.personalizations):
        below = f"/personalizations/{place}"
        tags, metadata = labels(
            (categories,) if isinstance(categories, str) else categories,
            _texts(mail.custom_args) | _texts(person.custom_args),
        )
        fill = _filler(person.substitutions)
        text, html = bodies.get("text/plain"), bodies.get("text/html")
        contents.append(
            Content(
                sender=_sender(reader, mail, person, below, default_from),
                to=_boxes(reader, f"{below}/to", person.to),
                cc=_boxes(reader, f"{below}/cc", person.cc),
                bcc=_boxes(reader, f"{below}/bcc", person.bcc),
                reply_to=reply_to,
                subject=fill(person.subject or mail.subject or ""),
                text=None if text is None else fill(text),
                html=None if html is None else fill(html),
                attachments=files,
                headers=tuple({**(mail.headers or {}), **(person.headers or {})}.items()),
                tags=tags,
                metadata=metadata,
                send_at=_time(reader, mail, person, below),
            )
        )
    reader.finish()
    return contents


def _bodies(mail: Mail) -> dict[str, str]:
    faults = [
        Fault(f"/content/{place}/type", "this gateway sends text/plain and text/html bodies only")
        for place, part in enumerate(mail.content or ())
        if _media_type(part) not in _BODIES
    ]
    if faults:
        raise Refusal(Reason.UNSUPPORTED, faults=faults)
    return {_media_type(part): part.value for part in mail.content or ()}


def _media_type(part: Part) -> str:
    return part.type.partition(";")[0].strip().lower()


def _files(reader: Reader, mail: Mail) -> Iterator[Attachment]:
    for place, it in enumerate(mail.attachments or ()):
        content_id = it.content_id or it.content_id_of_node
        yield file(
            it.filename or "attachment",
            reader.base64(f"/attachments/{place}/content", it.content),
            it.type,
            content_id,
            inline=it.disposition == "inline",
        )


def _reply_to(reader: Reader, mail: Mail) -> tuple[Mailbox, ...]:
    if mail.reply_to is not None and mail.reply_to_list:
        reader.fault("/reply_to_list", "give either reply_to or reply_to_list")
    if mail.reply_to is not None:
        return (_box(reader, "/reply_to", mail.reply_to),)
    return _boxes(reader, "/reply_to_list", mail.reply_to_list)


def _sender(
    reader: Reader, mail: Mail, person: Personalization, below: str, default: Mailbox | None
) -> Mailbox:
    if person.from_ is not None:
        return _box(reader, f"{below}/from", person.from_)
    if mail.from_ is not None:
        return _box(reader, "/from", mail.from_)
    return reader.sender("/from", None, default)


def _boxes(reader: Reader, pointer: str, given: tuple[Box, ...] | None) -> tuple[Mailbox, ...]:
    return tuple(_box(reader, f"{pointer}/{n}", each) for n, each in enumerate(given or ()))


def _box(reader: Reader, pointer: str, given: Box) -> Mailbox:
    try:
        return mailbox(given.email, unencoded(given.name or ""))
    except ValueError as error:
        reader.fault(f"{pointer}/email", str(error))
        return NOBODY


def _texts(given: Mapping[str, Scalar] | None) -> dict[str, str]:
    return {name: _text(value) for name, value in (given or {}).items()}


def _text(value: Scalar) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


class _Filler:
    """Puts a personalization's words into a text; of two names the longer one counts."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = words
        names = sorted((name for name in words if name), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, names))) if names else None

    def __call__(self, text: str) -> str:
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda found: self._words[found[0]], text)


def _filler(substitutions: Mapping[str, Scalar] | None) -> _Filler:
    return _Filler(_texts(substitutions))


def _time(reader: Reader, mail: Mail, person: Personalization, below: str) -> datetime | None:
    own = person.send_at is not None
    seconds = person.send_at if own else mail.send_at
    if seconds is None or seconds == 0:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        reader.fault(f"{below if own else ''}/send_at", "expected seconds since 1970")
        return None
