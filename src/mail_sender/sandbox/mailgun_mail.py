"""What is posted to Mailgun's `messages` and `messages.mime`, read and judged as documented.

Neighbour: `mailgun` answers. Pure. The inbox keeps the bytes, and reads them again when
somebody looks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from ..mime.form import BadForm, Field, Form, read_form
from .contents import (
    Contents,
    File,
    Header,
    addresses_in,
    contents_of_mime,
    decoded,
    header_in,
    mailboxes_in,
    written_in,
)
from .inbox import MS_ID_HEADER, MS_ID_TAG

_MAX_RECIPIENTS = 1000
_MAX_OPTION_BYTES = 16 * 1024
_ADDRESS = re.compile(r"[^\s@<>,]+@[^\s@<>,]+")
_FILES = {"attachment": "attachment", "inline": "inline"}  #: field name: disposition


class BadPost(Exception):
    """Mailgun would answer 400 with this text."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A mail that Mailgun can take.

    Attributes:
        message_id: The client's own, without angle brackets; None when it chose none.
        variables: Its `v:` fields, without the prefix.
        raw: The MIME, or the form.
    """

    mail_from: str
    recipients: tuple[str, ...]
    subject: str
    message_id: str | None
    ms_id: str | None
    tags: tuple[str, ...]
    variables: dict[str, str]
    is_test: bool
    raw: bytes
    read: Callable[[], Contents]


def read_post(content_type: str, body: bytes, *, is_mime: bool) -> Posted:
    """Read a form.

    Args:
        content_type: The header's value.
        body: Whole.
        is_mime: It was posted to `messages.mime`.

    Raises:
        BadPost: Mailgun would refuse it.
    """
    try:
        form = read_form(content_type, body)
    except BadForm as bad:
        raise BadPost(f"the body cannot be read: {bad}") from None
    options = (field for field in form.fields if field.name[1:2] == ":")
    if sum(len(field.name) + len(field.value) for field in options) > _MAX_OPTION_BYTES:
        raise BadPost("Send options (parameters starting with o:, h:, v:, t:) limited to 16KB")
    return _of_mime(form) if is_mime else _of_form(form, content_type, body)


def _of_form(form: Form, content_type: str, body: bytes) -> Posted:
    for name in ("from", "to"):
        if not form.texts(name):
            raise BadPost(f"'{name}' parameter is missing")
    if not any(form.texts(name) for name in ("text", "html", "amp-html", "template")):
        raise BadPost("Need at least one of 'text' or 'html' parameters specified")
    own_id = form.text("h:message-id")
    return Posted(
        mail_from=_addresses(form, "from")[0],
        recipients=_recipients(form, ("to", "cc", "bcc")),
        subject=decoded(form.text("subject") or ""),
        message_id=own_id.strip(" <>") if own_id else None,
        ms_id=form.text(f"v:{MS_ID_TAG}") or form.text(f"h:{MS_ID_HEADER}".lower()),
        tags=form.texts("o:tag"),
        variables=_prefixed(form, "v:"),
        is_test=_is_test(form),
        raw=body,
        read=partial(_contents_of_form, content_type, body),
    )


def _of_mime(form: Form) -> Posted:
    # The Node SDK sends the mail as a plain field, the Python SDK as a file.
    mime = next((field.value for field in form.all("message")), None)
    if mime is None:
        raise BadPost("'message' parameter is missing")
    if not form.texts("to"):
        raise BadPost("'to' parameter is missing")
    tags, variables = form.texts("o:tag"), _prefixed(form, "v:")
    own_id = header_in(mime, "Message-ID")
    return Posted(
        mail_from=next(iter(addresses_in([written_in(mime, "From") or ""])), ""),
        recipients=_recipients(form, ("to",)),
        subject=header_in(mime, "Subject") or "",
        message_id=own_id.strip(" <>") if own_id else None,
        ms_id=variables.get(MS_ID_TAG) or header_in(mime, MS_ID_HEADER),
        tags=tags,
        variables=variables,
        is_test=_is_test(form),
        raw=mime,
        read=partial(contents_of_mime, mime, tags=tags, metadata=variables),
    )


def _contents_of_form(content_type: str, body: bytes) -> Contents:
    form = read_form(content_type, body)
    headers = _prefixed(form, "h:")
    return Contents(
        sender=mailboxes_in(*form.texts("from")),
        to=mailboxes_in(*form.texts("to")),
        cc=mailboxes_in(*form.texts("cc")),
        bcc=mailboxes_in(*form.texts("bcc")),
        reply_to=mailboxes_in(*form.texts("h:reply-to")),
        subject=decoded(form.text("subject") or ""),
        text=form.text("text"),
        html=form.text("html"),
        headers=tuple(Header(name=name, value=decoded(value)) for name, value in headers.items()),
        # A file without a name is dropped in silence, as Mailgun does.
        attachments=tuple(_file(f) for f in form.fields if f.name in _FILES and f.filename),
        tags=form.texts("o:tag"),
        metadata=_prefixed(form, "v:"),
    )


def _file(field: Field) -> File:
    filename = field.filename or ""
    return File(
        filename=filename,
        content_type=field.content_type or "application/octet-stream",
        size=len(field.value),
        content=field.value,
        disposition=_FILES[field.name],
        content_id=filename if field.name == "inline" else None,
    )


def _recipients(form: Form, names: Sequence[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(a for name in names for a in _addresses(form, name)))
    if len(found) > _MAX_RECIPIENTS:
        raise BadPost(f"too many recipients: the maximum is {_MAX_RECIPIENTS}")
    return found


def _addresses(form: Form, name: str) -> tuple[str, ...]:
    values = form.texts(name)
    found = addresses_in(values)
    if values and (not found or not all(_ADDRESS.fullmatch(address) for address in found)):
        raise BadPost(f"{name} parameter is not a valid address. please check documentation")
    return found


def _is_test(form: Form) -> bool:
    return form.text("o:testmode") in {"yes", "true", "True"}


def _prefixed(form: Form, prefix: str) -> dict[str, str]:
    return {f.name[2:]: f.text for f in form.fields if f.name.startswith(prefix)}
