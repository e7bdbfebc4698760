"""The documents of SES's SendEmail and SendBulkEmail, and the mails that they mean. Pure.

Neighbours: `ses` answers, `ses_template` fills templates. Fields are those of the service model
(botocore, sesv2/2019-09-27).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Any

from ...domain.message import Attachment, Content, Mailbox
from .fields import Wire, mapped, refused, taken
from .reading import NOBODY, Reader, file
from .refusal import Refusal
from .ses_template import Words, read_words
from .whole_mail import content_of_whole

CONFIGURATION_SET = "ses:configuration-set"  #: metadata, as SES names it in its events
_NOTHING = "nothing: JSON is Unicode, and so is the mail"
_STORED = "this gateway stores no SES templates: send TemplateContent"
_TENANTS = "this gateway has no tenants"


class Text(Wire, frozen=True, kw_only=True, rename="pascal"):
    """Some text."""

    data: Annotated[str, taken()]
    charset: Annotated[str | None, mapped(_NOTHING)] = None


class Body(Wire, frozen=True, kw_only=True, rename="pascal"):
    """The body."""

    text: Annotated[Text | None, taken()] = None
    html: Annotated[Text | None, taken()] = None


class Pair(Wire, frozen=True, kw_only=True, rename="pascal"):
    """A name and a value."""

    name: Annotated[str, taken()]
    value: Annotated[str, taken()]


class File(Wire, frozen=True, kw_only=True, rename="pascal"):
    """An attachment."""

    raw_content: Annotated[str, taken()]
    file_name: Annotated[str, taken()]
    content_type: Annotated[str | None, mapped("taken; without one, by the file's name")] = None
    content_disposition: Annotated[str | None, taken()] = None
    content_id: Annotated[str | None, taken()] = None
    content_description: Annotated[
        str | None, refused("this gateway has no description of a file")
    ] = None
    content_transfer_encoding: Annotated[
        str | None, mapped("nothing: the provider that delivers the mail chooses it")
    ] = None


class Simple(Wire, frozen=True, kw_only=True, rename="pascal"):
    """A mail in its parts."""

    subject: Annotated[Text, taken()]
    body: Annotated[Body, taken()]
    headers: Annotated[tuple[Pair, ...] | None, taken()] = None
    attachments: Annotated[tuple[File, ...] | None, taken()] = None


class TemplateContent(Wire, frozen=True, kw_only=True, rename="pascal"):
    """A template."""

    subject: Annotated[str | None, taken()] = None
    text: Annotated[str | None, taken()] = None
    html: Annotated[str | None, taken()] = None


class Template(Wire, frozen=True, kw_only=True, rename="pascal"):
    """A mail from a template."""

    template_name: Annotated[str | None, refused(_STORED)] = None
    template_arn: Annotated[str | None, refused(_STORED)] = None
    template_content: Annotated[
        TemplateContent | None, mapped("filled in: names in braces, no blocks and helpers")
    ] = None
    template_data: Annotated[str | None, taken()] = None
    headers: Annotated[tuple[Pair, ...] | None, taken()] = None
    attachments: Annotated[tuple[File, ...] | None, taken()] = None


class Raw(Wire, frozen=True, kw_only=True, rename="pascal"):
    """A whole mail."""

    data: Annotated[str, mapped("kept as it came; sent so where the provider takes whole mails")]


class Mail(Wire, frozen=True, kw_only=True, rename="pascal"):
    """One of the forms of a mail."""

    simple: Annotated[Simple | None, taken()] = None
    raw: Annotated[Raw | None, taken()] = None
    template: Annotated[Template | None, taken()] = None


class Destination(Wire, frozen=True, kw_only=True, rename="pascal"):
    """Whom a mail goes to."""

    to_addresses: Annotated[tuple[str, ...] | None, taken()] = None
    cc_addresses: Annotated[tuple[str, ...] | None, taken()] = None
    bcc_addresses: Annotated[tuple[str, ...] | None, taken()] = None


class _Sending(Wire, frozen=True, kw_only=True, rename="pascal"):
    """What both calls have."""

    from_email_address: Annotated[str | None, taken()] = None
    from_email_address_identity_arn: Annotated[
        str | None, refused("who may send as whom is a property of the API key")
    ] = None
    reply_to_addresses: Annotated[tuple[str, ...] | None, taken()] = None
    feedback_forwarding_email_address: Annotated[
        str | None, refused("bounces are told by events, not by mail")
    ] = None
    feedback_forwarding_email_address_identity_arn: Annotated[
        str | None, refused("bounces are told by events, not by mail")
    ] = None
    configuration_set_name: Annotated[str | None, mapped(f"metadata `{CONFIGURATION_SET}`")] = None
    endpoint_id: Annotated[str | None, refused("this gateway has no such endpoints")] = None
    tenant_name: Annotated[str | None, refused(_TENANTS)] = None
    list_management_options: Annotated[
        dict[str, Any] | None, refused("this gateway has no contact lists")
    ] = None


class SendEmail(_Sending, frozen=True, kw_only=True, rename="pascal"):
    """What is posted to send a mail."""

    content: Annotated[Mail, taken()]
    destination: Annotated[Destination | None, taken()] = None
    email_tags: Annotated[tuple[Pair, ...] | None, mapped("metadata")] = None


class BulkTemplate(Wire, frozen=True, kw_only=True, rename="pascal"):
    """The words of one mail."""

    replacement_template_data: Annotated[str | None, mapped("template data; wins")] = None


class BulkContent(Wire, frozen=True, kw_only=True, rename="pascal"):
    """What is different in one mail."""

    replacement_template: Annotated[BulkTemplate | None, taken()] = None


class BulkEntry(Wire, frozen=True, kw_only=True, rename="pascal"):
    """One mail of many."""

    destination: Annotated[Destination, taken()]
    replacement_tags: Annotated[tuple[Pair, ...] | None, mapped("metadata; wins")] = None
    replacement_email_content: Annotated[BulkContent | None, taken()] = None
    replacement_headers: Annotated[tuple[Pair, ...] | None, mapped("headers; wins")] = None


class BulkDefault(Wire, frozen=True, kw_only=True, rename="pascal"):
    """What all mails have."""

    template: Annotated[Template, taken()]


class SendBulkEmail(_Sending, frozen=True, kw_only=True, rename="pascal"):
    """What is posted to send many mails from one template."""

    default_content: Annotated[BulkDefault, taken()]
    bulk_email_entries: Annotated[tuple[BulkEntry, ...], mapped("a mail for each")]
    default_email_tags: Annotated[tuple[Pair, ...] | None, mapped("metadata")] = None


# ---------------------------------------------------------------- what they mean


def content_of(mail: SendEmail, default_from: Mailbox | None) -> Content:
    """Return a mail. Raises `Refusal` with everything that is wrong."""
    reader = Reader()
    is_whole = mail.content.raw is not None  # then the sender may stand in the mail alone
    whole = _addressed(reader, mail, mail.destination, NOBODY if is_whole else default_from, "")
    whole = replace(whole, metadata=_metadata(mail, mail.email_tags))
    match mail.content:
        case Mail(simple=None, raw=Raw() as raw, template=None):
            whole = _whole(reader, whole, mail, raw)
        case Mail(simple=Simple() as simple, raw=None, template=None):
            whole = _simple(reader, whole, simple)
        case Mail(simple=None, raw=None, template=Template() as template):
            words = read_words(reader, f"{_TEMPLATE}/TemplateData", template.template_data)
            whole = _filled(reader, whole, template, words, _TEMPLATE)
        case _:
            reader.fault("/Content", "expected one of Simple, Raw and Template")
    reader.finish()
    return whole


_TEMPLATE = "/Content/Template"
_DEFAULT = "/DefaultContent/Template"


def contents_of_many(
    mail: SendBulkEmail, default_from: Mailbox | None
) -> Iterator[Content | Refusal]:
    """Yield the mails, each read alone."""
    for place, entry in enumerate(mail.bulk_email_entries):
        try:
            yield _entry(mail, entry, default_from, f"/BulkEmailEntries/{place}")
        except Refusal as refusal:
            yield refusal


def _entry(
    mail: SendBulkEmail, entry: BulkEntry, default_from: Mailbox | None, below: str
) -> Content:
    reader = Reader()
    template = mail.default_content.template
    own = entry.replacement_email_content
    own_data = own.replacement_template if own else None
    words = read_words(
        reader,
        f"{below}/ReplacementEmailContent/ReplacementTemplate/ReplacementTemplateData",
        template.template_data,
        own_data.replacement_template_data if own_data else None,
    )
    whole = _addressed(reader, mail, entry.destination, default_from, below)
    tags = (*(mail.default_email_tags or ()), *(entry.replacement_tags or ()))
    whole = replace(whole, metadata=_metadata(mail, tags))
    whole = _filled(reader, whole, template, words, _DEFAULT)
    replaced = dict((*whole.headers, *_pairs(entry.replacement_headers)))
    reader.finish()
    return replace(whole, headers=tuple(replaced.items()))


def _addressed(
    reader: Reader,
    mail: _Sending,
    destination: Destination | None,
    default_from: Mailbox | None,
    below: str,
) -> Content:
    to = destination or Destination()
    where = f"{below}/Destination"
    return Content(
        sender=reader.sender("/FromEmailAddress", mail.from_email_address, default_from),
        to=reader.each(f"{where}/ToAddresses", to.to_addresses or ()),
        cc=reader.each(f"{where}/CcAddresses", to.cc_addresses or ()),
        bcc=reader.each(f"{where}/BccAddresses", to.bcc_addresses or ()),
        reply_to=reader.each("/ReplyToAddresses", mail.reply_to_addresses or ()),
    )


def _whole(reader: Reader, named: Content, mail: SendEmail, raw: Raw) -> Content:
    """Return a whole mail; what the call names beside it counts in place of its own."""
    octets = reader.base64("/Content/Raw/Data", raw.data)
    reader.finish()
    content = content_of_whole(
        octets,
        recipients=(*named.to, *named.cc, *named.bcc) if mail.destination is not None else None,
        sender=named.sender if mail.from_email_address else None,
        reply_to=named.reply_to,
    )
    return replace(content, metadata=named.metadata)


def _simple(reader: Reader, whole: Content, simple: Simple) -> Content:
    text, html = simple.body.text, simple.body.html
    return replace(
        whole,
        subject=simple.subject.data,
        text=text.data if text else None,
        html=html.data if html else None,
        headers=_pairs(simple.headers),
        attachments=tuple(_files(reader, simple.attachments or (), "/Content/Simple/Attachments")),
    )


def _filled(
    reader: Reader, whole: Content, template: Template, words: Words, pointer: str
) -> Content:
    given = template.template_content
    if given is None:
        reader.fault(f"{pointer}/TemplateContent", "is required")
        return whole

    def fill(name: str, text: str | None) -> str | None:
        where = f"{pointer}/TemplateContent/{name}"
        return None if text is None else words.fill(reader, where, text)

    return replace(
        whole,
        subject=fill("Subject", given.subject) or "",
        text=fill("Text", given.text),
        html=fill("Html", given.html),
        headers=_pairs(template.headers),
        attachments=tuple(_files(reader, template.attachments or (), f"{pointer}/Attachments")),
    )


def _files(reader: Reader, files: Sequence[File], pointer: str) -> Iterator[Attachment]:
    for place, it in enumerate(files):
        content = reader.base64(f"{pointer}/{place}/RawContent", it.raw_content)
        is_inline = (it.content_disposition or "").upper() == "INLINE"
        yield file(it.file_name, content, it.content_type, it.content_id, inline=is_inline)


def _pairs(pairs: Sequence[Pair] | None) -> tuple[tuple[str, str], ...]:
    return tuple((pair.name, pair.value) for pair in pairs or ())


def _metadata(mail: _Sending, tags: Sequence[Pair] | None) -> tuple[tuple[str, str], ...]:
    named = {pair.name: pair.value for pair in tags or ()}
    if mail.configuration_set_name:
        named[CONFIGURATION_SET] = mail.configuration_set_name
    return tuple(named.items())
